package cel

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// opaque is a value of one of the types that API servers add to CEL: expressions
// make one from a text, and ask it by functions.
type opaque[T any] struct {
	value T
	kind  *kind[T]
}

// kind is a type of opaque values.
type kind[T any] struct {
	celType *cel.Type
	parse   func(string) (T, error)
	equal   func(a, b T) bool
	text    func(T) string // nil if it has no text
}

func (k *kind[T]) of(value T) ref.Val { return opaque[T]{value, k} }

// ConvertToNative implements ref.Val.
func (o opaque[T]) ConvertToNative(to reflect.Type) (any, error) {
	if reflect.TypeFor[T]().AssignableTo(to) {
		return o.value, nil
	}
	return nil, fmt.Errorf("a %s cannot be made a %v", o.kind.celType, to)
}

// ConvertToType implements ref.Val.
func (o opaque[T]) ConvertToType(to ref.Type) ref.Val {
	switch {
	case to == types.TypeType:
		return o.kind.celType
	case to == types.StringType && o.kind.text != nil:
		return types.String(o.kind.text(o.value))
	case to.TypeName() == o.kind.celType.TypeName():
		return o
	}
	return types.NewErr("a %s cannot be made a %s", o.kind.celType, to.TypeName())
}

// Equal implements ref.Val.
func (o opaque[T]) Equal(other ref.Val) ref.Val {
	same, ok := other.(opaque[T])
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	return types.Bool(o.kind.equal(o.value, same.value))
}

// Type implements ref.Val.
func (o opaque[T]) Type() ref.Type { return o.kind.celType }

// Value implements ref.Val.
func (o opaque[T]) Value() any { return o.value }

// fromText declares what makes a value of a text, and what reports whether one
// can be made.
func (k *kind[T]) fromText(name, id, is, isID string) []cel.EnvOption {
	return []cel.EnvOption{
		cel.Function(name, cel.Overload(id, []*cel.Type{cel.StringType}, k.celType, cel.UnaryBinding(func(arg ref.Val) ref.Val {
			value, err := k.parse(string(arg.(types.String)))
			if err != nil {
				return types.WrapErr(err)
			}
			return k.of(value)
		}))),
		cel.Function(is, cel.Overload(isID, []*cel.Type{cel.StringType}, cel.BoolType, cel.UnaryBinding(func(arg ref.Val) ref.Val {
			_, err := k.parse(string(arg.(types.String)))
			return types.Bool(err == nil)
		}))),
	}
}

// ask declares a function of a value.
func (k *kind[T]) ask(name, id string, out *cel.Type, answer func(T) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload(id, []*cel.Type{k.celType}, out, cel.UnaryBinding(func(arg ref.Val) ref.Val {
		o, ok := arg.(opaque[T])
		if !ok {
			return types.MaybeNoSuchOverloadErr(arg)
		}
		return answer(o.value)
	})))
}

// toText declares the conversion to a text.
func (k *kind[T]) toText(id string) cel.EnvOption {
	return cel.Function("string", cel.Overload(id, []*cel.Type{k.celType}, cel.StringType, cel.UnaryBinding(func(arg ref.Val) ref.Val {
		return arg.ConvertToType(types.StringType)
	})))
}

// compare declares a function of two values.
func (k *kind[T]) compare(name, id string, out *cel.Type, answer func(a, b T) ref.Val) cel.EnvOption {
	return withArgument(k, name, id, k.celType, out, func(a T, b opaque[T]) ref.Val { return answer(a, b.value) })
}

// withArgument declares a function of a value with an argument of another type.
func withArgument[T any, A ref.Val](k *kind[T], name, id string, arg, out *cel.Type, answer func(T, A) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload(id, []*cel.Type{k.celType, arg}, out, cel.BinaryBinding(func(of, arg ref.Val) ref.Val {
		o, ok := of.(opaque[T])
		a, fits := arg.(A)
		if !ok || !fits {
			return types.MaybeNoSuchOverloadErr(arg)
		}
		return answer(o.value, a)
	})))
}
