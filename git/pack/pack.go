// Package pack reads objects where a Git repository keeps them: compressed one by
// one in files of their own ("loose"), or together in packs.
//
// A pack has an index, which is sorted by id and names the offset of each object. An
// entry at an offset has a kind, a size and a zlib stream. That is the object, or
// a delta: what to copy from another object, its base, and what to insert. The base is
// earlier in the same pack, or named by its id, and may be a delta itself.
//
// Nothing here is checked against ids, and nothing is reported: an object that is not
// there, not as it should be, or of a kind of storage that is not known, is one that
// is not found. Whoever asks makes sure that content is what its id says, and
// asks Git for what is not found, which also tells what is wrong with it.
package pack

import (
	"cmp"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	// maxIndexes bounds the bytes of indexes, which are held in memory. That is two
	// million objects; in larger repositories nothing is found.
	maxIndexes = 64 << 20
	// maxPacks bounds the files that are open.
	maxPacks = 64
	// maxChain bounds how many deltas lead to an object; Git makes 50, and 4,095 at most.
	maxChain = 4096
	// maxBase bounds an object that a delta is applied to.
	maxBase = 64 << 20
)

// Object is what was found. Content is nil if the size is above the limit.
type Object struct {
	Kind    string // commit, tree, blob or tag
	Size    int64  // bytes of the content
	Content []byte // shared: not to be changed
}

// Store is the objects of one repository. It may be used by many at once.
type Store struct {
	dir string

	mu      sync.Mutex
	listed  time.Time // when the directory of packs was changed, as it was listed
	idSize  int       // bytes of an id, as of the first that was asked for
	packs   []*pack
	blocks  blocks
	bases   bases
	inflate inflater
	fast    fastInflater
	scratch []byte // of a delta, while it is applied
}

// Open returns the store of a repository's directory of objects. It reads nothing yet.
func Open(objects string) *Store { return &Store{dir: objects} }

// Close releases the files that are held open. The store can be used again.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

func (s *Store) closeLocked() {
	for _, p := range s.packs {
		_ = p.file.Close()
	}
	s.packs, s.listed, s.blocks, s.bases = nil, time.Time{}, blocks{}, bases{}
}

// Has reports whether an object seems to be here.
func (s *Store) Has(id string) bool {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.find(raw); ok {
		return true
	}
	return regular(s.loosePath(id))
}

// Read returns an object by its id in hexadecimal digits, without its content if that
// has more bytes than the limit.
func (s *Store) Read(id string, limit int64) (Object, bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) == 0 {
		return Object{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.find(raw); ok {
		if o, ok := s.packed(at, limit); ok {
			return o, true
		}
	}
	return s.loose(id, limit)
}

// find returns where an object is packed. Packs that were made meanwhile are looked
// for before there is none.
func (s *Store) find(id []byte) (place, bool) {
	s.idSize = cmp.Or(s.idSize, len(id))
	if at, ok := s.lookup(id); ok || !s.list() {
		return at, ok
	}
	return s.lookup(id)
}

func (s *Store) lookup(id []byte) (place, bool) {
	for i, p := range s.packs {
		if offset, ok := p.index.offset(id); ok {
			if i > 0 { // where one is, there are others
				copy(s.packs[1:i+1], s.packs[:i])
				s.packs[0] = p
			}
			return place{p, offset}, true
		}
	}
	return place{}, false
}

// list looks for packs, and reports whether there may be others than before.
func (s *Store) list() bool {
	dir := filepath.Join(s.dir, "pack")
	info, err := os.Stat(dir)
	if err != nil || info.ModTime().Equal(s.listed) {
		return false
	}
	s.closeLocked()
	s.listed = info.ModTime()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	var names []string
	total := int64(0)
	for _, e := range entries {
		name, isIndex := strings.CutSuffix(e.Name(), ".idx")
		if info, err := e.Info(); isIndex && err == nil && info.Mode().IsRegular() {
			total += info.Size()
			names = append(names, name)
		}
	}
	if total > maxIndexes || len(names) > maxPacks {
		return false
	}
	for _, name := range names {
		if p := openPack(filepath.Join(dir, name), s.idSize); p != nil {
			s.packs = append(s.packs, p)
		}
	}
	return true
}

// regular reports whether a name is that of a file itself: to open a pipe would wait
// for whoever writes to it.
func regular(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// pack is one pack that is open.
type pack struct {
	index *index
	file  *os.File
	size  int64
}

// openPack returns nil for what is not a pack of version 2 with an index of version 2.
func openPack(name string, idSize int) *pack {
	data, err := os.ReadFile(name + ".idx")
	if err != nil {
		return nil
	}
	if !regular(name + ".pack") {
		return nil
	}
	file, err := os.Open(name + ".pack")
	if err != nil {
		return nil
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil
	}
	var header [12]byte
	if _, err := file.ReadAt(header[:], 0); err != nil || string(header[:8]) != "PACK\x00\x00\x00\x02" {
		file.Close()
		return nil
	}
	p := &pack{file: file, size: info.Size()}
	if p.index = parseIndex(data, count(header[8:]), idSize); p.index == nil {
		file.Close()
		return nil
	}
	return p
}
