package resource

import (
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// flow reads a list in brackets or a map in braces. They may take several lines,
// but not hold comments, empty values, trailing commas or tabs.
func (p *fastParser) flow(depth int) (*Value, bool) {
	if depth >= maxDepth {
		return nil, false
	}
	v := p.slab.value()
	v.Kind, v.Span.Start = List, p.pos
	end := byte(']')
	if p.text[p.pos] == '{' {
		v.Kind, end = Map, '}'
	}
	fields, items := len(p.fields), len(p.items)
	p.pos++
	if !p.flowSpace() {
		return nil, false
	}
	for more := p.text[p.pos] != end; more; {
		var field Field
		ok := true
		if v.Kind == Map {
			field, ok = p.flowKey()
		}
		if ok {
			field.Value, ok = p.flowValue(depth + 1)
		}
		if !ok || !p.flowSpace() {
			return nil, false
		}
		if v.Kind == Map {
			p.fields = append(p.fields, field)
		} else {
			p.items = append(p.items, field.Value)
		}
		if more = p.text[p.pos] == ','; more {
			p.pos++
			if !p.flowSpace() {
				return nil, false
			}
		}
	}
	if p.text[p.pos] != end {
		return nil, false
	}
	p.pos++
	v.Span.End = p.pos
	v.Fields, v.Items = p.slab.keepFields(p.fields[fields:]), p.slab.keepItems(p.items[items:])
	p.fields, p.items = p.fields[:fields], p.items[:items]
	_, _, found := duplicate(v.Fields)
	return v, !found
}

// flowSpace passes over spaces and line breaks, and gives up at the end of the
// text, at tabs, comments and what may be a marker.
func (p *fastParser) flowSpace() bool {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ':
		case '\n':
			if c := p.peek(p.pos + 1); c == '-' || c == '.' || c == '%' {
				return false
			}
		case '\t', '#':
			return false
		default:
			return true
		}
		p.pos++
	}
	return false
}

func (p *fastParser) flowKey() (key Field, ok bool) {
	start := p.pos
	adjacent := false // whether a value may follow the colon without a space
	switch c := p.text[p.pos]; c {
	case '"', '\'':
		var lines int
		key.Key, lines, ok = p.quoted()
		if adjacent = true; !ok || lines > 0 {
			return key, false
		}
	default:
		text, ok := p.flowPlain()
		if !ok {
			return key, false
		}
		if key.Key, ok = p.plainKey(text); !ok {
			return key, false
		}
	}
	key.KeySpan = source.Span{Start: start, End: p.pos}
	p.skipSpaces()
	if p.peek(p.pos) != ':' || p.pos-start > maxKey || !adjacent && !ends(p.peek(p.pos+1)) {
		return key, false
	}
	p.pos++
	return key, p.flowSpace()
}

func (p *fastParser) flowValue(depth int) (*Value, bool) {
	switch p.text[p.pos] {
	case '[', '{':
		return p.flow(depth)
	case '"', '\'':
		return p.quotedValue()
	}
	v := p.slab.value()
	v.Span.Start = p.pos
	text, ok := p.flowPlain()
	if !ok {
		return nil, false
	}
	v.Span.End = p.pos
	p.dialect.resolve(v, text)
	return v, v.Kind != Float || !notFinite(v.Float())
}

// flowPlain reads an unquoted scalar. One that goes on in the next line is not
// seen as such: it gives up because no comma or bracket follows.
func (p *fastParser) flowPlain() (string, bool) {
	start := p.pos
	c := p.text[start]
	if !p.startsPlain(c) || c == '?' || c == ':' || c == '-' && !wordByte(p.peek(start+1)) {
		return "", false
	}
	i := start
scan:
	for ; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case ',', ']', '}', '\n':
			break scan
		case '[', '{', '?', '\t':
			return "", false
		case ':':
			if next := p.peek(i + 1); ends(next) {
				break scan
			} else if !wordByte(next) && next != '/' {
				return "", false
			}
		case '#':
			if p.text[i-1] == ' ' {
				return "", false
			}
		}
	}
	text := strings.TrimRight(p.text[start:i], " ")
	p.pos = start + len(text)
	return text, true
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '_'
}
