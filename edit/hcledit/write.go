package hcledit

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const step = "  " // what a block is indented by

func (e *editor) text(r hcl.Range) string { return string(r.SliceBytes(e.content)) }

// lineStart returns the offset of the line that holds an offset.
func (e *editor) lineStart(at int) int { return bytes.LastIndexByte(e.content[:at], '\n') + 1 }

// lineEnd returns the offset of the end of that line, before its line break.
func (e *editor) lineEnd(at int) int {
	if i := bytes.IndexByte(e.content[at:], '\n'); i >= 0 {
		if i > 0 && e.content[at+i-1] == '\r' {
			i--
		}
		return at + i
	}
	return len(e.content)
}

// indentAt returns the space that the line of an offset begins with.
func (e *editor) indentAt(at int) string {
	line := e.content[e.lineStart(at):at]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}

// newline is the line break of the text.
func (e *editor) newline() string {
	if bytes.Contains(e.content, []byte("\r\n")) {
		return "\r\n"
	}
	return "\n"
}

// lines puts the line breaks of the text into what is written.
func (e *editor) lines(text string) string { return strings.ReplaceAll(text, "\n", e.newline()) }

// removeLines removes the lines of a range, if nothing else is on them. An item of a
// block on one line goes with the space after it.
func (e *editor) removeLines(b *hclsyntax.Block, r hcl.Range) ([]source.Edit, error) {
	from, to := e.lineStart(r.Start.Byte), e.lineEnd(r.End.Byte)
	if r.End.Byte > 0 && e.content[r.End.Byte-1] == '\n' { // a heredoc ends with its line
		to = r.End.Byte - 1
	}
	before := bytes.TrimSpace(e.content[from:r.Start.Byte])
	after := bytes.TrimSpace(e.content[min(r.End.Byte, to):to])
	if len(before) == 0 && (len(after) == 0 || after[0] == '#' || bytes.HasPrefix(after, []byte("//")) || bytes.Equal(after, []byte(","))) {
		if to < len(e.content) {
			to += len(e.newline())
		}
		return []source.Edit{{Span: source.Span{Start: from, End: min(to, len(e.content))}}}, nil
	}
	if b != nil && b.OpenBraceRange.Start.Line == b.CloseBraceRange.Start.Line {
		return []source.Edit{{Span: source.Span{Start: b.OpenBraceRange.End.Byte, End: b.CloseBraceRange.Start.Byte}}}, nil
	}
	return nil, refuse("something else is on its line")
}

// addAttribute writes a new attribute.
func (e *editor) addAttribute(b *hclsyntax.Block, name string, v *resource.Value) ([]source.Edit, error) {
	indent := e.indentIn(b)
	text, err := render(v, indent)
	if err != nil {
		return nil, err
	}
	line := name + " = " + text
	if b.OpenBraceRange.Start.Line == b.CloseBraceRange.Start.Line {
		return e.opened(b, line), nil
	}
	attrs := attributes(b)
	if len(attrs) == 0 {
		line = "\n" + indent + line
		if len(b.Body.Blocks) > 0 {
			line += "\n"
		}
		return e.insert(e.lineEnd(b.OpenBraceRange.End.Byte), line), nil
	}
	beside := attrs[len(attrs)-1]
	for i := len(attrs) - 1; i >= 0 && !isOnOneLine(beside); i-- {
		beside = attrs[i]
	}
	if !isOnOneLine(beside) {
		return e.insert(e.lineEnd(b.OpenBraceRange.End.Byte), "\n"+indent+line+"\n"), nil
	}
	at := e.lineEnd(beside.SrcRange.End.Byte)
	width := beside.EqualsRange.Start.Byte - beside.NameRange.Start.Byte - 1
	if len(name) <= width {
		return e.insert(at, "\n"+indent+name+strings.Repeat(" ", width-len(name))+" = "+text), nil
	}
	line = "\n\n" + indent + line
	if next := bytes.TrimLeft(e.content[min(at+len(e.newline()), len(e.content)):], " \t"); len(next) > 0 && next[0] != '\n' && next[0] != '\r' && next[0] != '}' {
		line += "\n"
	}
	return e.insert(at, line), nil
}

// addBlocks writes new nested blocks at the end of a block.
func (e *editor) addBlocks(b *hclsyntax.Block, name string, all []*resource.Value) ([]source.Edit, error) {
	indent := e.indentIn(b)
	var lines []string
	for _, v := range all {
		text, err := renderBlock(name, v, indent)
		if err != nil {
			return nil, err
		}
		lines = append(lines, text)
	}
	if b.OpenBraceRange.Start.Line == b.CloseBraceRange.Start.Line {
		return e.opened(b, lines...), nil
	}
	text := ""
	if len(b.Body.Attributes)+len(b.Body.Blocks) > 0 {
		text = "\n"
	}
	for _, line := range lines {
		text += indent + line + "\n"
	}
	return e.insert(e.lineStart(b.CloseBraceRange.Start.Byte), text), nil
}

// replaceBlocks writes blocks in the place of the first of those that there are.
func (e *editor) replaceBlocks(b *hclsyntax.Block, old []*hclsyntax.Block, all []*resource.Value) ([]source.Edit, error) {
	indent := e.indentAt(old[0].TypeRange.Start.Byte)
	var lines []string
	for _, v := range all {
		text, err := renderBlock(old[0].Type, v, indent)
		if err != nil {
			return nil, err
		}
		lines = append(lines, text)
	}
	first := old[0].Range()
	edits := []source.Edit{{Span: source.Span{Start: first.Start.Byte, End: first.End.Byte}, New: e.lines(strings.Join(lines, "\n"+indent))}}
	for _, one := range old[1:] {
		more, err := e.removeLines(b, one.Range())
		if err != nil {
			return nil, err
		}
		edits = append(edits, more...)
	}
	return edits, nil
}

// opened writes what is in a block of one line, and more, on lines of their own.
func (e *editor) opened(b *hclsyntax.Block, lines ...string) []source.Edit {
	inner := strings.TrimSpace(string(e.content[b.OpenBraceRange.End.Byte:b.CloseBraceRange.Start.Byte]))
	indent := e.indentAt(b.TypeRange.Start.Byte)
	text := "\n"
	if inner != "" {
		text += indent + step + inner + "\n"
	}
	for _, line := range lines {
		text += indent + step + line + "\n"
	}
	return []source.Edit{{Span: source.Span{Start: b.OpenBraceRange.End.Byte, End: b.CloseBraceRange.Start.Byte}, New: e.lines(text + indent)}}
}

func (e *editor) insert(at int, text string) []source.Edit {
	return []source.Edit{{Span: source.Span{Start: at, End: at}, New: e.lines(text)}}
}

// indentIn returns what the lines in a block begin with.
func (e *editor) indentIn(b *hclsyntax.Block) string {
	if attrs := attributes(b); len(attrs) > 0 && attrs[0].NameRange.Start.Line > b.OpenBraceRange.Start.Line {
		return e.indentAt(attrs[0].NameRange.Start.Byte)
	}
	return e.indentAt(b.TypeRange.Start.Byte) + step
}

// attributes returns those of a block in their order.
func attributes(b *hclsyntax.Block) []*hclsyntax.Attribute {
	all := make([]*hclsyntax.Attribute, 0, len(b.Body.Attributes))
	for _, attr := range b.Body.Attributes {
		all = append(all, attr)
	}
	slices.SortFunc(all, func(x, y *hclsyntax.Attribute) int {
		return cmp.Compare(x.NameRange.Start.Byte, y.NameRange.Start.Byte)
	})
	return all
}

func isOnOneLine(attr *hclsyntax.Attribute) bool {
	return attr.SrcRange.Start.Line == attr.SrcRange.End.Line
}

// render writes a value as an expression.
func render(v *resource.Value, indent string) (string, error) {
	if v.Unknown() != "" {
		return "", refuse("the new value is not known")
	}
	switch v.Kind {
	case resource.Bool:
		return strconv.FormatBool(v.Bool), nil
	case resource.Int:
		return strconv.FormatInt(v.Int, 10), nil
	case resource.Float:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64), nil
	case resource.String:
		return quote(v.Str), nil
	case resource.List:
		parts := make([]string, len(v.Items))
		for i, item := range v.Items {
			var err error
			if parts[i], err = render(item, indent); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case resource.Map:
		if len(v.Fields) == 0 {
			return "{}", nil
		}
		lines, err := renderFields(v.Fields, indent+step)
		return "{\n" + lines + indent + "}", err
	}
	return "", refuse("nothing cannot be written")
}

// renderFields writes fields on lines of their own, their equals signs below each
// other.
func renderFields(fields []resource.Field, indent string) (string, error) {
	width := 0
	for _, f := range fields {
		width = max(width, len(keyText(f.Key)))
	}
	var b strings.Builder
	for _, f := range fields {
		text, err := render(f.Value, indent)
		if err != nil {
			return "", err
		}
		key := keyText(f.Key)
		b.WriteString(indent + key + strings.Repeat(" ", width-len(key)) + " = " + text + "\n")
	}
	return b.String(), nil
}

// renderBlock writes a map as a nested block: its attributes, then its blocks.
func renderBlock(name string, v *resource.Value, indent string) (string, error) {
	var plain, nested []resource.Field
	for _, f := range v.Fields {
		if isBlocks(f.Value) {
			nested = append(nested, f)
		} else {
			plain = append(plain, f)
		}
	}
	if len(v.Fields) == 0 {
		return name + " {}", nil
	}
	text, err := renderFields(plain, indent+step)
	if err != nil {
		return "", err
	}
	for _, f := range nested {
		for _, item := range f.Value.Items {
			inner, err := renderBlock(f.Key, item, indent+step)
			if err != nil {
				return "", err
			}
			if text != "" {
				text += "\n"
			}
			text += indent + step + inner + "\n"
		}
	}
	return name + " {\n" + text + indent + "}", nil
}

func keyText(key string) string {
	if hclsyntax.ValidIdentifier(key) {
		return key
	}
	return quote(key)
}

// quote writes a text so that nothing in it is a template.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case (c == '$' || c == '%') && i+1 < len(text) && text[i+1] == '{':
			b.WriteByte(c)
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
