package cel

import (
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/holdfast-dev/holdfast/resource"
)

// path is a chain of selections such as c.?resources.?limits['cpu']. Behind an
// optional step all are optional, as in CEL.
type path struct {
	base  node
	steps []pathStep
}

type pathStep struct {
	key      ref.Val
	name     string // of a key that is a text
	named    bool
	optional bool
	missing  ref.Val // the error for a name that is not there
}

func newStep(key ref.Val, optional bool) pathStep {
	s := pathStep{key: key, optional: optional}
	if name, ok := key.(types.String); ok {
		s.name, s.named = string(name), true
		s.missing = types.NewErr("no such key: %s", s.name)
	}
	return s
}

// selection is an expression a.b, or has(a.b).
func (b *builder) selection(e ast.Expr) (node, error) {
	if b.ast.ReferenceMap()[e.ID()] != nil { // a name with a dot in it
		return b.ident(e.ID(), "")
	}
	s := e.AsSelect()
	if s.IsTestOnly() {
		p, err := b.extend(s.Operand(), newStep(types.String(s.FieldName()), false))
		if err != nil {
			return nil, err
		}
		return &presence{p}, nil
	}
	if found := b.variable(s.Operand(), s.FieldName()); found != nil {
		return found, nil
	}
	return b.extend(s.Operand(), newStep(types.String(s.FieldName()), false))
}

// extend returns the path that leads a step further than an expression.
func (b *builder) extend(of ast.Expr, step pathStep) (*path, error) {
	base, err := b.build(of)
	if err != nil {
		return nil, err
	}
	if p, ok := base.(*path); ok {
		p.steps = append(p.steps, step)
		return p, nil
	}
	return &path{base, []pathStep{step}}, nil
}

// index is an expression a[b], a[?b] or a.?b.
func (b *builder) index(call ast.CallExpr) (node, error) {
	of, at := call.Args()[0], call.Args()[1]
	optional := call.FunctionName() != operators.Index
	if at.Kind() == ast.LiteralKind {
		if name, ok := literalText(at); ok && !optional {
			if found := b.variable(of, name); found != nil {
				return found, nil
			}
		}
		return b.extend(of, newStep(at.AsLiteral(), optional))
	}
	both, err := b.all(of, at)
	if err != nil {
		return nil, err
	}
	return &element{both[0], both[1], optional}, nil
}

func (p *path) eval(v *scope, l locals) ref.Val { return whole(p.find(v, l)) }

// find implements finder.
func (p *path) find(v *scope, l locals) (*resource.Value, ref.Val) {
	tree, value, optional, found := p.follow(v, l)
	switch {
	case !found && value == nil:
		return nil, types.OptionalNone
	case !found || !optional:
		return tree, value
	case tree != nil:
		value = valueOf(tree)
	}
	return nil, types.OptionalOf(value)
}

// follow returns what is at the end of the path. It is found in the tree, or as a
// CEL value; or it is not found, with an error, an unknown value, or nothing.
func (p *path) follow(v *scope, l locals) (tree *resource.Value, value ref.Val, optional, found bool) {
	base := p.base.eval(v, l)
	if o, ok := base.(*types.Optional); ok {
		if !o.HasValue() {
			return nil, nil, true, false
		}
		base, optional = o.GetValue(), true
	}
	o, ok := base.(*object)
	if !ok {
		return p.general(v, base, 0, optional)
	}
	at := o.value()
	for i := range p.steps {
		s := &p.steps[i]
		optional = optional || s.optional
		if at.Kind != resource.Map || !s.named {
			return p.general(v, valueOf(at), i, optional)
		}
		next := at.Get(s.name)
		switch {
		case absent(next) && optional:
			return nil, nil, true, false
		case absent(next):
			return nil, s.missing, false, false
		case next.Unknown() != "":
			v.unread = next
			return nil, valueOf(next), optional, false
		}
		at = next
	}
	return at, nil, optional, true
}

// general follows the path over any values, and notes what an absent place would
// be, if reads are recorded.
func (p *path) general(v *scope, at ref.Val, from int, optional bool) (_ *resource.Value, value ref.Val, isOptional, found bool) {
	for i := from; i < len(p.steps); i++ {
		s := &p.steps[i]
		optional = optional || s.optional
		if types.IsUnknownOrError(at) {
			return nil, at, optional, false
		}
		next, problem := qualify(at, s.key, optional)
		switch {
		case problem != nil:
			return nil, problem, optional, false
		case next == nil:
			if _, recorded := at.(*recordedObject); recorded {
				v.rec.last = p.rest(v.rec, i+1)
			}
			if optional {
				return nil, nil, true, false
			}
			return nil, types.NewErr("no such key: %v", s.key), false, false
		}
		at = next
	}
	return nil, at, optional, !types.IsUnknownOrError(at)
}

// rest extends the absent place that was read last by the names that were to be
// selected from it.
func (p *path) rest(rec *recorder, from int) *place {
	at := rec.last
	for _, s := range p.steps[from:] {
		if !s.named {
			break
		}
		at = rec.below(at, resource.Key(s.name))
		at.absent = true
	}
	return at
}

// qualify returns what is at a key or an index, nil if nothing is there, or the
// error if nothing can be.
func qualify(of, key ref.Val, optional bool) (found, problem ref.Val) {
	switch of := of.(type) {
	case traits.Mapper:
		value, ok := of.Find(key)
		switch {
		case types.IsError(value):
			return nil, value
		case !ok:
			return nil, nil
		}
		return value, nil
	case traits.Lister:
		i, err := types.IndexOrError(key)
		if err != nil {
			return nil, types.WrapErr(err)
		}
		if size, ok := of.Size().(types.Int); i < 0 || !ok || types.Int(i) >= size {
			if optional {
				return nil, nil
			}
			return nil, types.NewErr("index out of bounds: %v", key)
		}
		return of.Get(key), nil
	case traits.Indexer:
		value := of.Get(key)
		if types.IsError(value) {
			return nil, value
		}
		return value, nil
	}
	return nil, nil
}

// presence is an expression has(a.b): the last step of the path may be absent.
type presence struct{ *path }

func (p *presence) eval(v *scope, l locals) ref.Val {
	last := len(p.steps) - 1
	before := path{p.base, p.steps[:last]}
	tree, value, _, found := before.follow(v, l)
	switch {
	case !found && value == nil:
		return types.False
	case !found:
		return value
	case tree != nil && tree.Kind == resource.Map:
		next := tree.Get(p.steps[last].name)
		if next != nil && next.Unknown() != "" {
			return valueOf(next)
		}
		return types.Bool(!absent(next))
	case tree != nil:
		value = valueOf(tree)
	}
	next, problem := qualify(value, p.steps[last].key, true)
	if problem != nil {
		return problem
	}
	if types.IsUnknown(next) {
		return next
	}
	return types.Bool(next != nil)
}

// element is an expression a[b] or a[?b] whose index has to be evaluated.
type element struct {
	of, at   node
	optional bool
}

func (e *element) eval(v *scope, l locals) ref.Val {
	of := e.of.eval(v, l)
	optional := e.optional
	if o, ok := of.(*types.Optional); ok {
		if !o.HasValue() {
			return o
		}
		of, optional = o.GetValue(), true
	}
	if types.IsUnknownOrError(of) {
		return of
	}
	at := e.at.eval(v, l)
	if types.IsUnknownOrError(at) {
		return at
	}
	found, problem := qualify(of, at, optional)
	switch {
	case problem != nil:
		return problem
	case found == nil && optional:
		return types.OptionalNone
	case found == nil:
		return types.NewErr("no such key: %v", at)
	case types.IsUnknownOrError(found) || !optional:
		return found
	}
	return types.OptionalOf(found)
}

// alternative is a.or(b) or a.orValue(b). What stands in for the optional is
// evaluated only if it is needed.
type alternative struct {
	optional node
	second   finder
	path     *path // the optional, if it is one
	unwrap   bool
}

func (a *alternative) eval(v *scope, l locals) ref.Val { return whole(a.find(v, l)) }

// find implements finder.
func (a *alternative) find(v *scope, l locals) (*resource.Value, ref.Val) {
	if a.path == nil || !a.unwrap {
		return nil, a.choose(v, l)
	}
	tree, value, optional, found := a.path.follow(v, l)
	switch {
	case !found && value == nil:
		return a.second.find(v, l)
	case found && !optional:
		if o, ok := value.(*types.Optional); ok {
			return nil, a.chooseFrom(o, v, l)
		}
		return nil, types.NoSuchOverloadErr()
	}
	return tree, value
}

func (a *alternative) choose(v *scope, l locals) ref.Val {
	return a.chooseFrom(a.optional.eval(v, l), v, l)
}

func (a *alternative) chooseFrom(first ref.Val, v *scope, l locals) ref.Val {
	optional, ok := first.(*types.Optional)
	switch {
	case types.IsUnknownOrError(first):
		return first
	case !ok:
		return types.NoSuchOverloadErr()
	case !optional.HasValue():
		return a.second.eval(v, l)
	case a.unwrap:
		return optional.GetValue()
	}
	return first
}
