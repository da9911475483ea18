package integrity

import (
	"context"
	"errors"
	"slices"

	"github.com/holdfast-dev/holdfast/git"
)

// maxLost bounds how many lost commits are listed, and maxSubjects how many of
// them are quoted.
const (
	maxLost     = 100
	maxSubjects = 5
)

// grew reports whether the branch only grew since commits were accepted, and there is
// nothing more to say: a rewrite is judged here. Of several commits that are lost, the
// one that contains the others tells.
func (c *checker) grew(ctx context.Context, accepted []string, tip string) (bool, error) {
	old := ""
	var p *Problem
	for _, id := range accepted {
		if p != nil {
			newer, err := c.contains(ctx, id, old)
			if err != nil {
				return false, err
			}
			if !newer || id == old {
				continue
			}
		}
		found, err := c.forward(ctx, id, tip)
		if err != nil {
			return false, err
		}
		if found != nil {
			old, p = id, found
		}
	}
	if p == nil {
		return true, nil
	}
	return false, c.rewritten(ctx, old, tip, *p)
}

// contains reports whether a commit has another one as an ancestor; one that is gone
// has none that anybody could tell.
func (c *checker) contains(ctx context.Context, commit, ancestor string) (bool, error) {
	ok, err := c.h.IsAncestor(ctx, ancestor, commit)
	if err != nil && !isShallow(err) {
		if _, gone := c.h.Commit(ctx, commit); isGone(gone) {
			return false, nil
		}
		if _, gone := c.h.Commit(ctx, ancestor); isGone(gone) {
			return false, nil
		}
	}
	return ok, err
}

// forward checks that a branch only grew since a commit was accepted. If not, it
// returns the problem that tells in which way: gone back, replaced or rewritten.
func (c *checker) forward(ctx context.Context, accepted, tip string) (*Problem, error) {
	if accepted == tip {
		return nil, nil
	}
	grew, err := c.h.IsAncestor(ctx, accepted, tip)
	if err != nil {
		if _, gone := c.h.Commit(ctx, accepted); isGone(gone) && !isShallow(err) {
			c.result.Rewrite = nil
			p := problem(HistRewrite, hintRewrite,
				"the branch was rewritten: %s, which was accepted, no longer exists in the repository", short(accepted))
			return &p, nil
		}
		return nil, err
	}
	if grew {
		return nil, nil
	}
	lost, err := c.h.Range(ctx, tip, accepted)
	if err != nil {
		return nil, err
	}
	back, err := c.h.IsAncestor(ctx, tip, accepted)
	if err != nil {
		return nil, err
	}
	lost, err = c.newestFirst(ctx, lost, tip, accepted)
	if err != nil {
		return nil, err
	}
	added, err := c.h.Range(ctx, accepted, tip)
	if limit := (*git.LimitError)(nil); errors.As(err, &limit) {
		added, err = make([]string, maxCompared+1), nil // too many to compare
	}
	if err != nil {
		return nil, err
	}
	c.result.Lost = lost[:min(len(lost), maxLost)]
	c.result.Rewrite = &Rewrite{Old: accepted, New: tip}
	if c.result.Rewrite.Lost, err = c.rangeDiff(ctx, lost, added); err != nil {
		return nil, err
	}
	text := describeLost(c.result.Rewrite.Lost, len(lost))
	var p Problem
	switch other := c.branchAt(tip); {
	case back:
		p = problem(RefRollback, "If going back is wanted, commit the older content on top (git revert), or pin the commit as verify.root.",
			"the branch went back from %s to %s and loses %s", short(accepted), short(tip), text)
	case other != "":
		p = problem(RefTeleport, hintRewrite,
			"the branch was replaced by the commit of %s: it moved from %s to %s and loses %s", quoted(other), short(accepted), short(tip), text)
	default:
		p = problem(HistRewrite, hintRewrite,
			"the branch was rewritten from %s to %s and loses %s%s", short(accepted), short(tip), text, c.sameContent(ctx, accepted, tip))
	}
	return &p, nil
}

const hintRewrite = "Put the branch back and add what is new on top; if the rewrite is wanted, pin a commit of the new history as verify.root."

// branchAt names the other branch whose last known tip is a commit.
func (c *checker) branchAt(tip string) string {
	var refs []string
	for ref, id := range c.trust.Branches {
		if id == tip {
			refs = append(refs, ref)
		}
	}
	if len(refs) == 0 {
		return ""
	}
	return slices.Min(refs)
}

// newestFirst sorts lost commits: those on the line of first parents in their
// order, then the others by id.
func (c *checker) newestFirst(ctx context.Context, lost []string, from, to string) ([]string, error) {
	line, err := c.h.FirstParents(ctx, from, to)
	if err != nil {
		return nil, err
	}
	slices.Reverse(line)
	onLine := make(map[string]bool, len(line))
	for _, id := range line {
		onLine[id] = true
	}
	var rest []string
	for _, id := range lost {
		if !onLine[id] {
			rest = append(rest, id)
		}
	}
	slices.Sort(rest)
	return append(line, rest...), nil
}

// sameContent adds that two commits hold the same files, if they do: the
// rewrite then destroys evidence but changes nothing that runs.
func (c *checker) sameContent(ctx context.Context, a, b string) string {
	old, err := c.h.Commit(ctx, a)
	if err != nil {
		return ""
	}
	now, err := c.h.Commit(ctx, b)
	if err != nil || old.Tree != now.Tree {
		return ""
	}
	return " (both hold the same files)"
}
