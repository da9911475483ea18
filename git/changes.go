package git

import (
	"cmp"
	"context"
	"path"
	"slices"

	"github.com/holdfast-dev/holdfast/source"
)

// Change is a file, link or submodule that differs between two states. The name
// of an entry is its path; Before is zero for what is new, After for what is
// gone. The names differ when git takes it for a rename.
type Change struct{ Before, After source.Entry }

// Path returns the path of what changed: the new one of what was renamed.
func (c Change) Path() string { return cmp.Or(c.After.Name, c.Before.Name) }

// Changes returns the files, links and submodules that differ between two commits
// in content, mode or presence, by path. From may be "", which stands for no files
// at all. A file that becomes a directory is one that is gone, and new ones.
func (m *Mirror) Changes(ctx context.Context, from, to string) ([]Change, error) {
	before := &dir{}
	var err error
	if from != "" {
		if before, err = m.trees.ofCommit(ctx, from); err != nil {
			return nil, err
		}
	}
	after, err := m.trees.ofCommit(ctx, to)
	if err != nil {
		return nil, err
	}
	changes := diff(nil, "", before, after)
	slices.SortFunc(changes, func(a, b Change) int { return cmp.Compare(a.Path(), b.Path()) })
	return changes, nil
}

// Changed returns the paths of what Changes returns.
func (m *Mirror) Changed(ctx context.Context, from, to string) ([]string, error) {
	changes, err := m.Changes(ctx, from, to)
	if err != nil {
		return nil, err
	}
	paths := make([]string, len(changes))
	for i, c := range changes {
		paths[i] = c.Path()
	}
	return slices.Compact(paths), nil
}

// TreeSize is how large the tree of a commit is.
type TreeSize struct {
	Entries int // files and directories, each as often as it occurs
	Depth   int // directories on the longest way down
}

// TreeSize returns how large the tree of a commit is.
func (m *Mirror) TreeSize(ctx context.Context, commit string) (TreeSize, error) {
	d, err := m.trees.ofCommit(ctx, commit)
	if err != nil {
		return TreeSize{}, err
	}
	return TreeSize{Entries: d.total, Depth: d.depth}, nil
}

func diff(changes []Change, prefix string, a, b *dir) []Change {
	if a.id == b.id {
		return changes
	}
	named := func(d *dir, i int) source.Entry {
		e := d.entries[i]
		e.Name = path.Join(prefix, e.Name)
		return e
	}
	gone := func(i int) {
		if sub := a.subdirs[i]; sub != nil {
			changes = diff(changes, path.Join(prefix, a.entries[i].Name), sub, &dir{})
		} else {
			changes = append(changes, Change{Before: named(a, i)})
		}
	}
	added := func(i int) {
		if sub := b.subdirs[i]; sub != nil {
			changes = diff(changes, path.Join(prefix, b.entries[i].Name), &dir{}, sub)
		} else {
			changes = append(changes, Change{After: named(b, i)})
		}
	}
	i, j := 0, 0
	for i < len(a.entries) || j < len(b.entries) {
		switch order := compareNames(a, i, b, j); {
		case order < 0:
			gone(i)
			i++
		case order > 0:
			added(j)
			j++
		default:
			x, y := a.entries[i], b.entries[j]
			switch {
			case x.ID == y.ID && x.Mode == y.Mode:
			case x.Mode == source.ModeDir && y.Mode == source.ModeDir:
				changes = diff(changes, path.Join(prefix, x.Name), a.subdirs[i], b.subdirs[j])
			case x.Mode != source.ModeDir && y.Mode != source.ModeDir:
				changes = append(changes, Change{Before: named(a, i), After: named(b, j)})
			default:
				gone(i)
				added(j)
			}
			i, j = i+1, j+1
		}
	}
	return changes
}

func compareNames(a *dir, i int, b *dir, j int) int {
	switch {
	case i == len(a.entries):
		return 1
	case j == len(b.entries):
		return -1
	}
	return cmp.Compare(a.entries[i].Name, b.entries[j].Name)
}

// Changes is that of Mirror.
func (l *Local) Changes(ctx context.Context, from, to string) ([]Change, error) {
	return l.m.Changes(ctx, from, to)
}

// TreeSize is that of Mirror.
func (l *Local) TreeSize(ctx context.Context, commit string) (TreeSize, error) {
	return l.m.TreeSize(ctx, commit)
}
