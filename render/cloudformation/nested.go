package cloudformation

import (
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// stack returns the template of a resource that is a nested stack, with the
// parameters that it is given; nil if there is none in the tree.
func (t *template) stack(name string) *template {
	if stack, ok := t.stacks[name]; ok {
		return stack
	}
	t.stacks[name] = nil // while it is read
	stack := t.readStack(t.entries[t.names[name]])
	t.stacks[name] = stack
	return stack
}

func (t *template) readStack(e entry) *template {
	properties := e.body.Get("Properties")
	var location *resource.Value
	switch e.body.Get("Type").Text() {
	case "AWS::CloudFormation::Stack":
		location = properties.Get("TemplateURL")
	case "AWS::Serverless::Application":
		location = properties.Get("Location")
	}
	if location == nil || t.tree == nil {
		return nil
	}
	before := t.loops
	t.loops = e.loops
	defer func() { t.loops = before }()
	at := t.file.Position(location.Span.Start)
	location = t.eval(location)
	text := scalarText(location)
	if location == nil || text == "" {
		t.skip(t.file.Path, at, fmt.Sprintf("the nested stack %s: where its template is, is not known", e.name))
		return nil
	}
	if strings.Contains(text, "://") {
		t.skip(t.file.Path, at, fmt.Sprintf("the nested stack %s: its template is not in these files", e.name))
		return nil
	}
	name := path.Join(path.Dir(t.file.Path), text)
	for p := t; p != nil; p = p.parent {
		if p.file.Path == name {
			t.fail(location.Span, "the nested stack %s is this template again, without end", e.name)
			return nil
		}
	}
	if t.templates--; t.templates < 0 || strings.Count(t.path, "/") >= maxNesting || t.budget < 0 {
		t.skip(t.file.Path, at, "there are too many nested stacks")
		return nil
	}
	content, err := t.tree.ReadFile(name)
	if err != nil {
		t.skip(t.file.Path, at, fmt.Sprintf("the nested stack %s: %s cannot be read", e.name, name))
		return nil
	}
	file := source.NewFile(name, content)
	doc, err := read(file)
	if err != nil {
		t.skip(t.file.Path, at, fmt.Sprintf("the nested stack %s: %s is no template that can be read", e.name, name))
		return nil
	}
	t.note.Used = append(t.note.Used, name)
	stack := t.template(file, doc, t)
	stack.path = t.path + e.name + "/"
	stack.given = map[string]*resource.Value{}
	if given := properties.Get("Parameters"); given != nil {
		for _, f := range given.Fields {
			if v := t.eval(f.Value); v != nil {
				stack.given[f.Key] = v
			}
		}
	}
	return stack
}
