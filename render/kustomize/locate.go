package kustomize

import (
	"bytes"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// rendered is a resource of the output with all that can tell where its values
// come from.
type rendered struct {
	id      resource.ID
	root    *resource.Value
	from    origin
	name    string          // in its file, before prefixes, suffixes and hashes
	object  *resource.Value // as the base declares it; nil for generated ones
	entry   *resource.Value // the generator's entry; nil for declared ones
	file    *source.File    // of object or entry
	lineage []*kustomization
}

// mayBe reports whether an object of this name became the resource, rather than
// the one found so far: kustomize only ever adds to names, so the name is part of
// the resource's, and of several the longest is the likely one.
func (r *rendered) mayBe(name string) bool {
	return name != "" && strings.Contains(r.id.Name, name) && len(name) > len(r.name)
}

// wasCalled reports whether the resource had this name at some step.
func (r *rendered) wasCalled(name string) bool {
	return name != "" && strings.Contains(r.id.Name, name) && strings.Contains(name, r.name)
}

// locate finds the source of a value. The last step that could have set it is
// asked first; it is believed if it holds the value that was rendered.
func (r *rendered) locate(path resource.Path) (resource.Location, bool) {
	value := r.root.At(path)
	if value == nil || len(path) == 0 {
		return resource.Location{}, false
	}
	want := resource.EncodeJSON(value)
	holds := func(v *resource.Value) bool { return v != nil && bytes.Equal(resource.EncodeJSON(v), want) }
	for _, k := range r.lineage {
		if loc, ok := r.locateInFields(k, path, value, holds); ok {
			return loc, true
		}
		for _, p := range slices.Backward(k.patches) {
			if at := p.find(r, path); holds(at.value) {
				loc, exact := p.place(at.span)
				loc.Exact = exact
				return loc, true
			}
		}
	}
	if r.entry != nil {
		return r.locateGenerated(path)
	}
	declared := follow(r.object, r.root, nil, path)
	if declared.value == nil {
		return resource.Location{}, false
	}
	exact := holds(declared.value) || declared.value.Kind == value.Kind && value.Kind >= resource.List // its key, where it begins
	return resource.Location{File: r.file, Span: declared.span, Exact: exact}, true
}

// locateInFields asks the fields of a kustomization that set values by themselves.
func (r *rendered) locateInFields(k *kustomization, path resource.Path, value *resource.Value, holds func(*resource.Value) bool) (resource.Location, bool) {
	at := func(v *resource.Value) (resource.Location, bool) {
		return resource.Location{File: k.file, Span: v.Span, Exact: holds(v)}, true
	}
	last := path[len(path)-1].Name
	switch {
	case last == "image":
		if v := imageEntry(k.root.Get("images"), value.Text()); v != nil {
			return at(v)
		}
	case last == "replicas":
		for _, entry := range items(k.root.Get("replicas")) {
			if count := entry.Get("count"); r.wasCalled(entry.Get("name").Text()) && holds(count) {
				return at(count)
			}
		}
	case last == "namespace":
		if v := k.root.Get("namespace"); holds(v) {
			return at(v)
		}
	case goesThrough(path, "labels", "matchLabels", "selector"):
		for _, pairs := range labelPairs(k.root) {
			if v := pairs.Get(last); holds(v) {
				return at(v)
			}
		}
	case goesThrough(path, "annotations"):
		if v := k.root.Get("commonAnnotations").Get(last); holds(v) {
			return at(v)
		}
	}
	return resource.Location{}, false
}

func goesThrough(path resource.Path, keys ...string) bool {
	return len(path) > 1 && slices.Contains(keys, path[len(path)-2].Name)
}

func labelPairs(root *resource.Value) []*resource.Value {
	all := []*resource.Value{root.Get("commonLabels")}
	for _, entry := range items(root.Get("labels")) {
		all = append(all, entry.Get("pairs"))
	}
	return all
}

// imageEntry returns the value that made the image what it is: the tag or digest
// of an entry, or its new name.
func imageEntry(images *resource.Value, image string) *resource.Value {
	for _, entry := range slices.Backward(items(images)) {
		name, newName := entry.Get("name").Text(), entry.Get("newName")
		if newName.Text() != "" {
			name = newName.Str
		}
		rest, ok := strings.CutPrefix(image, name)
		if !ok || name == "" || rest != "" && rest[0] != ':' && rest[0] != '@' {
			continue
		}
		tag, digest := entry.Get("newTag"), entry.Get("digest")
		switch {
		case digest != nil && strings.HasSuffix(rest, "@"+digest.Str):
			return digest
		case tag != nil && (rest == ":"+tag.Str || strings.HasPrefix(rest, ":"+tag.Str+"@")):
			return tag
		case tag == nil && digest == nil && newName != nil:
			return newName
		}
	}
	return nil
}

// locateGenerated finds the entry of a generator that a key of data comes from.
func (r *rendered) locateGenerated(path resource.Path) (resource.Location, bool) {
	if len(path) == 2 && path[0].Name == "metadata" && path[1].Name == "name" {
		if name := r.entry.Get("name"); name != nil {
			return resource.Location{File: r.file, Span: name.Span, Exact: name.Text() == r.id.Name}, true
		}
	}
	if len(path) == 2 && (path[0].Name == "data" || path[0].Name == "binaryData") {
		for _, list := range []string{"literals", "files"} {
			for _, item := range items(r.entry.Get(list)) {
				key, _, ok := strings.Cut(item.Text(), "=")
				if !ok {
					key = item.Text()[strings.LastIndex(item.Text(), "/")+1:]
				}
				if key == path[1].Name {
					return resource.Location{File: r.file, Span: item.Span}, true
				}
			}
		}
	}
	return resource.Location{File: r.file, Span: r.entry.Span}, true
}
