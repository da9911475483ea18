package cel

import (
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
)

// guards numbers the keys of all guards.
type guards struct {
	number map[string]int
}

// keySet is a set of numbered keys; nil is that of no guard.
type keySet []uint64

// add numbers the keys of a guard, and returns their set.
func (g *guards) add(keys []string) (set keySet) {
	if g.number == nil {
		g.number = map[string]int{}
	}
	for _, key := range keys {
		n, ok := g.number[key]
		if !ok {
			n = len(g.number)
			g.number[key] = n
		}
		set = set.with(n)
	}
	return set
}

func (s keySet) with(n int) keySet {
	for len(s) <= n/64 {
		s = append(s, 0)
	}
	s[n/64] |= 1 << (n % 64)
	return s
}

// survey is what is known of a tree by going through it once.
type survey struct {
	keys     keySet // of guards, which some value has at any depth
	unknowns bool   // whether any value is not known, which may have all of them
	nulls    bool   // whether an item of a list is null
}

// survey returns what is known of a tree; keys is memory for that.
func (g *guards) survey(v *resource.Value, keys keySet) survey {
	s := survey{keys: slices.Grow(keys[:0], (len(g.number)+63)/64)[:(len(g.number)+63)/64]}
	clear(s.keys)
	g.note(v, &s)
	if s.unknowns {
		for i := range s.keys {
			s.keys[i] = ^uint64(0)
		}
	}
	return s
}

func (g *guards) note(v *resource.Value, s *survey) {
	if v.Unknown() != "" {
		s.unknowns = true
		return
	}
	for _, item := range v.Items {
		s.nulls = s.nulls || absent(item)
		g.note(item, s)
	}
	for i := range v.Fields {
		value := v.Fields[i].Value
		if n, ok := g.number[v.Fields[i].Key]; ok && value.Kind != resource.Null {
			s.keys[n/64] |= 1 << (n % 64)
		}
		g.note(value, s)
	}
}

// keeps reports whether the guard keeps a policy from being asked about something
// that has these keys.
func (s keySet) keeps(keys keySet) bool {
	for i, word := range s {
		if word&keys[i] != 0 {
			return false
		}
	}
	return len(s) > 0
}
