package cel

import (
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"

	"github.com/holdfast-dev/holdfast/resource"
)

// What most policies find is that something is missing. What a policy says of an
// object that has none of some keys is settled if it depends on nothing but the shape
// of the object: then it is the same for all objects of a kind and a shape, to the
// place. A policy is settled if all that it looks at is: every operand of && and ||
// and every branch, since the places to blame depend on them, too.

// standing is how far a part of an expression is settled.
type standing uint8

const (
	open       standing = iota // it depends on more than the shape
	settled                    // it does not
	there                      // it is a map of the tree that is there, with anything in it
	perhapsMap                 // it is an optional, and such a map if it is there
	podSpec                    // it is there, and the shape tells of its lists of containers
	containers                 // it is a list of such maps, and the shape tells how many
	optional                   // it is an optional list of them
)

// settles reports whether the policy is settled in the absence of the keys.
func (g *guarding) settles() bool {
	for _, v := range g.program.validations {
		if v.message != nil || g.stands(v.ast.Expr(), nil) != settled {
			return false
		}
	}
	return !slices.ContainsFunc(slices.Concat(g.program.conditions, g.program.severities), func(x *expression) bool {
		return g.stands(x.ast.Expr(), nil) != settled
	})
}

// bound is how a variable of a comprehension stands.
type bound struct {
	name   string
	as     standing
	parent *bound
}

func (b *bound) find(name string) (standing, bool) {
	for ; b != nil; b = b.parent {
		if b.name == name {
			return b.as, true
		}
	}
	return open, false
}

func (g *guarding) stands(e ast.Expr, vars *bound) standing {
	switch e.Kind() {
	case ast.LiteralKind:
		return settled
	case ast.IdentKind:
		if as, ok := vars.find(e.AsIdent()); ok {
			return as
		}
		switch e.AsIdent() {
		case "object":
			return there
		case "params":
			return settled
		}
	case ast.SelectKind:
		return g.selectionStands(e.AsSelect(), vars)
	case ast.ListKind:
		return g.allSettled(vars, e.AsList().Elements()...)
	case ast.MapKind:
		if e.AsMap().Size() == 0 {
			return settled
		}
	case ast.ComprehensionKind:
		return g.foldStands(e.AsComprehension(), vars)
	case ast.CallKind:
		return g.callStands(e.AsCall(), vars)
	}
	return open
}

func (g *guarding) selectionStands(s ast.SelectExpr, vars *bound) standing {
	switch name := s.FieldName(); {
	case isIdent(s.Operand(), "variables"):
		return g.variableStands(name)
	case isIdent(s.Operand(), "object") && name == "kind" && !s.IsTestOnly():
		return settled
	default:
		switch of := g.stands(s.Operand(), vars); {
		case of == settled, s.IsTestOnly() && (of == there || of == podSpec) && slices.Contains(g.keys, name):
			return settled
		}
	}
	return open
}

// variableStands tells it of a variable. Those of the prelude that are about pods are
// what the shape is about.
func (g *guarding) variableStands(name string) standing {
	if g.platform == resource.Kubernetes {
		switch name {
		case "pod":
			return there
		case "podSpec":
			return podSpec
		case "containers", "runs":
			return containers
		}
	}
	if x := g.variable(name); x != nil {
		return g.stands(x.ast.Expr(), nil)
	}
	return open
}

func (g *guarding) allSettled(vars *bound, all ...ast.Expr) standing {
	for _, e := range all {
		if g.stands(e, vars) != settled {
			return open
		}
	}
	return settled
}

func (g *guarding) callStands(call ast.CallExpr, vars *bound) standing {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	switch call.FunctionName() {
	case operators.OptSelect, operators.OptIndex:
		key, isText := literalText(args[1])
		if of := g.stands(args[0], vars); isText {
			return g.optionalStands(of, key)
		}
	case "orValue":
		if g.stands(args[0], vars) == optional && args[1].Kind() == ast.ListKind && args[1].AsList().Size() == 0 {
			return containers
		}
	case "hasValue", "size":
		if of := g.stands(args[0], vars); of == optional || of == containers {
			return settled
		}
	}
	return g.allSettled(vars, args...)
}

// optionalStands tells it of a selection with a question mark.
func (g *guarding) optionalStands(of standing, key string) standing {
	switch {
	case of == settled:
		return settled
	case of == podSpec && slices.Contains(containerLists, key):
		return optional
	case of != there && of != perhapsMap && of != podSpec:
		return open
	case slices.Contains(g.keys, key):
		return settled
	}
	return perhapsMap
}

func (g *guarding) foldStands(c ast.ComprehensionExpr, vars *bound) standing {
	over, item := g.stands(c.IterRange(), vars), settled
	predicate, _ := quantified(c)
	switch {
	case predicate == nil, c.HasIterVar2(), over != settled && over != containers:
		return open
	case over == containers:
		item = there
	}
	return g.allSettled(&bound{c.IterVar(), item, vars}, predicate)
}
