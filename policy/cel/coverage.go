package cel

import (
	"context"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
	"github.com/google/cel-go/parser"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Branch is a part of an expression that decides: an operand of && and || or the
// condition of a choice.
type Branch struct {
	Policy      *policy.Policy
	Text        string
	File        *source.File
	Offset      int  // in File, of the expression that it is part of
	True, False bool // what it was in some example
}

// Tested reports whether the branch was taken both ways.
func (b Branch) Tested() bool { return b.True && b.False }

// Coverage evaluates the examples of a policy, and returns the branches of its
// conditions, variables and validations in the order of their text.
func Coverage(p *policy.Policy, read policy.Reader) ([]Branch, error) {
	env, err := newEnvironment(cel.EnableMacroCallTracking())
	if err != nil {
		return nil, err
	}
	engine := &Engine{env: env}
	made, err := engine.compile(p, false)
	if err != nil {
		return nil, err
	}
	var all []*covered
	for _, x := range made.expressions() {
		if x == nil {
			continue
		}
		c := &covered{expression: x, byID: map[int64]*Branch{}}
		if c.find(p, x.ast.Expr()); len(c.branches) > 0 {
			all = append(all, c)
		}
	}
	for i := range p.Examples {
		resources, err := p.Examples[i].Read(p.Platform, read)
		if err != nil {
			return nil, err
		}
		s := newSubject(engine, p.Judged(resources), resource.NewSet(resources), p.Examples[i].Stage)
		for _, c := range all {
			if err := c.run(newScope(context.Background(), s, p, made)); err != nil {
				return nil, err
			}
		}
	}
	var branches []Branch
	for _, c := range all {
		for _, b := range c.branches {
			branches = append(branches, *b)
		}
	}
	slices.SortStableFunc(branches, func(a, b Branch) int { return a.Offset - b.Offset })
	return branches, nil
}

// covered is an expression whose branches are watched.
type covered struct {
	*expression
	branches []*Branch
	byID     map[int64]*Branch
}

// find notes the branches of an expression.
func (c *covered) find(p *policy.Policy, root ast.Expr) {
	ast.PreOrderVisit(root, ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		var parts []ast.Expr
		switch call := e.AsCall(); call.FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr:
			parts = call.Args()
		case operators.Conditional:
			parts = call.Args()[:1]
		}
		for _, part := range parts {
			c.add(p, part)
		}
	}))
}

// add notes a branch, unless it is made of others or of what a macro stands for.
func (c *covered) add(p *policy.Policy, e ast.Expr) {
	if e.Kind() == ast.CallKind {
		switch e.AsCall().FunctionName() {
		case operators.LogicalAnd, operators.LogicalOr, operators.NotStrictlyFalse:
			return
		}
	}
	text, err := parser.Unparse(e, c.ast.SourceInfo())
	if err != nil || isAccumulator(e) || c.byID[e.ID()] != nil {
		return
	}
	b := &Branch{Policy: p, Text: text, File: p.File, Offset: c.span.Start}
	c.byID[e.ID()], c.branches = b, append(c.branches, b)
}

// isAccumulator reports whether an expression is what a comprehension carries on.
func isAccumulator(e ast.Expr) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == "@result" || e.Kind() == ast.LiteralKind
}

func (c *covered) run(v *scope) error {
	program, err := c.program(c.ast.Expr(), cel.CustomDecoratorV2(c.watch))
	if err != nil {
		return err
	}
	_, _, _ = program.Eval(v) // an error is a verdict of the example
	return nil
}

// watch notes what a branch gives.
func (c *covered) watch(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if b := c.byID[i.ID()]; b != nil {
		return &watched{i, b}, nil
	}
	return i, nil
}

type watched struct {
	interpreter.InterpretableV2
	branch *Branch
}

// Exec implements interpreter.InterpretableV2.
func (w *watched) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	out := w.InterpretableV2.Exec(frame)
	w.branch.True = w.branch.True || out == types.True
	w.branch.False = w.branch.False || out == types.False
	return out
}

// Eval implements interpreter.Interpretable.
func (w *watched) Eval(vars interpreter.Activation) ref.Val {
	return w.Exec(interpreter.AsFrame(vars))
}
