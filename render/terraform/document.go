package terraform

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// document is the policy that a data source computes, with the places of its parts.
type document struct {
	tree   *resource.Value
	text   cty.Value
	google bool
}

const (
	iamDocument  = "aws_iam_policy_document"
	googlePolicy = "google_iam_policy"
)

// document evaluates a policy document; nil if the instance is none.
func (i *instance) document() *document {
	kind := i.block.label(0)
	if i.block.Type != "data" || kind != iamDocument && kind != googlePolicy {
		return nil
	}
	if i.doc == nil {
		i.doc = &document{text: unknown("the policy document hangs on itself"), google: kind == googlePolicy}
		if i.doc.google {
			i.doc = i.googleDocument()
		} else {
			i.doc = i.newDocument()
		}
	}
	return i.doc
}

// googleDocument makes the policy of Google Cloud that the blocks of a data source
// describe.
func (i *instance) googleDocument() *document {
	body := i.body(i.block.Body, i.block.span(), isMeta)
	out := &resource.Value{Kind: resource.Map, Span: body.Span}
	for _, f := range body.Fields {
		switch f.Key {
		case "binding":
			out.Fields = append(out.Fields, resource.Field{Key: "bindings", KeySpan: f.KeySpan, Value: f.Value})
		case "audit_config":
			out.Fields = append(out.Fields, resource.Field{Key: "auditConfigs", KeySpan: f.KeySpan, Value: f.Value})
		}
	}
	return &document{tree: out, text: encode(out), google: true}
}

// newDocument makes what the provider makes: the statements of source documents,
// those that are written, and those that override others by their Sid.
func (i *instance) newDocument() *document {
	body := i.block.Body
	out := &resource.Value{Kind: resource.Map, Span: i.block.span()}
	version := &resource.Value{Kind: resource.String, Str: "2012-10-17", Span: spanOf(i.block.DefRange())}
	if a := body.Attributes["version"]; a != nil {
		version = i.value(a.Expr)
	}
	out.Put("Version", version)
	if a := body.Attributes["policy_id"]; a != nil {
		out.Put("Id", i.value(a.Expr))
	}
	list := &resource.Value{Kind: resource.List, Span: i.block.span()}
	reason := ""
	add := func(statements []*resource.Value, replace bool) {
		for _, one := range statements {
			list.Items = putStatement(list.Items, one, replace)
		}
	}
	from := func(replace bool, names ...string) {
		for _, name := range names {
			a := body.Attributes[name]
			if a == nil {
				continue
			}
			statements, why := i.statementsOf(a.Expr, 0)
			add(statements, replace)
			if reason == "" {
				reason = why
			}
		}
	}
	from(false, "source_json", "source_policy_documents")
	i.blocks(body, func(kind string, b *hclsyntax.Block, in frame, why string) {
		switch {
		case kind != "statement":
		case why != "":
			reason = why
		case b != nil:
			add([]*resource.Value{in.statement(b, version.Str)}, true)
		}
	})
	from(true, "override_json", "override_policy_documents")
	if reason != "" {
		list.Items = append(list.Items, resource.NewUnknown(reason, i.block.span()))
	}
	out.Put("Statement", list)
	doc := &document{tree: out}
	doc.text = encode(out)
	return doc
}

// encode returns the JSON of a tree, as far as that is known.
func encode(v *resource.Value) cty.Value {
	if open, refs := whyUnknown(v); open != "" {
		marks := cty.NewValueMarks(because(open))
		for _, ref := range refs {
			marks[refers(ref)] = struct{}{}
		}
		return cty.UnknownVal(cty.String).WithMarks(marks)
	}
	return cty.StringVal(string(resource.EncodeJSON(v)))
}

// whyUnknown returns why some part of a tree is not known, and what that refers to.
func whyUnknown(v *resource.Value) (reason string, refs []string) {
	if v == nil {
		return "", nil
	}
	refs = v.Refs()
	reason = v.Unknown()
	step := func(part *resource.Value) {
		why, more := whyUnknown(part)
		if reason == "" {
			reason = why
		}
		for _, ref := range more {
			if !slices.Contains(refs, ref) {
				refs = append(slices.Clip(refs), ref)
			}
		}
	}
	for _, item := range v.Items {
		step(item)
	}
	for _, f := range v.Fields {
		step(f.Value)
	}
	return reason, refs
}

func putStatement(all []*resource.Value, one *resource.Value, replace bool) []*resource.Value {
	if sid := one.Get("Sid").Text(); sid != "" && replace {
		for i, old := range all {
			if old.Get("Sid").Text() == sid {
				all[i] = one
				return all
			}
		}
	}
	return append(all, one)
}

// statementsOf returns the statements of one document or of a list of them, and why
// not all are known.
func (f frame) statementsOf(e hclsyntax.Expression, depth int) (all []*resource.Value, reason string) {
	if list, ok := e.(*hclsyntax.TupleConsExpr); ok && depth < maxNesting {
		for _, item := range list.Exprs {
			some, why := f.statementsOf(item, depth+1)
			all = append(all, some...)
			if reason == "" {
				reason = why
			}
		}
		return all, reason
	}
	if doc := f.decoded(e, 0); doc != nil {
		return statements(doc)
	}
	if origin, in, ok := f.expression(e); ok && depth < maxNesting {
		return in.statementsOf(origin, depth+1)
	}
	return statementsIn(f.eval(e), spanOf(e.Range()))
}

func statementsIn(v cty.Value, span source.Span) (all []*resource.Value, reason string) {
	v, marks := v.Unmark()
	switch {
	case !v.IsKnown():
		return nil, reasonOf(marks)
	case v.IsNull():
		return nil, ""
	case v.Type() == cty.String:
		if strings.TrimSpace(v.AsString()) == "" {
			return nil, ""
		}
		doc := decodeAt(v.AsString(), span)
		if doc == nil {
			return nil, "a source of the policy document is no JSON"
		}
		return statements(doc)
	case v.CanIterateElements():
		for it := v.ElementIterator(); it.Next(); {
			_, item := it.Element()
			some, why := statementsIn(item, span)
			all = append(all, some...)
			if reason == "" {
				reason = why
			}
		}
	}
	return all, reason
}

func statements(doc *resource.Value) ([]*resource.Value, string) {
	list := doc.Get("Statement")
	switch {
	case doc.Unknown() != "":
		return nil, doc.Unknown()
	case list == nil:
		return nil, ""
	case list.Unknown() != "":
		return nil, list.Unknown()
	case list.Kind == resource.List:
		return list.Items, ""
	}
	return []*resource.Value{list}, ""
}

// decodeAt decodes JSON all of which stands at one place; nil if it is none.
func decodeAt(text string, span source.Span) *resource.Value {
	if len(text) > maxSize {
		return nil
	}
	doc, err := resource.ParseJSON(source.NewFile("", []byte(text)))
	if err != nil {
		return nil
	}
	return at(doc.Root, span)
}

// at returns a copy of a tree that stands at one place.
func at(v *resource.Value, span source.Span) *resource.Value {
	out := *v
	out.Span = span
	out.Items = slices.Clone(v.Items)
	for i, item := range out.Items {
		out.Items[i] = at(item, span)
	}
	out.Fields = slices.Clone(v.Fields)
	for i, f := range out.Fields {
		out.Fields[i].KeySpan, out.Fields[i].Value = span, at(f.Value, span)
	}
	return &out
}

// lists are the arguments of statements that hold lists, and what they are called
// in a policy.
var lists = []struct{ argument, name string }{
	{"actions", "Action"}, {"not_actions", "NotAction"}, {"resources", "Resource"}, {"not_resources", "NotResource"},
}

// statement returns a statement as it is in the policy.
func (f frame) statement(b *hclsyntax.Block, version string) *resource.Value {
	out := &resource.Value{Kind: resource.Map, Span: spanOf(b.Range())}
	put := func(a *hclsyntax.Attribute, key string, v *resource.Value) {
		if v != nil && (v.Kind != resource.Null || v.Unknown() != "") {
			out.Fields = append(out.Fields, resource.Field{Key: key, KeySpan: spanOf(a.NameRange), Value: v})
		}
	}
	if a := b.Body.Attributes["sid"]; a != nil {
		put(a, "Sid", f.value(a.Expr))
	}
	if a := b.Body.Attributes["effect"]; a != nil {
		put(a, "Effect", f.value(a.Expr))
	} else {
		out.Fields = append(out.Fields, resource.Field{Key: "Effect", KeySpan: spanOf(b.DefRange()), Value: resource.NewText("Allow", spanOf(b.DefRange()))})
	}
	for _, l := range lists {
		if a := b.Body.Attributes[l.argument]; a != nil {
			put(a, l.name, one(vars(f.value(a.Expr), version)))
		}
	}
	f.blocks(b.Body, func(kind string, inner *hclsyntax.Block, in frame, why string) {
		name := map[string]string{"principals": "Principal", "not_principals": "NotPrincipal", "condition": "Condition"}[kind]
		switch {
		case name == "" || inner == nil:
		case why != "":
			out.Fields = setField(out.Fields, resource.Field{Key: name, KeySpan: spanOf(inner.TypeRange), Value: resource.NewUnknown(why, spanOf(inner.DefRange()))})
		case kind == "condition":
			in.condition(out, inner, version)
		default:
			in.principals(out, name, inner, version)
		}
	})
	return out
}

// group returns the map of a field, which is put there if it is not.
func group(out *resource.Value, name string, span source.Span) *resource.Value {
	found := out.Get(name)
	if found == nil || found.Kind != resource.Map {
		if found != nil && found.Unknown() != "" {
			return nil
		}
		found = &resource.Value{Kind: resource.Map, Span: span}
		out.Fields = setField(out.Fields, resource.Field{Key: name, KeySpan: span, Value: found})
	}
	return found
}

func (f frame) principals(out *resource.Value, name string, b *hclsyntax.Block, version string) {
	kind, names := b.Body.Attributes["type"], b.Body.Attributes["identifiers"]
	if kind == nil || names == nil {
		return
	}
	type_, ids := f.value(kind.Expr), vars(f.value(names.Expr), version)
	switch {
	case type_.Text() == "*" && len(ids.Items) == 1 && ids.Items[0].Text() == "*":
		out.Fields = setField(out.Fields, resource.Field{Key: name, KeySpan: spanOf(b.TypeRange), Value: ids.Items[0]})
		return
	case type_.Unknown() != "":
		out.Fields = setField(out.Fields, resource.Field{Key: name, KeySpan: spanOf(b.TypeRange), Value: type_})
		return
	}
	if all := group(out, name, spanOf(b.Range())); all != nil {
		merge(all, type_.Text(), spanOf(names.NameRange), ids)
	}
}

func (f frame) condition(out *resource.Value, b *hclsyntax.Block, version string) {
	test, variable, values := b.Body.Attributes["test"], b.Body.Attributes["variable"], b.Body.Attributes["values"]
	if test == nil || variable == nil || values == nil {
		return
	}
	t, key := f.value(test.Expr), f.value(variable.Expr)
	all := group(out, "Condition", spanOf(b.Range()))
	switch {
	case all == nil:
	case t.Unknown() != "" || key.Unknown() != "":
		open := t
		if key.Unknown() != "" {
			open = key
		}
		out.Fields = setField(out.Fields, resource.Field{Key: "Condition", KeySpan: spanOf(b.TypeRange), Value: open})
	default:
		if of := group(all, t.Text(), spanOf(b.Range())); of != nil {
			merge(of, key.Text(), spanOf(values.NameRange), vars(f.value(values.Expr), version))
		}
	}
}

// merge adds values to a field that may have some.
func merge(out *resource.Value, key string, keySpan source.Span, v *resource.Value) {
	old := out.Get(key)
	switch {
	case old == nil || old.Unknown() != "":
		if old == nil {
			out.Fields = append(out.Fields, resource.Field{Key: key, KeySpan: keySpan, Value: one(v)})
		}
	case v.Unknown() != "":
		out.Fields = setField(out.Fields, resource.Field{Key: key, KeySpan: keySpan, Value: v})
	default:
		both := &resource.Value{Kind: resource.List, Span: old.Span, Items: slices.Concat(itemsOf(old), itemsOf(v))}
		out.Fields = setField(out.Fields, resource.Field{Key: key, KeySpan: keySpan, Value: both})
	}
}

func itemsOf(v *resource.Value) []*resource.Value {
	if v.Kind == resource.List {
		return v.Items
	}
	return []*resource.Value{v}
}

// one returns the only item of a list, as the provider writes it.
func one(v *resource.Value) *resource.Value {
	if v.Unknown() == "" && v.Kind == resource.List && len(v.Items) == 1 {
		return v.Items[0]
	}
	return v
}

// vars returns a tree with &{name} as ${name}, which Terraform would take for its own.
func vars(v *resource.Value, version string) *resource.Value {
	if version == "2008-10-17" {
		return v
	}
	out := v
	change := func() {
		if out == v {
			copied := *v
			copied.Items = slices.Clone(v.Items)
			out = &copied
		}
	}
	if strings.Contains(v.Str, "&{") && v.Kind == resource.String {
		change()
		out.Str = strings.ReplaceAll(v.Str, "&{", "${")
	}
	for i, item := range v.Items {
		if after := vars(item, version); after != item {
			change()
			out.Items[i] = after
		}
	}
	return out
}

// computed returns an attribute that can be told without a provider.
func (i *instance) computed(name string) (cty.Value, bool) {
	if doc := i.document(); doc != nil && doc.named(name) {
		return doc.text, true
	}
	return cty.NilVal, false
}

// named reports whether the attribute with this name is the document.
func (d *document) named(name string) bool {
	if d.google {
		return name == "policy_data"
	}
	return name == "json" || name == "minified_json"
}

// decodedAttr returns what an attribute encodes as JSON.
func (i *instance) decodedAttr(name string, depth int) *resource.Value {
	if doc := i.document(); doc != nil {
		if doc.named(name) {
			return doc.tree
		}
		return nil
	}
	if e := i.block.attr(name); e != nil {
		return i.decoded(e, depth)
	}
	return nil
}
