package azure

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func isMap(v *resource.Value) bool { return v != nil && v.Kind == resource.Map }

// put adds a field that keeps the place of its key.
func put(out *resource.Value, f resource.Field, v *resource.Value) {
	if v != nil {
		out.Fields = append(out.Fields, resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: v})
	}
}

// entries returns the items of a list, or a single value as the only one.
func entries(v *resource.Value) []*resource.Value {
	switch {
	case v == nil || v.Kind == resource.Null:
		return nil
	case v.Kind == resource.List:
		return v.Items
	}
	return []*resource.Value{v}
}

// isDirective reports whether a key is an expression that decides about what is
// below it: ${{ if … }}, ${{ each … }}, ${{ insert }}.
func isDirective(key string) bool { return strings.HasPrefix(strings.TrimSpace(key), "${{") }

// fields returns the fields of a map, and those that directives put into it.
func (r *reader) fields(v *resource.Value) (all []resource.Field) {
	if !isMap(v) {
		return nil
	}
	for _, f := range v.Fields {
		r.budget--
		if isDirective(f.Key) && isMap(f.Value) {
			all = append(all, r.fields(f.Value)...)
			continue
		}
		all = append(all, f)
	}
	return all
}

// flat returns a map without directives.
func (r *reader) flat(v *resource.Value) *resource.Value {
	if !isMap(v) {
		return v
	}
	out := resource.NewMap(v.Span)
	for _, f := range r.fields(v) {
		if out.Get(f.Key) == nil {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// each calls visit for the items of a list, for those that directives put into it,
// and for those of the templates that it uses.
func (r *reader) each(list *resource.Value, key string, from in, visit func(*resource.Value, in)) {
	if isMap(list) && key == "variables" { // which may be a map: one for each
		for _, f := range r.fields(list) {
			one := resource.NewMap(f.Value.Span)
			one.Fields = []resource.Field{f}
			visit(one, from)
		}
		return
	}
	for _, item := range entries(list) {
		r.budget--
		if r.budget < 0 {
			return
		}
		if isMap(item) && len(item.Fields) > 0 && isDirective(item.Fields[0].Key) {
			for _, f := range item.Fields {
				r.each(f.Value, key, from, visit)
			}
			continue
		}
		if at := item.Get("template"); at.Text() != "" {
			found, to := r.template(at, key, from)
			r.each(found, key, to, visit)
			r.passed(item.Get("parameters"), key, from, visit)
			continue
		}
		visit(r.flat(item), from)
	}
}

// passed visits what is handed to a template as a parameter and is named like what
// it is.
func (r *reader) passed(parameters *resource.Value, key string, from in, visit func(*resource.Value, in)) {
	for _, f := range r.fields(parameters) {
		if strings.HasSuffix(strings.ToLower(f.Key), key) && f.Value.Kind == resource.List {
			r.each(f.Value, key, from, visit)
		}
	}
}

// settings reads variables, which are a map or a list.
func (r *reader) settings(v *resource.Value, from in) *resource.Value {
	out := resource.NewList(source.Span{})
	if v != nil {
		out.Span = v.Span
	}
	add := func(name, value *resource.Value, rest *resource.Value) {
		one := resource.NewMap(source.Span{Start: name.Span.Start, End: max(name.Span.End, value.Span.End)})
		one.Put("name", name)
		if value.Kind < resource.List {
			one.Put("value", resource.NewText(value.Str, value.Span))
		}
		for _, f := range r.fields(rest) {
			if f.Key != "name" && f.Key != "value" {
				put(one, f, f.Value)
			}
		}
		out.Items = append(out.Items, one)
	}
	if isMap(v) {
		for _, f := range r.fields(v) {
			add(resource.NewText(f.Key, f.KeySpan), f.Value, nil)
		}
		return out
	}
	r.each(v, "variables", from, func(item *resource.Value, _ in) {
		name, value := item.Get("name"), item.Get("value")
		switch {
		case name.Text() != "" && value != nil:
			add(name, value, item)
		case isMap(item) && item.Get("group") != nil:
			out.Items = append(out.Items, resource.NewMap(item.Span).Put("name", item.Get("group")).Put("group", item.Get("group")))
		case isMap(item) && len(item.Fields) == 1: // a map that a directive or template brought
			add(resource.NewText(item.Fields[0].Key, item.Fields[0].KeySpan), item.Fields[0].Value, nil)
		}
	})
	return out
}

// container reads an image, which is a text or a map with it. A text may be the
// name of a container of the resources.
func (r *reader) container(v *resource.Value) *resource.Value {
	if v == nil || v.Kind == resource.Null {
		return nil
	}
	name := v
	if isMap(v) {
		v = r.flat(v)
		name = v.Get("image")
	}
	if name.Text() == "" {
		return resource.NewMap(v.Span)
	}
	for _, c := range entries(r.root.Get("resources").Get("containers")) {
		if c.Get("container").Text() == name.Str {
			return resource.NewMap(v.Span).Put("alias", name)
		}
	}
	return r.image(v, name)
}

func (r *reader) image(v, name *resource.Value) *resource.Value {
	text := expressions().ReplaceAllString(name.Str, image.Unknown)
	span := name.Span
	if span.End-span.Start == len(text)+2 {
		span = source.Span{Start: span.Start + 1, End: span.End - 1}
	}
	out := image.Value(text, span, "it depends on a variable or a parameter")
	for _, f := range r.fields(v) {
		if !slices.Contains([]string{"image", "reference", "registry", "repository", "name", "tag", "digest"}, f.Key) {
			put(out, f, f.Value)
		}
	}
	return out
}

// resources reads the resources of a pipeline.
func (r *reader) resources(v *resource.Value) *resource.Value {
	if !isMap(v) {
		return nil
	}
	out := resource.NewMap(v.Span)
	for _, f := range r.fields(v) {
		list := resource.NewList(f.Value.Span)
		r.each(f.Value, f.Key, in{}, func(item *resource.Value, _ in) {
			if f.Key == "containers" && item.Get("image").Text() != "" {
				list.Items = append(list.Items, r.image(item, item.Get("image")))
				return
			}
			list.Items = append(list.Items, named(item))
		})
		put(out, f, list)
	}
	return out
}

// named gives an entry the name that is the value of its first key: that of
// `- repository: ci` is ci, and its `name` becomes its source.
func named(item *resource.Value) *resource.Value {
	if !isMap(item) || len(item.Fields) == 0 {
		return resource.NewMap(item.Span)
	}
	out := resource.NewMap(item.Span)
	for i, f := range item.Fields {
		switch {
		case i == 0:
			f.Key = "name"
		case f.Key == "name":
			f.Key = "source"
		}
		put(out, f, f.Value)
	}
	return out
}
