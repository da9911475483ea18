package terraform

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// direct evaluates what expressions are mostly made of from the values of their
// parts, by the rules of hcl, which would first have to be given everything that any
// part may read. Of a condition it evaluates only the branch that counts. False means
// that it is for hcl to say: what the expression is, or what is wrong with it.
func (f frame) direct(e hclsyntax.Expression) (cty.Value, bool) {
	switch e := e.(type) {
	case *hclsyntax.UnaryOpExpr:
		return f.unary(e)
	case *hclsyntax.BinaryOpExpr:
		return f.binary(e)
	case *hclsyntax.ConditionalExpr:
		return f.conditional(e)
	case *hclsyntax.FunctionCallExpr:
		return f.functionCall(e)
	case *hclsyntax.TemplateExpr:
		return f.text(e)
	case *hclsyntax.IndexExpr:
		return f.item(e)
	case *hclsyntax.TupleConsExpr:
		parts := make([]cty.Value, len(e.Exprs))
		for i, item := range e.Exprs {
			var ok bool
			if parts[i], ok = f.part(item); !ok {
				return cty.NilVal, false
			}
		}
		return cty.TupleVal(parts), true
	}
	return cty.NilVal, false
}

// part evaluates a part of an expression. What stands for all attributes of a
// resource, or all outputs of a module, is made with a look at the whole expression.
func (f frame) part(e hclsyntax.Expression) (cty.Value, bool) {
	if t, ok := e.(*hclsyntax.ScopeTraversalExpr); ok {
		if _, bound := f.bound[t.Traversal.RootName()]; !bound && !isOfOne(t.Traversal) {
			return cty.NilVal, false
		}
	}
	return f.eval(e), true
}

// isOfOne reports whether a reference is to no resource or module, or to one
// attribute or output of it.
func isOfOne(t hcl.Traversal) bool {
	_, n := resourceAddress(t)
	if t.RootName() == "module" {
		n = 2
	}
	if n == 0 {
		return true
	}
	if len(t) > n {
		if _, index := t[n].(hcl.TraverseIndex); index {
			n++
		}
	}
	if len(t) <= n {
		return false
	}
	_, attr := t[n].(hcl.TraverseAttr)
	return attr
}

// converted evaluates a part as a value of a type.
func (f frame) converted(e hclsyntax.Expression, to cty.Type) (cty.Value, bool) {
	v, ok := f.part(e)
	if !ok {
		return v, false
	}
	v, err := convert.Convert(v, to)
	return v, err == nil
}

func (f frame) unary(e *hclsyntax.UnaryOpExpr) (cty.Value, bool) {
	v, ok := f.converted(e.Val, e.Op.Impl.Params()[0].Type)
	if !ok {
		return v, false
	}
	out, err := e.Op.Impl.Call([]cty.Value{v})
	return out, err == nil
}

func (f frame) binary(e *hclsyntax.BinaryOpExpr) (cty.Value, bool) {
	params := e.Op.Impl.Params()
	left, ok := f.converted(e.LHS, params[0].Type)
	if !ok {
		return left, false
	}
	left, marks := left.Unmark()
	if left.Type() == cty.Bool && left.IsKnown() && !left.IsNull() &&
		(e.Op == hclsyntax.OpLogicalAnd && left.False() || e.Op == hclsyntax.OpLogicalOr && left.True()) {
		return left.WithMarks(marks), true
	}
	right, ok := f.converted(e.RHS, params[1].Type)
	if !ok {
		return right, false
	}
	right, more := right.Unmark()
	if out, ok := plainOp(e.Op, left, right); ok {
		return out.WithMarks(marks, more), true
	}
	if e.Op.ShortCircuit != nil {
		if out, _ := e.Op.ShortCircuit(left, right, nil, nil); out != cty.NilVal {
			return out.WithMarks(marks, more), true
		}
	}
	out, err := e.Op.Impl.Call([]cty.Value{left, right})
	if err != nil {
		return out, false
	}
	return out.WithMarks(marks, more), true
}

// plainOp does what most operations do, and without the checks of a function call.
func plainOp(op *hclsyntax.Operation, left, right cty.Value) (out cty.Value, ok bool) {
	if !left.IsKnown() || left.IsNull() || !right.IsKnown() || right.IsNull() || !left.Type().IsPrimitiveType() || left.Type() != right.Type() {
		return cty.NilVal, false
	}
	switch op {
	case hclsyntax.OpLogicalAnd:
		return left.And(right), true
	case hclsyntax.OpLogicalOr:
		return left.Or(right), true
	case hclsyntax.OpEqual:
		return left.Equals(right), true
	case hclsyntax.OpNotEqual:
		return left.Equals(right).Not(), true
	case hclsyntax.OpGreaterThan:
		return left.GreaterThan(right), true
	case hclsyntax.OpGreaterThanOrEqual:
		return left.GreaterThanOrEqualTo(right), true
	case hclsyntax.OpLessThan:
		return left.LessThan(right), true
	case hclsyntax.OpLessThanOrEqual:
		return left.LessThanOrEqualTo(right), true
	}
	return cty.NilVal, false
}

// conditional evaluates one branch where the type of the other makes no difference.
func (f frame) conditional(e *hclsyntax.ConditionalExpr) (cty.Value, bool) {
	is, ok := f.converted(e.Condition, cty.Bool)
	if !ok {
		return is, false
	}
	is, marks := is.Unmark()
	if !is.IsKnown() || is.IsNull() {
		return cty.NilVal, false
	}
	chosen, other := e.TrueResult, e.FalseResult
	if is.False() {
		chosen, other = other, chosen
	}
	out, ok := f.part(chosen)
	if !ok {
		return out, false
	}
	if t := out.Type(); !isOf(other, t) {
		v, ok := f.part(other)
		if !ok || !v.Type().Equals(t) {
			return cty.NilVal, false
		}
	}
	return out.WithMarks(marks), true
}

// isOf reports whether an expression is certainly of a type, or takes any.
func isOf(e hclsyntax.Expression, t cty.Type) bool {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.Val.Type().Equals(t) || e.Val.RawEquals(cty.NullVal(cty.DynamicPseudoType)) && t != cty.DynamicPseudoType
	case *hclsyntax.TemplateExpr:
		return t == cty.String
	case *hclsyntax.ParenthesesExpr:
		return isOf(e.Expression, t)
	case *hclsyntax.BinaryOpExpr:
		return e.Op.Type == t
	case *hclsyntax.UnaryOpExpr:
		return e.Op.Type == t
	case *hclsyntax.FunctionCallExpr:
		return e.Name == "length" && t == cty.Number
	}
	return false
}

func (f frame) functionCall(e *hclsyntax.FunctionCallExpr) (cty.Value, bool) {
	if e.Name == "try" && !e.ExpandFinal {
		return f.try(e.Args)
	}
	of, known := f.run.functions()[e.Name]
	if !known || e.ExpandFinal {
		return cty.NilVal, false
	}
	params, rest := of.Params(), of.VarParam()
	if len(e.Args) < len(params) || len(e.Args) > len(params) && rest == nil {
		return cty.NilVal, false
	}
	for i := range params {
		if customdecode.CustomExpressionDecoderForType(params[i].Type) != nil {
			return cty.NilVal, false
		}
	}
	if rest != nil && customdecode.CustomExpressionDecoderForType(rest.Type) != nil {
		return cty.NilVal, false
	}
	args := make([]cty.Value, len(e.Args))
	for i, arg := range e.Args {
		param := rest
		if i < len(params) {
			param = &params[i]
		}
		var ok bool
		if args[i], ok = f.converted(arg, param.Type); !ok {
			return cty.NilVal, false
		}
	}
	return call(of, args)
}

func call(of function.Function, args []cty.Value) (cty.Value, bool) {
	out, err := of.Call(args)
	return out, err == nil
}

// try returns the first value that can be evaluated. What comes after it is not read.
func (f frame) try(all []hclsyntax.Expression) (cty.Value, bool) {
	for _, e := range all {
		vars, _, ok := f.variables(e)
		if !ok {
			return cty.NilVal, false
		}
		v, diags := e.Value(&hcl.EvalContext{Variables: vars, Functions: f.run.functions()})
		switch {
		case diags.HasErrors():
			continue
		case v.IsWhollyKnown():
			return v, true
		}
		_, marks := v.UnmarkDeep() // what is not known may yet fail
		return cty.DynamicVal.WithMarks(marks), true
	}
	return cty.NilVal, false
}

// text joins the parts of a text that are all known.
func (f frame) text(e *hclsyntax.TemplateExpr) (cty.Value, bool) {
	text := make([]byte, 0, 64)
	var marks []cty.ValueMarks
	for _, part := range e.Parts {
		v, ok := f.converted(part, cty.String)
		if !ok {
			return v, false
		}
		v, more := v.Unmark()
		if !v.IsKnown() || v.IsNull() {
			return v, false
		}
		if len(more) > 0 {
			marks = append(marks, more)
		}
		text = append(text, v.AsString()...)
	}
	return cty.StringVal(string(text)).WithMarks(marks...), true
}

// item evaluates an index that is not written as a part of a reference.
func (f frame) item(e *hclsyntax.IndexExpr) (cty.Value, bool) {
	of, ok := f.part(e.Collection)
	if !ok {
		return of, false
	}
	key, ok := f.part(e.Key)
	if !ok {
		return key, false
	}
	out, diags := hcl.Index(of, key, nil)
	return out, !diags.HasErrors()
}
