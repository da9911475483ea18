package resource

import "github.com/holdfast-dev/holdfast/source"

// blockText reads literal (|) and folded (>) text that is indented deeper than
// parent.
func (p *fastParser) blockText(parent int) (*Value, bool) {
	v := p.slab.value()
	v.Kind, v.Quoted = String, true
	start, folded := p.pos, p.text[p.pos] == '>'
	chomp, indent, ok := p.textIndicators()
	end := p.pos
	if !ok || !p.endLine() {
		return nil, false
	}
	if indent > 0 {
		indent += max(parent, 0)
	} else if indent, ok = p.textIndent(parent); !ok {
		return nil, false
	}
	t := textLines{p: p, indent: indent, end: end}
	if folded {
		ok = t.fold()
	} else {
		ok = t.literal()
	}
	if !ok {
		return nil, false
	}
	if chomp != '-' && t.broken {
		p.buf = append(p.buf, '\n')
	}
	if chomp == '+' {
		p.addBreaks(t.breaks)
	}
	v.Str = string(p.buf)
	v.Span = source.Span{Start: start, End: t.end}
	return v, p.nextLine()
}

// textIndicators reads the | or > and what may follow it: an indentation and
// what to do with the last line breaks, in any order.
func (p *fastParser) textIndicators() (chomp byte, indent int, ok bool) {
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; {
		case (c == '+' || c == '-') && chomp == 0:
			chomp = c
		case c >= '1' && c <= '9' && indent == 0:
			indent = int(c - '0')
		default:
			return chomp, indent, c == ' ' || c == '\n'
		}
	}
	return chomp, indent, true
}

// textIndent looks ahead for the indentation of the first line.
func (p *fastParser) textIndent(parent int) (int, bool) {
	indent := max(parent+1, 1)
	for i := p.pos; ; {
		n := 0
		for i < len(p.text) && p.text[i] == ' ' && !p.isReturn(i) {
			i++
			n++
		}
		if p.isReturn(i) {
			i++
		}
		indent = max(indent, n)
		if i == len(p.text) || p.text[i] != '\n' {
			return indent, p.peek(i) != '\t'
		}
		i++
	}
}

// textLines goes through the lines of a block of text and unfolds them to p.buf.
type textLines struct {
	p      *fastParser
	indent int
	end    int  // of the last line that is not blank
	breaks int  // blank lines since then
	broken bool // whether the last line that is not blank has a line break
}

// next skips blank lines and returns the next line without its indentation and
// its break.
func (t *textLines) next() (line string, more, ok bool) {
	p := t.p
	for p.pos < len(p.text) {
		i := p.pos
		for i < len(p.text) && i-p.pos < t.indent && p.text[i] == ' ' && !p.isReturn(i) {
			i++
		}
		if i == len(p.text) {
			p.pos = i
			break
		}
		if p.isReturn(i) {
			i++
		}
		switch c := p.text[i]; {
		case !p.asWritten(p.pos, i):
			return "", false, false
		case c == '\n':
			t.breaks++
			p.pos = i + 1
			continue
		case i-p.pos < t.indent:
			return "", false, c != '\t'
		}
		p.pos = i
		p.skipLine()
		end := p.pos
		if t.broken = p.text[end-1] == '\n'; t.broken {
			end--
		}
		if p.isReturn(end - 1) {
			end--
		}
		t.end = end
		return p.text[i:end], true, p.asWritten(i, end)
	}
	return "", false, true
}

// isReturn reports whether there is a carriage return at an offset.
func (p *fastParser) isReturn(i int) bool {
	return p.written != nil && i < len(p.written) && p.written[i] == '\r'
}

// asWritten reports whether nothing between two offsets has been replaced, but for a
// carriage return at the end.
func (p *fastParser) asWritten(from, to int) bool {
	if p.isReturn(to - 1) {
		to--
	}
	return p.written == nil || from >= to || string(p.written[from:to]) == p.text[from:to]
}

func (t *textLines) literal() bool {
	p := t.p
	p.buf = p.buf[:0]
	for first := true; ; first = false {
		broken := t.broken
		line, more, ok := t.next()
		if !ok || !more {
			return ok
		}
		if !first && broken {
			p.buf = append(p.buf, '\n')
		}
		p.addBreaks(t.breaks)
		t.breaks = 0
		p.buf = append(p.buf, line...)
	}
}

// fold joins lines by a space, but for those that are indented further.
func (t *textLines) fold() bool {
	p := t.p
	p.buf = p.buf[:0]
	indented := false // whether the last line starts with white space
	for first := true; ; first = false {
		line, more, ok := t.next()
		if !ok || !more {
			return ok
		}
		starts := line[0] == ' ' || line[0] == '\t'
		switch {
		case first:
		case indented || starts:
			p.buf = append(p.buf, '\n')
		case t.breaks == 0:
			p.buf = append(p.buf, ' ')
		}
		p.addBreaks(t.breaks)
		t.breaks = 0
		indented = starts
		p.buf = append(p.buf, line...)
	}
}

func (p *fastParser) addBreaks(n int) {
	for range n {
		p.buf = append(p.buf, '\n')
	}
}
