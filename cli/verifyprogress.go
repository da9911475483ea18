package cli

import (
	"context"

	"github.com/holdfast-dev/holdfast/git"
)

// watched is a repository that shows how many commits of a range were read.
type watched struct {
	*git.Local
	progress *progress
	what     string
	done, of int
}

// watch returns a repository that shows how far the verification of a range is.
func watch(ctx context.Context, repo *git.Local, span *span, progress *progress) *watched {
	w := &watched{Local: repo, progress: progress, what: "verifying commit"}
	if progress != nil {
		ids, err := repo.Range(ctx, span.from, span.tip)
		if err != nil { // which is told by who cannot do without
			w.progress = nil
		}
		w.of = len(ids)
	}
	return w
}

// begin starts anew with something else.
func (w *watched) begin(what string) *watched {
	w.what, w.done = what, 0
	return w
}

// Ahead is told what is read next, so that it is what was done by then that counts.
func (w *watched) Ahead(ctx context.Context, commits []*git.Commit) {
	w.progress.step(w.what, min(w.done, w.of), w.of)
	w.done += len(commits)
	w.Local.Ahead(ctx, commits)
}
