package arm

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// template evaluates one template.
type template struct {
	*run
	file  *source.File
	root  *resource.Value
	top   bool // it is the one that is scanned
	depth int  // of deployments
	files []string

	given     map[string]*resource.Value // parameters; nil for those of a deployment by hand
	scope     *template                  // whose parameters and variables expressions see
	known     map[string]*resource.Value // parameters and variables
	asking    map[string]bool
	functions map[string]*resource.Value
	copies    []copyLoop
	locals    map[string]*resource.Value // parameters of a function of the user
	calls     int
}

// copyLoop is a loop that is being unrolled.
type copyLoop struct {
	name  string
	index *resource.Value
}

func (r *run) template(file *source.File, root *resource.Value) *template {
	t := &template{run: r, file: file, root: root, known: map[string]*resource.Value{}, asking: map[string]bool{}, functions: map[string]*resource.Value{}, files: []string{file.Path}}
	t.scope = t
	if spaces := root.Get("functions"); spaces != nil {
		for _, space := range spaces.Items {
			members := space.Get("members")
			if members == nil {
				continue
			}
			for _, f := range members.Fields {
				t.functions[strings.ToLower(space.Get("namespace").Text()+"."+f.Key)] = f.Value
			}
		}
	}
	return t
}

// fail notes a mistake of the template that is scanned.
func (t *template) fail(span source.Span, format string, args ...any) {
	one := &resource.SyntaxError{Path: t.file.Path, Position: t.file.Position(span.Start), Message: fmt.Sprintf(format, args...)}
	if t.file.Path == t.files[0] && len(t.errs) < maxErrors && !t.skipped[one.Error()] {
		t.skipped[one.Error()] = true
		t.errs = append(t.errs, one)
	}
}

// parent is what a child resource belongs to.
type parent struct{ kind, name string }

// all adds the resources of a list, or of a map of symbolic names.
func (t *template) all(list *resource.Value, of parent) {
	if list == nil {
		return
	}
	bodies := list.Items
	for _, f := range list.Fields {
		if existing := f.Value.Get("existing"); existing == nil || !existing.Bool {
			bodies = append(slices.Clip(bodies), f.Value)
		}
	}
	for _, body := range bodies {
		if body.Get("type").Text() == "" {
			if t.top {
				t.fail(body.Span, "the resource has no type")
			}
			continue
		}
		t.copied(body, of)
	}
}

// copied adds a resource as often as its loop says.
func (t *template) copied(body *resource.Value, of parent) {
	loop := body.Get("copy")
	if loop == nil || loop.Kind != resource.Map {
		t.one(body, of)
		return
	}
	name := loop.Get("name").Text()
	for _, index := range t.indexes(loop) {
		t.scope.copies = append(t.scope.copies, copyLoop{name, index})
		t.one(body, of)
		t.scope.copies = t.scope.copies[:len(t.scope.copies)-1]
	}
}

// indexes returns the numbers that a loop goes through: one that is not known if
// their count is not.
func (t *template) indexes(loop *resource.Value) (all []*resource.Value) {
	count := t.eval(loop.Get("count"))
	if count == nil || count.Unknown() != "" || count.Kind != resource.Int || count.Int > maxCopies {
		return []*resource.Value{unknown("how many copies are made is not known", "{i}", loop.Span)}
	}
	for i := range count.Int {
		if t.budget--; t.budget < 0 {
			break
		}
		all = append(all, resource.NewInt(i, loop.Span))
	}
	return all
}

// one adds a resource, its children, and those of the deployment that it is.
func (t *template) one(body *resource.Value, of parent) {
	if t.budget <= 0 || len(t.out) >= maxResources {
		t.skip(t.file.Path, t.file.Position(body.Span.Start), "the template makes too many resources")
		return
	}
	if condition := body.Get("condition"); condition != nil {
		if is := t.eval(condition); is != nil && is.Unknown() == "" && (is.Kind == resource.Bool && !is.Bool || is.Kind == resource.String && strings.EqualFold(is.Str, "false")) {
			if t.top {
				t.skip(t.file.Path, t.file.Position(condition.Span.Start), "the resource is not made: its condition is false as parameters have their defaults")
			}
			return
		}
	}
	kind, name := body.Get("type").Text(), "?"
	if isExpression(kind) {
		kind = symbol(t.eval(body.Get("type")))
	}
	nameValue := body.Get("name")
	if nameValue != nil {
		nameValue = t.eval(nameValue)
		name = symbol(nameValue)
	}
	if of.kind != "" && !strings.HasPrefix(strings.ToLower(kind), strings.ToLower(of.kind)+"/") {
		kind = of.kind + "/" + kind
	}
	above := of.name
	if of.kind != "" && !strings.HasPrefix(name, of.name+"/") {
		name = of.name + "/" + name
	} else if i := strings.LastIndex(name, "/"); i >= 0 {
		above = name[:i]
	}
	out := resource.NewMap(body.Span)
	for _, f := range body.Fields {
		switch f.Key {
		case "copy", "condition", "resources":
			continue
		case "type":
			f.Value = resource.NewText(kind, f.Value.Span)
		case "properties":
			if strings.EqualFold(kind, deployments) {
				continue
			}
			f.Value = t.eval(f.Value)
		case "name":
			if f.Value = nameValue; of.kind != "" && nameValue != nil && nameValue.Unknown() == "" {
				f.Value = resource.NewText(name, nameValue.Span)
			}
		default:
			f.Value = t.eval(f.Value)
		}
		if f.Value != nil {
			f.Value = clean(f.Value)
			out.Fields = append(out.Fields, f)
		}
	}
	if above != "" && strings.Count(kind, "/") > 1 {
		out.Put("parent", resource.NewText(above, body.Span))
	}
	t.out = append(t.out, &resource.Resource{
		ID: resource.ID{Kind: kind, Name: name}, Root: out,
		Origin: resource.Origin{File: t.file, Span: body.Span, Via: t.via()},
	})
	t.all(body.Get("resources"), parent{kind, name})
	if strings.EqualFold(kind, deployments) {
		t.deployment(body.Get("properties"), name)
	}
}

func (t *template) via() []string {
	if len(t.files) < 2 {
		return nil
	}
	out := slices.Clone(t.files[:len(t.files)-1])
	slices.Reverse(out)
	return out
}

// symbol returns a text, with {…} for what is not known of it.
func symbol(v *resource.Value) string {
	if v == nil {
		return "?"
	}
	if v.Str == "" && v.Unknown() != "" {
		return "{…}"
	}
	return v.Str
}

// clean takes the symbols away that only names need.
func clean(v *resource.Value) *resource.Value {
	switch {
	case v.Unknown() != "":
		out := *v
		out.Str = ""
		return &out
	case v.Kind == resource.List:
		return mapItems(v, clean)
	case v.Kind == resource.Map:
		return mapFields(v, clean)
	}
	return v
}

func mapItems(v *resource.Value, change func(*resource.Value) *resource.Value) *resource.Value {
	out := v
	for i, item := range v.Items {
		after := change(item)
		if after == item {
			continue
		}
		if out == v {
			c := *v
			c.Items = slices.Clone(v.Items)
			out = &c
		}
		out.Items[i] = after
	}
	return out
}

func mapFields(v *resource.Value, change func(*resource.Value) *resource.Value) *resource.Value {
	out := v
	for i, f := range v.Fields {
		after := change(f.Value)
		if after == f.Value {
			continue
		}
		if out == v {
			c := *v
			c.Fields = slices.Clone(v.Fields)
			out = &c
		}
		out.Fields[i].Value = after
	}
	return out
}

// deployments is the type of nested deployments.
const deployments = "Microsoft.Resources/deployments"

// deployment adds the resources of a nested deployment.
func (t *template) deployment(properties *resource.Value, name string) {
	if properties == nil {
		return
	}
	span := properties.Span
	if t.depth >= maxNested {
		t.skip(t.file.Path, t.file.Position(span.Start), "deployments nest too deeply")
		return
	}
	if inline := properties.Get("template"); inline != nil && inline.Kind == resource.Map {
		nested := t.run.template(t.file, inline)
		nested.top, nested.depth, nested.files = t.top, t.depth+1, t.files
		if strings.EqualFold(properties.Get("expressionEvaluationOptions").Get("scope").Text(), "inner") {
			nested.given = t.parameters(properties.Get("parameters"))
		} else {
			nested.scope = t.scope
		}
		nested.all(inline.Get("resources"), parent{})
		return
	}
	link := properties.Get("templateLink")
	location := link.Get("relativePath")
	if location == nil {
		location = link.Get("uri")
	}
	if location == nil {
		return
	}
	at := t.file.Position(location.Span.Start)
	text := t.eval(location)
	if text.Unknown() != "" || text.Kind != resource.String || strings.Contains(text.Str, "://") || t.tree == nil {
		t.skip(t.file.Path, at, "the deployment "+name+": its template is not in these files")
		return
	}
	path := path.Join(path.Dir(t.file.Path), text.Str)
	if slices.Contains(t.files, path) {
		t.fail(location.Span, "the deployment is of a template that it is in, without end")
		return
	}
	content, err := t.tree.ReadFile(path)
	if err != nil {
		t.skip(t.file.Path, at, "the deployment "+name+": "+path+" cannot be read")
		return
	}
	file := source.NewFile(path, content)
	root, err := read(file)
	if err != nil || !isTemplate(root) {
		t.skip(t.file.Path, at, "the deployment "+name+": "+path+" is no template that can be read")
		return
	}
	t.budget -= len(content) / 64
	t.note.Used = append(t.note.Used, path)
	nested := t.run.template(file, root)
	nested.depth, nested.files = t.depth+1, append(slices.Clip(t.files), path)
	nested.given = t.parameters(properties.Get("parameters"))
	nested.all(root.Get("resources"), parent{})
}

// parameters evaluates what a deployment gives to its template.
func (t *template) parameters(all *resource.Value) map[string]*resource.Value {
	given := map[string]*resource.Value{}
	if all == nil {
		return given
	}
	for _, f := range all.Fields {
		switch v := f.Value.Get("value"); {
		case v != nil:
			given[strings.ToLower(f.Key)] = t.eval(v)
		default:
			given[strings.ToLower(f.Key)] = unknown("it is kept in a key vault", "{"+f.Key+"}", f.Value.Span)
		}
	}
	return given
}
