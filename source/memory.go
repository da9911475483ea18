package source

import (
	"maps"
	"path"
	"slices"
)

// Memory returns a tree that holds the given files, by path. Paths that are not
// clean are left out, for no tree can show them, and so is a file whose path is
// that of a directory. The map may change afterwards.
func Memory(files map[string]string) Tree {
	contents := make(map[string][]byte, len(files))
	for p, content := range files {
		contents[p] = []byte(content)
	}
	return newMemory(contents)
}

// memTree is the files themselves, and what each directory holds.
type memTree struct {
	files map[string][]byte
	dirs  map[string]map[string]bool
}

func newMemory(files map[string][]byte) *memTree {
	t := &memTree{files: map[string][]byte{}, dirs: map[string]map[string]bool{".": {}}}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if CheckPath(p) != nil || p == "." {
			continue
		}
		t.files[p] = files[p]
		for child := p; child != "."; child = path.Dir(child) {
			dir := path.Dir(child)
			if t.dirs[dir] == nil {
				t.dirs[dir] = map[string]bool{}
			}
			t.dirs[dir][path.Base(child)] = true
		}
	}
	maps.DeleteFunc(t.files, func(p string, _ []byte) bool { return t.dirs[p] != nil })
	return t
}

func (t *memTree) Revision() Revision { return Revision{} }

func (t *memTree) Stat(name string) (Entry, error) {
	if err := CheckPath(name); err != nil {
		return Entry{}, err
	}
	if content, ok := t.files[name]; ok {
		return Entry{Name: path.Base(name), Mode: ModeFile, Size: int64(len(content))}, nil
	}
	if _, ok := t.dirs[name]; ok {
		return Entry{Name: path.Base(name), Mode: ModeDir, Size: -1}, nil
	}
	return Entry{}, notExist(name)
}

func (t *memTree) ReadDir(name string) ([]Entry, error) {
	e, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	if e.Mode != ModeDir {
		return nil, &KindError{Path: name, Mode: e.Mode}
	}
	entries := []Entry{}
	for _, base := range slices.Sorted(maps.Keys(t.dirs[name])) {
		child, err := t.Stat(path.Join(name, base))
		if err != nil {
			return nil, err
		}
		entries = append(entries, child)
	}
	return entries, nil
}

func (t *memTree) ReadFile(name string) ([]byte, error) {
	e, err := t.Stat(name)
	if err != nil {
		return nil, err
	}
	if !e.Mode.Regular() {
		return nil, &KindError{Path: name, Mode: e.Mode}
	}
	return t.files[name], nil
}
