package safeguard

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// Repository is what is asked of a repository: git.Mirror and git.Local are some.
type Repository interface {
	Commits(ctx context.Context, ids []string, each func(id string, c *git.Commit, err error) error) error
	FirstParents(ctx context.Context, from, to string) ([]string, error)
	IsAncestor(ctx context.Context, ancestor, of string) (bool, error)
	Tree(ctx context.Context, commit string) (source.Tree, error)
	Changes(ctx context.Context, from, to string) ([]git.Change, error)
	// Ahead and FilesAhead read together what is asked for next.
	Ahead(ctx context.Context, commits []*git.Commit)
	FilesAhead(ctx context.Context, ids []string, each func(id string, content []byte))
}

// Judged is a step of a range with what was found out about it.
type Judged struct {
	Step Step
	Report
}

// Range judges the mainline commits of from..to, oldest first, and hands each to
// yield, which says whether to go on. Of a branch that was rewritten, the tip is also
// compared with from itself. Signers are those that integrity.Check proved.
// A first commit of all takes nothing away. Without unsigned, nobody's right is
// taken for granted.
func Range(ctx context.Context, repo Repository, evaluator policy.Evaluator, from, to string, verified []integrity.Verified, unsigned bool, yield func(Judged) bool) error {
	ids, err := repo.FirstParents(ctx, from, to)
	if err != nil {
		return err
	}
	r := &ranger{repo: repo, evaluator: evaluator, unsigned: unsigned, signers: map[string]integrity.Signer{}}
	for _, v := range verified {
		r.signers[v.Commit] = v.Signer
	}
	before, rewritten, err := r.parted(ctx, from, to, ids)
	if err != nil {
		return err
	}
	if rewritten && len(ids) == 0 {
		ids = []string{to} // it went back, to what was judged before
	}
	for window := range slices.Chunk(ids, atOnce) {
		commits, err := r.load(ctx, window)
		if err != nil {
			return err
		}
		for _, commit := range commits {
			if before == "" && len(commit.Parents) > 0 {
				before = commit.Parents[0]
			}
			judged, err := r.judge(ctx, before, commit)
			if err == nil && rewritten && commit.ID == to {
				judged, err = r.also(ctx, judged, from, commit)
			}
			if err != nil {
				return fmt.Errorf("commit %s: %w", short(commit.ID), err)
			}
			if !yield(judged) {
				return nil
			}
			before = commit.ID
		}
	}
	return nil
}

// atOnce is how many commits are read together.
const atOnce = 256

// ranger judges the steps of one range.
type ranger struct {
	repo      Repository
	evaluator policy.Evaluator
	signers   map[string]integrity.Signer
	unsigned  bool
	rights    rights
}

func (r *ranger) load(ctx context.Context, ids []string) (commits []*git.Commit, err error) {
	err = r.repo.Commits(ctx, ids, func(id string, c *git.Commit, err error) error {
		if err != nil {
			return fmt.Errorf("commit %s: %w", short(id), err)
		}
		commits = append(commits, c)
		return nil
	})
	if err == nil {
		r.repo.Ahead(ctx, commits)
	}
	return commits, err
}

// judge compares a commit with the one before it on the mainline, if there is one.
func (r *ranger) judge(ctx context.Context, from string, commit *git.Commit) (Judged, error) {
	var before source.Tree
	var err error
	if from != "" {
		if before, err = r.repo.Tree(ctx, from); err != nil {
			return Judged{}, err
		}
	}
	step, err := r.rights.step(commit, r.signers[commit.ID], before)
	if err != nil || before == nil {
		return Judged{Step: step}, err
	}
	step.Unsigned = r.unsigned
	after, err := r.repo.Tree(ctx, commit.ID)
	if err != nil {
		return Judged{}, err
	}
	changes, err := r.repo.Changes(ctx, from, commit.ID)
	if err != nil {
		return Judged{}, err
	}
	known := knownFiles{}
	var ids, paths []string
	for _, c := range changes {
		paths = append(paths, c.Path())
		for _, e := range []source.Entry{c.Before, c.After} {
			if e.ID != "" && e.Mode.Regular() {
				ids = append(ids, e.ID)
			}
		}
	}
	if len(changes) <= atOnce {
		r.repo.FilesAhead(ctx, ids, func(id string, content []byte) { known[id] = content })
	}
	report, err := Check(ctx, r.evaluator, known.over(before), known.over(after), slices.Compact(paths), step)
	return Judged{Step: step, Report: report}, err
}

// knownFiles are contents by their ids.
type knownFiles map[string][]byte

// over returns a tree that need not read the files that are known.
func (k knownFiles) over(tree source.Tree) source.Tree {
	if len(k) == 0 {
		return tree
	}
	return &knownTree{tree, k}
}

type knownTree struct {
	source.Tree
	known knownFiles
}

func (t *knownTree) ReadFile(name string) ([]byte, error) {
	if e, err := t.Stat(name); err == nil && e.Mode.Regular() {
		if content, ok := t.known[e.ID]; ok {
			return content, nil
		}
	}
	return t.Tree.ReadFile(name)
}

func (t *knownTree) Readlink(name string) (string, error) {
	if l, ok := t.Tree.(source.Linker); ok {
		return l.Readlink(name)
	}
	return "", &source.KindError{Path: name}
}

// rights remembers who may do what by the files that say so: they seldom change.
type rights struct {
	approversID, rulesID string
	approvers            *integrity.Approvers
	rules                *trust.Trust
}

// read reads the files if they are others than before.
func (r *rights) read(tree source.Tree) error {
	approvers, rules := contentID(tree, integrity.DefaultApproversPath), contentID(tree, trust.Path)
	if approvers != "" && rules != "" && approvers == r.approversID && rules == r.rulesID {
		return nil
	}
	var err error
	if r.approvers, err = integrity.LoadApprovers(tree, ""); err != nil {
		return err
	}
	file, err := regular(tree, trust.Path)
	if err != nil {
		return err
	}
	r.rules = nil
	if file != nil {
		if r.rules, err = trust.Parse(trust.Path, file.Content); err != nil {
			return err
		}
	}
	r.approversID, r.rulesID = approvers, rules
	return nil
}

// contentID identifies a regular file's content; "" where that is not known.
func contentID(tree source.Tree, name string) string {
	e, err := tree.Stat(name)
	if source.IsNotExist(err) {
		return "none"
	}
	if err != nil || !e.Mode.Regular() {
		return ""
	}
	return e.ID
}

// step returns a commit as what is judged: whose rights count, and which paths
// need approvals, is what the tree before it says. That as many approved as are
// needed is for integrity.Check to find out, which comes first.
func (r *rights) step(commit *git.Commit, signer integrity.Signer, before source.Tree) (Step, error) {
	step := Step{
		Commit: commit.ID, Subject: commit.Subject(), Signer: signer.Identity,
		Author: commit.Author.Email, Committer: commit.Committer.Email,
	}
	if before == nil {
		return step, nil
	}
	if err := r.read(before); err != nil {
		return step, err
	}
	approvers, rules := r.approvers, r.rules
	if rules != nil {
		step.Guards = rules.Guards
		step.Approved = func(path string) bool {
			for _, rule := range rules.Rules(path) {
				if rule.Approvals > 0 {
					return true
				}
			}
			return false
		}
	}
	if signer.Identity != "" {
		step.MayWaive = func(s finding.Severity) bool {
			return approvers.May(signer, s)
		}
	}
	return step, nil
}
