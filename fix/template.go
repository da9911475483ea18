package fix

import (
	"bytes"
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// A template of Helm is not YAML, but most of its lines stand in what is rendered as
// they are. Only such lines are edited: a value is replaced, a line is removed, or
// one is put before or after that of a sibling.

// templateEdit makes a change in the lines of a template.
func templateEdit(r *resource.Resource, loc resource.Location, at resource.Path, c edit.Change) ([]source.Edit, error) {
	exact := len(at) == len(c.Path)
	switch {
	case c.Op == edit.Set && exact && loc.Exact && r.Root.At(at).Kind < resource.List && c.Value.Kind < resource.List:
		old := string(loc.File.Content[loc.Span.Start:loc.Span.End])
		return []source.Edit{{Span: loc.Span, New: edit.Scalar(c.Value, old)}}, nil
	case c.Op == edit.Remove && exact && loc.Exact && r.Root.At(at).Kind < resource.List:
		return removeLine(loc, at)
	case c.Op == edit.Set && len(at) == len(c.Path)-1 && !c.Path[len(at)].IsIndex():
		return insertLine(r, loc.File, at, c)
	}
	return nil, refuse("what it is rendered from is no literal text")
}

// removeLine removes the line of a key with a literal scalar.
func removeLine(loc resource.Location, at resource.Path) ([]source.Edit, error) {
	content := loc.File.Content
	start := bytes.LastIndexByte(content[:loc.Span.Start], '\n') + 1
	end := len(content)
	if i := bytes.IndexByte(content[loc.Span.End:], '\n'); i >= 0 {
		end = loc.Span.End + i + 1
	}
	before := strings.TrimSpace(string(content[start:loc.Span.Start]))
	after := strings.TrimSpace(string(content[loc.Span.End:end]))
	if before != at[len(at)-1].Name+":" || after != "" && after[0] != '#' || strings.Contains(after, "{{") {
		return nil, refuse("the line in the template holds more than the value")
	}
	return []source.Edit{{Span: source.Span{Start: start, End: end}}}, nil
}

// sibling is a key of a map whose place in a template is known.
type sibling struct {
	key   source.Span // of the key, in the template
	line  int         // where its line starts
	depth int         // of actions around it
	item  bool        // it is the first of an item: a dash is before it
	end   int         // of its line, if its value ends there too; otherwise 0
}

// insertLine puts a key beside the sibling that the fewest actions enclose, so that
// it does not depend on what that depends on.
func insertLine(r *resource.Resource, file *source.File, parent resource.Path, c edit.Change) ([]source.Edit, error) {
	var best *sibling
	for _, f := range r.Root.At(parent).Fields {
		loc, ok := r.Origin.Locator(parent.Append(resource.Key(f.Key)))
		if !ok || !loc.Exact || loc.File != file {
			continue
		}
		if s, ok := siblingAt(loc, f); ok && (best == nil || s.depth < best.depth || s.depth == best.depth && best.item && !s.item) {
			best = &s
		}
	}
	if best == nil {
		return nil, refuse("no line of the template is beside the value and literal text")
	}
	column := best.key.Start - best.line
	eol := "\n"
	if bytes.Contains(file.Content, []byte("\r\n")) {
		eol = "\r\n"
	}
	entry := edit.Entry(c.Path[len(parent)].Name, c.Value, column, eol)
	indent := strings.Repeat(" ", column)
	switch {
	case best.item && best.end > 0:
		return []source.Edit{{Span: source.Span{Start: best.end, End: best.end}, New: eol + indent + entry}}, nil
	case !best.item:
		return []source.Edit{{Span: source.Span{Start: best.line, End: best.line}, New: indent + entry + eol}}, nil
	}
	return []source.Edit{{Span: source.Span{Start: best.key.Start, End: best.key.Start}, New: entry + eol + indent}}, nil
}

// siblingAt finds the key of a field whose value, or key, is at a place.
func siblingAt(loc resource.Location, f resource.Field) (s sibling, ok bool) {
	content := loc.File.Content
	s.line = bytes.LastIndexByte(content[:loc.Span.Start], '\n') + 1
	line := string(content[s.line:])
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	indent := len(line) - len(strings.TrimLeft(line, " "))
	rest := line[indent:]
	if after, found := strings.CutPrefix(rest, "- "); found {
		s.item = true
		trimmed := strings.TrimLeft(after, " ")
		indent += len(rest) - len(trimmed)
		rest = trimmed
	}
	if !strings.HasPrefix(rest, f.Key+":") {
		return s, false
	}
	s.key = source.Span{Start: s.line + indent, End: s.line + indent + len(f.Key)}
	s.depth = depthAt(content[:s.line])
	if end := s.line + len(strings.TrimSuffix(line, "\r")); f.Value.Kind < resource.List && loc.Span.Start > s.key.End && loc.Span.End <= end {
		s.end = end
	}
	return s, true
}

var actionPattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\{\{-?\s*(if|range|with|define|block|end)\b`)
})

// depthAt counts the actions that are open at the end of a text.
func depthAt(before []byte) (depth int) {
	for _, m := range actionPattern().FindAllSubmatch(before, -1) {
		if string(m[1]) == "end" {
			depth--
		} else {
			depth++
		}
	}
	return depth
}
