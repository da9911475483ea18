// Package hcledit changes one value of a block of HCL, and nothing else of its text.
//
//	Edits    the edits of the text that make changes of a block, one after the other
//	block    holds attributes and nested blocks; in the path of a change nested
//	         blocks of a type are a list, also where there is one alone
//	insert   a new attribute stands with the others, and its equals sign below
//	         theirs, or in a group of its own, as `terraform fmt` leaves it
//
// A value that does not stand there as it is, but comes from a variable or a call, is
// not touched: others may use it. What is written is read again before it counts.
package hcledit

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Edits returns the edits that make changes in the block that begins at an offset of
// the file. Errors are edit.Refusals.
func Edits(file *source.File, start int, changes []edit.Change) ([]source.Edit, error) {
	content := file.Content
	var edits []source.Edit
	for _, c := range changes {
		var err error
		if edits, err = one(file.Path, content, start, c); err != nil {
			return nil, err
		}
		if content, err = source.Apply(content, edits); err != nil {
			return nil, err
		}
	}
	if len(changes) != 1 {
		edits = edit.Lines(file.Content, content)
	}
	return edits, nil
}

func refuse(format string, args ...any) error {
	return &edit.Refusal{Reason: fmt.Sprintf(format, args...)}
}

// one makes one change, and reads the result.
func one(name string, content []byte, start int, c edit.Change) ([]source.Edit, error) {
	b, blocks, err := parse(name, content, start)
	if err != nil {
		return nil, err
	}
	e := &editor{content: content}
	edits, err := e.inBlock(b, c.Path, c)
	if err != nil {
		return nil, err
	}
	after, err := source.Apply(content, edits)
	if err != nil {
		return nil, err
	}
	if _, left, err := parse(name, after, start); err != nil || left != blocks {
		return nil, refuse("the layout of the text around it is not one that can be edited safely")
	}
	return edits, nil
}

// parse returns the block that begins at an offset, and how many there are in all.
func parse(name string, content []byte, start int) (*hclsyntax.Block, int, error) {
	file, diags := hclsyntax.ParseConfig(content, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, 0, refuse("%s is not well-formed", name)
	}
	body := file.Body.(*hclsyntax.Body) //nolint:forcetypeassert // of hclsyntax it always is
	i := slices.IndexFunc(body.Blocks, func(b *hclsyntax.Block) bool { return b.TypeRange.Start.Byte == start })
	if i < 0 {
		return nil, 0, refuse("it is in no block of %s", name)
	}
	return body.Blocks[i], len(body.Blocks), nil
}

// editor makes edits of a text.
type editor struct{ content []byte }

// inBlock changes what is below a block.
func (e *editor) inBlock(b *hclsyntax.Block, path resource.Path, c edit.Change) ([]source.Edit, error) {
	if len(path) == 0 || path[0].IsIndex() {
		return nil, refuse("it is the block itself")
	}
	name := path[0].Name
	attr, nested, dynamic := b.Body.Attributes[name], blocksOf(b, name), isDynamic(b, name)
	switch {
	case dynamic:
		return nil, refuse("the blocks %s are made by an expression", name)
	case attr != nil && len(path) > 1:
		return e.inExpression(attr.Expr, path[1:], c)
	case attr != nil:
		return e.attribute(b, attr, c)
	case len(nested) > 0 && len(path) > 1 && path[1].IsIndex() && path[1].Index() < len(nested):
		if len(path) > 2 {
			return e.inBlock(nested[path[1].Index()], path[2:], c)
		}
		if c.Op == edit.Remove {
			return e.removeLines(b, nested[path[1].Index()].Range())
		}
		return nil, refuse("a whole block is not written anew")
	case len(nested) > 0 && len(path) == 1 && c.Op == edit.Remove:
		var edits []source.Edit
		for _, one := range nested {
			more, err := e.removeLines(b, one.Range())
			if err != nil {
				return nil, err
			}
			edits = append(edits, more...)
		}
		return edits, nil
	case c.Op == edit.Set && len(nested) > 0 && len(path) == 1 && isBlocks(c.Value):
		return e.replaceBlocks(b, nested, c.Value.Items)
	case c.Op == edit.Set && len(nested) > 0 && len(path) == 2 && path[1].IsIndex() && c.Value.Kind == resource.Map:
		return e.addBlocks(b, name, []*resource.Value{c.Value})
	case c.Op == edit.Set && len(nested) == 0 && len(path) == 1:
		if isBlocks(c.Value) {
			return e.addBlocks(b, name, c.Value.Items)
		}
		return e.addAttribute(b, name, c.Value)
	}
	return nil, refuse("%s is not written in the block", path)
}

func blocksOf(b *hclsyntax.Block, kind string) (all []*hclsyntax.Block) {
	for _, one := range b.Body.Blocks {
		if one.Type == kind {
			all = append(all, one)
		}
	}
	return all
}

func isDynamic(b *hclsyntax.Block, kind string) bool {
	return slices.ContainsFunc(b.Body.Blocks, func(one *hclsyntax.Block) bool {
		return one.Type == "dynamic" && len(one.Labels) == 1 && one.Labels[0] == kind
	})
}

// isBlocks reports whether a value is written as nested blocks.
func isBlocks(v *resource.Value) bool {
	return v.Kind == resource.List && len(v.Items) > 0 && !slices.ContainsFunc(v.Items, func(item *resource.Value) bool { return item.Kind != resource.Map })
}

// attribute changes an attribute as a whole.
func (e *editor) attribute(b *hclsyntax.Block, attr *hclsyntax.Attribute, c edit.Change) ([]source.Edit, error) {
	switch c.Op {
	case edit.Remove:
		return e.removeLines(b, attr.SrcRange)
	case edit.Rename:
		return replace(attr.NameRange, c.Key), nil
	}
	return e.expression(attr.Expr, c.Value)
}

// expression writes a value in the place of one that stands there as it is.
func (e *editor) expression(old hclsyntax.Expression, v *resource.Value) ([]source.Edit, error) {
	if !isLiteral(old) {
		return nil, refuse("the value comes from `%s`", e.text(old.Range()))
	}
	text, err := render(v, e.indentAt(old.Range().Start.Byte))
	if err != nil {
		return nil, err
	}
	return replace(old.Range(), text), nil
}

// inExpression changes what is below an expression.
func (e *editor) inExpression(x hclsyntax.Expression, path resource.Path, c edit.Change) ([]source.Edit, error) {
	switch x := x.(type) {
	case *hclsyntax.ParenthesesExpr:
		return e.inExpression(x.Expression, path, c)
	case *hclsyntax.FunctionCallExpr:
		if x.Name == "jsonencode" && len(x.Args) == 1 {
			return e.inExpression(x.Args[0], path, c)
		}
	case *hclsyntax.TupleConsExpr:
		if path[0].IsIndex() {
			return e.inTuple(x, path, c)
		}
	case *hclsyntax.ObjectConsExpr:
		if !path[0].IsIndex() {
			return e.inObject(x, path, c)
		}
	}
	return nil, refuse("the value comes from `%s`", e.text(x.Range()))
}

func (e *editor) inTuple(x *hclsyntax.TupleConsExpr, path resource.Path, c edit.Change) ([]source.Edit, error) {
	i := path[0].Index()
	switch {
	case i < len(x.Exprs) && len(path) > 1:
		return e.inExpression(x.Exprs[i], path[1:], c)
	case i < len(x.Exprs) && c.Op == edit.Set:
		return e.expression(x.Exprs[i], c.Value)
	case i < len(x.Exprs) && c.Op == edit.Remove && i+1 < len(x.Exprs):
		return []source.Edit{{Span: source.Span{Start: x.Exprs[i].Range().Start.Byte, End: x.Exprs[i+1].Range().Start.Byte}}}, nil
	case i < len(x.Exprs) && c.Op == edit.Remove && i > 0:
		return []source.Edit{{Span: source.Span{Start: x.Exprs[i-1].Range().End.Byte, End: x.Exprs[i].Range().End.Byte}}}, nil
	case i < len(x.Exprs) && c.Op == edit.Remove:
		return []source.Edit{{Span: source.Span{Start: x.OpenRange.End.Byte, End: x.SrcRange.End.Byte - 1}}}, nil
	case i == len(x.Exprs) && i > 0 && len(path) == 1 && c.Op == edit.Set:
		text, err := render(c.Value, "")
		last := x.Exprs[i-1].Range().End.Byte
		return []source.Edit{{Span: source.Span{Start: last, End: last}, New: ", " + text}}, err
	}
	return nil, refuse("there is no item %d", i)
}

func (e *editor) inObject(x *hclsyntax.ObjectConsExpr, path resource.Path, c edit.Change) ([]source.Edit, error) {
	for _, item := range x.Items {
		key, diags := item.KeyExpr.Value(nil)
		if diags.HasErrors() || !key.IsKnown() || key.AsString() != path[0].Name {
			continue
		}
		switch {
		case len(path) > 1:
			return e.inExpression(item.ValueExpr, path[1:], c)
		case c.Op == edit.Set:
			return e.expression(item.ValueExpr, c.Value)
		case c.Op == edit.Rename:
			return replace(item.KeyExpr.Range(), keyText(c.Key)), nil
		}
		return e.removeLines(nil, hcl.RangeBetween(item.KeyExpr.Range(), item.ValueExpr.Range()))
	}
	if c.Op != edit.Set || len(path) > 1 || len(x.Items) == 0 {
		return nil, refuse("there is no key %s", path[0].Name)
	}
	first := x.Items[0].KeyExpr.Range().Start
	indent := e.indentAt(first.Byte)
	text, err := render(c.Value, indent)
	if err != nil {
		return nil, err
	}
	between := ", "
	if first.Line > x.OpenRange.Start.Line {
		between = "\n" + indent
	}
	return []source.Edit{{Span: source.Span{Start: first.Byte, End: first.Byte}, New: keyText(path[0].Name) + " = " + text + between}}, nil
}

// isLiteral reports whether an expression says its value by itself.
func isLiteral(x hclsyntax.Expression) bool {
	switch x := x.(type) {
	case *hclsyntax.LiteralValueExpr:
		return true
	case *hclsyntax.TemplateExpr:
		return x.IsStringLiteral()
	case *hclsyntax.UnaryOpExpr:
		return isLiteral(x.Val)
	case *hclsyntax.ParenthesesExpr:
		return isLiteral(x.Expression)
	case *hclsyntax.TupleConsExpr:
		return !slices.ContainsFunc(x.Exprs, func(item hclsyntax.Expression) bool { return !isLiteral(item) })
	case *hclsyntax.ObjectConsExpr:
		return !slices.ContainsFunc(x.Items, func(item hclsyntax.ObjectConsItem) bool {
			_, diags := item.KeyExpr.Value(nil)
			return diags.HasErrors() || !isLiteral(item.ValueExpr)
		})
	}
	return false
}

func replace(r hcl.Range, text string) []source.Edit {
	return []source.Edit{{Span: source.Span{Start: r.Start.Byte, End: r.End.Byte}, New: text}}
}
