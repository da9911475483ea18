package rego

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// templatePackage is above the packages of all templates, which have one each:
// Gatekeeper keeps them apart, and so their names may be the same.
const templatePackage = "holdfast_templates"

// constraint is the code of the policies of a template.
type constraint struct {
	unit  *unit
	ref   ast.Ref // of violation
	query ast.Body

	related bool // it reads the inventory
}

// Others implements policy.Code.
func (c *constraint) Others() bool { return c.related }

// Language implements policy.Code.
func (c *constraint) Language() string { return "Rego" }

// template adds the modules of a template, and returns its policies.
func (l *loader) template(t policy.Template) []*policy.Policy {
	prefix := ast.Ref{ast.DefaultRootDocument, ast.StringTerm(templatePackage), ast.StringTerm(t.Kind)}
	before := l.inventory
	l.inventory = false
	defer func() { l.inventory = l.inventory || before }()
	main := l.parse(embedded(t, t.Rego, ""))
	for i, lib := range t.Libs {
		if module := l.parse(embedded(t, lib, fmt.Sprintf("/lib%d", i))); module != nil {
			l.move(module, prefix)
		}
	}
	if main == nil {
		return nil
	}
	if !slices.ContainsFunc(main.Rules, func(r *ast.Rule) bool { return nameOf(r) == "violation" }) {
		l.errs = append(l.errs, &policy.FileError{File: t.File, Span: t.Rego.Span,
			Message: "the template has no rule violation", Suggestion: "write `violation[{\"msg\": msg}]`, as Gatekeeper asks for it"})
		return nil
	}
	l.move(main, prefix)
	code := &constraint{related: l.inventory, ref: main.Package.Path.Append(ast.StringTerm("violation"))}
	l.templates = append(l.templates, code)
	for _, p := range t.Policies {
		p.Code = code
	}
	return t.Policies
}

func embedded(t policy.Template, v *resource.Value, suffix string) text {
	return text{name: t.File.Path + "#" + t.Kind + suffix, file: t.File, content: v.Text(), value: v.Span}
}

// move puts a module below a package, and what it refers to of libraries as well.
func (l *loader) move(module *ast.Module, prefix ast.Ref) {
	module.Package.Path = moved(module.Package.Path, prefix)
	isLib := func(r ast.Ref) bool {
		return len(r) > 1 && r[0].Equal(ast.DefaultRootDocument) && r[1].Equal(ast.StringTerm("lib"))
	}
	for _, i := range module.Imports {
		if r, ok := i.Path.Value.(ast.Ref); ok && isLib(r) {
			i.Path.Value = moved(r, prefix)
		}
	}
	for _, r := range module.Rules {
		_, err := ast.TransformRefs(r, func(r ast.Ref) (ast.Value, error) {
			if isLib(r) {
				return moved(r, prefix), nil
			}
			return r, nil
		})
		if err != nil {
			l.errs = append(l.errs, err)
		}
	}
}

func moved(r, prefix ast.Ref) ast.Ref { return slices.Concat(prefix, r[1:]) }

// reviewed is the key of the review of a resource, of a Subject.
type reviewed struct{}

// Judge implements policy.Code.
func (c *constraint) Judge(ctx context.Context, p *policy.Policy, s *policy.Subject) ([]policy.Failure, error) {
	object, err := inputOf(s)
	if err != nil {
		return nil, err
	}
	review := s.Once(reviewed{}, func() any { return reviewOf(s.Resource, object) }).(*ast.Term)
	known := true
	in := ast.ObjectTerm(
		ast.Item(ast.StringTerm("review"), review),
		ast.Item(ast.StringTerm("parameters"), termOf(p.ParamValues(), &known)),
	)
	found, err := c.unit.ask(ctx, c.query, in, c.unit.store(s.Set))
	if err != nil {
		return nil, err
	}
	return failuresOf(found, p, s.Resource)
}

// reviewOf is the request to create an object.
func reviewOf(r *resource.Resource, object *ast.Term) *ast.Term {
	fields := [][2]*ast.Term{
		ast.Item(ast.StringTerm("kind"), texts("group", r.ID.Group, "version", r.ID.Version, "kind", r.ID.Kind)),
		ast.Item(ast.StringTerm("operation"), ast.StringTerm("CREATE")),
		ast.Item(ast.StringTerm("name"), ast.StringTerm(r.ID.Name)),
		ast.Item(ast.StringTerm("object"), object),
	}
	if r.ID.Namespace != "" {
		fields = append(fields, ast.Item(ast.StringTerm("namespace"), ast.StringTerm(r.ID.Namespace)))
	}
	return ast.ObjectTerm(fields...)
}

// texts returns an object of keys and texts.
func texts(pairs ...string) *ast.Term {
	var fields [][2]*ast.Term
	for pair := range slices.Chunk(pairs, 2) {
		fields = append(fields, ast.Item(ast.StringTerm(pair[0]), ast.StringTerm(strings.TrimSpace(pair[1]))))
	}
	return ast.ObjectTerm(fields...)
}
