package drift

import (
	"crypto/sha256"

	"github.com/holdfast-dev/holdfast/resource"
)

// place is a value in an object and the way to it.
type place struct {
	step  resource.Step
	value any
}

// finder finds the places that the children of a field set stand for in a
// value. An item of a list has more than one place if its key is there twice.
type finder struct {
	value any
	items map[string][]place // of a list, by element id
}

func newFinder(s *fieldSet, value any) finder {
	f := finder{value: value}
	if list, ok := value.([]any); ok && s != nil {
		f.items = make(map[string][]place, len(list))
		keys, byValue := s.itemKeys()
		for i, item := range list {
			for _, id := range itemIDs(item, keys, byValue) {
				f.items[id] = append(f.items[id], place{itemStep(item, i), item})
			}
		}
	}
	return f
}

// itemKeys returns one of the keys of the children, all of which have the same
// fields, and whether there are children that stand for values.
func (s *fieldSet) itemKeys() (keys map[string]any, byValue bool) {
	for _, c := range s.children {
		switch c.kind {
		case 'k':
			keys = c.keys
		case 'v':
			byValue = true
		}
	}
	return keys, byValue
}

// itemIDs returns the elements that may stand for a list item.
func itemIDs(item any, keys map[string]any, byValue bool) []string {
	var ids []string
	if m, ok := item.(map[string]any); ok && keys != nil {
		found := make(map[string]any, len(keys))
		for key := range keys {
			if value, ok := m[key]; ok {
				found[key] = value
			}
		}
		ids = append(ids, "k:"+string(appendCanonical(nil, found)))
	}
	if byValue {
		ids = append(ids, "v:"+string(appendCanonical(nil, item)))
	}
	return ids
}

func (f finder) find(e element) []place {
	switch e.kind {
	case 'f':
		if m, ok := f.value.(map[string]any); ok {
			if value, ok := m[e.name]; ok {
				return []place{{resource.Key(e.name), value}}
			}
		}
		return nil
	case 'i':
		if list, ok := f.value.([]any); ok && e.at < len(list) {
			return []place{{resource.Index(e.at), list[e.at]}}
		}
		return nil
	}
	return f.items[e.id]
}

// sum is the hash of a field.
type sum [sha256.Size]byte

// The sums of fields that have no content of their own.
var (
	sumAbsent = sum(sha256.Sum256([]byte("absent")))
	sumEmpty  = sum(sha256.Sum256([]byte("empty")))
	sumSecret = sum(sha256.Sum256([]byte("secret")))
)

// slots returns how many sums project makes for a set: one for each field that
// it owns, and one for the order of the items in each keyed list.
func (s *fieldSet) slots() int {
	if s.leaf() {
		return 1
	}
	n := 0
	if s.keyed() {
		n++
	}
	for _, c := range s.children {
		n += c.set.slots()
	}
	return n
}

// project returns the sums of the fields of an object that a set owns, in the
// order of the set.
func project(s *fieldSet, object map[string]any, sensitive bool) []sum {
	p := projection{sums: make([]sum, 0, 64)}
	for _, c := range s.children {
		if sensitive && c.id != "f:metadata" {
			p.fill(c.set.slots(), sumSecret)
			continue
		}
		p.walk(c.set, newFinder(s, object).find(c.element), []element{c.element})
	}
	return p.sums
}

type projection struct {
	sums   []sum
	buffer []byte
}

func (p *projection) walk(s *fieldSet, places []place, path []element) {
	switch {
	case len(places) == 0:
		p.fill(s.slots(), sumAbsent)
	case len(places) > 1:
		p.fill(s.slots(), p.sumOf(values(places), false))
	case s.leaf():
		p.sums = append(p.sums, p.sumOf(places[0].value, isQuantity(path)))
	default:
		find := newFinder(s, places[0].value)
		if s.keyed() {
			p.sums = append(p.sums, order(s, places[0].value))
		}
		for _, c := range s.children {
			p.walk(c.set, find.find(c.element), append(path, c.element))
		}
	}
}

func (p *projection) fill(n int, with sum) {
	for range n {
		p.sums = append(p.sums, with)
	}
}

func (p *projection) sumOf(v any, quantity bool) sum {
	if empty(v) {
		return sumEmpty
	}
	if quantity {
		if amount, ok := parseQuantity(v); ok {
			v = "quantity " + amount
		}
	}
	p.buffer = appendCanonical(p.buffer[:0], v)
	return sha256.Sum256(p.buffer)
}

// order returns a sum of the order of the items that the set owns. Items of
// others in between do not count.
func order(s *fieldSet, value any) sum {
	list, _ := value.([]any)
	keys, _ := s.itemKeys()
	var text []byte
	for _, item := range list {
		for _, id := range itemIDs(item, keys, false) {
			if s.child(id) != nil {
				text = append(append(text, id...), 0)
			}
		}
	}
	return sha256.Sum256(text)
}

// empty reports whether a value has no content, so that what is put into it
// later is an addition and no change.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func values(places []place) []any {
	all := make([]any, len(places))
	for i, p := range places {
		all[i] = p.value
	}
	return all
}
