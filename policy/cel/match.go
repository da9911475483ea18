package cel

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"sync"
	"sync/atomic"
)

// pattern is a regular expression, with texts of which each match holds one: most
// texts hold none, and to see that takes much less time.
type pattern struct {
	literals []string // nil if nothing is known
	anchored bool     // it begins with ^, so that most texts fail it at once
	asked    atomic.Uint32
	dfa      func() *dfa
	regexp   func() *regexp.Regexp
}

func (p *pattern) matches(s string) bool {
	if !p.suits(s) && !p.mayMatch(s) {
		return false
	}
	if d := p.dfa(); d != nil {
		if matches, known := d.matches(s); known {
			return matches
		}
	}
	return p.regexp().MatchString(s)
}

// suits reports whether the automaton takes no longer for a text than to look for the
// literals: one that is asked often enough to be worth making.
func (p *pattern) suits(s string) bool {
	const short, few, often = 128, 2, 16
	return len(s) <= short && (p.anchored || len(p.literals) > few) && (p.asked.Load() >= often || p.asked.Add(1) == often) && p.dfa() != nil
}

func (p *pattern) mayMatch(s string) bool {
	for _, literal := range p.literals {
		if strings.Contains(s, literal) {
			return true
		}
	}
	return p.literals == nil
}

func (p *pattern) find(s string) string {
	if !p.mayMatch(s) {
		return ""
	}
	return p.regexp().FindString(s)
}

func (p *pattern) findAll(s string) []string {
	if !p.mayMatch(s) {
		return nil
	}
	return p.regexp().FindAllString(s, -1)
}

func newPattern(text string) (*pattern, error) {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	p := &pattern{literals: literals(parsed), anchored: isAnchored(parsed)}
	p.dfa = sync.OnceValue(func() *dfa { return newDFA(parsed) })
	p.regexp = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
	return p, nil
}

func isAnchored(re *syntax.Regexp) bool {
	return re.Op == syntax.OpBeginText || re.Op == syntax.OpConcat && isAnchored(re.Sub[0])
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
