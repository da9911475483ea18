package workflow

import (
	"errors"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// template is a text with expressions in it.
type template struct {
	text  string
	exprs []expression
	place *placer // of the text in the file
}

// expression is a ${{ … }} of a text, from start to end.
type expression struct {
	*node
	start, end int
}

// open and close mark an expression.
const (
	open   = "${{"
	closer = "}}"
)

// parseTemplate finds the expressions of a text. The error is for the first one
// that is broken; the others are there.
func parseTemplate(file *source.File, v *resource.Value) (*template, error) {
	t := &template{text: v.Str, place: &placer{file: file, value: v}}
	var first error
	for at := 0; ; {
		n := strings.Index(t.text[at:], open)
		if n < 0 {
			return t, first
		}
		start := at + n
		end := closing(t.text, start+len(open))
		var err error
		if end < 0 {
			err = &expressionError{start, "the expression has no closing }}"}
			end = len(t.text)
		} else {
			var parsed *node
			if parsed, err = parseExpression(t.text, start+len(open), end); err == nil {
				t.exprs = append(t.exprs, expression{parsed, start, end + len(closer)})
			}
			end += len(closer)
		}
		if err != nil && first == nil {
			first = t.mistake(err)
		}
		at = end
	}
}

// parseCondition parses the value of an `if`, which is an expression even without
// marks.
func parseCondition(file *source.File, v *resource.Value) (*template, error) {
	if strings.Contains(v.Str, open) {
		return parseTemplate(file, v)
	}
	t := &template{text: v.Str, place: &placer{file: file, value: v}}
	parsed, err := parseExpression(t.text, 0, len(t.text))
	if err != nil {
		err = t.mistake(err)
		return t, err
	}
	t.exprs = []expression{{parsed, 0, len(t.text)}}
	return t, nil
}

// closing returns the offset of the }} that ends an expression, or -1. Strings in
// it can hold braces.
func closing(text string, at int) int {
	quoted := false
	for ; at < len(text); at++ {
		switch {
		case text[at] == '\'':
			quoted = !quoted
		case !quoted && strings.HasPrefix(text[at:], closer):
			return at
		}
	}
	return -1
}

func (t *template) mistake(err error) error {
	at := 0
	if e, ok := errors.AsType[*expressionError](err); ok {
		at = e.at
	}
	file := t.place.file
	return &resource.SyntaxError{
		Path: file.Path, Position: file.Position(t.place.span(at, at).Start),
		Message: "a mistake in an expression: " + err.Error(),
	}
}

// outside returns the text around the expressions.
func (t *template) outside() string {
	var b strings.Builder
	at := 0
	for _, e := range t.exprs {
		b.WriteString(t.text[at:e.start])
		at = e.end
	}
	b.WriteString(t.text[at:])
	return b.String()
}

// mark stands for a byte of an expression in the words of other languages, in
// which it has no meaning.
const mark = '\x1a'

// blank returns the text with each expression replaced by marks.
func (t *template) blank() string {
	if len(t.exprs) == 0 {
		return t.text
	}
	out := []byte(t.text)
	for _, e := range t.exprs {
		for i := e.start; i < e.end; i++ {
			out[i] = mark
		}
	}
	return string(out)
}

// restore puts the expressions back into what was read of the blank text.
func (t *template) restore(v *resource.Value) {
	for _, item := range v.Items {
		t.restore(item)
	}
	for _, f := range v.Fields {
		t.restore(f.Value)
	}
	if strings.IndexByte(v.Str, mark) < 0 {
		return
	}
	var b strings.Builder
	rest := v.Str
	for _, e := range t.exprs {
		n := strings.IndexByte(rest, mark)
		if at := t.place.span(e.start, e.end); n < 0 || at.Start < v.Span.Start || at.End > v.Span.End {
			continue
		}
		b.WriteString(rest[:n] + t.text[e.start:e.end])
		rest = rest[min(len(rest), n+e.end-e.start):]
	}
	v.Str = b.String() + strings.ReplaceAll(rest, string(mark), "")
}
