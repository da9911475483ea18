package safeguard

import (
	"context"
	"slices"

	"github.com/holdfast-dev/holdfast/git"
)

// A branch that was rewritten does not go on where it was: its new commits are judged
// from where they part from the old ones, since the first of them lacks whatever was
// added later, and the last also by what it lacks of the old branch.

// parted returns where the commits of a range go on, and whether that is another place
// than from.
func (r *ranger) parted(ctx context.Context, from, to string, ids []string) (before string, rewritten bool, err error) {
	if from == "" || from == to {
		return from, false, nil
	}
	grew, err := r.repo.IsAncestor(ctx, from, to)
	if grew || err != nil {
		return from, false, err
	}
	if len(ids) == 0 {
		return to, true, nil
	}
	first, err := r.load(ctx, ids[:1])
	if err != nil || len(first[0].Parents) == 0 {
		return "", true, err
	}
	return first[0].Parents[0], true, nil
}

// also adds what a commit lacks of another one than that before it.
func (r *ranger) also(ctx context.Context, judged Judged, from string, commit *git.Commit) (Judged, error) {
	net, err := r.judge(ctx, from, commit)
	if err != nil {
		return judged, err
	}
	for i, p := range net.Problems {
		if !slices.Contains(judged.Problems, p) {
			judged.Problems = append(judged.Problems, p)
			judged.Findings = append(judged.Findings, net.Findings[i])
		}
	}
	judged.Changes = append(judged.Changes, net.Changes...)
	return judged, nil
}
