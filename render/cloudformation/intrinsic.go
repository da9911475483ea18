package cloudformation

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// call is a function as it is written, !Sub x or {"Fn::Sub": x}.
type call struct {
	name string // Ref, Condition, or without Fn::
	arg  *resource.Value
	span source.Span // of the whole
}

// callOf returns the call that a value is.
func (t *template) callOf(v *resource.Value) (call, bool) {
	if tag, ok := t.tags[v]; ok {
		arg := *v // which has no tag
		return call{strings.TrimPrefix(strings.TrimPrefix(tag.Name, "!"), "Fn::"), &arg, source.Span{Start: tag.Start, End: max(v.Span.End, tag.Start+len(tag.Name))}}, true
	}
	if v.Kind != resource.Map || len(v.Fields) != 1 {
		return call{}, false
	}
	switch key := v.Fields[0].Key; {
	case key == "Ref":
		return call{key, v.Fields[0].Value, v.Span}, true
	case strings.HasPrefix(key, "Fn::") && !strings.HasPrefix(key, loopPrefix):
		return call{strings.TrimPrefix(key, "Fn::"), v.Fields[0].Value, v.Span}, true
	}
	return call{}, false
}

const tooMuch = "the functions of the template make too much"

// eval returns a value with its functions evaluated; nil if it is removed.
func (t *template) eval(v *resource.Value) *resource.Value {
	if t.depth >= maxDepth || t.budget <= 0 {
		return resource.NewUnknown(tooMuch, v.Span)
	}
	t.depth++
	defer func() { t.depth-- }()
	t.budget--
	if c, ok := t.callOf(v); ok {
		return t.apply(c)
	}
	switch v.Kind {
	case resource.String:
		if after := substitute(v.Str, t.loops); after != v.Str {
			return resource.NewText(after, v.Span)
		}
	case resource.List:
		return withItems(v, t.eval)
	case resource.Map:
		if v.Get("Fn::Transform") != nil {
			return resource.NewUnknown("what a macro or an include makes is not known", v.Span)
		}
		if slices.ContainsFunc(v.Fields, func(f resource.Field) bool { return len(t.loops) > 0 || strings.HasPrefix(f.Key, loopPrefix) }) {
			return t.evalLoops(v)
		}
		return withFields(v, func(f resource.Field) *resource.Value { return t.eval(f.Value) })
	}
	return v
}

func (t *template) apply(c call) *resource.Value {
	switch c.name {
	case "Ref":
		return t.ref(t.text(c.arg), c.span)
	case "GetAtt":
		return t.getAtt(c)
	case "Sub":
		return t.sub(c)
	case "If":
		return t.choose(c)
	case "Join":
		return t.join(c)
	case "Split":
		return t.split(c)
	case "Select":
		return t.selected(c)
	case "FindInMap":
		return t.findInMap(c)
	case "Base64":
		return t.base64(c)
	case "Cidr":
		return t.cidr(c)
	case "Length":
		return t.length(c)
	case "ToJsonString":
		return t.toJSON(c)
	case "And", "Or", "Not", "Equals", "Condition":
		is := t.truth(resource.NewMap(c.span).Put(fullName(c.name), c.arg))
		if !is.known() {
			return resource.NewUnknown(is.reason, c.span)
		}
		return resource.NewBool(is.value, c.span)
	case "GetAZs":
		return resource.NewUnknown("the availability zones of a region are known when the stack is made", c.span)
	case "ImportValue":
		return resource.NewUnknown("it is exported by another stack", c.span)
	case "Transform":
		return resource.NewUnknown("what a macro or an include makes is not known", c.span)
	}
	return resource.NewUnknown("the function "+fullName(c.name)+" is not one that is evaluated", c.span)
}

func fullName(name string) string {
	if name == "Ref" || name == "Condition" {
		return name
	}
	return "Fn::" + name
}

// text returns an argument that names something.
func (t *template) text(v *resource.Value) string {
	if v = t.eval(v); v == nil {
		return ""
	}
	return scalarText(v)
}

// ref returns what {"Ref": name} is.
func (t *template) ref(name string, span source.Span) *resource.Value {
	if value, ok := t.loops[name]; ok {
		return resource.NewText(value, span)
	}
	if strings.HasPrefix(name, "AWS::") {
		if name == "AWS::NoValue" {
			return nil
		}
		return resource.NewUnknown(name+" is known when the stack is made", span)
	}
	if p := t.get(t.root.Get("Parameters"), name); p != nil {
		return t.moved(t.parameter(name, p), span)
	}
	if _, ok := t.names[name]; ok {
		return t.reference(name, "the name of the resource "+name+" is known when the stack is made", span)
	}
	return t.missing(name, span)
}

// reference is what is not known of a resource of this template.
func (t *template) reference(name, reason string, span source.Span) *resource.Value {
	return withRefs(resource.NewUnknown(reason, span), []string{t.path + name})
}

// missing is what a name leads to that nothing has. Macros may make what has it.
func (t *template) missing(name string, span source.Span) *resource.Value {
	if name == "" {
		return resource.NewUnknown("the name is not known", span)
	}
	if !t.sam && !t.macro {
		t.fail(span, "nothing is called %s: neither a parameter nor a resource", name)
	}
	return resource.NewUnknown("nothing in the template is called "+name, span)
}

// getAtt returns what an attribute of a resource is: unknown, but for the outputs of
// nested stacks.
func (t *template) getAtt(c call) *resource.Value {
	var name, attribute string
	if c.arg.Kind == resource.List {
		var parts []string
		for _, item := range c.arg.Items {
			parts = append(parts, t.text(item))
		}
		if len(parts) > 0 {
			name, attribute = parts[0], strings.Join(parts[1:], ".")
		}
	} else {
		name, attribute, _ = strings.Cut(t.text(c.arg), ".")
	}
	return t.attribute(name, attribute, c.span)
}

func (t *template) attribute(name, attribute string, span source.Span) *resource.Value {
	if _, ok := t.names[name]; !ok {
		return t.missing(name, span)
	}
	if output, ok := strings.CutPrefix(attribute, "Outputs."); ok {
		if stack := t.stack(name); stack != nil {
			if v := stack.get(stack.root.Get("Outputs"), output).Get("Value"); v != nil {
				return t.moved(stack.eval(v), span)
			}
		}
	}
	v := t.reference(name, "the attribute "+attribute+" of the resource "+name+" is known when the stack is made", span)
	if strings.HasSuffix(attribute, "Arn") {
		return withPrefix(v, "arn:")
	}
	return v
}

// parameter returns the value of a parameter.
func (t *template) parameter(name string, p *resource.Value) *resource.Value {
	if v, ok := t.parameters[name]; ok {
		return v
	}
	v := t.newParameter(name, p)
	t.parameters[name] = v
	return v
}

func (t *template) newParameter(name string, p *resource.Value) *resource.Value {
	kind, span := p.Get("Type").Text(), p.Span
	value, given := t.given[name]
	if !given {
		value = p.Get("Default")
	}
	switch {
	case hidden(p):
		return resource.NewUnknown("the parameter "+name+" is hidden by NoEcho", span)
	case strings.HasPrefix(kind, "AWS::SSM::Parameter::Value<"):
		return resource.NewUnknown("the parameter "+name+" is kept in the parameter store", span)
	case value == nil && t.parent != nil:
		return resource.NewUnknown("the parameter "+name+" is not given", span)
	case value == nil:
		return resource.NewUnknown("the parameter "+name+" has no default", span)
	case value.Unknown() != "" || value.Kind == resource.List:
		return value
	}
	text, _ := textOf(value)
	if kind == "CommaDelimitedList" || strings.HasPrefix(kind, "List<") {
		list := resource.NewList(value.Span)
		for part := range strings.SplitSeq(text, ",") {
			list.Items = append(list.Items, resource.NewText(strings.TrimSpace(part), value.Span))
		}
		t.budget -= len(list.Items)
		return list
	}
	return resource.NewText(text, value.Span)
}

// moved returns a value that comes from elsewhere, as it stands at a place.
func (t *template) moved(v *resource.Value, span source.Span) *resource.Value {
	if v == nil {
		return nil
	}
	if t.budget--; t.budget < 0 {
		return resource.NewUnknown(tooMuch, span)
	}
	out := *v
	out.Span = span
	if v.Decoded() != nil {
		out.Extra = &resource.Extra{Unknown: v.Unknown()} // its places are elsewhere
	}
	switch v.Kind {
	case resource.List:
		out.Items = make([]*resource.Value, len(v.Items))
		for i, item := range v.Items {
			out.Items[i] = t.moved(item, span)
		}
	case resource.Map:
		out.Fields = slices.Clone(v.Fields)
		for i := range out.Fields {
			out.Fields[i].KeySpan, out.Fields[i].Value = span, t.moved(out.Fields[i].Value, span)
		}
	}
	return &out
}
