package cel

import (
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"github.com/holdfast-dev/holdfast/resource"
)

// hasUnknown reports whether any value of the tree is not known.
func hasUnknown(v *resource.Value) bool {
	if v.Unknown() != "" {
		return true
	}
	for _, item := range v.Items {
		if hasUnknown(item) {
			return true
		}
	}
	for i := range v.Fields {
		if hasUnknown(v.Fields[i].Value) {
			return true
		}
	}
	return false
}

// passThrough are the functions that are right about lists and maps with
// unknown values inside: they look at single values or hand the whole on.
var passThrough = map[string]bool{
	operators.LogicalAnd: true, operators.LogicalOr: true, operators.LogicalNot: true,
	operators.Conditional: true, operators.NotStrictlyFalse: true,
	operators.Index: true, operators.OptIndex: true, operators.OptSelect: true,
	operators.Add: true, "size": true, "type": true, "dyn": true,
	"optional.of": true, "optional.none": true, "hasValue": true, "value": true, "or": true, "orValue": true, "flatten": true,
	"statements": true, "json": true, "allows": true, "escalations": true, "isPublic": true, "restricted": true, "everywhere": true,
}

// checkNested makes every other call give an unknown value when an argument
// has one inside. Equality, `in`, sets, join and the like would otherwise
// compare it as if it were known, and say pass or fail.
func checkNested(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || passThrough[call.Function()] {
		return i, nil
	}
	return &nestedCheck{call}, nil
}

type nestedCheck struct{ interpreter.InterpretableCall }

// Exec implements interpreter.InterpretableV2.
func (n *nestedCheck) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	var unknown ref.Val
	for _, arg := range n.Args() {
		value := arg.Exec(frame)
		if value == types.NullValue && n.comparison() { // what is in a map does not make it null
			return n.InterpretableCall.Exec(frame)
		}
		if unknown == nil {
			unknown = nestedUnknown(value)
		}
	}
	if unknown != nil {
		return unknown
	}
	return n.InterpretableCall.Exec(frame)
}

func (n *nestedCheck) comparison() bool {
	return n.Function() == operators.Equals || n.Function() == operators.NotEquals
}

// Eval implements interpreter.Interpretable.
func (n *nestedCheck) Eval(vars interpreter.Activation) ref.Val {
	return n.Exec(interpreter.AsFrame(vars))
}

// nestedUnknown returns an unknown value that is in v, or nil.
func nestedUnknown(v ref.Val) ref.Val {
	switch v := v.(type) {
	case *types.Unknown:
		return v
	case *types.Optional:
		if v.HasValue() {
			return nestedUnknown(v.GetValue())
		}
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True; {
			one, _ := v.Find(it.Next())
			if u := nestedUnknown(one); u != nil {
				return u
			}
		}
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True; {
			if u := nestedUnknown(it.Next()); u != nil {
				return u
			}
		}
	}
	return nil
}
