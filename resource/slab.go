package resource

import "slices"

// slab hands out Values, and the slices that they hold, from few allocations, which fill
// pieces of memory as the allocator has them.
type slab struct {
	values []Value
	fields []Field
	items  []*Value
}

// maxSlab is how many of something to allocate at once: enough for a small file,
// and little enough that one kept Value does not keep much.
const maxSlab = 128

// usualChunk is how many values to allocate at once where it is not known how many
// there will be.
const usualChunk = 16

// newSlab returns a slab for about so many values.
func newSlab(values int) slab {
	n := min(values+usualChunk, maxSlab)
	return slab{values: slices.Grow([]Value(nil), n), fields: slices.Grow([]Field(nil), n*7/8)}
}

func (s *slab) value() *Value {
	if len(s.values) == cap(s.values) {
		s.values = slices.Grow([]Value(nil), usualChunk)
	}
	s.values = s.values[:len(s.values)+1]
	return &s.values[len(s.values)-1]
}

// keepFields returns a copy of fields, which may then be reused.
func (s *slab) keepFields(fields []Field) []Field {
	n := len(fields)
	if n == 0 {
		return nil
	}
	if cap(s.fields)-len(s.fields) < n {
		s.fields = slices.Grow([]Field(nil), max(usualChunk, n))
	}
	at := len(s.fields)
	s.fields = append(s.fields, fields...)
	return s.fields[at : at+n : at+n]
}

// keepItems returns a copy of items, which may then be reused.
func (s *slab) keepItems(items []*Value) []*Value {
	n := len(items)
	if n == 0 {
		return nil
	}
	if cap(s.items)-len(s.items) < n {
		s.items = slices.Grow([]*Value(nil), max(usualChunk/4, n))
	}
	at := len(s.items)
	s.items = append(s.items, items...)
	return s.items[at : at+n : at+n]
}
