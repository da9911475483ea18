package cel

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/holdfast-dev/holdfast/resource"
)

// call makes the node of an operator or a function. Those that are used most are
// written here, for values of the tree; the others are those of the environment.
func (b *builder) call(e ast.Expr) (node, error) {
	call := e.AsCall()
	name := call.FunctionName()
	if isSelector(name) {
		return b.index(call)
	}
	args, err := b.arguments(call)
	if err != nil {
		return nil, err
	}
	switch name {
	case operators.LogicalAnd:
		return &connective{flat(args, true), types.False}, nil
	case operators.LogicalOr:
		return &connective{flat(args, false), types.True}, nil
	case operators.LogicalNot:
		return &not{args[0]}, nil
	case operators.Conditional:
		return &conditional{args[0], asFinder(args[1]), asFinder(args[2])}, nil
	case operators.Equals:
		return newEqual(args[0], args[1], false), nil
	case operators.NotEquals:
		return newEqual(args[0], args[1], true), nil
	case "hasValue":
		if p, ok := args[0].(*path); ok {
			return &hasValue{p}, nil
		}
	}
	if len(args) == 2 {
		switch name {
		case "or", "orValue":
			if b.isFunction(e, "optional_or_optional", "optional_orValue_value") {
				p, _ := args[0].(*path)
				return &alternative{args[0], asFinder(args[1]), p, name == "orValue"}, nil
			}
		case operators.In:
			if texts, ok := textsOf(args[1]); ok {
				return &among{asFinder(args[0]), texts}, nil
			}
		case "startsWith", "endsWith", "contains":
			if text, ok := textOfConstant(args[1]); ok {
				return &textTest{asFinder(args[0]), text, textTests[name], name}, nil
			}
		case overloads.Matches, "find", "findAll":
			return b.match(name, args)
		}
	}
	if name == overloads.Size && len(args) == 1 {
		return size{asFinder(args[0])}, nil
	}
	if isDocumentFunction(name) {
		return &document{asFinder(args[0]), name}, nil
	}
	f, err := b.function(e, args)
	if err != nil {
		return nil, err
	}
	return shortcut(f), nil
}

func isSelector(name string) bool {
	return name == operators.OptSelect || name == operators.Index || name == operators.OptIndex
}

// arguments makes the nodes of a call's arguments, of which its target is the first.
func (b *builder) arguments(call ast.CallExpr) ([]node, error) {
	if !call.IsMemberFunction() {
		return b.all(call.Args()...)
	}
	return b.all(append([]ast.Expr{call.Target()}, call.Args()...)...)
}

func (b *builder) isFunction(e ast.Expr, ids ...string) bool {
	known := b.ast.ReferenceMap()[e.ID()]
	return known != nil && slices.ContainsFunc(known.OverloadIDs, func(id string) bool { return slices.Contains(ids, id) })
}

// function makes the node of a function of the environment.
func (b *builder) function(e ast.Expr, args []node) (*function, error) {
	name, id := e.AsCall().FunctionName(), ""
	if known := b.ast.ReferenceMap()[e.ID()]; known != nil && len(known.OverloadIDs) == 1 {
		id = known.OverloadIDs[0]
	}
	impl, err := b.env.overload(name, id)
	if err != nil {
		return nil, err
	}
	return &function{args: args, name: name, overload: id, Overload: impl, looksInside: !passThrough[name]}, nil
}

// function is a call of a function of the environment. It gives an unknown value
// when an argument has one inside, unless the function is right about such.
type function struct {
	*functions.Overload
	args           []node
	name, overload string
	looksInside    bool
}

func (f *function) eval(v *scope, l locals) ref.Val {
	var few [3]ref.Val
	args := few[:0]
	for _, arg := range f.args {
		value := arg.eval(v, l)
		if !f.NonStrict && types.IsUnknownOrError(value) {
			return value
		}
		args = append(args, value)
	}
	return f.call(v, args)
}

// call applies the function to arguments, which it does not keep.
func (f *function) call(v *scope, args []ref.Val) ref.Val {
	if f.looksInside && v.unknowns {
		for _, arg := range args {
			if unknown := nestedUnknown(arg); unknown != nil {
				return unknown
			}
		}
	}
	return f.apply(args)
}

func (f *function) apply(args []ref.Val) ref.Val {
	if len(args) > 0 && f.OperandTrait != 0 && !args[0].Type().HasTrait(f.OperandTrait) && !(f.NonStrict && types.IsUnknownOrError(args[0])) {
		return f.receive(args)
	}
	switch {
	case len(args) == 1 && f.Unary != nil:
		return f.Unary(args[0])
	case len(args) == 2 && f.Binary != nil:
		return f.Binary(args[0], args[1])
	case f.Function != nil:
		return f.Function(slices.Clone(args)...)
	}
	return types.NewErr("no such overload: %s", f.name)
}

func (f *function) receive(args []ref.Val) ref.Val {
	if args[0].Type().HasTrait(traits.ReceiverType) {
		return args[0].(traits.Receiver).Receive(f.name, f.overload, slices.Clone(args[1:]))
	}
	return types.NewErr("no such overload: %s", f.name)
}

// textTest is a.startsWith(b) and the like, with a text b that is constant.
type textTest struct {
	of   finder
	text string
	test func(s, text string) bool
	name string
}

var textTests = map[string]func(s, text string) bool{
	"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains,
}

func (t *textTest) eval(v *scope, l locals) ref.Val {
	text, other := textAt(t.of, v, l)
	if other == nil {
		return types.Bool(t.test(text, t.text))
	}
	return noOverload(v, other, t.name)
}

// noOverload returns what a function of texts gives for something else.
func noOverload(v *scope, other ref.Val, name string) ref.Val {
	if types.IsUnknownOrError(other) {
		return other
	}
	if v.unknowns {
		if unknown := nestedUnknown(other); unknown != nil {
			return unknown
		}
	}
	return types.NewErr("no such overload: %s", name)
}

// match is a.matches(b), a.find(b) or a.findAll(b).
func (b *builder) match(name string, args []node) (node, error) {
	m := &match{of: asFinder(args[0]), pattern: asFinder(args[1]), name: name, answer: answers[name], patterns: &b.env.patterns}
	if text, ok := textOfConstant(args[1]); ok {
		var err error
		m.compiled, err = m.patterns.of(text)
		return m, err
	}
	return m, nil
}

type match struct {
	of, pattern finder
	compiled    *pattern // nil if the pattern is not constant
	name        string
	answer      func(p *pattern, text string) ref.Val
	patterns    *patterns
}

var answers = map[string]func(p *pattern, text string) ref.Val{
	overloads.Matches: func(p *pattern, text string) ref.Val { return types.Bool(p.matches(text)) },
	"find":            func(p *pattern, text string) ref.Val { return types.String(p.find(text)) },
	"findAll": func(p *pattern, text string) ref.Val {
		return types.NewStringList(types.DefaultTypeAdapter, p.findAll(text))
	},
}

func (m *match) eval(v *scope, l locals) ref.Val {
	text, other := textAt(m.of, v, l)
	if other != nil {
		return noOverload(v, other, m.name)
	}
	if m.compiled != nil {
		return m.answer(m.compiled, text)
	}
	pattern, other := textAt(m.pattern, v, l)
	if other != nil {
		return noOverload(v, other, m.name)
	}
	compiled, err := m.patterns.of(pattern)
	if err != nil {
		return types.WrapErr(err)
	}
	return m.answer(compiled, text)
}

// size is a.size() or size(a).
type size struct{ of finder }

func (s size) eval(v *scope, l locals) ref.Val {
	tree, value := s.of.find(v, l)
	if tree != nil {
		switch tree.Kind {
		case resource.List:
			return types.Int(len(tree.Items))
		case resource.Map:
			return sizeOf(tree)
		case resource.String:
			return types.Int(utf8.RuneCountInString(tree.Str))
		}
		value = valueOf(tree)
	}
	if sized, ok := value.(traits.Sizer); ok {
		return sized.Size()
	}
	if types.IsUnknownOrError(value) {
		return value
	}
	return types.NewErr("no such overload: size")
}

func textOfConstant(n node) (string, bool) {
	c, _ := n.(constant)
	text, ok := c.value.(types.String)
	return string(text), ok
}

// textsOf returns the items of a constant list of texts.
func textsOf(n node) (texts []string, ok bool) {
	c, _ := n.(constant)
	all, ok := c.value.(traits.Lister)
	if !ok {
		return nil, false
	}
	for it := all.Iterator(); it.HasNext() == types.True; {
		text, ok := it.Next().(types.String)
		if !ok {
			return nil, false
		}
		texts = append(texts, string(text))
	}
	return texts, true
}
