package integrity

import (
	"cmp"
	"context"
	"path"
	"slices"

	"github.com/holdfast-dev/holdfast/source"
)

// Change is a file, link or submodule that a commit changes.
type Change struct {
	Path     string
	Old, New source.Entry // without an id where there is none
}

// changed returns what a commit changes: against its parent, or, of a merge, what
// is as none of its parents has it.
func (c *checker) changed(ctx context.Context, commit string) ([]Change, []Problem, error) {
	header, err := c.h.Commit(ctx, commit)
	if err != nil {
		return nil, nil, err
	}
	after, err := c.h.Tree(ctx, commit)
	if err != nil {
		return nil, nil, err
	}
	parents := []source.Tree{nil}
	if len(header.Parents) > 0 {
		parents = parents[:0]
	}
	for _, id := range header.Parents {
		before, err := c.h.Tree(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		parents = append(parents, before)
	}
	var all []Change
	for i, before := range parents {
		changes, err := compareDirs(nil, ".", before, after, before != nil, true)
		if err != nil {
			return nil, nil, err
		}
		if i == 0 {
			all = changes
			continue
		}
		all = slices.DeleteFunc(all, func(a Change) bool {
			return !slices.ContainsFunc(changes, func(b Change) bool { return a.Path == b.Path })
		})
	}
	return all, nil, nil
}

// compareDirs adds what differs between a directory of two trees, either of
// which may not have it. Directories of the same id are not opened.
func compareDirs(changes []Change, dir string, before, after source.Tree, inBefore, inAfter bool) ([]Change, error) {
	old, err := entriesOf(before, dir, inBefore)
	if err != nil {
		return nil, err
	}
	new, err := entriesOf(after, dir, inAfter)
	if err != nil {
		return nil, err
	}
	for len(old) > 0 || len(new) > 0 {
		var a, b source.Entry
		order := 0
		if len(old) > 0 && len(new) > 0 {
			order = cmp.Compare(old[0].Name, new[0].Name)
		}
		if len(old) > 0 && (order <= 0 || len(new) == 0) {
			a = old[0]
		}
		if len(new) > 0 && (order >= 0 || len(old) == 0) {
			b = new[0]
		}
		if a.Name != "" {
			old = old[1:]
		}
		if b.Name != "" {
			new = new[1:]
		}
		if a.ID == b.ID && a.Mode == b.Mode && a.Name == b.Name {
			continue
		}
		name := path.Join(dir, cmp.Or(a.Name, b.Name))
		isDir := [2]bool{a.Name != "" && a.Mode == source.ModeDir, b.Name != "" && b.Mode == source.ModeDir}
		if isDir[0] || isDir[1] {
			if changes, err = compareDirs(changes, name, before, after, isDir[0], isDir[1]); err != nil {
				return nil, err
			}
		}
		if isDir[0] {
			a = source.Entry{}
		}
		if isDir[1] {
			b = source.Entry{}
		}
		if a.Name != "" || b.Name != "" {
			changes = append(changes, Change{Path: name, Old: a, New: b})
		}
	}
	return changes, nil
}

func entriesOf(tree source.Tree, dir string, has bool) ([]source.Entry, error) {
	if !has {
		return nil, nil
	}
	return tree.ReadDir(dir)
}
