package cel

import (
	"fmt"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/interpreter"
)

// environment is what expressions are checked and made ready in.
type environment struct {
	*cel.Env
	bound    sync.Map // name of a function → []*functions.Overload
	patterns patterns
	extended func() (*environment, error) // with the libraries of Kubernetes; nil if it has them
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

func environmentOf(env *cel.Env) *environment { return &environment{Env: env} }

// overload returns the implementation of a function, by the id of one of its
// overloads or, if several may be meant, by its name.
func (e *environment) overload(name, id string) (*functions.Overload, error) {
	all, err := e.bindings(name)
	if err != nil {
		return nil, err
	}
	for _, wanted := range []string{id, name} {
		for _, one := range all {
			if one.Operator == wanted {
				return one, nil
			}
		}
	}
	return nil, fmt.Errorf("the function %s is not implemented", name)
}

func (e *environment) bindings(name string) ([]*functions.Overload, error) {
	if found, ok := e.bound.Load(name); ok {
		return found.([]*functions.Overload), nil
	}
	declared := e.Functions()[name]
	if declared == nil {
		return nil, fmt.Errorf("there is no function %s", name)
	}
	all, err := declared.Bindings()
	if err == nil {
		e.bound.Store(name, all)
	}
	return all, err
}

// purpose are the options of the programs of cel-go, which evaluate expressions
// that are limited.
type purpose []cel.ProgramOption

var (
	forSpeed    = purpose{cel.EvalOptions(cel.OptOptimize)}
	forUnknowns = purpose{cel.CustomDecoratorV2(checkNested)}
	forRecords  = purpose{cel.CustomDecoratorV2(completeSelections), cel.CustomDecoratorV2(readDocuments), cel.OptimizeRegex(interpreter.MatchesRegexOptimization)}
	forBoth     = purpose{cel.CustomDecoratorV2(checkNested), cel.CustomDecoratorV2(completeSelections), cel.CustomDecoratorV2(readDocuments)}
)
