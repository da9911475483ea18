package edit

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// text is a document with the habits of who wrote it.
type text struct {
	name    string
	content []byte
	root    *resource.Value
	dialect resource.Dialect

	eol   string // line ending
	step  int    // columns that a map is indented below its key
	dash  int    // columns that a list is indented below its key
	inRow bool   // short lists of scalars are written in a row
}

const usualIndent = 2

// learn finds out how the document is written: the first example of each counts.
func (t *text) learn() {
	t.eol, t.step, t.dash = "\n", 0, -1
	if bytes.Contains(t.content, []byte("\r\n")) {
		t.eol = "\r\n"
	}
	rows := false
	t.inRow = true
	t.habits(t.root, &rows)
	if t.step <= 0 {
		t.step = usualIndent
	}
	if t.dash < 0 {
		t.dash = usualIndent
	}
}

func (t *text) habits(v *resource.Value, rows *bool) {
	for _, f := range v.Fields {
		below := f.Value
		switch block := !t.isFlow(below) && !below.Span.IsZero(); {
		case t.isAlias(below), !t.inside(v, f):
			continue
		case below.Kind == resource.Map && block && t.step == 0 && !t.isFlow(v):
			t.step = t.column(below.Span.Start) - t.column(f.KeySpan.Start)
		case below.Kind == resource.List && len(below.Items) > 0:
			if block && t.dash < 0 {
				t.dash = t.column(below.Span.Start) - t.column(f.KeySpan.Start)
			}
			if !*rows && below.Items[0].Kind < resource.List {
				*rows, t.inRow = true, !block
			}
		}
		t.habits(below, rows)
	}
	for _, item := range v.Items {
		t.habits(item, rows)
	}
}

// inside reports whether a field is written in the map itself, and not merged
// into it from elsewhere.
func (t *text) inside(v *resource.Value, f resource.Field) bool {
	return f.KeySpan.Start >= v.Span.Start && f.KeySpan.End <= v.Span.End
}

func (t *text) starts(v *resource.Value, with byte) bool { return t.startsAt(v.Span, with) }

func (t *text) startsAt(span source.Span, with byte) bool {
	return span.Start < span.End && span.End <= len(t.content) && t.content[span.Start] == with
}

func (t *text) isAlias(v *resource.Value) bool { return t.starts(v, '*') && !v.Quoted }

// isFlow reports whether a map or list is written in braces or brackets.
func (t *text) isFlow(v *resource.Value) bool {
	return v.Kind == resource.Map && t.starts(v, '{') || v.Kind == resource.List && t.starts(v, '[')
}

// inFlow reports whether a value is written inside of braces or brackets.
func (t *text) inFlow(path resource.Path) bool {
	for i := range path {
		if v := t.root.At(path[:i]); v != nil && t.isFlow(v) {
			return true
		}
	}
	return false
}

func (t *text) lineStart(at int) int { return bytes.LastIndexByte(t.content[:at], '\n') + 1 }

// lineEnd is where the line ending of a line is, or the end of the text.
func (t *text) lineEnd(at int) int {
	end := len(t.content)
	if i := bytes.IndexByte(t.content[at:], '\n'); i >= 0 {
		end = at + i
	}
	if end > at && end < len(t.content) && t.content[end-1] == '\r' {
		end--
	}
	return end
}

// nextLine is where the next line starts.
func (t *text) nextLine(at int) int {
	if i := bytes.IndexByte(t.content[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(t.content)
}

// column counts the characters before a place in its line, from 0.
func (t *text) column(at int) int {
	line := t.content[t.lineStart(at):at]
	return utf8.RuneCount(bytes.TrimPrefix(line, []byte("\uFEFF")))
}

// first reports whether nothing but spaces is before a place in its line.
func (t *text) first(at int) bool {
	return len(bytes.TrimLeft(t.content[t.lineStart(at):at], " ")) == 0
}

// last reports whether nothing but a comment is after a place in its line.
func (t *text) last(at int) bool {
	rest := bytes.TrimLeft(t.content[at:t.lineEnd(at)], " \t")
	return len(rest) == 0 || rest[0] == '#'
}

// commented reports whether there may be a comment between two places.
func (t *text) commented(from, to int) bool {
	return bytes.IndexByte(t.content[from:to], '#') >= 0
}

// ways returns the edits that can make a change, the best first. What makes the
// wanted tree is known only once it was read again.
func (t *text) ways(c Change) ([][]source.Edit, error) {
	n := len(c.Path)
	for i := range c.Path {
		v := t.root.At(c.Path[:i])
		if t.isAlias(v) {
			return nil, refuse("%s is an alias: what it stands for is used elsewhere too", pathName(c.Path[:i]))
		}
	}
	parent := t.root.At(c.Path[:n-1])
	last := c.Path[n-1]
	old := t.root.At(c.Path)
	key := t.field(parent, last)
	if old != nil && key != nil && !t.inside(parent, *key) {
		return nil, refuse("%s is merged from an anchor, which others may use too", pathName(c.Path))
	}
	switch {
	case c.Op == Rename:
		return [][]source.Edit{{{Span: key.KeySpan, New: t.key(c.Key, t.quotedKeys(parent))}}}, nil
	case c.Op == Remove && t.isFlow(parent):
		return t.removeFlow(parent, last), nil
	case c.Op == Remove:
		return t.removeBlock(c.Path, parent, last)
	case old != nil:
		return t.replace(c.Path, key, old, c.Value)
	case t.isFlow(parent):
		return t.insertFlow(parent, last, c.Value), nil
	}
	return t.insertBlock(parent, last, c.Value), nil
}

func pathName(path resource.Path) string {
	if len(path) == 0 {
		return "the document"
	}
	return "`" + path.String() + "`"
}

func (t *text) field(parent *resource.Value, last resource.Step) *resource.Field {
	if last.IsIndex() {
		return nil
	}
	i := slices.IndexFunc(parent.Fields, func(f resource.Field) bool { return f.Key == last.Name })
	if i < 0 {
		return nil
	}
	return &parent.Fields[i]
}

// own returns the fields that are written in a map itself.
func (t *text) own(v *resource.Value) (fields []resource.Field) {
	for _, f := range v.Fields {
		if t.inside(v, f) {
			fields = append(fields, f)
		}
	}
	return fields
}

// entries returns the spans of the fields or items of a value, in their order.
func (t *text) entries(v *resource.Value) (spans []source.Span) {
	for _, f := range t.own(v) {
		spans = append(spans, source.Span{Start: f.KeySpan.Start, End: max(f.KeySpan.End, f.Value.Span.End)})
	}
	for _, item := range v.Items {
		spans = append(spans, item.Span)
	}
	return spans
}

// insertFlow adds an entry before the closing brace or bracket.
func (t *text) insertFlow(parent *resource.Value, last resource.Step, value *resource.Value) [][]source.Edit {
	entry := t.flow(value, t.quotedKeys(parent))
	if !last.IsIndex() {
		entry = t.key(last.Name, t.quotedKeys(parent)) + ": " + entry
	}
	entries := t.entries(parent)
	if len(entries) == 0 {
		return [][]source.Edit{{insert(parent.Span.Start+1, entry)}}
	}
	end := entries[len(entries)-1]
	between := " "
	if t.first(end.Start) {
		between = t.eol + strings.Repeat(" ", t.column(end.Start))
	}
	closing := parent.Span.End - 1
	for closing > 0 && bytes.IndexByte([]byte(" \t\r\n"), t.content[closing-1]) >= 0 {
		closing--
	}
	return [][]source.Edit{
		{insert(end.End, ","+between+entry)},
		{insert(closing, between+entry)}, // after a comma that is there already
	}
}

// insertBlock adds an entry after the last one or, where that ends in text whose
// end is part of it, after an earlier one.
func (t *text) insertBlock(parent *resource.Value, last resource.Step, value *resource.Value) (all [][]source.Edit) {
	entries := t.entries(parent)
	if len(entries) == 0 {
		return nil
	}
	var column int
	var entry string
	if last.IsIndex() {
		column = t.column(parent.Span.Start)
		entry = "- " + t.block(value, column+len("- "))
	} else {
		column = t.column(entries[0].Start)
		entry = t.key(last.Name, t.quotedKeys(parent)) + ":" + t.below(value, column)
	}
	indent := strings.Repeat(" ", column)
	for i, span := range slices.Backward(entries) {
		if last.IsIndex() && i < len(entries)-1 {
			break // the order of a list counts
		}
		all = append(all, []source.Edit{insert(t.lineEnd(span.End), t.eol+indent+entry)})
	}
	if !last.IsIndex() {
		all = append(all, []source.Edit{insert(entries[0].Start, entry+t.eol+indent)})
	}
	return all
}

func insert(at int, text string) source.Edit {
	return source.Edit{Span: source.Span{Start: at, End: at}, New: text}
}
