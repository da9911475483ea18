package render

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// DiscoverTouched finds the units at and below dir that changed files have a part
// in, as Touched(Discover) does, without looking at any other file.
func DiscoverTouched(tree source.Tree, dir string, renderers []Renderer, changed []string) ([]Unit, error) {
	d := &discovery{tree: tree, renderers: renderers, taken: map[string]bool{}, units: map[string]*Unit{}}
	entry, err := tree.Stat(dir)
	if err != nil {
		return nil, err
	}
	if entry.Mode.Regular() {
		units, _, err := Discover(tree, dir, renderers)
		return Touched(units, changed), err
	}
	if err := d.folders(dir); err != nil {
		return nil, err
	}
	for _, name := range changed {
		e, err := tree.Stat(name)
		if err == nil && (dir == "." || strings.HasPrefix(name, dir+"/")) && !d.takenWhole(name) {
			d.files = append(d.files, found{path: name, mode: e.Mode})
		}
	}
	units, _ := d.account()
	return Touched(units, changed), nil
}

// folders makes units of the directories at and below dir.
func (d *discovery) folders(dir string) error {
	d.compose(dir)
	entries, err := d.tree.ReadDir(dir)
	for _, e := range entries {
		if e.Mode == source.ModeDir && e.Name != ".git" && !d.wholly(path.Join(dir, e.Name)) {
			err = d.folders(path.Join(dir, e.Name))
		}
		if err != nil {
			return err
		}
	}
	return err
}

// wholly reports whether a directory is taken in with all that is in it: it is no
// unit itself, and something names it.
func (d *discovery) wholly(dir string) bool {
	return d.taken[dir] && !slices.ContainsFunc(d.renderers, func(r Renderer) bool {
		_, composes := r.(Composer)
		return composes && r.Detect(d.tree, dir)
	})
}

// takenWhole reports whether a file is in a directory that is taken in.
func (d *discovery) takenWhole(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if d.taken[dir] && d.units[dir] == nil {
			return true
		}
	}
	return false
}

// Touched returns the units that changed files have a part in: those that are
// such a file or take one in, and those that build upon these.
func Touched(units []Unit, changed []string) []Unit {
	isChanged := make(map[string]bool, len(changed))
	for _, name := range changed {
		isChanged[name] = true
		isChanged[path.Dir(name)] = true // of a file that is only there before or after, nothing else tells
	}
	byPath := map[string]Unit{}
	touched := map[string]bool{}
	var mark func(u Unit)
	mark = func(u Unit) {
		if touched[u.Path] {
			return
		}
		touched[u.Path] = true
		for _, user := range u.UsedBy {
			mark(byPath[user])
		}
	}
	for _, u := range units {
		byPath[u.Path] = u
	}
	for _, u := range units {
		if isChanged[u.Path] || takesIn(u, changed) {
			mark(u)
		}
	}
	var out []Unit
	for _, u := range units {
		if touched[u.Path] {
			out = append(out, u)
		}
	}
	return out
}

func takesIn(u Unit, changed []string) bool {
	for _, part := range u.uses {
		for _, name := range changed {
			if rest, ok := strings.CutPrefix(name, part); ok && (rest == "" || rest[0] == '/') {
				return true
			}
		}
	}
	return false
}
