package source

import (
	"errors"
	"io/fs"
)

// Walk calls fn for every entry below dir, depth first and sorted by name; a
// directory comes before its entries. Symbolic links are reported, not followed,
// and submodules not entered. fn may return fs.SkipDir to pass over a directory,
// or the rest of the directory that holds a file, and fs.SkipAll to stop.
func Walk(t Tree, dir string, fn func(path string, e Entry) error) error {
	err := walk(t, dir, fn)
	if errors.Is(err, fs.SkipAll) || errors.Is(err, fs.SkipDir) {
		return nil
	}
	return err
}

func walk(t Tree, dir string, fn func(string, Entry) error) error {
	entries, err := t.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		p := e.Name
		if dir != "." {
			p = dir + "/" + e.Name
		}
		err := fn(p, e)
		if errors.Is(err, fs.SkipDir) {
			if e.Mode != ModeDir {
				return nil
			}
			continue
		}
		if err != nil {
			return err
		}
		if e.Mode == ModeDir {
			if err := walk(t, p, fn); err != nil {
				return err
			}
		}
	}
	return nil
}
