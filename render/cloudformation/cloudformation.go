// Package cloudformation reads CloudFormation and SAM templates, in YAML and JSON,
// and evaluates them. Each resource of a template becomes one resource: its kind is
// its type, its name the logical id, behind those of the nested stacks that it is
// in: Network/Vpc. Its tree has the shape that it has in the template:
//
//	Type            AWS::S3::Bucket
//	Properties      with all functions evaluated
//	DependsOn       a list
//	Condition, DeletionPolicy, UpdateReplacePolicy, Metadata and others
//	                beside them, as in the template
//
// The template itself is one resource of kind Template, named by the path of its
// file, with Parameters, Outputs, Metadata and what else is written at its top.
//
// Values are those that a stack has that is made without saying anything:
//
//	parameters   have their defaults; without one they are unknown, and so are
//	             those that are hidden by NoEcho or kept in the parameter store
//	Ref, GetAtt  of a resource are unknown, and lead to it in relations
//	pseudo parameters, GetAZs, ImportValue, macros and includes
//	             are unknown; AWS::NoValue removes what it is the value of
//	Base64       leaves its text as it is, to be read
//	conditions   that are false take a resource away, which is noted; a resource
//	             whose condition is not known is there
//	booleans     are such, also where they are written as texts; the values of
//	             {Key, Value} are texts
//	Globals      of SAM are merged into the resources that they are for
//
// A value that comes from elsewhere, a parameter or a mapping, stands where it is
// used. Nested stacks are read if their template is in the tree; it is judged by
// itself, too.
package cloudformation

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

// Claims reports whether the file is called a template, and looks like one. Those
// in YAML and JSON have any name, and are known by their content.
func Claims(tree source.Tree, name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".template", ".cfn", ".cform":
		content, err := tree.ReadFile(name)
		return err == nil && Recognises(content)
	}
	return false
}

var types = [][]byte{[]byte("AWS::"), []byte("Alexa::"), []byte("Custom::")}

// Recognises reports whether content looks like a template.
func Recognises(content []byte) bool {
	if bytes.Contains(content, []byte("AWSTemplateFormatVersion")) {
		return true
	}
	if !bytes.Contains(content, []byte("Resources")) || !bytes.Contains(content, []byte("Type")) {
		return false
	}
	for _, prefix := range types {
		if bytes.Contains(content, prefix) {
			return true
		}
	}
	return false
}

// passedOver is the reason for which a file is not read.
type passedOver string

func (p passedOver) Error() string        { return string(p) }
func (p passedOver) Is(target error) bool { return target == render.ErrOtherFormat }

const (
	notTemplate passedOver = "not a CloudFormation template: it has no resources with a type"
	isGenerator passedOver = "templates of CloudFormation are made of it, and have to be made before"
)

// Parse reads a template of a tree, which may be nil. The error joins a
// resource.SyntaxError for each mistake for which CloudFormation would refuse the
// template; the rest is in the resources.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	doc, err := read(file)
	if err != nil {
		return nil, err
	}
	r := &run{tree: tree, budget: maxValues, templates: maxTemplates, skipped: map[string]bool{}}
	t := r.template(file, doc, nil)
	all := append([]*resource.Resource{{
		ID: resource.ID{Kind: TemplateKind, Name: file.Path}, Root: t.whole(),
		Origin: resource.Origin{File: file, Span: doc.Span},
	}}, t.all()...)
	if len(r.note.Used) > 0 || len(r.note.Skipped) > 0 {
		r.errs = append(r.errs, r.note)
	}
	return all, errors.Join(r.errs...)
}

// read returns the document of a template.
func read(file *source.File) (resource.Document, error) {
	docs, err := resource.Parse(file)
	if err != nil && bytes.Contains(file.Content, []byte("{{")) {
		return resource.Document{}, isGenerator
	}
	if len(docs) == 0 && err != nil {
		return resource.Document{}, err
	}
	if len(docs) == 0 || !isTemplate(docs[0].Root) {
		return resource.Document{}, notTemplate
	}
	return docs[0], nil
}

// isTemplate reports whether a value has resources of a type such as AWS::S3::Bucket.
func isTemplate(root *resource.Value) bool {
	resources := root.Get("Resources")
	if resources == nil || resources.Kind != resource.Map {
		return false
	}
	if root.Get("AWSTemplateFormatVersion") != nil {
		return true
	}
	for _, f := range resources.Fields {
		if strings.Contains(f.Value.Get("Type").Text(), "::") {
			return true
		}
	}
	return false
}

const (
	maxValues    = 500_000 // that functions may make
	maxText      = 1 << 20 // bytes of a text that functions make
	maxTemplates = 200     // nested stacks, in all
	maxDepth     = 200     // functions in functions
	maxNesting   = 16      // nested stacks in each other
	maxErrors    = 100
)

// run is what a template and its nested ones share.
type run struct {
	tree      source.Tree
	budget    int
	templates int
	skipped   map[string]bool
	errs      []error
	note      render.Note
}

// skip notes once what is left out at a place of a file.
func (r *run) skip(name string, at source.Position, reason string) {
	one := render.Skipped{Path: name, Position: at, Reason: reason}
	if key := fmt.Sprint(one); !r.skipped[key] {
		r.skipped[key] = true
		r.note.Skipped = append(r.note.Skipped, one)
	}
}
