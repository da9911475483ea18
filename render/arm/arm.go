// Package arm reads ARM templates, the JSON that Azure Resource Manager deploys,
// and evaluates them. Each resource becomes one resource: its kind is its full type,
// Microsoft.Sql/servers/firewallRules, its name the full name, with {parameter} for
// what is not known of it. Its tree is that of the template, with expressions
// evaluated and loops unrolled, and besides
//
//	type    the full type
//	parent  of a child resource the name of what it belongs to
//
// and without copy, condition and resources, which are its instances, and resources
// of their own. The template itself is one resource of kind Template, named by the
// path of its file, with its parameters and outputs as they are written.
//
// Values are those of a deployment without a file of parameters:
//
//	parameters  have their defaults; without one, and where they are secure, they
//	            are unknown
//	reference(), list…(), resourceGroup(), uniqueString() and the like
//	            are unknown; resourceId() leads to the resource in relations
//	condition   that is false takes a resource away, which is noted; a resource whose
//	            condition is not known is there
//	copy        of a number that is not known is made once
//
// Nested deployments are read if their template is inline or in the tree. Bicep is
// not read: it has to be built to JSON before.
package arm

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

// TemplateKind is the kind of a template itself.
const TemplateKind = "Template"

// Claims reports whether the file is in Bicep, so that it is said that it is not
// read. Templates have any name, and are known by their content.
func Claims(_ source.Tree, name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".bicep" || ext == ".bicepparam"
}

// Recognises reports whether content looks like a template, or the parameters of one.
func Recognises(content []byte) bool {
	return bytes.Contains(content, []byte("$schema")) &&
		(bytes.Contains(content, []byte("eploymentTemplate.json")) || bytes.Contains(content, []byte("eploymentParameters.json")))
}

// passedOver is the reason for which a file is not read.
type passedOver string

func (p passedOver) Error() string        { return string(p) }
func (p passedOver) Is(target error) bool { return target == render.ErrOtherFormat }

const (
	isBicep      passedOver = "Bicep is not read: build it to ARM JSON with `bicep build`, and scan that"
	notTemplate  passedOver = "not an ARM template: it has no resources"
	isParameters passedOver = "parameters of an ARM template, which is judged with its defaults"
)

// Parse reads a template of a tree, which may be nil. The error joins a
// resource.SyntaxError for each expression that cannot be read; the rest is in the
// resources.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	if Claims(tree, file.Path) {
		return nil, isBicep
	}
	root, err := read(file)
	if err != nil {
		return nil, err
	}
	if strings.Contains(root.Get("$schema").Text(), "eploymentParameters.json") {
		return nil, isParameters
	}
	if !isTemplate(root) {
		return nil, notTemplate
	}
	r := &run{tree: tree, budget: maxValues, skipped: map[string]bool{}}
	t := r.template(file, root)
	t.top = true
	t.all(root.Get("resources"), parent{})
	all := append([]*resource.Resource{{
		ID: resource.ID{Kind: TemplateKind, Name: file.Path}, Root: whole(root),
		Origin: resource.Origin{File: file, Span: root.Span},
	}}, r.out...)
	if len(r.note.Used) > 0 || len(r.note.Skipped) > 0 {
		r.errs = append(r.errs, r.note)
	}
	return all, errors.Join(r.errs...)
}

func isTemplate(root *resource.Value) bool {
	resources := root.Get("resources")
	return resources != nil && (resources.Kind == resource.List || resources.Kind == resource.Map)
}

// read parses JSON in which there may be comments.
func read(file *source.File) (*resource.Value, error) {
	doc, err := resource.ParseJSON(file)
	if err != nil && bytes.Contains(file.Content, []byte("/")) {
		plain := source.NewFile(file.Path, withoutComments(file.Content))
		if again, err := resource.ParseJSON(plain); err == nil {
			return again.Root, nil
		}
	}
	return doc.Root, err
}

// withoutComments puts spaces in the place of comments.
func withoutComments(content []byte) []byte {
	out := bytes.Clone(content)
	blank := func(from, to int) {
		for i := from; i < to; i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
	}
	for i := 0; i < len(out); i++ {
		switch {
		case out[i] == '"':
			for i++; i < len(out) && out[i] != '"'; i++ {
				if out[i] == '\\' {
					i++
				}
			}
		case bytes.HasPrefix(out[i:], []byte("//")):
			end := i + len(out[i:])
			if n := bytes.IndexByte(out[i:], '\n'); n >= 0 {
				end = i + n
			}
			blank(i, end)
		case bytes.HasPrefix(out[i:], []byte("/*")):
			end := len(out)
			if n := bytes.Index(out[i+2:], []byte("*/")); n >= 0 {
				end = i + 2 + n + 2
			}
			blank(i, end)
		}
	}
	return out
}

// whole returns the tree of the template itself. The defaults of secure parameters
// are not in it.
func whole(root *resource.Value) *resource.Value {
	out := resource.NewMap(root.Span)
	for _, f := range root.Fields {
		switch f.Key {
		case "resources", "variables", "functions", "definitions":
			continue
		case "parameters":
			f.Value = shownParameters(f.Value)
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

func shownParameters(all *resource.Value) *resource.Value {
	out := resource.NewMap(all.Span)
	for _, f := range all.Fields {
		if secure(f.Value) {
			one := resource.NewMap(f.Value.Span)
			for _, field := range f.Value.Fields {
				text := field.Value.Text()
				if field.Key == "defaultValue" && text != "" && !isExpression(text) {
					field.Value = resource.NewText(resource.Mask, field.Value.Span)
				}
				one.Fields = append(one.Fields, field)
			}
			f.Value = one
		}
		out.Fields = append(out.Fields, f)
	}
	return out
}

// secure reports whether the value of a parameter is hidden.
func secure(parameter *resource.Value) bool {
	kind := strings.ToLower(parameter.Get("type").Text())
	return kind == "securestring" || kind == "secureobject"
}

const (
	maxValues = 500_000 // that expressions and loops may make
	maxText   = 1 << 20 // bytes of a text that an expression makes
	maxDepth  = 100     // calls in calls
	maxNested = 16      // deployments in each other
	maxCopies = 800     // of a resource, as many as Azure makes
	maxErrors = 100

	maxResources = 10_000
)

// run is what a template and its nested ones share.
type run struct {
	tree    source.Tree
	budget  int
	out     []*resource.Resource
	skipped map[string]bool
	errs    []error
	note    render.Note
}

// skip notes once what is left out at a place of a file.
func (r *run) skip(name string, at source.Position, reason string) {
	one := render.Skipped{Path: name, Position: at, Reason: reason}
	if key := fmt.Sprint(one); !r.skipped[key] {
		r.skipped[key] = true
		r.note.Skipped = append(r.note.Skipped, one)
	}
}
