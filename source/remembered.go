package source

import (
	"path"
	"slices"
	"strings"
	"sync"
)

const (
	maxKeptFile = 1 << 20  // bytes of a file that is remembered
	maxKept     = 96 << 20 // bytes of all files that are
)

// Remembered returns a tree that asks another one for each directory and each file once,
// as long as they are not too large. Who looks at a tree in several steps sees the same
// in each of them.
func Remembered(tree Tree) Tree {
	r := remembered{Tree: tree, dirs: map[string][]Entry{}, files: map[string][]byte{}}
	if links, ok := tree.(Linker); ok {
		return &rememberedLinks{remembered: r, links: links}
	}
	return &r
}

type remembered struct {
	Tree

	mu    sync.RWMutex
	dirs  map[string][]Entry
	files map[string][]byte
	kept  int // bytes of files
}

type rememberedLinks struct {
	remembered
	links Linker
}

func (r *rememberedLinks) Readlink(name string) (string, error) { return r.links.Readlink(name) }

func (r *remembered) Stat(name string) (Entry, error) {
	if e, ok := r.listed(name); ok {
		return e, nil
	}
	return r.Tree.Stat(name)
}

// listed returns an entry of a directory that is known.
func (r *remembered) listed(name string) (Entry, bool) {
	dir, base := path.Dir(name), path.Base(name)
	r.mu.RLock()
	entries := r.dirs[dir]
	r.mu.RUnlock()
	i, ok := slices.BinarySearchFunc(entries, base, func(e Entry, base string) int { return strings.Compare(e.Name, base) })
	if !ok || path.Join(dir, base) != name {
		return Entry{}, false
	}
	return entries[i], true
}

func (r *remembered) ReadDir(name string) ([]Entry, error) {
	r.mu.RLock()
	entries, ok := r.dirs[name]
	r.mu.RUnlock()
	if ok {
		return slices.Clone(entries), nil
	}
	entries, err := r.Tree.ReadDir(name)
	if err == nil {
		r.mu.Lock()
		r.dirs[name] = slices.Clone(entries)
		r.mu.Unlock()
	}
	return entries, err
}

func (r *remembered) ReadFile(name string) ([]byte, error) {
	r.mu.RLock()
	content, ok := r.files[name]
	r.mu.RUnlock()
	if ok {
		return content, nil
	}
	content, err := r.Tree.ReadFile(name)
	if err == nil && len(content) <= maxKeptFile {
		r.mu.Lock()
		if _, known := r.files[name]; !known && r.kept+len(content) <= maxKept {
			r.kept += len(content)
			r.files[name] = content
		}
		r.mu.Unlock()
	}
	return content, err
}
