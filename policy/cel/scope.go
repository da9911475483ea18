package cel

import (
	"context"
	"slices"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// subject is one resource while all policies judge it.
type subject struct {
	engine   *Engine
	r        *resource.Resource
	tree     *resource.Value // that of r as policies see it
	set      *resource.Set
	stage    policy.Stage
	unknowns bool   // whether r has values that are not known
	keys     keySet // of guards, which r has
	asked    keySet // places of the policies that are asked, among those that apply
	root     ref.Val
	rec      *recorder  // nil for plain evaluation
	recorded *subject   // the same, over values that record reads; nil until something fails
	spare    *subject   // memory for that
	shared   []variable // the prelude of r's platform
	prelude  []memo
	stack    locals          // those of all expressions that are being evaluated
	scope    *scope          // of the policy that judges
	led      []led           // by relations that have been asked for
	code     *policy.Subject // for policies that are not written in CEL; nil until there is one
	docs     *documents      // texts that are read as JSON; nil until there is one
	unread   *resource.Value // what was found last that is not known
	fault    resource.Path   // where the value is because of which a policy could not be evaluated
	searched bool            // whether that was looked for
}

// memo is the value of a variable, once it has been used.
type memo struct {
	value ref.Val
	last  *place // what was read last for it; nil when nothing was
}

func newSubject(e *Engine, r *resource.Resource, set *resource.Set, stage policy.Stage) *subject {
	s, _ := e.subjects.Get().(*subject)
	if s == nil {
		s = &subject{stack: make(locals, 0, 2*foldLocals), scope: &scope{}}
	}
	shared, tree := e.prelude(r.ID.Platform), r.Root
	seen := e.guards.survey(tree, s.keys)
	unknowns := seen.unknowns || r.Change != nil && r.Change.Before != nil && hasUnknown(r.Change.Before)
	if seen.nulls {
		tree = withoutNulls(tree)
	}
	*s = subject{
		engine: e, r: r, tree: tree, set: set, stage: stage, unknowns: unknowns, keys: seen.keys,
		root: valueOf(tree), shared: shared, prelude: cleared(s.prelude, len(shared)),
		asked: s.asked, stack: s.stack[:0], scope: s.scope, spare: s.spare, led: s.led[:0],
	}
	return s
}

// release gives back the memory of a subject that has been judged, which must not keep
// what it was about.
func (s *subject) release() {
	if s.recorded != nil {
		s.recorded.forget()
		s.spare, s.recorded = s.recorded, nil
	}
	s.forget()
	s.engine.subjects.Put(s)
}

func (s *subject) forget() {
	s.r, s.tree, s.set, s.root, s.code = nil, nil, nil, nil, nil
	clear(s.led)
	clear(s.prelude)
	clear(s.scope.own)
	*s.scope = scope{own: s.scope.own}
}

// cleared returns n empty memos, in the same memory if it is enough.
func cleared(memos []memo, n int) []memo {
	memos = slices.Grow(memos[:0], n)[:n]
	clear(memos)
	return memos
}

// relation returns what a relation of the policy leads to, and notes whether any of
// it has unknown values. Reads of it are not recorded: it is not what is judged.
func (v *scope) relation(i int) ref.Val {
	if v.related[i] == nil {
		found := v.leads(v.of.relations[i])
		v.related[i], v.unknowns = found.to, v.unknowns || found.unknowns
	}
	return v.related[i]
}

// leads returns what a relation leads to, which several policies may ask.
func (s *subject) leads(by *policy.Relation) led {
	for _, known := range s.led {
		if known.by == by {
			return known
		}
	}
	to, unknowns := s.engine.index(s.set).related(by, s.r)
	found := led{by, to, unknowns}
	s.led = append(s.led, found)
	return found
}

func (v *scope) relations() map[string]ref.Val {
	all := make(map[string]ref.Val, len(v.policy.Relations))
	for i, one := range v.policy.Relations {
		all[one.Name] = v.relation(i)
	}
	return all
}

// push returns the given number of locals, which pop gives back.
func (s *subject) push(n int) locals {
	from := len(s.stack)
	s.stack = slices.Grow(s.stack, n)[:from+n]
	return s.stack[from : from+n : from+n]
}

func (s *subject) pop(n int) { s.stack = s.stack[:len(s.stack)-n] }

// scope is what the expressions of one policy see of a subject. It implements
// interpreter.Activation.
type scope struct {
	*subject
	ctx       context.Context
	policy    *policy.Policy
	of        *program
	variables *variables // this scope, as a map; nil until it is used
	own       []memo
	related   []ref.Val          // what the relations of the policy lead to, once that was asked
	bound     map[string]ref.Val // what only a fix sees
	unknowns  bool               // whether r or what it is related to has values that are not known
}

// newScope returns the scope of a policy, which is in use until that of the next
// one is made.
func newScope(ctx context.Context, s *subject, p *policy.Policy, of *program) *scope {
	v := s.scope
	*v = scope{subject: s, ctx: ctx, policy: p, of: of, own: cleared(v.own, len(of.variables)), unknowns: s.unknowns || of.asks.unknown(s)}
	if len(p.Relations) > 0 {
		v.related = make([]ref.Val, len(p.Relations))
	}
	if of.limited { // a program has to know from the start what it may come upon
		v.relations()
	}
	return v
}

// recording returns the same scope over values that record reads. It is in use until
// that of the next policy is made.
func (v *scope) recording() *scope {
	if v.recorded == nil {
		v.recorded = v.subject.recording()
	}
	s := v.recorded
	s.rec.last = nil
	again := s.scope
	if v.of.limited { // its programs are evaluated within each other
		again = &scope{}
	}
	*again = scope{subject: s, ctx: v.ctx, policy: v.policy, of: v.of, own: cleared(again.own, len(v.own)), related: v.related, unknowns: v.unknowns}
	return again
}

func (s *subject) recording() *subject {
	again := s.spare
	if again == nil {
		again = &subject{scope: &scope{}, rec: &recorder{}}
	}
	stack, scope, rec, prelude := again.stack, again.scope, again.rec, again.prelude
	*again = *s
	again.led = nil
	again.stack, again.scope, again.rec, again.prelude = stack[:0], scope, rec.emptied(), cleared(prelude, len(s.prelude))
	again.root = recorded(s.tree, &place{}, rec)
	return again
}

// ResolveName implements interpreter.Activation.
func (v *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "object":
		return v.root, true
	case "variables":
		if v.variables == nil {
			v.variables = &variables{scope: v}
		}
		return v.variables, true
	case "relations":
		return v.relations(), true
	case "params":
		return v.of.params, true
	case "stage":
		return types.String(v.stage), true
	case "oldObject": // what is in a file is to be created
		if v.r.Change != nil && v.r.Change.Before != nil {
			return valueOf(v.r.Change.Before), true
		}
		return types.NullValue, true
	case "request":
		return valueOf(v.request()), true
	case "namespaceObject":
		return v.namespaceObject(), true
	case recorderName:
		return v.rec, v.rec != nil
	case scopeName:
		return v, true
	}
	found, ok := v.bound[name]
	return found, ok
}

// Parent implements interpreter.Activation.
func (v *scope) Parent() interpreter.Activation { return nil }

// variables is the map of variables, which are evaluated on first use.
type variables struct {
	*scope
	noValue
}

// Find implements traits.Mapper.
func (v *variables) Find(key ref.Val) (ref.Val, bool) {
	name, _ := key.(types.String)
	for i := range v.of.variables {
		if v.of.variables[i].name == string(name) {
			return found(v.evaluate(&v.of.variables[i], &v.own[i]))
		}
	}
	for i := range v.shared {
		if v.shared[i].name == string(name) {
			return found(v.evaluate(&v.shared[i], &v.prelude[i]))
		}
	}
	return nil, false
}

func found(v ref.Val) (ref.Val, bool) { return v, !types.IsError(v) }

// evaluate returns the value of a variable.
func (v *scope) evaluate(one *variable, m *memo) ref.Val {
	if v.rec == nil {
		if m.value == nil {
			m.value = v.variable(one)
		}
		return m.value
	}
	// The use of a variable counts as a read of what was read last for it, if
	// anything was.
	before := v.rec.last
	if m.value == nil {
		v.rec.last = nil
		m.value = v.variable(one)
		m.last = v.rec.last
	}
	if v.rec.last = m.last; m.last == nil {
		v.rec.last = before
	}
	return m.value
}

func (v *scope) variable(one *variable) ref.Val {
	x, err := one.compile()
	if err != nil {
		return types.WrapErr(err)
	}
	out, err := x.eval(v)
	if err != nil {
		return types.WrapErr(err)
	}
	return out
}

// Type implements ref.Val.
func (v *variables) Type() ref.Type { return types.MapType }

func (v *variables) Get(key ref.Val) ref.Val      { return getKey(v, key) }
func (v *variables) Contains(key ref.Val) ref.Val { return containsKey(v, key) }
func (v *variables) Size() ref.Val                { return types.Int(len(v.shared) + len(v.own)) }
func (v *variables) Iterator() traits.Iterator    { return &keys{} }
