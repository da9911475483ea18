package tffunc

import (
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// attempts returns try and can. What they cannot decide yet keeps the marks of what
// it hangs on.
func attempts() map[string]function.Function {
	return map[string]function.Function{
		"try": function.New(&function.Spec{
			VarParam: &function.Parameter{Name: "expressions", Type: customdecode.ExpressionClosureType},
			Type: func(args []cty.Value) (cty.Type, error) {
				v, err := try(args)
				return v.Type(), err
			},
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return try(args) },
		}),
		"can": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "expression", Type: customdecode.ExpressionClosureType}},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				v, diags := customdecode.ExpressionClosureFromVal(args[0]).Value()
				if diags.HasErrors() {
					return cty.False, nil
				}
				if !v.IsWhollyKnown() {
					return undecided(cty.Bool, v), nil
				}
				return cty.True, nil
			},
		}),
	}
}

// undecided returns an unknown value of a type that hangs on v.
func undecided(t cty.Type, v cty.Value) cty.Value {
	_, marks := v.UnmarkDeep()
	return cty.UnknownVal(t).WithMarks(marks)
}

func try(args []cty.Value) (cty.Value, error) {
	var why []string
	for _, arg := range args {
		v, diags := customdecode.ExpressionClosureFromVal(arg).Value()
		if !diags.HasErrors() {
			if v.IsWhollyKnown() {
				return v, nil
			}
			return undecided(cty.DynamicPseudoType, v), nil
		}
		for _, d := range diags {
			if d.Severity == hcl.DiagError {
				why = append(why, fmt.Sprintf("%s: %s", d.Summary, d.Detail))
			}
		}
	}
	if len(args) == 0 {
		return cty.DynamicVal, errors.New("try needs an expression")
	}
	return cty.DynamicVal, fmt.Errorf("no expression succeeds: %s", strings.Join(why, "; "))
}
