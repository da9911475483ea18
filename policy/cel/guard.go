package cel

import (
	"errors"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// Most policies are about fields that most resources do not have. The guard of a
// policy are sets of keys without which it passes, or is not asked: a resource that
// has none of them at any depth need not be judged by it. Guards are found by
// evaluating the policy over an object of which nothing is known but that these keys
// are absent. What may be an error is never certain, unless && or || make it so. A
// guard does not see types that are wrong, as a text in the place of a map is: there a
// policy that would give an error passes.

// Guard returns the guard of a policy.
func Guard(p *policy.Policy) (guard policy.Guard, err error) {
	engine, err := New()
	if err != nil {
		return guard, err
	}
	made, err := engine.compile(p, false)
	if err != nil {
		return guard, err
	}
	g := guarding{platform: p.Platform, program: made, prelude: engine.prelude(p.Platform)}
	for _, x := range made.expressions() {
		if x != nil {
			g.collect(x.ast.Expr())
		}
	}
	guard.Pass, guard.Skip = g.fewest(g.passes), g.fewest(g.skips)
	if p.Code == nil {
		guard.Settled = g.fewest(g.settles)
	}
	if len(guard.Pass) > 0 && !slices.ContainsFunc(guard.Pass, func(key string) bool { return !slices.Contains(guard.Settled, key) }) {
		guard.Settled = nil // what lacks these passes anyway
	}
	return guard, g.err
}

// fewest returns keys in whose absence something holds, nil if there are none.
func (g *guarding) fewest(holds func() bool) []string {
	all := g.keys
	defer func() { g.keys = all }()
	if !holds() {
		return nil
	}
	// The outer keys of an expression come first. They are what most resources
	// have, so the last ones are what is kept.
	for _, key := range all {
		with := g.keys
		g.keys = slices.DeleteFunc(slices.Clone(with), func(k string) bool { return k == key })
		if !holds() {
			g.keys = with
		}
	}
	return g.keys
}

// guarding evaluates the expressions of a policy in the absence of keys.
type guarding struct {
	platform resource.Platform
	program  *program
	prelude  []variable
	keys     []string
	seen     map[string]bool // variables whose keys are collected
	err      error
}

// collect notes the keys that an expression, and the variables that it uses, ask for.
func (g *guarding) collect(root ast.Expr) {
	ast.PostOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		key, of := keyOfExpr(e)
		switch {
		case key == "":
		case isIdent(of, "variables"):
			if x := g.variable(key); x != nil && !g.seen[key] {
				if g.seen == nil {
					g.seen = map[string]bool{}
				}
				g.seen[key] = true
				g.collect(x.ast.Expr())
			}
		case !slices.Contains(g.keys, key):
			g.keys = append(g.keys, key)
		}
	}))
	slices.SortStableFunc(g.keys, func(a, b string) int { return usual(b) - usual(a) })
}

// usual ranks keys by how many objects have them: 2 for most, 1 for many.
func usual(key string) int {
	switch key {
	case "apiVersion", "kind", "metadata", "name", "namespace", "labels", "spec", "template", "containers", "image",
		"jobs", "rules", "services", "steps":
		return 2
	case "args", "command", "data", "env", "initContainers", "key", "path", "port", "ports", "resources", "securityContext",
		"selector", "type", "value", "valueFrom", "verbs", "volumeMounts", "volumes":
		return 1
	}
	return 0
}

// keyOfExpr returns the constant key that an expression asks for, and of what.
func keyOfExpr(e ast.Expr) (string, ast.Expr) {
	switch e.Kind() {
	case ast.SelectKind:
		return e.AsSelect().FieldName(), e.AsSelect().Operand()
	case ast.CallKind:
		switch call := e.AsCall(); call.FunctionName() {
		case operators.OptSelect, operators.Index, operators.OptIndex:
			if key, ok := literalText(call.Args()[1]); ok {
				return key, call.Args()[0]
			}
		}
	}
	return "", nil
}

func (g *guarding) variable(name string) *expression {
	for _, all := range [][]variable{g.program.variables, g.prelude} {
		for _, v := range all {
			if v.name == name {
				x, err := v.compile()
				g.err = errors.Join(g.err, err)
				return x
			}
		}
	}
	return nil
}

// passes reports whether the policy passes what has none of the keys, if it is about
// that at all.
func (g *guarding) passes() bool {
	return !slices.ContainsFunc(g.program.validations, func(v validation) bool { return !g.certain(v.expression, types.True) })
}

// skips reports whether the policy is not about what has none of the keys.
func (g *guarding) skips() bool {
	return slices.ContainsFunc(g.program.conditions, func(x *expression) bool { return g.certain(x, types.False) })
}

func (g *guarding) certain(x *expression, what types.Bool) bool {
	return g.eval(x.ast.Expr(), nil).is(what)
}

// is reports whether the value is certainly that.
func (a abstract) is(v ref.Val) bool { return a.certainty == known && !a.fails && a.value == v }

func certainly(v ref.Val) abstract { return abstract{certainty: known, value: v} }

// bindings are the variables of comprehensions.
type bindings struct {
	name   string
	value  abstract
	parent *bindings
}

func (b *bindings) find(name string) (abstract, bool) {
	for ; b != nil; b = b.parent {
		if b.name == name {
			return b.value, true
		}
	}
	return abstract{}, false
}

func (g *guarding) eval(e ast.Expr, vars *bindings) abstract {
	switch e.Kind() {
	case ast.LiteralKind:
		return certainly(e.AsLiteral())
	case ast.IdentKind:
		if v, ok := vars.find(e.AsIdent()); ok {
			return v
		}
		if named := typeByName[e.AsIdent()]; named != nil {
			return certainly(named)
		}
		return abstract{foreign: e.AsIdent() != "object"}
	case ast.SelectKind:
		s := e.AsSelect()
		if isIdent(s.Operand(), "variables") {
			if x := g.variable(s.FieldName()); x != nil {
				return g.eval(x.ast.Expr(), nil)
			}
		}
		of := g.eval(s.Operand(), vars)
		if s.IsTestOnly() {
			if g.absent(of, s.FieldName()) {
				return abstract{certainty: known, value: types.False, fails: of.fails}
			}
			return abstract{fails: of.fails}
		}
		if isIdent(s.Operand(), "object") && (s.FieldName() == "kind" || s.FieldName() == "apiVersion") {
			return abstract{} // every object has them
		}
		return g.field(of, s.FieldName())
	case ast.ListKind:
		out := abstract{certainty: several}
		for _, item := range e.AsList().Elements() {
			v := g.eval(item, vars)
			out.list = append(out.list, v)
			out.fails = out.fails || v.fails
		}
		if len(e.AsList().OptionalIndices()) > 0 {
			return nothing
		}
		return out
	case ast.MapKind:
		if e.AsMap().Size() == 0 {
			return abstract{certainty: several}
		}
		return nothing
	case ast.ComprehensionKind:
		return g.fold(e.AsComprehension(), vars)
	case ast.CallKind:
		return g.call(e.AsCall(), vars)
	}
	return nothing
}

// absent reports whether a value certainly lacks a key.
func (g *guarding) absent(of abstract, key string) bool {
	return of.certainty == anything && !of.foreign && slices.Contains(g.keys, key) || of.empty()
}

// field is what a selection without a question mark gives.
func (g *guarding) field(of abstract, key string) abstract {
	if of.certainty == none || of.certainty == perhaps {
		return g.optional(of, key)
	}
	return abstract{foreign: of.foreign, fails: true}
}

// optional is what a selection with a question mark gives.
func (g *guarding) optional(of abstract, key string) abstract {
	switch of.certainty {
	case none:
		return of
	case perhaps:
		of.certainty = anything
	}
	if of.empty() || key != "" && g.absent(of, key) {
		return abstract{certainty: none, fails: of.fails}
	}
	return abstract{certainty: perhaps, foreign: of.foreign, fails: of.fails}
}

func (g *guarding) call(call ast.CallExpr, vars *bindings) abstract {
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	eval := func(i int) abstract { return g.eval(args[i], vars) }
	switch name := call.FunctionName(); name {
	case operators.OptSelect, operators.OptIndex:
		key, _ := literalText(args[1])
		return g.optional(eval(0), key)
	case operators.Index:
		key, _ := literalText(args[1])
		return g.field(eval(0), key)
	case "orValue", "or":
		return either(eval(0), func() abstract { return eval(1) }, name == "orValue")
	case "hasValue":
		of := eval(0)
		if of.certainty == none {
			return abstract{certainty: known, value: types.False, fails: of.fails}
		}
		return abstract{fails: of.fails}
	case operators.LogicalAnd:
		return logical(args, eval, types.False)
	case operators.LogicalOr:
		return logical(args, eval, types.True)
	case operators.LogicalNot:
		if v := eval(0); v.certainty == known {
			if b, ok := v.value.(types.Bool); ok {
				return abstract{certainty: known, value: !b, fails: v.fails}
			}
		} else {
			return abstract{fails: v.fails}
		}
	case operators.NotStrictlyFalse:
		if v := eval(0); v.is(types.False) {
			return certainly(types.False)
		}
		return certainly(types.True)
	case operators.Conditional:
		return choose(eval)
	case operators.Add:
		return sum(eval(0), eval(1))
	case "size":
		if of := eval(0); of.certainty == several {
			return abstract{certainty: known, value: types.Int(len(of.list)), fails: of.fails}
		} else {
			return abstract{fails: of.fails}
		}
	case operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.In:
		return compareAbstract(name, eval(0), eval(1))
	case "startsWith", "endsWith", "contains", "matches", "lowerAscii", "split", "join", "trim", "type", "string":
		return textCall(name, len(args), eval)
	}
	return nothing
}

// fold evaluates a comprehension: over a list item by item, over anything else until
// another item changes nothing.
func (g *guarding) fold(c ast.ComprehensionExpr, vars *bindings) abstract {
	over := g.eval(c.IterRange(), vars)
	accumulated := g.eval(c.AccuInit(), vars)
	step := func(item abstract) abstract {
		inner := &bindings{c.AccuVar(), accumulated, vars}
		if c.IterVar2() == "" {
			inner = &bindings{c.IterVar(), item, inner}
		} else {
			inner = &bindings{c.IterVar2(), item, &bindings{c.IterVar(), abstract{}, inner}}
		}
		return g.eval(c.LoopStep(), inner)
	}
	switch over.certainty {
	case several:
		for _, item := range over.list {
			accumulated = step(item)
		}
	case anything:
		const enough = 3 // to come to nothing or to an end
		for range enough {
			accumulated = join(accumulated, step(abstract{foreign: over.foreign}))
		}
	default:
		return nothing
	}
	out := g.eval(c.Result(), &bindings{c.AccuVar(), accumulated, vars})
	out.fails = out.fails || over.fails
	return out
}
