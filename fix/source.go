package fix

import (
	"slices"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// sourceEdits edits what a rendered resource is made of: the file that the nearest
// value is located in. Whether that has the intended effect is seen only when it
// is rendered again.
func (f *Fixer) sourceEdits(r *resource.Resource, changes []edit.Change) (*source.File, []source.Edit, error) {
	if len(changes) != 1 {
		return nil, nil, refuse("several values would have to change in what it is rendered from")
	}
	c := changes[0]
	var first error
	for n := len(c.Path); n >= 0; n-- {
		at := c.Path[:n]
		if r.Root.At(at) == nil {
			continue
		}
		file, edits, err := f.sourceEdit(r, at, c)
		if err == nil && len(edits) > 0 {
			return file, edits, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = refuse("nobody can tell where the value comes from")
	}
	return nil, nil, first
}

func locate(r *resource.Resource, at resource.Path) (resource.Location, bool) {
	if len(at) == 0 {
		loc := resource.Location{File: r.Origin.File, Span: r.Origin.Span}
		return loc, !loc.Span.IsZero()
	}
	loc, ok := r.Origin.Locator(at)
	return loc, ok && loc.File != nil && !loc.Span.IsZero()
}

// sourceEdit makes a change below a value that can be located: in YAML where the
// file is that, and otherwise in the lines of a template, or in the values that it
// prints there.
func (f *Fixer) sourceEdit(r *resource.Resource, at resource.Path, c edit.Change) (*source.File, []source.Edit, error) {
	loc, ok := locate(r, at)
	if !ok {
		return nil, nil, refuse("nobody can tell where the value comes from")
	}
	helm := r.Origin.Renderer == "helm"
	documents, err := f.documents(loc.File)
	if err != nil && !helm {
		return nil, nil, refuse("%s is not YAML by itself", loc.File.Path)
	}
	if err != nil || helm && loc.File == r.Origin.File {
		if file, edits, err := f.valuesEdit(r, loc, at, c); err == nil {
			return file, edits, nil
		}
		edits, err := templateEdit(r, loc, at, c)
		return loc.File, edits, err
	}
	if helm && c.Op != edit.Set {
		return nil, nil, refuse("the template asks for this value: change it in %s", loc.File.Path)
	}
	edits, err := yamlEdit(r, loc, documents, at, c)
	return loc.File, edits, err
}

// yamlEdit makes a change below the value at a place of a YAML file.
func yamlEdit(r *resource.Resource, loc resource.Location, documents []resource.Document, at resource.Path, c edit.Change) ([]source.Edit, error) {
	for _, doc := range documents {
		node, ok := doc.Root.Find(loc.Span)
		if !ok {
			continue
		}
		below, ok := follow(doc.Root.At(node), r.Root.At(at), c.Path[len(at):])
		if !ok {
			return nil, refuse("its list is put together from several places")
		}
		change := edit.Change{Op: c.Op, Path: append(slices.Clip(node), below...), Key: c.Key, Value: c.Value}
		if c.Op == edit.Set {
			var err error
			if change, err = edit.SetAt(doc.Root, change.Path, c.Value); err != nil {
				return nil, err
			}
		} else if doc.Root.At(change.Path) == nil {
			return nil, refuse("the value is not written in %s", loc.File.Path)
		}
		return edit.Text(loc.File, resource.YAML11, doc.Span.Start, change)
	}
	return nil, refuse("the value is inside of a text of %s", loc.File.Path)
}

// follow returns the path below a value of a source that corresponds to one below
// the rendered value: items of lists are those of the same name.
func follow(in, rendered *resource.Value, rest resource.Path) (resource.Path, bool) {
	var out resource.Path
	for i, step := range rest {
		var next resource.Step
		switch {
		case !step.IsIndex():
			next = step
		case rendered.At(resource.Path{step}) == nil: // a new item
			if in == nil || in.Kind != resource.List {
				return nil, false
			}
			next = resource.Index(len(in.Items))
		default:
			n, ok := sameItem(in, rendered, step)
			if !ok {
				return nil, false
			}
			next = resource.Index(n)
		}
		out = append(out, next)
		in, rendered = in.At(resource.Path{next}), rendered.At(resource.Path{step})
		if in == nil || rendered == nil {
			return append(out, rest[i+1:]...), true
		}
	}
	return out, true
}

// sameItem finds the item of a list that became an item of another: by its name,
// or as an equal value.
func sameItem(in, rendered *resource.Value, step resource.Step) (int, bool) {
	if in == nil || in.Kind != resource.List {
		return 0, false
	}
	item := rendered.At(resource.Path{step})
	name := item.Get("name").Text()
	found := -1
	for i, one := range in.Items {
		if name != "" && one.Get("name").Text() == name || name == "" && edit.Equal(one, item) {
			if found >= 0 {
				return 0, false
			}
			found = i
		}
	}
	return found, found >= 0
}
