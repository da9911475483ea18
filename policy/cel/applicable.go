package cel

import (
	"math/bits"
	"sync"

	"github.com/holdfast-dev/holdfast/policy"
)

// applicable are the policies that apply to a kind, in the order of their ids. Most of
// them are passed over for most objects, so that they are found by the keys that an
// object has, and not by asking each.
type applicable struct {
	policies []*compiled
	guarded  []policy.Result // of each if its guard keeps it
	open     keySet          // those without a guard, by their places
	opened   []keySet        // those whose guard a key opens, the first for all keys that open none
	byKey    []uint16        // where that is in opened, by the number of the key
	byShape  sync.Map        // shape → outcomes
}

func newApplicable(policies []*compiled, g *guards) *applicable {
	a := &applicable{policies: policies, guarded: make([]policy.Result, len(policies))}
	if len(policies) == 0 { // as of most of the kinds that anybody may make up
		return a
	}
	a.open, a.opened, a.byKey = make(keySet, (len(policies)+63)/64), make([]keySet, 1), make([]uint16, len(g.number))
	for i, c := range policies {
		keys, verdict := c.passes, policy.Pass
		if len(c.skips) > 0 {
			keys, verdict = c.skips, policy.Skip
		}
		a.guarded[i] = policy.Result{Policy: c.head, Verdict: verdict}
		if len(keys) == 0 || len(c.head.Stages) > 0 {
			a.open = a.open.with(i)
			continue
		}
		for key := range keys.all {
			if a.byKey[key] == 0 {
				a.byKey[key] = uint16(len(a.opened)) //nolint:gosec // the index of policies has some thousand keys
				a.opened = append(a.opened, nil)
			}
			at := &a.opened[a.byKey[key]]
			*at = at.with(i)
		}
	}
	return a
}

// asked returns the places of the policies that may have to be evaluated for a
// subject; room is memory for that.
func (a *applicable) asked(s *subject, room keySet) keySet {
	asked := room[:0]
	asked = append(asked, a.open...)
	if s.gone() || s.unknowns { // whose keys are not known
		for i := range a.policies {
			asked = asked.with(i)
		}
		return asked
	}
	for key := range s.keys.all {
		for i, word := range a.opened[a.byKey[key]] {
			asked[i] |= word
		}
	}
	return asked
}

// all are the numbers in the set, in rising order.
func (s keySet) all(yield func(int) bool) {
	for i, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(i*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
