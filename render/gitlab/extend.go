package gitlab

import (
	"bytes"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

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

func without(v *resource.Value, key string) *resource.Value {
	out := *v
	out.Fields = slices.DeleteFunc(slices.Clone(v.Fields), func(f resource.Field) bool { return f.Key == key })
	return &out
}

// over returns a map with the fields of another over it: maps are merged, all else
// is replaced.
func (r *reader) over(base, top *resource.Value) *resource.Value {
	out := *top
	out.Fields = slices.Clone(base.Fields)
	for _, f := range top.Fields {
		r.budget--
		i := slices.IndexFunc(out.Fields, func(o resource.Field) bool { return o.Key == f.Key })
		switch {
		case i < 0:
			out.Fields = append(out.Fields, f)
		case r.budget > 0 && isMap(out.Fields[i].Value) && isMap(f.Value):
			out.Fields[i] = resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: r.over(out.Fields[i].Value, f.Value)}
		default:
			out.Fields[i] = f
		}
	}
	return &out
}

func isMap(v *resource.Value) bool { return v != nil && v.Kind == resource.Map }

// extended returns a job with what it extends below it.
func (r *reader) extended(job *resource.Value, depth int) *resource.Value {
	r.budget--
	parents := entries(job.Get("extends"))
	if len(parents) == 0 || depth > maxExtends {
		return job
	}
	below := resource.NewMap(job.Span)
	for _, name := range parents {
		if parent := r.root.Get(name.Text()); isMap(parent) && r.budget > 0 {
			below = r.over(below, r.extended(parent, depth+1))
		}
	}
	return r.over(without(below, "extends"), job)
}

// resolve returns a value with what its `!reference` tags lead to.
func (r *reader) resolve(v *resource.Value, depth int) *resource.Value {
	r.budget--
	if v == nil || depth > maxNesting || r.budget < 0 {
		return v
	}
	if r.isReference(v) {
		target := r.root
		for i, step := range v.Items {
			target = target.Get(step.Text())
			if i == 0 && isMap(target) {
				target = r.extended(target, 0)
			}
		}
		if target == nil {
			return resource.NewUnknown("what it refers to is in a file that is out of reach", v.Span)
		}
		return r.resolve(target, depth+1)
	}
	switch v.Kind {
	case resource.List:
		if !slices.ContainsFunc(v.Items, nested) {
			return v
		}
		out := *v
		out.Items = nil
		for _, item := range v.Items {
			if list := r.resolve(item, depth); item.Kind == resource.List && list.Kind == resource.List {
				out.Items = append(out.Items, list.Items...)
			} else {
				out.Items = append(out.Items, list)
			}
		}
		return &out
	case resource.Map:
		if !slices.ContainsFunc(v.Fields, func(f resource.Field) bool { return nested(f.Value) }) {
			return v
		}
		out := *v
		out.Fields = slices.Clone(v.Fields)
		for i := range out.Fields {
			out.Fields[i].Value = r.resolve(out.Fields[i].Value, depth)
		}
		return &out
	}
	return v
}

func nested(v *resource.Value) bool { return v.Kind == resource.List || v.Kind == resource.Map }

var referenceTag = []byte("!reference")

// isReference reports whether a list has the tag !reference before it.
func (r *reader) isReference(v *resource.Value) bool {
	if v.Kind != resource.List || len(v.Items) == 0 || v.Span.Start > len(r.files.Content()) {
		return false
	}
	before := bytes.TrimRight(r.files.Content()[max(0, v.Span.Start-200):v.Span.Start], " \t\r\n")
	return bytes.HasSuffix(before, referenceTag)
}

// defaults are the fields of a job that `default` sets, and those of them that may
// be at the top of a file, too.
var defaults = []struct {
	key    string
	global bool
}{
	{"image", true}, {"services", true}, {"before_script", true}, {"after_script", true}, {"cache", true},
	{"artifacts", false}, {"tags", false}, {"timeout", false}, {"retry", false}, {"interruptible", false},
	{"id_tokens", false}, {"identity", false}, {"hooks", false},
}

// inherited returns a job with what `default` sets and the job does not.
func (r *reader) inherited(job *resource.Value) *resource.Value {
	wanted := func(string) bool { return true }
	switch inherit := job.Get("inherit").Get("default"); {
	case inherit == nil:
	case inherit.Kind == resource.List:
		wanted = func(key string) bool {
			return slices.ContainsFunc(inherit.Items, func(v *resource.Value) bool { return v.Str == key })
		}
	case !isTrue(inherit, true):
		return job
	}
	out := *job
	out.Fields = slices.Clone(job.Fields)
	for _, d := range defaults {
		if out.Get(d.key) != nil || !wanted(d.key) {
			continue
		}
		v := r.root.Get("default").Get(d.key)
		if v == nil && d.global {
			v = r.root.Get(d.key)
		}
		if v != nil {
			out.Fields = append(out.Fields, resource.Field{Key: d.key, KeySpan: v.Span, Value: v})
		}
	}
	return &out
}

// isTrue reads a switch, which may be written in several ways.
func isTrue(v *resource.Value, otherwise bool) bool {
	switch {
	case v == nil || v.Unknown() != "":
		return otherwise
	case v.Kind == resource.Bool:
		return v.Bool
	}
	switch strings.ToLower(v.Str) {
	case "true", "yes", "on":
		return true
	case "false", "no", "off":
		return false
	}
	return otherwise
}
