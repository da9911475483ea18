package cache

import (
	"encoding/binary"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/source"
)

// record is an entry as it is written: what it depends on is in the order of names.
type record struct {
	stamps noted // by full name; only their stamps count
	roots  []noted
	answer *Answer
}

// noted is what was seen below a directory.
type noted struct {
	root  string
	names []string
	facts []source.Fact // of each name
}

func recordOf(e *Entry) *record {
	r := &record{answer: e.Answer}
	for _, name := range slices.Sorted(maps.Keys(e.Stamps)) {
		r.stamps.add(name, source.Fact{Stamp: e.Stamps[name]})
	}
	for _, root := range slices.Sorted(maps.Keys(e.Facts)) {
		n := noted{root: root}
		for _, name := range slices.Sorted(maps.Keys(e.Facts[root])) {
			n.add(name, e.Facts[root][name])
		}
		r.roots = append(r.roots, n)
	}
	return r
}

func (n *noted) add(name string, fact source.Fact) {
	n.names, n.facts = append(n.names, name), append(n.facts, fact)
}

func encode(r *record) []byte {
	var w writer
	w.number(uint64(len(r.stamps.names)))
	for i, name := range r.stamps.names {
		w.text(name)
		w.stamp(r.stamps.facts[i].Stamp)
	}
	w.number(uint64(len(r.roots)))
	for _, n := range r.roots {
		w.text(n.root)
		w.number(uint64(len(n.names)))
		for i, name := range n.names {
			w.text(name)
			w.stamp(n.facts[i].Stamp)
			w.text(n.facts[i].Sum)
		}
	}
	w.number(uint64(r.answer.Code))
	w.number(uint64(len(r.answer.Outputs)))
	for _, out := range r.answer.Outputs {
		w.text(string(out))
	}
	return w.data
}

const stampSize = 4*8 + 1 // bytes

func decode(body []byte) (*record, bool) {
	r := reader{data: string(body)}
	out := &record{answer: &Answer{}}
	out.stamps = noted{names: make([]string, r.count(1+stampSize))}
	out.stamps.facts = make([]source.Fact, len(out.stamps.names))
	for i := range out.stamps.names {
		out.stamps.names[i] = r.text()
		out.stamps.facts[i].Stamp = r.stamp()
	}
	for range r.count(2) {
		n := noted{root: r.text(), names: make([]string, r.count(2+stampSize))}
		n.facts = make([]source.Fact, len(n.names))
		for i := range n.names {
			n.names[i] = r.text()
			n.facts[i] = source.Fact{Stamp: r.stamp(), Sum: r.text()}
		}
		out.roots = append(out.roots, n)
	}
	out.answer.Code = int(r.number())
	for range r.count(1) {
		out.answer.Outputs = append(out.answer.Outputs, []byte(r.text()))
	}
	return out, !r.bad && r.data == ""
}

type writer struct{ data []byte }

func (w *writer) number(n uint64) { w.data = binary.AppendUvarint(w.data, n) }

func (w *writer) stamp(s source.Stamp) {
	for _, n := range []uint64{s.Inode, uint64(s.Size), uint64(s.Changed), uint64(s.Meta)} {
		w.data = binary.LittleEndian.AppendUint64(w.data, n)
	}
	w.data = append(w.data, byte(s.Mode))
}

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.data = append(w.data, s...)
}

// reader reads what writer wrote. Once something is not as that would be, all that
// follows is zero. Texts are parts of the data.
type reader struct {
	data string
	bad  bool
}

func (r *reader) number() (n uint64) {
	for i := 0; i < len(r.data) && i < binary.MaxVarintLen64; i++ {
		b := r.data[i]
		if n |= uint64(b&0x7f) << (7 * i); b < 0x80 {
			r.data = r.data[i+1:]
			return n
		}
	}
	r.bad, r.data = true, ""
	return 0
}

// count returns how many things follow, of which each takes so many bytes at least.
func (r *reader) count(each int) int {
	n := r.number()
	if n > uint64(len(r.data)/each) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) stamp() source.Stamp {
	if len(r.data) < stampSize {
		r.bad, r.data = true, ""
		return source.Stamp{}
	}
	at := r.data[:stampSize]
	r.data = r.data[stampSize:]
	return source.Stamp{
		Inode: word(at), Size: int64(word(at[8:])), Changed: int64(word(at[16:])), Meta: int64(word(at[24:])), Mode: source.Mode(at[32]),
	}
}

// word returns the number in the first eight bytes.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

func (r *reader) text() string {
	n := r.count(1)
	s := r.data[:n]
	r.data = r.data[n:]
	return s
}
