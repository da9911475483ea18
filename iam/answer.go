package iam

import (
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// Answer is yes, no, or not known.
type Answer struct {
	Yes     bool
	Unknown string          // why it is not known; empty if it is
	Because *resource.Value // of a yes: what makes it one; a value of the normal form
}

var no = Answer{}

func yes(because *resource.Value) Answer { return Answer{Yes: true, Because: because} }

func unknown(reason string) Answer { return Answer{Unknown: reason} }

// either is yes if a or b is.
func either(a, b Answer) Answer {
	if a.Yes || a.Unknown != "" && !b.Yes {
		return a
	}
	return b
}

// both is yes if a and b are, and is so because of b.
func both(a, b Answer) Answer {
	switch {
	case a.Yes || a.Unknown != "" && b == no:
		return b
	case a.Unknown != "" && (b.Yes || b.Unknown != ""):
		return a
	}
	return no
}

// not turns an answer around, and knows no reason.
func not(a Answer) Answer {
	if a.Unknown != "" {
		return a
	}
	return Answer{Yes: !a.Yes}
}

// anyOf asks about each item of a list of the normal form.
func anyOf(list *resource.Value, ask func(*resource.Value) Answer) (out Answer) {
	if list == nil {
		return no
	}
	if list.Unknown() != "" {
		return unknown(list.Unknown())
	}
	for _, item := range list.Items {
		one := unknown(item.Unknown())
		if item.Unknown() == "" {
			one = ask(item)
		}
		if one.Yes {
			return one
		}
		out = either(out, one)
	}
	return out
}

// is reports whether a value is a text that passes a test.
func is(v *resource.Value, test func(string) bool) Answer {
	if v.Kind == resource.String && test(v.Str) {
		return yes(v)
	}
	return no
}

// Match reports whether a text matches a pattern with `*` and `?`. A wildcard in
// the text is matched by one in the pattern alone, so that the answer is also
// whether one pattern covers another.
func Match(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == text[t] || pattern[p] == '?' && text[t] != '*'):
			p++
			t++
		case star >= 0:
			mark++
			p, t = star+1, mark
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// matchesAction reports whether a pattern of a statement covers an action, or
// another pattern.
func matchesAction(pattern, action string) bool {
	if pattern == "*:*" {
		pattern = "*"
	}
	return Match(strings.ToLower(pattern), strings.ToLower(action))
}

// effect reports whether a statement has an effect, which is Allow or Deny.
func effect(statement *resource.Value, want string) Answer {
	e := statement.Get("effect")
	switch {
	case e == nil:
		return no
	case e.Unknown() != "":
		return unknown(e.Unknown())
	}
	return Answer{Yes: e.Str == want, Because: e}
}

// names reports whether a statement, whatever its effect, is about an action.
func names(statement *resource.Value, action string) Answer {
	covers := func(pattern *resource.Value) Answer {
		return is(pattern, func(p string) bool { return matchesAction(p, action) })
	}
	named := anyOf(statement.Get("actions"), covers)
	others := statement.Get("notActions")
	if others == nil || others.Unknown() == "" && len(others.Items) == 0 {
		return named
	}
	rest := not(anyOf(others, covers))
	if rest.Yes {
		rest.Because = others
	}
	return either(named, rest)
}

// asStatement calls ask, if the statement is known.
func asStatement(statement *resource.Value, ask func() Answer) Answer {
	if statement.Unknown() != "" {
		return unknown(statement.Unknown())
	}
	return ask()
}

// Allows reports whether a statement allows an action, on whatever resource and
// under whatever condition. The action may be a pattern, which must be covered.
func Allows(statement *resource.Value, action string) Answer {
	return asStatement(statement, func() Answer {
		return both(effect(statement, "Allow"), names(statement, action))
	})
}

// AllowedBy reports whether one of the statements allows an action and none denies
// it without a condition on all resources.
func AllowedBy(statements *resource.Value, action string) Answer {
	return allowed(statements, action, func(s *resource.Value) Answer { return Allows(s, action) })
}

// allowed reports whether one of the statements grants an action, and none denies
// it wholly.
func allowed(statements *resource.Value, action string, grants func(*resource.Value) Answer) Answer {
	granted := anyOf(statements, grants)
	if granted == no {
		return no
	}
	denied := anyOf(statements, func(s *resource.Value) Answer { return denies(s, action) })
	return both(not(denied), granted)
}

func denies(s *resource.Value, action string) Answer {
	if conditions := s.Get("conditions"); conditions != nil && (conditions.Unknown() != "" || len(conditions.Items) > 0) {
		return no
	}
	if effect(s, "Deny") == no || names(s, action) == no {
		return no
	}
	all := anyOf(s.Get("resources"), func(r *resource.Value) Answer { return is(r, func(r string) bool { return r == "*" }) })
	return both(both(effect(s, "Deny"), names(s, action)), all)
}

// Everywhere reports whether a statement is about all resources, or all of a type:
// "*", "arn:aws:iam::*:role/*", or all but some. An ARN that is known after it is
// made is that of one resource.
func Everywhere(statement *resource.Value) Answer {
	return asStatement(statement, func() Answer {
		if others := statement.Get("notResources"); others != nil && (others.Unknown() != "" || len(others.Items) > 0) {
			return yes(others)
		}
		return anyOf(statement.Get("resources"), func(r *resource.Value) Answer { return is(r, wide) })
	})
}

// wide reports whether a pattern is that of all resources of a type.
func wide(pattern string) bool {
	if pattern == "*" {
		return true
	}
	parts := strings.SplitN(pattern, ":", 6) // arn:partition:service:region:account:resource
	if len(parts) < 6 || parts[0] != "arn" {
		return strings.Trim(pattern, "*:") == "" && strings.Contains(pattern, "*")
	}
	name := parts[5]
	if untyped := parts[2] == "s3" || parts[2] == "execute-api"; untyped { // the name comes first
		return strings.Trim(name, "*/") == "" && name != ""
	}
	if i := strings.IndexAny(name, "/:"); i >= 0 && !strings.Contains(name[:i], "*") {
		name = name[i+1:]
	}
	return strings.Trim(name, "*/:") == "" && strings.Contains(name, "*")
}
