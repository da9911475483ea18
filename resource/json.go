package resource

import (
	"bytes"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/source"
)

// ParseJSON reads a file that holds one JSON value. Keys that occur twice in a
// map, text after the value, and numbers out of range are errors, all of them
// SyntaxErrors. A byte order mark at the start is passed over.
func ParseJSON(file *source.File) (Document, error) {
	p := &jsonParser{file: file, text: textOf(file), slab: newSlab(len(file.Content) / 20)}
	if bytes.HasPrefix(file.Content, []byte("\uFEFF")) {
		p.pos = len("\uFEFF")
	}
	root, err := p.document()
	if err != nil {
		return Document{}, err
	}
	return Document{Root: root, Span: root.Span}, nil
}

type jsonParser struct {
	file   *source.File
	text   string
	pos    int
	slab   slab
	fields []Field  // of the maps that are being read, innermost last
	items  []*Value // of the lists that are being read
}

func (p *jsonParser) document() (*Value, error) {
	p.space()
	root, err := p.value(1)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(p.text) {
		return nil, p.fail(p.pos, "there is text after the end of the JSON value")
	}
	return root, nil
}

func (p *jsonParser) fail(offset int, format string, args ...any) error {
	return syntaxError(p.file, offset, format, args...)
}

func (p *jsonParser) space() {
	for p.pos < len(p.text) {
		switch p.text[p.pos] {
		case ' ', '\n', '\t', '\r':
			p.pos++
		default:
			return
		}
	}
}

// peek returns the next byte, 0 at the end.
func (p *jsonParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *jsonParser) value(depth int) (*Value, error) {
	if depth > maxDepth {
		return nil, depthError(p.file, p.pos)
	}
	v := p.slab.value()
	v.Span.Start = p.pos
	var err error
	switch c := p.peek(); {
	case c == '{':
		err = p.object(v, depth)
	case c == '[':
		err = p.array(v, depth)
	case c == '"':
		v.Kind, v.Quoted = String, true
		v.Str, err = p.string()
	case c == '-' || c >= '0' && c <= '9':
		err = p.number(v)
	default:
		err = p.word(v)
	}
	v.Span.End = p.pos
	return v, err
}

func (p *jsonParser) object(v *Value, depth int) error {
	v.Kind = Map
	base := len(p.fields)
	p.pos++
	for p.space(); p.peek() != '}'; {
		start := p.pos
		if p.peek() != '"' {
			return p.fail(start, "expected a key in double quotes or }")
		}
		key, err := p.string()
		if err != nil {
			return err
		}
		span := source.Span{Start: start, End: p.pos}
		if p.space(); p.peek() != ':' {
			return p.fail(p.pos, "expected a colon after the key")
		}
		p.pos++
		p.space()
		value, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		p.fields = append(p.fields, Field{Key: key, KeySpan: span, Value: value})
		if more, err := p.comma('}'); err != nil {
			return err
		} else if !more {
			break
		}
	}
	p.pos++
	v.Fields = p.slab.keepFields(p.fields[base:])
	p.fields = p.fields[:base]
	return checkDuplicates(p.file, v.Fields)
}

func (p *jsonParser) array(v *Value, depth int) error {
	v.Kind = List
	base := len(p.items)
	p.pos++
	for p.space(); p.peek() != ']'; {
		item, err := p.value(depth + 1)
		if err != nil {
			return err
		}
		p.items = append(p.items, item)
		if more, err := p.comma(']'); err != nil {
			return err
		} else if !more {
			break
		}
	}
	p.pos++
	v.Items = p.slab.keepItems(p.items[base:])
	p.items = p.items[:base]
	return nil
}

// comma passes over the comma between two elements, and reports whether one
// follows.
func (p *jsonParser) comma(end byte) (bool, error) {
	p.space()
	switch p.peek() {
	case end:
		return false, nil
	case ',':
		p.pos++
		if p.space(); p.peek() == end {
			return false, p.fail(p.pos, "a comma before %c is not JSON", end)
		}
		return true, nil
	}
	return false, p.fail(p.pos, "expected a comma or %c", end)
}

func (p *jsonParser) word(v *Value) error {
	rest := p.text[p.pos:]
	for _, w := range []struct {
		text  string
		value Value
	}{{"true", Value{Kind: Bool, Bool: true, Str: "true"}}, {"false", Value{Kind: Bool, Str: "false"}}, {"null", Value{}}} {
		if len(rest) >= len(w.text) && rest[:len(w.text)] == w.text {
			start := v.Span.Start
			*v = w.value
			v.Span.Start = start
			p.pos += len(w.text)
			return nil
		}
	}
	return p.fail(p.pos, "expected a JSON value")
}

func (p *jsonParser) number(v *Value) error {
	start := p.pos
	if p.peek() == '-' {
		p.pos++
	}
	whole := digits(p.text[p.pos:])
	if whole == 0 || whole > 1 && p.peek() == '0' {
		return p.fail(start, "malformed number")
	}
	p.pos += whole
	float := false
	if p.peek() == '.' {
		p.pos++
		n := digits(p.text[p.pos:])
		if n == 0 {
			return p.fail(start, "malformed number")
		}
		p.pos += n
		float = true
	}
	if p.peek()|0x20 == 'e' {
		p.pos++
		p.pos += signLen(p.text[p.pos:])
		n := digits(p.text[p.pos:])
		if n == 0 {
			return p.fail(start, "malformed number")
		}
		p.pos += n
		float = true
	}
	v.Str = p.text[start:p.pos]
	if !float {
		if n, err := strconv.ParseInt(v.Str, 10, 64); err == nil {
			v.Kind, v.Int = Int, n
			return nil
		}
	}
	f, err := strconv.ParseFloat(v.Str, 64)
	if err != nil {
		return p.fail(start, "the number is out of range")
	}
	v.setFloat(f)
	return nil
}

func (p *jsonParser) string() (string, error) {
	start := p.pos
	for i := start + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.pos = i + 1
			return p.text[start+1 : i], nil
		case c == '\\' || c < 0x20 || c >= utf8.RuneSelf:
			return p.longString(start, i)
		}
	}
	return "", p.fail(start, "the string has no closing quote")
}

// longString reads a string that starts at start and holds escapes or more than
// ASCII from offset i on.
func (p *jsonParser) longString(start, i int) (string, error) {
	out := []byte(p.text[start+1 : i])
	for i < len(p.text) {
		c := p.text[i]
		switch {
		case c == '"':
			p.pos = i + 1
			return string(out), nil
		case c < 0x20:
			return "", p.fail(i, "control character U+%04X must be written as an escape", c)
		case c == '\\':
			r, n := jsonEscape(p.text[i:])
			if n == 0 {
				return "", p.fail(i, "malformed escape")
			}
			out = utf8.AppendRune(out, r)
			i += n
		case c < utf8.RuneSelf:
			out = append(out, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(p.text[i:])
			if r == utf8.RuneError && size == 1 {
				return "", p.fail(i, "the text is not valid UTF-8 (byte 0x%02X); save the file as UTF-8", c)
			}
			out = append(out, p.text[i:i+size]...)
			i += size
		}
	}
	return "", p.fail(start, "the string has no closing quote")
}

// jsonEscape reads the escape at the start of s and returns its length, 0 when
// it is malformed.
func jsonEscape(s string) (rune, int) {
	if len(s) < 2 {
		return 0, 0
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := hex4(s[2:])
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if len(s) < 12 || s[6] != '\\' || s[7] != 'u' {
			return 0, 0
		}
		low, ok := hex4(s[8:])
		if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
			return r, 12
		}
	}
	return 0, 0
}

func hex4(s string) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:4], 16, 16)
	return rune(n), err == nil
}

// checkDuplicates returns an error for the first key that occurs twice.
func checkDuplicates(file *source.File, fields []Field) error {
	if first, second, found := duplicate(fields); found {
		return duplicateKey(file, fields[second].Key, fields[first].KeySpan, fields[second].KeySpan)
	}
	return nil
}

// duplicate finds two fields with one key.
func duplicate(fields []Field) (first, second int, found bool) {
	if len(fields) <= fewFields {
		for i := range fields {
			for j := range i {
				if fields[i].Key == fields[j].Key {
					return j, i, true
				}
			}
		}
		return 0, 0, false
	}
	seen := make(map[string]int, len(fields))
	for i := range fields {
		if j, ok := seen[fields[i].Key]; ok {
			return j, i, true
		}
		seen[fields[i].Key] = i
	}
	return 0, 0, false
}
