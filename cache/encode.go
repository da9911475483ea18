package cache

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/source"
)

func encode(e *Entry) []byte {
	var w writer
	w.number(uint64(len(e.Stamps)))
	for _, name := range slices.Sorted(maps.Keys(e.Stamps)) {
		w.text(name)
		w.stamp(e.Stamps[name])
	}
	w.number(uint64(len(e.Facts)))
	for _, root := range slices.Sorted(maps.Keys(e.Facts)) {
		w.text(root)
		w.number(uint64(len(e.Facts[root])))
		for _, name := range slices.Sorted(maps.Keys(e.Facts[root])) {
			fact := e.Facts[root][name]
			w.text(name)
			w.stamp(fact.Stamp)
			w.text(fact.Sum)
		}
	}
	w.number(uint64(e.Answer.Code))
	w.number(uint64(len(e.Answer.Outputs)))
	for _, out := range e.Answer.Outputs {
		w.text(string(out))
	}
	return w.data
}

func decode(data []byte) (*Entry, bool) {
	r := reader{data: data}
	e := &Entry{Facts: Facts{}, Stamps: Stamps{}, Answer: &Answer{}}
	for range r.count() {
		name := r.text()
		e.Stamps[name] = r.stamp()
	}
	for range r.count() {
		root, n := r.text(), r.count()
		facts := make(map[string]source.Fact, n)
		for range n {
			name := r.text()
			facts[name] = source.Fact{Stamp: r.stamp(), Sum: r.text()}
		}
		e.Facts[root] = facts
	}
	e.Answer.Code = int(r.number())
	for range r.count() {
		e.Answer.Outputs = append(e.Answer.Outputs, []byte(r.text()))
	}
	return e, !r.bad && len(r.data) == 0
}

type writer struct{ data []byte }

func (w *writer) number(n uint64) { w.data = binary.AppendUvarint(w.data, n) }

func (w *writer) stamp(s source.Stamp) {
	for _, n := range []uint64{s.Inode, uint64(s.Size), uint64(s.Mode), uint64(s.Changed), uint64(s.Meta)} {
		w.number(n)
	}
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.data = append(w.data, s...)
}

// reader reads what writer wrote. Once something is not as that would be, all that
// follows is zero.
type reader struct {
	data []byte
	bad  bool
}

func (r *reader) number() uint64 {
	n, size := binary.Uvarint(r.data)
	if size <= 0 {
		r.bad, r.data = true, nil
		return 0
	}
	r.data = r.data[size:]
	return n
}

// count returns how many things follow, of which each takes a byte at least.
func (r *reader) count() int {
	n := r.number()
	if n > uint64(len(r.data)) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) stamp() source.Stamp {
	return source.Stamp{
		Inode: r.number(), Size: int64(r.number()), Mode: source.Mode(r.number()), Changed: int64(r.number()), Meta: int64(r.number()),
	}
}

func (r *reader) text() string {
	n := r.count()
	s := r.data[:n]
	r.data = r.data[n:]
	return string(s)
}
