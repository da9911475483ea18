package render

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Composer is a Renderer whose units are made of more than one file.
type Composer interface {
	// Uses returns the files and directories of the tree that the unit at dir
	// takes in, sorted. A directory that is a unit itself is a base of this one;
	// any other is taken with all that is below it. What cannot be read is left
	// out: rendering the unit reports it.
	Uses(tree source.Tree, dir string) []string
}

// Absorber is a Composer whose units may stand for those that they take in, which
// are then no units of their own.
type Absorber interface {
	Composer
	// Absorbs reports whether the unit at used shows in the one at user as it is.
	Absorbs(user, used string) bool
}

// Reasons for which Discover passes over files.
const (
	notScanned     = "not in a format that is scanned"
	linkOutside    = "symbolic link; what it leads to is scanned at its own place"
	inSubmodule    = "submodule; its files are in another repository"
	notReadable    = "special file"
	ownFile        = "one of Holdfast's own files"
	manifestFormat = "manifest"
)

// ownDir is where a repository keeps what is for Holdfast: waivers, signers.
const ownDir = ".holdfast/"

// Discover finds all units at and below dir, sorted by path, and accounts for
// every file: it belongs to a unit or is passed over with a reason. Renderers
// come in order of preference; a file is no unit itself if a chart or
// kustomization takes it in. A unit that others build upon names them in UsedBy.
func Discover(tree source.Tree, dir string, renderers []Renderer) ([]Unit, []Skipped, error) {
	d := &discovery{tree: tree, renderers: renderers, taken: map[string]bool{}, units: map[string]*Unit{}}
	entry, err := tree.Stat(dir)
	switch {
	case err != nil:
		return nil, nil, err
	case entry.Mode.Regular():
		return []Unit{d.single(dir)}, nil, nil
	}
	if err := d.walk(dir); err != nil {
		return nil, nil, err
	}
	units, skipped := d.account()
	return units, skipped, nil
}

// single returns the unit of a file that is asked for by itself: what it is written
// in or, for a file that means nothing without those beside it, their directory.
func (d *discovery) single(file string) Unit {
	format := d.format(file)
	if dir := path.Dir(file); format == "" && path.Ext(file) != ".yaml" && path.Ext(file) != ".yml" && d.compose(dir) {
		if unit := d.units[dir]; slices.Contains(unit.uses, file) {
			return *unit
		}
	}
	return Unit{Path: file, Renderer: cmp.Or(format, manifestFormat)}
}

type discovery struct {
	tree      source.Tree
	renderers []Renderer
	files     []found
	taken     map[string]bool  // files and directories that a chart or kustomization takes in
	units     map[string]*Unit // composed ones, by directory
}

// found is a file and what it is.
type found struct {
	path   string
	mode   source.Mode
	format string // "" if it is in none
}

// walk notes all files, and the directories that are units of composers.
func (d *discovery) walk(dir string) error {
	d.compose(dir)
	whole := map[string]bool{} // directories of which everything is taken
	return source.Walk(d.tree, dir, func(name string, e source.Entry) error {
		switch inside := whole[path.Dir(name)]; {
		case e.Mode != source.ModeDir:
			d.files = append(d.files, found{path: name, mode: e.Mode})
			if inside {
				d.taken[name] = true
			}
		case e.Name == ".git":
			return fs.SkipDir
		case inside, !d.compose(name) && d.taken[name]:
			whole[name] = true
		}
		return nil
	})
}

// compose makes dir a unit of the first composer that wants it.
func (d *discovery) compose(dir string) bool {
	for _, r := range d.renderers {
		composer, ok := r.(Composer)
		if !ok || !r.Detect(d.tree, dir) {
			continue
		}
		unit := &Unit{Path: dir, Renderer: r.Name(), composed: true, uses: composer.Uses(d.tree, dir)}
		d.units[dir] = unit
		for _, used := range unit.uses {
			d.taken[used] = true
		}
		return true
	}
	return false
}

func (d *discovery) account() ([]Unit, []Skipped) {
	for dir, unit := range d.units {
		for _, used := range unit.uses {
			if base := d.units[used]; base != nil && used != dir {
				base.UsedBy = append(base.UsedBy, dir)
			}
		}
	}
	d.absorb()
	var units []Unit
	for _, unit := range d.units {
		slices.Sort(unit.UsedBy)
		units = append(units, *unit)
		for _, r := range d.renderers {
			if c, ok := r.(Companion); ok && c.Beside(*unit) != "" {
				units = append(units, Unit{Path: c.Beside(*unit), Renderer: c.Name(), uses: unit.uses})
			}
		}
	}
	var skipped []Skipped
	for _, f := range d.files {
		if d.taken[f.path] {
			continue
		}
		f.format = d.format(f.path)
		switch reason := d.reason(f); {
		case reason != "":
			skipped = append(skipped, Skipped{Path: f.path, Reason: reason})
		default:
			units = append(units, Unit{Path: f.path, Renderer: f.format})
		}
	}
	slices.SortFunc(units, func(a, b Unit) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Renderer, b.Renderer))
	})
	return units, skipped
}

// absorb leaves out the units that others stand for. Of those that take in each
// other one stays.
func (d *discovery) absorb() {
	var left []string
	for dir, unit := range d.units {
		a, ok := d.renderer(unit.Renderer).(Absorber)
		if ok && slices.ContainsFunc(unit.UsedBy, func(user string) bool { return a.Absorbs(user, dir) }) {
			left = append(left, dir)
		}
	}
	slices.Sort(left)
	gone := map[string]bool{}
	for _, dir := range left {
		gone[dir] = true
	}
	for _, dir := range left {
		if slices.ContainsFunc(d.units[dir].UsedBy, func(user string) bool { return !gone[user] }) {
			continue
		}
		gone[dir] = false
	}
	for dir, out := range gone {
		if !out {
			continue
		}
		for _, file := range d.units[dir].uses {
			d.taken[file] = true
		}
		delete(d.units, dir)
	}
	for _, unit := range d.units {
		unit.UsedBy = slices.DeleteFunc(unit.UsedBy, func(user string) bool { return d.units[user] == nil })
	}
}

func (d *discovery) renderer(name string) Renderer {
	for _, r := range d.renderers {
		if r.Name() == name {
			return r
		}
	}
	return nil
}

// reason says why a file is passed over; "" if it is in a format. A link with the
// name of such a file is one, since it may lead out of the tree.
func (d *discovery) reason(f found) string {
	switch {
	case strings.HasPrefix(f.path, ownDir):
		return ownFile
	case f.mode == source.ModeSubmodule:
		return inSubmodule
	case f.mode == source.ModeOther:
		return notReadable
	case f.format == "":
		return notScanned
	case f.mode == source.ModeSymlink:
		_, err := d.tree.ReadFile(f.path)
		if _, escapes := errors.AsType[*source.EscapeError](err); !escapes {
			return linkOutside
		}
	}
	return ""
}

// format returns the name of the first format that claims a file, or "".
func (d *discovery) format(name string) string {
	for _, r := range d.renderers {
		if format, ok := r.(Format); ok && format.Claims(d.tree, name) {
			return format.Name()
		}
	}
	return ""
}
