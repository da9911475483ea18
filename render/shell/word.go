package shell

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/holdfast-dev/holdfast/resource"
)

// word returns a word without its quotes, with the variables that are known.
func (r *reader) word(w *syntax.Word) *resource.Value {
	if w == nil {
		return resource.NewText("", r.Span(0, 0))
	}
	if len(w.Parts) == 1 { // most are, and need no copy
		return r.text(r.part(w.Parts[0], false), w)
	}
	var b strings.Builder
	for _, p := range w.Parts {
		b.WriteString(r.part(p, false))
	}
	return r.text(b.String(), w)
}

func (r *reader) part(p syntax.WordPart, quoted bool) string {
	switch p := p.(type) {
	case *syntax.Lit:
		return literal(p.Value, quoted)
	case *syntax.SglQuoted:
		return p.Value
	case *syntax.DblQuoted:
		if len(p.Parts) == 1 {
			return r.part(p.Parts[0], true)
		}
		var b strings.Builder
		for _, inner := range p.Parts {
			b.WriteString(r.part(inner, true))
		}
		return b.String()
	case *syntax.ParamExp:
		if value, ok := r.parameter(p); ok {
			return value
		}
	case *syntax.CmdSubst, *syntax.ProcSubst:
		if int(p.End().Offset())-int(p.Pos().Offset()) > maxInline {
			return "$(…)"
		}
	}
	start, end := int(p.Pos().Offset()), min(int(p.End().Offset()), len(r.Text))
	if start >= end {
		return ""
	}
	return r.Text[start:min(end, start+4*maxInline)]
}

// literal removes the backslashes of a text.
func literal(s string, quoted bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch next := s[i+1]; {
			case next == '\n':
				i++
				continue
			case !quoted || strings.IndexByte("\"$`\\", next) >= 0:
				i++
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// parameter returns the value of $X, ${X} or ${X:-default} if it is known.
func (r *reader) parameter(p *syntax.ParamExp) (string, bool) {
	if p.Param == nil || p.Excl || p.Length || p.Width || p.Index != nil || p.Slice != nil || p.Repl != nil || r.Lookup == nil {
		return "", false
	}
	if r.own[p.Param.Value] {
		return "", false
	}
	value, ok := r.Lookup(p.Param.Value)
	if p.Exp == nil {
		return value, ok
	}
	switch p.Exp.Op {
	case syntax.DefaultUnset, syntax.DefaultUnsetOrNull:
		return value, ok && value != ""
	}
	return "", false
}
