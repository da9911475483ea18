package terraform

import (
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/resource"
)

// emit makes the resources of a module's instance, and those of the modules that it
// calls.
func (s *scope) emit() {
	// What a root that is no trial of a module declares is judged with that module. What
	// a package declares is for those to mend who made it.
	declare := !s.declared[s.mod] && s.tree.packageOf(s.mod.dir) == "" && (s.parent == nil || s.Absorbs(s.dir, s.mod.dir))
	s.declared[s.mod] = true
	for _, b := range s.mod.blocks {
		if s.ctx.Err() != nil {
			return
		}
		switch b.Type {
		case "resource", "data", "ephemeral":
			if len(b.Labels) != 2 {
				continue
			}
			for _, i := range s.expand(b).all {
				s.add(b.kind(), i.address(), b, i.tree())
			}
		case "module":
			s.add("module", s.prefix+"module."+b.label(0), b, s.frame().body(b.Body, b.span(), nil))
			s.calls(b).each((*scope).emit)
		case "variable", "output", "terraform", "provider", "moved", "removed", "import", "check":
			if declare {
				s.declaration(b)
			}
		}
	}
}

// kind returns the kind of a resource.
func (b *block) kind() string {
	if b.Type == "resource" {
		return b.label(0)
	}
	return b.Type + "." + b.label(0)
}

// tree returns the tree of a resource.
func (i *instance) tree() *resource.Value {
	b := i.block
	out := i.body(b.Body, b.span(), isMeta)
	for _, name := range []string{"provider", "depends_on"} {
		if a := b.Body.Attributes[name]; a != nil {
			out.Fields = append(out.Fields, resource.Field{Key: name, KeySpan: spanOf(a.NameRange), Value: i.names(a.Expr)})
		}
	}
	for _, inner := range b.Body.Blocks {
		if isMeta(inner.Type) {
			i.metaBlock(out, inner)
		}
	}
	i.defaultTags(out)
	return out
}

// names returns references as texts: they are not evaluated.
func (r *run) names(e hclsyntax.Expression) *resource.Value {
	if list, ok := e.(*hclsyntax.TupleConsExpr); ok {
		out := &resource.Value{Kind: resource.List, Span: spanOf(list.SrcRange)}
		for _, item := range list.Exprs {
			out.Items = append(out.Items, r.names(item))
		}
		return out
	}
	if l, ok := e.(*hclsyntax.LiteralValueExpr); ok && l.Val.Type() == cty.String && !l.Val.IsNull() {
		return resource.NewText(l.Val.AsString(), spanOf(e.Range()))
	}
	text := ""
	if f := r.fileAt(e.Range().Start.Byte); f != nil {
		text = f.text(e.Range())
	}
	if t, ok := e.(*hclsyntax.TemplateExpr); ok && t.IsStringLiteral() {
		text = t.Parts[0].(*hclsyntax.LiteralValueExpr).Val.AsString()
	}
	return resource.NewText(text, spanOf(e.Range()))
}

// metaBlock puts lifecycle, provisioner and connection into the tree.
func (i *instance) metaBlock(out *resource.Value, b *hclsyntax.Block) {
	f := i.frame.with("self", unknown("self is known while provisioners run"))
	item := &resource.Value{Kind: resource.Map, Span: spanOf(b.Range())}
	for n, label := range b.Labels {
		item.Put(labelNames[min(n, 1)], resource.NewText(label, spanOf(b.LabelRanges[n])))
	}
	for _, a := range sorted(b.Body) {
		var v *resource.Value
		switch a.Name {
		case "ignore_changes", "replace_triggered_by", "when", "on_failure":
			v = i.names(a.Expr)
		default:
			v = f.value(a.Expr)
		}
		item.Fields = append(item.Fields, resource.Field{Key: a.Name, KeySpan: spanOf(a.NameRange), Value: v})
	}
	f.nestedBlocks(item, b.Body, nil)
	if list := out.Get(b.Type); list != nil && list.Kind == resource.List {
		list.Items = append(list.Items, item)
		return
	}
	list := &resource.Value{Kind: resource.List, Span: item.Span, Items: []*resource.Value{item}}
	out.Fields = append(out.Fields, resource.Field{Key: b.Type, KeySpan: spanOf(b.TypeRange), Value: list})
}

// declaration makes a resource of what is no resource to Terraform.
func (s *scope) declaration(b *block) {
	kind, name := b.Type, s.prefix+b.Type
	label := b.label(0)
	switch b.Type {
	case "variable":
		name = s.prefix + "var." + label
	case "output":
		name = s.prefix + "output." + label
	case "provider":
		kind, name = "provider."+label, s.prefix+"provider."+label
		if alias := b.attr("alias"); alias != nil {
			if v, _ := s.frame().eval(alias).Unmark(); v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
				name += "." + v.AsString()
			}
		}
	}
	asText := func(attr string) bool {
		return b.Type == "variable" && attr == "type" || b.Type == "moved" || b.Type == "removed" && attr == "from" || b.Type == "import" && (attr == "to" || attr == "provider") || attr == "depends_on"
	}
	out := s.frame().body(b.Body, b.span(), func(n string) bool {
		return asText(n) || n == "validation" || n == "precondition" || n == "postcondition" || n == "assert"
	})
	for _, a := range sorted(b.Body) {
		if asText(a.Name) {
			out.Fields = append(out.Fields, resource.Field{Key: a.Name, KeySpan: spanOf(a.NameRange), Value: s.names(a.Expr)})
		}
	}
	for _, inner := range b.Body.Blocks {
		if inner.Type != "validation" && inner.Type != "precondition" {
			continue
		}
		item := &resource.Value{Kind: resource.Map, Span: spanOf(inner.Range())}
		for _, a := range sorted(inner.Body) {
			item.Fields = append(item.Fields, resource.Field{Key: a.Name, KeySpan: spanOf(a.NameRange), Value: s.names(a.Expr)})
		}
		list := out.Get(inner.Type)
		if list == nil {
			list = &resource.Value{Kind: resource.List, Span: item.Span}
			out.Fields = append(out.Fields, resource.Field{Key: inner.Type, KeySpan: spanOf(inner.TypeRange), Value: list})
		}
		list.Items = append(list.Items, item)
	}
	if label != "" {
		out.Put("name", resource.NewText(label, spanOf(b.LabelRanges[0])))
	}
	s.add(kind, name, b, out)
}
