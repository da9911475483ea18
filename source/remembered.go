package source

import (
	"path"
	"slices"
	"strings"
	"sync"
	"unsafe"
	"weak"
)

// Remembered returns a tree that asks another one for each directory once, and a disk for
// each file once as long as somebody has its content. Who looks at a tree in several steps
// sees the same in each of them.
func Remembered(tree Tree) Tree {
	_, onDisk := tree.(*diskTree)
	r := &remembered{Tree: tree, onDisk: onDisk, dirs: map[string][]Entry{}, files: map[string]content{}}
	if links, ok := tree.(Linker); ok {
		return &rememberedLinks{r, links}
	}
	return r
}

type remembered struct {
	Tree
	onDisk bool // so that contents are memory of the heap, which others may not be

	mu    sync.RWMutex
	dirs  map[string][]Entry
	files map[string]content
}

// content is that of a file, which others keep or forget.
type content struct {
	first weak.Pointer[byte]
	n     int
}

func contentOf(b []byte) content { return content{weak.Make(unsafe.SliceData(b)), len(b)} }

// bytes returns nil if the content was forgotten.
func (c content) bytes() []byte {
	if first := c.first.Value(); first != nil {
		return unsafe.Slice(first, c.n) //nolint:gosec // it is that of a slice of so many bytes
	}
	return nil
}

type rememberedLinks struct {
	*remembered
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
	if !r.onDisk {
		return r.Tree.ReadFile(name)
	}
	r.mu.RLock()
	known := r.files[name].bytes()
	r.mu.RUnlock()
	if known != nil {
		return known, nil
	}
	read, err := r.Tree.ReadFile(name)
	if err == nil && len(read) > 0 {
		r.mu.Lock()
		r.files[name] = contentOf(read)
		r.mu.Unlock()
	}
	return read, err
}
