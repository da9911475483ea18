package triage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/waiver"
)

// Repository is what is asked of a repository about its waivers. git.Local and
// git.Mirror are such.
type Repository interface {
	Commit(ctx context.Context, id string) (*git.Commit, error)
	Tree(ctx context.Context, commit string) (source.Tree, error)
	// Blame tells for each line of a file which commit wrote it.
	Blame(ctx context.Context, commit, path string) ([]string, error)
}

// Authority is who may approve. The zero value is nobody at all: the repository
// names no signers, and so nothing can be proved.
type Authority struct {
	Signers   *integrity.Signers
	Approvers *integrity.Approvers
}

// LoadAuthority reads who may approve from a tree that is trusted. A tree
// without signers gives the zero value. Empty paths mean the defaults.
func LoadAuthority(tree source.Tree, signersPath, keysDir string) (a Authority, err error) {
	a.Signers, err = integrity.LoadSigners(tree, signersPath, keysDir)
	if source.IsNotExist(err) {
		return Authority{}, nil
	}
	if err != nil {
		return Authority{}, err
	}
	a.Approvers, err = integrity.LoadApprovers(tree, "")
	return a, err
}

// Approval is what Git proves about a waiver. The zero value proves nothing, and
// the waiver is merely requested.
type Approval struct {
	Unproven bool // the repository names nobody who could approve
	Signer   integrity.Signer
	Reason   string // why it is not approved

	approvers *integrity.Approvers
}

// MaxUnproven is the highest severity that waivers count for in a repository
// that names no signers.
const MaxUnproven = finding.Medium

// Unproven returns the approvals of a repository that names no signers.
func Unproven(list *waiver.List) map[string]Approval {
	all := map[string]Approval{}
	for _, w := range list.Waivers {
		all[w.ID] = Approval{Unproven: true}
	}
	return all
}

// refusal says why an approval is not one for a finding; "" if it is. Author tells
// whose line the finding is in, "" if that is not known.
func (a Approval) refusal(f *finding.Finding, author func(*finding.Finding) string) string {
	switch {
	case a.Unproven && f.Severity <= MaxUnproven:
		return ""
	case a.Unproven:
		return fmt.Sprintf("the waiver does not count for what is %s, because the repository names no signers (%s) who could approve it", f.Severity, integrity.DefaultSignersPath)
	case a.Signer.Identity == "" && a.Reason == "":
		return "the waiver is not approved yet"
	case a.Signer.Identity == "":
		return "the waiver is not approved: " + a.Reason
	case !a.approvers.May(a.Signer, f.Severity):
		return fmt.Sprintf("the waiver is signed by %s, who may not approve what is %s", a.Signer.Identity, f.Severity)
	case f.Severity > finding.Medium && author != nil && a.Signer.Owns(author(f)):
		return fmt.Sprintf("the waiver is signed by %s, who also wrote what it is about", a.Signer.Identity)
	}
	return ""
}

// Approvals finds out which waivers were approved in the history of a commit. An
// entry is approved by a commit that wrote one of its lines, holds the very same
// entry, and is signed by somebody who may approve. So an entry that lost a line
// since, or was taken back and put in again by somebody else, is not approved.
func Approvals(ctx context.Context, repo Repository, commit string, list *waiver.List, who Authority) (map[string]Approval, error) {
	if who.Signers == nil {
		return Unproven(list), nil
	}
	a := &approvals{ctx: ctx, repo: repo, who: who, lists: map[string]*waiver.List{}}
	all := map[string]Approval{}
	if commit == "" {
		return all, nil
	}
	committed := a.at(commit)
	if committed == nil || len(list.Waivers) == 0 {
		return all, nil
	}
	lines, err := repo.Blame(ctx, commit, waiver.Path)
	if err != nil {
		return nil, err
	}
	for i := range list.Waivers {
		w := &list.Waivers[i]
		now := find(committed, w)
		if now == nil {
			all[w.ID] = Approval{Reason: "the entry is not committed"}
			continue
		}
		first, last := now.Lines(committed.File)
		if last > len(lines) {
			return nil, fmt.Errorf("%s has %d lines by git blame, and more by itself", waiver.Path, len(lines))
		}
		all[w.ID] = a.judge(now, lines[first-1:last])
	}
	return all, ctx.Err()
}

type approvals struct {
	ctx   context.Context
	repo  Repository
	who   Authority
	lists map[string]*waiver.List // by commit; nil if there is none that can be read
}

// at returns the list at a commit.
func (a *approvals) at(commit string) *waiver.List {
	if list, ok := a.lists[commit]; ok {
		return list
	}
	a.lists[commit] = nil
	tree, err := a.repo.Tree(a.ctx, commit)
	if err != nil {
		return nil
	}
	content, err := tree.ReadFile(waiver.Path)
	if err != nil {
		return nil
	}
	list, err := waiver.Decode(source.NewFile(waiver.Path, content))
	if err != nil {
		return nil
	}
	a.lists[commit] = list
	return list
}

// find returns the same entry of another list.
func find(list *waiver.List, w *waiver.Waiver) *waiver.Waiver {
	if list == nil {
		return nil
	}
	for i := range list.Waivers {
		if list.Waivers[i].Same(w) {
			return &list.Waivers[i]
		}
	}
	return nil
}

// judge looks for a commit that approves an entry. Of several the one counts
// whose signer may approve the most.
func (a *approvals) judge(w *waiver.Waiver, lines []string) Approval {
	best := Approval{Reason: "no commit with this entry is signed by an approver"}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(lines))) {
		if id == "" {
			best.Reason = "the history of the entry is cut off here: fetch all of it"
			continue
		}
		if find(a.at(id), w) == nil {
			continue
		}
		signer, err := a.signer(id)
		switch {
		case err != nil && best.Signer.Identity == "":
			best.Reason = err.Error()
		case err == nil && (best.Signer.Identity == "" || a.most(signer) > a.most(best.Signer)):
			best = Approval{Signer: signer, approvers: a.who.Approvers}
		}
	}
	return best
}

// most is one more than the highest severity that a signer may approve.
func (a *approvals) most(s integrity.Signer) int {
	for severity := finding.Critical; ; severity-- {
		if a.who.Approvers.May(s, severity) {
			return int(severity) + 1
		}
		if severity == finding.Info {
			return 0
		}
	}
}

// signer returns who signed a commit, judged by the keys that count now.
func (a *approvals) signer(id string) (integrity.Signer, error) {
	c, err := a.repo.Commit(a.ctx, id)
	if err != nil {
		return integrity.Signer{}, err
	}
	signer, problems := integrity.VerifyCommit(c, a.who.Signers, time.Now())
	for _, p := range problems {
		if !p.Decision.Passes() {
			return integrity.Signer{}, fmt.Errorf("commit %.8s: %s", id, p.Message)
		}
	}
	if signer.Identity == "" {
		return integrity.Signer{}, errors.New("nobody signed it")
	}
	return signer, nil
}

// Authors returns a function that tells who wrote the line of a finding, as far
// as the commit has it as it is now.
func Authors(ctx context.Context, repo Repository, commit string) func(*finding.Finding) string {
	lines := map[string][]string{} // by path
	return func(f *finding.Finding) string {
		file := f.Location.File
		if file == nil || commit == "" {
			return ""
		}
		if _, ok := lines[file.Path]; !ok {
			lines[file.Path] = blameIfSame(ctx, repo, commit, file)
		}
		n := f.Location.Position().Line
		if n > len(lines[file.Path]) || lines[file.Path][n-1] == "" {
			return ""
		}
		c, err := repo.Commit(ctx, lines[file.Path][n-1])
		if err != nil {
			return ""
		}
		return c.Author.Email
	}
}

func blameIfSame(ctx context.Context, repo Repository, commit string, file *source.File) []string {
	tree, err := repo.Tree(ctx, commit)
	if err != nil {
		return nil
	}
	content, err := tree.ReadFile(file.Path)
	if err != nil || string(content) != string(file.Content) {
		return nil
	}
	all, err := repo.Blame(ctx, commit, file.Path)
	if err != nil {
		return nil
	}
	return all
}
