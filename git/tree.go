package git

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/source"
)

// Tree returns the files of a commit. All its directories are read and checked
// first, but for those that are known from earlier trees. Entries have the ids
// of their objects, and no size. Submodules are shown and never read. Trees that
// are too large give a LimitError, dangerous names a TreeError.
func (m *Mirror) Tree(ctx context.Context, commit string) (source.Tree, error) {
	root, err := m.trees.ofCommit(ctx, commit)
	if err != nil {
		return nil, err
	}
	return &tree{mirror: m, root: root, revision: source.Revision{Source: m.URL(), Commit: commit}}, nil
}

// FileAt returns a file's content at a commit. Symbolic links are not followed,
// on the way or at the end.
func (m *Mirror) FileAt(ctx context.Context, commit, name string) ([]byte, error) {
	t, err := m.Tree(ctx, commit)
	if err != nil {
		return nil, err
	}
	if err := source.CheckPath(name); err != nil {
		return nil, err
	}
	e, _, err := t.(*tree).find(name)
	if err != nil {
		return nil, err
	}
	if !e.Mode.Regular() {
		return nil, &source.KindError{Path: name, Mode: e.Mode}
	}
	return t.(*tree).blob(ctx, name, e.ID)
}

// tree is a source.Tree over one commit's directories.
type tree struct {
	mirror   *Mirror
	root     *dir
	revision source.Revision
	links    sync.Map // id of a symbolic link's blob to its text
	cache    *blobs   // nil if files are read anew each time
}

func (t *tree) Revision() source.Revision { return t.revision }

func (t *tree) Stat(name string) (source.Entry, error) {
	e, _, err := t.lookup(name, false)
	return e, err
}

func (t *tree) ReadDir(name string) ([]source.Entry, error) {
	e, d, err := t.lookup(name, true)
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, &source.KindError{Path: name, Mode: e.Mode}
	}
	return slices.Clone(d.entries), nil
}

func (t *tree) ReadFile(name string) ([]byte, error) {
	e, _, err := t.lookup(name, true)
	if err != nil {
		return nil, err
	}
	if !e.Mode.Regular() {
		return nil, &source.KindError{Path: name, Mode: e.Mode}
	}
	return t.blob(context.Background(), name, e.ID)
}

func (t *tree) Readlink(name string) (string, error) {
	e, _, err := t.lookup(name, false)
	if err != nil {
		return "", err
	}
	if e.Mode != source.ModeSymlink {
		return "", &source.KindError{Path: name, Mode: e.Mode}
	}
	return t.target(e)
}

// lookup returns the entry at a path, and its directory if it is one.
func (t *tree) lookup(name string, follow bool) (source.Entry, *dir, error) {
	if err := source.CheckPath(name); err != nil {
		return source.Entry{}, nil, err
	}
	e, d, err := t.find(name)
	if err == nil && (e.Mode != source.ModeSymlink || !follow) {
		return e, d, nil
	}
	if err != nil && !errors.Is(err, errBehindLink) {
		return e, d, err
	}
	name, err = source.Resolve(name, follow, func(p string) (string, bool, error) {
		e, _, err := t.find(p)
		if err != nil || e.Mode != source.ModeSymlink {
			return "", false, err
		}
		target, err := t.target(e)
		return target, err == nil, err
	})
	if err != nil {
		return source.Entry{}, nil, err
	}
	return t.find(name)
}

// errBehindLink reports a path below a symbolic link, which is not followed.
var errBehindLink = errors.New("behind a symbolic link")

// find returns the entry at a path without following links.
func (t *tree) find(name string) (source.Entry, *dir, error) {
	e, d := source.Entry{Name: ".", Mode: source.ModeDir, Size: -1, ID: t.root.id}, t.root
	if name == "." {
		return e, d, nil
	}
	for elem := range strings.SplitSeq(name, "/") {
		if e.Mode == source.ModeSymlink {
			return source.Entry{}, nil, errBehindLink
		}
		if d == nil {
			return source.Entry{}, nil, absent(name)
		}
		i, ok := slices.BinarySearchFunc(d.entries, elem, func(e source.Entry, name string) int { return cmp.Compare(e.Name, name) })
		if !ok {
			return source.Entry{}, nil, absent(name)
		}
		e, d = d.entries[i], d.subdirs[i]
	}
	return e, d, nil
}

func absent(name string) error { return &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist} }

// target returns what a link holds.
func (t *tree) target(e source.Entry) (string, error) {
	if text, ok := t.links.Load(e.ID); ok {
		return text.(string), nil
	}
	content, err := t.mirror.object(context.Background(), e.ID, "blob", int64(t.mirror.opts.MaxPath))
	if err != nil {
		return "", t.mirror.incomplete(err)
	}
	t.links.Store(e.ID, string(content))
	return string(content), nil
}

func (t *tree) blob(ctx context.Context, name, id string) ([]byte, error) {
	if content, ok := t.cache.get(id); ok {
		return content, nil
	}
	content, err := t.mirror.object(ctx, id, "blob", t.mirror.opts.MaxFileSize)
	if large, ok := errors.AsType[*source.TooLargeError](err); ok {
		large.Path = name
	}
	return content, t.mirror.incomplete(err)
}

// incomplete makes a CorruptError of an object that is missing though another
// one names it.
func (m *Mirror) incomplete(err error) error {
	if missing, ok := errors.AsType[*MissingError](err); ok {
		return m.corrupt(missing.Error())
	}
	return err
}
