package cel

import (
	"context"
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// environment is what expressions are checked and planned in. Programs without
// limits share one interpreter, for to set one up takes longer than to plan a
// usual expression.
type environment struct {
	*cel.Env
	interpreter func() (interpreter.Interpreter, error)
	patterns    patterns
	extended    func() (*environment, error) // with the libraries of Kubernetes; nil if it has them
}

func newEnvironment(opts ...cel.EnvOption) (*environment, error) {
	env, err := newEnv(opts...)
	if err != nil {
		return nil, err
	}
	e := environmentOf(env)
	e.extended = sync.OnceValues(func() (*environment, error) {
		extended, err := env.Extend(kubernetesLibraries()...)
		if err != nil {
			return nil, err
		}
		return environmentOf(extended), nil
	})
	return e, nil
}

// of returns the environment that an expression needs.
func (e *environment) of(text string) (*environment, error) {
	if e.extended == nil || !usesKubernetes(text) {
		return e, nil
	}
	return e.extended()
}

func environmentOf(env *cel.Env) *environment {
	return &environment{Env: env, interpreter: sync.OnceValues(func() (interpreter.Interpreter, error) {
		dispatcher := interpreter.NewDispatcher()
		for _, f := range env.Functions() {
			bindings, err := f.Bindings()
			if err != nil {
				return nil, err
			}
			if err := add(dispatcher, bindings); err != nil {
				return nil, err
			}
		}
		attributes := interpreter.NewAttributeFactory(env.Container, env.CELTypeAdapter(), env.CELTypeProvider())
		return interpreter.NewInterpreter(dispatcher, env.Container, env.CELTypeProvider(), env.CELTypeAdapter(), attributes), nil
	})}
}

func add(d interpreter.Dispatcher, bindings []*functions.Overload) error {
	if len(bindings) == 0 {
		return nil
	}
	return d.Add(bindings...)
}

// purpose is what a program is planned for, with and without limits.
type purpose struct {
	options []interpreter.PlannerOption
	limited []cel.ProgramOption
}

var (
	forSpeed = purpose{
		[]interpreter.PlannerOption{interpreter.Optimize()},
		[]cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)},
	}
	forUnknowns = purpose{
		[]interpreter.PlannerOption{interpreter.CustomDecoratorV2(checkNested)},
		[]cel.ProgramOption{cel.CustomDecoratorV2(checkNested)},
	}
	forRecords = purpose{
		[]interpreter.PlannerOption{interpreter.CustomDecoratorV2(completeSelections)},
		[]cel.ProgramOption{cel.CustomDecoratorV2(completeSelections), cel.OptimizeRegex(interpreter.MatchesRegexOptimization)},
	}
)

// plan plans a program without limits.
func (e *environment) plan(a *ast.AST, opts ...interpreter.PlannerOption) (cel.Program, error) {
	shared, err := e.interpreter()
	if err != nil {
		return nil, err
	}
	planned, err := shared.NewInterpretable(a, append([]interpreter.PlannerOption{optionals, interpreter.CustomDecoratorV2(e.patterns.matching)}, opts...)...)
	if err != nil {
		return nil, err
	}
	return plan{planned}, nil
}

// plan is a program without limits.
type plan struct{ interpreter.InterpretableV2 }

// Eval implements cel.Program.
func (p plan) Eval(vars any) (out ref.Val, _ *cel.EvalDetails, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v", r)
		}
	}()
	frame, err := interpreter.NewExecutionFrame(vars)
	if err != nil {
		return nil, nil, err
	}
	defer frame.Close()
	if out = p.Exec(frame); types.IsError(out) {
		err = out.(*types.Err)
	}
	return out, nil, err
}

// ContextEval implements cel.Program. What is not limited is not interrupted.
func (p plan) ContextEval(_ context.Context, vars any) (ref.Val, *cel.EvalDetails, error) {
	return p.Eval(vars)
}

// optionals plans or() and orValue(), which evaluate what they are given only if
// it is needed. cel.OptionalTypes does so for the programs that cel plans.
var optionals = interpreter.CustomDecoratorV2(func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	switch call.Function() {
	case "or", "orValue":
		return &alternative{call.ID(), call.Args()[0], call.Args()[1], call.Function() == "orValue"}, nil
	}
	return i, nil
})

// alternative is an optional, or what stands in for it.
type alternative struct {
	id               int64
	optional, second interpreter.InterpretableV2
	unwrap           bool
}

// ID implements interpreter.InterpretableV2.
func (a *alternative) ID() int64 { return a.id }

// Exec implements interpreter.InterpretableV2.
func (a *alternative) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	first := a.optional.Exec(frame)
	optional, ok := first.(*types.Optional)
	switch {
	case types.IsUnknownOrError(first):
		return first
	case !ok:
		return types.NoSuchOverloadErr()
	case !optional.HasValue():
		return a.second.Exec(frame)
	case a.unwrap:
		return optional.GetValue()
	}
	return first
}

// Eval implements interpreter.Interpretable.
func (a *alternative) Eval(vars interpreter.Activation) ref.Val {
	return a.Exec(interpreter.AsFrame(vars))
}
