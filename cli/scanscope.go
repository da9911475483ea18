package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
)

// scopeFlags say what a scan judges, and what it compares with.
type scopeFlags struct {
	newFrom string
	staged  bool
	changed bool
	all     bool
}

func (o *scopeFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.newFrom, "new-from", "", "only what is new since the merge base with this `revision` counts")
	f.BoolVar(&o.staged, "staged", false, "judge what the staged files have a part in, as they are staged; only what is new since HEAD counts")
	f.BoolVar(&o.changed, "changed", false, "judge what the changed files of the work tree have a part in; only what is new since HEAD counts")
	f.BoolVar(&o.all, "all", false, "also show what is old, in the baseline or waived")
	cmd.MarkFlagsMutuallyExclusive("new-from", "staged", "changed")
}

// scope is what a scan judges: a tree, and a path inside of it. The rest is set
// inside of a Git work tree only.
type scope struct {
	tree   source.Tree
	inside string
	repo   *git.Local
	head   string          // commit; empty before the first one
	base   *git.Comparison // what it is compared with; nil for nothing
	narrow bool            // only what changed files have a part in

	asked  atomic.Bool // git was asked about something
	unsure atomic.Bool // and had no answer
}

// openScope opens the repository if anything takes it: it costs some processes.
func (o *scopeFlags) openScope(ctx context.Context, path string) (*scope, error) {
	tree, inside, err := openPath(path, nil)
	if err != nil {
		return nil, err
	}
	return o.openTree(ctx, tree, inside)
}

func (o *scopeFlags) openTree(ctx context.Context, tree source.Tree, inside string) (s *scope, err error) {
	s = &scope{tree: tree, inside: inside, narrow: o.staged || o.changed}
	compares := o.newFrom != "" || s.narrow
	root := tree.Revision().Source
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil || !compares && !hasTriageFiles(tree) {
		if compares {
			return nil, withHint(errors.New("there is no Git work tree to compare with"), "run it inside of one")
		}
		return s, nil
	}
	s.repo, err = git.OpenLocal(git.LocalOptions{
		WorkTree: root, IndexFile: os.Getenv("GIT_INDEX_FILE"), ReadAhead: []string{"kustomization.yaml", "kustomization.yml", "Kustomization"},
	})
	if err == nil {
		err = o.compare(ctx, s)
	}
	if err != nil {
		err = errors.Join(err, s.Close())
		s.repo = nil // without git nothing can be proved, and what is not proved does not count for much
		s.unsure.Store(true)
	}
	if !compares && ctx.Err() == nil {
		return s, nil
	}
	return s, err
}

// hasTriageFiles reports whether there is anything that takes a repository to be
// understood.
func hasTriageFiles(tree source.Tree) bool {
	_, err := tree.Stat(".holdfast")
	return err == nil
}

func (o *scopeFlags) compare(ctx context.Context, s *scope) (err error) {
	if s.head, err = s.repo.Head(ctx); err != nil {
		return err
	}
	switch {
	case o.staged:
		s.base, err = s.repo.Staged(ctx)
	case o.changed:
		s.base, err = s.repo.Since(ctx, s.head)
	case o.newFrom != "":
		var from string
		if from, err = s.repo.Resolve(ctx, o.newFrom); err != nil {
			return err
		}
		if from, err = s.repo.MergeBase(ctx, s.head, from); err != nil {
			return err
		}
		s.base, err = s.repo.Since(ctx, from)
	}
	if err == nil && s.base != nil {
		s.tree = s.base.After
	}
	return err
}

func (s *scope) Close() error {
	if s.repo == nil {
		return nil
	}
	return s.repo.Close()
}

// scan judges the scope, and what it is compared with.
func (s *scope) scan(ctx context.Context, scanner scan.Scanner) (*scan.Result, *identity.Matching, error) {
	scanner.Remotes = s.remotes
	if s.base == nil {
		scanner.Ignored = s.ignored
		result, err := scanner.Run(ctx, s.tree, s.inside)
		return result, nil, err
	}
	start := time.Now()
	changed := changedPaths(s.base.Changes)
	if s.narrow {
		scanner.Changed = changed
	}
	var before, after *scan.Result
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		judge := scanner
		judge.Search, judge.Fixer = changed, nil
		before, err = s.side(ctx, judge, s.base.Before)
		return err
	})
	both.Go(func() (err error) {
		judge := scanner
		judge.Keep = true
		after, err = s.side(ctx, judge, s.tree)
		return err
	})
	if err := both.Wait(); err != nil {
		return nil, nil, err
	}
	after.Elapsed = time.Since(start)
	before.All = append(before.All, secretsOfOthers(after.All, changed)...)
	matching := identity.Match(
		identity.Side{Findings: before.All},
		identity.Side{Findings: after.All, Resources: after.Resources},
		identity.NewMoves(s.base.Changes),
	)
	return after, &matching, nil
}

// ignored tells which paths git ignores, if there is a work tree.
func (s *scope) ignored(ctx context.Context, paths []string) (ignored []string, err error) {
	err = s.withRepo(func(repo *git.Local) error {
		ignored, err = repo.Ignored(ctx, paths)
		return err
	})
	return ignored, err
}

// remotes returns the URLs of the repository, if they can be told.
func (s *scope) remotes(ctx context.Context) (urls []string) {
	_ = s.withRepo(func(repo *git.Local) (err error) {
		urls, err = repo.Remotes(ctx)
		return err
	})
	return urls
}

// withRepo calls do with the repository of the scope, if there is one.
func (s *scope) withRepo(do func(*git.Local) error) (err error) {
	s.asked.Store(true)
	defer func() {
		if err != nil {
			s.unsure.Store(true)
		}
	}()
	if s.repo != nil {
		return do(s.repo)
	}
	root := s.tree.Revision().Source
	if _, err := os.Lstat(filepath.Join(root, ".git")); err != nil {
		return nil // without a repository there is nothing to ask
	}
	repo, err := git.OpenLocal(git.LocalOptions{WorkTree: root})
	if err != nil {
		return err
	}
	return errors.Join(do(repo), repo.Close())
}

// secretsOfOthers returns the findings about secrets in files that did not change:
// they were there before, and nothing has to be searched to know it.
func secretsOfOthers(after []*finding.Finding, changed []string) (old []*finding.Finding) {
	for _, f := range after {
		if f.Subject.Kind == secret.FileKind && !slices.Contains(changed, f.Subject.Name) {
			old = append(old, f)
		}
	}
	return old
}

// side judges one side of a comparison. A path that only the other one has holds
// nothing; the path of a whole scan must be there.
func (s *scope) side(ctx context.Context, scanner scan.Scanner, tree source.Tree) (*scan.Result, error) {
	result, err := scanner.Run(ctx, tree, s.inside)
	if source.IsNotExist(err) && (s.narrow || tree == s.base.Before) {
		return &scan.Result{}, nil
	}
	return result, err
}

// changedPaths returns the paths of both sides of all changes.
func changedPaths(changes []git.Change) []string {
	paths := []string{}
	for _, c := range changes {
		for _, name := range []string{c.Before.Name, c.After.Name} {
			if name != "" && !slices.Contains(paths[max(0, len(paths)-1):], name) {
				paths = append(paths, name)
			}
		}
	}
	return paths
}

// triage returns what decides which findings of a scan count. Mistakes in it are
// added to the problems of the scan.
func (s *scope) triage(ctx context.Context, result *scan.Result, matching *identity.Matching, known func(string) bool) (triage.Input, error) {
	in := triage.Input{Findings: result.All, Now: time.Now(), Matching: matching}
	from := triage.Context{Judged: s.tree, Commit: s.head}
	if s.repo != nil {
		from.Repo, from.Trusted = s.repo, s.trusted
	}
	problems, err := in.Load(ctx, from)
	if err != nil {
		return in, err
	}
	ignores, mistakes := triage.Ignores(result.Marked, known)
	in.Ignores = ignores
	result.Problems = append(append(result.Problems, problems...), mistakes...)
	render.SortProblems(result.Problems)
	in.Complete = s.inside == "." && !s.narrow && !result.Partial()
	return in, nil
}

// trusted returns the tree that a change cannot have altered: that of the commit
// that it is compared with, or else the last one.
func (s *scope) trusted(ctx context.Context) (source.Tree, error) {
	commit := s.head
	if s.base != nil {
		commit = s.base.Base
	}
	if commit == "" {
		return source.Memory(nil), nil
	}
	return s.repo.Tree(ctx, commit)
}

// known tells which policies a comment may name: also those that were disabled,
// and those that nothing took to be decoded.
func known(policies *setup.Policies, disabled []string) func(string) bool {
	return func(id string) bool {
		if secret.IsRule(id) || slices.Contains(disabled, id) {
			return true
		}
		return slices.ContainsFunc(policies.Packs, func(pack *policy.Pack) bool {
			return slices.ContainsFunc(pack.Policies, func(p *policy.Policy) bool { return p.ID == id }) ||
				slices.ContainsFunc(pack.Pending, func(p policy.Pending) bool { return p.Head.ID == id })
		})
	}
}
