// Package scalar finds the places of the parts of a YAML string in the text that it
// is written in, in which there are quotes, escapes and indentation.
package scalar

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Places are those of the bytes of one string.
type Places struct {
	content []byte
	value   *resource.Value

	offsets []int // of each byte of the string, and of its end
	failed  bool
}

// New returns the places of a string in the content of its file.
func New(content []byte, value *resource.Value) *Places {
	return &Places{content: content, value: value}
}

// Span returns the place of the string's bytes from start to end; of the whole
// value if it cannot be told, as for aliases.
func (p *Places) Span(start, end int) source.Span {
	whole := p.value.Span
	if p.offsets == nil && !p.failed {
		p.offsets = offsetsOf(p.content, whole, p.value.Str)
		p.failed = p.offsets == nil
	}
	if p.failed || start < 0 || end > len(p.value.Str) || start > end {
		return whole
	}
	s := source.Span{Start: p.offsets[start], End: p.offsets[end]}
	if end > start { // what follows the last byte can be on another line
		s.End = p.offsets[end-1] + 1
		for s.End < whole.End && !utf8.RuneStart(p.content[s.End]) {
			s.End++
		}
	}
	return s
}

// offsetsOf walks a string and its text side by side. It returns nil if they do
// not match.
func offsetsOf(content []byte, span source.Span, s string) []int {
	if span.Start < 0 || span.End > len(content) || span.Start >= span.End {
		return nil
	}
	text := content[:span.End]
	a := &aligner{text: text, pos: span.Start, s: s, offsets: make([]int, 0, len(s)+1)}
	ok := false
	switch text[span.Start] {
	case '|', '>':
		ok = a.block()
	case '"':
		a.pos++
		ok = a.flow('"')
	case '\'':
		a.pos++
		ok = a.flow('\'')
	default:
		ok = a.flow(0)
	}
	if !ok {
		return nil
	}
	for len(a.offsets) <= len(s) {
		a.offsets = append(a.offsets, min(a.pos, len(text)))
	}
	return a.offsets
}

type aligner struct {
	text    []byte
	pos     int
	s       string
	offsets []int
}

// block aligns literal and folded text. Both keep the bytes of a line; folding
// makes spaces of line breaks, and drops some.
func (a *aligner) block() bool {
	for a.pos < len(a.text) && a.text[a.pos] != '\n' {
		a.pos++
	}
	indent := a.blockIndent()
	a.newline(indent)
	for i := 0; i < len(a.s) && a.pos < len(a.text); {
		c := a.s[i]
		switch {
		case !a.at('\n') && !a.at('\r'):
			if !a.at(c) {
				return false
			}
			a.offsets = append(a.offsets, a.pos)
			a.pos++
			i++
		case c == '\n' || c == ' ':
			a.offsets = append(a.offsets, a.pos)
			a.newline(indent)
			i++
		default:
			a.newline(indent)
		}
	}
	return true
}

// newline goes to the text of the next line.
func (a *aligner) newline(indent int) {
	if a.at('\r') {
		a.pos++
	}
	if a.at('\n') {
		a.pos++
	}
	for n := 0; n < indent && a.at(' '); n++ {
		a.pos++
	}
}

// blockIndent returns the indentation of the first line with text.
func (a *aligner) blockIndent() int {
	line := a.text[a.pos:]
	for len(line) > 0 {
		line = line[1:]
		next := bytes.IndexByte(line, '\n')
		if next < 0 {
			next = len(line)
		}
		if text := bytes.TrimLeft(line[:next], " "); len(bytes.TrimSpace(text)) > 0 {
			indent := next - len(text)
			// Text that starts with spaces says so in the header.
			return indent - (len(strings.TrimLeft(a.s, "\n")) - len(strings.TrimLeft(strings.TrimLeft(a.s, "\n"), " ")))
		}
		line = line[next:]
	}
	return 0
}

// flow aligns plain and quoted text, in which white space around line breaks is
// folded.
func (a *aligner) flow(quote byte) bool {
	for i := 0; i < len(a.s); {
		c := a.s[i]
		switch {
		case quote == '"' && a.at('\\'):
			n, size := escape(a.text[a.pos:])
			if n == 0 {
				return false
			}
			for range size {
				a.offsets = append(a.offsets, a.pos)
			}
			a.pos += n
			i += size
		case quote == '\'' && c == '\'':
			a.offsets = append(a.offsets, a.pos)
			a.pos += 2
			i++
		case a.breaks():
			// A break is a space, or one line feed less than there are.
			run := i
			for run < len(a.s) && (a.s[run] == ' ' || a.s[run] == '\n') {
				run++
			}
			if run == i {
				return false
			}
			for ; i < run; i++ {
				a.offsets = append(a.offsets, a.pos)
			}
			for a.pos < len(a.text) && strings.IndexByte(" \t\r\n", a.text[a.pos]) >= 0 {
				a.pos++
			}
		case a.at(c):
			a.offsets = append(a.offsets, a.pos)
			a.pos++
			i++
		default:
			return false
		}
	}
	return true
}

// breaks reports whether a line break follows, with or without white space.
func (a *aligner) breaks() bool {
	for i := a.pos; i < len(a.text); i++ {
		switch a.text[i] {
		case ' ', '\t':
		case '\n', '\r':
			return true
		default:
			return false
		}
	}
	return false
}

func (a *aligner) at(c byte) bool { return a.pos < len(a.text) && a.text[a.pos] == c }

// escape returns the length of an escape, and how many bytes it stands for.
func escape(text []byte) (length, size int) {
	if len(text) < 2 {
		return 0, 0
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[1]]
	switch text[1] {
	case 'N', '_':
		return 2, 2
	case 'L', 'P':
		return 2, 3
	case '\n', '\r':
		n := 1
		for n < len(text) && strings.IndexByte(" \t\r\n", text[n]) >= 0 {
			n++
		}
		return n, 0
	}
	if digits == 0 {
		return 2, 1
	}
	if len(text) < 2+digits {
		return 0, 0
	}
	r := rune(0)
	for _, c := range text[2 : 2+digits] {
		d := strings.IndexByte("0123456789abcdef", c|0x20)
		if d < 0 {
			return 0, 0
		}
		r = r<<4 | rune(d)
	}
	return 2 + digits, utf8.RuneLen(r)
}
