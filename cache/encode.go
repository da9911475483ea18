package cache

import (
	"encoding/binary"
	"maps"
	"slices"
	"unsafe"

	"github.com/holdfast-dev/holdfast/source"
)

// encode writes an entry: the exit code, a byte, and with its length each of the facts
// and the outputs.
func encode(facts []byte, answer *Answer) []byte {
	w := writer{[]byte{byte(answer.Code)}}
	w.text(string(facts))
	for _, out := range answer.Outputs {
		w.text(string(out))
	}
	return w.data
}

// encodeFacts writes the number of roots, and of each its name, the number of its facts,
// and these: path, stamp and sum. The root without a name has the stamps, by full name.
func encodeFacts(e *Entry) []byte {
	roots := maps.Clone(e.Facts)
	if len(e.Stamps) > 0 {
		if roots == nil {
			roots = Facts{}
		}
		roots[""] = map[string]source.Fact{}
		for name, stamp := range e.Stamps {
			roots[""][name] = source.Fact{Stamp: stamp}
		}
	}
	var facts writer
	facts.number(uint64(len(roots)))
	for _, root := range slices.Sorted(maps.Keys(roots)) {
		facts.text(root)
		facts.number(uint64(len(roots[root])))
		for _, name := range slices.Sorted(maps.Keys(roots[root])) {
			fact := roots[root][name]
			facts.text(name)
			facts.data = appendStamp(facts.data, fact.Stamp)
			facts.text(fact.Sum)
		}
	}
	return facts.data
}

// decode returns parts of what encode wrote.
func decode(body []byte) (facts []byte, answer *Answer, ok bool) {
	if len(body) == 0 {
		return nil, nil, false
	}
	answer = &Answer{Code: int(body[0])}
	facts, body, ok = cutPart(body[1:])
	for ok && len(body) > 0 {
		var out []byte
		out, body, ok = cutPart(body)
		answer.Outputs = append(answer.Outputs, out)
	}
	return facts, answer, ok
}

// cutPart cuts off bytes whose length is in front of them.
func cutPart(data []byte) (part, rest []byte, ok bool) {
	n, width := binary.Uvarint(data)
	if width <= 0 || n > uint64(len(data)-width) {
		return nil, nil, false
	}
	return data[width:][:n:n], data[width:][n:], true
}

const stampSize = 4*8 + 1 // bytes

type writer struct{ data []byte }

func (w *writer) number(n uint64) { w.data = binary.AppendUvarint(w.data, n) }

func (w *writer) text(s string) {
	w.number(uint64(len(s)))
	w.data = append(w.data, s...)
}

func appendStamp(data []byte, s source.Stamp) []byte {
	for _, n := range [...]uint64{s.Inode, uint64(s.Size), uint64(s.Changed), uint64(s.Meta)} {
		data = binary.LittleEndian.AppendUint64(data, n)
	}
	return append(data, byte(s.Mode))
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

// textOf returns bytes, which nobody changes, as a text of which others can be parts.
func textOf(data []byte) string { return unsafe.String(unsafe.SliceData(data), len(data)) }

// done reports whether all was as it would be written, to the end.
func (r *reader) done() bool { return !r.bad && r.data == "" }

// fact returns a path, what was seen there, and where in data of a length its stamp is.
func (r *reader) fact(length int) (name string, at int, fact source.Fact) {
	name = r.text()
	at = length - len(r.data)
	fact.Stamp = r.stamp()
	fact.Sum = r.text()
	return name, at, fact
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
