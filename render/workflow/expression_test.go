package workflow

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// sketch writes an expression in prefix form.
func sketch(n *node) string {
	if ref := n.reference(); ref != "" && n.kind != name {
		return ref
	}
	switch n.kind {
	case literal:
		if n.quoted {
			return fmt.Sprintf("%q", n.text)
		}
		return n.text
	case name:
		return n.text
	case property:
		return sketch(n.args[0]) + "." + n.text
	}
	parts := []string{n.text}
	if n.kind == index {
		parts[0] = "index"
	}
	for _, arg := range n.args {
		parts = append(parts, sketch(arg))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

func TestExpressions(t *testing.T) {
	for _, test := range []struct{ text, want, reason string }{
		{"github.actor", "github.actor", "a property"},
		{" GitHub . Event . issue.TITLE ", "github.event.issue.title", "contexts do not tell cases apart"},
		{"github.event['issue'].title", "github.event.issue.title", "a literal key"},
		{"github.event.commits[0].message", "github.event.commits.*.message", "an item can be any"},
		{"github.event.commits.*.author['name']", "github.event.commits.*.author.name", "a filter"},
		{"github.event.commits[*].id", "github.event.commits.*.id", "a filter in brackets"},
		{"env[matrix.name]", "env.*", "a computed key can be any"},
		{"fromJSON(vars.X)[github.event.number].a", "(index (fromJSON vars.x) github.event.number).a", "a key into what is no context"},
		{"!a.b && c || d == 'x'", "(|| (&& (! a.b) c) (== d \"x\"))", "how operators bind"},
		{"a && b && c", "(&& a b c)", "one operator of three"},
		{"a < b == c >= d", "(== (< a b) (>= c d))", "comparisons bind closer than equality"},
		{"(a || b) && !(c)", "(&& (|| a b) (! c))", "parentheses"},
		{"'it''s' != \"\"", "", "double quotes are no strings"},
		{"'it''s'", `"it's"`, "a quote in a string"},
		{"1.5e-3 > -0x1F", "(> 1.5e-3 -0x1F)", "numbers"},
		{"contains(a, 'b') && success()", "(&& (contains a \"b\") (success))", "functions with and without arguments"},
		{"true || false || null || NaN", "(|| true false null NaN)", "literals"},
		{"github.event.pull_request.head-ref_1", "github.event.pull_request.head-ref_1", "names with dashes"},
		{"", "", "nothing"},
		{"a b", "", "two expressions"},
		{"a.", "", "no name behind a dot"},
		{"a['b'", "", "no closing bracket"},
		{"f(a", "", "no closing parenthesis"},
		{"'a", "", "no closing quote"},
		{"a ||", "", "no right side"},
		{"a = b", "", "one equals sign"},
		{"+", "", "a sign alone"},
		{strings.Repeat("(", 60) + "a" + strings.Repeat(")", 60), "", "too deep"},
		{strings.Repeat("!", 60) + "a", "", "too deep"},
		{"a" + strings.Repeat(".b", 200), "", "too deep"},
		{strings.Repeat("a || ", 5000) + "a", "", "too long"},
	} {
		n, err := parseExpression(test.text, 0, len(test.text))
		got := ""
		if err == nil {
			got = sketch(n)
		} else if e, ok := errors.AsType[*expressionError](err); !ok || e.at < 0 || e.at > len(test.text) {
			t.Errorf("%.40s (%s): the error %v has no place", test.text, test.reason, err)
		}
		if got != test.want {
			t.Errorf("%.40s (%s): got %s (%v), want %s", test.text, test.reason, got, err, test.want)
		}
	}
}

func TestUses(t *testing.T) {
	for _, test := range []struct{ text, want, reason string }{
		{"a.b", "a.b", "the value itself"},
		{"a.b == c.d", "a.b- c.d-", "compared"},
		{"!a.b", "a.b-", "negated"},
		{"contains(a.b, c.d)", "a.b- c.d-", "a function that gives true or false"},
		{"hashFiles(a.b)", "a.b-", "a hash"},
		{"format('{0}', a.b)", "a.b", "put into a text"},
		{"join(a.*.b, ',')", "a.*.b", "joined"},
		{"toJSON(a.b)", "a.b+json", "as JSON"},
		{"fromJSON(a.b).c", "a.b", "a part of what is in it"},
		{"a.b && c.d || e.f", "a.b- c.d e.f", "a choice: what is asked for is not given"},
		{"a.b || c.d", "a.b c.d", "a default"},
		{"case(a.b, c.d, e.f)", "a.b- c.d e.f", "a choice by a function"},
		{"a[b.c]", "a.* b.c-", "a key"},
	} {
		n, err := parseExpression(test.text, 0, len(test.text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		n.uses(true, false, func(u use) {
			s := u.name
			if !u.flow {
				s += "-"
			}
			if u.json {
				s += "+json"
			}
			got = append(got, s)
		})
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s (%s): got %s, want %s", test.text, test.reason, s, test.want)
		}
	}
}

func FuzzExpression(f *testing.F) {
	for _, text := range []string{
		"github.event.issue.title", "a['b'] && !c || d.*.e == 'f''g'", "contains(fromJSON('[1]'), x[y])", "1e5 < -0x1", "((a))", "a.", "'",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseExpression(text, 0, len(text))
		if err != nil {
			if e, ok := errors.AsType[*expressionError](err); !ok || e.at < 0 || e.at > len(text) {
				t.Fatalf("%q: the error %v has no place", text, err)
			}
			return
		}
		n.visit(func(n *node) {
			if n.start < 0 || n.end > len(text) || n.start >= n.end {
				t.Fatalf("%q: a node is at %d to %d", text, n.start, n.end)
			}
			again, err := parseExpression(text, n.start, n.end)
			if err != nil || sketch(again) != sketch(n) {
				t.Fatalf("%q: what is at %d to %d reads as another expression (%v)", text, n.start, n.end, err)
			}
		})
		n.uses(true, false, func(u use) {
			if u.name == "" || u.node.end > len(text) {
				t.Fatalf("%q: a use without a name or place", text)
			}
		})
	})
}
