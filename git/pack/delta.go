package pack

import "slices"

// A delta begins with the sizes of its base and of its result. Then follow
// instructions: a byte with the highest bit set copies, and its other bits tell
// which bytes of an offset (four) and a size (three) come after it; another byte
// inserts as many bytes as it says, which come after it.

// packed reads the object at a place.
func (s *Store) packed(at place, limit int64) (Object, bool) {
	o, deltas, err := s.unwind(at, limit)
	if err != nil {
		return Object{}, false
	}
	if o.Content == nil { // above the limit
		return o, true
	}
	for _, d := range slices.Backward(deltas) {
		if o.Content, err = s.patched(d, o.Content); err != nil {
			return Object{}, false
		}
		o.Size = int64(len(o.Content))
		s.bases.put(d.place, o)
	}
	return o, true
}

// unwind follows deltas from a place to the object that they start from, and
// returns both. If the object that they lead to is above the limit, its size is
// returned, and nothing to make it from.
func (s *Store) unwind(at place, limit int64) (Object, []entry, error) {
	var deltas []entry
	size := int64(-1) // of the object asked for
	for {
		o, known := s.bases.get(at)
		var e entry
		if !known {
			var err error
			if e, err = s.entry(at); err != nil {
				return Object{}, nil, err
			}
			if e.isDelta() {
				if len(deltas) == maxChain || e.size > maxBase {
					return Object{}, nil, errMalformed
				}
				if size < 0 {
					if e.delta, err = s.content(e); err != nil {
						return Object{}, nil, err
					}
					if size, err = resultSize(e.delta); err != nil {
						return Object{}, nil, err
					}
				}
				deltas = append(deltas, e)
				at.offset = e.base
				continue
			}
			o = Object{Kind: kinds[e.kind], Size: e.size}
		}
		if size < 0 {
			size = o.Size
		}
		switch {
		case o.Kind == "" || len(deltas) > 0 && o.Size > maxBase:
			return Object{}, nil, errMalformed
		case size > limit:
			return Object{Kind: o.Kind, Size: size}, nil, nil
		case !known:
			var err error
			if o.Content, err = s.content(e); err != nil {
				return Object{}, nil, err
			}
			if len(deltas) > 0 || o.Kind != "commit" { // commits are hardly ever bases
				s.bases.put(at, o)
			}
		}
		return o, deltas, nil
	}
}

// number reads a number of seven bits a byte, the lowest first.
func number(b []byte) (n int64, rest []byte, ok bool) {
	for i, c := range b {
		if i > 7 {
			break
		}
		n |= int64(c&0x7f) << (7 * i)
		if c&0x80 == 0 {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

// patched applies a delta to its base.
func (s *Store) patched(d entry, base []byte) ([]byte, error) {
	if d.delta != nil {
		return patch(base, d.delta)
	}
	if int64(cap(s.scratch)) < d.size {
		s.scratch = make([]byte, d.size)
	}
	delta := s.scratch[:d.size]
	if err := s.decompress(d, delta); err != nil {
		return nil, err
	}
	return patch(base, delta)
}

// resultSize reads the size of what a delta makes.
func resultSize(delta []byte) (int64, error) {
	_, delta, ok := number(delta)
	if ok {
		if size, _, ok := number(delta); ok {
			return size, nil
		}
	}
	return 0, errMalformed
}

func patch(base, delta []byte) ([]byte, error) {
	from, delta, ok := number(delta)
	if !ok || from != int64(len(base)) {
		return nil, errMalformed
	}
	size, delta, ok := number(delta)
	if !ok || size > maxBase {
		return nil, errMalformed
	}
	result := make([]byte, 0, min(size, doubtful))
	for len(delta) > 0 {
		op := delta[0]
		delta = delta[1:]
		var piece []byte
		switch {
		case op&0x80 != 0:
			var offset, n int
			if offset, n, delta, ok = copied(op, delta); !ok || offset+n > len(base) {
				return nil, errMalformed
			}
			piece = base[offset : offset+n]
		case op == 0 || int(op) > len(delta):
			return nil, errMalformed
		default:
			piece, delta = delta[:op], delta[op:]
		}
		if int64(len(result)+len(piece)) > size {
			return nil, errMalformed
		}
		result = append(result, piece...)
	}
	if int64(len(result)) != size {
		return nil, errMalformed
	}
	return result, nil
}

// copied reads what a byte says that copies.
func copied(op byte, b []byte) (offset, n int, rest []byte, ok bool) {
	for i := range 7 {
		if op>>i&1 == 0 {
			continue
		}
		if len(b) == 0 {
			return 0, 0, nil, false
		}
		if i < 4 {
			offset |= int(b[0]) << (8 * i)
		} else {
			n |= int(b[0]) << (8 * (i - 4))
		}
		b = b[1:]
	}
	if n == 0 {
		n = 0x10000
	}
	return offset, n, b, true
}
