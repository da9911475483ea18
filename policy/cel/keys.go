package cel

import "github.com/holdfast-dev/holdfast/resource"

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

// keysOf returns which of the keys a value has, at any depth. What is not known
// may have all of them.
func (g *guards) keysOf(v *resource.Value) keySet {
	set := make(keySet, (len(g.number)+63)/64)
	if !g.note(v, set) {
		for i := range set {
			set[i] = ^uint64(0)
		}
	}
	return set
}

// note reports whether all of a value is known.
func (g *guards) note(v *resource.Value, set keySet) bool {
	if v.Unknown != "" {
		return false
	}
	for _, item := range v.Items {
		if !g.note(item, set) {
			return false
		}
	}
	for i := range v.Fields {
		if n, ok := g.number[v.Fields[i].Key]; ok && v.Fields[i].Value.Kind != resource.Null {
			set[n/64] |= 1 << (n % 64)
		}
		if !g.note(v.Fields[i].Value, set) {
			return false
		}
	}
	return true
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
