// Package rego judges by packs that are written in Rego, as they are:
//
//	module     a file of conftest: the rules deny, violation and warn of any
//	           package, also with _suffixes, are policies, and its rule exception
//	           leaves resources out
//	template   a template of Gatekeeper: with each constraint it is a policy, which
//	           judges input.review.object by input.parameters
//	metadata   annotations (# METADATA) say what a person wants to know of a rule
//	unit       all modules and templates of a pack, compiled together
//	batch      all rules of the modules of a unit: one query for a resource
//	inventory  the resources that are judged together, as data.inventory
//
// A rule sees the object and nothing else: no network, no files, no environment,
// no chance. What it finds is at the path that its result names, else at the value
// that its message quotes, else at the object. Files are read as the current Rego,
// and those that are not in it as that before version 1.
package rego

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// testSuffix ends the names of files with tests, which judge nothing.
const testSuffix = "_test.rego"

// Decode adds to a pack the policies that its modules and templates are. The error
// lists all mistakes, each a policy.FileError.
func Decode(pack *policy.Pack) error {
	var modules []*source.File
	for _, file := range pack.Modules {
		if !strings.HasSuffix(file.Path, testSuffix) {
			modules = append(modules, file)
		}
	}
	if len(modules)+len(pack.Templates) == 0 {
		return nil
	}
	policies, err := newUnit(modules, pack.Templates)
	if err != nil {
		return err
	}
	if len(policies) == 0 && len(modules) > 0 {
		return &policy.FileError{File: modules[0], Message: "no rule decides anything",
			Suggestion: "rules that do are called deny, violation or warn, or begin with that and an underscore"}
	}
	pack.Policies = append(pack.Policies, policies...)
	slices.SortStableFunc(pack.Policies, func(a, b *policy.Policy) int { return strings.Compare(a.ID, b.ID) })
	return policy.Unique(pack)
}

// newUnit parses and compiles what is in a pack, and returns its policies.
func newUnit(files []*source.File, templates []policy.Template) ([]*policy.Policy, error) {
	l := newLoader()
	for _, file := range files {
		l.parse(whole(file))
	}
	related := l.inventory
	policies, rules := l.policies()
	for _, t := range templates {
		policies = append(policies, l.template(t)...)
	}
	if len(l.errs) > 0 {
		return nil, l.err()
	}
	u := &unit{rules: rules, related: related, exceptions: l.exceptions()}
	if len(rules) > 0 {
		l.modules[batchModule] = u.batch()
	}
	u.compiler = l.compile()
	if len(l.errs) > 0 {
		return nil, l.err()
	}
	if err := u.prepare(l); err != nil {
		return nil, fmt.Errorf("preparing the rules of a pack: %w", err)
	}
	return policies, nil
}

// err returns all mistakes, by file and place.
func (l *loader) err() error {
	slices.SortStableFunc(l.errs, func(a, b error) int {
		x, _ := errors.AsType[*policy.FileError](a)
		y, _ := errors.AsType[*policy.FileError](b)
		if x == nil || y == nil {
			return 0
		}
		return cmpPlace(x, y)
	})
	return errors.Join(l.errs...)
}

func cmpPlace(a, b *policy.FileError) int {
	if c := strings.Compare(a.File.Path, b.File.Path); c != 0 {
		return c
	}
	return a.Span.Start - b.Span.Start
}

// sorted returns the modules in the order of their names.
func (l *loader) sorted() []*ast.Module {
	var all []*ast.Module
	for _, name := range slices.Sorted(maps.Keys(l.modules)) {
		all = append(all, l.modules[name])
	}
	return all
}
