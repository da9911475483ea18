package git

import (
	"context"
	"sync"

	"github.com/holdfast-dev/holdfast/source"
)

const (
	maxTreeObject = 64 << 20 // bytes of one tree object
	cachedEntries = 200_000  // entries of directories in one generation of the cache
)

// dir is a tree object and all below it. It does not change.
type dir struct {
	id      string
	entries []source.Entry // sorted by name
	subdirs []*dir         // as entries; nil where there is none

	total  int // entries here and below
	depth  int // directories on the longest way down
	length int // bytes of the longest path below
}

// treeCache holds the directories seen last, by id. Revisions that follow each
// other share nearly all of them, so that only changed ones are read. There are
// two generations: when the young one is full, it becomes the old one.
type treeCache struct {
	mirror     *Mirror
	mu         sync.Mutex
	young, old map[string]*dir
	count      int               // entries in young
	roots      map[string]string // trees of commits that Ahead was told of
}

// maxRoots bounds how many commits' trees are remembered.
const maxRoots = 4096

func newTreeCache(m *Mirror) *treeCache {
	return &treeCache{mirror: m, young: map[string]*dir{}}
}

func (c *treeCache) get(id string) *dir {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.young[id]
	if !ok {
		if d = c.old[id]; d != nil {
			c.add(d)
		}
	}
	return d
}

// remember keeps the tree of a commit, so that the commit need not be read again.
func (c *treeCache) remember(commit *Commit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roots == nil || len(c.roots) >= maxRoots {
		c.roots = make(map[string]string)
	}
	c.roots[commit.ID] = commit.Tree
}

// ofCommit returns the files of a commit.
func (c *treeCache) ofCommit(ctx context.Context, commit string) (*dir, error) {
	c.mu.Lock()
	root, known := c.roots[commit]
	c.mu.Unlock()
	if !known {
		read, err := c.mirror.Commit(ctx, commit)
		if err != nil {
			return nil, err
		}
		root = read.Tree
	}
	return c.load(ctx, root)
}

func (c *treeCache) put(dirs map[string]*dir) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range dirs {
		c.add(d)
	}
}

func (c *treeCache) add(d *dir) {
	if c.count > cachedEntries {
		c.old, c.young, c.count = c.young, map[string]*dir{}, 0
	}
	c.young[d.id] = d
	c.count += len(d.entries)
}

// load returns a directory with everything below it. A directory that occurs
// many times is read once, and counted as often as it occurs: a few small
// objects that stand for billions of files cost nothing, and are refused.
func (c *treeCache) load(ctx context.Context, id string) (*dir, error) {
	if d := c.get(id); d != nil {
		return d, nil
	}
	read := map[string]*dir{}
	if err := c.read(ctx, []string{id}, read); err != nil {
		return nil, err
	}
	if err := c.admit(read[id]); err != nil {
		return nil, err
	}
	c.put(read)
	return read[id], nil
}

// loadAll puts directories and all below them into the cache.
func (c *treeCache) loadAll(ctx context.Context, ids []string) error {
	read := map[string]*dir{}
	if err := c.read(ctx, ids, read); err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.admit(read[id]); err != nil {
			return err
		}
	}
	c.put(read)
	return nil
}

// read adds directories, and all below them that is not in the cache.
func (c *treeCache) read(ctx context.Context, ids []string, read map[string]*dir) error {
	opts := c.mirror.opts
	known := map[string]*dir{}
	roots := ids
	entries := 0
	for level := 0; len(ids) > 0; level++ {
		if level > opts.MaxDepth {
			return &LimitError{What: "directories within each other", Limit: int64(opts.MaxDepth)}
		}
		var below []string
		err := c.mirror.batch.read(ctx, ids, maxTreeObject, func(o object) error {
			d, err := c.parse(o)
			if err != nil {
				return err
			}
			if entries += len(d.entries); entries > opts.MaxEntries {
				return &LimitError{What: "files and directories in one tree", Limit: int64(opts.MaxEntries)}
			}
			read[d.id] = d
			for _, e := range d.entries {
				if e.Mode != source.ModeDir || read[e.ID] != nil || known[e.ID] != nil {
					continue
				}
				if cached := c.get(e.ID); cached != nil {
					known[e.ID] = cached
					continue
				}
				known[e.ID] = pending
				below = append(below, e.ID)
			}
			return nil
		})
		if err != nil {
			return err
		}
		ids = below
	}
	for _, id := range roots {
		if err := read[id].link(read, known); err != nil {
			return err
		}
	}
	return nil
}

// admit refuses a tree that is larger than the limits.
func (c *treeCache) admit(root *dir) error {
	opts := c.mirror.opts
	switch {
	case root.total > opts.MaxEntries:
		return &LimitError{What: "files and directories in one tree", Limit: int64(opts.MaxEntries)}
	case root.depth > opts.MaxDepth:
		return &LimitError{What: "directories within each other", Limit: int64(opts.MaxDepth)}
	case root.length > opts.MaxPath:
		return &LimitError{What: "bytes in a path", Limit: int64(opts.MaxPath)}
	}
	return nil
}

// pending marks a directory that is asked for and not yet read.
var pending = &dir{}

func (c *treeCache) parse(o object) (*dir, error) {
	switch {
	case o.kind != "tree":
		return nil, c.mirror.incomplete(&MissingError{ID: o.id, Kind: "tree", Is: o.kind})
	case o.size > maxTreeObject:
		return nil, &LimitError{What: "bytes in a directory", Limit: maxTreeObject}
	}
	entries, err := parseTree(o.id, o.content)
	if err != nil {
		return nil, err
	}
	return &dir{id: o.id, entries: entries, total: -1}, nil
}

// link sets the pointers to the directories below, and sums them up. Content
// hashes have no cycles.
func (d *dir) link(read, known map[string]*dir) error {
	if d.total >= 0 {
		return nil
	}
	d.total, d.subdirs = len(d.entries), make([]*dir, len(d.entries))
	for i, e := range d.entries {
		d.length = max(d.length, len(e.Name))
		if e.Mode != source.ModeDir {
			continue
		}
		sub := read[e.ID]
		if sub == nil {
			sub = known[e.ID]
		}
		if err := sub.link(read, known); err != nil {
			return err
		}
		d.subdirs[i] = sub
		d.total = min(d.total+sub.total, 1<<40) // no overflow, however often it doubles
		d.depth = max(d.depth, sub.depth+1)
		d.length = max(d.length, len(e.Name)+1+sub.length)
	}
	return nil
}
