package cli

import (
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/report"
)

// table aligns rows of untrusted text in columns, each row with lines below it.
type table struct {
	indent string
	rows   []row
}

type row struct {
	cells  []string
	styles map[int][]report.Style // of cells, by column
	all    []report.Style         // of the whole row
	below  []string               // printed as they are
}

func (t *table) add(r row) {
	for i, c := range r.cells {
		r.cells[i] = report.Plain(c)
	}
	t.rows = append(t.rows, r)
}

func (t *table) print(p *report.Printer) {
	var widths []int
	for _, r := range t.rows {
		for i, c := range r.cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	for _, r := range t.rows {
		line := t.indent
		for i, c := range r.cells {
			line += p.Paint(c, r.styles[i]...)
			if i < len(r.cells)-1 {
				line += strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2)
			}
		}
		p.Printf("%s", p.Paint(strings.TrimRight(line, " "), r.all...))
		for _, text := range r.below {
			p.Printf("%s", text)
		}
	}
}
