package terraform

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// spanOf returns the place of a range among all files. What is not finished, as a
// block without its brace, has only a start.
func spanOf(r hcl.Range) source.Span {
	return source.Span{Start: r.Start.Byte, End: max(r.Start.Byte, r.End.Byte)}
}

// value returns the value of an expression, with its places: those of the parts of
// lists and maps that are written there, and else that of the expression.
func (f frame) value(e hclsyntax.Expression) *resource.Value {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return tree(e.Val, spanOf(e.SrcRange))
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			text := e.Parts[0].(*hclsyntax.LiteralValueExpr).Val.AsString()
			out := &resource.Value{Kind: resource.String, Quoted: true, Str: text, Span: spanOf(e.SrcRange)}
			if doc := f.template(e); doc != nil {
				out.Amend().Decoded = doc
			}
			return out
		}
	case *hclsyntax.TupleConsExpr:
		out := &resource.Value{Kind: resource.List, Span: spanOf(e.SrcRange), Items: make([]*resource.Value, len(e.Exprs))}
		for i, item := range e.Exprs {
			out.Items[i] = f.value(item)
		}
		return out
	case *hclsyntax.ObjectConsExpr:
		if out := f.object(e); out != nil {
			return out
		}
	case *hclsyntax.ParenthesesExpr:
		return f.value(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return f.value(e.Wrapped)
	}
	out := tree(f.eval(e), spanOf(e.Range()))
	if out.Kind == resource.String {
		if decoded := f.decoded(e, 0); decoded != nil {
			out.Amend().Decoded = decoded
		}
	}
	return out
}

// object returns a map that is written in place; nil if a key is not known.
func (f frame) object(e *hclsyntax.ObjectConsExpr) *resource.Value {
	out := &resource.Value{Kind: resource.Map, Span: spanOf(e.SrcRange), Fields: make([]resource.Field, 0, len(e.Items))}
	for _, item := range e.Items {
		key := hcl.ExprAsKeyword(item.KeyExpr)
		if key == "" {
			v, _ := f.eval(item.KeyExpr).Unmark()
			if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
				return nil
			}
			key = v.AsString()
		}
		field := resource.Field{Key: key, KeySpan: spanOf(item.KeyExpr.Range()), Value: f.value(item.ValueExpr)}
		out.Fields = setField(out.Fields, field)
	}
	return out
}

func setField(fields []resource.Field, one resource.Field) []resource.Field {
	for i := range fields {
		if fields[i].Key == one.Key {
			fields[i] = one
			return fields
		}
	}
	return append(fields, one)
}

// decoded returns what an expression encodes as JSON, with its places; nil if it is
// not known to encode anything.
func (f frame) decoded(e hclsyntax.Expression, depth int) *resource.Value {
	if depth > maxNesting {
		return nil
	}
	switch e := e.(type) {
	case *hclsyntax.TemplateExpr:
		return f.template(e)
	case *hclsyntax.ParenthesesExpr:
		return f.decoded(e.Expression, depth+1)
	case *hclsyntax.TemplateWrapExpr:
		return f.decoded(e.Wrapped, depth+1)
	case *hclsyntax.FunctionCallExpr:
		if e.Name == "jsonencode" && len(e.Args) == 1 && !e.ExpandFinal {
			return f.value(e.Args[0])
		}
	case *hclsyntax.ConditionalExpr:
		is, _ := f.eval(e.Condition).Unmark()
		switch {
		case !is.IsKnown() || is.IsNull() || is.Type() != cty.Bool:
		case is.True():
			return f.decoded(e.TrueResult, depth+1)
		default:
			return f.decoded(e.FalseResult, depth+1)
		}
	case *hclsyntax.ScopeTraversalExpr:
		if origin, in, ok := f.expression(e); ok {
			return in.decoded(origin, depth+1)
		}
		if i, attr := f.instanceOf(e.Traversal); i != nil {
			return i.decodedAttr(attr, depth+1)
		}
	}
	return nil
}

// instanceOf returns the instance of a resource that a reference leads to, and the
// attribute.
func (f frame) instanceOf(t hcl.Traversal) (*instance, string) {
	if _, bound := f.bound[t.RootName()]; bound {
		return nil, ""
	}
	address, n := resourceAddress(t)
	b := f.mod.resources[address]
	if b == nil {
		return nil, ""
	}
	x := f.expand(b)
	i := x.index(t[n:])
	if i == nil || x.reason != "" {
		return nil, ""
	}
	if x.single == nil {
		n++
	}
	if len(t) != n+1 {
		return nil, ""
	}
	return i, stepName(t[n])
}

// body returns the attributes and nested blocks of a body as a map, without what
// leave names.
func (f frame) body(body *hclsyntax.Body, span source.Span, leave func(string) bool) *resource.Value {
	out := &resource.Value{Kind: resource.Map, Span: span, Fields: make([]resource.Field, 0, len(body.Attributes)+len(body.Blocks))}
	for _, a := range sorted(body) {
		if leave != nil && leave(a.Name) {
			continue
		}
		v := f.value(a.Expr)
		if v.Kind == resource.Null && v.Unknown() == "" {
			continue
		}
		out.Fields = append(out.Fields, resource.Field{Key: a.Name, KeySpan: spanOf(a.NameRange), Value: v})
	}
	if len(body.Blocks) > 0 {
		f.nestedBlocks(out, body, leave)
	}
	return out
}

// nestedBlocks puts the nested blocks of a body into a map, as lists. Which of a kind
// there are may not be known, then nor is the list.
func (f frame) nestedBlocks(out *resource.Value, body *hclsyntax.Body, leave func(string) bool) {
	f.blocks(body, func(kind string, b *hclsyntax.Block, in frame, reason string) {
		if b == nil || leave != nil && leave(kind) {
			return
		}
		list := out.Get(kind)
		if reason != "" {
			out.Fields = setField(out.Fields, resource.Field{Key: kind, KeySpan: spanOf(b.TypeRange), Value: resource.NewUnknown(reason, spanOf(b.DefRange()))})
			return
		}
		item := in.body(b.Body, spanOf(b.Range()), nil)
		for i, label := range b.Labels {
			if len(b.Labels) == len(b.LabelRanges) {
				item.Put(labelNames[min(i, len(labelNames)-1)], resource.NewText(label, spanOf(b.LabelRanges[i])))
			}
		}
		switch {
		case kind == "timeouts":
			out.Fields = setField(out.Fields, resource.Field{Key: kind, KeySpan: spanOf(b.TypeRange), Value: item})
		case list == nil:
			list = &resource.Value{Kind: resource.List, Span: item.Span, Items: []*resource.Value{item}}
			out.Fields = append(out.Fields, resource.Field{Key: kind, KeySpan: spanOf(b.TypeRange), Value: list})
		case list.Unknown() == "" && list.Kind == resource.List:
			list.Items = append(list.Items, item)
			list.Span.End = max(list.Span.End, item.Span.End)
		}
	})
}

// labelNames are the names that labels of nested blocks have in the tree.
var labelNames = []string{"type", "label"}
