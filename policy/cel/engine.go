// Package cel evaluates policies that are written in the Common Expression
// Language, in this order:
//
//	index     the policies that match a group and kind are found once
//	guard     a policy passes what lacks certain keys, and says the same of all
//	          objects of a shape that lack others
//	compile   a policy is parsed, checked and planned when a resource of one of
//	          its kinds comes first
//	evaluate  over the resource's own tree, which is the CEL value; variables
//	          are evaluated on first use, those of the prelude once a resource
//	explain   what failed is taken apart and evaluated again over values that
//	          record reads: the last one that was read, or looked for and not
//	          found, is the offending one; of all(), one for each element
//
// A value that is not known becomes an unknown of CEL, and a result that
// depends on it is neither pass nor fail. Policies that are not part of the
// program have a cost limit and can be interrupted.
package cel

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// Engine evaluates the policies of packs. It implements policy.Evaluator.
type Engine struct {
	env      *environment
	checked  checked
	preludes sync.Map    // resource.Platform → []variable
	policies []*compiled // by id; not all are decoded
	guards   guards

	byKind sync.Map // kindOf → *applicable

	relations sync.Map  // what they say → *policy.Relation
	subjects  sync.Pool // of *subject, for their memory
}

var _ policy.Evaluator = (*Engine)(nil)

// New returns an engine for packs. Packs that are not trusted are compiled at
// once; the error lists all their mistakes and all ids that are used twice, as
// policy.FileErrors.
func New(packs ...*policy.Pack) (*Engine, error) {
	env, err := newEnvironment()
	if err != nil {
		return nil, err
	}
	e := &Engine{env: env}
	errs := []error{policy.Unique(packs...)}
	for _, pack := range packs {
		if pack.Trusted {
			e.checked = checked(pack.Checked)
		}
		for _, p := range pack.Pending {
			c := newCompiled(e, p, !pack.Trusted)
			c.passes, c.skips, c.settled = e.guards.add(p.Guard.Pass), e.guards.add(p.Guard.Skip), e.guards.add(p.Guard.Settled)
			e.policies = append(e.policies, c)
		}
		for _, p := range pack.Policies {
			c := newCompiled(e, policy.Pending{Head: p, Load: func() (*policy.Policy, error) { return p, nil }}, !pack.Trusted)
			e.policies = append(e.policies, c)
			if !pack.Trusted {
				_, _, err := c.load()
				errs = append(errs, err)
			}
		}
	}
	slices.SortStableFunc(e.policies, func(a, b *compiled) int { return cmp.Compare(a.head.ID, b.head.ID) })
	return e, errors.Join(errs...)
}

// Evaluate implements policy.Evaluator.
func (e *Engine) Evaluate(ctx context.Context, results []policy.Result, r *resource.Resource, set *resource.Set, stage policy.Stage) []policy.Result {
	matching := e.matching(r.ID)
	if len(matching.policies) == 0 || r.Root == nil {
		return results
	}
	s := newSubject(e, r, set, stage)
	defer s.release()
	outcomes := matching.outcomes(s)
	s.asked = matching.asked(s, s.asked)
	before := len(results)
	results = append(results, matching.guarded...)
	for i := range s.asked.all {
		c, result := matching.policies[i], &results[before+i]
		if verdict, known := c.passedOver(s); known {
			result.Verdict = verdict
			continue
		}
		settled := outcomes != nil && c.settled.keeps(s.keys)
		if settled {
			if known := outcomes[i].Load(); known != nil {
				*result = *known
				continue
			}
		}
		if ctx.Err() != nil {
			*result = policy.Result{Policy: c.head, Verdict: policy.Error, Err: context.Cause(ctx)}
			continue
		}
		if c.judge(ctx, s, result); settled {
			outcomes.keep(i, *result)
		}
	}
	return results
}

// kindOf is what decides which policies apply.
type kindOf struct {
	platform    resource.Platform
	group, kind string
}

func (e *Engine) matching(id resource.ID) *applicable {
	key := kindOf{id.Platform, id.Group, id.Kind}
	if found, ok := e.byKind.Load(key); ok {
		return found.(*applicable)
	}
	var matching []*compiled
	for _, c := range e.policies {
		if c.head.Applies(id) {
			matching = append(matching, c)
		}
	}
	found, _ := e.byKind.LoadOrStore(key, newApplicable(matching, &e.guards))
	return found.(*applicable)
}

// prelude returns the variables that all policies of a platform have.
func (e *Engine) prelude(platform resource.Platform) []variable {
	if found, ok := e.preludes.Load(platform); ok {
		return found.([]variable)
	}
	declared := policy.Prelude(platform)
	variables := make([]variable, len(declared))
	for i, v := range declared {
		variables[i] = newPreludeVariable(e, v, names(declared[:i]))
	}
	found, _ := e.preludes.LoadOrStore(platform, variables)
	return found.([]variable)
}
