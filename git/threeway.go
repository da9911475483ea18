package git

import (
	"bytes"
	"context"

	"github.com/holdfast-dev/holdfast/source"
)

// maxMergedFile bounds the files that are merged here, in bytes.
const maxMergedFile = 1 << 20

// A merge is made again in two ways. The one here is what nearly every merge is: each
// path as the one side has it that changed it, and where both changed a file, lines
// that lie apart. It opens no directory that is equal on the sides, and starts no
// process. Whatever it cannot tell, such as renames and conflicts, is asked of git.

// threeWay compares a tree with the merge of two others on a base.
type threeWay struct {
	ctx    context.Context
	mirror *Mirror
}

// slot is what a directory has at one name.
type slot struct {
	there bool
	mode  source.Mode
	id    string
	sub   *dir
}

func (s slot) isDir() bool  { return s.there && s.mode == source.ModeDir }
func (s slot) isFile() bool { return s.there && s.mode.Regular() }

// below is the directory of the slot, without entries if there is none.
func (s slot) below() *dir {
	if s.sub != nil {
		return s.sub
	}
	return &dir{}
}

func (s slot) same(o slot) bool { return s.there == o.there && s.mode == o.mode && s.id == o.id }

// holds reports whether the result is what both sides changed of the base, and nothing
// else. False means that it is something else, or that this cannot be told.
func (w *threeWay) holds(base, ours, theirs, result *dir) (bool, error) {
	at := [4]int{}
	dirs := [4]*dir{base, ours, theirs, result}
	for {
		name, more := first(dirs, at)
		if !more {
			return true, nil
		}
		var slots [4]slot
		for i, d := range dirs {
			if j := at[i]; j < len(d.entries) && d.entries[j].Name == name {
				e := d.entries[j]
				slots[i] = slot{true, e.Mode, e.ID, d.subdirs[j]}
				at[i]++
			}
		}
		if ok, err := w.slotHolds(slots[0], slots[1], slots[2], slots[3]); !ok || err != nil {
			return false, err
		}
	}
}

// first returns the least name that is next in one of the directories.
func first(dirs [4]*dir, at [4]int) (name string, more bool) {
	for i, d := range dirs {
		if at[i] < len(d.entries) && (!more || d.entries[at[i]].Name < name) {
			name, more = d.entries[at[i]].Name, true
		}
	}
	return name, more
}

func (w *threeWay) slotHolds(base, ours, theirs, result slot) (bool, error) {
	switch {
	case ours.same(theirs), base.same(theirs):
		return result.same(ours), nil
	case base.same(ours):
		return result.same(theirs), nil
	}
	dirs := 0
	for _, s := range []slot{base, ours, theirs} {
		if s.isDir() {
			dirs++
		} else if s.there {
			dirs = -4
		}
	}
	switch {
	case dirs > 0 && (result.isDir() || !result.there):
		return w.holds(base.below(), ours.below(), theirs.below(), result.below())
	case base.isFile() && ours.isFile() && theirs.isFile() && result.isFile():
		if result.mode != either(base.mode, ours.mode, theirs.mode) {
			return false, nil
		}
		if ours.id == theirs.id || base.id == ours.id || base.id == theirs.id {
			return result.id == either(base.id, ours.id, theirs.id), nil
		}
		return w.fileHolds(base.id, ours.id, theirs.id, result.id)
	}
	return false, nil
}

// either returns the one of two values that is not the base's.
func either[T comparable](base, ours, theirs T) T {
	if ours == base {
		return theirs
	}
	return ours
}

func (w *threeWay) fileHolds(ids ...string) (bool, error) {
	contents, err := w.texts(ids)
	if err != nil || contents == nil {
		return false, err
	}
	merged, ok := mergeLines(contents[0], contents[1], contents[2])
	return ok && bytes.Equal(merged, contents[3]), nil
}

// texts reads files; nil if one of them has no lines, or too many.
func (w *threeWay) texts(ids []string) ([][]byte, error) {
	var contents [][]byte
	err := w.mirror.batch.read(w.ctx, ids, maxMergedFile, func(o object) error {
		if o.kind != "blob" {
			return w.mirror.incomplete(&MissingError{ID: o.id, Kind: "blob", Is: o.kind})
		}
		if o.size <= maxMergedFile && !isBinary(o.content) {
			contents = append(contents, o.content)
		}
		return nil
	})
	if err != nil || len(contents) != len(ids) {
		return nil, err
	}
	return contents, nil
}

// isBinary tells as git does what has no lines.
func isBinary(content []byte) bool { return bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0 }
