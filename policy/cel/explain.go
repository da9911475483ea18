package cel

import (
	"sync"

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
	whole   part
	operand part // the condition of a choice, the range of each and some
	parts   []*clause
	vars    [2]string // of each; the second is set when it goes over keys and values
	at      int       // of each: where the locals of these are
}

// part is a part of an expression, which is evaluated over recorded values.
type part func(surrounding) ref.Val

// surrounding is what a part sees: names for programs, and locals for nodes.
type surrounding struct {
	*scope
	vars   interpreter.Activation
	locals locals
}

// clauseOf breaks an expression down as far as its parts can be blamed.
func (x *expression) clauseOf(e ast.Expr, want bool, names []string) *clause {
	c := &clause{want: want, whole: x.part(e, names)}
	var parts []ast.Expr
	inner := names
	switch e.Kind() {
	case ast.CallKind:
		call := e.AsCall()
		switch name := call.FunctionName(); {
		case name == operators.LogicalNot:
			return x.clauseOf(call.Args()[0], !want, names)
		case name == operators.LogicalAnd && want, name == operators.LogicalOr && !want:
			c.form, parts = all, call.Args()
		case name == operators.LogicalOr, name == operators.LogicalAnd:
			c.form, parts = any_, call.Args()
		case name == operators.Conditional:
			c.form, c.operand, parts = choice, x.part(call.Args()[0], names), call.Args()[1:]
		}
	case ast.ComprehensionKind:
		fold := e.AsComprehension()
		predicate, quantifier := quantified(fold)
		switch {
		case predicate == nil:
		case quantifier == operators.LogicalAnd && want, quantifier == operators.LogicalOr && !want:
			c.form, c.operand, parts = each, x.part(fold.IterRange(), names), []ast.Expr{predicate}
			c.vars, c.at = [2]string{fold.IterVar(), fold.IterVar2()}, len(names)
			inner = (&builder{locals: names}).within(fold).locals
		default:
			c.form, c.operand = some, x.part(fold.IterRange(), names)
		}
	}
	for _, part := range parts {
		c.parts = append(c.parts, x.clauseOf(part, want, inner))
	}
	return c
}

// part makes a part of the expression ready, when it is needed.
func (x *expression) part(e ast.Expr, names []string) part {
	if x.limited != nil {
		program := x.lazily(e, forRecords)
		return func(in surrounding) ref.Val {
			p, err := program()
			if err != nil {
				return types.WrapErr(err)
			}
			return orError(run(in.ctx, p, in.vars))
		}
	}
	nodes := sync.OnceValues(func() (node, error) { return (&builder{x, names}).build(e) })
	return func(in surrounding) ref.Val {
		n, err := nodes()
		if err != nil {
			return types.WrapErr(err)
		}
		return n.eval(in.scope, in.locals)
	}
}

func orError(out ref.Val, err error) ref.Val {
	if err != nil {
		return types.WrapErr(err)
	}
	return out
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
	rec    *recorder
	places []*place
}

// explain adds the places to blame for a clause that is not as wanted.
func (x *explanation) explain(c *clause, in surrounding) {
	switch c.form {
	case all:
		for _, part := range c.parts {
			x.explainFailing(part, in)
		}
	case any_:
		x.explain(c.parts[len(c.parts)-1], in)
	case choice:
		if c.operand(in) == types.True {
			x.explain(c.parts[0], in)
		} else {
			x.explain(c.parts[1], in)
		}
	case each:
		x.each(c, in)
	case some:
		c.operand(in)
		x.blame()
	default:
		c.whole(in)
		x.blame()
	}
}

func (x *explanation) blame() {
	if x.rec.last != nil {
		x.places = append(x.places, x.rec.last)
	}
}

// explainFailing explains a clause if it is certainly not as wanted. Unknown values
// and errors do not make it so.
func (x *explanation) explainFailing(c *clause, in surrounding) {
	before := x.rec.last
	out := c.whole(in)
	fails := out == types.Bool(!c.want)
	if fails && c.form == leaf {
		x.blame()
		return
	}
	x.rec.last = before
	if fails {
		x.explain(c, in)
	}
}

func (x *explanation) each(c *clause, in surrounding) {
	found := len(x.places)
	x.elements(c, c.operand(in), in, func(in surrounding) { x.explainFailing(c.parts[0], in) })
	if len(x.places) == found {
		x.blame()
	}
}

// elements calls do with each element bound, after its place has been noted.
func (x *explanation) elements(c *clause, over ref.Val, in surrounding, do func(surrounding)) {
	mapper, isMap := over.(traits.Mapper)
	bind := func(index int, one ref.Val) {
		if at := placeOf(one); at != nil {
			x.rec.last = at
		}
		switch {
		case c.vars[1] == "":
			do(in.with(c, one))
		case isMap:
			value, _ := mapper.Find(one)
			do(in.with(c, one, value))
		default:
			do(in.with(c, types.Int(index), one))
		}
	}
	if list, ok := over.(*recordedList); ok {
		for i := range list.Items {
			bind(i, list.Get(types.Int(i)))
		}
		return
	}
	iterable, ok := over.(traits.Iterable)
	if !ok {
		return
	}
	it := iterable.Iterator()
	for i := 0; it.HasNext() == types.True; i++ {
		bind(i, it.Next())
	}
}

// with returns the surrounding with the variables of a clause bound.
func (in surrounding) with(c *clause, values ...ref.Val) surrounding {
	for i, value := range values {
		if in.of.limited {
			in.vars = &binding{in.vars, c.vars[i], value}
		}
		in.locals[c.at+i] = value
	}
	return in
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
