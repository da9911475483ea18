package cloudformation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// template evaluates one template, for a stack with certain parameters.
type template struct {
	*run
	file *source.File
	root *resource.Value
	tags map[*resource.Value]resource.Tag

	parent *template // nil for the template that is scanned
	path   string    // of nested stacks, such as Network/
	given  map[string]*resource.Value

	names      map[string]int // of entries
	entries    []entry
	parameters map[string]*resource.Value // evaluated
	conditions map[string]truth
	asking     map[string]bool // conditions that are being evaluated
	stacks     map[string]*template
	loops      map[string]string // identifiers of Fn::ForEach
	depth      int
	sam, macro bool // whether the transform of SAM, or some other, makes resources
}

// entry is a resource as it is written.
type entry struct {
	name  string
	key   source.Span
	body  *resource.Value
	loops map[string]string
}

func (r *run) template(file *source.File, doc resource.Document, parent *template) *template {
	t := &template{
		run: r, file: file, root: doc.Root, tags: doc.Tags, parent: parent,
		names: map[string]int{}, parameters: map[string]*resource.Value{}, conditions: map[string]truth{},
		asking: map[string]bool{}, stacks: map[string]*template{},
	}
	t.transforms(t.root.Get("Transform"))
	t.collect(t.root.Get("Resources"), nil, 0)
	if t.sam {
		t.mergeGlobals(t.root.Get("Globals"))
	}
	return t
}

// fail notes a mistake of the template that is scanned. Those of nested ones are
// noted when they are scanned themselves.
func (t *template) fail(span source.Span, format string, args ...any) {
	one := &resource.SyntaxError{Path: t.file.Path, Position: t.file.Position(span.Start), Message: fmt.Sprintf(format, args...)}
	if t.parent == nil && len(t.errs) < maxErrors && !t.skipped[one.Error()] {
		t.skipped[one.Error()] = true
		t.errs = append(t.errs, one)
	}
}

func (t *template) transforms(v *resource.Value) {
	switch {
	case v == nil:
	case v.Kind == resource.List:
		for _, item := range v.Items {
			t.transforms(item)
		}
	case strings.HasPrefix(v.Text(), "AWS::Serverless-"):
		t.sam = true
	case v.Text() == "AWS::LanguageExtensions", v.Text() == "AWS::Include", strings.HasPrefix(v.Text(), "AWS::SecretsManager-"), strings.HasPrefix(v.Text(), "AWS::CodeDeployBlueGreen"):
	default:
		t.macro = true
	}
}

// collect notes the resources of a map, and those that loops make.
func (t *template) collect(v *resource.Value, loops map[string]string, depth int) {
	if v == nil {
		return
	}
	for _, f := range v.Fields {
		if f.Key == "Fn::Transform" {
			t.macro = true
			t.skip(t.file.Path, t.file.Position(f.KeySpan.Start), "what a macro or an include adds is not known")
			continue
		}
		if loop, ok := t.loop(f); ok && depth < maxNesting {
			elements, reason := t.elements(loop, loops)
			if reason != "" {
				t.skip(t.file.Path, t.file.Position(f.KeySpan.Start), "the resources of a loop are not known: "+reason)
			}
			for _, element := range elements {
				t.collect(loop.body, with(loops, loop.identifier, element), depth+1)
			}
			continue
		}
		if t.budget--; t.budget < 0 {
			return
		}
		name := substitute(f.Key, loops)
		if i, known := t.names[name]; known {
			t.entries[i].body = f.Value
			continue
		}
		t.macro = t.macro || strings.HasSuffix(f.Value.Get("Type").Text(), "::MODULE") // which has resources of its own
		t.names[name] = len(t.entries)
		t.entries = append(t.entries, entry{name, f.KeySpan, f.Value, loops})
	}
}

// all returns the resources of the stack and of its nested stacks.
func (t *template) all() (out []*resource.Resource) {
	for _, e := range t.entries {
		t.loops = e.loops
		kind := e.body.Get("Type").Text()
		if e.body.Kind != resource.Map || kind == "" {
			t.fail(e.key, "the resource %s has no Type", e.name)
			continue
		}
		condition := e.body.Get("Condition")
		if condition.Text() != "" {
			is := t.condition(condition.Text(), condition.Span)
			if is.known() && !is.value {
				if t.parent == nil {
					t.skip(t.file.Path, t.file.Position(e.key.Start), fmt.Sprintf("%s is not made: the condition %s is false as parameters have their defaults", e.name, condition.Text()))
				}
				continue
			}
		}
		out = append(out, &resource.Resource{
			ID: resource.ID{Kind: kind, Name: t.path + e.name}, Root: t.object(e),
			Origin: resource.Origin{File: t.file, Span: e.body.Span, Via: t.via()},
		})
		if stack := t.stack(e.name); stack != nil {
			out = append(out, stack.all()...)
		}
	}
	t.loops = nil
	return out
}

// via returns the files of the templates that a nested one is used by.
func (t *template) via() (files []string) {
	for p := t.parent; p != nil; p = p.parent {
		files = append(files, p.file.Path)
	}
	return files
}

// object returns the tree of a resource.
func (t *template) object(e entry) *resource.Value {
	out := resource.NewMap(e.body.Span)
	for _, f := range e.body.Fields {
		switch f.Key {
		case "Type", "Condition":
		case "Properties":
			f.Value = normal(t.eval(f.Value))
		case "DependsOn":
			if f.Value.Kind != resource.List {
				f.Value = resource.NewList(f.Value.Span, f.Value)
			}
		default:
			f.Value = t.eval(f.Value)
		}
		if f.Value != nil {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

// whole returns the tree of the template itself. What NoEcho hides is not in it.
func (t *template) whole() *resource.Value {
	out := resource.NewMap(t.root.Span)
	for _, f := range t.root.Fields {
		switch f.Key {
		case "Resources", "Mappings", "Conditions", "Globals", "Rules":
			continue
		case "Parameters":
			f.Value = shownParameters(f.Value)
		default:
			f.Value = t.eval(f.Value)
		}
		if f.Value != nil {
			out.Fields = append(out.Fields, f)
		}
	}
	return out
}

func shownParameters(all *resource.Value) *resource.Value {
	out := *all
	out.Fields = slices.Clone(all.Fields)
	for i, f := range out.Fields {
		if !hidden(f.Value) {
			continue
		}
		one := *f.Value
		one.Fields = slices.Clone(one.Fields)
		for j, field := range one.Fields {
			if (field.Key == "Default" || field.Key == "AllowedValues") && scalarText(field.Value) != "" {
				one.Fields[j].Value = resource.NewText(resource.Mask, field.Value.Span)
			}
		}
		out.Fields[i].Value = &one
	}
	return &out
}

// hidden reports whether NoEcho hides the value of a parameter.
func hidden(parameter *resource.Value) bool {
	return strings.EqualFold(scalarText(parameter.Get("NoEcho")), "true")
}

// scalarText returns a scalar as it is written, and "" for everything else.
func scalarText(v *resource.Value) string {
	if text, ok := textOf(v); ok {
		return text
	}
	return ""
}

func textOf(v *resource.Value) (string, bool) {
	switch {
	case v == nil || v.Unknown() != "":
		return "", false
	case v.Kind == resource.Bool:
		if v.Bool {
			return "true", true
		}
		return "false", true
	case v.Kind == resource.String, v.Kind == resource.Int, v.Kind == resource.Float:
		return v.Str, true
	}
	return "", false
}

// texts are the properties below which everything is meant as text.
var texts = []string{"Variables", "UserData", "Condition", "Tags", "Parameters", "RequestParameters"}

// normal returns a tree with booleans that are such, and with texts in {Key, Value}.
func normal(v *resource.Value) *resource.Value {
	if v == nil || v.Unknown() != "" {
		return v
	}
	switch v.Kind {
	case resource.String:
		if len(v.Str) == len("true") && strings.EqualFold(v.Str, "true") || len(v.Str) == len("false") && strings.EqualFold(v.Str, "false") {
			return &resource.Value{Kind: resource.Bool, Bool: len(v.Str) == len("true"), Str: strings.ToLower(v.Str), Span: v.Span}
		}
	case resource.List:
		return withItems(v, normal)
	case resource.Map:
		pair := v.Get("Key") != nil && v.Get("Value") != nil
		return withFields(v, func(f resource.Field) *resource.Value {
			switch text, ok := textOf(f.Value); {
			case pair && f.Key == "Value" && ok && f.Value.Kind != resource.String:
				return resource.NewText(text, f.Value.Span)
			case pair && f.Key == "Value" && ok, slices.Contains(texts, f.Key):
				return f.Value
			}
			return normal(f.Value)
		})
	}
	return v
}

// withFields returns v with what change makes of its fields, without those that it
// makes nil: v itself if nothing changes.
func withFields(v *resource.Value, change func(resource.Field) *resource.Value) *resource.Value {
	var fields []resource.Field
	for i, f := range v.Fields {
		after := change(f)
		if after == f.Value && fields == nil {
			continue
		}
		if fields == nil {
			fields = append(make([]resource.Field, 0, len(v.Fields)), v.Fields[:i]...)
		}
		if f.Value = after; after != nil {
			fields = append(fields, f)
		}
	}
	if fields == nil {
		return v
	}
	out := *v
	out.Fields = fields
	return &out
}

// withItems is withFields for lists.
func withItems(v *resource.Value, change func(*resource.Value) *resource.Value) *resource.Value {
	var items []*resource.Value
	for i, item := range v.Items {
		after := change(item)
		if after == item && items == nil {
			continue
		}
		if items == nil {
			items = append(make([]*resource.Value, 0, len(v.Items)), v.Items[:i]...)
		}
		if after != nil {
			items = append(items, after)
		}
	}
	if items == nil {
		return v
	}
	out := *v
	out.Items = items
	return &out
}
