package rego

import (
	"context"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// TestFailure is a test of a pack that does not hold.
type TestFailure struct {
	File   *source.File
	Span   source.Span
	Name   string // as the package and the rule
	Reason string
}

// Test runs the tests of a pack: the rules of its modules whose names begin with
// test_. It returns how many there are, and those that do not hold, in the order
// of their places. The error lists mistakes, each a policy.FileError.
func Test(ctx context.Context, pack *policy.Pack) (number int, failures []TestFailure, err error) {
	l := newLoader()
	for _, file := range pack.Modules {
		l.parse(whole(file))
	}
	if len(l.errs) > 0 {
		return 0, nil, l.err()
	}
	tests := l.tests()
	if len(tests) == 0 {
		return 0, nil, nil
	}
	u := &unit{}
	if u.compiler = l.compile(); len(l.errs) > 0 {
		return 0, nil, l.err()
	}
	if err := u.prepare(l); err != nil {
		return 0, nil, err
	}
	for _, test := range tests {
		if reason := u.test(ctx, test.ref); reason != "" {
			test.Reason = reason
			failures = append(failures, test.TestFailure)
		}
	}
	return len(tests), failures, ctx.Err()
}

type test struct {
	TestFailure
	ref ast.Ref
}

// tests returns all tests, each once.
func (l *loader) tests() (all []test) {
	seen := map[string]bool{}
	for _, module := range l.sorted() {
		for _, r := range module.Rules {
			name := nameOf(r)
			ref := module.Package.Path.Append(ast.StringTerm(name))
			if !strings.HasPrefix(name, "test_") || len(r.Head.Args) > 0 || seen[ref.String()] {
				continue
			}
			seen[ref.String()] = true
			t := l.texts[r.Loc().File]
			all = append(all, test{TestFailure{File: t.file, Span: t.span(r.Loc()), Name: strings.TrimPrefix(ref.String(), "data.")}, ref})
		}
	}
	return all
}

// test returns why a test does not hold, or "".
func (u *unit) test(ctx context.Context, ref ast.Ref) string {
	query, err := u.compileQuery(ref.String())
	if err != nil {
		return err.Error()
	}
	found, err := u.ask(ctx, query, nil, u.empty)
	switch {
	case err != nil:
		return err.Error()
	case found == nil:
		return "it is not true: one of its expressions does not hold"
	case found.Compare(ast.Boolean(true)) != 0:
		return "it is " + found.String() + ", not true"
	}
	return ""
}
