package pack

const (
	// maxBases bounds the bytes of one generation of objects that are kept, and
	// maxKept those of one object.
	maxBases = 8 << 20
	maxKept  = 1 << 20
)

// bases keeps objects that were read last, as others may be deltas to them. When the
// young generation is full, it becomes the old one.
type bases struct {
	young, old map[place]Object
	bytes      int
}

func (b *bases) get(at place) (Object, bool) {
	if o, ok := b.young[at]; ok {
		return o, true
	}
	o, ok := b.old[at]
	if ok {
		b.put(at, o)
	}
	return o, ok
}

func (b *bases) put(at place, o Object) {
	const overhead = 128
	if len(o.Content) > maxKept {
		return
	}
	if b.young == nil || b.bytes > maxBases {
		b.old, b.young, b.bytes = b.young, map[place]Object{}, 0
	}
	b.young[at] = o
	b.bytes += len(o.Content) + overhead
}
