package integrity

import (
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// window is how many commits are read together: one request for many objects costs a
// fraction of many requests.
const window = 256

// changeSet is what a commit changes.
type changeSet struct {
	// own is what the commit itself answers for: all that differs from its parent, or,
	// of a merge, what is as none of its parents has it.
	own []git.Change
	// line is what differs from its first parent.
	line []git.Change
	err  error // why it cannot be told, or what is wrong with a file
}

// changed returns what a commit changes. Commits have to be asked for in their order.
func (c *checker) changed(ctx context.Context, commit string) (changeSet, error) {
	if set, known := c.changes[commit]; known {
		return set, nil
	}
	if err := c.prepare(ctx, commit); err != nil {
		return changeSet{}, err
	}
	set, known := c.changes[commit]
	if !known {
		return set, fmt.Errorf("commit %s is verified out of its order", short(commit))
	}
	return set, nil
}

// prepare finds out what the next commits change, and reads all new files: what a
// signature vouches for has to be there, and be what its id says.
func (c *checker) prepare(ctx context.Context, commit string) error {
	next := slices.Index(c.order[c.next:], commit)
	if next < 0 {
		return nil
	}
	c.next += next
	ids := c.order[c.next:min(c.next+window, len(c.order))]
	c.next += len(ids)
	c.changes, c.sizes = make(map[string]changeSet, len(ids)), map[string]int64{}
	var readable []*git.Commit
	for _, id := range ids {
		if commit := c.commits[id]; commit.err == nil {
			readable = append(readable, &git.Commit{ID: id, Tree: commit.tree, Parents: commit.parents})
		}
	}
	c.h.Ahead(ctx, readable)
	files := make([]string, 0, 2*len(ids))
	of := map[string][]string{} // the commits that have a new file
	for _, commit := range readable {
		set := c.changesOf(ctx, commit)
		c.changes[commit.ID] = set
		for _, change := range set.line {
			if id := change.After.ID; id != "" && change.After.Mode != source.ModeSubmodule && id != change.Before.ID {
				if of[id] == nil {
					files = append(files, id)
				}
				of[id] = append(of[id], commit.ID)
			}
		}
	}
	return c.h.Blobs(ctx, files, func(id string, size int64, err error) error {
		c.sizes[id] = size
		if err != nil {
			for _, commit := range of[id] {
				if set := c.changes[commit]; set.err == nil {
					set.err = err
					c.changes[commit] = set
				}
			}
		}
		return nil
	})
}

func (c *checker) changesOf(ctx context.Context, commit *git.Commit) (set changeSet) {
	parents := commit.Parents
	if len(parents) == 0 {
		parents = []string{""}
	}
	for i, parent := range parents {
		changes, err := c.h.Changes(ctx, parent, commit.ID)
		if err != nil {
			return changeSet{err: err}
		}
		if i == 0 {
			set.line, set.own = changes, changes
			continue
		}
		set.own = both(set.own, changes)
	}
	return set
}

// both returns those changes of a list by path whose path is in another such list.
func both(a, b []git.Change) (out []git.Change) {
	for len(a) > 0 && len(b) > 0 {
		switch x, y := a[0].Path(), b[0].Path(); {
		case x < y:
			a = a[1:]
		case x > y:
			b = b[1:]
		default:
			out = append(out, a[0])
			a = a[1:]
		}
	}
	return out
}
