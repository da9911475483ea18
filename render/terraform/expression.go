package terraform

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// conditional parses an expression; nil if it has something that is left to
// hclsyntax. With lines it may go on in the next line, as it does within parentheses
// and brackets.
func (p *fast) conditional(lines bool) hclsyntax.Expression {
	condition := p.binary(0, lines)
	if condition == nil || !p.symbol("?", lines) {
		return condition
	}
	p.spaces(lines)
	yes := p.conditional(lines)
	if yes == nil || !p.symbol(":", lines) {
		return nil
	}
	p.spaces(lines)
	no := p.conditional(lines)
	if no == nil {
		return nil
	}
	return &hclsyntax.ConditionalExpr{
		Condition: condition, TrueResult: yes, FalseResult: no,
		SrcRange: hcl.RangeBetween(condition.Range(), no.Range()),
	}
}

// symbol takes a symbol if it comes next.
func (p *fast) symbol(text string, lines bool) bool {
	start := p.at
	p.spaces(lines)
	if !p.next(text) {
		p.at = start
		return false
	}
	p.at += len(text)
	return true
}

// operators are those of two operands, by how tightly they bind.
var operators = []struct {
	text string
	rank int
	op   *hclsyntax.Operation
}{
	{"||", 0, hclsyntax.OpLogicalOr}, {"&&", 1, hclsyntax.OpLogicalAnd},
	{"==", 2, hclsyntax.OpEqual}, {"!=", 2, hclsyntax.OpNotEqual},
	{">=", 3, hclsyntax.OpGreaterThanOrEqual}, {"<=", 3, hclsyntax.OpLessThanOrEqual},
	{">", 3, hclsyntax.OpGreaterThan}, {"<", 3, hclsyntax.OpLessThan},
	{"+", 4, hclsyntax.OpAdd}, {"-", 4, hclsyntax.OpSubtract},
	{"*", 5, hclsyntax.OpMultiply}, {"/", 5, hclsyntax.OpDivide}, {"%", 5, hclsyntax.OpModulo},
}

// operator takes an operator that binds at least as tightly as rank; nil if there is
// none.
func (p *fast) operator(rank int, lines bool) (op *hclsyntax.Operation, found int) {
	start := p.at
	p.spaces(lines)
	switch p.peek() {
	case '|', '&', '=', '!', '>', '<', '+', '-', '*', '/', '%':
		if p.next("//") || p.next("/*") || p.next("<<") {
			break
		}
		for _, o := range operators {
			if o.rank >= rank && p.next(o.text) {
				p.at += len(o.text)
				return o.op, o.rank
			}
		}
	}
	p.at = start
	return nil, 0
}

// binary parses operands and the operators between them that bind at least as
// tightly as rank.
func (p *fast) binary(rank int, lines bool) hclsyntax.Expression {
	left := p.operand(lines)
	for left != nil {
		op, found := p.operator(rank, lines)
		if op == nil {
			return left
		}
		p.spaces(lines)
		right := p.binary(found+1, lines)
		if right == nil {
			return nil
		}
		left = &hclsyntax.BinaryOpExpr{LHS: left, Op: op, RHS: right, SrcRange: hcl.RangeBetween(left.Range(), right.Range())}
	}
	return nil
}

// operand parses a term with the steps from it.
func (p *fast) operand(lines bool) hclsyntax.Expression {
	term := p.term(lines)
	if term == nil || p.failed {
		return nil
	}
	return p.steps(term, lines)
}

func (p *fast) term(lines bool) hclsyntax.Expression {
	start := p.at
	switch c := p.peek(); {
	case c == '(':
		return p.parentheses()
	case c == '-' || c == '!':
		op := hclsyntax.OpNegate
		if c == '!' {
			op = hclsyntax.OpLogicalNot
		}
		p.at++
		p.spaces(lines)
		value := p.operand(lines)
		if value == nil {
			return nil
		}
		return &hclsyntax.UnaryOpExpr{
			Op: op, Val: value,
			SrcRange: hcl.RangeBetween(p.span(start, start+1), value.Range()), SymbolRange: p.span(start, start+1),
		}
	case isLetter(c):
		name := p.identifier()
		end := p.at
		if p.symbol("(", lines) {
			return p.call(name, start, end)
		}
		if p.symbol("::", lines) {
			return nil
		}
		return p.named(name, start)
	}
	return p.simple()
}

func (p *fast) parentheses() hclsyntax.Expression {
	start := p.at
	p.at++
	p.spaces(true)
	e := p.conditional(true)
	if e == nil || !p.symbol(")", true) {
		return nil
	}
	return &hclsyntax.ParenthesesExpr{Expression: e, SrcRange: p.span(start, p.at)}
}

// call parses the arguments of a function, behind the parenthesis.
func (p *fast) call(name string, start, end int) hclsyntax.Expression {
	call := &hclsyntax.FunctionCallExpr{Name: name, NameRange: p.span(start, end), OpenParenRange: p.span(p.at-1, p.at)}
	for !p.symbol(")", true) {
		if p.spaces(true); p.failed {
			return nil
		}
		arg := p.conditional(true)
		if arg == nil {
			return nil
		}
		call.Args = append(call.Args, arg)
		switch {
		case p.symbol(",", true):
			continue
		case p.symbol("...", true):
			call.ExpandFinal = true
		}
		if !p.symbol(")", true) {
			return nil
		}
		break
	}
	call.CloseParenRange = p.span(p.at-1, p.at)
	return call
}

// steps parses what follows a term: attributes, indices and splats.
func (p *fast) steps(from hclsyntax.Expression, lines bool) hclsyntax.Expression {
	e := from
	for {
		start := p.at
		p.spaces(lines)
		at := p.at
		switch c := p.peek(); {
		case c == '.' && !p.next("..."):
			p.at++
			p.spaces(lines)
			name := p.identifier()
			if name == "" || p.failed {
				return nil
			}
			e = withStep(e, hcl.TraverseAttr{Name: name, SrcRange: p.span(at, p.at)}, p.span(at, p.at))
		case p.next("[*]"):
			p.at += 3
			item := &hclsyntax.AnonSymbolExpr{SrcRange: p.span(at, p.at)}
			each := p.steps(item, lines)
			if each == nil {
				return nil
			}
			e = &hclsyntax.SplatExpr{Source: e, Each: each, Item: item, SrcRange: hcl.RangeBetween(from.Range(), each.Range()), MarkerRange: item.SrcRange}
		case c == '[':
			if e = p.index(from, e); e == nil {
				return nil
			}
		default:
			p.at = start
			return e
		}
	}
}

// index parses an index, which is a step if it is a literal.
func (p *fast) index(from, of hclsyntax.Expression) hclsyntax.Expression {
	start := p.at
	p.at++
	p.spaces(true)
	key := p.conditional(true)
	if key == nil || !p.symbol("]", true) {
		return nil
	}
	r := p.span(start, p.at)
	switch key := key.(type) {
	case *hclsyntax.LiteralValueExpr:
		return withStep(of, hcl.TraverseIndex{Key: key.Val, SrcRange: r}, r)
	case *hclsyntax.TemplateExpr:
		if key.IsStringLiteral() {
			return withStep(of, hcl.TraverseIndex{Key: key.Parts[0].(*hclsyntax.LiteralValueExpr).Val, SrcRange: r}, r)
		}
	}
	return &hclsyntax.IndexExpr{Collection: of, Key: key, SrcRange: hcl.RangeBetween(from.Range(), r), OpenRange: p.span(start, start+1), BracketRange: r}
}

func withStep(e hclsyntax.Expression, step hcl.Traverser, r hcl.Range) hclsyntax.Expression {
	switch e := e.(type) {
	case *hclsyntax.ScopeTraversalExpr:
		e.Traversal = append(e.Traversal, step)
		e.SrcRange = hcl.RangeBetween(e.SrcRange, r)
		return e
	case *hclsyntax.RelativeTraversalExpr:
		e.Traversal = append(e.Traversal, step)
		e.SrcRange = hcl.RangeBetween(e.SrcRange, r)
		return e
	}
	return &hclsyntax.RelativeTraversalExpr{Source: e, Traversal: hcl.Traversal{step}, SrcRange: hcl.RangeBetween(e.Range(), r)}
}

// loop parses a for expression, at its keyword.
func (p *fast) loop(start int, end string) hclsyntax.Expression {
	loop := &hclsyntax.ForExpr{OpenRange: p.span(start, start+1)}
	p.at += len("for")
	p.spaces(true)
	loop.ValVar = p.identifier()
	if p.symbol(",", true) {
		p.spaces(true)
		loop.KeyVar, loop.ValVar = loop.ValVar, p.identifier()
	}
	if p.spaces(true); loop.ValVar == "" || !p.keyword("in") {
		return nil
	}
	p.at += len("in")
	p.spaces(true)
	if loop.CollExpr = p.conditional(true); loop.CollExpr == nil || !p.symbol(":", true) {
		return nil
	}
	p.spaces(true)
	loop.ValExpr = p.conditional(true)
	if p.symbol("=>", true) {
		p.spaces(true)
		loop.KeyExpr, loop.ValExpr = loop.ValExpr, p.conditional(true)
	}
	loop.Group = p.symbol("...", true)
	if p.spaces(true); p.keyword("if") {
		p.at += len("if")
		p.spaces(true)
		if loop.CondExpr = p.conditional(true); loop.CondExpr == nil {
			return nil
		}
	}
	if loop.ValExpr == nil || (loop.KeyExpr != nil) != (end == "}") || loop.Group && end == "]" || !p.symbol(end, true) {
		return nil
	}
	loop.SrcRange, loop.CloseRange = p.span(start, p.at), p.span(p.at-1, p.at)
	return loop
}

// template parses a quoted text with the expressions in it; nil if it has escapes
// that are seldom, or directives.
func (p *fast) template() hclsyntax.Expression {
	start := p.at
	p.at++
	var parts []hclsyntax.Expression
	var text []byte
	from := p.at
	literal := func() {
		if p.at > from {
			parts = append(parts, &hclsyntax.LiteralValueExpr{Val: cty.StringVal(string(text)), SrcRange: p.span(from, p.at)})
		}
		text = text[:0]
	}
	for p.at < len(p.content) {
		switch c := p.content[p.at]; {
		case c == '"':
			literal()
			p.at++
			return p.quotedTemplate(parts, start)
		case c == '\n':
			return nil
		case c == '\\':
			p.at++
			i := slices.Index([]byte(`nrt"\`), p.peek())
			if i < 0 {
				return nil
			}
			text = append(text, "\n\r\t\"\\"[i])
		case p.next("${"):
			literal()
			e := p.interpolated()
			if e == nil {
				return nil
			}
			parts = append(parts, e)
			from = p.at
			continue
		case p.next("%{") || p.next("$$") || p.next("%%"):
			return nil
		default:
			text = append(text, c)
		}
		p.at++
	}
	return nil
}

// interpolated parses an expression in a text, and the braces around it.
func (p *fast) interpolated() hclsyntax.Expression {
	if p.at += 2; p.peek() == '~' {
		return nil
	}
	p.spaces(true)
	e := p.conditional(true)
	if e == nil || !p.symbol("}", true) {
		return nil
	}
	return e
}

func (p *fast) quotedTemplate(parts []hclsyntax.Expression, start int) hclsyntax.Expression {
	r := p.span(start, p.at)
	if len(parts) == 1 {
		if _, is := parts[0].(*hclsyntax.LiteralValueExpr); !is || parts[0].Range().Start.Byte != r.Start.Byte+1 {
			return &hclsyntax.TemplateWrapExpr{Wrapped: parts[0], SrcRange: r}
		}
	}
	return &hclsyntax.TemplateExpr{Parts: parts, SrcRange: r}
}
