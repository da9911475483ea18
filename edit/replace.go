package edit

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// replace puts a value in the place of another. Key is nil for items of lists.
func (t *text) replace(path resource.Path, key *resource.Field, old, value *resource.Value) ([][]source.Edit, error) {
	quoted := t.quotedKeys(t.root.At(path[:len(path)-1]))
	inFlow := t.inFlow(path)
	row := t.flow(value, quoted)
	if value.Kind == resource.String && (t.starts(old, '"') || t.starts(old, '\'')) {
		row = t.like(old, value.Str)
	}
	isBlock := old.Kind >= resource.List && !t.isFlow(old) && !t.isAlias(old)
	switch {
	case isBlock && t.commented(old.Span.Start, old.Span.End):
		return nil, refuse("a comment stands in what would be replaced")
	case isBlock && value.Kind == old.Kind && !isEmpty(value):
		return [][]source.Edit{{{Span: old.Span, New: t.block(value, t.column(old.Span.Start))}}}, nil
	case isBlock && key != nil:
		return t.replaceBelow(key, old, row), nil
	case isBlock:
		return [][]source.Edit{{{Span: old.Span, New: row}}}, nil
	}
	var ways [][]source.Edit
	if value.Kind >= resource.List && !isEmpty(value) && !inFlow && !t.isFlow(old) && key != nil && t.last(old.Span.End) {
		ways = append(ways, t.unfold(key, old, value))
	}
	for _, text := range []string{row, " " + row, ": " + row} {
		ways = append(ways, []source.Edit{{Span: old.Span, New: text}})
	}
	if old.Span.Start == old.Span.End { // nothing is written there
		ways[len(ways)-3], ways[len(ways)-2] = ways[len(ways)-2], ways[len(ways)-3]
	}
	return ways, nil
}

// unfold puts a map or list below a key whose value was in its line.
func (t *text) unfold(key *resource.Field, old, value *resource.Value) []source.Edit {
	below := t.below(value, t.column(key.KeySpan.Start))
	if !strings.HasPrefix(below, t.eol) { // it fits into the line
		return []source.Edit{{Span: source.Span{Start: t.colon(key, old), End: old.Span.End}, New: below}}
	}
	end := t.lineEnd(old.Span.End)
	if end == old.Span.End {
		return []source.Edit{{Span: source.Span{Start: t.colon(key, old), End: end}, New: below}}
	}
	return []source.Edit{{Span: source.Span{Start: t.colon(key, old), End: old.Span.End}}, insert(end, below)}
}

// replaceBelow puts a row behind a key in the place of the block below it.
func (t *text) replaceBelow(key *resource.Field, old *resource.Value, row string) [][]source.Edit {
	colon := t.colon(key, old)
	if end := t.lineEnd(colon); end < old.Span.Start && t.last(colon) {
		if t.commented(end, old.Span.Start) { // what is between them stays
			end = t.lineEnd(t.lineStart(t.lineStart(old.Span.Start) - 1))
		}
		return [][]source.Edit{{insert(colon, " "+row), {Span: source.Span{Start: end, End: old.Span.End}}}}
	}
	return [][]source.Edit{{{Span: source.Span{Start: colon, End: old.Span.End}, New: " " + row}}}
}

// colon is where the colon after a key ends.
func (t *text) colon(key *resource.Field, value *resource.Value) int {
	at := key.KeySpan.End
	for at < value.Span.Start && t.content[at] != ':' {
		at++
	}
	return min(at+1, value.Span.Start)
}

// removeFlow removes an entry with one of the commas around it.
func (t *text) removeFlow(parent *resource.Value, last resource.Step) (ways [][]source.Edit) {
	entries := t.entries(parent)
	i := t.position(parent, last)
	one := entries[i]
	if i+1 < len(entries) {
		ways = append(ways, []source.Edit{{Span: source.Span{Start: one.Start, End: entries[i+1].Start}}})
	}
	if i > 0 {
		ways = append(ways, []source.Edit{{Span: source.Span{Start: entries[i-1].End, End: one.End}}})
	}
	return append(ways,
		[]source.Edit{{Span: source.Span{Start: parent.Span.Start + 1, End: parent.Span.End - 1}}},
		[]source.Edit{{Span: one}},
	)
}

// position is that of an entry among those that are written in its parent.
func (t *text) position(parent *resource.Value, last resource.Step) int {
	if last.IsIndex() {
		return last.Index()
	}
	for i, f := range t.own(parent) {
		if f.Key == last.Name {
			return i
		}
	}
	return 0
}

// removeBlock removes the lines of an entry. Comments in lines of their own stay,
// unless they are inside of what is removed.
func (t *text) removeBlock(path resource.Path, parent *resource.Value, last resource.Step) ([][]source.Edit, error) {
	entries := t.entries(parent)
	i := t.position(parent, last)
	if len(entries) == 1 && len(parent.Fields)+len(parent.Items) == 1 {
		return t.empty(path[:len(path)-1], parent)
	}
	start, next := entries[i].Start, parent.Span.End
	if last.IsIndex() { // the dash belongs to it
		start = t.dashBefore(start, entries, i, parent)
	}
	if i+1 < len(entries) {
		next = entries[i+1].Start
		if last.IsIndex() {
			next = t.dashBefore(next, entries, i+1, parent)
		}
	}
	end := max(entries[i].End, start)
	lines := source.Span{Start: t.lineStart(start), End: t.nextLine(end)}
	var ways [][]source.Edit
	if t.first(start) {
		if lines.End == len(t.content) && lines.Start > 0 && t.content[len(t.content)-1] != '\n' {
			// The line before becomes the last, without a line ending too.
			ways = append(ways, []source.Edit{{Span: source.Span{Start: t.lineEnd(lines.Start - 1), End: lines.End}}})
		}
		ways = append(ways, []source.Edit{{Span: lines}})
	}
	if i+1 < len(entries) && !t.commented(t.lineEnd(end), next) { // what follows moves up
		ways = append(ways, []source.Edit{{Span: source.Span{Start: start, End: next}}})
	}
	if i+1 < len(entries) && !t.first(start) { // what follows stays below, and the comments before it
		for start > 0 && t.content[start-1] == ' ' {
			start--
		}
		ways = append(ways, []source.Edit{{Span: source.Span{Start: start, End: t.lineEnd(end)}}})
	}
	return ways, nil
}

// dashBefore is where the dash of an item is.
func (t *text) dashBefore(start int, entries []source.Span, i int, parent *resource.Value) int {
	least := parent.Span.Start
	if i > 0 {
		least = entries[i-1].End
	}
	column := t.column(parent.Span.Start)
	for at := min(start, len(t.content)) - 1; at >= least; at-- {
		if t.content[at] == '-' && t.column(at) == column {
			return at
		}
	}
	return start
}

// empty removes the only entry of a map or list.
func (t *text) empty(path resource.Path, parent *resource.Value) ([][]source.Edit, error) {
	row := "{}"
	if parent.Kind == resource.List {
		row = "[]"
	}
	if t.commented(parent.Span.Start, parent.Span.End) {
		return nil, refuse("a comment stands in what would be removed")
	}
	if len(path) > 0 {
		if key := t.field(t.root.At(path[:len(path)-1]), path[len(path)-1]); key != nil {
			return t.replaceBelow(key, parent, row), nil
		}
	}
	return [][]source.Edit{{{Span: parent.Span, New: row}}}, nil
}
