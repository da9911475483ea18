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
		case types.String:
			return &equalText{asFinder(a), c, negated, string(value)}
		case types.Bool:
			return &equalBool{asFinder(a), value, negated}
		case types.Int:
			return &equalInt{asFinder(a), value, negated}
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

// equalText compares with a text that is constant.
type equalText struct {
	a       finder
	b       constant
	negated types.Bool
	text    string
}

func (e *equalText) eval(v *scope, l locals) ref.Val {
	tree, value := e.a.find(v, l)
	switch {
	case tree == nil:
		if text, ok := value.(types.String); ok {
			return types.Bool((string(text) == e.text) != bool(e.negated))
		}
		return compare(v, value, e.b.value, e.negated)
	case tree.Kind == resource.String:
		return types.Bool((tree.Str == e.text) != bool(e.negated))
	case tree.Kind == resource.Map || tree.Kind == resource.List:
		return compare(v, valueOf(tree), e.b.value, e.negated)
	}
	return e.negated
}

// equalBool compares with true or false.
type equalBool struct {
	a             finder
	want, negated types.Bool
}

func (e *equalBool) eval(v *scope, l locals) ref.Val {
	tree, value := e.a.find(v, l)
	if tree != nil {
		if tree.Kind == resource.Bool {
			return types.Bool((types.Bool(tree.Bool) == e.want) != e.negated)
		}
		value = valueOf(tree)
	}
	if is, ok := value.(types.Bool); ok {
		return types.Bool((is == e.want) != e.negated)
	}
	return compare(v, value, e.want, e.negated)
}

// equalInt compares with a whole number.
type equalInt struct {
	a       finder
	want    types.Int
	negated types.Bool
}

func (e *equalInt) eval(v *scope, l locals) ref.Val {
	tree, value := e.a.find(v, l)
	if tree != nil {
		if tree.Kind == resource.Int {
			return types.Bool((types.Int(tree.Int) == e.want) != bool(e.negated))
		}
		value = valueOf(tree)
	}
	return compare(v, value, e.want, e.negated)
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
