package arm

import (
	"errors"
	"fmt"
	"strings"
)

// expression is a node of an expression: a constant, a call, or a step into what
// another is.
type expression struct {
	source   string // as it is written
	constant any    // string or int64
	call     string // the function, in small letters; with a namespace if it has one
	args     []*expression
	of       *expression // what a step is into
	field    string      // the step .field, or
	index    *expression // the step [index]
}

// isExpression reports whether a text is evaluated. [[ is for texts that begin so.
func isExpression(text string) bool {
	return len(text) > 2 && text[0] == '[' && text[1] != '[' && text[len(text)-1] == ']'
}

// parseExpression reads an expression without its brackets.
func parseExpression(text string) (*expression, error) {
	p := &parser{text: text}
	e, err := p.expression(0)
	if err == nil && p.next() != 0 {
		err = fmt.Errorf("there is something behind the expression: %q", p.text[p.pos:])
	}
	return e, err
}

type parser struct {
	text string
	pos  int
}

// next passes over white space and returns the next byte, 0 at the end.
func (p *parser) next() byte {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos == len(p.text) {
		return 0
	}
	return p.text[p.pos]
}

func (p *parser) expression(depth int) (*expression, error) {
	if depth > maxDepth {
		return nil, errors.New("the expression nests too deeply")
	}
	p.next()
	start := p.pos
	e, err := p.primary(depth)
	for err == nil {
		e.source = p.text[start:p.pos]
		switch p.next() {
		case '.':
			p.pos++
			p.next()
			name := p.word()
			if name == "" {
				return nil, errors.New("a name is missing behind the dot")
			}
			if e.call == "" || e.args != nil {
				e = &expression{of: e, field: name}
				continue
			}
			if p.next() != '(' {
				return nil, fmt.Errorf("%q is no function call", e.source+"."+name)
			}
			e = &expression{call: e.call + "." + strings.ToLower(name)} // namespace.function(…)
			e.args, err = p.arguments(depth)
		case '[':
			p.pos++
			index, indexErr := p.expression(depth + 1)
			if indexErr != nil {
				return nil, indexErr
			}
			if p.next() != ']' {
				return nil, errors.New("a bracket is not closed")
			}
			p.pos++
			e = &expression{of: e, index: index}
		default:
			if e.call != "" && e.args == nil {
				return nil, fmt.Errorf("%q is no function call", e.source)
			}
			return e, nil
		}
	}
	return e, err
}

func (p *parser) primary(depth int) (*expression, error) {
	switch c := p.next(); {
	case c == '\'':
		text, err := p.quoted()
		return &expression{constant: text}, err
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	}
	name := p.word()
	if name == "" {
		return nil, errors.New("a function, a text or a number is missing")
	}
	e := &expression{call: strings.ToLower(name)}
	if p.next() == '(' {
		var err error
		e.args, err = p.arguments(depth)
		return e, err
	}
	return e, nil // a namespace, or a mistake
}

// arguments reads what is in parentheses. They are never nil.
func (p *parser) arguments(depth int) ([]*expression, error) {
	p.pos++
	args := []*expression{}
	if p.next() == ')' {
		p.pos++
		return args, nil
	}
	for {
		arg, err := p.expression(depth + 1)
		if err != nil {
			return nil, err
		}
		args = append(args, arg)
		switch p.next() {
		case ',':
			p.pos++
		case ')':
			p.pos++
			return args, nil
		default:
			return nil, errors.New("a parenthesis is not closed")
		}
	}
}

func (p *parser) word() string {
	start := p.pos
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		letter := c == '_' || c == '$' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (p.pos == start || c < '0' || c > '9') {
			break
		}
		p.pos++
	}
	return p.text[start:p.pos]
}

// quoted reads a text, in which two quotes are one.
func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.text); i++ {
		if p.text[i] != '\'' {
			b.WriteByte(p.text[i])
			continue
		}
		if i+1 < len(p.text) && p.text[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		p.pos = i + 1
		return b.String(), nil
	}
	return "", errors.New("a text has no closing quote")
}

func (p *parser) number() (*expression, error) {
	n, negative := int64(0), p.text[p.pos] == '-'
	if negative {
		p.pos++
	}
	start := p.pos
	for ; p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9'; p.pos++ {
		n = n*10 + int64(p.text[p.pos]-'0')
	}
	if p.pos == start || p.pos-start > 18 {
		return nil, errors.New("this is no number")
	}
	if negative {
		n = -n
	}
	return &expression{constant: n}, nil
}
