package integrity

import (
	"context"
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
)

// fatHistory shows each commit as large as one may be.
type fatHistory struct {
	History
	fat []byte
}

func (h fatHistory) Commits(ctx context.Context, ids []string, each func(id string, c *git.Commit, err error) error) error {
	return h.History.Commits(ctx, ids, func(id string, c *git.Commit, err error) error {
		if c != nil {
			c.Raw = h.fat
		}
		return each(id, c, err)
	})
}

func TestMemoryOfARangeIsBounded(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob")).unsigned()
	const size = 4 << 20
	for range maxRangeBytes/size + 1 {
		l.edit("fat")
	}
	l.fetch()
	l.history = fatHistory{l.mirror, make([]byte, size)}
	if result := l.check(); result.Decision != Hold || !slices.Equal(codes(result.Problems), []Code{HistLimit}) {
		t.Errorf("%s, %v", result.Decision, result.Problems)
	}
}
