package cel

import (
	"slices"

	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/resource"
)

// equal is a == b or a != b.
type equal struct {
	a, b    node
	negated types.Bool
}

// newEqual makes the node for two values, of which a constant is the second.
func newEqual(a, b node, negated types.Bool) node {
	if _, ok := a.(constant); ok {
		a, b = b, a
	}
	if c, ok := b.(constant); ok {
		switch value := c.value.(type) {
		case types.String, types.Bool, types.Int:
			return &equalConstant{asFinder(a), c.value, negated}
		case ref.Type:
			if of, ok := a.(*function); ok && of.name == overloads.TypeConvertType {
				return &isType{asFinder(of.args[0]), value.TypeName(), negated}
			}
		}
	}
	return &equal{a, b, negated}
}

func (e *equal) eval(v *scope, l locals) ref.Val {
	return compare(v, e.a.eval(v, l), e.b.eval(v, l), e.negated)
}

// compare returns whether two values are equal, or the opposite.
func compare(v *scope, a, b ref.Val, negated types.Bool) ref.Val {
	switch {
	case types.IsUnknownOrError(a):
		return a
	case types.IsUnknownOrError(b):
		return b
	}
	if v.unknowns && a != types.NullValue && b != types.NullValue { // what is in a map does not make it null
		for _, value := range []ref.Val{a, b} {
			if unknown := nestedUnknown(value); unknown != nil {
				return unknown
			}
		}
	}
	return types.Bool((types.Equal(a, b) == types.True) != bool(negated))
}

// equalConstant compares with a text, a whole number, true or false.
type equalConstant struct {
	a       finder
	b       ref.Val
	negated types.Bool
}

func (e *equalConstant) eval(v *scope, l locals) ref.Val {
	tree, value := e.a.find(v, l)
	if tree != nil {
		if same, known := sameScalar(tree, e.b); known {
			return types.Bool(same != bool(e.negated))
		}
	}
	return compare(v, whole(tree, value), e.b, e.negated)
}

// sameScalar compares a value of the tree with one that may be of the same type.
func sameScalar(tree *resource.Value, with ref.Val) (same, known bool) {
	switch with := with.(type) {
	case types.String:
		return tree.Str == string(with), tree.Kind == resource.String
	case types.Bool:
		return tree.Bool == bool(with), tree.Kind == resource.Bool
	case types.Int:
		return tree.Int == int64(with), tree.Kind == resource.Int
	}
	return false, false
}

// isType is type(a) == b.
type isType struct {
	a       finder
	name    string
	negated types.Bool
}

func (t *isType) eval(v *scope, l locals) ref.Val {
	tree, value := t.a.find(v, l)
	if tree != nil {
		return types.Bool((typeNames[tree.Kind] == t.name) != bool(t.negated))
	}
	if types.IsUnknownOrError(value) {
		return value
	}
	return types.Bool((value.Type().TypeName() == t.name) != bool(t.negated))
}

var typeNames = map[resource.Kind]string{
	resource.Null: types.NullType.TypeName(), resource.Bool: types.BoolType.TypeName(), resource.Int: types.IntType.TypeName(),
	resource.Float: types.DoubleType.TypeName(), resource.String: types.StringType.TypeName(),
	resource.List: types.ListType.TypeName(), resource.Map: types.MapType.TypeName(),
}

// among is a in ['x', 'y'] with texts that are constant.
type among struct {
	of    finder
	texts []string
}

func (a *among) eval(v *scope, l locals) ref.Val {
	text, problem := textAt(a.of, v, l)
	if problem == nil {
		return types.Bool(slices.Contains(a.texts, text))
	}
	if types.IsUnknownOrError(problem) {
		return problem
	}
	if v.unknowns {
		if unknown := nestedUnknown(problem); unknown != nil {
			return unknown
		}
	}
	return types.False
}

// textAt returns the text that a node gives, or what it gives instead.
func textAt(n finder, v *scope, l locals) (text string, other ref.Val) {
	tree, value := n.find(v, l)
	if tree != nil {
		if tree.Kind == resource.String {
			return tree.Str, nil
		}
		return "", valueOf(tree)
	}
	if s, ok := value.(types.String); ok {
		return string(s), nil
	}
	return "", value
}
