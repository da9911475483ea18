package integrity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
)

// maxPaths bounds how many paths a message names.
const maxPaths = 8

// merged judges what a merge holds beside what git makes of its parents. What is in
// neither of them was smuggled in where nobody looks; what one of them changed and the
// merge has not was dropped. Where git makes nothing of both, a person had to.
func (c *checker) merged(ctx context.Context, commit *git.Commit) ([]Problem, error) {
	if len(commit.Parents) > 2 {
		return about(commit.ID, []Problem{problem(MergeShape, "Merge one branch after the other.",
			"the merge has %d parents, and cannot be made again", len(commit.Parents))}), nil
	}
	ours, theirs := commit.Parents[0], commit.Parents[1]
	base, related := c.graph.base(ours, theirs)
	found, err := c.h.Merged(ctx, git.Merge{Base: base, Ours: ours, Theirs: theirs, Commit: commit.ID})
	if err != nil {
		return nil, fmt.Errorf("the merge %s cannot be made again: %w", short(commit.ID), err)
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
	if len(found.Conflicts) > 0 {
		problems = append(problems, problem(MergeConflict, "Look at the merge with git show --remerge-diff.",
			"the merge resolves conflicts by hand: %s", paths(found.Conflicts)).in(found.Conflicts[0], 0))
	}
	return about(commit.ID, problems), nil
}

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
