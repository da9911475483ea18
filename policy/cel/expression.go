package cel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// An expression of a policy that is not part of the program is limited, so that
// no policy can keep a scan or the gate from ending.
const (
	costLimit      = 1_000_000 // as API servers limit those of admission policies
	timeLimit      = 2 * time.Second
	interruptEvery = 100 // comprehension steps between two looks at the time
)

// expression is one checked text. If it is not limited, nodes evaluate it; if it
// is, programs of cel-go, which count what it costs.
type expression struct {
	env         *environment
	text        string
	span        source.Span
	ast         *ast.AST
	own, shared []string            // the variables that it sees
	constants   map[string]ast.Expr // what some of its own variables always are

	once    sync.Once // builds the next three; a limited expression has no node
	node    node
	bad     error
	depth   int // how many locals the node needs
	why     func() *clause
	limited *programs // nil if it is not limited
}

// programs evaluate a limited expression: plain is the fast one, strict is for
// resources with unknown values, recorded for values that record reads.
// An expression that reads documents is always evaluated over these, since only
// they tell which document is meant; both is for unknown values among them.
type programs struct {
	plain, strict, recorded, both lazyProgram
	documents                     bool
}

// text is an expression as it is written, with its place.
type text struct {
	file *source.File // nil for the prelude
	span source.Span
	expr string
}

// compiler turns texts into expressions.
type compiler struct {
	env       *environment
	checked   checked             // expressions of the program, which need no check
	own       []string            // the variables that are declared in the policy
	constants map[string]ast.Expr // of these, texts, numbers and lists of them
	shared    []string            // those of the prelude
	params    *resource.Value     // the params that are declared
	limited   bool
}

// compile checks an expression. Errors are policy.FileErrors.
func (c *compiler) compile(t text, want *cel.Type) (*expression, error) {
	env, err := c.env.of(t.expr)
	if err != nil {
		return nil, err
	}
	if !c.limited {
		if a := c.checked.find(t.expr); a != nil {
			return c.expression(t, a, env), nil
		}
	}
	checked, issues := env.Compile(t.expr)
	if err := issues.Err(); err != nil {
		return nil, t.errors(issues)
	}
	a := checked.NativeRep()
	if err := c.checkCalls(t, a); err != nil {
		return nil, err
	}
	if got := checked.OutputType(); !got.IsExactType(want) && got.Kind() != types.DynKind && want.Kind() != types.DynKind {
		return nil, t.failure(0, "", "the expression must give a %s, not a %s", want, got)
	}
	return c.expression(t, a, env), nil
}

func (c *compiler) expression(t text, a *ast.AST, env *environment) *expression {
	x := &expression{env: env, text: t.expr, span: t.span, ast: a, own: c.own, shared: c.shared, constants: c.constants}
	x.why = sync.OnceValue(func() *clause { return x.clauseOf(a.Expr(), true, nil) })
	if c.limited {
		x.limited = &programs{x.lazily(a.Expr(), forSpeed), x.lazily(a.Expr(), forUnknowns),
			x.lazily(a.Expr(), forRecords), x.lazily(a.Expr(), forBoth), usesDocuments(a.Expr())}
	}
	return x
}

type lazyProgram func() (cel.Program, error)

func (x *expression) lazily(e ast.Expr, p purpose) lazyProgram {
	return sync.OnceValues(func() (cel.Program, error) {
		limits := []cel.ProgramOption{cel.CostLimit(costLimit), cel.InterruptCheckFrequency(interruptEvery)}
		return x.program(e, append(limits, p...)...)
	})
}

// program plans the whole or a part of the expression.
func (x *expression) program(e ast.Expr, opts ...cel.ProgramOption) (cel.Program, error) {
	part := ast.NewCheckedAST(ast.NewAST(e, x.ast.SourceInfo()), x.ast.TypeMap(), x.ast.ReferenceMap())
	return x.env.PlanProgram(part, opts...)
}

// eval evaluates the expression in a scope. What depends on values that are
// not known gives an unknown value.
func (x *expression) eval(v *scope) (ref.Val, error) {
	if x.limited == nil {
		x.once.Do(x.build)
		if x.bad != nil {
			return nil, x.bad
		}
		return v.evalNode(x.node, x.depth)
	}
	program := x.limited.plain
	if x.limited.documents && v.rec == nil {
		bound := v.bound
		v = v.recording()
		v.bound = bound
	}
	switch {
	case x.limited.documents && v.unknowns:
		program = x.limited.both
	case v.rec != nil:
		program = x.limited.recorded
	case v.unknowns:
		program = x.limited.strict
	}
	p, err := program()
	if err != nil {
		return nil, err
	}
	return run(v.ctx, p, v)
}

// build makes the node of the expression.
func (x *expression) build() {
	if x.limited == nil {
		x.node, x.bad = (&builder{expression: x}).build(x.ast.Expr())
	}
	x.depth = depth(x.ast.Expr())
}

// evalNode evaluates a node that needs some locals.
func (v *scope) evalNode(n node, depth int) (out ref.Val, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	if out = n.eval(v, v.push(depth)); types.IsError(out) {
		err = out.(*types.Err)
	}
	v.pop(depth)
	return out, err
}

// run evaluates a program within the limits.
func run(ctx context.Context, p cel.Program, vars interpreter.Activation) (ref.Val, error) {
	ctx, cancel := context.WithTimeout(ctx, timeLimit)
	defer cancel()
	out, _, err := p.ContextEval(ctx, vars)
	return out, err
}

// checkCalls reports the use of variables that do not exist, or not yet, and in
// a limited expression the function that makes lists of any length at no cost.
func (c *compiler) checkCalls(t text, a *ast.AST) error {
	var errs []error
	report := func(e ast.Expr, suggestion, format string, args ...any) {
		location := a.SourceInfo().GetStartLocation(e.ID())
		errs = append(errs, t.failure(offsetOf(t.expr, location.Line(), location.Column()), suggestion, format, args...))
	}
	variable := func(e, of ast.Expr, name string) {
		switch {
		case isIdent(of, "variables") && !slices.Contains(c.own, name) && !slices.Contains(c.shared, name):
			report(e, "declare it above, in `variables`", "there is no variable %q", name)
		case isIdent(of, "params") && (c.params == nil || c.params.Get(name) == nil):
			report(e, "declare it in `params`", "there is no param %q", name)
		}
	}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			variable(e, e.AsSelect().Operand(), e.AsSelect().FieldName())
		case ast.CallKind:
			call := e.AsCall()
			switch call.FunctionName() {
			case operators.OptSelect, operators.Index, operators.OptIndex:
				if name, ok := literalText(call.Args()[1]); ok {
					variable(e, call.Args()[0], name)
				}
			case "lists.range":
				if c.limited {
					report(e, "", "lists.range is not available to policies")
				}
			}
		}
	}))
	return errors.Join(errs...)
}

// isFixed reports whether an expression is a literal, or a list of them.
func isFixed(e ast.Expr) bool {
	if e.Kind() != ast.ListKind {
		return e.Kind() == ast.LiteralKind
	}
	list := e.AsList()
	return len(list.OptionalIndices()) == 0 && !slices.ContainsFunc(list.Elements(), func(item ast.Expr) bool { return item.Kind() != ast.LiteralKind })
}

func isIdent(e ast.Expr, name string) bool { return e.Kind() == ast.IdentKind && e.AsIdent() == name }

func literalText(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

func (t text) errors(issues *cel.Issues) error {
	var errs []error
	for _, e := range issues.Errors() {
		message := strings.ReplaceAll(e.Message, " (in container '')", "")
		errs = append(errs, t.failure(offsetOf(t.expr, e.Location.Line(), e.Location.Column()), "", "%s", message))
	}
	return errors.Join(errs...)
}

func (t text) failure(offset int, suggestion, format string, args ...any) error {
	if t.file == nil {
		return fmt.Errorf("prelude: "+format, args...)
	}
	at := policy.Offset(t.file, t.span, t.expr, offset)
	return &policy.FileError{File: t.file, Span: source.Span{Start: at, End: t.span.End},
		Message: fmt.Sprintf(format, args...), Suggestion: suggestion}
}

// offsetOf converts a line from 1 and a column from 0, in characters, to bytes.
func offsetOf(s string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		next := strings.IndexByte(s[offset:], '\n')
		if next < 0 {
			return offset
		}
		offset += next + 1
	}
	for i := range s[offset:] {
		if column == 0 {
			return offset + i
		}
		column--
	}
	return len(s)
}
