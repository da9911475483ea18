package cloudformation

import (
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// truth is whether a condition holds, or why that is not known.
type truth struct {
	value  bool
	reason string
}

func (t truth) known() bool { return t.reason == "" }

// condition returns whether a condition of the template holds.
func (t *template) condition(name string, span source.Span) truth {
	if is, ok := t.conditions[name]; ok {
		return is
	}
	v := t.get(t.root.Get("Conditions"), name)
	switch {
	case v == nil:
		if !t.macro {
			t.fail(span, "there is no condition %s", name)
		}
		return truth{reason: "there is no condition " + name}
	case t.asking[name]:
		t.fail(span, "the condition %s depends on itself", name)
		return truth{reason: "the condition " + name + " depends on itself"}
	}
	t.asking[name] = true
	is := t.truth(v)
	delete(t.asking, name)
	t.conditions[name] = is
	return is
}

// truth evaluates a condition.
func (t *template) truth(v *resource.Value) truth {
	if t.depth >= maxDepth || t.budget <= 0 {
		return truth{reason: tooMuch}
	}
	t.depth++
	defer func() { t.depth-- }()
	t.budget--
	c, ok := t.callOf(v)
	if !ok && len(v.Fields) == 1 && v.Fields[0].Key == "Condition" {
		c, ok = call{"Condition", v.Fields[0].Value, v.Span}, true
	}
	if !ok {
		return t.constant(v)
	}
	switch c.name {
	case "Condition":
		return t.condition(t.text(c.arg), c.span)
	case "Equals":
		return t.equals(c)
	case "Not":
		if args := t.arguments(c, 1); args != nil {
			is := t.truth(args[0])
			is.value = !is.value
			return is
		}
		t.wrong(c, "a condition")
		return truth{reason: "Fn::Not takes a condition"}
	case "And", "Or":
		return t.junction(c)
	}
	return t.constant(v)
}

// constant is the truth of a value that is no condition.
func (t *template) constant(v *resource.Value) truth {
	after := t.eval(v)
	switch {
	case after == nil:
		return truth{}
	case after.Unknown() != "":
		return truth{reason: after.Unknown()}
	}
	after = normal(after)
	if after.Kind != resource.Bool {
		t.fail(v.Span, "this is no condition")
		return truth{reason: "it is no condition"}
	}
	return truth{value: after.Bool}
}

// junction evaluates Fn::And and Fn::Or: one that decides is enough.
func (t *template) junction(c call) truth {
	args := t.arguments(c, 1)
	if args == nil {
		t.wrong(c, "a list of conditions")
		return truth{reason: fullName(c.name) + " takes a list of conditions"}
	}
	decides := c.name == "Or"
	out := truth{value: !decides}
	for _, arg := range args {
		is := t.truth(arg)
		switch {
		case is.known() && is.value == decides:
			return is
		case !is.known() && out.known():
			out = is
		}
	}
	return out
}

func (t *template) equals(c call) truth {
	args := t.arguments(c, 2)
	if args == nil {
		t.wrong(c, "two values")
		return truth{reason: "Fn::Equals takes two values"}
	}
	a, b := t.eval(args[0]), t.eval(args[1])
	for _, v := range []*resource.Value{a, b} {
		if v == nil {
			return truth{value: a == nil && b == nil}
		}
		if reason := t.firstUnknown(v); reason != "" {
			return truth{reason: reason}
		}
	}
	return truth{value: same(a, b)}
}

// same compares values as CloudFormation does: scalars by their texts.
func same(a, b *resource.Value) bool {
	x, isText := textOf(a)
	y, isTextToo := textOf(b)
	if isText || isTextToo {
		return isText && isTextToo && x == y
	}
	return string(resource.EncodeJSON(a)) == string(resource.EncodeJSON(b))
}

// choose evaluates Fn::If. If both values are equal, the condition does not matter.
func (t *template) choose(c call) *resource.Value {
	args := t.arguments(c, 3)
	if args == nil {
		return t.wrong(c, "a condition and two values")
	}
	is := t.condition(t.text(args[0]), args[0].Span)
	if is.known() {
		if is.value {
			return t.eval(args[1])
		}
		return t.eval(args[2])
	}
	a, b := t.eval(args[1]), t.eval(args[2])
	if a != nil && b != nil && t.firstUnknown(a) == "" && t.firstUnknown(b) == "" && same(a, b) {
		return a
	}
	return resource.NewUnknown(is.reason, c.span)
}
