package workflow

import (
	"fmt"
	"strings"
)

// nodeKind is what a part of an expression is.
type nodeKind uint8

const (
	literal  nodeKind = iota // 'text', 1, true, null
	name                     // the name of a context: github
	property                 // github.actor, github['actor'] with a literal, github.*
	index                    // a[b] with a b that is computed
	call                     // contains(a, b)
	operator                 // ! == != < <= > >= && ||
)

// node is a part of an expression. Text is the value of a literal, the name of a
// context, property or function, or the operator.
type node struct {
	kind       nodeKind
	text       string
	quoted     bool // a literal that is a string
	args       []*node
	start, end int // offsets in the text that the expression is in
}

// Limits of an expression, which are those of GitHub.
const (
	maxExpression = 21000 // bytes
	maxDepth      = 50
)

// expressionError is a mistake in an expression, at an offset of the text.
type expressionError struct {
	at      int
	message string
}

func (e *expressionError) Error() string { return e.message }

// parseExpression parses text[start:end] as an expression.
func parseExpression(text string, start, end int) (*node, error) {
	if end-start > maxExpression {
		return nil, &expressionError{start, fmt.Sprintf("the expression is longer than %d characters", maxExpression)}
	}
	p := &parser{text: text[:end], pos: start}
	p.space()
	if p.pos == end {
		return nil, &expressionError{start, "the expression is empty"}
	}
	n, err := p.either(0)
	if err == nil && p.pos < end {
		err = p.unexpected()
	}
	if err != nil {
		return nil, err
	}
	return n, nil
}

// parser is a recursive descent over the grammar, in rising order of binding:
//
//	either  = both { "||" both }
//	both    = equal { "&&" equal }
//	equal   = compare { ("==" | "!=") compare }
//	compare = unary { ("<" | "<=" | ">" | ">=") unary }
//	unary   = "!" unary | postfix
//	postfix = primary { "." (name | "*") | "[" (either | "*") "]" }
//	primary = literal | name | name "(" [either { "," either }] ")" | "(" either ")"
type parser struct {
	text string
	pos  int
}

func (p *parser) fail(format string, args ...any) error {
	return &expressionError{min(p.pos, len(p.text)), fmt.Sprintf(format, args...)}
}

func (p *parser) unexpected() error {
	return p.fail("unexpected %q", strings.TrimSpace(p.text[p.pos:min(len(p.text), p.pos+10)]))
}

func (p *parser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// take passes over a token, and the space behind it.
func (p *parser) take(token string) bool {
	if !strings.HasPrefix(p.text[p.pos:], token) {
		return false
	}
	p.pos += len(token)
	p.space()
	return true
}

// levels are the binary operators in rising order of binding. Where one starts
// with another, it comes first.
var levels = [][]string{{"||"}, {"&&"}, {"==", "!="}, {"<=", ">=", "<", ">"}}

func (p *parser) either(depth int) (*node, error) { return p.binary(0, depth) }

func (p *parser) binary(level, depth int) (*node, error) {
	if level == len(levels) {
		return p.unary(depth)
	}
	left, err := p.binary(level+1, depth)
	for err == nil {
		op := ""
		for _, one := range levels[level] {
			if p.take(one) {
				op = one
				break
			}
		}
		if op == "" {
			return left, nil
		}
		var right *node
		right, err = p.binary(level+1, depth)
		if err == nil && (op == "||" || op == "&&") && left.kind == operator && left.text == op {
			left.args, left.end = append(left.args, right), right.end
		} else if err == nil {
			left = &node{kind: operator, text: op, args: []*node{left, right}, start: left.start, end: right.end}
		}
	}
	return nil, err
}

func (p *parser) unary(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, p.fail("the expression nests deeper than %d levels", maxDepth)
	}
	start := p.pos
	if p.take("!") {
		n, err := p.unary(depth + 1)
		if err != nil {
			return nil, err
		}
		return &node{kind: operator, text: "!", args: []*node{n}, start: start, end: n.end}, nil
	}
	n, err := p.primary(depth)
	for links := depth; err == nil; links++ {
		switch {
		case links > 2*maxDepth:
			return nil, p.fail("the expression nests deeper than %d levels", maxDepth)
		case p.take("."):
			n, err = p.dereference(n)
		case p.take("["):
			n, err = p.subscript(n, depth)
		default:
			return n, nil
		}
	}
	return nil, err
}

func (p *parser) dereference(of *node) (*node, error) {
	start := p.pos
	if p.pos < len(p.text) && p.text[p.pos] == '*' {
		p.pos++
	} else if p.word() == "" {
		return nil, p.fail("the name of a property must follow the dot")
	}
	n := &node{kind: property, text: p.text[start:p.pos], args: []*node{of}, start: of.start, end: p.pos}
	p.space()
	return n, nil
}

func (p *parser) subscript(of *node, depth int) (*node, error) {
	n := &node{kind: property, text: "*", args: []*node{of}, start: of.start}
	if !p.take("*") {
		key, err := p.either(depth + 1)
		if err != nil {
			return nil, err
		}
		n.text = key.text
		if key.kind != literal {
			n.kind, n.args = index, append(n.args, key)
		}
	}
	if p.pos == len(p.text) || p.text[p.pos] != ']' {
		return nil, p.fail("a closing bracket is missing")
	}
	p.pos++
	n.end = p.pos
	p.space()
	return n, nil
}

func (p *parser) primary(depth int) (*node, error) {
	start := p.pos
	switch c := p.peek(); {
	case p.take("("):
		n, err := p.either(depth + 1)
		if err == nil && p.peek() != ')' {
			err = p.fail("a closing parenthesis is missing")
		}
		if err != nil {
			return nil, err
		}
		n.start = start
		return p.close(n)
	case c == '\'':
		return p.quoted()
	case isLetter(c):
		word := p.word()
		n := &node{kind: name, text: word, start: start, end: p.pos}
		p.space()
		switch {
		case p.peek() == '(':
			return p.arguments(n, depth)
		case word == "true" || word == "false" || word == "null" || word == "NaN" || word == "Infinity":
			n.kind = literal
		}
		return n, nil
	case c >= '0' && c <= '9' || c == '-' || c == '+' || c == '.':
		return p.number()
	}
	if p.pos >= len(p.text) {
		return nil, p.fail("the expression ends too early")
	}
	return nil, p.unexpected()
}

func (p *parser) arguments(n *node, depth int) (*node, error) {
	n.kind = call
	p.take("(")
	if p.peek() == ')' {
		return p.close(n)
	}
	for {
		arg, err := p.either(depth + 1)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, arg)
		if p.take(",") {
			continue
		}
		if p.peek() != ')' {
			return nil, p.fail("a comma or a closing parenthesis is missing")
		}
		return p.close(n)
	}
}

func (p *parser) close(n *node) (*node, error) {
	p.pos++
	n.end = p.pos
	p.space()
	return n, nil
}

// quoted reads a string. A quote in it is written twice.
func (p *parser) quoted() (*node, error) {
	start := p.pos
	for i := start + 1; i < len(p.text); i++ {
		switch {
		case p.text[i] != '\'':
		case i+1 < len(p.text) && p.text[i+1] == '\'':
			i++
		default:
			p.pos = i + 1
			n := &node{kind: literal, quoted: true, text: strings.ReplaceAll(p.text[start+1:i], "''", "'"), start: start, end: p.pos}
			p.space()
			return n, nil
		}
	}
	return nil, p.fail("the string has no closing quote")
}

func (p *parser) number() (*node, error) {
	start := p.pos
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		sign := (c == '+' || c == '-') && (p.pos == start || p.text[p.pos-1]|0x20 == 'e')
		if !isLetter(c) && (c < '0' || c > '9') && c != '.' && !sign {
			break
		}
		p.pos++
	}
	n := &node{kind: literal, text: p.text[start:p.pos], start: start, end: p.pos}
	if strings.Trim(n.text, "+-.") == "" {
		p.pos = start
		return nil, p.fail("unexpected %q", n.text)
	}
	p.space()
	return n, nil
}

// word reads a name.
func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.text) && (isLetter(p.text[p.pos]) || p.pos > start && (p.text[p.pos] == '-' || p.text[p.pos] >= '0' && p.text[p.pos] <= '9')) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *parser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

// reference returns what a chain of properties refers to, in lower case, since
// contexts do not tell cases apart: github.event.commits.*.message. What is
// looked up by a computed key can be any. It returns "" for other nodes.
func (n *node) reference() string {
	switch n.kind {
	case name:
		return strings.ToLower(n.text)
	case property, index:
		of := n.args[0].reference()
		switch {
		case of == "":
			return ""
		case n.kind == index, isNumber(n.text):
			return of + ".*"
		}
		return of + "." + strings.ToLower(n.text)
	}
	return ""
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func (n *node) isCall(name string) bool { return n.kind == call && strings.EqualFold(n.text, name) }

// use is a reference in an expression, and what becomes of its value.
type use struct {
	node *node
	name string
	flow bool // its value, or a part of it, can be in the result
	json bool // but only as JSON
}

// uses calls do for each reference of an expression, in the order of the text.
func (n *node) uses(flow, json bool, do func(use)) {
	if ref := n.reference(); ref != "" {
		do(use{n, ref, flow, json})
		for at := n; at.kind == property || at.kind == index; at = at.args[0] {
			if at.kind == index {
				at.args[1].uses(false, json, do)
			}
		}
		return
	}
	for i, arg := range n.args {
		arg.uses(flow && n.passes(i), json || n.isCall("toJSON"), do)
	}
}

// passes reports whether the value of an argument can be in the result.
func (n *node) passes(i int) bool {
	switch n.kind {
	case property:
		return true
	case index:
		return i == 0
	case operator: // what && gives of its left side is empty or false
		return n.text == "||" || n.text == "&&" && i == len(n.args)-1
	case call:
		switch strings.ToLower(n.text) {
		case "format", "join", "tojson", "fromjson":
			return true
		case "case": // case(condition, value, …, default)
			return i%2 == 1 || i == len(n.args)-1
		}
	}
	return false
}
