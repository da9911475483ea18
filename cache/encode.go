package cache

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/source"
)

func encode(facts Facts, answer *Answer) []byte {
	var w writer
	w.number(uint64(len(facts)))
	for _, root := range slices.Sorted(maps.Keys(facts)) {
		stamps := facts[root]
		w.text([]byte(root))
		w.number(uint64(len(stamps)))
		for _, name := range slices.Sorted(maps.Keys(stamps)) {
			w.text([]byte(name))
			s := stamps[name]
			for _, n := range []uint64{s.Inode, uint64(s.Size), uint64(s.Mode), uint64(s.Changed), uint64(s.Meta)} {
				w.number(n)
			}
		}
	}
	w.number(uint64(answer.Code))
	w.number(uint64(len(answer.Outputs)))
	for _, out := range answer.Outputs {
		w.text(out)
	}
	return w.data
}

// decode returns the answer if the facts hold.
func decode(data []byte) (*Answer, bool) {
	r := reader{data: data}
	for range r.count() {
		if !r.holds() {
			return nil, false
		}
	}
	answer := &Answer{Code: int(r.number())}
	for range r.count() {
		answer.Outputs = append(answer.Outputs, r.text())
	}
	return answer, !r.bad
}

// holds reports whether the stamps of the files in a directory are what they were.
func (r *reader) holds() bool {
	root := string(r.text())
	n := r.count()
	paths, stamps := make([]string, n), make([]source.Stamp, n)
	for i := range n {
		paths[i] = string(r.text())
		stamps[i] = source.Stamp{Inode: r.number(), Size: int64(r.number()), Mode: uint32(r.number()), Changed: int64(r.number()), Meta: int64(r.number())}
	}
	if r.bad {
		return false
	}
	now, err := source.Stamps(root, paths)
	return err == nil && slices.Equal(now, stamps)
}

type writer struct{ data []byte }

func (w *writer) number(n uint64) { w.data = binary.AppendUvarint(w.data, n) }

func (w *writer) text(s []byte) {
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

func (r *reader) text() []byte {
	n := r.count()
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}
