package cel

import (
	"errors"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

var (
	summable = map[string]*cel.Type{
		"int": cel.IntType, "uint": cel.UintType, "double": cel.DoubleType, "duration": cel.DurationType,
	}
	zeros = map[string]ref.Val{
		"int": types.IntZero, "uint": types.Uint(0), "double": types.Double(0), "duration": types.Duration{},
	}
	ordered = map[string]*cel.Type{
		"int": cel.IntType, "uint": cel.UintType, "double": cel.DoubleType, "bool": cel.BoolType,
		"duration": cel.DurationType, "timestamp": cel.TimestampType, "string": cel.StringType, "bytes": cel.BytesType,
	}
)

// lists are the functions of lists that API servers have.
func lists() []cel.EnvOption {
	var sorted, sum, least, greatest []cel.FunctionOpt
	for name, t := range ordered {
		of := []*cel.Type{cel.ListType(t)}
		sorted = append(sorted, cel.MemberOverload("list_"+name+"_is_sorted_bool", of, cel.BoolType, cel.UnaryBinding(isSorted)))
		least = append(least, cel.MemberOverload("list_"+name+"_min_"+name, of, t, cel.UnaryBinding(func(l ref.Val) ref.Val { return extreme(l, types.IntNegOne) })))
		greatest = append(greatest, cel.MemberOverload("list_"+name+"_max_"+name, of, t, cel.UnaryBinding(func(l ref.Val) ref.Val { return extreme(l, types.IntOne) })))
	}
	for name, t := range summable {
		zero := zeros[name]
		sum = append(sum, cel.MemberOverload("list_"+name+"_sum_"+name, []*cel.Type{cel.ListType(t)}, t,
			cel.UnaryBinding(func(l ref.Val) ref.Val { return total(l, zero) })))
	}
	a := cel.TypeParamType("A")
	of := []*cel.Type{cel.ListType(a), a}
	return []cel.EnvOption{
		cel.Function("isSorted", sorted...),
		cel.Function("sum", sum...),
		cel.Function("min", least...),
		cel.Function("max", greatest...),
		cel.Function("indexOf", cel.MemberOverload("list_a_index_of_int", of, cel.IntType, cel.BinaryBinding(func(l, v ref.Val) ref.Val {
			return indexOf(l, v, false)
		}))),
		cel.Function("lastIndexOf", cel.MemberOverload("list_a_last_index_of_int", of, cel.IntType, cel.BinaryBinding(func(l, v ref.Val) ref.Val {
			return indexOf(l, v, true)
		}))),
	}
}

// forEach calls do with every item of a list until it returns a value.
func forEach(list ref.Val, do func(i types.Int, item ref.Val) ref.Val) ref.Val {
	l, ok := list.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	i := types.IntZero
	for it := l.Iterator(); it.HasNext() == types.True; i++ {
		if out := do(i, it.Next()); out != nil {
			return out
		}
	}
	return nil
}

// compared compares two values; anything but a whole number says why it cannot.
func compared(a, b ref.Val) ref.Val {
	c, ok := a.(traits.Comparer)
	if !ok {
		return types.MaybeNoSuchOverloadErr(a)
	}
	return c.Compare(b)
}

func isSorted(list ref.Val) ref.Val {
	var before ref.Val
	out := forEach(list, func(_ types.Int, item ref.Val) ref.Val {
		if before != nil {
			switch order := compared(before, item); {
			case order.Type() != types.IntType:
				return order
			case order == types.IntOne:
				return types.False
			}
		}
		before = item
		return nil
	})
	if out == nil {
		return types.True
	}
	return out
}

// extreme returns the first item to which all others compare as not beyond it.
func extreme(list ref.Val, beyond types.Int) ref.Val {
	var best ref.Val
	out := forEach(list, func(_ types.Int, item ref.Val) ref.Val {
		if best == nil {
			best = item
			return nil
		}
		order := compared(item, best)
		if order.Type() != types.IntType {
			return order
		}
		if order == beyond {
			best = item
		}
		return nil
	})
	switch {
	case out != nil:
		return out
	case best == nil:
		return types.WrapErr(errors.New("an empty list has no least and no greatest item"))
	}
	return best
}

func total(list, zero ref.Val) ref.Val {
	sum := zero
	out := forEach(list, func(_ types.Int, item ref.Val) ref.Val {
		adder, ok := sum.(traits.Adder)
		if !ok {
			return types.MaybeNoSuchOverloadErr(item)
		}
		if sum = adder.Add(item); types.IsUnknownOrError(sum) {
			return sum
		}
		return nil
	})
	if out != nil {
		return out
	}
	return sum
}

func indexOf(list, value ref.Val, last bool) ref.Val {
	found := types.IntNegOne
	out := forEach(list, func(i types.Int, item ref.Val) ref.Val {
		if item.Equal(value) == types.True {
			found = i
			if !last {
				return i
			}
		}
		return nil
	})
	if out != nil {
		return out
	}
	return found
}
