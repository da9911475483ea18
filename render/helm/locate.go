package helm

import (
	"bytes"
	"path"
	"sort"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// files reads each file once.
type files struct {
	tree   source.Tree
	byPath map[string]*parsedFile
}

type parsedFile struct {
	file   *source.File
	values *resource.Value // of a values file; nil until asked for
	parsed bool
	tokens []scoped // of a template; nil until asked for
}

func newFiles(tree source.Tree) *files {
	return &files{tree: tree, byPath: map[string]*parsedFile{}}
}

func (f *files) load(name string) *parsedFile {
	if p, ok := f.byPath[name]; ok {
		return p
	}
	p := &parsedFile{}
	if content, err := f.tree.ReadFile(name); err == nil {
		p.file = source.NewFile(name, content)
	}
	f.byPath[name] = p
	return p
}

// get returns a file, or nil if it cannot be read.
func (f *files) get(name string) *source.File { return f.load(name).file }

// values returns what a values file holds, or nil.
func (f *files) values(name string) *resource.Value {
	p := f.load(name)
	if !p.parsed && p.file != nil {
		p.parsed = true
		if docs, _ := resource.ParseYAML(p.file); len(docs) > 0 {
			p.values = docs[0].Root
		}
	}
	return p.values
}

// dependency returns where a chart says that it takes in an archive: nothing in
// that can be pointed at. The place is empty, since all that comes of the archive
// has it.
func (f *files) dependency(archive string) resource.Location {
	owner := path.Dir(path.Dir(archive))
	for _, name := range []string{path.Join(owner, "Chart.yaml"), path.Join(owner, "requirements.yaml")} {
		dependencies := f.values(name).Get("dependencies")
		if dependencies == nil {
			continue
		}
		for _, d := range dependencies.Items {
			if v := d.Get("name"); v.Text() != "" && strings.HasPrefix(path.Base(archive), v.Text()+"-") {
				return resource.Location{File: f.get(name), Span: source.Span{Start: v.Span.Start, End: v.Span.Start}}
			}
		}
	}
	if file := f.get(path.Join(owner, "Chart.yaml")); file != nil {
		return resource.Location{File: file}
	}
	return resource.Location{File: f.get(archive)}
}

// actions returns the actions of a template with what encloses them.
func (f *files) actions(name string) []scoped {
	p := f.load(name)
	if p.tokens == nil && p.file != nil {
		p.tokens = scopes(string(p.file.Content))
	}
	return p.tokens
}

// mapping leads from the output of a template to the templates.
type mapping struct {
	c        *collector
	text     *source.File // the output
	segs     []segment
	starts   []int // offset of each segment
	template templateSource
	file     *source.File // the template, or the archive that it is in
	archived bool
}

func newMapping(c *collector, out output) *mapping {
	m := &mapping{c: c, text: source.NewFile(out.Name, []byte(out.Text)), archived: out.Place.Archived, template: c.res.Templates[out.Template]}
	m.file = c.files.get(out.Place.Path)
	if m.file == nil {
		m.file = source.NewFile(out.Place.Path, nil)
	}
	at := 0
	for _, s := range out.Segments {
		if s.Len > 0 {
			m.segs = append(m.segs, s)
			m.starts = append(m.starts, at)
			at += s.Len
		}
	}
	return m
}

// part is a segment within a range of the output.
type part struct {
	segment
	at int // offset in the output
}

// parts returns the segments that a range of the output is made of.
func (m *mapping) parts(span source.Span) []part {
	i := sort.SearchInts(m.starts, span.Start+1) - 1
	var out []part
	for ; i >= 0 && i < len(m.segs) && m.starts[i] < max(span.End, span.Start+1); i++ {
		p := part{segment: m.segs[i], at: m.starts[i]}
		if skip := span.Start - p.at; skip > 0 {
			p.Len -= skip
			p.at = span.Start
			if !p.Action {
				p.Offset += skip
			}
		}
		p.Len = min(p.Len, max(span.End-p.at, 0))
		out = append(out, p)
	}
	return out
}

// place returns the source of a part: the text itself, or the whole action.
func (m *mapping) place(p part) resource.Location {
	t := m.c.res.Templates[p.File]
	file := m.c.files.get(t.Place.Path)
	if t.Place.Archived {
		return m.c.files.dependency(t.Place.Path)
	}
	if file == nil {
		return resource.Location{File: m.file}
	}
	end := p.Offset + p.Len
	if p.Action {
		for _, a := range m.c.files.actions(t.Place.Path) {
			if a.start == p.Offset {
				end = a.end
			}
		}
	}
	return resource.Location{File: file, Span: source.Span{Start: p.Offset, End: min(end, len(file.Content))}}
}

// verbatim returns the place of a range that is template text as it stands.
func (m *mapping) verbatim(span source.Span) (resource.Location, bool) {
	parts := m.parts(span)
	if len(parts) != 1 || parts[0].Action {
		return resource.Location{}, false
	}
	loc := m.place(parts[0])
	if loc.Span.IsZero() || loc.Span.End > len(loc.File.Content) ||
		!bytes.Equal(loc.File.Content[loc.Span.Start:loc.Span.End], m.text.Content[span.Start:span.End]) {
		return resource.Location{}, false
	}
	loc.Exact = true
	return loc, true
}

// at returns the source of a position of the output: the nearest that is known.
func (m *mapping) at(p source.Position) resource.Location {
	line := m.text.Line(p.Line)
	for _, part := range m.parts(source.Span{Start: line.Start, End: line.End}) {
		return m.place(part)
	}
	return resource.Location{File: m.file}
}

// within returns the span of the template that a document comes from, as far as
// its first and last byte tell.
func (m *mapping) within(span source.Span) source.Span {
	first := m.parts(source.Span{Start: span.Start, End: span.Start + 1})
	last := m.parts(source.Span{Start: max(span.End-1, span.Start), End: span.End})
	if m.archived || len(first) == 0 || len(last) == 0 {
		return source.Span{}
	}
	from, to := m.place(first[0]), m.place(last[0])
	if from.File != m.file || to.File != m.file || from.Span.Start >= to.Span.End {
		return source.Span{}
	}
	return source.Span{Start: from.Span.Start, End: to.Span.End}
}

// located is a resource whose values can be located.
type located struct {
	*mapping
	root *resource.Value
}

func (l *located) locate(path resource.Path) (resource.Location, bool) {
	v := l.root.At(path)
	if v == nil || len(path) == 0 {
		return resource.Location{}, false
	}
	span := l.spanOf(path, v)
	if loc, ok := l.verbatim(span); ok {
		return loc, true
	}
	loc := l.printed(path, v, span)
	if l.archived && loc.File == l.file {
		loc = l.c.files.dependency(l.file.Path)
	}
	return loc, true
}

// spanOf is the span of a value in the output, of no more than one line.
func (l *located) spanOf(path resource.Path, v *resource.Value) source.Span {
	span := spanIn(l.root, path, v)
	if isScalar(v) {
		return span
	}
	if path[len(path)-1].IsIndex() && len(v.Fields) > 0 {
		return v.Fields[0].KeySpan // with which it begins
	}
	if i := bytes.IndexByte(l.text.Content[span.Start:span.End], '\n'); i >= 0 {
		span.End = span.Start + i
	}
	return span
}

// spanIn is the span of a scalar at a path below root; of a larger value that of
// its key, where it has one.
func spanIn(root *resource.Value, path resource.Path, v *resource.Value) source.Span {
	if len(path) == 0 {
		return v.Span
	}
	if last := path[len(path)-1]; !isScalar(v) && !last.IsIndex() {
		for _, f := range root.At(path[:len(path)-1]).Fields {
			if f.Key == last.Name {
				return f.KeySpan
			}
		}
	}
	return v.Span
}

// printed locates a value that actions printed, or a part of it: in the values
// files if one of them holds it, and otherwise at the action.
func (l *located) printed(path resource.Path, v *resource.Value, span source.Span) resource.Location {
	nearest := resource.Location{File: l.file, Span: l.within(v.Span)}
	found := false
	for _, p := range l.parts(span) {
		if !p.Action {
			continue
		}
		if !found {
			nearest = l.place(l.beside(path, p))
		}
		whole := p.at <= span.Start && p.at+p.Len >= span.End || l.quotedWhole(p, v)
		if loc, ok := l.fromValues(p, path, v, whole); ok {
			if whole {
				return loc
			}
			nearest, found = loc, true // the last part of several, such as an image's tag
		}
	}
	return nearest
}

// beside returns the action that a part comes from as it stands beside the key of
// the value: of a value that a definition gives, the action that includes it.
func (l *located) beside(path resource.Path, p part) part {
	parent := l.root.At(path[:len(path)-1])
	if path[len(path)-1].IsIndex() || parent == nil {
		return p
	}
	for _, f := range parent.Fields {
		keys := l.parts(f.KeySpan)
		if f.Key != path[len(path)-1].Name || len(keys) == 0 {
			continue
		}
		for up := p; ; {
			if up.Call == keys[0].Call {
				return up
			}
			if up.Call <= 0 || up.Call > len(l.c.res.Calls) {
				return p
			}
			call := l.c.res.Calls[up.Call-1]
			up.File, up.Offset, up.Call = call.File, call.Offset, call.Outer
		}
	}
	return p
}

// quotedWhole reports whether an action printed all of a value but for quotes in
// the template.
func (l *located) quotedWhole(p part, v *resource.Value) bool {
	return v.Quoted && p.at == v.Span.Start+1 && p.at+p.Len == v.Span.End-1
}
