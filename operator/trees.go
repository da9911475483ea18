package operator

import (
	"context"
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// treeCache keeps the trees of the last few commits of a source, since all its
// applications ask for the same ones.
type treeCache struct {
	mirror *git.Mirror

	mu      sync.Mutex
	entries []treeEntry // least recently used first
}

type treeEntry struct {
	commit string
	load   func() (source.Tree, error)
}

const cachedTrees = 4

func newTreeCache(mirror *git.Mirror) *treeCache { return &treeCache{mirror: mirror} }

// Tree returns the files of a commit. Those who ask at the same time share one
// reading; an error is not kept.
func (c *treeCache) Tree(ctx context.Context, commit string) (source.Tree, error) {
	c.mu.Lock()
	i := slices.IndexFunc(c.entries, func(e treeEntry) bool { return e.commit == commit })
	var entry treeEntry
	if i >= 0 {
		entry = c.entries[i]
		c.entries = slices.Delete(c.entries, i, i+1)
	} else {
		entry = treeEntry{commit, sync.OnceValues(func() (source.Tree, error) {
			return c.mirror.Tree(context.WithoutCancel(ctx), commit) // others wait for it, too
		})}
	}
	c.entries = append(c.entries, entry)
	if len(c.entries) > cachedTrees {
		c.entries = slices.Delete(c.entries, 0, 1)
	}
	c.mu.Unlock()
	tree, err := entry.load()
	if err != nil {
		c.forget(commit)
	}
	return tree, err
}

// IsAncestor reports whether a commit is part of another's history.
func (c *treeCache) IsAncestor(ctx context.Context, ancestor, of string) (bool, error) {
	return c.mirror.IsAncestor(ctx, ancestor, of)
}

func (c *treeCache) forget(commit string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = slices.DeleteFunc(c.entries, func(e treeEntry) bool { return e.commit == commit })
}
