package terraform

import (
	"sort"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// placeholder stands in a text for a part that is not known; a number follows.
const placeholder = "holdfast-unknown-"

// written is a text with the places of its parts.
type written struct {
	strings.Builder
	parts []part
	open  []*resource.Value // what placeholders stand for
}

// part is where a part of a text begins, and where it is written.
type part struct {
	start int
	span  source.Span
	exact bool // byte for byte
}

// template decodes a text that is written in place and holds JSON, such as a
// heredoc, with the places of what is in it; nil if it holds none.
func (f frame) template(e *hclsyntax.TemplateExpr) *resource.Value {
	if !looksLikeJSON(e) {
		return nil
	}
	var w written
	for _, p := range e.Parts {
		span := spanOf(p.Range())
		if l, ok := p.(*hclsyntax.LiteralValueExpr); ok && l.Val.Type() == cty.String {
			text := l.Val.AsString()
			if skipped := span.End - span.Start - len(text); skipped > 0 { // the indentation of a heredoc
				span.Start += skipped
			}
			w.add(text, part{w.Len(), span, span.End-span.Start == len(text)})
			continue
		}
		v, marks := f.eval(p).Unmark()
		if text, err := convert.Convert(v, cty.String); err == nil && text.IsKnown() && !text.IsNull() {
			w.add(text.AsString(), part{w.Len(), span, false})
			continue
		}
		w.add(placeholder+strconv.Itoa(len(w.open))+";", part{w.Len(), span, false})
		open := resource.NewUnknown(reasonOf(marks), span)
		if refs := refsOf(marks); refs != nil {
			open.Amend().Refs = refs
		}
		w.open = append(w.open, open)
		if w.Len() > maxSize {
			return nil
		}
	}
	doc, err := resource.ParseJSON(source.NewFile("", []byte(w.String())))
	if err != nil {
		return nil
	}
	return w.placed(doc.Root)
}

func looksLikeJSON(e *hclsyntax.TemplateExpr) bool {
	if len(e.Parts) == 0 {
		return false
	}
	l, ok := e.Parts[0].(*hclsyntax.LiteralValueExpr)
	if !ok || l.Val.Type() != cty.String || l.Val.IsNull() {
		return false
	}
	text := strings.TrimSpace(l.Val.AsString())
	return strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")
}

func (w *written) add(text string, p part) {
	w.WriteString(text)
	w.parts = append(w.parts, p)
}

// place returns where a span of the text is written.
func (w *written) place(s source.Span) source.Span {
	start, exact := w.offset(s.Start)
	end, _ := w.offset(max(s.End-1, s.Start))
	if !exact {
		return source.Span{Start: start, End: max(end, start)}
	}
	return source.Span{Start: start, End: max(end+1, start)}
}

func (w *written) offset(at int) (int, bool) {
	i := sort.Search(len(w.parts), func(i int) bool { return w.parts[i].start > at }) - 1
	if i < 0 {
		return 0, false
	}
	if p := w.parts[i]; p.exact {
		return min(p.span.Start+at-p.start, p.span.End), true
	}
	return w.parts[i].span.Start, false
}

// placed returns a tree with the places in the configuration, and with what is not
// known.
func (w *written) placed(v *resource.Value) *resource.Value {
	out := *v
	out.Span = w.place(v.Span)
	if v.Kind == resource.String {
		if _, rest, ok := strings.Cut(v.Str, placeholder); ok {
			number, _, _ := strings.Cut(rest, ";")
			if n, err := strconv.Atoi(number); err == nil && n < len(w.open) {
				open := *w.open[n]
				open.Span = out.Span
				return &open
			}
		}
	}
	if len(v.Items) > 0 {
		out.Items = make([]*resource.Value, len(v.Items))
		for i, item := range v.Items {
			out.Items[i] = w.placed(item)
		}
	}
	if len(v.Fields) > 0 {
		out.Fields = make([]resource.Field, len(v.Fields))
		for i, f := range v.Fields {
			out.Fields[i] = resource.Field{Key: f.Key, KeySpan: w.place(f.KeySpan), Value: w.placed(f.Value)}
		}
	}
	return &out
}
