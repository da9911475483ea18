package scan

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/render"
)

// Past says what of a history was searched for secrets.
type Past struct {
	Versions int   // of files
	Bytes    int64 // in them
}

// History searches the versions of files that came in between two commits, and
// the whole history of all refs if both are "". A history of which a part is not
// here is a problem: the rest must not be taken for all of it.
func (s *Scanner) History(ctx context.Context, repo *git.Local, from, to string) (*Result, error) {
	start := time.Now()
	shallow, err := repo.IsShallow(ctx)
	if err != nil {
		return nil, err
	}
	h, err := s.Secrets.History(ctx, repo, from, to)
	if err != nil {
		return nil, err
	}
	result := &Result{Findings: h.Findings, Files: h.Versions, Past: &Past{h.Versions, h.Bytes}}
	for _, p := range h.Passed {
		result.Skipped = append(result.Skipped, render.Skipped{Path: p.Path, Reason: fmt.Sprintf("in commit %.12s: %s", p.Commit, p.Reason)})
	}
	if shallow {
		result.Problems = append(result.Problems, render.Problem{
			Path: ".git", Message: "the clone is shallow, so that a part of the history is not here",
			Hint: "fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in a pipeline",
		})
	}
	finding.Sort(result.Findings)
	result.All = append(result.All, result.Findings...)
	result.Elapsed = time.Since(start)
	return result, nil
}
