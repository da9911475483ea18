package edit

import (
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// mostInRow is how long a list may be to be written in a row, in bytes.
const mostInRow = 60

func isEmpty(v *resource.Value) bool { return len(v.Items)+len(v.Fields) == 0 }

// block writes a value as a block whose first line starts at a column.
func (t *text) block(v *resource.Value, column int) string {
	indent := t.eol + strings.Repeat(" ", column)
	var parts []string
	switch {
	case v.Kind < resource.List || isEmpty(v) || t.fitsRow(v):
		return t.flow(v, false)
	case v.Kind == resource.List:
		for _, item := range v.Items {
			parts = append(parts, "- "+t.block(item, column+len("- ")))
		}
	default:
		for _, f := range v.Fields {
			parts = append(parts, t.key(f.Key, false)+":"+t.below(f.Value, column))
		}
	}
	return strings.Join(parts, indent)
}

// below writes the value of a key at a column: in its line, or in those below.
func (t *text) below(v *resource.Value, column int) string {
	switch {
	case v.Kind < resource.List || isEmpty(v) || t.fitsRow(v):
		return " " + t.flow(v, false)
	case v.Kind == resource.List:
		column += t.dash
	default:
		column += t.step
	}
	return t.eol + strings.Repeat(" ", column) + t.block(v, column)
}

// fitsRow reports whether a list is written in a row: a short one of scalars,
// where others are.
func (t *text) fitsRow(v *resource.Value) bool {
	if v.Kind != resource.List || !t.inRow {
		return false
	}
	for _, item := range v.Items {
		if item.Kind >= resource.List {
			return false
		}
	}
	return len(t.flow(v, false)) <= mostInRow
}

// flow writes a value in a row.
func (t *text) flow(v *resource.Value, quotedKeys bool) string {
	var parts []string
	switch v.Kind {
	case resource.List:
		for _, item := range v.Items {
			parts = append(parts, t.flow(item, quotedKeys))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case resource.Map:
		for _, f := range v.Fields {
			parts = append(parts, t.key(f.Key, quotedKeys)+": "+t.flow(f.Value, quotedKeys))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case resource.String:
		if !quotedKeys && isPlain(v.Str) {
			return v.Str
		}
	}
	return string(resource.EncodeJSON(v))
}

func (t *text) key(key string, quoted bool) string {
	if !quoted && isPlain(key) {
		return key
	}
	return string(resource.EncodeJSON(resource.NewText(key, source.Span{})))
}

// quotedKeys reports whether the keys of a map are written as in JSON.
func (t *text) quotedKeys(v *resource.Value) bool {
	if isJSON(t.name) {
		return true
	}
	for _, f := range t.own(v) {
		return t.startsAt(f.KeySpan, '"') && t.isFlow(v)
	}
	return t.root.Kind == resource.Map && t.isFlow(t.root) && t.startsAt(t.firstKey(), '"')
}

func (t *text) firstKey() source.Span {
	if len(t.root.Fields) == 0 {
		return source.Span{}
	}
	return t.root.Fields[0].KeySpan
}

// like writes a text in the quotes of another.
func (t *text) like(old *resource.Value, text string) string {
	if t.starts(old, '\'') && !strings.ContainsAny(text, "\n\r\t") && printable(text) {
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
	return string(resource.EncodeJSON(resource.NewText(text, source.Span{})))
}

func printable(text string) bool {
	for _, r := range text {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\uFEFF' || r == '\u2028' || r == '\u2029' {
			return false
		}
	}
	return true
}

var plainPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(--?)?[A-Za-z0-9_./$][A-Za-z0-9_./@+$%=-]*([: ][A-Za-z0-9_./@+$%=-]+)*$`)
})

// isPlain reports whether a text may stand without quotes: no reader of YAML takes
// it for anything but this text.
func isPlain(s string) bool {
	if len(s) > 200 || !plainPattern().MatchString(s) {
		return false
	}
	for _, dialect := range []resource.Dialect{resource.YAML11, resource.YAML12} {
		docs, err := resource.ParseDialect(source.NewFile("", []byte("- "+s)), dialect)
		if err != nil || len(docs) != 1 || docs[0].Root.Kind != resource.List {
			return false
		}
		if v := docs[0].Root.Items[0]; v.Kind != resource.String || v.Str != s {
			return false
		}
	}
	return true
}

// Scalar writes a scalar for YAML, in the quotes of the text that it replaces.
func Scalar(v *resource.Value, old string) string {
	t := &text{content: []byte(old), eol: "\n"}
	if v.Kind == resource.String && old != "" && (old[0] == '"' || old[0] == '\'') {
		return t.like(&resource.Value{Span: source.Span{End: len(old)}}, v.Str)
	}
	return t.flow(v, false)
}

// Entry writes a key with its value for a block of YAML at a column.
func Entry(key string, v *resource.Value, column int, eol string) string {
	t := &text{eol: eol, step: usualIndent, dash: usualIndent, inRow: true}
	return t.key(key, false) + ":" + t.below(v, column)
}
