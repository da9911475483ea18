package terraform

import (
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/render/tffunc"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Marks of cty values. They go with a value through all functions.
type (
	because = tffunc.Because // why it is not known
	refers  string           // the address of a resource that it comes from
)

const afterApply = because("known after apply")

// unknown returns a value that is not known.
func unknown(reason string) cty.Value { return cty.DynamicVal.Mark(because(reason)) }

func computed(address string) cty.Value {
	return cty.DynamicVal.WithMarks(cty.NewValueMarks(afterApply, refers(address)))
}

// reasonOf returns the reason among marks, or the usual one.
func reasonOf(marks cty.ValueMarks) string {
	found := ""
	for m := range marks {
		if reason, ok := m.(because); ok && (found == "" || reason != afterApply && (found == string(afterApply) || string(reason) < found)) {
			found = string(reason)
		}
	}
	if found == "" {
		return string(afterApply)
	}
	return found
}

func refsOf(marks cty.ValueMarks) (refs []string) {
	for m := range marks {
		if ref, ok := m.(refers); ok {
			refs = append(refs, string(ref))
		}
	}
	slices.Sort(refs)
	return refs
}

// tree returns a value of cty as one that stands at span.
func tree(v cty.Value, span source.Span) *resource.Value {
	var refs []string
	reason := string(afterApply)
	if v.IsMarked() {
		var marks cty.ValueMarks
		v, marks = v.Unmark()
		refs = refsOf(marks)
		reason = reasonOf(marks)
	}
	out := plain(v, span, reason)
	if refs != nil {
		out.Amend().Refs = refs
	}
	return out
}

func plain(v cty.Value, span source.Span, reason string) *resource.Value {
	if !v.IsKnown() {
		return resource.NewUnknown(reason, span)
	}
	if v.IsNull() {
		return &resource.Value{Kind: resource.Null, Span: span}
	}
	switch t := v.Type(); {
	case t == cty.String:
		return &resource.Value{Kind: resource.String, Quoted: true, Str: v.AsString(), Span: span}
	case t == cty.Bool:
		return resource.NewBool(v.True(), span)
	case t == cty.Number:
		return number(v, span)
	case t.IsMapType() || t.IsObjectType():
		out := &resource.Value{Kind: resource.Map, Span: span, Fields: make([]resource.Field, 0, v.LengthInt())}
		for it := v.ElementIterator(); it.Next(); {
			key, item := it.Element()
			key, _ = key.Unmark()
			out.Fields = append(out.Fields, resource.Field{Key: key.AsString(), KeySpan: span, Value: tree(item, span)})
		}
		return out
	case v.CanIterateElements():
		out := &resource.Value{Kind: resource.List, Span: span, Items: make([]*resource.Value, 0, v.LengthInt())}
		for it := v.ElementIterator(); it.Next(); {
			_, item := it.Element()
			out.Items = append(out.Items, tree(item, span))
		}
		return out
	}
	return resource.NewUnknown("a value of a type that cannot be shown", span)
}

func number(v cty.Value, span source.Span) *resource.Value {
	f := v.AsBigFloat()
	if n, exact := f.Int64(); exact == 0 && f.IsInt() {
		return resource.NewInt(n, span)
	}
	n, _ := f.Float64()
	return resource.NewFloat(n, f.Text('g', -1), span)
}

// size estimates how much a value holds, up to a limit.
func size(v cty.Value, limit int) int {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return 16
	}
	t := v.Type()
	if t == cty.String {
		return 16 + len(v.AsString())
	}
	n := 16
	if t.IsPrimitiveType() || !v.CanIterateElements() {
		return n
	}
	for it := v.ElementIterator(); it.Next() && n < limit; {
		_, item := it.Element()
		n += 16 + size(item, limit-n)
	}
	return n
}
