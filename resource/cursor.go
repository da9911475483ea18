package resource

import (
	"bytes"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/source"
)

// cursor converts the lines and columns of the parser to offsets, and finds
// where values end. Lines and columns count from 0. The parser ends lines also
// at a lone carriage return and at the three line breaks of Unicode, so that its
// lines are not those of a source.File.
type cursor struct {
	text  []byte
	lines []int // offset of each line's first byte

	// The last place that was asked for: the next one mostly follows it.
	line, col, off int
}

func newCursor(text []byte) *cursor {
	first := 0
	if bytes.HasPrefix(text, []byte("\uFEFF")) {
		first = len("\uFEFF")
	}
	c := &cursor{text: text, lines: []int{first}, off: first}
	for i := first; i < len(text); {
		n := breakLen(text, i)
		if n == 0 {
			i++
			continue
		}
		i += n
		c.lines = append(c.lines, i)
	}
	return c
}

// breakLen returns the length of the line break at offset i; 0 if there is none.
func breakLen(text []byte, i int) int {
	switch text[i] {
	case '\n':
		return 1
	case '\r':
		if i+1 < len(text) && text[i+1] == '\n' {
			return 2
		}
		return 1
	case 0xc2:
		if bytes.HasPrefix(text[i:], []byte("\u0085")) {
			return 2
		}
	case 0xe2:
		if bytes.HasPrefix(text[i:], []byte("\u2028")) || bytes.HasPrefix(text[i:], []byte("\u2029")) {
			return 3
		}
	}
	return 0
}

func (c *cursor) lineOffset(line int) int {
	if line < 0 {
		return 0
	}
	if line >= len(c.lines) {
		return len(c.text)
	}
	return c.lines[line]
}

func (c *cursor) offset(line, col int) int {
	if line < 0 || line >= len(c.lines) {
		return c.lineOffset(line)
	}
	if line != c.line || col < c.col {
		c.line, c.col, c.off = line, 0, c.lines[line]
	}
	for c.col < col && c.off < len(c.text) {
		_, size := utf8.DecodeRune(c.text[c.off:])
		c.off += size
		c.col++
	}
	return c.off
}

// column returns the column of the place that offset was last asked for, or of
// a place near it.
func (c *cursor) column(off int) int {
	start := c.lines[c.line]
	for line := c.line; line > 0 && start > off; line-- {
		start = c.lines[line-1]
	}
	for line := c.line + 1; line < len(c.lines) && c.lines[line] <= off; line++ {
		start = c.lines[line]
	}
	return utf8.RuneCount(c.text[start:max(off, start)])
}

func (c *cursor) is(off int, b byte) bool { return off < len(c.text) && c.text[off] == b }

// skipSpace passes over white space, line breaks and comments.
func (c *cursor) skipSpace(off int) int {
	for off < len(c.text) {
		switch b := c.text[off]; {
		case b == ' ' || b == '\t':
			off++
		case breakLen(c.text, off) > 0:
			off += breakLen(c.text, off)
		case b == '#':
			off = c.lineEnd(off)
		case bytes.HasPrefix(c.text[off:], []byte("\uFEFF")):
			off += len("\uFEFF")
		default:
			return off
		}
	}
	return off
}

func (c *cursor) lineEnd(off int) int {
	for off < len(c.text) && breakLen(c.text, off) == 0 {
		off++
	}
	return off
}

// skipProperties passes over the anchor and the tag of a node. Bare tells that
// the tag is a lone "!", which makes any scalar a string.
func (c *cursor) skipProperties(off int, n *yaml.Node) (value int, bare bool) {
	empty := n.Kind == yaml.ScalarNode && n.Value == "" && n.Style&^yaml.TaggedStyle == 0
	for c.is(off, '&') || c.is(off, '!') {
		end := c.propertyEnd(off)
		bare = bare || string(c.text[off:end]) == "!"
		off = c.skipSpace(end)
		if empty && !c.is(off, '&') && !c.is(off, '!') {
			return end, bare // what follows is the next value
		}
	}
	return off, bare
}

// propertyEnd returns the end of the anchor or tag at off.
func (c *cursor) propertyEnd(off int) int {
	end := off + 1
	for end < len(c.text) && blankLen(c.text[end:]) == 0 {
		if c.text[off] == '&' && !anchorByte(c.text[end]) {
			break
		}
		end++
	}
	return end
}

func anchorByte(b byte) bool {
	return b >= '0' && b <= '9' || b|0x20 >= 'a' && b|0x20 <= 'z' || b == '_' || b == '-'
}

// closing returns the offset behind the bracket that ends a flow collection
// whose last value ends at off.
func (c *cursor) closing(off int, bracket byte) int {
	for i := off; i < len(c.text); {
		switch b := c.text[i]; b {
		case bracket:
			return i + 1
		case ',', ':', '?':
			i++
		default:
			next := c.skipSpace(i)
			if next == i {
				return off
			}
			i = next
		}
	}
	return off
}

func (c *cursor) scalarSpan(n *yaml.Node, start, indent int) source.Span {
	end := start
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0 && c.is(start, '"'):
		end = c.doubleQuotedEnd(start)
	case n.Style&yaml.SingleQuotedStyle != 0 && c.is(start, '\''):
		end = c.singleQuotedEnd(start)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		end = c.blockEnd(start, indent)
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) == 0:
		end = c.plainEnd(start, n.Value)
	}
	return source.Span{Start: start, End: end}
}

func (c *cursor) doubleQuotedEnd(start int) int {
	for i := start + 1; i < len(c.text); i++ {
		switch c.text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return start
}

func (c *cursor) singleQuotedEnd(start int) int {
	for i := start + 1; i < len(c.text); i++ {
		if c.text[i] != '\'' {
			continue
		}
		if !c.is(i+1, '\'') {
			return i + 1
		}
		i++
	}
	return start
}

// plainEnd follows the value through the text, in which its white space can be
// longer. If they differ the end is not known, and start is returned.
func (c *cursor) plainEnd(start int, value string) int {
	i := start
	for j := 0; j < len(value); {
		if n := blankLen([]byte(value[j:min(j+3, len(value))])); n > 0 {
			j += n
			for i < len(c.text) && blankLen(c.text[i:]) > 0 {
				i += blankLen(c.text[i:])
			}
			continue
		}
		if !c.is(i, value[j]) {
			return start
		}
		i++
		j++
	}
	return i
}

func blankLen(text []byte) int {
	if text[0] == ' ' || text[0] == '\t' {
		return 1
	}
	return breakLen(text, 0)
}

// blockEnd returns the end of the last line of a block scalar that is not
// blank, without its line break; of the indicators if there is none.
func (c *cursor) blockEnd(start, parent int) int {
	i := start + 1
	explicit := 0
	for ; i < len(c.text) && bytes.IndexByte([]byte("+-0123456789"), c.text[i]) >= 0; i++ {
		if d := c.text[i]; d > '0' && d <= '9' {
			explicit = int(d - '0')
		}
	}
	end := i
	i = c.nextLine(i)
	indent := explicit + max(parent, 0)
	if explicit == 0 {
		indent = c.blockIndent(i, parent)
	}
	for i < len(c.text) {
		spaces := c.spaces(i, indent)
		i += spaces
		if i == len(c.text) {
			break
		}
		if breakLen(c.text, i) == 0 {
			if spaces < indent {
				break
			}
			end = c.lineEnd(i)
		}
		i = c.nextLine(i)
	}
	return end
}

// blockIndent returns the indentation of a block scalar whose first line starts
// at off: that of its first line with text, or of a longer blank one before it.
func (c *cursor) blockIndent(off, parent int) int {
	indent := max(parent+1, 1)
	for off < len(c.text) {
		spaces := c.spaces(off, len(c.text))
		indent = max(indent, spaces)
		if off += spaces; off == len(c.text) || breakLen(c.text, off) == 0 {
			break
		}
		off = c.nextLine(off)
	}
	return indent
}

// spaces counts the spaces at off, up to limit.
func (c *cursor) spaces(off, limit int) int {
	n := 0
	for n < limit && c.is(off+n, ' ') {
		n++
	}
	return n
}

func (c *cursor) nextLine(off int) int {
	off = c.lineEnd(off)
	if off < len(c.text) {
		off += breakLen(c.text, off)
	}
	return off
}
