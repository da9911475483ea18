package arm

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// unknown is a value that is not known, with a symbol that stands for it in names.
func unknown(reason, symbol string, span source.Span) *resource.Value {
	v := resource.NewUnknown(reason, span)
	v.Str = symbol
	return v
}

const tooMuch = "the expressions of the template make too much"

// eval returns a value with its expressions evaluated.
func (t *template) eval(v *resource.Value) *resource.Value {
	if v == nil {
		return nil
	}
	if t.budget--; t.budget < 0 {
		return unknown(tooMuch, "{…}", v.Span)
	}
	switch v.Kind {
	case resource.String:
		return t.text(v)
	case resource.List:
		return mapItems(v, t.eval)
	case resource.Map:
		if loops := v.Get("copy"); loops != nil && loops.Kind == resource.List {
			return t.unrolled(v, loops)
		}
		return mapFields(v, t.eval)
	}
	return v
}

// unrolled evaluates a map with loops that make lists of its fields.
func (t *template) unrolled(v, loops *resource.Value) *resource.Value {
	out := resource.NewMap(v.Span)
	for _, f := range v.Fields {
		if f.Key != "copy" {
			f.Value = t.eval(f.Value)
			out.Fields = append(out.Fields, f)
		}
	}
	for _, loop := range loops.Items {
		name, input := loop.Get("name").Text(), loop.Get("input")
		if name == "" || input == nil {
			continue
		}
		list := resource.NewList(loop.Span)
		indexes := t.indexes(loop)
		for _, index := range indexes {
			t.scope.copies = append(t.scope.copies, copyLoop{name, index})
			list.Items = append(list.Items, t.eval(input))
			t.scope.copies = t.scope.copies[:len(t.scope.copies)-1]
		}
		out.Fields = append(out.Fields, resource.Field{Key: name, KeySpan: loop.Span, Value: list})
	}
	return out
}

// text evaluates a text that is an expression.
func (t *template) text(v *resource.Value) *resource.Value {
	if strings.HasPrefix(v.Str, "[[") {
		return resource.NewText(v.Str[1:], v.Span)
	}
	if !isExpression(v.Str) {
		return v
	}
	e, err := parseExpression(v.Str[1 : len(v.Str)-1])
	if err != nil {
		t.fail(v.Span, "the expression cannot be read: %v", err)
		return unknown("the expression cannot be read", "{…}", v.Span)
	}
	return t.scope.moved(t.scope.value(e), v.Span)
}

// moved returns a value as it stands at a place.
func (t *template) moved(v *resource.Value, span source.Span) *resource.Value {
	if t.budget--; t.budget < 0 {
		return unknown(tooMuch, "{…}", span)
	}
	out := *v
	out.Span = span
	if len(v.Items) > 0 {
		out.Items = make([]*resource.Value, len(v.Items))
		for i, item := range v.Items {
			out.Items[i] = t.moved(item, span)
		}
	}
	if len(v.Fields) > 0 {
		out.Fields = slices.Clone(v.Fields)
		for i := range out.Fields {
			out.Fields[i].KeySpan, out.Fields[i].Value = span, t.moved(out.Fields[i].Value, span)
		}
	}
	return &out
}

var nothing source.Span

// value evaluates an expression. It never returns nil.
func (t *template) value(e *expression) *resource.Value {
	if t.calls >= maxDepth || t.budget <= 0 {
		return unknown(tooMuch, "{…}", nothing)
	}
	t.budget--
	t.calls++
	defer func() { t.calls-- }()
	switch {
	case e.of != nil:
		return t.step(e)
	case e.call != "":
		return t.call(e)
	}
	switch c := e.constant.(type) {
	case string:
		return resource.NewText(c, nothing)
	case int64:
		return resource.NewInt(c, nothing)
	}
	return &resource.Value{}
}

// step evaluates a.field and a[index].
func (t *template) step(e *expression) *resource.Value {
	of := t.value(e.of)
	if of.Unknown() != "" {
		return unknown(of.Unknown(), "{"+e.source+"}", nothing)
	}
	field := e.field
	if e.index != nil {
		index := t.value(e.index)
		switch {
		case index.Unknown() != "":
			return unknown(index.Unknown(), "{"+e.source+"}", nothing)
		case index.Kind == resource.Int:
			if of.Kind == resource.List && index.Int >= 0 && index.Int < int64(len(of.Items)) {
				return of.Items[index.Int]
			}
			return unknown("the list has no item of that index", "{"+e.source+"}", nothing)
		}
		field = index.Str
	}
	t.budget -= len(of.Fields) / 16
	if v := fold(of, field); v != nil {
		return v
	}
	return unknown("there is no property "+field, "{"+e.source+"}", nothing)
}

// fold returns a field whatever the case of its letters, as ARM does.
func fold(v *resource.Value, key string) *resource.Value {
	if found := v.Get(key); found != nil || v == nil {
		return found
	}
	for _, f := range v.Fields {
		if strings.EqualFold(f.Key, key) {
			return f.Value
		}
	}
	return nil
}

// named evaluates parameters('x') or variables('x').
func (t *template) named(kind, name string) *resource.Value {
	key := kind + " " + strings.ToLower(name)
	if v, ok := t.known[key]; ok {
		return v
	}
	if t.asking[key] {
		return unknown("the value of "+name+" depends on itself", "{"+name+"}", nothing)
	}
	t.asking[key] = true
	loops, locals := t.copies, t.locals
	t.copies, t.locals = nil, nil // outside of all loops and functions
	v := t.declared(kind, name)
	t.copies, t.locals = loops, locals
	delete(t.asking, key)
	t.known[key] = v
	return v
}

func (t *template) declared(kind, name string) *resource.Value {
	if kind == "variables" {
		all := t.root.Get("variables")
		if all == nil {
			return unknown("there is no variable "+name, "{"+name+"}", nothing)
		}
		if v := fold(all, name); v != nil {
			return t.eval(v)
		}
		if loops := all.Get("copy"); loops != nil && loops.Kind == resource.List {
			only := &resource.Value{Kind: resource.Map, Fields: []resource.Field{{Key: "copy", Value: loops}}}
			if v := fold(t.eval(only), name); v != nil {
				return v
			}
		}
		return unknown("there is no variable "+name, "{"+name+"}", nothing)
	}
	p := fold(t.root.Get("parameters"), name)
	switch {
	case p == nil:
		return unknown("there is no parameter "+name, "{"+name+"}", nothing)
	case secure(p):
		return unknown("the parameter "+name+" is secure", "{"+name+"}", nothing)
	}
	if v, ok := t.given[strings.ToLower(name)]; ok {
		return v
	}
	switch v := p.Get("defaultValue"); {
	case v != nil:
		if v = t.eval(v); v.Unknown() != "" {
			return unknown(v.Unknown(), "{"+name+"}", nothing)
		}
		return v
	case p.Get("nullable") != nil && p.Get("nullable").Bool:
		return &resource.Value{}
	case t.given != nil:
		return unknown("the parameter "+name+" is not given", "{"+name+"}", nothing)
	}
	return unknown("the parameter "+name+" has no default", "{"+name+"}", nothing)
}

// call evaluates a function.
func (t *template) call(e *expression) *resource.Value {
	switch e.call {
	case "parameters", "variables":
		if len(e.args) != 1 {
			return t.opaque(e, "its name is missing")
		}
		name := t.value(e.args[0])
		if e.call == "parameters" && t.locals != nil {
			if v := t.locals[strings.ToLower(name.Str)]; v != nil {
				return v
			}
		}
		return t.named(e.call, name.Str)
	case "copyindex":
		return t.copyIndex(e)
	case "if":
		return t.choose(e)
	case "and", "or":
		return t.logic(e)
	case "coalesce":
		for _, arg := range e.args {
			if v := t.value(arg); v.Unknown() != "" || v.Kind != resource.Null {
				return v
			}
		}
		return &resource.Value{}
	case "lambda", "lambdavariables", "map", "filter", "reduce", "sort", "toobject", "groupby", "mapvalues":
		return t.opaque(e, "functions with lambdas are not evaluated")
	}
	if member := t.functions[e.call]; member != nil {
		return t.user(e, member)
	}
	args := make([]*resource.Value, len(e.args))
	for i, arg := range e.args {
		args[i] = t.value(arg)
	}
	switch e.call {
	case "concat":
		return t.concat(args)
	case "format":
		return t.format(args)
	case "resourceid", "subscriptionresourceid", "extensionresourceid", "tenantresourceid", "managementgroupresourceid":
		return resourceID(e, args)
	}
	pure, ok := functions()[e.call]
	if !ok {
		reason := e.call + "() is known when the template is deployed"
		return t.opaque(e, reason)
	}
	for i, arg := range args {
		reason := t.firstUnknown(arg)
		switch {
		case e.call == "createarray", e.call == "createobject" && i%2 == 1:
			continue
		case structural[e.call]:
			reason = arg.Unknown()
		}
		if reason != "" {
			return unknown(reason, "{"+e.source+"}", nothing)
		}
	}
	out := pure(args)
	if out == nil {
		return t.opaque(e, e.call+"() does not take such arguments")
	}
	t.budget -= 1 + len(out.Items) + len(out.Fields) + len(out.Str)/64
	return out
}

// structural are the functions that do not look into the values that they are given.
var structural = map[string]bool{
	"array": true, "length": true, "first": true, "last": true, "take": true, "skip": true, "flatten": true,
	"items": true, "objectkeys": true, "empty": true, "tryget": true,
}

func (t *template) opaque(e *expression, reason string) *resource.Value {
	return unknown(reason, "{"+e.source+"}", nothing)
}

func (t *template) copyIndex(e *expression) *resource.Value {
	name, offset := "", int64(0)
	for _, arg := range e.args {
		if v := t.value(arg); v.Kind == resource.Int {
			offset = v.Int
		} else {
			name = v.Str
		}
	}
	for i := len(t.copies) - 1; i >= 0; i-- {
		if loop := t.copies[i]; name == "" || strings.EqualFold(loop.name, name) {
			if loop.index.Unknown() != "" {
				return loop.index
			}
			return resource.NewInt(loop.index.Int+offset, nothing)
		}
	}
	return t.opaque(e, "copyIndex() is not in such a loop")
}

// choose evaluates if(): of a condition that is not known, only what is equal is.
func (t *template) choose(e *expression) *resource.Value {
	if len(e.args) != 3 {
		return t.opaque(e, "if() takes a condition and two values")
	}
	is := t.value(e.args[0])
	if is.Unknown() == "" {
		if is.Bool {
			return t.value(e.args[1])
		}
		return t.value(e.args[2])
	}
	a, b := t.value(e.args[1]), t.value(e.args[2])
	if t.firstUnknown(a) == "" && t.firstUnknown(b) == "" && equal(a, b) {
		return a
	}
	return unknown(is.Unknown(), "{"+e.source+"}", nothing)
}

// logic evaluates and() and or(): one that decides is enough.
func (t *template) logic(e *expression) *resource.Value {
	decides, open := e.call == "or", ""
	for _, arg := range e.args {
		switch v := t.value(arg); {
		case v.Unknown() != "":
			open = v.Unknown()
		case v.Bool == decides:
			return resource.NewBool(decides, nothing)
		}
	}
	if open != "" {
		return unknown(open, "{"+e.source+"}", nothing)
	}
	return resource.NewBool(!decides, nothing)
}

// user evaluates a function that the template declares. It sees its parameters alone.
func (t *template) user(e *expression, member *resource.Value) *resource.Value {
	locals := map[string]*resource.Value{}
	if parameters := member.Get("parameters"); parameters != nil {
		for i, p := range parameters.Items {
			if i < len(e.args) {
				locals[strings.ToLower(p.Get("name").Text())] = t.value(e.args[i])
			}
		}
	}
	output := member.Get("output").Get("value")
	if output == nil {
		return t.opaque(e, "the function has no output")
	}
	before, scope := t.locals, t.scope
	t.locals, t.scope = locals, t
	defer func() { t.locals, t.scope = before, scope }()
	return t.eval(output)
}

// firstUnknown returns why something in a value is not known, if it is so.
func (t *template) firstUnknown(v *resource.Value) string {
	if t.budget -= 1 + len(v.Str)/64; t.budget < 0 {
		return tooMuch
	}
	if v.Unknown() != "" {
		return v.Unknown()
	}
	for _, item := range v.Items {
		if reason := t.firstUnknown(item); reason != "" {
			return reason
		}
	}
	for _, f := range v.Fields {
		if reason := t.firstUnknown(f.Value); reason != "" {
			return reason
		}
	}
	return ""
}
