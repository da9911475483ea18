package resource

import (
	"bytes"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/holdfast-dev/holdfast/source"
)

// fastParser reads the part of YAML that almost all manifests are written in:
// block maps and lists, plain and quoted scalars, literal and folded text, flow
// collections, comments, and several documents. At anything else, and at any
// error, it gives up, and the whole file is read by parseFull. What it does
// accept it reads exactly as parseFull does.
//
// Methods that return a bool return false to give up. Those that read a value
// are called at its first byte. Those that read a block value leave the parser
// at the next line with content.
type fastParser struct {
	text    string
	written []byte // nil, or the text as it is where it has white space before line feeds: see blanked
	pos     int    // offset of the next byte
	dialect Dialect
	slab    slab

	// The line with content that the parser is at, as found by nextLine.
	col       int  // column of its first byte; -1 at the end of a document
	marker    bool // whether the document ends with a line "---"
	blanks    int  // how many blank lines are before it
	commented bool // whether a comment is before it

	fields []Field  // of the maps that are being read, innermost last
	items  []*Value // of the lists that are being read
	buf    []byte   // of the scalar that is being unfolded
}

// parseFast returns false when the file is not for it.
func parseFast(file *source.File, dialect Dialect) ([]Document, bool) {
	plain, trailing := plainText(file.Content)
	if !plain {
		return nil, false
	}
	text, written := textOf(file), []byte(nil)
	if trailing {
		var ok bool
		if text, ok = blanked(file.Content); !ok {
			return nil, false
		}
		written = file.Content
	}
	p := &fastParser{text: text, written: written, dialect: dialect, slab: newSlab(strings.Count(text, "\n") * 5 / 8)} // a value in most lines
	return p.documents()
}

// textOf returns the content of a file as a string without a copy, of which every
// plain scalar is a part. The content of a File never changes.
func textOf(file *source.File) string {
	return unsafe.String(unsafe.SliceData(file.Content), len(file.Content)) //nolint:gosec // large trees are held twice otherwise
}

// plainText reports whether text is UTF-8 without anything that has to do with
// lines, encodings or control, but for tabs and ends of lines as Unix and Windows have
// them; and whether tabs or carriage returns are before any of these.
func plainText(text []byte) (plain, trailing bool) {
	for i := 0; i < len(text); {
		c := text[i]
		if c >= 0x20 && c < 0x7f || c == '\n' {
			i++
			continue
		}
		if c == '\t' || c == '\r' {
			if i++; i < len(text) && (text[i] == '\n' || text[i] == '\r') {
				trailing = true
			} else if c == '\r' {
				return false, false
			}
			continue
		}
		if c < utf8.RuneSelf {
			return false, false
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfeff, r == 0xfffe, r == 0xffff:
			return false, false
		}
		i += size
	}
	return true, trailing
}

// blanked returns text with blanks for the tabs and carriage returns that are before
// line feeds, where they mean as little, but for what is in blocks of text. It fails
// where they may mean more: tabs on a line of their own or behind a dash, and all behind a
// backslash; and at carriage returns that are elsewhere.
func blanked(text []byte) (string, bool) {
	out := bytes.Clone(text)
	for end := range out {
		if out[end] != '\n' {
			continue
		}
		i, tabs := end, false
		for i > 0 && (out[i-1] == ' ' || out[i-1] == '\t' || out[i-1] == '\r' && i == end) {
			i--
			tabs = tabs || out[i] == '\t'
			out[i] = ' '
		}
		switch before := out[max(i-1, 0)]; {
		case i == end:
		case before == '\\', before == '\r', tabs && (i == 0 || before == '\n' || before == '-'):
			return "", false
		}
	}
	return unsafe.String(unsafe.SliceData(out), len(out)), true //nolint:gosec // nothing else has it
}

func (p *fastParser) documents() (docs []Document, ok bool) {
	if !p.nextLine() {
		return nil, false
	}
	for index := 0; p.col >= 0 || p.marker; index++ {
		if p.marker {
			p.pos += len("---")
			if !p.endLine() || !p.nextLine() {
				return nil, false
			}
		}
		if p.col < 0 {
			continue // a document without a value
		}
		root, ok := p.block(-1, 1)
		if !ok || p.col >= 0 || root.Kind < List {
			return nil, false
		}
		docs = append(docs, Document{Index: index, Root: root, Span: root.Span})
	}
	return docs, true
}

// nextLine goes from the start of a line to the first byte of the next content.
func (p *fastParser) nextLine() bool {
	p.blanks, p.commented, p.marker = 0, false, false
	for {
		i := p.pos
		for i < len(p.text) && p.text[i] == ' ' {
			i++
		}
		if i == len(p.text) {
			p.pos, p.col = i, -1
			return true
		}
		switch p.text[i] {
		case '\n':
			p.blanks++
			p.pos = i + 1
			continue
		case '#':
			p.commented = true
			p.pos = i
			p.skipLine()
			continue
		case '\t':
			return false
		}
		p.col, p.pos = i-p.pos, i
		return p.col > 0 || p.checkMarker()
	}
}

// checkMarker looks for what has a meaning at the start of a line only.
func (p *fastParser) checkMarker() bool {
	switch rest := p.text[p.pos:]; {
	case strings.HasPrefix(rest, "---"):
		if len(rest) > 3 && rest[3] != ' ' && rest[3] != '\n' {
			return false
		}
		p.col, p.marker = -1, true
	case rest[0] == '%' || strings.HasPrefix(rest, "..."):
		return false
	}
	return true
}

// skipLine goes to the start of the next line.
func (p *fastParser) skipLine() {
	if n := strings.IndexByte(p.text[p.pos:], '\n'); n >= 0 {
		p.pos += n + 1
	} else {
		p.pos = len(p.text)
	}
}

// endLine goes behind the end of a line on which no more than a comment follows.
func (p *fastParser) endLine() bool {
	start := p.pos
	p.skipSpaces()
	switch {
	case p.pos == len(p.text):
		return true
	case p.text[p.pos] == '\n':
		p.pos++
		return true
	case p.text[p.pos] == '#' && p.pos > start:
		p.skipLine()
		return true
	}
	return false
}

func (p *fastParser) skipSpaces() {
	for p.pos < len(p.text) && p.text[p.pos] == ' ' {
		p.pos++
	}
}

// peek returns the byte at an offset, and a line feed for the end of the text.
func (p *fastParser) peek(offset int) byte {
	if offset < len(p.text) {
		return p.text[offset]
	}
	return '\n'
}

// ends reports whether b ends an indicator: - : ?.
func ends(b byte) bool { return b == ' ' || b == '\n' }

// dash reports whether the parser is at the start of a list item.
func (p *fastParser) dash() bool { return p.peek(p.pos) == '-' && ends(p.peek(p.pos+1)) }
