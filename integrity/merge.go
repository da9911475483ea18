package integrity

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// maxPaths bounds how many paths a message names.
const maxPaths = 8

// merged judges what a merge holds beside what git makes of its parents. What is in
// neither of them was smuggled in where nobody looks; what one of them changed and the
// merge has not was dropped. Where git makes nothing of both, a person had to.
func (c *checker) merged(ctx context.Context, commit *git.Commit) ([]Problem, error) {
	problems, err := c.mergeProblems(ctx, commit)
	if err != nil {
		return nil, fmt.Errorf("the merge %s cannot be made again: %w", short(commit.ID), err)
	}
	if policy := c.policy(); policy != nil && policy.Ref(c.trust.Ref).Merges == trust.AnyMerge {
		for i := range problems {
			problems[i].Decision = min(problems[i].Decision, Warn)
		}
	}
	return about(commit.ID, problems), nil
}

func (c *checker) mergeProblems(ctx context.Context, commit *git.Commit) ([]Problem, error) {
	if len(commit.Parents) > 2 {
		return c.octopus(ctx, commit)
	}
	ours, theirs := commit.Parents[0], commit.Parents[1]
	base, related, err := c.commonBase(ctx, ours, theirs)
	if err != nil {
		return nil, err
	}
	found, err := c.h.Merged(ctx, git.Merge{Base: base, Ours: ours, Theirs: theirs, Commit: commit.ID})
	if err != nil {
		return nil, err
	}
	var problems []Problem
	if related == unrelated {
		problems = append(problems, problem(MergeShape, "Look where the other history comes from.", "the merge brings in a history that has nothing in common with the branch"))
	}
	evil := slices.DeleteFunc(slices.Clone(found.Differs), func(name string) bool { return slices.Contains(found.Conflicts, name) })
	if len(evil) > 0 {
		if c.asOneParent(commit.ID, evil) {
			problems = append(problems, problem(MergeDrops, hintMerge,
				"the merge drops what one side changed: %s", paths(evil)).in(evil[0], 0))
		} else {
			problems = append(problems, problem(MergeEvil, hintMerge,
				"the merge changes what neither side changed so: %s", paths(evil)).in(evil[0], 0))
		}
	}
	if len(found.Dropped) > 0 {
		problems = append(problems, problem(MergeDrops, hintMerge,
			"the merge resolves a conflict, and drops beside it what one side changed: %s", paths(found.Dropped)).in(found.Dropped[0], 0))
	}
	if len(found.Conflicts) > 0 {
		problems = append(problems, problem(MergeConflict, "Look at the merge with git show --remerge-diff.",
			"the merge resolves conflicts by hand: %s", paths(found.Conflicts)).in(found.Conflicts[0], 0))
	}
	return problems, nil
}

// commonBase returns the best common ancestor of two commits, if there is exactly one. Git is
// asked about what lies before the range.
func (c *checker) commonBase(ctx context.Context, ours, theirs string) (string, relation, error) {
	if id, related := c.graph.base(ours, theirs); related != unclear {
		return id, related, nil
	}
	bases, err := c.h.MergeBases(ctx, ours, theirs)
	switch {
	case err != nil || len(bases) > 1:
		return "", unclear, err
	case len(bases) == 0:
		return "", unrelated, nil
	}
	return bases[0], based, nil
}

// octopus judges a merge of more than two parents, which git makes only where each
// path was changed on one of its branches. One that is not like that is held.
func (c *checker) octopus(ctx context.Context, commit *git.Commit) ([]Problem, error) {
	const hint = "Merge one branch after the other."
	shape := problem(MergeShape, hint, "the merge has %d parents", len(commit.Parents))
	expected, proven, err := c.sides(ctx, commit)
	if err != nil {
		return nil, err
	}
	if !proven {
		shape.Decision = Hold
		shape.Message += ", and what it should hold cannot be found out"
		return []Problem{shape}, nil
	}
	got, err := c.h.Changes(ctx, commit.Parents[0], commit.ID)
	if err != nil {
		return nil, err
	}
	var evil, dropped []string
	for _, change := range got {
		name := change.Path()
		if want, ok := expected[name]; ok && sameFile(want.After, change.After) {
			delete(expected, name)
		} else if c.asOneParent(commit.ID, []string{name}) {
			expected[name] = change
		} else {
			delete(expected, name)
			evil = append(evil, name)
		}
	}
	dropped = slices.Sorted(maps.Keys(expected))
	problems := []Problem{shape}
	if len(evil) > 0 {
		problems = append(problems, problem(MergeEvil, hint, "the merge changes what no branch changed so: %s", paths(evil)).in(evil[0], 0))
	}
	if len(dropped) > 0 {
		problems = append(problems, problem(MergeDrops, hint, "the merge drops what one branch changed: %s", paths(dropped)).in(dropped[0], 0))
	}
	return problems, nil
}

// sides returns what the branches of a merge change of its first parent, by path. It is
// not proven where two of them change one path.
func (c *checker) sides(ctx context.Context, commit *git.Commit) (all map[string]git.Change, proven bool, err error) {
	all = map[string]git.Change{}
	ours := commit.Parents[0]
	for _, theirs := range commit.Parents[1:] {
		base, related, err := c.commonBase(ctx, ours, theirs)
		if err != nil || related == unclear {
			return nil, false, err
		}
		here, err := c.h.Changes(ctx, base, ours)
		if err != nil {
			return nil, false, err
		}
		taken := make(map[string]git.Change, len(here))
		for _, change := range here {
			taken[change.Path()] = change
		}
		there, err := c.h.Changes(ctx, base, theirs)
		if err != nil {
			return nil, false, err
		}
		for _, change := range there {
			name := change.Path()
			if same, ok := taken[name]; ok && sameFile(same.After, change.After) {
				continue
			} else if ok {
				return nil, false, nil
			}
			if other, ok := all[name]; ok && !sameFile(other.After, change.After) {
				return nil, false, nil
			}
			all[name] = change
		}
	}
	return all, true, nil
}

func sameFile(a, b source.Entry) bool { return a.ID == b.ID && a.Mode == b.Mode }

const hintMerge = "Make the merge again, and what is to be changed in a commit of its own."

// asOneParent reports whether all of the paths are in the merge as in one of its
// parents.
func (c *checker) asOneParent(merge string, names []string) bool {
	own := c.changes[merge].own
	return !slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(own, func(c git.Change) bool { return c.Path() == name })
	})
}

func paths(names []string) string {
	shown := make([]string, 0, maxPaths+1)
	for _, name := range names[:min(len(names), maxPaths)] {
		shown = append(shown, quoted(name))
	}
	if more := len(names) - maxPaths; more > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(shown, ", ")
}
