package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Fix is how what fails is mended: edits of the resource, one after the other. A
// fix without edits only tells what people have to do.
type Fix struct {
	Class finding.FixClass
	Note  string // the consequence, or what people have to decide
	When  string // an expression; the fix is for failures for which it is true
	Edits []FixEdit
	Span  source.Span

	WhenSpan source.Span
}

// FixEdit changes the value at Path below an ancestor of the failing place, or at
// the failing place itself.
type FixEdit struct {
	Op         FixOp
	Of         []string // ancestors, of which the nearest is meant; none for the failing place
	Path       []FixStep
	Value      *resource.Value // constant, or
	Expression string          // computed
	To         string          // for FixRename
	Prune      bool            // for FixRemove: the map or list too, if this empties it

	ExpressionSpan source.Span
}

// FixOp is what an edit does.
type FixOp string

// The operations of fixes.
const (
	FixSet     FixOp = "set"     // whether or not there is a value
	FixAdd     FixOp = "add"     // only where there is none
	FixReplace FixOp = "replace" // only where there is one
	FixAppend  FixOp = "append"  // to a list, unless it is in it
	FixRemove  FixOp = "remove"
	FixRename  FixOp = "rename" // the key
)

var fixOps = []FixOp{FixSet, FixAdd, FixReplace, FixAppend, FixRemove, FixRename}

// FixStep is a step of the path of an edit: a key, an index, the item of a list in
// which Field has a value, or a new item at its end.
type FixStep struct {
	resource.Step
	Field, Equals string
	End           bool
}

// Ancestors that have names of their own.
const (
	ofObject    = "object"
	ofContainer = "container"
)

var containerLists = []string{"containers", "initContainers", "ephemeralContainers"}

// Failing is a value that breaks a policy.
type Failing struct {
	Policy   string // its id
	Path     resource.Path
	Resource *resource.Resource
	Set      *resource.Set
	Stage    Stage

	// Written is what the file holds where the tree of the resource is not what
	// is written: the values of both have the same spans. Fixes are about it.
	Written *resource.Value
}

// document returns what fixes change.
func (f *Failing) document() *resource.Value {
	if f.Written != nil {
		return f.Written
	}
	return f.Resource.Root
}

// Place returns the path in what is written of a value of the resource.
func (f *Failing) Place(at resource.Path) (resource.Path, bool) {
	v := f.Resource.Root.At(at)
	if f.Written == nil {
		return at, true
	}
	if v == nil || v.Span.IsZero() {
		return nil, len(at) == 0
	}
	if same := f.Written.At(at); same != nil && same.Span == v.Span {
		return at, sameText(v, same)
	}
	if found, ok := f.Written.Find(v.Span); ok {
		return found, sameText(v, f.Written.At(found))
	}
	for _, key := range []string{"name", "key"} { // what is written as an entry of a map
		if name := v.Get(key); name != nil && !name.Span.IsZero() {
			return f.Written.Find(name.Span)
		}
	}
	return nil, false
}

// sameText reports whether a text is what is written at its place, and not a part of
// it or what variables made of it.
func sameText(v, written *resource.Value) bool {
	return v.Kind != resource.String || written.Kind != resource.String || v.Str == written.Str
}

// Mend is a fix for one failing value.
type Mend struct {
	Fix     *Fix
	Changes []edit.Change // of what is written; none for a manual fix
}

// Mender is an Evaluator that knows how what fails is mended.
type Mender interface {
	Evaluator
	// Mends returns the fixes of a policy for a failing value, in the order in
	// which they are to be tried. What they say is not proven.
	Mends(ctx context.Context, f Failing) ([]Mend, error)
}

// Compute evaluates an expression of a fix, with the value of the ancestor as
// `item` and that of the target as `current`, which are nil if there is none.
type Compute func(expression string, item, current *resource.Value) (*resource.Value, error)

// errNoChange says that an edit has nothing to do.
var errNoChange = errors.New("there is nothing to change")

// Anchor returns the path of the value that an edit starts from.
func (f *FixEdit) Anchor(failure resource.Path) (resource.Path, bool) {
	if len(f.Of) == 0 {
		return failure, true
	}
	for n := len(failure); n >= 0; n-- {
		for _, name := range f.Of {
			if path, ok := ancestor(failure, n, name); ok {
				return path, true
			}
		}
	}
	return nil, false
}

// ancestor returns the path of the ancestor of a name whose key is the nth step:
// of a name that ends in [] or .* it is the entry below.
func ancestor(failure resource.Path, n int, name string) (resource.Path, bool) {
	if n == 0 {
		return nil, name == ofObject
	}
	step := failure[n-1]
	list, isItem := strings.CutSuffix(name, "[]")
	field, isField := strings.CutSuffix(name, ".*")
	isContainer := name == ofContainer && slices.Contains(containerLists, step.Name)
	switch {
	case step.IsIndex():
		return nil, false
	case isItem && step.Name == list, isContainer:
		return failure[:min(n+1, len(failure))], n < len(failure) && failure[n].IsIndex()
	case isField && step.Name == field:
		return failure[:min(n+1, len(failure))], n < len(failure) && !failure[n].IsIndex()
	}
	return failure[:n], step.Name == name
}

// Changes works out what the edits of a fix do to what is written.
func (f *Fix) Changes(of Failing, compute Compute) ([]edit.Change, error) {
	var changes []edit.Change
	root := of.document()
	for i := range f.Edits {
		anchor, ok := f.Edits[i].Anchor(of.Path)
		if ok {
			anchor, ok = of.Place(anchor)
		}
		if !ok {
			return nil, fmt.Errorf("%s has no place of its own in the file", of.Path)
		}
		c, err := f.Edits[i].change(root, anchor, compute)
		if errors.Is(err, errNoChange) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if root, err = edit.Make(root, c); err != nil {
			return nil, err
		}
		changes = append(changes, c)
	}
	if len(changes) == 0 {
		return nil, errNoChange
	}
	return changes, nil
}

func (f *FixEdit) change(root *resource.Value, anchor resource.Path, compute Compute) (edit.Change, error) {
	target, missing := f.target(root, anchor)
	current := root.At(target)
	present := exists(current) && missing == nil
	switch {
	case f.Op == FixAdd && present, f.Op == FixReplace && !present, f.Op == FixRemove && current == nil, f.Op == FixRename && current == nil:
		return edit.Change{}, errNoChange
	case f.Op == FixRemove:
		if above := root.At(target[:max(len(target)-1, 0)]); f.Prune && len(target) > 1 && len(above.Fields)+len(above.Items) == 1 {
			target = target[:len(target)-1]
		}
		return edit.Change{Op: edit.Remove, Path: target}, nil
	case f.Op == FixRename:
		return edit.Change{Op: edit.Rename, Path: target, Key: f.To}, nil
	}
	value := f.Value
	if f.Expression != "" {
		var err error
		if value, err = compute(f.Expression, root.At(anchor), current); err != nil {
			return edit.Change{}, err
		}
	}
	if f.Op == FixAppend && present {
		if current.Kind != resource.List {
			return edit.Change{}, fmt.Errorf("%s is not a list", target)
		}
		if slices.ContainsFunc(current.Items, func(item *resource.Value) bool { return edit.Equal(item, value) }) {
			return edit.Change{}, errNoChange
		}
		target = target.Append(resource.Index(len(current.Items)))
	} else if f.Op == FixAppend {
		value = resource.NewList(source.Span{}, value)
	}
	if missing != nil {
		value = missing(value)
	}
	return edit.SetAt(root, target, value)
}

// target returns the path of the value to change. If an item of a list is missing
// on the way, the path is that of the new item, and missing makes it from the value.
func (f *FixEdit) target(root *resource.Value, anchor resource.Path) (path resource.Path, missing func(*resource.Value) *resource.Value) {
	path = anchor
	for i, step := range f.Path {
		v := root.At(path)
		switch {
		case step.Field == "" && !step.End:
			path = path.Append(step.Step)
			continue
		case step.Field != "" && v != nil:
			if i := slices.IndexFunc(v.Items, func(item *resource.Value) bool { return item.Get(step.Field).Text() == step.Equals }); i >= 0 {
				path = path.Append(resource.Index(i))
				continue
			}
		}
		n := 0
		if v != nil {
			n = len(v.Items)
		}
		return path.Append(resource.Index(n)), func(value *resource.Value) *resource.Value { return newItem(f.Path[i:], value) }
	}
	return path, nil
}

// newItem makes the item of a list that the first of the steps asks for.
func newItem(steps []FixStep, value *resource.Value) *resource.Value {
	for _, step := range slices.Backward(steps[1:]) {
		switch {
		case step.Field != "" || step.End:
			value = resource.NewList(source.Span{}, newItem([]FixStep{step}, value))
		default:
			value = resource.NewMap(source.Span{}).Put(step.Name, value)
		}
	}
	first := steps[0]
	if first.Field == "" {
		return value
	}
	item := resource.NewMap(source.Span{}).Put(first.Field, resource.NewText(first.Equals, source.Span{}))
	if value.Kind == resource.Map {
		for _, field := range value.Fields {
			if field.Key != first.Field {
				item.Fields = append(item.Fields, field)
			}
		}
	}
	return item
}

func (d *decoder) fix(v *resource.Value, p *Policy) {
	one := Fix{Span: v.Span}
	var inline FixEdit
	known := d.fixEdit(&inline)
	known["class"] = func(v *resource.Value) {
		var err error
		if one.Class, err = finding.ParseFixClass(v.Text()); err != nil {
			d.fail(v.Span, "", "%v", err)
		}
	}
	known["note"] = d.text("note", &one.Note)
	known["when"] = d.expression("when", &one.When, &one.WhenSpan)
	known["edits"] = d.each("edits", func(v *resource.Value) {
		var next FixEdit
		d.object(v, "an edit", d.fixEdit(&next), "op")
		d.checkEdit(v, &next)
		one.Edits = append(one.Edits, next)
	})
	d.object(v, "a fix", known, "class")
	if inline.Op != "" {
		d.checkEdit(v, &inline)
		one.Edits = slices.Insert(one.Edits, 0, inline)
	}
	switch {
	case v.Kind != resource.Map:
	case len(one.Edits) == 0 && one.Class != finding.Manual:
		d.fail(v.Span, "write an `op`, or `class: manual`", "the fix does not say what to change")
	case one.Note == "" && one.Class != finding.Safe && one.Class != "":
		d.fail(v.Span, "tell people what they have to know before", "field %q is missing in a fix that is not safe", "note")
	}
	p.Fixes = append(p.Fixes, one)
}

func (d *decoder) fixEdit(one *FixEdit) fields {
	return fields{
		"op": func(v *resource.Value) {
			if one.Op = FixOp(v.Text()); !slices.Contains(fixOps, one.Op) {
				d.fail(v.Span, fmt.Sprintf("use one of %s", strings.Trim(fmt.Sprint(fixOps), "[]")), "%q is not an operation", v.Text())
			}
		},
		"of": func(v *resource.Value) {
			if v.Kind == resource.String {
				v = &resource.Value{Kind: resource.List, Items: []*resource.Value{v}, Span: v.Span}
			}
			d.texts("of", &one.Of)(v)
		},
		"path": func(v *resource.Value) {
			var err error
			if one.Path, err = parseFixPath(v.Text()); err != nil {
				d.fail(v.Span, "write keys joined by dots, and [0], [name=web], [+] or [\"a key\"]", "%v", err)
			}
		},
		"value":      func(v *resource.Value) { one.Value = v },
		"expression": d.expression("expression", &one.Expression, &one.ExpressionSpan),
		"to":         d.text("to", &one.To),
		"prune":      d.boolean("prune", &one.Prune),
	}
}

func (d *decoder) checkEdit(v *resource.Value, one *FixEdit) {
	values := 0
	if one.Value != nil {
		values++
	}
	if one.Expression != "" {
		values++
	}
	want := 1
	if one.Op == FixRemove || one.Op == FixRename {
		want = 0
	}
	switch {
	case values != want && want == 0:
		d.fail(v.Span, "", "%s takes no value", one.Op)
	case values != want:
		d.fail(v.Span, "", "%s takes either a value or an expression", one.Op)
	case (one.Op == FixRename) != (one.To != ""):
		d.fail(v.Span, "", "`to` is the new key of rename")
	}
}

// parseFixPath reads a path such as spec.containers[name=web].ports[0]["a key"][+].
func parseFixPath(text string) (steps []FixStep, err error) {
	for rest := text; rest != ""; {
		var step FixStep
		if inner, ok := strings.CutPrefix(rest, "["); ok {
			step, rest, err = bracket(inner)
		} else {
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			step.Step, rest = resource.Key(rest[:end]), rest[end:]
			if step.Name == "" {
				err = errors.New("a key is empty")
			}
		}
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", text, err)
		}
		steps = append(steps, step)
		if next, ok := strings.CutPrefix(rest, "."); ok {
			if rest = next; rest == "" {
				return nil, fmt.Errorf("path %q ends in a dot", text)
			}
		}
	}
	return steps, nil
}

// bracket reads what is in brackets, and returns what follows them.
func bracket(inner string) (step FixStep, rest string, err error) {
	if quoted, err := strconv.QuotedPrefix(inner); err == nil {
		key, _ := strconv.Unquote(quoted)
		rest, ok := strings.CutPrefix(inner[len(quoted):], "]")
		if !ok {
			return step, "", errors.New("a bracket is not closed")
		}
		return FixStep{Step: resource.Key(key)}, rest, nil
	}
	text, rest, ok := strings.Cut(inner, "]")
	if !ok {
		return step, "", errors.New("a bracket is not closed")
	}
	if field, equals, ok := strings.Cut(text, "="); ok && field != "" {
		return FixStep{Field: field, Equals: equals}, rest, nil
	}
	if text == "+" {
		return FixStep{End: true}, rest, nil
	}
	index, err := strconv.Atoi(text)
	if err != nil || index < 0 {
		return step, "", fmt.Errorf("[%s] is no index", text)
	}
	return FixStep{Step: resource.Index(index)}, rest, nil
}
