package integrity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/git"
)

// loaded is a commit of the range. Of each there is only what the range as a whole
// needs, so that a long history takes little memory; the rest is parsed from its bytes
// when it is judged.
type loaded struct {
	tree    string
	parents []string
	when    time.Time // as the committer claims
	raw     []byte
	err     error // why it could not be parsed
}

// maxRangeBytes bounds the commits that are held at once: a megabyte of message takes a
// kilobyte of a push.
const maxRangeBytes = 256 << 20

// span is a range that was read.
type span struct {
	from, tip string
	commits   map[string]loaded
}

// read reads the range from..tip, unless that was done already.
func (c *checker) read(ctx context.Context, from, tip string, ids []string) (map[string]loaded, error) {
	if c.span.commits != nil && c.span.from == from && c.span.tip == tip {
		return c.span.commits, nil
	}
	commits, err := c.load(ctx, ids)
	if err == nil {
		c.span = span{from, tip, commits}
	}
	return commits, err
}

// weigh refuses a range whose commits are too large to be held, before git is asked what
// it would hold them for. Whatever else is wrong with the range is told later.
func (c *checker) weigh(ctx context.Context, from, tip string) error {
	if c.trust.Survey || from == tip {
		return nil
	}
	var limit *git.LimitError
	ids, err := c.h.Range(ctx, from, tip)
	switch {
	case err != nil:
	case len(ids) > c.trust.MaxCommits: // they are not verified, but how the branch came to them may be told
		err = c.h.Weigh(ctx, from, tip, maxRangeBytes)
	default:
		_, err = c.read(ctx, from, tip, ids)
	}
	if errors.As(err, &limit) {
		return err
	}
	return nil
}

// load reads all commits of the range. One that cannot be parsed is a problem
// of that commit; everything else ends the check.
func (c *checker) load(ctx context.Context, ids []string) (map[string]loaded, error) {
	commits := make(map[string]loaded, len(ids))
	bytes := 0
	err := c.h.Commits(ctx, ids, func(id string, commit *git.Commit, err error) error {
		switch {
		case err == nil:
			if bytes += len(commit.Raw); bytes > maxRangeBytes && !c.trust.Survey {
				return &git.LimitError{What: "bytes in the commits to verify", Limit: maxRangeBytes}
			}
			commits[id] = loaded{tree: commit.Tree, parents: commit.Parents, when: commit.Committer.When, raw: commit.Raw}
		case isMalformed(err) || collision(err) != nil:
			commits[id] = loaded{err: err}
		default:
			return fmt.Errorf("commit %s: %w", short(id), err)
		}
		return nil
	})
	return commits, err
}

// parse returns all of a commit of the range.
func (l loaded) parse(id string) (*git.Commit, error) {
	if l.err != nil {
		return nil, l.err
	}
	return git.ParseCommit(id, l.raw)
}
