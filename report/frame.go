package report

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// minCode is the least width, in columns, that a line of code gets.
const minCode = 20

// maxExcerpt bounds the bytes of a line that are looked at on either side of
// what is marked: generated files have lines of megabytes.
const maxExcerpt = 4096

// Frame writes the place and the marked line of a location, and returns the
// width of its gutter for the notes below.
func (p *Printer) Frame(loc resource.Location, label string, style Style) (gutter int) {
	return p.frame(loc, label, style, newExcerpt)
}

// frame is Frame with a choice of what is shown of the line.
func (p *Printer) frame(loc resource.Location, label string, style Style, show func(resource.Location) excerpt) (gutter int) {
	if loc.File == nil {
		return 2
	}
	pos := loc.Position()
	number := fmt.Sprint(pos.Line)
	gutter = max(len(number), 2)
	pad := strings.Repeat(" ", gutter)
	arrow, bar := p.Paint("-->", Blue), p.Paint("|", Blue)
	if loc.Span.IsZero() && !loc.Exact {
		p.Printf("%s%s %s", pad, arrow, Plain(loc.File.Path))
		return gutter
	}
	if !loc.Exact {
		label = "somewhere in the object that begins here"
	}
	width := max(p.Width-gutter-3, minCode)
	line, mark, length := show(loc).fit(width)
	p.Printf("%s%s %s:%d:%d", pad, arrow, Plain(loc.File.Path), pos.Line, pos.Column)
	p.Printf("%s %s", pad, bar)
	p.Printf("%s", strings.TrimRight(fmt.Sprintf("%s %s %s", p.Paint(fmt.Sprintf("%*s", gutter, number), Blue), bar, line), " "))
	for _, row := range markRows(Plain(label), width, mark, length) {
		indent := len(row) - len(strings.TrimLeft(row, " "))
		p.Printf("%s %s %s%s", pad, bar, row[:indent], p.Paint(row[indent:], style))
	}
	p.Printf("%s %s", pad, bar)
	return gutter
}

// markRows returns the rows below a line: the marks and the label after them
// or, where it does not fit there, below them.
func markRows(label string, width, mark, length int) []string {
	indent := strings.Repeat(" ", mark)
	marks := indent + strings.Repeat("^", length)
	switch n := columns(label); {
	case n == 0:
		return []string{marks}
	case mark+length+1+n <= width:
		return []string{marks + " " + label}
	case mark+n > width:
		indent = indent[:max(min(mark, width-n), 0)]
	}
	rows := []string{marks}
	for _, line := range wrap(label, width-len(indent)) {
		rows = append(rows, indent+window(line, 0, width-len(indent)))
	}
	return rows
}

// excerpt is the line where a location starts, as plain text.
type excerpt struct{ before, marked, after string }

// newExcerpt shows the line as it is. Of a span over several lines, what is on
// the first one is marked.
func newExcerpt(loc resource.Location) excerpt {
	line, start, end := markedLine(loc)
	return excerpt{
		before: expand(line[max(start-maxExcerpt, 0):start]),
		marked: expand(line[start:min(end, start+maxExcerpt)]),
		after:  expand(line[end:min(end+maxExcerpt, len(line))]),
	}
}

// keyOfLine is what may be seen of a line with a secret: a key, and no value.
var keyOfLine = regexp.MustCompile(`^\s*(?:- +)*["']?[A-Za-z0-9._/-]{1,253}["']?:(?:\s+|$)`)

// opaqueWord is what names do not have and tokens do: a secret can be a key.
var opaqueWord = regexp.MustCompile(`[A-Za-z_]*[0-9][A-Za-z0-9_]{15,}|[A-Za-z0-9_]{15,}[0-9][A-Za-z0-9_]*`)

// hiddenExcerpt shows the key of the line, if it has one, and no value.
func hiddenExcerpt(loc resource.Location) excerpt {
	line, start, end := markedLine(loc)
	key := keyOfLine.FindString(line)
	if opaqueWord.MatchString(key) {
		key = ""
	}
	rest := ""
	if strings.TrimSpace(line[len(key):]) != "" {
		rest = resource.Mask
	}
	if start < len(key) {
		end = min(end, len(key))
		return excerpt{expand(key[:start]), expand(key[start:end]), expand(key[end:]) + rest}
	}
	return excerpt{expand(key), resource.Mask, ""}
}

// markedLine returns the line where a location starts, and which bytes of it
// the location covers.
func markedLine(loc resource.Location) (line string, start, end int) {
	span := loc.File.Line(loc.Position().Line)
	start = min(max(loc.Span.Start, span.Start), span.End)
	end = min(max(loc.Span.End, start), span.End)
	return string(loc.File.Content[span.Start:span.End]), start - span.Start, end - span.Start
}

// expand makes source text printable: tabs become four spaces.
func expand(text string) string {
	return Plain(strings.ReplaceAll(text, "\t", "    "))
}

// fit cuts the line to a width in columns so that the marked part is seen, and
// returns the columns of it to mark, from 0. Nothing to mark gives one column.
func (e excerpt) fit(width int) (line string, mark, length int) {
	mark, length = columns(e.before), max(columns(e.marked), 1)
	text := e.before + e.marked + e.after
	total := max(columns(text), mark+length)
	from := 0
	if total > width && mark > width/2 && mark+length >= width {
		from = min(mark-(width-min(length, width/2))/2, total-width)
	}
	mark -= from
	return window(text, from, width), mark, min(length, width-mark)
}
