package terraform

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// fast parses what configuration is mostly made of. Expressions that are unusual it
// leaves to hclsyntax, and the whole file as soon as there is something else that it
// does not know. It gives the same trees, but for lines and columns in them, which
// nobody asks for.
type fast struct {
	content []byte
	source  string // the content, of which all names and texts are a part
	name    string
	base    int
	at      int
	left    int // how much more hclsyntax may be given, in bytes
	failed  bool
}

// parseFast returns the body of a file; nil if hclsyntax has to parse it.
func parseFast(content []byte, name string, base int) *hclsyntax.Body {
	if !utf8.Valid(content) || bytes.HasPrefix(content, []byte("\xef\xbb\xbf")) || bytes.IndexByte(content, '\r') >= 0 {
		return nil
	}
	p := &fast{content: content, source: string(content), name: name, base: base, left: 4 * len(content)}
	body := p.body(true)
	if p.failed {
		return nil
	}
	return body
}

func (p *fast) span(start, end int) hcl.Range {
	return hcl.Range{Filename: p.name, Start: hcl.Pos{Line: 1, Column: 1, Byte: p.base + start}, End: hcl.Pos{Line: 1, Column: 1, Byte: p.base + end}}
}

// peek returns the next byte, or 0 at the end.
func (p *fast) peek() byte {
	if p.at < len(p.content) {
		return p.content[p.at]
	}
	return 0
}

func (p *fast) fail() { p.failed = true }

// spaces skips spaces, and with lines also line ends and comments.
func (p *fast) spaces(lines bool) {
	for p.at < len(p.content) {
		switch c := p.content[p.at]; {
		case c == ' ' || c == '\t':
			p.at++
		case c == '\n' && lines:
			p.at++
		case lines && (c == '#' || c == '/' && p.next("//")):
			p.comment()
		case lines && c == '/' && p.next("/*"):
			end := bytes.Index(p.content[p.at+2:], []byte("*/"))
			if end < 0 {
				p.fail()
				p.at = len(p.content)
				return
			}
			p.at += end + 4
		default:
			return
		}
	}
}

func (p *fast) next(text string) bool {
	return len(p.content)-p.at >= len(text) && p.source[p.at:p.at+len(text)] == text
}

// comment skips to the end of the line.
func (p *fast) comment() {
	if end := bytes.IndexByte(p.content[p.at:], '\n'); end >= 0 {
		p.at += end
	} else {
		p.at = len(p.content)
	}
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// identifier returns the identifier that comes next, or "".
func (p *fast) identifier() string {
	start := p.at
	if !isLetter(p.peek()) {
		return ""
	}
	for p.at < len(p.content) && (isLetter(p.content[p.at]) || isDigit(p.content[p.at]) || p.content[p.at] == '-') {
		p.at++
	}
	if p.at < len(p.content) && p.content[p.at] >= utf8.RuneSelf {
		p.fail()
	}
	return p.source[start:p.at]
}

// body parses attributes and blocks up to the end of the file or the brace that
// closes a block.
func (p *fast) body(top bool) *hclsyntax.Body {
	start := p.at
	body := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
	for !p.failed {
		p.spaces(true)
		if p.at == len(p.content) || p.peek() == '}' {
			if top != (p.at == len(p.content)) {
				p.fail()
			}
			break
		}
		p.item(body, false)
	}
	body.SrcRange, body.EndRange = p.span(start, p.at), p.span(p.at, p.at)
	return body
}

// item parses an attribute or a block, and the end of its line unless it is the only
// one of a block on one line.
func (p *fast) item(body *hclsyntax.Body, only bool) {
	start := p.at
	name := p.identifier()
	named := p.at
	p.spaces(false)
	if name == "" || p.failed {
		p.fail()
		return
	}
	if p.peek() != '=' {
		if only {
			p.fail()
			return
		}
		p.block(body, name, start, named)
		p.lineEnd()
		return
	}
	equals := p.at
	p.at++
	p.spaces(false)
	e := p.expr(inBody)
	if e == nil || p.failed || body.Attributes[name] != nil {
		p.fail()
		return
	}
	body.Attributes[name] = &hclsyntax.Attribute{
		Name: name, Expr: e, NameRange: p.span(start, named), EqualsRange: p.span(equals, equals+1),
		SrcRange: hcl.RangeBetween(p.span(start, named), e.Range()),
	}
	if !only {
		p.lineEnd()
	}
}

// lineEnd expects nothing more on the line.
func (p *fast) lineEnd() {
	p.spaces(false)
	switch c := p.peek(); {
	case p.at == len(p.content):
	case c == '\n':
		p.at++
	case c == '#' || p.next("//"):
		p.comment()
	default:
		p.fail()
	}
}

func (p *fast) block(body *hclsyntax.Body, name string, start, named int) {
	b := &hclsyntax.Block{Type: name, TypeRange: p.span(start, named)}
	for p.peek() != '{' {
		from := p.at
		var label string
		if p.peek() == '"' {
			text, ok := p.text()
			if !ok {
				p.fail()
				return
			}
			label = text
		} else if label = p.identifier(); label == "" || p.failed {
			p.fail()
			return
		}
		if b.Labels == nil { // mostly there are two
			b.Labels, b.LabelRanges = make([]string, 0, 2), make([]hcl.Range, 0, 2)
		}
		b.Labels = append(b.Labels, label)
		b.LabelRanges = append(b.LabelRanges, p.span(from, p.at))
		p.spaces(false)
	}
	open := p.at
	b.OpenBraceRange = p.span(open, open+1)
	p.at++
	p.spaces(false)
	switch c := p.peek(); {
	case c == '\n' || c == '#' || p.next("//"):
		b.Body = p.body(false)
	default:
		b.Body = &hclsyntax.Body{Attributes: hclsyntax.Attributes{}}
		if c != '}' {
			p.item(b.Body, true)
			p.spaces(false)
		}
	}
	if p.failed || p.peek() != '}' {
		p.fail()
		return
	}
	b.CloseBraceRange = p.span(p.at, p.at+1)
	p.at++
	b.Body.SrcRange, b.Body.EndRange = p.span(open, p.at), p.span(p.at, p.at)
	body.Blocks = append(body.Blocks, b)
}

// text returns a quoted text without escapes and templates; false if it is none.
func (p *fast) text() (string, bool) {
	start := p.at + 1
	for i := start; i < len(p.content); i++ {
		switch c := p.content[i]; {
		case c == '"':
			p.at = i + 1
			return p.source[start:i], true
		case c == '\\' || c == '\n' || (c == '$' || c == '%') && i+1 < len(p.content) && (p.content[i+1] == '{' || p.content[i+1] == c):
			return "", false
		}
	}
	return "", false
}

// where says what ends an expression.
type where int

const (
	inBody where = iota // the line
	inList              // a comma or a bracket
	inMap               // the line, a comma or a brace
)

// expr parses an expression; nil if that fails.
func (p *fast) expr(in where) hclsyntax.Expression {
	start := p.at
	e := p.conditional(in == inList)
	if e != nil && !p.failed && p.ends(in) {
		return e
	}
	if p.failed {
		return nil
	}
	p.at = start
	return p.complex(in)
}

// ends reports whether the expression that was read ends here.
func (p *fast) ends(in where) bool {
	end := p.at
	p.spaces(in == inList)
	c := p.peek()
	switch {
	case p.at == len(p.content):
		p.at = end
		return in == inBody
	case c == '#' || p.next("//"):
	case c == '\n', c == '}':
	case in != inBody && (c == ',' || c == ']' && in == inList):
		return true
	default:
		return false
	}
	if in == inList {
		return false
	}
	if c != '}' {
		p.at = end
	}
	return true
}

// simple parses a number or a text, or a list or map; nil if it is none.
func (p *fast) simple() hclsyntax.Expression {
	start := p.at
	switch c := p.peek(); {
	case c == '"':
		text, ok := p.text()
		if !ok {
			return p.template()
		}
		literal := &hclsyntax.LiteralValueExpr{Val: cty.StringVal(text), SrcRange: p.span(start+1, p.at-1)}
		if text == "" {
			literal.SrcRange = p.span(p.at, p.at)
		}
		return &hclsyntax.TemplateExpr{Parts: []hclsyntax.Expression{literal}, SrcRange: p.span(start, p.at)}
	case isDigit(c):
		return p.number()
	case c == '[':
		return p.list()
	case c == '{':
		return p.object()
	}
	return nil
}

func (p *fast) number() hclsyntax.Expression {
	start := p.at
	for isDigit(p.peek()) {
		p.at++
	}
	if c := p.peek(); c == '.' || isLetter(c) || c >= utf8.RuneSelf {
		return nil
	}
	text := p.source[start:p.at]
	n, err := strconv.Atoi(text)
	if err != nil {
		return nil // hclsyntax reads what is larger
	}
	return &hclsyntax.LiteralValueExpr{Val: cty.NumberIntVal(int64(n)), SrcRange: p.span(start, p.at)}
}

// named returns what a name stands for: a literal, or a reference.
func (p *fast) named(name string, start int) hclsyntax.Expression {
	at := p.span(start, start+len(name))
	switch name {
	case "true", "false":
		return &hclsyntax.LiteralValueExpr{Val: cty.BoolVal(name == "true"), SrcRange: at}
	case "null":
		return &hclsyntax.LiteralValueExpr{Val: cty.NullVal(cty.DynamicPseudoType), SrcRange: at}
	}
	t := make(hcl.Traversal, 1, 3)
	t[0] = hcl.TraverseRoot{Name: name, SrcRange: at}
	return &hclsyntax.ScopeTraversalExpr{Traversal: t, SrcRange: at}
}

func (p *fast) list() hclsyntax.Expression {
	start := p.at
	p.at++
	list := &hclsyntax.TupleConsExpr{OpenRange: p.span(start, p.at)}
	for {
		p.spaces(true)
		if p.failed {
			return nil
		}
		if p.peek() == ']' {
			p.at++
			list.SrcRange = p.span(start, p.at)
			return list
		}
		if len(list.Exprs) == 0 && p.keyword("for") {
			return p.loop(start, "]")
		}
		e := p.expr(inList)
		if e == nil {
			return nil
		}
		list.Exprs = append(list.Exprs, e)
		p.spaces(true)
		if p.peek() == ',' {
			p.at++
		} else if p.peek() != ']' {
			return nil
		}
	}
}

// keyword reports whether a word comes next.
func (p *fast) keyword(word string) bool {
	return p.next(word) && p.at+len(word) < len(p.content) && !isLetter(p.content[p.at+len(word)]) && !isDigit(p.content[p.at+len(word)]) && p.content[p.at+len(word)] != '-'
}

func (p *fast) object() hclsyntax.Expression {
	start := p.at
	p.at++
	object := &hclsyntax.ObjectConsExpr{OpenRange: p.span(start, p.at)}
	for {
		p.spaces(true)
		if p.failed {
			return nil
		}
		if p.peek() == '}' {
			p.at++
			object.SrcRange = p.span(start, p.at)
			return object
		}
		if len(object.Items) == 0 && p.keyword("for") {
			return p.loop(start, "}")
		}
		forced := p.peek() == '('
		key := p.key()
		p.spaces(false)
		if key == nil || p.failed || p.peek() != '=' && p.peek() != ':' || p.next("==") {
			return nil
		}
		p.at++
		p.spaces(false)
		e := p.expr(inMap)
		if e == nil {
			return nil
		}
		object.Items = append(object.Items, hclsyntax.ObjectConsItem{KeyExpr: &hclsyntax.ObjectConsKeyExpr{Wrapped: key, ForceNonLiteral: forced}, ValueExpr: e})
		p.spaces(false)
		switch c := p.peek(); {
		case c == ',' || c == '\n':
			p.at++
		case c == '#' || p.next("//"):
			p.comment()
		case c != '}':
			return nil
		}
	}
}

// key parses the key of a map: a name, a text, or an expression in parentheses.
func (p *fast) key() hclsyntax.Expression {
	switch c := p.peek(); {
	case c == '(':
		return p.parentheses()
	case c == '"':
		return p.simple()
	case isLetter(c):
		start := p.at
		e := p.named(p.identifier(), start)
		if _, ok := e.(*hclsyntax.LiteralValueExpr); ok {
			return nil
		}
		return e
	}
	return nil
}
