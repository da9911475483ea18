package cel

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/resource"
)

// node is a part of an expression, made ready to be evaluated. Expressions of the
// program are evaluated by nodes, and not by the interpreter of cel-go, which is
// made for any Go value, and takes five times as long over the one tree that
// policies ask. What nodes give is the same: a test compares the two.
type node interface {
	eval(v *scope, l locals) ref.Val
}

// locals are the variables of the comprehensions around a node, from the
// outermost on.
type locals []ref.Val

// finder is a node that can tell what it gives without making a CEL value of it.
type finder interface {
	node
	// find returns a value of the tree, which is known, or else a CEL value.
	find(v *scope, l locals) (*resource.Value, ref.Val)
}

// asFinder returns a node as a finder.
func asFinder(n node) finder {
	if f, ok := n.(finder); ok {
		return f
	}
	return evaluated{n}
}

// evaluated is any node that is no finder.
type evaluated struct{ node }

func (e evaluated) find(v *scope, l locals) (*resource.Value, ref.Val) { return nil, e.eval(v, l) }

// whole returns what was found as a CEL value.
func whole(tree *resource.Value, value ref.Val) ref.Val {
	if tree != nil {
		return valueOf(tree)
	}
	return value
}

// builder makes nodes of an expression.
type builder struct {
	*expression
	locals []string // names, by their places
}

func (b *builder) build(e ast.Expr) (node, error) {
	switch e.Kind() {
	case ast.LiteralKind:
		return constant{e.AsLiteral()}, nil
	case ast.IdentKind:
		return b.ident(e.ID(), e.AsIdent())
	case ast.SelectKind:
		return b.selection(e)
	case ast.CallKind:
		return b.call(e)
	case ast.ListKind:
		return b.list(e.AsList())
	case ast.MapKind:
		return b.makeMap(e.AsMap())
	case ast.ComprehensionKind:
		return b.fold(e.AsComprehension())
	}
	return nil, fmt.Errorf("messages are not available: %q", b.text)
}

func (b *builder) all(exprs ...ast.Expr) ([]node, error) {
	nodes := make([]node, len(exprs))
	for i, e := range exprs {
		var err error
		if nodes[i], err = b.build(e); err != nil {
			return nil, err
		}
	}
	return nodes, nil
}

// local returns the place of a variable of a comprehension, or -1.
func (b *builder) local(name string) int {
	for i := len(b.locals) - 1; i >= 0; i-- {
		if b.locals[i] == name {
			return i
		}
	}
	return -1
}

func (b *builder) isGlobal(e ast.Expr, name string) bool {
	return isIdent(e, name) && b.local(name) < 0
}

func (b *builder) ident(id int64, name string) (node, error) {
	if at := b.local(name); at >= 0 {
		return local(at), nil
	}
	if known := b.ast.ReferenceMap()[id]; known != nil {
		if known.Value != nil {
			return constant{known.Value}, nil
		}
		name = strings.TrimPrefix(known.Name, ".")
	}
	if b.ast.TypeMap()[id].Kind() == types.TypeKind {
		found, ok := b.env.CELTypeProvider().FindIdent(name)
		if !ok {
			return nil, fmt.Errorf("there is no type %q", name)
		}
		return constant{found}, nil
	}
	if name == "object" {
		return root{}, nil
	}
	return global{name, b.env.CELTypeAdapter()}, nil
}

// variable returns the node of `variables.NAME`, or nil if e is none.
func (b *builder) variable(of ast.Expr, name string) node {
	switch {
	case b.isGlobal(of, "variables"):
		if always := b.constants[name]; always != nil {
			if n, err := b.build(always); err == nil {
				return n
			}
		}
		if i := slices.Index(b.own, name); i >= 0 {
			return ownVariable(i)
		}
		if i := slices.Index(b.shared, name); i >= 0 {
			return sharedVariable(i)
		}
	case b.isGlobal(of, "relations"):
		return relationNamed(name)
	}
	return nil
}

type constant struct{ value ref.Val }

func (c constant) eval(*scope, locals) ref.Val { return c.value }

func (c constant) find(*scope, locals) (*resource.Value, ref.Val) { return nil, c.value }

// empty is an expression [] or {}, which is mostly what stands in for a field.
type empty struct{ tree *resource.Value }

func (e empty) eval(*scope, locals) ref.Val { return valueOf(e.tree) }

func (e empty) find(*scope, locals) (*resource.Value, ref.Val) { return e.tree, nil }

type local int

func (at local) eval(_ *scope, l locals) ref.Val { return l[at] }

// root is the object that is judged.
type root struct{}

func (root) eval(v *scope, _ locals) ref.Val { return v.root }

// global is anything else that a scope knows by its name.
type global struct {
	name    string
	adapter types.Adapter
}

func (g global) eval(v *scope, _ locals) ref.Val {
	found, ok := v.ResolveName(g.name)
	if !ok {
		return types.NewErr("no such attribute(s): %s", g.name)
	}
	return g.adapter.NativeToValue(found)
}

type (
	ownVariable    int // of the policy
	sharedVariable int // of the prelude
	relationNamed  string
)

func (i ownVariable) eval(v *scope, _ locals) ref.Val {
	return v.evaluate(&v.of.variables[i], &v.own[i])
}

func (i sharedVariable) eval(v *scope, _ locals) ref.Val {
	return v.evaluate(&v.shared[i], &v.prelude[i])
}

func (name relationNamed) eval(v *scope, _ locals) ref.Val {
	for i := range v.policy.Relations {
		if v.policy.Relations[i].Name == string(name) {
			return v.relation(i)
		}
	}
	return types.NewErr("no such key: %s", string(name))
}

// list is an expression [a, ?b].
func (b *builder) list(e ast.ListExpr) (node, error) {
	if e.Size() == 0 {
		return empty{&resource.Value{Kind: resource.List}}, nil
	}
	elements, err := b.all(e.Elements()...)
	if err != nil {
		return nil, err
	}
	l := &makeList{adapter: b.env.CELTypeAdapter()}
	fixed := len(e.OptionalIndices()) == 0
	for _, element := range elements {
		_, isConstant := element.(constant)
		fixed = fixed && isConstant
		l.elements = append(l.elements, asFinder(element))
	}
	for _, i := range e.OptionalIndices() {
		l.optional = append(l.optional, int(i))
	}
	if fixed {
		return constant{l.eval(nil, nil)}, nil
	}
	return l, nil
}

type makeList struct {
	elements []finder
	optional []int // which of them may be nothing
	adapter  types.Adapter
}

func (m *makeList) eval(v *scope, l locals) ref.Val { return whole(m.find(v, l)) }

// find implements finder: a list of values of the tree is one of them.
func (m *makeList) find(v *scope, l locals) (*resource.Value, ref.Val) {
	trees, values := make([]*resource.Value, 0, len(m.elements)), []ref.Val(nil)
	for i, element := range m.elements {
		tree, value := element.find(v, l)
		if tree != nil && values == nil && m.optional == nil {
			trees = append(trees, tree)
			continue
		}
		if values == nil {
			values = make([]ref.Val, 0, len(m.elements))
			for _, before := range trees {
				values = append(values, valueOf(before))
			}
		}
		if value = whole(tree, value); types.IsUnknownOrError(value) {
			return nil, value
		}
		if slices.Contains(m.optional, i) {
			optional, ok := value.(*types.Optional)
			if !ok {
				return nil, types.NewErr("cannot initialize optional list element from non-optional value %v", value)
			}
			if !optional.HasValue() {
				continue
			}
			value = optional.GetValue()
		}
		values = append(values, value)
	}
	if values == nil {
		return &resource.Value{Kind: resource.List, Items: trees}, nil
	}
	return nil, types.NewRefValList(m.adapter, values)
}

// makeMap is an expression {a: b, ?c: d}.
func (b *builder) makeMap(e ast.MapExpr) (node, error) {
	if e.Size() == 0 {
		return empty{&resource.Value{Kind: resource.Map}}, nil
	}
	m := &makeMap{adapter: b.env.CELTypeAdapter()}
	fixed := true
	for _, entry := range e.Entries() {
		pair := entry.AsMapEntry()
		both, err := b.all(pair.Key(), pair.Value())
		if err != nil {
			return nil, err
		}
		m.entries = append(m.entries, mapEntry{both[0], both[1], pair.IsOptional()})
		for _, one := range both {
			_, isConstant := one.(constant)
			fixed = fixed && isConstant && !pair.IsOptional()
		}
	}
	if fixed {
		return constant{m.eval(nil, nil)}, nil
	}
	return m, nil
}

type makeMap struct {
	entries []mapEntry
	adapter types.Adapter
}

type mapEntry struct {
	key, value node
	optional   bool
}

func (m *makeMap) eval(v *scope, l locals) ref.Val {
	values := make(map[ref.Val]ref.Val, len(m.entries))
	for _, e := range m.entries {
		key := e.key.eval(v, l)
		if types.IsUnknownOrError(key) {
			return key
		}
		value := e.value.eval(v, l)
		if types.IsUnknownOrError(value) {
			return value
		}
		if e.optional {
			optional, ok := value.(*types.Optional)
			if !ok {
				return types.NewErr("cannot initialize optional entry '%v' from non-optional value %v", key, value)
			}
			if !optional.HasValue() {
				delete(values, key)
				continue
			}
			value = optional.GetValue()
		}
		values[key] = value
	}
	return types.NewRefValMap(m.adapter, values)
}

// depth returns how many locals an expression needs.
func depth(e ast.Expr) int {
	switch e.Kind() {
	case ast.SelectKind:
		return depth(e.AsSelect().Operand())
	case ast.CallKind:
		call := e.AsCall()
		most := 0
		if call.IsMemberFunction() {
			most = depth(call.Target())
		}
		return max(most, deepest(call.Args()...))
	case ast.ListKind:
		return deepest(e.AsList().Elements()...)
	case ast.MapKind:
		most := 0
		for _, entry := range e.AsMap().Entries() {
			most = max(most, deepest(entry.AsMapEntry().Key(), entry.AsMapEntry().Value()))
		}
		return most
	case ast.ComprehensionKind:
		fold := e.AsComprehension()
		inner := deepest(fold.LoopCondition(), fold.LoopStep(), fold.Result())
		return max(deepest(fold.IterRange(), fold.AccuInit()), inner+foldLocals)
	}
	return 0
}

func deepest(all ...ast.Expr) (most int) {
	for _, e := range all {
		most = max(most, depth(e))
	}
	return most
}

// foldLocals is how many locals a comprehension has at most.
const foldLocals = 3
