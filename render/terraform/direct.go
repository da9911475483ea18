package terraform

import (
	"slices"

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
	case *hclsyntax.RelativeTraversalExpr:
		return f.relative(e)
	case *hclsyntax.SplatExpr:
		return f.splat(e)
	case *hclsyntax.ObjectConsExpr:
		return f.newObject(e)
	case *hclsyntax.TupleConsExpr:
		parts, ok := f.parts(e.Exprs)
		if !ok {
			return cty.NilVal, false
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

func (f frame) parts(all []hclsyntax.Expression) ([]cty.Value, bool) {
	out := make([]cty.Value, len(all))
	for i, e := range all {
		var ok bool
		if out[i], ok = f.part(e); !ok {
			return nil, false
		}
	}
	return out, true
}

// literal stands for a part that is evaluated, so that hcl can do the rest.
func literal(v cty.Value) hclsyntax.Expression { return &hclsyntax.LiteralValueExpr{Val: v} }

// finished is what hcl makes of an expression of literals.
func finished(e hclsyntax.Expression) (cty.Value, bool) {
	v, diags := e.Value(nil)
	return v, !diags.HasErrors()
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
	if is.IsNull() {
		return cty.NilVal, false
	}
	if !is.IsKnown() {
		branches, ok := f.parts([]hclsyntax.Expression{e.TrueResult, e.FalseResult})
		if !ok {
			return cty.NilVal, false
		}
		return choice(is.WithMarks(marks), branches[0], branches[1])
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
		switch {
		case !ok:
			return cty.NilVal, false
		case v.Type().Equals(t):
		case is.True():
			return choice(is.WithMarks(marks), out, v)
		default:
			return choice(is.WithMarks(marks), v, out)
		}
	}
	return out.WithMarks(marks), true
}

// choice is a condition whose result takes after both branches.
func choice(is, yes, no cty.Value) (cty.Value, bool) {
	return finished(&hclsyntax.ConditionalExpr{Condition: literal(is), TrueResult: literal(yes), FalseResult: literal(no)})
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
	of, known := f.run.function(e.Name)
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
		v, failed, ok := f.attempt(e)
		switch {
		case !ok:
			return cty.NilVal, false
		case failed:
			continue
		case v.IsWhollyKnown():
			return v, true
		}
		_, marks := v.UnmarkDeep() // what is not known may yet fail
		return cty.DynamicVal.WithMarks(marks), true
	}
	return cty.NilVal, false
}

// attempt evaluates an expression, and tells whether that fails anywhere in it.
func (f frame) attempt(e hclsyntax.Expression) (v cty.Value, failed, ok bool) {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.Val, false, true
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			return e.Parts[0].(*hclsyntax.LiteralValueExpr).Val, false, true
		}
	case *hclsyntax.TupleConsExpr:
		if len(e.Exprs) == 0 {
			return cty.EmptyTupleVal, false, true
		}
	case *hclsyntax.ScopeTraversalExpr:
		if _, bound := f.bound[e.Traversal.RootName()]; bound || isOfOne(e.Traversal) {
			value, rest := f.resolve(e.Traversal, nil)
			out, diags := rest.TraverseRel(value)
			return out, diags.HasErrors(), true
		}
	}
	vars, _, ok := f.variables(e)
	if !ok {
		return cty.NilVal, false, false
	}
	v, diags := e.Value(f.context(e, vars))
	return v, diags.HasErrors(), true
}

// text joins the parts of a text.
func (f frame) text(e *hclsyntax.TemplateExpr) (cty.Value, bool) {
	parts, ok := f.parts(e.Parts)
	if !ok {
		return cty.NilVal, false
	}
	text := make([]byte, 0, 64)
	var marks []cty.ValueMarks
	for _, part := range parts {
		v, err := convert.Convert(part, cty.String)
		if err != nil {
			return cty.NilVal, false
		}
		v, more := v.Unmark()
		if v.IsNull() {
			return cty.NilVal, false
		}
		if !v.IsKnown() {
			return unknownText(parts)
		}
		if len(more) > 0 {
			marks = append(marks, more)
		}
		text = append(text, v.AsString()...)
	}
	return cty.StringVal(string(text)).WithMarks(marks...), true
}

func unknownText(parts []cty.Value) (cty.Value, bool) {
	literals := make([]hclsyntax.Expression, len(parts))
	for i, v := range parts {
		literals[i] = literal(v)
	}
	return finished(&hclsyntax.TemplateExpr{Parts: literals})
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

// relative evaluates steps from what is no reference. An index that is evaluated
// makes it one.
func (f frame) relative(e *hclsyntax.RelativeTraversalExpr) (cty.Value, bool) {
	var value cty.Value
	rest := e.Traversal
	if t, ok := f.indexed(e); ok {
		value, rest = f.resolve(t, nil)
	} else if value, ok = f.part(e.Source); !ok {
		return value, false
	}
	if len(rest) == 0 {
		return value, true
	}
	out, diags := rest.TraverseRel(value)
	return out, !diags.HasErrors()
}

// indexed returns something like aws_instance.web[count.index].id as a reference.
func (f frame) indexed(e *hclsyntax.RelativeTraversalExpr) (hcl.Traversal, bool) {
	index, ok := e.Source.(*hclsyntax.IndexExpr)
	if !ok {
		return nil, false
	}
	of, ok := index.Collection.(*hclsyntax.ScopeTraversalExpr)
	if !ok {
		return nil, false
	}
	key, ok := f.part(index.Key)
	if !ok || key.IsMarked() || !key.IsKnown() || key.IsNull() || !key.Type().IsPrimitiveType() {
		return nil, false
	}
	t := slices.Concat(of.Traversal, hcl.Traversal{hcl.TraverseIndex{Key: key, SrcRange: index.SrcRange}}, e.Traversal)
	_, bound := f.bound[t.RootName()]
	return t, bound || isOfOne(t)
}

// splat evaluates an attribute of all elements.
func (f frame) splat(e *hclsyntax.SplatExpr) (cty.Value, bool) {
	if each, ok := e.Each.(*hclsyntax.RelativeTraversalExpr); ok {
		if _, ok := each.Source.(*hclsyntax.AnonSymbolExpr); !ok {
			return cty.NilVal, false
		}
	} else if _, ok := e.Each.(*hclsyntax.AnonSymbolExpr); !ok {
		return cty.NilVal, false
	}
	var value cty.Value
	if t, ok := e.Source.(*hclsyntax.ScopeTraversalExpr); ok {
		var rest hcl.Traversal
		value, rest = f.resolve(t.Traversal, f.mod.look(e))
		if len(rest) > 0 {
			var diags hcl.Diagnostics
			if value, diags = rest.TraverseRel(value); diags.HasErrors() {
				return value, false
			}
		}
	} else if value, ok = f.part(e.Source); !ok {
		return value, false
	}
	of := *e
	of.Source = literal(value)
	return finished(&of)
}

// newObject makes an object whose keys are known.
func (f frame) newObject(e *hclsyntax.ObjectConsExpr) (cty.Value, bool) {
	all := make(map[string]cty.Value, len(e.Items))
	for _, item := range e.Items {
		key, ok := f.key(item.KeyExpr)
		if !ok {
			return cty.NilVal, false
		}
		if all[key], ok = f.part(item.ValueExpr); !ok {
			return cty.NilVal, false
		}
	}
	return cty.ObjectVal(all), true
}

// key returns the key of an object's item if it is a text and comes from nowhere.
func (f frame) key(e hclsyntax.Expression) (string, bool) {
	if name := hcl.ExprAsKeyword(e); name != "" {
		return name, true
	}
	k, ok := e.(*hclsyntax.ObjectConsKeyExpr)
	if !ok {
		return "", false
	}
	switch k.Wrapped.(type) {
	case *hclsyntax.TemplateExpr, *hclsyntax.ParenthesesExpr:
	default:
		return "", false
	}
	v, ok := f.part(k.Wrapped)
	if !ok || v.IsMarked() || !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return "", false
	}
	return v.AsString(), true
}
