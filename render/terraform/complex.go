package terraform

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// complex leaves the expression that begins here to hclsyntax.
func (p *fast) complex(in where) hclsyntax.Expression {
	start := p.at
	end, ok := p.extent(in)
	if !ok || end == start {
		p.fail()
		return nil
	}
	text := p.content[start:end]
	if p.at < len(p.content) && p.content[p.at] == '\n' && bytes.Contains(text, []byte("<<")) {
		text = p.content[start : p.at+1] // a heredoc ends with its line
	}
	if p.left -= len(text); p.left < 0 { // what is in it may have been left to it as well
		p.fail()
		return nil
	}
	e, diags := hclsyntax.ParseExpression(text, p.name, hcl.Pos{Line: 1, Column: 1, Byte: p.base + start})
	if len(diags) > 0 {
		p.fail()
		return nil
	}
	return e
}

// extent goes to what ends an expression, and returns where its text ends.
func (p *fast) extent(in where) (end int, ok bool) {
	depth := 0
	end = p.at
	for p.at < len(p.content) {
		switch c := p.content[p.at]; {
		case c == '"':
			if !p.quoted() {
				return 0, false
			}
			end = p.at
			continue
		case c == '#' || p.next("//"):
			if depth == 0 && in != inList {
				return end, true
			}
			p.comment()
			continue
		case p.next("/*"):
			return 0, false
		case p.next("<<"):
			if !p.heredoc() {
				return 0, false
			}
			end = p.at
			continue
		case c == '\n':
			if depth == 0 && in != inList {
				return end, true
			}
		case c == ',' && depth == 0:
			return end, in != inBody
		case c == '(' || c == '[' || c == '{':
			depth++
			end = p.at + 1
		case c == ')' || c == ']' || c == '}':
			if depth == 0 {
				return end, in == inList && c == ']' || in != inList && c == '}'
			}
			depth--
			end = p.at + 1
		case c != ' ' && c != '\t':
			end = p.at + 1
		}
		p.at++
	}
	return end, depth == 0 && in == inBody
}

// quoted skips a quoted text with the templates in it.
func (p *fast) quoted() bool {
	p.at++
	for p.at < len(p.content) {
		switch c := p.content[p.at]; {
		case c == '"':
			p.at++
			return true
		case c == '\n':
			return false
		case c == '\\':
			p.at++
		case (c == '$' || c == '%') && p.at+2 < len(p.content) && p.content[p.at+1] == c && p.content[p.at+2] == '{':
			p.at += 2
		case (c == '$' || c == '%') && p.at+1 < len(p.content) && p.content[p.at+1] == '{':
			p.at += 2
			if !p.interpolation() {
				return false
			}
			continue
		}
		p.at++
	}
	return false
}

// interpolation skips to behind the brace that closes a template's expression.
func (p *fast) interpolation() bool {
	for depth := 0; p.at < len(p.content); p.at++ {
		switch c := p.content[p.at]; {
		case c == '"':
			if !p.quoted() {
				return false
			}
			p.at--
		case c == '{':
			depth++
		case c == '}':
			if depth == 0 {
				p.at++
				return true
			}
			depth--
		case c == '#' || p.next("//") || p.next("/*") || p.next("<<"):
			return false
		}
	}
	return false
}

// heredoc skips to the end of the line that closes a heredoc.
func (p *fast) heredoc() bool {
	p.at += 2
	if p.peek() == '-' {
		p.at++
	}
	name := p.identifier()
	if name == "" || p.peek() != '\n' {
		return false
	}
	for p.at < len(p.content) {
		p.at++
		start := p.at
		p.comment()
		if string(bytes.TrimSpace(p.content[start:p.at])) == name {
			return true
		}
		if bytes.Contains(p.content[start:p.at], []byte("<<")) {
			return false // perhaps one in another
		}
	}
	return false
}
