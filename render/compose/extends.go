package compose

import (
	"path"
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// extended returns the fields of a service with those of the services that it
// extends. Seen are those that are being read, for a circle ends.
func (r *reader) extended(service *resource.Value, seen map[string]bool) []resource.Field {
	extends := service.Get("extends")
	if extends == nil {
		return service.Fields
	}
	name, file := extends.Text(), ""
	if extends.Kind == resource.Map {
		name, file = extends.Get("service").Text(), extends.Get("file").Text()
	}
	base := r.base(name, file, extends.Span, seen)
	if base == nil {
		return service.Fields
	}
	return merge(base, service.Fields)
}

// base returns the fields of the service with a name, of this or another file.
func (r *reader) base(name, file string, at source.Span, seen map[string]bool) []resource.Field {
	if file == "" {
		base := r.root.Get("services").Get(name)
		if seen[name] || len(seen) > maxExtends || base == nil || base.Kind != resource.Map {
			return nil
		}
		seen[name] = true
		return r.extended(base, seen)
	}
	if r.tree == nil || r.depth >= maxExtends || path.IsAbs(file) {
		return nil
	}
	file = path.Join(path.Dir(r.path), file)
	content, err := r.tree.ReadFile(file)
	if err != nil {
		return nil
	}
	documents, err := resource.ParseYAML(source.NewFile(file, content))
	if err != nil || len(documents) == 0 {
		return nil
	}
	other := &reader{tree: r.tree, path: file, root: documents[0].Root, depth: r.depth + 1}
	fields := other.base(name, "", at, map[string]bool{})
	moved := make([]resource.Field, len(fields))
	for i, f := range fields {
		moved[i] = resource.Field{Key: f.Key, KeySpan: at, Value: standing(f.Value, at)}
	}
	return moved
}

// standing returns a copy of a value of another file that stands where this file
// refers to it.
func standing(v *resource.Value, at source.Span) *resource.Value {
	c := *v
	c.Span = at
	c.Items, c.Fields = nil, nil
	for _, item := range v.Items {
		c.Items = append(c.Items, standing(item, at))
	}
	for _, f := range v.Fields {
		c.Fields = append(c.Fields, resource.Field{Key: f.Key, KeySpan: at, Value: standing(f.Value, at)})
	}
	return &c
}

// merge puts the fields of a service over those it extends: maps are merged,
// lists are added, and anything else is replaced, as Compose does.
func merge(base, own []resource.Field) []resource.Field {
	out := slices.DeleteFunc(slices.Clone(base), func(f resource.Field) bool { return f.Key == "extends" || f.Key == "depends_on" })
	for _, f := range own {
		i := slices.IndexFunc(out, func(o resource.Field) bool { return o.Key == f.Key })
		switch {
		case i < 0:
			out = append(out, f)
		case replaced(f.Key) || out[i].Value.Kind != f.Value.Kind:
			out[i] = f
		case f.Value.Kind == resource.Map:
			merged := *f.Value
			merged.Fields = merge(out[i].Value.Fields, f.Value.Fields)
			out[i] = resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: &merged}
		case f.Value.Kind == resource.List:
			merged := *f.Value
			merged.Items = slices.Concat(out[i].Value.Items, f.Value.Items)
			out[i] = resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: &merged}
		default:
			out[i] = f
		}
	}
	return out
}

// replaced are the lists that are not added up.
func replaced(key string) bool { return key == "command" || key == "entrypoint" || key == "test" }
