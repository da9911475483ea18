package kustomize

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

// treeFS shows a tree to kustomize as a file system whose root is the tree's.
// Kustomize loads everything that is not remote through it, so it is the place to
// refuse entries before kustomize acts on them, and to stop a build: a bomb made
// of bases has to read their files again and again.
type treeFS struct {
	ctx  context.Context
	tree source.Tree
	root string // path of the directory that is built
	read map[string]bool
	// schema is set when a kustomization brings definitions of kinds.
	schema bool

	// stop is the first reason to give up. Kustomize tries other meanings of an
	// entry when a read fails, so a refusal must also fail all reads after it.
	stop *render.Problem
}

var errReadOnly = errors.New("the tree is read-only")

// fail remembers the reason to give up.
func (t *treeFS) fail(p render.Problem) error {
	if t.stop == nil {
		t.stop = &p
	}
	return *t.stop
}

func (t *treeFS) alive() error {
	if t.stop != nil {
		return *t.stop
	}
	return t.ctx.Err()
}

// inTree converts a path of kustomize to one of the tree.
func inTree(name string) string {
	return strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(name)), "/")
}

func orRoot(name string) string {
	if name == "" {
		return "."
	}
	return name
}

// resolve follows all symbolic links of a path and says what is there.
func (t *treeFS) resolve(name string) (string, source.Entry, error) {
	if err := t.alive(); err != nil {
		return "", source.Entry{}, err
	}
	name, err := resolve(t.tree, orRoot(inTree(name)))
	if err != nil {
		return "", source.Entry{}, t.noteUnreadable(name, err)
	}
	if name == "." {
		return name, source.Entry{Name: ".", Mode: source.ModeDir}, nil
	}
	e, err := t.tree.Stat(name)
	return name, e, t.noteUnreadable(name, err)
}

// resolve returns the path without symbolic links that name stands for.
func resolve(tree source.Tree, name string) (string, error) {
	links, _ := tree.(source.Linker)
	return source.Resolve(name, true, func(p string) (string, bool, error) {
		e, err := tree.Stat(p)
		if err != nil || e.Mode != source.ModeSymlink || links == nil {
			return "", false, nil //nolint:nilerr // whatever is wrong shows when the path is used
		}
		target, err := links.Readlink(p)
		return target, true, err
	})
}

// noteUnreadable gives up on errors other than absence: kustomize would take a
// file that cannot be read for one that is not there.
func (t *treeFS) noteUnreadable(name string, err error) error {
	if err == nil || source.IsNotExist(err) || errors.Is(err, fs.ErrInvalid) {
		return err
	}
	if _, ok := errors.AsType[*source.KindError](err); ok {
		return err
	}
	return t.fail(render.Problem{Path: name, Message: reason(name, err)})
}

// reason is the message of err without the path that it may begin with.
func reason(name string, err error) string {
	return strings.TrimPrefix(err.Error(), name+": ")
}

func (t *treeFS) CleanedAbs(name string) (filesys.ConfirmedDir, string, error) {
	real, e, err := t.resolve(name)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", orRoot(inTree(name)), err)
	}
	if e.Mode == source.ModeDir {
		return filesys.ConfirmedDir(path.Join("/", real)), "", nil
	}
	return filesys.ConfirmedDir(path.Dir("/" + real)), path.Base(real), nil
}

func (t *treeFS) IsDir(name string) bool {
	_, e, err := t.resolve(name)
	return err == nil && e.Mode == source.ModeDir
}

func (t *treeFS) Exists(name string) bool {
	_, _, err := t.resolve(name)
	return err == nil
}

func (t *treeFS) ReadFile(name string) ([]byte, error) {
	if err := t.alive(); err != nil {
		return nil, err
	}
	name = orRoot(inTree(name))
	content, err := t.tree.ReadFile(name)
	if err != nil {
		return nil, t.noteUnreadable(name, err)
	}
	t.read[name] = true
	if p, refused := refuse(name, content); refused {
		return nil, t.fail(p)
	}
	if isKustomizationFile(path.Base(name)) {
		var k types.Kustomization
		if k.Unmarshal(content) == nil && len(k.OpenAPI)+len(k.Crds) > 0 {
			t.schema = true
		}
		if path.Dir(name) == t.root {
			return withOrigins(content), nil
		}
	}
	return content, nil
}

func (t *treeFS) ReadDir(name string) ([]string, error) {
	if err := t.alive(); err != nil {
		return nil, err
	}
	entries, err := t.tree.ReadDir(orRoot(inTree(name)))
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names, err
}

func (t *treeFS) Glob(pattern string) ([]string, error) {
	dir, base := path.Split(filepath.ToSlash(pattern))
	if _, err := path.Match(base, ""); err != nil {
		return nil, err
	}
	names, err := t.ReadDir(dir)
	if err != nil {
		return nil, nil //nolint:nilerr // as filepath.Glob, which ignores what it cannot list
	}
	var found []string
	for _, n := range names {
		if ok, _ := path.Match(base, n); ok {
			found = append(found, path.Join(dir, n))
		}
	}
	return found, nil
}

func (t *treeFS) Walk(name string, fn filepath.WalkFunc) error {
	root := orRoot(inTree(name))
	return source.Walk(t.tree, root, func(p string, e source.Entry) error {
		if err := t.alive(); err != nil {
			return err
		}
		return fn("/"+p, info{e}, nil)
	})
}

func (t *treeFS) Open(name string) (filesys.File, error) {
	content, err := t.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return &openFile{Reader: bytes.NewReader(content), name: path.Base(name)}, nil
}

func (t *treeFS) Create(string) (filesys.File, error) { return nil, errReadOnly }
func (t *treeFS) Mkdir(string) error                  { return errReadOnly }
func (t *treeFS) MkdirAll(string) error               { return errReadOnly }
func (t *treeFS) RemoveAll(string) error              { return errReadOnly }
func (t *treeFS) WriteFile(string, []byte) error      { return errReadOnly }

// openFile is a file opened for reading.
type openFile struct {
	*bytes.Reader
	name string
}

func (f *openFile) Close() error              { return nil }
func (f *openFile) Write([]byte) (int, error) { return 0, errReadOnly }
func (f *openFile) Stat() (os.FileInfo, error) {
	return info{source.Entry{Name: f.name, Size: f.Reader.Size()}}, nil
}

// info shows an entry as a FileInfo.
type info struct{ e source.Entry }

func (i info) Name() string       { return i.e.Name }
func (i info) Size() int64        { return max(i.e.Size, 0) }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.e.Mode == source.ModeDir }
func (i info) Sys() any           { return nil }
func (i info) Mode() fs.FileMode {
	switch i.e.Mode {
	case source.ModeDir:
		return fs.ModeDir | 0o555
	case source.ModeSymlink:
		return fs.ModeSymlink | 0o444
	}
	return 0o444
}
