// Package compose reads Compose files as the Compose specification describes
// them. A file becomes one resource, in whose tree the short forms are long, and
// variables have their values:
//
//	services     a list, each with its name; see below
//	networks, volumes, secrets, configs
//	             lists of {name, external, …}
//	name, include
//	             as they are written
//
// A service has what is written for it, and what it extends, with these forms:
//
//	complete     whether it has an image or is built; one that only overrides
//	             another file has neither, and what it lacks may be there
//	image        what the reference is made of; see package image
//	environment  {name, value, text}, without a value where that of the shell is
//	             handed on; so are labels, annotations, sysctls and build.args
//	ports        {key, target, published, hostIP, protocol}
//	volumes      {key, type, source, target, readOnly}
//	devices      {source, target, permissions}
//	command, entrypoint
//	             lists of words
//	networks, depends_on
//	             {name, …}
//	secrets, configs
//	             {source, target, …}
//	env_file     {path, …}
//	cap_add, security_opt, tmpfs, dns, extra_hosts and other lists
//	             lists, also where one text is written
//	privileged, read_only, init and other switches
//	             true or false: Compose takes yes and on for true
//
// A variable has the value of the file .env beside the Compose file, or else the
// default of ${NAME:-default}. What depends on one without either is unknown; a
// text stays as it is written. Values that a service extends from another file
// stand where it says so.
package compose

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Kind is the kind of the resource of a file.
const Kind = "ComposeFile"

// Claims reports whether the file has the name of a Compose file: compose.yaml,
// docker-compose.yml, and these with something in between.
func Claims(_ source.Tree, name string) bool {
	base := strings.ToLower(path.Base(name))
	stem, ok := strings.CutSuffix(base, path.Ext(base))
	if ext := path.Ext(base); !ok || ext != ".yaml" && ext != ".yml" {
		return false
	}
	return stem == "compose" || strings.HasPrefix(stem, "compose.") || strings.HasPrefix(stem, "docker-compose")
}

// Parse reads a Compose file of a tree, which may be nil. The error joins a
// resource.SyntaxError for each value that Compose would refuse; the rest is in
// the resource.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	documents, err := resource.ParseYAML(file)
	if err != nil && bytes.Contains(file.Content, []byte("{{")) {
		return nil, fmt.Errorf("%w: a template of a Compose file", render.ErrOtherFormat)
	}
	if len(documents) == 0 {
		return nil, err
	}
	root := documents[0].Root
	if root.Kind != resource.Map || root.Get("apiVersion") != nil && root.Get("kind") != nil {
		return nil, fmt.Errorf("%w: a Compose file", render.ErrOtherFormat)
	}
	if root.Get("services") == nil && root.Get("include") == nil && err == nil {
		return nil, fmt.Errorf("%w: a Compose file with services", render.ErrOtherFormat)
	}
	r := newReader(tree, file)
	r.root = root
	out := r.whole()
	return []*resource.Resource{{
		ID: resource.ID{Platform: resource.Compose, Kind: Kind, Name: file.Path}, Root: out,
		Origin: resource.Origin{Renderer: resource.Compose.String(), File: file, Span: root.Span},
	}}, errors.Join(append(r.errs, err)...)
}

// reader reads one file.
type reader struct {
	tree   source.Tree
	path   string
	root   *resource.Value
	env    map[string]string // of .env
	budget int               // bytes that variables may still expand to
	depth  int               // of files that extend files
	file   *source.File
	errs   []error
}

// fail notes a value that Compose would refuse.
func (r *reader) fail(v *resource.Value, message string) {
	const most = 100
	if r.depth > 0 || len(r.errs) >= most {
		return
	}
	r.errs = append(r.errs, &resource.SyntaxError{Path: r.path, Position: r.file.Position(v.Span.Start), Message: message})
}

const (
	maxExpanded = 8 << 20
	maxExtends  = 16 // services, or files, that extend each other
)

func newReader(tree source.Tree, file *source.File) *reader {
	r := &reader{tree: tree, path: file.Path, file: file, budget: maxExpanded}
	if tree != nil {
		if content, err := tree.ReadFile(path.Join(path.Dir(file.Path), ".env")); err == nil {
			r.env = readEnv(string(content))
		}
	}
	return r
}

// whole returns the tree of the whole file.
func (r *reader) whole() *resource.Value {
	out := resource.NewMap(r.root.Span)
	for _, f := range r.root.Fields {
		switch f.Key {
		case "services":
			put(out, f, r.services(f.Value))
		case "networks", "volumes", "secrets", "configs":
			put(out, f, r.named(f.Value))
		default:
			if !strings.HasPrefix(f.Key, "x-") {
				put(out, f, r.expanded(f.Value))
			}
		}
	}
	return out
}

// put adds a field that keeps the place of its key.
func put(out *resource.Value, f resource.Field, v *resource.Value) {
	if v != nil {
		out.Fields = append(out.Fields, resource.Field{Key: f.Key, KeySpan: f.KeySpan, Value: v})
	}
}

func (r *reader) services(v *resource.Value) *resource.Value {
	list := resource.NewList(v.Span)
	for _, f := range v.Fields {
		if f.Value.Kind == resource.Null || !r.isMap(f.Value) {
			continue
		}
		fields := r.extended(f.Value, map[string]bool{f.Key: true})
		one := resource.NewMap(f.KeySpan)
		put(one, resource.Field{Key: "name", KeySpan: f.KeySpan}, resource.NewText(f.Key, f.KeySpan))
		complete := false
		for _, field := range fields {
			complete = complete || field.Key == "image" || field.Key == "build"
		}
		one.Put("complete", resource.NewBool(complete, f.KeySpan))
		for _, field := range fields {
			switch {
			case field.Key == "name" || field.Key == "complete" || strings.HasPrefix(field.Key, "x-"):
			case field.Key == "image": // a tag that is missing is missing at the reference
				one.Put(field.Key, r.field(field.Key, field.Value))
			default:
				put(one, field, r.field(field.Key, field.Value))
			}
		}
		list.Items = append(list.Items, one)
	}
	return list
}

// named returns the entries of a map as a list of maps with names.
func (r *reader) named(v *resource.Value) *resource.Value {
	list := resource.NewList(v.Span)
	for _, f := range v.Fields {
		one := resource.NewMap(f.KeySpan)
		put(one, resource.Field{Key: "name", KeySpan: f.KeySpan}, resource.NewText(f.Key, f.KeySpan))
		for _, field := range f.Value.Fields {
			switch field.Key {
			case "name":
				field.Key = "alias"
				put(one, field, r.expanded(field.Value))
			case "external", "internal", "attachable", "enable_ipv6":
				put(one, field, r.truth(field.Value))
			case "content", "file", "environment":
				put(one, field, r.word(field.Value))
			case "driver_opts":
				put(one, field, r.pairs(field.Value))
			default:
				put(one, field, r.expanded(field.Value))
			}
		}
		list.Items = append(list.Items, one)
	}
	return list
}
