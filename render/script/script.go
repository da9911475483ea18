// Package script reads the scripts of pipelines, which YAML holds as one text or
// as a list of texts. Each line and each word keeps its place in the file.
//
//	Text   a script that is put together from texts, one below the other
//	Line   what a shell takes for one line: without the line breaks that a
//	       backslash hides, and no comment
//	hole   a part that is replaced before any shell sees the script, such as
//	       $(macro) or ${{ expression }}
package script

import (
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/render/scalar"
	"github.com/holdfast-dev/holdfast/render/shell"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Text is a script.
type Text struct {
	content []byte // of the file
	text    strings.Builder
	starts  []int
	places  []*scalar.Places
	values  []*resource.Value
}

// New returns an empty script of a file with the given content.
func New(content []byte) *Text { return &Text{content: content} }

// Add puts a text below the others.
func (t *Text) Add(v *resource.Value) {
	t.starts = append(t.starts, t.text.Len())
	t.places = append(t.places, scalar.New(t.content, v))
	t.values = append(t.values, v)
	t.text.WriteString(v.Str)
	t.text.WriteByte('\n')
}

// Empty reports whether nothing was added.
func (t *Text) Empty() bool { return len(t.values) == 0 }

// String returns the script.
func (t *Text) String() string { return t.text.String() }

// Span returns the place of a range of the script: of what is in one text.
func (t *Text) Span(start, end int) source.Span {
	if len(t.starts) == 0 {
		return source.Span{}
	}
	i := max(sort.SearchInts(t.starts, start+1)-1, 0)
	size := len(t.values[i].Str)
	from, to := min(start-t.starts[i], size), min(end-t.starts[i], size)
	return t.places[i].Span(max(from, 0), max(to, from, 0))
}

// Line is one line of a script. Start and End are offsets in it.
type Line struct {
	Text       string
	Start, End int
}

// Lines returns the lines of a script that are not empty.
func (t *Text) Lines() (all []Line) {
	text := t.text.String()
	for at := 0; at < len(text); {
		start, end := at, at
		for {
			n := strings.IndexByte(text[at:], '\n')
			if n < 0 {
				at, end = len(text), len(text)
				break
			}
			end = at + n
			at = end + 1
			if !strings.HasSuffix(text[start:end], "\\") && !strings.HasSuffix(text[start:end], " `") {
				break
			}
		}
		for start < end && (text[start] == ' ' || text[start] == '\t') {
			start++
		}
		end = start + len(strings.TrimRight(text[start:end], " \t\r"))
		if start == end || text[start] == '#' {
			continue
		}
		one := text[start:end]
		if strings.Contains(one, "\n") {
			one = strings.Join(strings.Fields(strings.NewReplacer("\\\n", " ", "`\n", " ").Replace(one)), " ")
		}
		all = append(all, Line{one, start, end})
	}
	return all
}

// Values returns lines as a list of texts.
func (t *Text) Values(lines []Line) *resource.Value {
	out := resource.NewList(t.whole())
	for _, l := range lines {
		out.Items = append(out.Items, resource.NewText(l.Text, t.Span(l.Start, l.End)))
	}
	return out
}

func (t *Text) whole() source.Span {
	if len(t.values) == 0 {
		return source.Span{}
	}
	return t.values[0].Span
}

// Commands returns the simple commands of the script, as package shell does. A
// script that cannot be read to its end is judged as far as it can. Holes may be
// nil.
func (t *Text) Commands(holes *regexp.Regexp) *resource.Value {
	out := resource.NewList(t.whole())
	if t.Empty() {
		return out
	}
	text, found := blank(t.text.String(), holes)
	out.Items, _ = shell.Commands(shell.Script{Text: text, Span: t.Span})
	if len(found) > 0 {
		restore(out, found)
	}
	return out
}

const (
	mark     = '\x1a' // stands for a byte of a hole in the words of a shell, to which it means nothing
	letters  = 26
	maxHoles = letters * letters
)

// blank replaces the holes of a text by words of the same length that name their
// number.
func blank(text string, holes *regexp.Regexp) (blanked string, found []string) {
	if holes == nil {
		return text, nil
	}
	at := holes.FindAllStringIndex(text, maxHoles)
	if len(at) == 0 {
		return text, nil
	}
	out := []byte(text)
	for i, span := range at {
		if span[1]-span[0] < 4 {
			found = append(found, text[span[0]:span[1]])
			continue
		}
		for n := span[0]; n < span[1]; n++ {
			out[n] = mark
		}
		out[span[0]+1], out[span[0]+2] = byte('a'+i/letters), byte('a'+i%letters)
		found = append(found, text[span[0]:span[1]])
	}
	return string(out), found
}

var marked = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\x1a[a-z]{2}\x1a*`) })

// restore puts holes back into what was read of the blank text.
func restore(v *resource.Value, found []string) {
	for _, item := range v.Items {
		restore(item, found)
	}
	for _, f := range v.Fields {
		restore(f.Value, found)
	}
	if strings.IndexByte(v.Str, mark) < 0 {
		return
	}
	v.Str = marked().ReplaceAllStringFunc(v.Str, func(s string) string {
		if i := int(s[1]-'a')*letters + int(s[2]-'a'); i < len(found) {
			return found[i]
		}
		return s
	})
}
