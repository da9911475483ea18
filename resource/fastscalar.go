package resource

import (
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/source"
)

// startsPlain reports whether c, the next byte, starts an unquoted scalar.
func (p *fastParser) startsPlain(c byte) bool {
	switch c {
	case '-', '?', ':':
		next := p.peek(p.pos + 1)
		return !ends(next) && next != '\t'
	case ',', '[', ']', '{', '}', '#', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '\t':
		return false
	}
	return true
}

// plainLine finds the end of the part of an unquoted scalar that is on one line,
// and the offset of what ends it: a colon, a comment, a tab or a line feed.
func (p *fastParser) plainLine(start int) (end, stop int) {
	i := start
scan:
	for ; i < len(p.text); i++ {
		switch p.text[i] {
		case '\n', '\t':
			break scan
		case ':':
			if next := p.peek(i + 1); ends(next) || next == '\t' {
				break scan
			}
		case '#':
			if p.text[i-1] == ' ' {
				break scan
			}
		}
	}
	end = i
	for end > start && p.text[end-1] == ' ' {
		end--
	}
	return end, i
}

// plain reads an unquoted scalar and goes to the next line with content. Lines
// that are indented deeper than parent continue it.
func (p *fastParser) plain(parent int) (*Value, bool) {
	v := p.slab.value()
	start := p.pos
	end, ok := p.plainRest()
	if !ok {
		return nil, false
	}
	v.Span = source.Span{Start: start, End: end}
	if p.col <= parent || p.commented {
		p.dialect.resolve(v, p.text[start:end])
		return v, v.Kind != Float || !notFinite(v.Float())
	}
	p.buf = append(p.buf[:0], p.text[start:end]...)
	for p.col > parent && !p.commented {
		p.fold(p.blanks)
		start := p.pos
		if end, ok = p.plainRest(); !ok {
			return nil, false
		}
		p.buf = append(p.buf, p.text[start:end]...)
	}
	v.Span.End = end
	p.dialect.resolve(v, string(p.buf))
	return v, v.Kind != Float || !notFinite(v.Float())
}

// plainRest reads the rest of a line of an unquoted scalar, and goes to the next
// line. If a comment ends the scalar, p.commented is set.
func (p *fastParser) plainRest() (end int, ok bool) {
	end, stop := p.plainLine(p.pos)
	comment := false
	switch p.peek(stop) {
	case '\t', ':':
		return 0, false
	case '#':
		comment = true
	}
	p.pos = stop
	p.skipLine()
	ok = p.nextLine()
	p.commented = p.commented || comment
	return end, ok
}

// fold adds a line break that blank lines follow.
func (p *fastParser) fold(blanks int) {
	if blanks == 0 {
		p.buf = append(p.buf, ' ')
	}
	for range blanks {
		p.buf = append(p.buf, '\n')
	}
}

func (p *fastParser) quotedValue() (*Value, bool) {
	v := p.slab.value()
	v.Kind, v.Quoted = String, true
	v.Span.Start = p.pos
	var ok bool
	v.Str, _, ok = p.quoted()
	v.Span.End = p.pos
	return v, ok
}

// quoted reads a string in quotes. Lines is how many line breaks it has.
func (p *fastParser) quoted() (s string, lines int, ok bool) {
	quote := p.text[p.pos]
	start := p.pos + 1
	for i := start; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote && quote == '\'' && p.peek(i+1) == '\'', c == '\\' && quote == '"', c == '\n':
			return p.unquote(start, i, quote)
		case c == quote:
			p.pos = i + 1
			return p.text[start:i], 0, true
		}
	}
	return "", 0, false
}

// unquote reads a string that has escapes or line breaks, from offset i on.
func (p *fastParser) unquote(start, i int, quote byte) (s string, lines int, ok bool) {
	p.buf = append(p.buf[:0], p.text[start:i]...)
	kept := 0 // how much of buf the folding of a line must not trim
	for i < len(p.text) {
		c := p.text[i]
		switch {
		case c == '\'' && quote == c && p.peek(i+1) == c:
			p.buf = append(p.buf, c)
			i += 2
		case c == quote:
			p.pos = i + 1
			return string(p.buf), lines, true
		case c == '\\' && quote == '"' && p.peek(i+1) == '\n':
			var blanks int
			if i, blanks, ok = p.skipBreaks(i + 1); !ok {
				return "", 0, false
			}
			for range blanks {
				p.buf = append(p.buf, '\n')
			}
			lines++
			kept = len(p.buf)
		case c == '\\' && quote == '"':
			r, n := yamlEscape(p.text[i:])
			if n == 0 {
				return "", 0, false
			}
			p.buf = utf8.AppendRune(p.buf, r)
			kept = len(p.buf)
			i += n
		case c == '\n':
			for len(p.buf) > kept && (p.buf[len(p.buf)-1] == ' ' || p.buf[len(p.buf)-1] == '\t') {
				p.buf = p.buf[:len(p.buf)-1]
			}
			var blanks int
			if i, blanks, ok = p.skipBreaks(i); !ok {
				return "", 0, false
			}
			p.fold(blanks)
			lines++
			kept = len(p.buf)
		default:
			p.buf = append(p.buf, c)
			i++
		}
	}
	return "", 0, false
}

// skipBreaks goes from a line break inside quotes to the next text, and counts
// the blank lines between.
func (p *fastParser) skipBreaks(i int) (next, blanks int, ok bool) {
	blanks = -1
	for i < len(p.text) {
		switch p.text[i] {
		case '\n':
			blanks++
			rest := p.text[i+1:]
			if strings.HasPrefix(rest, "---") || strings.HasPrefix(rest, "...") {
				return 0, 0, false
			}
		case ' ', '\t':
		default:
			return i, blanks, true
		}
		i++
	}
	return 0, 0, false
}

// yamlEscape reads the escape at the start of s and returns its length, 0 when
// it is not one of the usual.
func yamlEscape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch c := s[1]; c {
	case '"', '\\', ' ':
		return rune(c), 2
	case 'n':
		return '\n', 2
	case 't':
		return '\t', 2
	case 'r':
		return '\r', 2
	case 'u':
		if r, ok := hex4(s[2:]); ok && (r < 0xd800 || r > 0xdfff) {
			return r, 6
		}
	}
	return 0, 0
}
