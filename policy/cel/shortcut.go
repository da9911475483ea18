package cel

import (
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/resource"
)

// shortcut returns a node that does what a function does, and knows values of the
// tree. For everything else it asks the function.
func shortcut(f *function) node {
	switch {
	case f.name == overloads.TypeConvertString && len(f.args) == 1:
		return &toText{f, asFinder(f.args[0])}
	case f.name == operators.In && len(f.args) == 2:
		return &within{f, f.args[0], asFinder(f.args[1])}
	case f.name == operators.Add && len(f.args) == 2:
		return &plus{f, asFinder(f.args[0]), asFinder(f.args[1])}
	case len(f.args) == 2 && orders[f.name] != nil:
		return &ordering{f, orders[f.name]}
	}
	return f
}

var orders = map[string]func(a, b types.Int) bool{
	operators.Less:          func(a, b types.Int) bool { return a < b },
	operators.LessEquals:    func(a, b types.Int) bool { return a <= b },
	operators.Greater:       func(a, b types.Int) bool { return a > b },
	operators.GreaterEquals: func(a, b types.Int) bool { return a >= b },
}

// ordering is a < b and the like, of whole numbers mostly.
type ordering struct {
	*function
	holds func(a, b types.Int) bool
}

func (o *ordering) eval(v *scope, l locals) ref.Val {
	a, b := o.args[0].eval(v, l), o.args[1].eval(v, l)
	if x, ok := a.(types.Int); ok {
		if y, ok := b.(types.Int); ok {
			return types.Bool(o.holds(x, y))
		}
	}
	for _, value := range []ref.Val{a, b} {
		if types.IsUnknownOrError(value) {
			return value
		}
	}
	return o.call(v, []ref.Val{a, b})
}

// hasValue is a.?b.hasValue().
type hasValue struct{ *path }

func (h *hasValue) eval(v *scope, l locals) ref.Val {
	tree, value, optional, found := h.follow(v, l)
	switch {
	case !found && value == nil:
		return types.False
	case !found:
		return value
	case optional:
		return types.True
	case tree == nil:
		if o, ok := value.(*types.Optional); ok {
			return types.Bool(o.HasValue())
		}
	}
	return types.NoSuchOverloadErr()
}

// toText is string(a).
type toText struct {
	*function
	of finder
}

func (t *toText) eval(v *scope, l locals) ref.Val { return whole(t.find(v, l)) }

// find implements finder.
func (t *toText) find(v *scope, l locals) (*resource.Value, ref.Val) {
	tree, value := t.of.find(v, l)
	if tree != nil && tree.Kind == resource.String {
		return tree, nil
	}
	value = whole(tree, value)
	if _, ok := value.(types.String); ok || types.IsUnknownOrError(value) {
		return nil, value
	}
	return nil, t.call(v, []ref.Val{value})
}

// within is a in b.
type within struct {
	*function
	item node
	in   finder
}

func (w *within) eval(v *scope, l locals) ref.Val {
	item := w.item.eval(v, l)
	if types.IsUnknownOrError(item) {
		return item
	}
	tree, value := w.in.find(v, l)
	if tree != nil && !v.unknowns {
		return containedIn(tree, item)
	}
	if value = whole(tree, value); types.IsUnknownOrError(value) {
		return value
	}
	return w.call(v, []ref.Val{item, value})
}

func containedIn(tree *resource.Value, item ref.Val) ref.Val {
	switch tree.Kind {
	case resource.List:
		return containsItem(tree, item)
	case resource.Map:
		return containsKey((*object)(tree), item)
	}
	return types.MaybeNoSuchOverloadErr(valueOf(tree))
}

// plus is a + b, of lists mostly.
type plus struct {
	*function
	a, b finder
}

func (s *plus) eval(v *scope, l locals) ref.Val { return whole(s.find(v, l)) }

// find implements finder.
func (s *plus) find(v *scope, l locals) (*resource.Value, ref.Val) {
	x, a := s.a.find(v, l)
	if types.IsUnknownOrError(a) {
		return nil, a
	}
	y, b := s.b.find(v, l)
	if types.IsUnknownOrError(b) {
		return nil, b
	}
	if x, y := listIn(x, a), listIn(y, b); x != nil && y != nil {
		switch {
		case len(x.Items) == 0:
			return y, nil
		case len(y.Items) == 0:
			return x, nil
		}
		return &resource.Value{Kind: resource.List, Items: append(x.Items[:len(x.Items):len(x.Items)], y.Items...)}, nil
	}
	return nil, s.call(v, []ref.Val{whole(x, a), whole(y, b)})
}

// listIn returns the list of the tree that was found as either, or nil.
func listIn(tree *resource.Value, value ref.Val) *resource.Value {
	if l, ok := value.(*list); ok {
		return l.value()
	}
	if tree != nil && tree.Kind == resource.List {
		return tree
	}
	return nil
}
