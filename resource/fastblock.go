package resource

import "github.com/holdfast-dev/holdfast/source"

// maxKey is the length up to which the full parser takes something for a key, in
// characters. Counting bytes here errs on the safe side.
const maxKey = 1000

// block reads a value that starts a line or follows a dash. Parent is the column
// of the collection that holds it.
func (p *fastParser) block(parent, depth int) (*Value, bool) {
	if depth >= maxDepth {
		return nil, false
	}
	if p.dash() {
		return p.list(p.col, depth)
	}
	col := p.col
	key, isKey, ok := p.key()
	if !ok {
		return nil, false
	}
	if isKey {
		return p.mapping(col, depth, key)
	}
	return p.inline(parent, depth)
}

// null returns the value of a key or a dash that none follows.
func (p *fastParser) null(offset int) *Value {
	v := p.slab.value()
	v.Span = source.Span{Start: offset, End: offset}
	return v
}

func (p *fastParser) list(col, depth int) (*Value, bool) {
	v := p.slab.value()
	v.Kind = List
	start, end, base := p.pos, 0, len(p.items)
	for p.col == col && p.dash() {
		dash := p.pos
		p.pos++
		p.skipSpaces()
		var item *Value
		ok := true
		switch p.peek(p.pos) {
		case '\t':
			return nil, false
		case '\n', '#':
			p.pos = dash + 1
			if !p.endLine() || !p.nextLine() {
				return nil, false
			}
			if p.col > col {
				item, ok = p.block(col, depth+1)
			} else {
				item = p.null(dash + 1)
			}
		default:
			p.col = col + p.pos - dash
			item, ok = p.block(col, depth+1)
		}
		if !ok || p.col > col {
			return nil, false
		}
		p.items = append(p.items, item)
		end = item.Span.End
	}
	v.Items = p.slab.keepItems(p.items[base:])
	p.items = p.items[:base]
	v.Span = source.Span{Start: start, End: end}
	return v, true
}

// mapping reads a map behind its first key.
func (p *fastParser) mapping(col, depth int, key Field) (*Value, bool) {
	v := p.slab.value()
	v.Kind = Map
	start, base := key.KeySpan.Start, len(p.fields)
	for {
		var ok bool
		if key.Value, ok = p.mapValue(col, depth); !ok || p.col > col {
			return nil, false
		}
		p.fields = append(p.fields, key)
		if p.col < col {
			break
		}
		var isKey bool
		if key, isKey, ok = p.key(); !ok || !isKey {
			return nil, false
		}
	}
	v.Span = source.Span{Start: start, End: key.Value.Span.End}
	v.Fields = p.slab.keepFields(p.fields[base:])
	p.fields = p.fields[:base]
	_, _, found := duplicate(v.Fields)
	return v, !found
}

// mapValue reads what follows the colon of a key in column col.
func (p *fastParser) mapValue(col, depth int) (*Value, bool) {
	colon := p.pos
	p.skipSpaces()
	switch p.peek(p.pos) {
	case '\t':
		return nil, false
	case '\n', '#':
		p.pos = colon
		if !p.endLine() || !p.nextLine() {
			return nil, false
		}
		switch {
		case p.col > col:
			return p.block(col, depth+1)
		case p.col == col && p.dash():
			return p.list(col, depth+1)
		}
		return p.null(colon), true
	}
	return p.inline(col, depth+1)
}

// key reads a key and its colon. If what follows is none, the parser stays where
// it is.
func (p *fastParser) key() (key Field, isKey, ok bool) {
	start := p.pos
	var name string
	switch c := p.text[start]; c {
	case '"', '\'':
		lines := 0
		if name, lines, ok = p.quoted(); !ok {
			return key, false, false
		}
		end := p.pos
		if p.skipSpaces(); lines > 0 || p.peek(p.pos) != ':' || !ends(p.peek(p.pos+1)) {
			p.pos = start
			return key, false, true
		}
		key.KeySpan = source.Span{Start: start, End: end}
	case '[', '{', '|', '>':
		return key, false, true
	default:
		if !p.startsPlain(c) {
			return key, false, false
		}
		end, stop := p.plainLine(start)
		switch p.peek(stop) {
		case '\t':
			return key, false, false
		case ':':
		default:
			return key, false, true
		}
		if name, ok = p.plainKey(p.text[start:end]); !ok {
			return key, false, false
		}
		key.KeySpan = source.Span{Start: start, End: end}
		p.pos = stop
	}
	if p.pos-start > maxKey {
		return key, false, false
	}
	p.pos++
	key.Key = name
	return key, true, true
}

// plainKey returns the key that an unquoted scalar is.
func (p *fastParser) plainKey(s string) (string, bool) {
	if s == "<<" {
		return "", false
	}
	if c := s[0] | 0x20; c >= 'a' && c <= 'z' && len(s) > len("false") {
		return s, true
	}
	var v Value
	p.dialect.resolve(&v, s)
	return p.dialect.key(&v)
}

// inline reads a value that is no block collection, and the end of its line.
func (p *fastParser) inline(parent, depth int) (v *Value, ok bool) {
	if depth >= maxDepth {
		return nil, false
	}
	switch c := p.text[p.pos]; c {
	case '|', '>':
		return p.blockText(parent)
	case '[', '{':
		v, ok = p.flow(depth)
	case '"', '\'':
		v, ok = p.quotedValue()
	default:
		if !p.startsPlain(c) {
			return nil, false
		}
		return p.plain(parent)
	}
	if !ok || !p.endLine() || !p.nextLine() {
		return nil, false
	}
	return v, true
}
