package report

import (
	"fmt"
	"io"
	"strings"
)

// DefaultWidth is the width of output that is not a terminal, and the most
// that a terminal gets, in columns.
const DefaultWidth = 100

// Printer writes text for people.
type Printer struct {
	W     io.Writer
	Width int // in columns
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
	if !p.Color || text == "" || len(styles) == 0 {
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

// Note writes "= label: text" below a frame, wrapped and aligned. A note
// without text is left out.
func (p *Printer) Note(gutter int, label, text string) {
	if strings.TrimSpace(Plain(text)) == "" {
		return
	}
	head, used := strings.Repeat(" ", gutter+1)+p.Paint("=", Blue)+" ", gutter+3
	if label != "" {
		label = fmt.Sprintf("%-5s", label+":")
		head, used = head+p.Paint(label, Bold)+" ", used+len(label)+1
	}
	p.hang(head, used, text)
}

// hang writes text after a head that takes so many columns, wrapped and
// aligned with its own first line.
func (p *Printer) hang(head string, used int, text string, styles ...Style) {
	for _, line := range wrap(Plain(text), p.Width-used) {
		p.Printf("%s%s", head, p.Paint(line, styles...))
		head = strings.Repeat(" ", used)
	}
}

// Paragraph writes prose that begins with a label, wrapped.
func (p *Printer) Paragraph(label, text string) {
	label = strings.TrimSpace(Plain(label))
	for i, line := range wrap(label+" "+Plain(text), p.Width) {
		if rest, ok := strings.CutPrefix(line, label); ok && i == 0 {
			line = p.Paint(label, Bold) + rest
		}
		p.Printf("%s", line)
	}
}
