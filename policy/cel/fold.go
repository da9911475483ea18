package cel

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/holdfast-dev/holdfast/resource"
)

// fold makes the node of a comprehension. Those that all(), exists(), filter() and
// map() are expanded to are recognised, and need no accumulator.
func (b *builder) fold(e ast.ComprehensionExpr) (node, error) {
	over, err := b.build(e.IterRange())
	if err != nil {
		return nil, err
	}
	in := b.within(e)
	l := loop{over: asFinder(over), at: len(b.locals), two: e.HasIterVar2()}
	if predicate, operator := quantified(e); predicate != nil && e.AccuInit().Kind() == ast.LiteralKind {
		p, err := in.build(predicate)
		return &quantifier{l, p, operator == operators.LogicalOr}, err
	}
	if condition, element := collected(e); element != nil {
		c := &collection{loop: l, adapter: b.env.CELTypeAdapter()}
		if condition != nil {
			if c.condition, err = in.build(condition); err != nil {
				return nil, err
			}
		}
		c.element, err = in.build(element)
		return c, err
	}
	init, err := b.build(e.AccuInit())
	if err != nil {
		return nil, err
	}
	in.locals = append(in.locals, e.AccuVar())
	parts, err := in.all(e.LoopCondition(), e.LoopStep(), e.Result())
	if err != nil {
		return nil, err
	}
	return &fold{l, len(in.locals) - 1, init, parts[0], parts[1], parts[2], b.env.CELTypeAdapter()}, nil
}

// within returns the builder of what is evaluated for each element.
func (b *builder) within(e ast.ComprehensionExpr) *builder {
	in := *b
	in.locals = append(in.locals[:len(in.locals):len(in.locals)], e.IterVar())
	if e.HasIterVar2() {
		in.locals = append(in.locals, e.IterVar2())
	}
	return &in
}

// collected recognises what filter() and map() are expanded to: a list that grows
// by an element where a condition holds, which is nil if it always does.
func collected(e ast.ComprehensionExpr) (condition, element ast.Expr) {
	if !isIdent(e.Result(), e.AccuVar()) || e.AccuInit().Kind() != ast.ListKind || e.AccuInit().AsList().Size() > 0 {
		return nil, nil
	}
	if c := e.LoopCondition(); c.Kind() != ast.LiteralKind || c.AsLiteral() != types.True {
		return nil, nil
	}
	step := e.LoopStep()
	if isCall(step, operators.Conditional) {
		args := step.AsCall().Args()
		if !isIdent(args[2], e.AccuVar()) {
			return nil, nil
		}
		condition, step = args[0], args[1]
	}
	if !isCall(step, operators.Add) {
		return nil, nil
	}
	args := step.AsCall().Args()
	if !isIdent(args[0], e.AccuVar()) || args[1].Kind() != ast.ListKind {
		return nil, nil
	}
	list := args[1].AsList()
	if list.Size() != 1 || len(list.OptionalIndices()) > 0 {
		return nil, nil
	}
	return condition, list.Elements()[0]
}

func isCall(e ast.Expr, name string) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == name
}

// loop is what all comprehensions have: what they go over, and where the locals
// are that are bound to each element.
type loop struct {
	over finder
	at   int
	two  bool // keys and values, or indexes and items
}

// start returns a cursor over the elements, or what is wrong.
func (n *loop) start(v *scope, l locals) (c cursor, problem ref.Val) {
	return newCursor(whole(n.over.find(v, l)), n.two)
}

// cursor goes over a list or a map.
type cursor struct {
	items  []*resource.Value // of a list in the tree
	fields []resource.Field  // of a map there
	list   traits.Lister
	mapper traits.Mapper
	keys   traits.Iterator
	i, n   int
	two    bool
}

func newCursor(over ref.Val, two bool) (c cursor, problem ref.Val) {
	c.two = two
	switch over := over.(type) {
	case *list:
		c.items, c.n = over.Items, len(over.Items)
	case *object:
		c.fields, c.n = over.Fields, len(over.Fields)
	case traits.Lister:
		size, _ := over.Size().(types.Int)
		c.list, c.n = over, int(size)
	case traits.Mapper:
		c.mapper, c.keys = over, over.Iterator()
	case traits.Iterable:
		c.keys = over.Iterator()
	default:
		return c, types.ValOrErr(over, "got '%T', expected iterable type", over)
	}
	return c, nil
}

// next binds the locals from at on to the next element, if there is one.
func (c *cursor) next(l locals) bool {
	var value ref.Val
	switch {
	case c.keys != nil:
		if c.keys.HasNext() != types.True {
			return false
		}
		key := c.keys.Next()
		l[0] = key
		if c.two && c.mapper != nil {
			l[1], _ = c.mapper.Find(key)
		}
		return true
	case c.fields != nil:
		return c.nextField(l)
	case c.i == c.n:
		return false
	case c.items != nil:
		value = valueOf(c.items[c.i])
	default:
		value = c.list.Get(types.Int(c.i))
	}
	if c.two {
		l[0], l[1] = types.Int(c.i), value
	} else {
		l[0] = value
	}
	c.i++
	return true
}

func (c *cursor) nextField(l locals) bool {
	for c.i < c.n && absent(c.fields[c.i].Value) {
		c.i++
	}
	if c.i == c.n {
		return false
	}
	l[0] = types.String(c.fields[c.i].Key)
	if c.two {
		l[1] = valueOf(c.fields[c.i].Value)
	}
	c.i++
	return true
}

// quantifier is all(), or exists().
type quantifier struct {
	loop
	predicate node
	exists    types.Bool
}

func (q *quantifier) eval(v *scope, l locals) ref.Val {
	tree, value := q.over.find(v, l)
	if items := listIn(tree, value); items != nil && !q.two {
		return q.among(items.Items, v, l)
	}
	c, problem := newCursor(whole(tree, value), q.two)
	if problem != nil {
		return problem
	}
	var open undecided
	for c.next(l[q.at:]) {
		value := q.predicate.eval(v, l)
		if is, ok := value.(types.Bool); !ok {
			open.add(value)
		} else if is == q.exists {
			return is
		}
	}
	return open.or(!q.exists)
}

// among is eval over a list in the tree, which most are.
func (q *quantifier) among(items []*resource.Value, v *scope, l locals) ref.Val {
	var open undecided
	for _, item := range items {
		l[q.at] = valueOf(item)
		value := q.predicate.eval(v, l)
		if is, ok := value.(types.Bool); !ok {
			open.add(value)
		} else if is == q.exists {
			return is
		}
	}
	return open.or(!q.exists)
}

// collection is filter(), or map().
type collection struct {
	loop
	condition node // nil: always
	element   node
	adapter   types.Adapter
}

func (n *collection) eval(v *scope, l locals) ref.Val {
	c, problem := n.start(v, l)
	if problem != nil {
		return problem
	}
	var all []ref.Val
	var bad ref.Val // an error or unknown value; of the condition the last, of the element the first
	for c.next(l[n.at:]) {
		if n.condition != nil {
			condition := n.condition.eval(v, l)
			if condition == types.False {
				continue
			}
			if condition != types.True {
				bad = types.MaybeNoSuchOverloadErr(condition)
				continue
			}
		}
		if bad != nil {
			continue
		}
		element := n.element.eval(v, l)
		if types.IsUnknownOrError(element) {
			bad = element
			continue
		}
		all = append(all, element)
	}
	if bad != nil {
		return bad
	}
	return types.NewRefValList(n.adapter, all)
}

// fold is any other comprehension.
type fold struct {
	loop
	accumulator             int
	init, while, step, last node
	adapter                 types.Adapter
}

func (f *fold) eval(v *scope, l locals) ref.Val {
	c, problem := f.start(v, l)
	if problem != nil {
		return problem
	}
	l[f.accumulator] = f.mutable(f.init.eval(v, l))
	for c.next(l[f.at:]) {
		if going, ok := f.while.eval(v, l).(types.Bool); ok && going != types.True {
			break
		}
		l[f.accumulator] = f.step.eval(v, l)
	}
	switch result := f.last.eval(v, l).(type) {
	case traits.MutableLister:
		return result.ToImmutableList()
	case traits.MutableMapper:
		return result.ToImmutableMap()
	default:
		return result
	}
}

// mutable returns a list or map to which elements can be added, for an empty one.
func (f *fold) mutable(init ref.Val) ref.Val {
	switch init := init.(type) {
	case traits.Lister:
		if init.Size() == types.IntZero {
			return types.NewMutableList(f.adapter)
		}
	case traits.Mapper:
		if init.Size() == types.IntZero {
			return types.NewMutableMap(f.adapter, map[ref.Val]ref.Val{})
		}
	}
	return init
}
