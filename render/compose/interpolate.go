package compose

import (
	"strings"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const maxNesting = 50

// text is a scalar with its variables put in. Parts that are not known are
// image.Unknown, and reason says why.
type text struct {
	value  string
	reason string
	span   source.Span
}

func (t text) known() bool { return !strings.Contains(t.value, image.Unknown) }

// as returns a part of the text as a value of the same place.
func (t text) as(part string) *resource.Value {
	if strings.Contains(part, image.Unknown) {
		return resource.NewUnknown(t.reason, t.span)
	}
	return resource.NewText(part, t.span)
}

// text returns what a scalar says. Compose reads numbers and booleans as they
// are written where it wants a text.
func (r *reader) text(v *resource.Value) text {
	t := text{value: v.Str, span: v.Span}
	if v.Kind == resource.Null || v.Kind == resource.Map || v.Kind == resource.List {
		t.value = ""
	}
	if v.Kind != resource.String || !strings.Contains(v.Str, "$") {
		return t
	}
	var b strings.Builder
	t.reason = r.interpolate(&b, v.Str, 0)
	t.value = b.String()
	if r.budget -= len(t.value); r.budget < 0 {
		return text{value: image.Unknown, reason: "the variables of the file expand to too much", span: v.Span}
	}
	return t
}

// interpolate writes a text with its variables, and returns why one is not known.
func (r *reader) interpolate(b *strings.Builder, s string, depth int) (reason string) {
	if depth > maxNesting {
		b.WriteString(image.Unknown)
		return "variables nest too deeply"
	}
	note := func(why string) {
		b.WriteString(image.Unknown)
		reason = why
	}
	for i := 0; i < len(s); {
		if s[i] != '$' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		rest := s[i+1:]
		if rest[0] == '$' {
			b.WriteByte('$')
			i += 2
			continue
		}
		expression, length := rest, 0
		if rest[0] == '{' {
			end := closing(rest)
			if end < 0 {
				note("the variable in ${ is not ended by }")
				return reason
			}
			expression, length = rest[1:end], end+1
		}
		name := variableName(expression)
		switch {
		case name == "":
			b.WriteByte('$')
			i++
			continue
		case length == 0:
			length, expression = len(name), name
		}
		i += 1 + length
		value, set := r.env[name]
		operator := expression[len(name):]
		argument := strings.TrimPrefix(operator, ":")
		isSet := set && (argument == operator || value != "")
		switch {
		case argument != "" && argument[0] == '+' && isSet, argument != "" && argument[0] == '-' && !isSet:
			if why := r.interpolate(b, argument[1:], depth+1); why != "" {
				reason = why
			}
		case argument != "" && argument[0] == '+':
		case set && value != "" || isSet && operator == "":
			b.WriteString(value)
		default:
			note("the variable " + name + " has no default")
		}
	}
	return reason
}

// closing returns where the brace at the start is closed, or -1.
func closing(s string) int {
	depth := 0
	for i := range len(s) {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func variableName(s string) string {
	end := 0
	for end < len(s) {
		c := s[end]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (end == 0 || c < '0' || c > '9') {
			break
		}
		end++
	}
	return s[:end]
}

// readEnv reads NAME=value lines.
func readEnv(content string) map[string]string {
	env := map[string]string{}
	for line := range strings.Lines(content) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "export "))
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || name == "" || name[0] == '#' {
			continue
		}
		value = strings.TrimSpace(value)
		if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && strings.IndexByte(value[1:], value[0]) >= 0 {
			value = value[1 : 1+strings.IndexByte(value[1:], value[0])]
		} else if at := strings.Index(value, " #"); at >= 0 {
			value = strings.TrimSpace(value[:at])
		}
		env[name] = value
	}
	return env
}

// expanded returns a value with all variables below it put in.
func (r *reader) expanded(v *resource.Value) *resource.Value {
	switch v.Kind {
	case resource.String:
		if !strings.Contains(v.Str, "$") {
			return v
		}
		t := r.text(v)
		return t.as(t.value)
	case resource.List:
		out := resource.NewList(v.Span)
		for _, item := range v.Items {
			out.Items = append(out.Items, r.expanded(item))
		}
		return out
	case resource.Map:
		out := resource.NewMap(v.Span)
		for _, f := range v.Fields {
			put(out, f, r.expanded(f.Value))
		}
		return out
	}
	return v
}

// truth returns a switch. Compose takes words for it, as YAML 1.1 did.
func (r *reader) truth(v *resource.Value) *resource.Value {
	if v.Kind == resource.Bool {
		return v
	}
	t := r.text(v)
	if !t.known() {
		return t.as(t.value)
	}
	switch strings.ToLower(t.value) {
	case "true", "yes", "y", "on", "1":
		return resource.NewBool(true, v.Span)
	case "false", "no", "n", "off", "0":
		return resource.NewBool(false, v.Span)
	}
	return r.expanded(v)
}
