package cloudformation

import (
	"cmp"
	"maps"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// loopPrefix is what the key of a loop begins with, before its name.
const loopPrefix = "Fn::ForEach::"

// loop is a field Fn::ForEach::Name: [identifier, collection, body].
type loop struct {
	identifier string
	collection *resource.Value
	body       *resource.Value
}

func (t *template) loop(f resource.Field) (loop, bool) {
	if !strings.HasPrefix(f.Key, loopPrefix) {
		return loop{}, false
	}
	args := f.Value.Items
	if len(args) != 3 || args[0].Text() == "" || args[2].Kind != resource.Map {
		t.fail(f.KeySpan, "Fn::ForEach takes an identifier, a list and a map")
		return loop{}, false
	}
	return loop{args[0].Str, args[1], args[2]}, true
}

// elements returns what a loop goes over, or why that is not known.
func (t *template) elements(l loop, loops map[string]string) (elements []string, reason string) {
	before := t.loops
	t.loops = loops
	defer func() { t.loops = before }()
	items, unknown := t.list(l.collection)
	if unknown != nil {
		return nil, unknown.Unknown()
	}
	for _, item := range items {
		text, ok := textOf(item)
		if !ok {
			return nil, cmp.Or(t.firstUnknown(item), "an element of the loop is no text")
		}
		elements = append(elements, text)
	}
	return elements, ""
}

// with returns the identifiers of loops and one more.
func with(loops map[string]string, identifier, element string) map[string]string {
	out := maps.Clone(loops)
	if out == nil {
		out = map[string]string{}
	}
	out[identifier] = element
	return out
}

// substitute puts the values of loops into a text or a key: ${Name}, and &{Name}
// without what is not alphanumeric.
func substitute(text string, loops map[string]string) string {
	if len(loops) == 0 || !strings.Contains(text, "{") {
		return text
	}
	for name, value := range loops {
		text = strings.ReplaceAll(text, "${"+name+"}", value)
		if strings.Contains(text, "&{") {
			text = strings.ReplaceAll(text, "&{"+name+"}", alphanumeric(value))
		}
	}
	return text
}

func alphanumeric(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, text)
}

// evalLoops evaluates a map that has loops, or is in one.
func (t *template) evalLoops(v *resource.Value) *resource.Value {
	out := resource.NewMap(v.Span)
	before := t.loops
	defer func() { t.loops = before }()
	for _, f := range v.Fields {
		l, ok := t.loop(f)
		if !ok {
			if f.Value = t.eval(f.Value); f.Value != nil {
				f.Key = substitute(f.Key, t.loops)
				out.Fields = append(out.Fields, f)
			}
			continue
		}
		elements, reason := t.elements(l, before)
		if reason != "" {
			return resource.NewUnknown(reason, v.Span)
		}
		for _, element := range elements {
			t.loops = with(before, l.identifier, element)
			made := t.eval(l.body)
			switch {
			case made == nil:
			case made.Unknown() != "":
				return made
			default:
				out.Fields = append(out.Fields, made.Fields...)
			}
			t.loops = before
		}
	}
	return out
}
