package cel

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"

	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// pattern is a regular expression with texts of which each match holds one: most
// texts hold none, and to see that takes much less time.
type pattern struct {
	*regexp.Regexp
	literals []string // nil if nothing is known
}

func (p *pattern) matches(s string) bool {
	for _, literal := range p.literals {
		if strings.Contains(s, literal) {
			return p.MatchString(s)
		}
	}
	return p.literals == nil && p.MatchString(s)
}

func newPattern(text string) (*pattern, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	p := &pattern{Regexp: re}
	if parsed, err := syntax.Parse(text, syntax.Perl); err == nil {
		p.literals = literals(parsed)
	}
	return p, nil
}

// literals returns texts of which every match of the expression holds at least
// one, or nil.
func literals(re *syntax.Regexp) []string {
	const most = 16 // beyond it, the expression itself is as fast
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 && len(re.Rune) > 1 {
			return []string{string(re.Rune)}
		}
	case syntax.OpCapture, syntax.OpPlus:
		return literals(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return literals(re.Sub[0])
		}
	case syntax.OpConcat:
		var best []string
		for _, sub := range re.Sub {
			if found := literals(sub); best == nil || found != nil && len(found) < len(best) {
				best = found
			}
		}
		return best
	case syntax.OpAlternate:
		var all []string
		for _, sub := range re.Sub {
			found := literals(sub)
			if found == nil || len(all)+len(found) > most {
				return nil
			}
			all = append(all, found...)
		}
		return all
	}
	return nil
}

// patterns are the regular expressions that are not constants, by their text. Of
// packs of the program these are few.
type patterns struct{ byText sync.Map }

func (p *patterns) of(text string) (*pattern, error) {
	if found, ok := p.byText.Load(text); ok {
		return found.(*pattern), nil
	}
	made, err := newPattern(text)
	if err == nil {
		p.byText.Store(text, made)
	}
	return made, err
}

// matching plans calls of matches().
func (p *patterns) matching(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || call.Function() != overloads.Matches || len(call.Args()) != 2 {
		return i, nil
	}
	return &match{call.ID(), call.Args()[0], call.Args()[1], p}, nil
}

// match is a call of matches().
type match struct {
	id            int64
	text, pattern interpreter.InterpretableV2
	patterns      *patterns
}

// ID implements interpreter.InterpretableV2.
func (m *match) ID() int64 { return m.id }

// Exec implements interpreter.InterpretableV2.
func (m *match) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	text, pattern := m.text.Exec(frame), m.pattern.Exec(frame)
	for _, v := range []ref.Val{text, pattern} {
		if types.IsUnknownOrError(v) {
			return v
		}
	}
	s, isText := text.(types.String)
	p, isPattern := pattern.(types.String)
	if !isText || !isPattern {
		return types.MaybeNoSuchOverloadErr(text)
	}
	compiled, err := m.patterns.of(string(p))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Bool(compiled.matches(string(s)))
}

// Eval implements interpreter.Interpretable.
func (m *match) Eval(vars interpreter.Activation) ref.Val {
	return m.Exec(interpreter.AsFrame(vars))
}
