package gitlab

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/render/script"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// globalKeys are the keys of a file that are no jobs.
var globalKeys = []string{
	"default", "stages", "types", "variables", "workflow", "include", "image", "services", "before_script",
	"after_script", "cache", "spec",
}

// pipeline returns the tree of the resource.
func (r *reader) pipeline() *resource.Value {
	out := resource.NewMap(r.root.Span)
	r.global = map[string]string{}
	variables := r.variables(r.root.Get("variables"))
	for _, v := range variables.Items {
		if value := v.Get("value"); value != nil && value.Unknown() == "" {
			r.global[v.Get("name").Str] = value.Str
		}
	}
	used := r.extendedNames()
	jobs := resource.NewMap(r.root.Span)
	for _, f := range r.root.Fields {
		switch {
		case f.Key == "variables":
			put(out, f, variables)
		case slices.Contains(globalKeys, f.Key):
			if f.Key == "workflow" || f.Key == "default" || f.Key == "stages" {
				put(out, f, r.resolve(f.Value, 0))
			}
		case !isMap(f.Value) || used[f.Key]:
		default:
			put(jobs, f, r.job(f))
		}
	}
	if len(r.includes) > 0 {
		out.Put("include", resource.NewList(source.Span{}, r.includes...))
	}
	return out.Put("spec", r.spec).Put("jobs", jobs)
}

// put adds a field that keeps the place of its key.
func put(out *resource.Value, f resource.Field, v *resource.Value) {
	if v != nil {
		out.Fields = append(out.Fields, resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: v})
	}
}

// extendedNames are the hidden jobs that others take from.
func (r *reader) extendedNames() map[string]bool {
	used := map[string]bool{}
	var visit func(v *resource.Value)
	visit = func(v *resource.Value) {
		if r.isReference(v) && strings.HasPrefix(v.Items[0].Str, ".") {
			used[v.Items[0].Str] = true
		}
		for _, item := range v.Items {
			visit(item)
		}
		for _, f := range v.Fields {
			visit(f.Value)
		}
	}
	for _, f := range r.root.Fields {
		for _, name := range entries(f.Value.Get("extends")) {
			if strings.HasPrefix(name.Str, ".") {
				used[name.Str] = true
			}
		}
		visit(f.Value)
	}
	return used
}

// job returns the normal form of a job.
func (r *reader) job(of resource.Field) *resource.Value {
	raw := r.resolve(r.extended(of.Value, 0), 0)
	hidden := strings.HasPrefix(of.Key, ".")
	if raw.Get("trigger") == nil && (!hidden || raw.Get("script") != nil) {
		raw = r.resolve(r.inherited(raw), 0)
	}
	out := resource.NewMap(of.Value.Span)
	out.Put("hidden", resource.NewBool(hidden, of.KeySpan))
	out.Put("bridge", resource.NewBool(raw.Get("trigger") != nil, of.KeySpan))
	variables := r.variables(raw.Get("variables"))
	known := r.known(variables)
	for _, f := range raw.Fields {
		switch f.Key {
		case "image":
			out.Put(f.Key, image1(f.Value, known)) // a tag that is missing is missing at the reference
		case "services":
			put(out, f, each(f.Value, func(v *resource.Value) *resource.Value { return image1(v, known) }))
		case "variables":
			put(out, f, variables)
		case "environment":
			put(out, f, long(f.Value, "name"))
		case "trigger":
			put(out, f, long(f.Value, "project"))
		case "allow_failure":
			put(out, f, long(f.Value, "always"))
		case "cache":
			put(out, f, each(f.Value, func(v *resource.Value) *resource.Value { return long(v, "key") }))
		case "artifacts":
			put(out, f, lists(f.Value, "paths", "exclude"))
		case "only", "except":
			put(out, f, refs(f.Value))
		case "interruptible":
			put(out, f, resource.NewBool(isTrue(f.Value, false), f.Value.Span))
		case "script", "before_script", "after_script", "extends", "hidden", "bridge":
		default:
			put(out, f, f.Value)
		}
	}
	r.scripts(out, raw, variables)
	r.conditions(out, raw, of.KeySpan)
	return out
}

// variables reads a map of variables.
func (r *reader) variables(v *resource.Value) *resource.Value {
	if !isMap(v) {
		return resource.NewList(source.Span{})
	}
	out := resource.NewList(v.Span)
	for _, f := range v.Fields {
		one := resource.NewMap(source.Span{Start: f.KeySpan.Start, End: max(f.KeySpan.End, f.Value.Span.End)})
		one.Put("name", resource.NewText(f.Key, f.KeySpan))
		value := f.Value
		if isMap(value) {
			for _, field := range value.Fields {
				if field.Key != "value" && field.Key != "name" {
					put(one, field, field.Value)
				}
			}
			value = value.Get("value")
		}
		if value != nil && value.Kind != resource.Null && value.Unknown() == "" {
			one.Put("value", resource.NewText(value.Str, value.Span))
		} else if value != nil && value.Unknown() != "" {
			one.Put("value", value)
		}
		out.Items = append(out.Items, one)
	}
	return out
}

// known returns what looks up the variables that are set in the file.
func (r *reader) known(own *resource.Value) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, v := range own.Items {
			if value := v.Get("value"); v.Get("name").Str == name && value != nil {
				return value.Str, value.Unknown() == ""
			}
		}
		value, ok := r.global[name]
		return value, ok
	}
}

// each returns a list with every item converted, also of a single value.
func each(v *resource.Value, convert func(*resource.Value) *resource.Value) *resource.Value {
	out := resource.NewList(v.Span)
	for _, item := range entries(v) {
		out.Items = append(out.Items, convert(item))
	}
	return out
}

// long returns a map, with the field that anything else is short for.
func long(v *resource.Value, field string) *resource.Value {
	if v.Kind == resource.Map || v.Kind == resource.Null {
		return v
	}
	return resource.NewMap(v.Span).Put(field, v)
}

// lists makes fields of a map lists.
func lists(v *resource.Value, keys ...string) *resource.Value {
	if !isMap(v) {
		return nil
	}
	out := resource.NewMap(v.Span)
	for _, f := range v.Fields {
		if slices.Contains(keys, f.Key) {
			put(out, f, each(f.Value, func(v *resource.Value) *resource.Value { return v }))
			continue
		}
		put(out, f, f.Value)
	}
	return out
}

// refs reads `only` and `except`, whose list is short for that of their refs.
func refs(v *resource.Value) *resource.Value {
	if isMap(v) {
		return lists(v, "refs", "variables", "changes")
	}
	return resource.NewMap(v.Span).Put("refs", each(v, func(v *resource.Value) *resource.Value { return v }))
}

// image1 reads an image or a service.
func image1(v *resource.Value, known func(string) (string, bool)) *resource.Value {
	name := v
	if isMap(v) {
		name = v.Get("name")
	}
	if name.Text() == "" {
		return resource.NewMap(v.Span)
	}
	text := expand(name.Str, known, 0)
	span := name.Span
	if span.End-span.Start == len(text)+2 {
		span = source.Span{Start: span.Start + 1, End: span.End - 1}
	}
	out := image.Value(text, span, "it depends on a variable that has no value in the file")
	if !strings.Contains(text, image.Unknown) && text != name.Str {
		out.Put("text", name)
	}
	// The name of an image of the project itself is known as far as it matters.
	out.Put("own", resource.NewBool(strings.HasPrefix(name.Str, "$CI_REGISTRY") || strings.HasPrefix(name.Str, "${CI_REGISTRY") ||
		strings.HasPrefix(name.Str, "$CI_TEMPLATE_REGISTRY"), span))
	if isMap(v) {
		for _, f := range v.Fields {
			switch f.Key {
			case "name", "reference", "registry", "repository", "tag", "digest", "text", "own":
			case "entrypoint", "command":
				put(out, f, each(f.Value, func(v *resource.Value) *resource.Value { return v }))
			default:
				put(out, f, f.Value)
			}
		}
	}
	return out
}

var variable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?|\$\[\[[^\]]*\]\]`) })

// expand puts in the variables that are known.
func expand(text string, known func(string) (string, bool), depth int) string {
	if !strings.Contains(text, "$") || len(text) > 1<<12 {
		return text
	}
	return variable().ReplaceAllStringFunc(text, func(s string) string {
		value, ok := known(strings.Trim(s, "${}"))
		if !ok || depth > maxNesting {
			return image.Unknown
		}
		return expand(value, known, depth+1)
	})
}

// inputs are what GitLab puts in before anything else.
var inputs = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\[\[[^\]]*\]\]`) })

// scripts adds what the scripts of a job say.
func (r *reader) scripts(out, raw, variables *resource.Value) {
	before, after := script.New(r.files.Content()), script.New(r.files.Content())
	add := func(to *script.Text, key string) {
		for _, v := range entries(raw.Get(key)) {
			if v.Kind == resource.String && v.Unknown() == "" {
				to.Add(v)
			}
		}
	}
	add(before, "before_script")
	add(before, "script")
	add(after, "after_script")
	lines, commands, injections := &resource.Value{Kind: resource.List}, &resource.Value{Kind: resource.List}, &resource.Value{Kind: resource.List}
	for _, text := range []*script.Text{before, after} {
		if text.Empty() {
			continue
		}
		all := text.Lines()
		lines.Items = append(lines.Items, text.Values(all).Items...)
		commands.Items = append(commands.Items, text.Commands(inputs()).Items...)
		injections.Items = append(injections.Items, r.injections(text, all, variables)...)
	}
	for _, list := range []*resource.Value{lines, commands, injections} {
		if list.Span = out.Span; raw.Get("script") != nil {
			list.Span = raw.Get("script").Span
		}
	}
	out.Put("lines", lines).Put("commands", commands).Put("injections", injections)
}
