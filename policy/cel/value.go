package cel

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/holdfast-dev/holdfast/resource"
)

// object and list are resource.Values as CEL sees them: the same memory, so
// that no tree is ever copied. A field that is null is absent, as API servers
// read it.
type (
	object resource.Value
	list   resource.Value
)

var (
	_ traits.Mapper = (*object)(nil)
	_ traits.Lister = (*list)(nil)
)

// valueOf returns v as a CEL value.
func valueOf(v *resource.Value) ref.Val {
	switch {
	case v.Unknown() != "":
		return types.NewUnknown(1, types.NewAttributeTrail(v.Unknown()))
	case v.Kind == resource.Map:
		return (*object)(v)
	case v.Kind == resource.List:
		return (*list)(v)
	}
	return scalarOf(v)
}

func scalarOf(v *resource.Value) ref.Val {
	switch v.Kind {
	case resource.Bool:
		return types.Bool(v.Bool)
	case resource.Int:
		return types.Int(v.Int)
	case resource.Float:
		return types.Double(v.Float())
	case resource.String:
		return types.String(v.Str)
	}
	return types.NullValue
}

// absent reports whether a field's value is as good as no field.
func absent(v *resource.Value) bool {
	return v == nil || v.Kind == resource.Null && v.Unknown() == ""
}

func (o *object) value() *resource.Value { return (*resource.Value)(o) }

// Find implements traits.Mapper.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	v := o.value().Get(string(name))
	if absent(v) {
		return nil, false
	}
	return valueOf(v), true
}

// Get implements traits.Indexer.
func (o *object) Get(key ref.Val) ref.Val { return getKey(o, key) }

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val { return containsKey(o, key) }

// Size implements traits.Sizer.
func (o *object) Size() ref.Val { return sizeOf(o.value()) }

// Iterator implements traits.Iterable over the keys.
func (o *object) Iterator() traits.Iterator { return &keys{fields: o.Fields} }

// Type implements ref.Val.
func (o *object) Type() ref.Type { return types.MapType }

// Equal implements ref.Val.
func (o *object) Equal(other ref.Val) ref.Val { return equalMaps(o, other) }

// Value implements ref.Val.
func (o *object) Value() any { return native(o.value()) }

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(t reflect.Type) (any, error) { return convert(o.value(), t) }

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val { return convertType(o, t) }

func (l *list) value() *resource.Value { return (*resource.Value)(l) }

// Get implements traits.Indexer.
func (l *list) Get(index ref.Val) ref.Val {
	i, err := position(l.Items, index)
	if err != nil {
		return err
	}
	return valueOf(l.Items[i])
}

// Contains implements traits.Container.
func (l *list) Contains(elem ref.Val) ref.Val { return containsItem(l.value(), elem) }

// Add implements traits.Adder.
func (l *list) Add(other ref.Val) ref.Val { return concat(l, other) }

// Size implements traits.Sizer.
func (l *list) Size() ref.Val { return types.Int(len(l.Items)) }

// Iterator implements traits.Iterable.
func (l *list) Iterator() traits.Iterator { return &items{of: l, n: len(l.Items)} }

// Type implements ref.Val.
func (l *list) Type() ref.Type { return types.ListType }

// Equal implements ref.Val.
func (l *list) Equal(other ref.Val) ref.Val { return equalLists(l, other) }

// Value implements ref.Val.
func (l *list) Value() any { return native(l.value()) }

// ConvertToNative implements ref.Val.
func (l *list) ConvertToNative(t reflect.Type) (any, error) { return convert(l.value(), t) }

// ConvertToType implements ref.Val.
func (l *list) ConvertToType(t ref.Type) ref.Val { return convertType(l, t) }

func sizeOf(v *resource.Value) ref.Val {
	n := 0
	for i := range v.Fields {
		if !absent(v.Fields[i].Value) {
			n++
		}
	}
	return types.Int(n)
}

func getKey(m traits.Mapper, key ref.Val) ref.Val {
	v, found := m.Find(key)
	if !found {
		return types.NewErr("no such key: %v", key)
	}
	return v
}

func containsKey(m traits.Mapper, key ref.Val) ref.Val {
	v, found := m.Find(key)
	if types.IsUnknown(v) {
		return types.True // it is set, to what is not known
	}
	return types.Bool(found)
}

func containsItem(v *resource.Value, elem ref.Val) ref.Val {
	var unknown ref.Val
	for _, item := range v.Items {
		switch one := types.Equal(elem, valueOf(item)); {
		case one == types.True:
			return types.True
		case types.IsUnknown(one):
			unknown = one
		}
	}
	if unknown != nil {
		return unknown
	}
	return types.False
}

func position(in []*resource.Value, index ref.Val) (int, ref.Val) {
	i, err := types.IndexOrError(index)
	if err != nil {
		return 0, types.WrapErr(err)
	}
	if i < 0 || i >= len(in) {
		return 0, types.NewErr("index %d is outside of the %d items", i, len(in))
	}
	return i, nil
}

func concat(l traits.Lister, other ref.Val) ref.Val {
	if _, ok := other.(traits.Lister); !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	o := other.(traits.Lister)
	if l.Size() == types.IntZero {
		return o
	}
	if o.Size() == types.IntZero {
		return l
	}
	all := make([]ref.Val, 0, l.Size().(types.Int)+o.Size().(types.Int))
	for _, part := range []traits.Lister{l, o} {
		for i := types.IntZero; i < part.Size().(types.Int); i++ {
			all = append(all, part.Get(i))
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

func equalMaps(m traits.Mapper, other ref.Val) ref.Val {
	o, ok := other.(traits.Mapper)
	if !ok || m.Size() != o.Size() {
		return types.False
	}
	var unknown ref.Val
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		mine, _ := m.Find(key)
		theirs, found := o.Find(key)
		if !found {
			return types.False
		}
		switch one := types.Equal(mine, theirs); {
		case one == types.False:
			return types.False
		case types.IsUnknown(one):
			unknown = one
		}
	}
	if unknown != nil {
		return unknown
	}
	return types.True
}

func equalLists(l traits.Lister, other ref.Val) ref.Val {
	o, ok := other.(traits.Lister)
	if !ok || l.Size() != o.Size() {
		return types.False
	}
	var unknown ref.Val
	for i := types.IntZero; i < l.Size().(types.Int); i++ {
		switch one := types.Equal(l.Get(i), o.Get(i)); {
		case one == types.False:
			return types.False
		case types.IsUnknown(one):
			unknown = one
		}
	}
	if unknown != nil {
		return unknown
	}
	return types.True
}

func convertType(v ref.Val, t ref.Type) ref.Val {
	switch t {
	case v.Type():
		return v
	case types.TypeType:
		return v.Type().(ref.Val)
	}
	return types.NewErr("cannot convert a %s to %s", v.Type().TypeName(), t.TypeName())
}

// convert makes Go values for functions that work on them.
func convert(v *resource.Value, t reflect.Type) (any, error) {
	whole := native(v)
	if reflect.TypeOf(whole).AssignableTo(t) {
		return whole, nil
	}
	if v.Kind == resource.List {
		return types.DefaultTypeAdapter.NativeToValue(whole).ConvertToNative(t)
	}
	return nil, fmt.Errorf("cannot convert a map to %v", t)
}

func native(v *resource.Value) any {
	switch v.Kind {
	case resource.Map:
		m := make(map[string]any, len(v.Fields))
		for _, f := range v.Fields {
			if !absent(f.Value) {
				m[f.Key] = native(f.Value)
			}
		}
		return m
	case resource.List:
		l := make([]any, len(v.Items))
		for i, item := range v.Items {
			l[i] = native(item)
		}
		return l
	}
	return scalarOf(v).Value()
}

// items goes over a list of either form.
type items struct {
	noValue
	of   traits.Lister
	i, n int
}

func (it *items) HasNext() ref.Val { return types.Bool(it.i < it.n) }

func (it *items) Next() ref.Val {
	it.i++
	return it.of.Get(types.Int(it.i - 1))
}

// keys goes over the keys of a map, and tells seen of each when it is set.
type keys struct {
	noValue
	fields []resource.Field
	i      int
	seen   func(key string)
}

func (it *keys) HasNext() ref.Val {
	for it.i < len(it.fields) && absent(it.fields[it.i].Value) {
		it.i++
	}
	return types.Bool(it.i < len(it.fields))
}

func (it *keys) Next() ref.Val {
	if it.HasNext() == types.False {
		return types.NewErr("no more keys")
	}
	key := it.fields[it.i].Key
	it.i++
	if it.seen != nil {
		it.seen(key)
	}
	return types.String(key)
}

// noValue is the part of ref.Val that iterators have to have and nobody uses.
type noValue struct{}

func (noValue) ConvertToNative(reflect.Type) (any, error) { return nil, errIterator }
func (noValue) ConvertToType(ref.Type) ref.Val            { return types.WrapErr(errIterator) }
func (noValue) Equal(ref.Val) ref.Val                     { return types.WrapErr(errIterator) }
func (noValue) Type() ref.Type                            { return types.IteratorType }
func (noValue) Value() any                                { return nil }

var errIterator = fmt.Errorf("an iterator is not a value")
