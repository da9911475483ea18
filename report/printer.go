package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/resource"
)

// DefaultWidth is the width of output that is not a terminal, and the most
// that a terminal gets, in columns.
const DefaultWidth = 100

// Printer writes text for people.
type Printer struct {
	W     io.Writer
	Width int
	Color bool
	err   error
}

// NewPrinter returns a Printer; a width of 0 stands for DefaultWidth.
func NewPrinter(w io.Writer, width int, color bool) *Printer {
	if width <= 0 || width > DefaultWidth {
		width = DefaultWidth
	}
	return &Printer{W: w, Width: width, Color: color}
}

// Style is one of the 16 ANSI colours or weights.
type Style string

// The styles. Colour never stands alone: there is always a word as well.
const (
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
	Cyan   Style = "36"
)

// Paint returns the text in styles, if the printer colours.
func (p *Printer) Paint(text string, styles ...Style) string {
	if !p.Color || text == "" {
		return text
	}
	codes := make([]string, len(styles))
	for i, s := range styles {
		codes[i] = string(s)
	}
	return "\x1b[" + strings.Join(codes, ";") + "m" + text + "\x1b[0m"
}

// Printf writes a line; the line ending is added. After an error it does
// nothing: see Err.
func (p *Printer) Printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.W, format+"\n", args...)
	}
}

// Err returns the first error of writing.
func (p *Printer) Err() error { return p.err }

// Note writes "= label: text" below a frame, wrapped and aligned.
func (p *Printer) Note(gutter int, label, text string) {
	head := strings.Repeat(" ", gutter+1) + p.Paint("=", Blue) + " "
	first := label
	if label != "" {
		first = fmt.Sprintf("%-6s", label+":")
	}
	indent := strings.Repeat(" ", gutter+3+len(first))
	if label != "" {
		indent += " "
		first = p.Paint(first, Bold) + " "
	}
	for i, line := range wrap(Plain(text), p.Width-len(indent)) {
		if i == 0 {
			p.Printf("%s%s%s", head, first, line)
		} else {
			p.Printf("%s%s", indent, line)
		}
	}
}

// Frame writes the place and the marked line of a location, and returns the
// width of its gutter for the notes below.
func (p *Printer) Frame(loc resource.Location, label string, style Style) (gutter int) {
	if loc.File == nil {
		return 2
	}
	pos := loc.Position()
	number := fmt.Sprint(pos.Line)
	gutter = max(len(number), 2)
	pad := strings.Repeat(" ", gutter)
	bar := p.Paint("|", Blue)
	if loc.Span.IsZero() && !loc.Exact {
		p.Printf("%s%s %s", pad, p.Paint("-->", Blue), Plain(loc.File.Path))
		return gutter
	}
	p.Printf("%s%s %s:%d:%d", pad, p.Paint("-->", Blue), Plain(loc.File.Path), pos.Line, pos.Column)
	line, mark, width := excerpt(loc, p.Width-gutter-3)
	if !loc.Exact {
		p.Printf("%s %s somewhere in the object that begins here", pad, bar)
	}
	p.Printf("%s %s", pad, bar)
	p.Printf("%s %s %s", p.Paint(fmt.Sprintf("%*s", gutter, number), Blue), bar, line)
	marks := strings.Repeat(" ", mark) + p.Paint(strings.TrimRight(strings.Repeat("^", width)+" "+Plain(label), " "), style)
	p.Printf("%s %s %s", pad, bar, marks)
	p.Printf("%s %s", pad, bar)
	return gutter
}

// excerpt returns the line where a location starts, cut to a width, and the
// columns to mark in it.
func excerpt(loc resource.Location, width int) (line string, mark, length int) {
	f := loc.File
	span := f.Line(f.Position(loc.Span.Start).Line)
	start := min(max(loc.Span.Start, span.Start), span.End)
	end := min(max(loc.Span.End, start), span.End)
	before := expand(string(f.Content[span.Start:start]))
	marked := expand(string(f.Content[start:end]))
	after := expand(string(f.Content[end:span.End]))
	mark, length = utf8.RuneCountInString(before), max(utf8.RuneCountInString(marked), 1)
	return cut(before+marked+after, width), min(mark, width), max(min(length, width-mark), 1)
}

// expand makes source text printable: tabs become four spaces.
func expand(text string) string {
	return Plain(strings.ReplaceAll(text, "\t", "    "))
}

func cut(text string, width int) string {
	if utf8.RuneCountInString(text) <= width || width < 2 {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// wrap breaks text at spaces; a longer word gets a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// Paragraph writes prose that begins with a label, wrapped.
func (p *Printer) Paragraph(label, text string) {
	for i, line := range wrap(Plain(label+text), p.Width) {
		if i == 0 && label != "" {
			line = p.Paint(label, Bold) + strings.TrimPrefix(line, label)
		}
		p.Printf("%s", line)
	}
}
