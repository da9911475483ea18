package fix

import (
	"bytes"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// valuesEdit adds a key to a map that a template prints as it is in the values, such
// as a securityContext.
func (f *Fixer) valuesEdit(r *resource.Resource, loc resource.Location, at resource.Path, c edit.Change) (*source.File, []source.Edit, error) {
	v := r.Root.At(at)
	if c.Op != edit.Set || len(at) >= len(c.Path) || v.Kind != resource.Map {
		return nil, nil, refuse("it is not below a map of the values")
	}
	file, node, err := f.printedMap(r, loc, at, v)
	if err != nil {
		return nil, nil, err
	}
	documents, err := f.documents(file)
	if err != nil || len(documents) != 1 {
		return nil, nil, refuse("%s cannot be read", file.Path)
	}
	change, err := edit.SetAt(documents[0].Root, append(node, c.Path[len(at):]...), c.Value)
	if err != nil {
		return nil, nil, err
	}
	edits, err := edit.Text(file, resource.YAML11, 0, change)
	return file, edits, err
}

// printedMap finds the map of the values that is printed as a map of a resource: the
// one that holds its fields or, if there are none, the one that the template names.
func (f *Fixer) printedMap(r *resource.Resource, loc resource.Location, at resource.Path, v *resource.Value) (*source.File, resource.Path, error) {
	if len(v.Fields) > 0 {
		return f.holder(r, at, v)
	}
	if !loc.Exact || f.Tree == nil {
		return nil, nil, refuse("it is not a map of the values")
	}
	rest := loc.File.Content[loc.Span.End:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		if j := bytes.IndexByte(rest[i+1:], '\n'); j >= 0 {
			rest = rest[:i+1+j]
		}
	}
	m := printedPattern().FindSubmatch(rest)
	if m == nil {
		return nil, nil, refuse("the template prints no map of the values there")
	}
	chart, _, ok := strings.Cut(loc.File.Path, "templates/")
	if !ok {
		return nil, nil, refuse("the values of the template are not known")
	}
	name := path.Join(chart, "values.yaml")
	content, err := f.Tree.ReadFile(name)
	if err != nil {
		return nil, nil, refuse("%s cannot be read", name)
	}
	var node resource.Path
	for _, key := range strings.Split(string(m[1]), ".") {
		node = append(node, resource.Key(key))
	}
	return source.NewFile(name, content), node, nil
}

// holder finds the map of a values file that all fields of a map come from.
func (f *Fixer) holder(r *resource.Resource, at resource.Path, v *resource.Value) (file *source.File, in resource.Path, err error) {
	elsewhere := refuse("it is not a map of the values")
	for _, field := range v.Fields {
		child, ok := r.Origin.Locator(at.Append(resource.Key(field.Key)))
		if !ok || !child.Exact || child.File == nil || child.File == r.Origin.File || file != nil && child.File != file {
			return nil, nil, elsewhere
		}
		documents, err := f.documents(child.File)
		if err != nil || len(documents) != 1 {
			return nil, nil, elsewhere
		}
		node, ok := documents[0].Root.Find(child.Span)
		if !ok || len(node) == 0 || node[len(node)-1] != resource.Key(field.Key) || file != nil && !slices.Equal(in, node[:len(node)-1]) {
			return nil, nil, elsewhere
		}
		file, in = child.File, node[:len(node)-1]
	}
	return file, in, nil
}

var printedPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^:\s*\{\{-?\s*toYaml\s+\(?\.Values\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)\)?\s*\|\s*(?:trim\s*\|\s*)?n?indent\s`)
})
