package tffunc

import (
	"errors"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

func collections() map[string]function.Function {
	return map[string]function.Function{
		"length": length(), "coalesce": coalesce(), "lookup": lookup(), "index": index(), "one": one(), "sum": sum(),
		"matchkeys": matchKeys(), "transpose": transpose(),
		"alltrue": fold(cty.True), "anytrue": fold(cty.False),
		"sensitive": sensitive(), "nonsensitive": nonsensitive(), "issensitive": isSensitive(), "ephemeralasnull": asIs(),
	}
}

// length counts elements, or the characters of a text as people see them.
func length() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowMarked: true}},
		Type: func(args []cty.Value) (cty.Type, error) {
			t := args[0].Type()
			if t == cty.String || t == cty.DynamicPseudoType || t.IsTupleType() || t.IsObjectType() || t.IsCollectionType() {
				return cty.Number, nil
			}
			return cty.Number, function.NewArgErrorf(0, "length needs a text, a list, a set, a map, a tuple or an object")
		},
		RefineResult: func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, marks := args[0].Unmark()
			t := v.Type()
			switch {
			case t == cty.DynamicPseudoType:
				return cty.UnknownVal(cty.Number).WithMarks(marks), nil
			case t.IsTupleType():
				return cty.NumberIntVal(int64(t.Length())).WithMarks(marks), nil
			case t.IsObjectType():
				return cty.NumberIntVal(int64(len(t.AttributeTypes()))).WithMarks(marks), nil
			case t == cty.String:
				n, err := stdlib.Strlen(v)
				if err != nil {
					return cty.UnknownVal(cty.Number), function.NewArgError(0, err)
				}
				return n.WithMarks(marks), nil
			}
			return v.Length().WithMarks(marks), nil
		},
	})
}

// coalesce gives the first argument that is neither null nor an empty text.
func coalesce() function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "values", Type: cty.DynamicPseudoType, AllowDynamicType: true, AllowUnknown: true, AllowNull: true},
		Type: func(args []cty.Value) (cty.Type, error) {
			types := make([]cty.Type, len(args))
			for i, arg := range args {
				types[i] = arg.Type()
			}
			t, _ := convert.UnifyUnsafe(types)
			if t == cty.NilType {
				return cty.DynamicPseudoType, errors.New("the arguments must be of one type")
			}
			return t, nil
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			for _, arg := range args {
				arg, err := convert.Convert(arg, t)
				if err != nil {
					return cty.UnknownVal(t), err
				}
				if !arg.IsKnown() {
					return cty.UnknownVal(t), nil
				}
				if text, ok := textOf(arg); arg.IsNull() || ok && text == "" {
					continue
				}
				return arg, nil
			}
			return cty.UnknownVal(t), errors.New("each argument is null or an empty text")
		},
	})
}

// lookup gives an element of a map or an object, or the default.
func lookup() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "inputMap", Type: cty.DynamicPseudoType, AllowMarked: true},
			{Name: "key", Type: cty.String, AllowMarked: true},
		},
		VarParam: &function.Parameter{Name: "default", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true},
		Type: func(args []cty.Value) (cty.Type, error) {
			if len(args) > 3 {
				return cty.DynamicPseudoType, errors.New("lookup takes two or three arguments")
			}
			t := args[0].Type()
			switch {
			case t.IsObjectType():
				key, ok := textOf(args[1])
				switch {
				case !ok:
					return cty.DynamicPseudoType, nil
				case t.HasAttribute(key):
					return t.AttributeType(key), nil
				case len(args) == 3:
					return args[2].Type(), nil
				}
				return cty.DynamicPseudoType, function.NewArgErrorf(0, "the object has no attribute %q, and there is no default", key)
			case t.IsMapType():
				if len(args) == 3 {
					if _, err := convert.Convert(args[2], t.ElementType()); err != nil {
						return cty.DynamicPseudoType, function.NewArgErrorf(2, "the default must be of the type of the elements")
					}
				}
				return t.ElementType(), nil
			}
			return cty.DynamicPseudoType, function.NewArgErrorf(0, "lookup needs a map or an object")
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			in, marks := args[0].Unmark()
			key, keyMarks := args[1].Unmark()
			if !in.IsKnown() || !key.IsKnown() {
				return cty.UnknownVal(t).WithMarks(marks, keyMarks), nil
			}
			name := key.AsString()
			if in.Type().IsObjectType() {
				if in.Type().HasAttribute(name) {
					return in.GetAttr(name).WithMarks(marks, keyMarks), nil
				}
			} else if in.HasIndex(key).True() {
				return in.Index(key).WithMarks(marks, keyMarks), nil
			}
			if len(args) < 3 {
				return cty.UnknownVal(t), function.NewArgErrorf(1, "there is no element %q, and no default", name)
			}
			out, err := convert.Convert(args[2], t)
			if err != nil {
				return cty.UnknownVal(t), function.NewArgError(2, err)
			}
			return out.WithMarks(marks, keyMarks), nil
		},
	})
}

func isList(t cty.Type) bool { return t.IsListType() || t.IsTupleType() }

// index gives the place of a value in a list.
func index() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}, {Name: "value", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			list := args[0]
			if !isList(list.Type()) {
				return cty.UnknownVal(cty.Number), function.NewArgErrorf(0, "index needs a list or a tuple")
			}
			if !list.IsKnown() {
				return cty.UnknownVal(cty.Number), nil
			}
			for it := list.ElementIterator(); it.Next(); {
				i, item := it.Element()
				equal, err := stdlib.Equal(item, args[1])
				if err != nil {
					return cty.UnknownVal(cty.Number), err
				}
				if !equal.IsKnown() {
					return cty.UnknownVal(cty.Number), nil
				}
				if equal.True() {
					return i, nil
				}
			}
			return cty.UnknownVal(cty.Number), function.NewArgErrorf(1, "the list does not hold it")
		},
	})
}

// one gives the only element, or null if there is none.
func one() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			switch t := args[0].Type(); {
			case t.IsListType() || t.IsSetType():
				return t.ElementType(), nil
			case t.IsTupleType() && t.Length() == 0:
				return cty.DynamicPseudoType, nil
			case t.IsTupleType() && t.Length() == 1:
				return t.TupleElementType(0), nil
			}
			return cty.DynamicPseudoType, function.NewArgErrorf(0, "one needs a list, a set or a tuple of at most one element")
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			switch n := args[0].LengthInt(); n {
			case 0:
				return cty.NullVal(t), nil
			case 1:
				it := args[0].ElementIterator()
				it.Next()
				_, item := it.Element()
				return item, nil
			default:
				return cty.UnknownVal(t), function.NewArgErrorf(0, "there are %d elements, where one is allowed", n)
			}
		},
	})
}

func sum() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "list", Type: cty.DynamicPseudoType}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			none := cty.UnknownVal(cty.Number)
			if t := args[0].Type(); !isList(t) && !t.IsSetType() {
				return none, function.NewArgErrorf(0, "sum needs a list, a set or a tuple of numbers")
			}
			if !args[0].IsWhollyKnown() {
				return none, nil
			}
			if args[0].LengthInt() == 0 {
				return none, function.NewArgErrorf(0, "there is nothing to add up")
			}
			if err := smallNumbers(args); err != nil {
				return none, err
			}
			out := cty.Zero
			for it := args[0].ElementIterator(); it.Next(); {
				_, item := it.Element()
				n, err := convert.Convert(item, cty.Number)
				if err != nil || n.IsNull() {
					return none, function.NewArgErrorf(0, "an element is no number")
				}
				if n.AsBigFloat().IsInf() {
					return none, function.NewArgErrorf(0, "an element is infinite")
				}
				out = out.Add(n)
			}
			return out, nil
		},
	})
}

// matchKeys gives the values whose keys are in a set that is searched.
func matchKeys() function.Function {
	any := cty.List(cty.DynamicPseudoType)
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "values", Type: any}, {Name: "keys", Type: any}, {Name: "searchset", Type: any}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if t, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()}); t == cty.NilType {
				return cty.DynamicPseudoType, function.NewArgErrorf(2, "keys and searchset must be of one type")
			}
			return args[0].Type(), nil
		},
		Impl: func(args []cty.Value, t cty.Type) (cty.Value, error) {
			if !args[1].IsWhollyKnown() || !args[2].IsWhollyKnown() {
				return cty.UnknownVal(t), nil
			}
			if args[0].LengthInt() != args[1].LengthInt() {
				return cty.UnknownVal(t), errors.New("there must be as many keys as values")
			}
			common, _ := convert.UnifyUnsafe([]cty.Type{args[1].Type(), args[2].Type()})
			keys, err := convert.Convert(args[1], common)
			if err != nil {
				return cty.UnknownVal(t), err
			}
			search, err := convert.Convert(args[2], common)
			if err != nil {
				return cty.UnknownVal(t), err
			}
			wanted := map[int][]cty.Value{}
			for it := search.ElementIterator(); it.Next(); {
				_, item := it.Element()
				wanted[item.Hash()] = append(wanted[item.Hash()], item)
			}
			var out []cty.Value
			for i, key := range keys.AsValueSlice() {
				for _, item := range wanted[key.Hash()] {
					if item.RawEquals(key) {
						out = append(out, args[0].Index(cty.NumberIntVal(int64(i))))
						break
					}
				}
			}
			if out == nil {
				return cty.ListValEmpty(t.ElementType()), nil
			}
			return cty.ListVal(out), nil
		},
	})
}

// transpose makes the values of lists the keys, and the keys the values.
func transpose() function.Function {
	t := cty.Map(cty.List(cty.String))
	return simple(t, func(args []cty.Value) (cty.Value, error) {
		if !args[0].IsWhollyKnown() {
			return cty.UnknownVal(t), nil
		}
		lists := map[string][]cty.Value{}
		for it := args[0].ElementIterator(); it.Next(); {
			key, list := it.Element()
			if list.IsNull() {
				return cty.UnknownVal(t), function.NewArgErrorf(0, "a list is null")
			}
			for inner := list.ElementIterator(); inner.Next(); {
				_, item := inner.Element()
				if item.IsNull() {
					return cty.UnknownVal(t), function.NewArgErrorf(0, "an element of a list is null")
				}
				lists[item.AsString()] = append(lists[item.AsString()], key)
			}
		}
		if len(lists) == 0 {
			return cty.MapValEmpty(cty.List(cty.String)), nil
		}
		out := make(map[string]cty.Value, len(lists))
		for name, keys := range lists {
			out[name] = cty.ListVal(keys)
		}
		return cty.MapVal(out), nil
	}, t)
}

// fold tells whether all elements are true, or any: until says what is given for an
// empty list, and its contrary decides.
func fold(empty cty.Value) function.Function {
	return simple(cty.Bool, func(args []cty.Value) (cty.Value, error) {
		known := true
		for it := args[0].ElementIterator(); it.Next(); {
			_, item := it.Element()
			if !item.IsKnown() {
				known = false
				continue
			}
			if is := !item.IsNull() && item.True(); is != empty.True() {
				return empty.Not(), nil
			}
		}
		if !known {
			return cty.UnknownVal(cty.Bool), nil
		}
		return empty, nil
	}, cty.List(cty.Bool))
}

// about makes a function that looks at what its argument is marked with.
func about(t func(cty.Value) cty.Type, f func(cty.Value) cty.Value) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowUnknown: true, AllowNull: true, AllowMarked: true, AllowDynamicType: true}},
		Type:   func(args []cty.Value) (cty.Type, error) { return t(args[0]), nil },
		Impl:   func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f(args[0]), nil },
	})
}

func sensitive() function.Function {
	return about(cty.Value.Type, func(v cty.Value) cty.Value { return v.Mark(Sensitive) })
}

func nonsensitive() function.Function {
	return about(cty.Value.Type, func(v cty.Value) cty.Value {
		v, marks := v.Unmark()
		delete(marks, Sensitive)
		return v.WithMarks(marks)
	})
}

func isSensitive() function.Function {
	return about(func(cty.Value) cty.Type { return cty.Bool }, func(v cty.Value) cty.Value {
		if v.HasMark(Sensitive) {
			return cty.True
		}
		if v, marks := v.Unmark(); !v.IsKnown() {
			return cty.UnknownVal(cty.Bool).WithMarks(marks)
		}
		return cty.False
	})
}

// asIs gives its argument: what is ephemeral is unknown before it runs.
func asIs() function.Function {
	return about(cty.Value.Type, func(v cty.Value) cty.Value { return v })
}
