// Package chart reads Helm charts as what they are written as, besides what they
// render to. A chart becomes one resource, of its Chart.yaml and the files beside
// it:
//
//	apiVersion, name, version, kubeVersion, type, …
//	              as they are written
//	dependencies  each with {locked, stale}: the version in the lock file, and
//	              whether that is another than the one asked for; those of a
//	              requirements.yaml, too
//	lock          the lock file
//	values        the tree of values.yaml
//	settings      a list of {name, key, value} of all scalars in it: the way to
//	              it, and the last part of that
//	images        a list of {name, tag} of all images in it; name is the way to it
//	files         the names of all files of the chart
//	calls         {function, text, file} of template functions whose result
//	              depends on more than the chart, or that run values: lookup, tpl,
//	              now, getHostByName and those that make something random
//	secrets       {text, file}: values named like secrets that NOTES.txt prints
//	objects       what templates declare: {kind, file, conditional, namespace,
//	              hook, deletePolicy}, as far as it is written as it is
//
// Templates are parsed and not run. One that cannot be parsed is left out: that is
// for the rendering to report.
package chart

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/joined"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const (
	// Kind is the kind of the resource of a chart.
	Kind = "Chart"
	// File is the file that makes a directory a chart.
	File = "Chart.yaml"
	// Renderer is the name of the reader in units and origins.
	Renderer = "chart"
)

const (
	maxTemplates = 500
	maxSettings  = 5000
	maxSize      = 1 << 20 // bytes of a file
	maxDepth     = 40
)

// Parse reads the chart of a Chart.yaml, and what is beside it in the tree.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	docs, err := resource.ParseYAML(file)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 || docs[0].Root.Kind != resource.Map {
		return nil, fmt.Errorf("%w: a chart", render.ErrOtherFormat)
	}
	r := &reader{tree: tree, dir: path.Dir(file.Path), files: &joined.Files{}, meta: docs[0].Root}
	r.files.Add(file)
	root := r.chart()
	all := []*resource.Resource{{
		ID: resource.ID{Platform: resource.HelmChart, Kind: Kind, Name: file.Path}, Root: root,
		Origin: resource.Origin{Renderer: Renderer, File: file, Span: docs[0].Span, Locator: r.files.Locator(root)},
	}}
	if used := r.files.Paths()[1:]; len(used) > 0 {
		r.errs = append(r.errs, render.Note{Used: used})
	}
	return all, errors.Join(r.errs...)
}

// reader reads one chart.
type reader struct {
	tree    source.Tree
	dir     string
	files   *joined.Files
	meta    *resource.Value
	names   []string
	values  *resource.Value
	calls   []*resource.Value
	secrets []*resource.Value
	objects []*resource.Value
	errs    []error
}

// read returns a file of the chart, or nil.
func (r *reader) read(name string) *source.File {
	if !slices.Contains(r.names, name) {
		return nil
	}
	content, err := r.tree.ReadFile(path.Join(r.dir, name))
	if err != nil || len(content) > maxSize {
		return nil
	}
	return source.NewFile(path.Join(r.dir, name), content)
}

// yaml returns the first document of a file of the chart, or nil. That it cannot
// be read is for the rendering to report.
func (r *reader) yaml(name string) *resource.Value {
	file := r.read(name)
	if file == nil {
		return nil
	}
	docs, err := resource.ParseYAML(file)
	if err != nil || len(docs) == 0 {
		return nil
	}
	return joined.Shift(docs[0].Root, r.files.Add(file))
}

// list notes the names of all files of the chart but its subcharts.
func (r *reader) list(dir string, depth int) {
	if r.tree == nil || depth > 5 {
		return
	}
	entries, err := r.tree.ReadDir(path.Join(r.dir, dir))
	if err != nil {
		return
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		switch {
		case len(r.names) >= 4*maxTemplates:
			return
		case e.Mode != source.ModeDir:
			r.names = append(r.names, name)
		case dir != "" || e.Name == "templates" || e.Name == "crds":
			r.list(name, depth+1)
		}
	}
}

// chart returns the tree of the resource.
func (r *reader) chart() *resource.Value {
	r.list("", 0)
	out := resource.NewMap(r.meta.Span)
	at := source.Span{Start: r.meta.Span.Start, End: r.meta.Span.Start}
	if len(r.meta.Fields) > 0 {
		at = r.meta.Fields[0].KeySpan
	}
	lock := r.yaml("Chart.lock")
	wanted := r.meta.Get("dependencies")
	if wanted == nil {
		wanted = r.yaml("requirements.yaml").Get("dependencies")
		if lock == nil {
			lock = r.yaml("requirements.lock")
		}
	}
	for _, f := range r.meta.Fields {
		if f.Key != "dependencies" {
			out.Fields = append(out.Fields, f)
		}
	}
	if wanted != nil && wanted.Kind == resource.List {
		list := resource.NewList(wanted.Span)
		for _, item := range wanted.Items {
			list.Items = append(list.Items, dependency(item, lock))
		}
		put(out, "dependencies", list)
	}
	put(out, "lock", lock)
	r.values = r.yaml("values.yaml")
	put(out, "values", r.values)
	settings, images := resource.NewList(at), resource.NewList(at)
	if r.values != nil {
		walk(r.values, nil, settings, images)
	}
	out.Put("settings", settings).Put("images", images)
	templates := 0
	for _, name := range r.names {
		ext := path.Ext(name)
		if strings.HasPrefix(name, "templates/") && (ext == ".yaml" || ext == ".yml" || ext == ".tpl" || ext == ".txt") && templates < maxTemplates {
			templates++
			r.template(name)
		}
	}
	names := resource.NewList(at)
	for _, name := range r.names {
		names.Items = append(names.Items, resource.NewText(name, at))
	}
	out.Put("files", names)
	for _, list := range []struct {
		key string
		all []*resource.Value
	}{{"calls", r.calls}, {"secrets", r.secrets}, {"objects", r.objects}} {
		out.Put(list.key, &resource.Value{Kind: resource.List, Items: list.all, Span: at})
	}
	return out
}

// put adds a list or map whose key is where it starts: what is wrong with it as a
// whole is marked by a word, and not by a block.
func put(out *resource.Value, key string, v *resource.Value) {
	if v == nil {
		return
	}
	at := source.Span{Start: v.Span.Start, End: v.Span.Start}
	if len(v.Fields) > 0 {
		at = v.Fields[0].KeySpan
	}
	out.Fields = append(out.Fields, resource.Field{Key: key, KeySpan: at, Value: v})
}

// dependency adds to a dependency what the lock file says of it.
func dependency(item, lock *resource.Value) *resource.Value {
	if item.Kind != resource.Map {
		return resource.NewMap(item.Span)
	}
	out := *item
	out.Fields = slices.Clip(item.Fields)
	locked := lock.Get("dependencies")
	if locked == nil {
		return &out
	}
	name := item.Get("name").Text()
	at := item.Span
	if item.Get("name") != nil {
		at = item.Get("name").Span
	}
	for _, l := range locked.Items {
		if l.Get("name").Text() != name {
			continue
		}
		version := l.Get("version")
		out.Put("locked", version)
		stale := version == nil || !satisfies(item.Get("version"), version) ||
			strings.TrimSuffix(l.Get("repository").Text(), "/") != strings.TrimSuffix(item.Get("repository").Text(), "/")
		if version != nil {
			at = version.Span
		}
		return out.Put("stale", resource.NewBool(stale, at))
	}
	return out.Put("stale", resource.NewBool(true, at))
}

// satisfies reports whether a locked version is one of those that are asked for.
// What cannot be read is taken for one.
func satisfies(wanted, version *resource.Value) bool {
	if wanted == nil || wanted.Str == "" {
		return true
	}
	constraint, err := semver.NewConstraint(wanted.Str)
	if err != nil {
		return true
	}
	v, err := semver.NewVersion(version.Str)
	return err != nil || constraint.Check(v)
}

// walk notes the settings and images in values.
func walk(v *resource.Value, way []string, settings, images *resource.Value) {
	if len(way) > maxDepth || len(settings.Items) > maxSettings {
		return
	}
	at := func(name string) string { return strings.Join(append(slices.Clone(way), name), ".") }
	for i, item := range v.Items {
		walk(item, append(slices.Clone(way), fmt.Sprint(i)), settings, images)
	}
	for _, f := range v.Fields {
		switch {
		case f.Value.Kind >= resource.List:
			walk(f.Value, append(slices.Clone(way), f.Key), settings, images)
		case f.Value.Kind != resource.Null:
			one := resource.NewMap(f.Value.Span).Put("name", resource.NewText(at(f.Key), f.KeySpan))
			one.Put("key", resource.NewText(f.Key, f.KeySpan)).Put("value", resource.NewText(f.Value.Str, f.Value.Span))
			settings.Items = append(settings.Items, one)
			if f.Key == "image" && imageLike(f.Value.Str) {
				images.Items = append(images.Items, reference(at(f.Key), f.Value))
			}
		}
	}
	if repository := v.Get("repository"); repository.Text() != "" && v.Get("tag") != nil && v.Get("digest").Text() == "" {
		tag := v.Get("tag")
		images.Items = append(images.Items, resource.NewMap(v.Span).
			Put("name", resource.NewText(strings.Join(way, "."), repository.Span)).Put("tag", resource.NewText(tag.Str, tag.Span)))
	}
}

func imageLike(s string) bool {
	return s != "" && !strings.ContainsAny(s, " {}$") && strings.ContainsAny(s, ":/")
}

// reference reads an image that is one text.
func reference(name string, v *resource.Value) *resource.Value {
	out := resource.NewMap(v.Span).Put("name", resource.NewText(name, v.Span))
	if strings.Contains(v.Str, "@") {
		return out.Put("tag", resource.NewText(v.Str[strings.IndexByte(v.Str, '@')+1:], v.Span))
	}
	tag := "latest"
	if colon := strings.LastIndexByte(v.Str, ':'); colon > strings.LastIndexByte(v.Str, '/') {
		tag = v.Str[colon+1:]
	}
	return out.Put("tag", resource.NewText(tag, v.Span))
}
