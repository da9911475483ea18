package terraform

import (
	"hash/maphash"

	"github.com/holdfast-dev/holdfast/render"
)

// parsed is a module with the files that it is made of.
type parsed struct {
	module   *module
	files    []*file
	problems []render.Problem

	key  uint64
	size int // of the files, in bytes
}

// maxKept is how much text of parsed modules is kept for other roots, in bytes. What
// is parsed takes about twenty times as much.
const maxKept = 2 << 20

var seed = maphash.MakeSeed()

func keyOf(texts []text) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, t := range texts {
		_, _ = h.WriteString(t.name)
		_ = h.WriteByte(0)
		_, _ = h.Write(t.content)
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// kept returns a module that was parsed for another root, if it is still the same.
func (r *renderer) kept(dir string, key uint64) *parsed {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.modules[dir]; p != nil && p.key == key {
		return p
	}
	return nil
}

// keep keeps a module if another one calls it: others may, too.
func (r *run) keep(dir string, key uint64, p *parsed) {
	p.key = key
	for _, f := range p.files {
		p.size += len(f.Content)
	}
	if dir == r.dir && !r.shared(dir) {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.size += p.size; r.size > maxKept {
		r.renderer.modules, r.size = nil, p.size
	}
	if r.renderer.modules == nil {
		r.renderer.modules = map[string]*parsed{}
	}
	r.renderer.modules[dir] = p
}
