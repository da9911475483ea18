package source

import (
	"cmp"
	"path"
	"slices"
)

// Overlay returns base with some files replaced, as an editor's unsaved buffers
// do. Nil content deletes a path; a directory whose files are all deleted stays,
// empty. Content given for a symbolic link replaces what the link points to. The
// result is no longer the commit that base may be.
func Overlay(base Tree, files map[string][]byte) Tree {
	o := &overlayTree{base: base, deleted: map[string]bool{}}
	added := map[string][]byte{}
	for p, content := range files {
		real, err := Resolve(p, content != nil, func(p string) (string, bool, error) { return readlink(base, p) })
		if IsNotExist(err) { // a new file, perhaps in a new directory
			real, err = p, nil
		}
		switch {
		case err != nil:
			// Where this leads cannot be told, so there is nothing to replace.
		case content == nil:
			o.deleted[real] = true
		default:
			added[real] = content
		}
	}
	o.added = newMemory(added)
	return o
}

type overlayTree struct {
	base    Tree
	added   *memTree
	deleted map[string]bool
}

func (o *overlayTree) Revision() Revision {
	r := o.base.Revision()
	if len(o.added.files)+len(o.deleted) > 0 {
		r.Commit = ""
	}
	return r
}

func (o *overlayTree) Stat(name string) (Entry, error) {
	real, err := o.resolve(name, false)
	if err != nil {
		return Entry{}, err
	}
	return o.stat(real)
}

func (o *overlayTree) Readlink(name string) (string, error) {
	real, err := o.resolve(name, false)
	if err != nil {
		return "", err
	}
	target, ok, err := o.readlink(real)
	if err != nil {
		return "", err
	}
	if !ok {
		e, err := o.stat(real)
		return "", cmp.Or(err, error(&KindError{Path: name, Mode: e.Mode}))
	}
	return target, nil
}

func (o *overlayTree) ReadFile(name string) ([]byte, error) {
	real, err := o.resolve(name, true)
	if err != nil {
		return nil, err
	}
	if content, ok := o.added.files[real]; ok {
		return content, nil
	}
	if e, err := o.stat(real); err != nil || e.Mode == ModeDir {
		return nil, cmp.Or(err, error(&KindError{Path: name, Mode: e.Mode}))
	}
	return o.base.ReadFile(real)
}

func (o *overlayTree) ReadDir(name string) ([]Entry, error) {
	real, err := o.resolve(name, true)
	if err != nil {
		return nil, err
	}
	e, err := o.stat(real)
	if err != nil {
		return nil, err
	}
	if e.Mode != ModeDir {
		return nil, &KindError{Path: name, Mode: e.Mode}
	}
	below, err := o.base.ReadDir(real)
	if err != nil && o.added.dirs[real] == nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, e := range below {
		names[e.Name] = true
	}
	for base := range o.added.dirs[real] {
		names[base] = true
	}
	entries := []Entry{}
	for base := range names {
		e, err := o.stat(path.Join(real, base))
		if IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

// stat describes a path that holds no symbolic link but perhaps its last.
func (o *overlayTree) stat(real string) (Entry, error) {
	if content, ok := o.added.files[real]; ok {
		e := Entry{Name: path.Base(real), Size: int64(len(content))}
		if below, err := o.base.Stat(real); err == nil && below.Mode == ModeExecutable {
			e.Mode = ModeExecutable
		}
		return e, nil
	}
	if _, ok := o.added.dirs[real]; ok && real != "." {
		return Entry{Name: path.Base(real), Mode: ModeDir, Size: -1}, nil
	}
	for p := real; p != "."; p = path.Dir(p) {
		if o.deleted[p] {
			return Entry{}, notExist(real)
		}
		if _, ok := o.added.files[path.Dir(p)]; ok {
			return Entry{}, notExist(real)
		}
	}
	return o.base.Stat(real)
}

func (o *overlayTree) resolve(name string, follow bool) (string, error) {
	return Resolve(name, follow, o.readlink)
}

func (o *overlayTree) readlink(real string) (string, bool, error) {
	e, err := o.stat(real)
	if err != nil || e.Mode != ModeSymlink {
		return "", false, err
	}
	return readlink(o.base, real)
}

// readlink returns the target of a link in any tree; a tree that cannot tell
// has none.
func readlink(t Tree, name string) (string, bool, error) {
	l, ok := t.(Linker)
	if !ok {
		_, err := t.Stat(name)
		return "", false, err
	}
	e, err := t.Stat(name)
	if err != nil || e.Mode != ModeSymlink {
		return "", false, err
	}
	target, err := l.Readlink(name)
	return target, err == nil, err
}
