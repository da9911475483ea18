package terraform

import (
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// mounts is a tree with packages of modules in it, each in a directory that is named
// like the package. They are found by their names, and not listed.
type mounts struct {
	source.Tree
	packages map[string]source.Tree
}

// at returns the tree that has a path, and the path in it.
func (m *mounts) at(name string) (source.Tree, string) {
	if dir := m.packageOf(name); dir != "" {
		if name == dir {
			return m.packages[dir], "."
		}
		return m.packages[dir], strings.TrimPrefix(name, dir+"/")
	}
	return m.Tree, name
}

// packageOf returns the package that a path is in, or "".
func (m *mounts) packageOf(name string) string {
	if len(m.packages) == 0 {
		return ""
	}
	for dir := name; dir != "." && dir != "/"; dir = path.Dir(dir) {
		if m.packages[dir] != nil {
			return dir
		}
	}
	return ""
}

func (m *mounts) Stat(name string) (source.Entry, error) {
	tree, inside := m.at(name)
	return tree.Stat(inside)
}

func (m *mounts) ReadDir(name string) ([]source.Entry, error) {
	tree, inside := m.at(name)
	return tree.ReadDir(inside)
}

func (m *mounts) ReadFile(name string) ([]byte, error) {
	tree, inside := m.at(name)
	return tree.ReadFile(inside)
}

// mount puts a module that was found elsewhere into the tree, and returns its
// directory.
func (m *mounts) mount(found render.Module) string {
	if m.packages == nil {
		m.packages = map[string]source.Tree{}
	}
	m.packages[found.Package] = found.Files
	return path.Join(found.Package, found.Dir)
}

// outside returns the call by which a block of a package came into the tree, and the
// way from there to the block. Of a block that is in the tree itself, both are nil.
func (s *scope) outside(b *block) (call *block, via []string) {
	for p := s; p.parent != nil && s.tree.packageOf(b.file.Path) != ""; p = p.parent {
		via = append(via, b.file.Path)
		b, call = p.call, p.call
	}
	return call, via
}

// add makes a resource of a tree. What a package declares is placed at the call of the
// module: that is where it can be mended.
func (s *scope) add(kind, name string, b *block, root *resource.Value) {
	call, via := s.outside(b)
	if call == nil {
		s.run.add(kind, name, b, root, s.via)
		return
	}
	if one := s.run.add(kind, name, call, root, append(via, s.via[len(via):]...)); one != nil {
		at := resource.Location{File: call.file.File, Span: call.inside()}
		one.Origin.Locator = func(resource.Path) (resource.Location, bool) { return at, true }
	}
}
