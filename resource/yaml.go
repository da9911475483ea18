package resource

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/source"
)

// ParseYAML reads the documents of a file with the values that kubectl would
// read. Keys that occur twice in a map are errors, and so are values that JSON
// cannot carry. If a document is broken, the documents before it are returned
// together with a SyntaxError.
//
// A value that is an alias has the span of the alias, and what is below it that
// of the anchor. Values merged by the key << also have the spans of the anchor.
func ParseYAML(file *source.File) ([]Document, error) { return ParseDialect(file, YAML11) }

// ParseDialect is ParseYAML for readers that give plain scalars other values than
// kubectl does.
func ParseDialect(file *source.File, dialect Dialect) ([]Document, error) {
	if docs, ok := parseFast(file, dialect); ok {
		return docs, nil
	}
	if text := bytes.TrimLeft(file.Content, "\uFEFF \t\r\n"); len(text) > 0 && text[0] == '{' {
		// As kubectl does: not all of JSON is YAML.
		if doc, err := ParseJSON(file); err == nil {
			return []Document{doc}, nil
		}
	}
	return parseFull(file, dialect)
}

// parseFull reads all of YAML, with a general parser and the text: the parser
// gives values, and the line and column where they start; the text tells where
// they end.
func parseFull(file *source.File, dialect Dialect) ([]Document, error) {
	text := file.Content
	end, textErr := checkText(file)
	if textErr != nil {
		text = text[:lastMarker(text[:end])]
	}
	p := &fullParser{file: file, dialect: dialect, at: newCursor(text)}
	docs, err := p.documents(text)
	if err == nil && textErr != nil {
		err = textErr
	}
	return docs, err
}

// lastMarker returns where the last document of text starts.
func lastMarker(text []byte) int {
	return max(0, bytes.LastIndex(text, []byte("\n---"))+1)
}

type fullParser struct {
	file    *source.File
	dialect Dialect
	at      *cursor
	anchors map[*yaml.Node]*anchor // of the current document
	tags    map[*Value]Tag         // of the current document, nil without any
	size    int                    // bytes of values so far, aliased ones included
	aliased int                    // bytes of values that aliases added
}

// anchor is a value that aliases may repeat. Its value is nil as long as it is
// being read.
type anchor struct {
	value *Value
	size  int
}

func (p *fullParser) documents(text []byte) (docs []Document, err error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for index := 0; ; index++ {
		var node yaml.Node
		if err := decode(dec, &node); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return docs, p.decodeError(dec, err)
		}
		p.anchors, p.tags = map[*yaml.Node]*anchor{}, nil
		root, err := p.value(node.Content[0], -1, 1)
		if err != nil {
			return docs, err
		}
		if root.Kind != Null {
			docs = append(docs, Document{Index: index, Root: root, Span: root.Span, Tags: p.tags})
		}
	}
}

// decode turns a panic on text that the parser did not foresee into an error.
func decode(dec *yaml.Decoder, node *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the parser failed: %v", r)
		}
	}()
	return dec.Decode(node)
}

var (
	lineInError   = regexp.MustCompile(`^line (\d+): `)
	anchorInError = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
)

// decodeError gives an error of the parser its place.
func (p *fullParser) decodeError(dec *yaml.Decoder, err error) error {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := lineInError.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	offset := p.at.lineOffset(line - 1)
	for offset < len(p.at.text) && p.at.text[offset] == ' ' {
		offset++
	}
	if line, column, ok := problemMark(dec); ok {
		offset = p.at.offset(line, column)
	}
	if m := anchorInError.FindStringSubmatch(message); m != nil {
		offset = max(0, bytes.Index(p.at.text, []byte("*"+m[1])))
	}
	if strings.HasPrefix(message, "exceeded max depth") {
		return depthError(p.file, offset)
	}
	return syntaxError(p.file, offset, "%s%s", message, templateHint(p.file))
}

// templateHint tells those who meant to have a chart rendered what is wrong.
func templateHint(file *source.File) string {
	if bytes.Contains(file.Content, []byte("{{")) {
		return "; the file looks like a template, which has to be rendered first"
	}
	return ""
}

// problemMark reads the place of a syntax error. The parser knows the column
// but its errors only tell the line, and at times a wrong one.
func problemMark(dec *yaml.Decoder) (line, column int, ok bool) {
	v := reflect.ValueOf(dec).Elem()
	for _, name := range []string{"parser", "parser", "problem_mark"} {
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		if v.Kind() != reflect.Struct {
			return 0, 0, false
		}
		v = v.FieldByName(name)
	}
	if v.Kind() != reflect.Struct || v.IsZero() {
		return 0, 0, false
	}
	l, c := v.FieldByName("line"), v.FieldByName("column")
	if !l.IsValid() || !c.IsValid() || !l.CanInt() || !c.CanInt() {
		return 0, 0, false
	}
	return int(l.Int()), int(c.Int()), true
}

// valueSize is what a value counts for, besides its text, where aliases repeat
// it.
const valueSize = 32

// value converts a node. Indent is the column of the block collection that holds
// it, or -1.
func (p *fullParser) value(n *yaml.Node, indent, depth int) (*Value, error) {
	start := p.at.offset(n.Line-1, n.Column-1)
	if depth > maxDepth {
		return nil, depthError(p.file, start)
	}
	if n.Kind == yaml.AliasNode {
		return p.alias(n, start)
	}
	sizeBefore := p.size
	var known *anchor
	if n.Anchor != "" {
		known = &anchor{}
		p.anchors[n] = known
	}
	p.size += valueSize + len(n.Value)
	v := &Value{}
	var err error
	switch start, bare := p.at.skipProperties(start, n); n.Kind {
	case yaml.ScalarNode:
		v.Span = p.at.scalarSpan(n, start, indent)
		err = p.scalar(v, n, bare)
	case yaml.SequenceNode:
		v.Kind = List
		err = p.list(v, n, start, depth)
	default:
		v.Kind = Map
		err = p.mapping(v, n, start, depth)
	}
	if n.Style&yaml.TaggedStyle != 0 && len(n.Tag) > 1 && !strings.HasPrefix(n.Tag, "!!") {
		p.tag(v, Tag{Name: n.Tag, Start: start})
	}
	if known != nil {
		known.value, known.size = v, p.size-sizeBefore
	}
	return v, err
}

func (p *fullParser) tag(v *Value, tag Tag) {
	if p.tags == nil {
		p.tags = map[*Value]Tag{}
	}
	p.tags[v] = tag
}

func (p *fullParser) alias(n *yaml.Node, start int) (*Value, error) {
	known := p.anchors[n.Alias]
	if known == nil {
		return nil, syntaxError(p.file, start, "anchor %q is not in this document", n.Value)
	}
	if known.value == nil {
		return nil, syntaxError(p.file, start, "the value of anchor %q contains itself", n.Value)
	}
	p.size += known.size
	if p.aliased += known.size; p.aliased > maxAliased {
		err := syntaxError(p.file, start, "aliases repeat more than %d MiB of values", maxAliased>>20)
		err.Err = ErrLimit
		return nil, err
	}
	v := *known.value
	v.Span = source.Span{Start: start, End: start + len("*") + len(n.Value)}
	if tag, ok := p.tags[known.value]; ok {
		p.tag(&v, Tag{Name: tag.Name, Start: start})
	}
	return &v, nil
}

func (p *fullParser) scalar(v *Value, n *yaml.Node, bare bool) error {
	tag := n.Tag
	if n.Style&yaml.TaggedStyle == 0 {
		if n.Style == 0 && !bare {
			p.dialect.resolve(v, n.Value)
			return p.checkFinite(v)
		}
		v.Kind, v.Str, v.Quoted = String, n.Value, n.Style != 0
		return nil
	}
	kind, resolves := tagKinds(tag)
	if !resolves {
		v.Kind, v.Str, v.Quoted = String, n.Value, n.Style != yaml.TaggedStyle
		if tag == "!!binary" {
			return p.binary(v)
		}
		return nil
	}
	p.dialect.resolve(v, n.Value)
	ok := v.Kind == kind
	switch kind {
	case Float:
		ok = v.Kind == Float || v.Kind == Int
	case Int:
		ok = isInteger(n.Value)
	}
	if !ok {
		return syntaxError(p.file, v.Span.Start, "the value is not of the type that its tag %s says", tag)
	}
	return p.checkFinite(v)
}

// tagKinds returns the kind that a tag demands. All other tags make strings.
func tagKinds(tag string) (Kind, bool) {
	switch tag {
	case "!!null":
		return Null, true
	case "!!bool":
		return Bool, true
	case "!!int":
		return Int, true
	case "!!float":
		return Float, true
	}
	return String, false
}

func (p *fullParser) checkFinite(v *Value) error {
	if v.Kind == Float && notFinite(v.Float()) {
		return syntaxError(p.file, v.Span.Start, "%s has no notation in JSON; put it in quotes if it is a string", v.Str)
	}
	return nil
}

func (p *fullParser) binary(v *Value) error {
	data, err := base64.StdEncoding.DecodeString(v.Str)
	if err != nil {
		return syntaxError(p.file, v.Span.Start, "the value is not the base64 that its tag !!binary says")
	}
	v.Str = string([]rune(string(data))) // JSON carries text: other bytes become U+FFFD
	return nil
}

func (p *fullParser) list(v *Value, n *yaml.Node, start, depth int) error {
	indent := -1 // a flow collection holds nothing that depends on it
	if n.Style&yaml.FlowStyle == 0 {
		indent = p.at.column(start)
	}
	if len(n.Content) > 0 {
		v.Items = make([]*Value, len(n.Content))
	}
	end := start + 1
	for i, c := range n.Content {
		item, err := p.value(c, indent, depth+1)
		if err != nil {
			return err
		}
		v.Items[i] = item
		end = max(end, item.Span.End)
	}
	if n.Style&yaml.FlowStyle != 0 {
		end = p.at.closing(end, ']')
	}
	v.Span = source.Span{Start: start, End: end}
	return nil
}
