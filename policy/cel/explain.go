package cel

import (
	"context"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// form is how the parts of a clause decide about the whole.
type form uint8

const (
	leaf   form = iota // the last value that was read is the offending one
	all                // a && b: every part that does not hold
	any_               // a || b: no part holds; what comes first are guards, so the last one
	choice             // a ? b : c: the branch that is taken
	each               // list.all(v, P): P, for every element for which it does not hold
	some               // list.exists(v, P): nothing fits, so the list
)

// clause is a part of a validation, to be asked why it is not as wanted. A
// negation turns what is wanted of its operand around.
type clause struct {
	form    form
	want    bool
	whole   lazyProgram
	operand lazyProgram // the condition of a choice, the range of each and some
	parts   []*clause
	vars    [2]string // of each; the second is set when it goes over keys and values
}

type lazyProgram func() (cel.Program, error)

// clauseOf breaks an expression down as far as its parts can be blamed.
func (x *expression) clauseOf(e ast.Expr, want bool) *clause {
	c := &clause{want: want, whole: x.recording(e)}
	var parts []ast.Expr
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		switch name := call.FunctionName(); {
		case name == operators.LogicalNot:
			return x.clauseOf(call.Args()[0], !want)
		case name == operators.LogicalAnd && want, name == operators.LogicalOr && !want:
			c.form, parts = all, call.Args()
		case name == operators.LogicalOr, name == operators.LogicalAnd:
			c.form, parts = any_, call.Args()
		case name == operators.Conditional:
			c.form, c.operand, parts = choice, x.recording(call.Args()[0]), call.Args()[1:]
		}
	case ast.ComprehensionKind:
		fold := e.AsComprehension()
		predicate, quantifier := quantified(fold)
		switch {
		case predicate == nil:
		case quantifier == operators.LogicalAnd && want, quantifier == operators.LogicalOr && !want:
			c.form, c.operand, parts = each, x.recording(fold.IterRange()), []ast.Expr{predicate}
			c.vars = [2]string{fold.IterVar(), fold.IterVar2()}
		default:
			c.form, c.operand = some, x.recording(fold.IterRange())
		}
	}
	for _, part := range parts {
		c.parts = append(c.parts, x.clauseOf(part, want))
	}
	return c
}

// recording plans a part of the expression, when it is needed, to be evaluated
// over recorded values.
func (x *expression) recording(e ast.Expr) lazyProgram {
	return sync.OnceValues(func() (cel.Program, error) {
		return x.program(e, forRecords)
	})
}

// quantified recognises what all() and exists() are expanded to, and returns
// the predicate with the operator that joins its outcomes.
func quantified(fold ast.ComprehensionExpr) (predicate ast.Expr, operator string) {
	step := fold.LoopStep()
	if step.Kind() != ast.CallKind || !isIdent(fold.Result(), fold.AccuVar()) {
		return nil, ""
	}
	call := step.AsCall()
	if name := call.FunctionName(); name != operators.LogicalAnd && name != operators.LogicalOr {
		return nil, ""
	}
	if !isIdent(call.Args()[0], fold.AccuVar()) {
		return nil, ""
	}
	return call.Args()[1], call.FunctionName()
}

// explanation collects the places that made a validation false.
type explanation struct {
	ctx     context.Context
	rec     *recorder
	limited bool
	places  []*place
}

// explain adds the places to blame for a clause that is not as wanted.
func (x *explanation) explain(c *clause, vars interpreter.Activation) {
	switch c.form {
	case all:
		for _, part := range c.parts {
			if x.fails(part, vars) {
				x.explain(part, vars)
			}
		}
	case any_:
		x.explain(c.parts[len(c.parts)-1], vars)
	case choice:
		if x.eval(c.operand, vars) == types.True {
			x.explain(c.parts[0], vars)
		} else {
			x.explain(c.parts[1], vars)
		}
	case each:
		x.each(c, vars)
	case some:
		x.eval(c.operand, vars)
		x.blame()
	default:
		x.eval(c.whole, vars)
		x.blame()
	}
}

func (x *explanation) blame() {
	if x.rec.last != nil {
		x.places = append(x.places, x.rec.last)
	}
}

// fails reports whether a clause is certainly not as wanted, and forgets what
// it read. Unknown values and errors do not make it fail.
func (x *explanation) fails(c *clause, vars interpreter.Activation) bool {
	before := x.rec.last
	out := x.eval(c.whole, vars)
	x.rec.last = before
	return out == types.Bool(!c.want)
}

func (x *explanation) eval(program lazyProgram, vars interpreter.Activation) ref.Val {
	p, err := program()
	if err != nil {
		return types.WrapErr(err)
	}
	out, err := run(x.ctx, p, vars, x.limited)
	if err != nil {
		return types.WrapErr(err)
	}
	return out
}

func (x *explanation) each(c *clause, vars interpreter.Activation) {
	found := len(x.places)
	x.elements(c, x.eval(c.operand, vars), vars, func(vars interpreter.Activation) {
		if x.fails(c.parts[0], vars) {
			x.explain(c.parts[0], vars)
		}
	})
	if len(x.places) == found {
		x.blame()
	}
}

// elements calls do with each element bound, after its place has been noted.
func (x *explanation) elements(c *clause, over ref.Val, vars interpreter.Activation, do func(interpreter.Activation)) {
	iterable, ok := over.(traits.Iterable)
	if !ok {
		return
	}
	mapper, isMap := over.(traits.Mapper)
	index := types.IntZero
	for it := iterable.Iterator(); it.HasNext() == types.True; index++ {
		one := it.Next()
		if at := placeOf(one); at != nil {
			x.rec.last = at
		}
		switch {
		case c.vars[1] == "":
			do(&binding{parent: vars, name: c.vars[0], value: one})
		case isMap:
			value, _ := mapper.Find(one)
			do(&binding{&binding{vars, c.vars[0], one}, c.vars[1], value})
		default:
			do(&binding{&binding{vars, c.vars[0], index}, c.vars[1], one})
		}
	}
}

// binding is an activation with one more variable.
type binding struct {
	parent interpreter.Activation
	name   string
	value  ref.Val
}

// ResolveName implements interpreter.Activation.
func (b *binding) ResolveName(name string) (any, bool) {
	if name == b.name {
		return b.value, true
	}
	return b.parent.ResolveName(name)
}

// Parent implements interpreter.Activation.
func (b *binding) Parent() interpreter.Activation { return b.parent }
