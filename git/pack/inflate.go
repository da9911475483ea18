package pack

import (
	"encoding/binary"
	"math/bits"
	"sync"
)

// fastInflater decompresses what is whole in memory, as most objects of a history are:
// some hundred bytes each, for which compress/flate spends more on getting ready and on
// single bytes than on the content. It gives up on all that is not as usual, and then
// compress/flate has it; what comes out is checked against an id in any case.
//
// DEFLATE (RFC 1951) is blocks of symbols in Huffman codes: bytes, the end of the
// block, and lengths, each with a distance from where so many bytes are copied.
type fastInflater struct {
	literals, distances, lengths huffman
}

// huffman decodes the symbols of a code. Its codes are canonical: those of a length
// follow each other, in the order of their symbols.
type huffman struct {
	short  [1 << shortBits]uint16 // by the next bits: symbol<<4 | bits; 0 if the code is longer
	mask   uint64                 // of those bits
	counts [maxCode + 1]uint16    // codes by length
	sorted [288]uint16            // symbols by code
}

const (
	shortBits = 9
	maxCode   = 15
)

// build makes the decoder of a code from the lengths of its symbols. It returns false
// for codes that leave something undefined.
func (h *huffman) build(lengths []uint8) bool {
	h.counts = [maxCode + 1]uint16{}
	for _, n := range lengths {
		h.counts[n]++
	}
	h.counts[0] = 0
	var next, offsets [maxCode + 2]uint16
	left, longest := 1, 1
	for n := 1; n <= maxCode; n++ {
		left = left<<1 - int(h.counts[n])
		if left < 0 {
			return false
		}
		if h.counts[n] > 0 {
			longest = n
		}
		next[n+1] = (next[n] + h.counts[n]) << 1
		offsets[n+1] = offsets[n] + h.counts[n]
	}
	used := int(offsets[maxCode+1])
	// Where nothing is copied there is no code for distances, or one of a single bit.
	if left > 0 && used != 0 && !(used == 1 && h.counts[1] == 1) {
		return false
	}
	table := h.short[:1<<min(longest, shortBits)]
	clear(table)
	h.mask = uint64(len(table) - 1)
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		h.sorted[offsets[n]] = uint16(symbol)
		offsets[n]++
		code := next[n]
		next[n]++
		if n > shortBits {
			continue
		}
		entry := uint16(symbol)<<4 | uint16(n)
		for i := int(bits.Reverse16(code) >> (16 - n)); i < len(table); i += 1 << n {
			table[i] = entry
		}
	}
	return true
}

// bitReader reads bits, the lowest of each byte first.
type bitReader struct {
	src  []byte
	bits uint64
	n    uint // in bits
}

// fill makes 48 bits and more available, while there is input.
func (r *bitReader) fill() {
	if len(r.src) >= 8 {
		r.bits |= binary.LittleEndian.Uint64(r.src) << r.n
		taken := (63 - r.n) >> 3
		r.src = r.src[taken:]
		r.n += taken * 8
		return
	}
	for r.n <= 56 && len(r.src) > 0 {
		r.bits |= uint64(r.src[0]) << r.n
		r.src = r.src[1:]
		r.n += 8
	}
}

// take returns so many bits of those that are available. Past the end of the input
// they are zero, and n wraps around, which over finds.
func (r *bitReader) take(n uint) int {
	v := int(r.bits & (1<<n - 1))
	r.bits >>= n
	r.n -= n
	return v
}

// over reports whether more was taken than there is.
func (r *bitReader) over() bool { return r.n > 64 }

// stored copies a block that is not compressed to into[at:], and returns where it
// ends, or -1.
func (r *bitReader) stored(into []byte, at int) int {
	r.take(r.n % 8)
	r.fill()
	n, check := r.take(16), r.take(16)
	if r.over() || n != check^0xffff || n > len(into)-at {
		return -1
	}
	for ; n > 0 && r.n > 0; n-- {
		into[at] = byte(r.take(8))
		at++
	}
	if n == 0 {
		return at
	}
	if n > len(r.src) {
		return -1
	}
	r.bits = 0 // where fill leaves part of the next byte
	copy(into[at:], r.src[:n])
	r.src = r.src[n:]
	return at + n
}

// symbol decodes one symbol, or -1. At least maxCode bits are available before it,
// or all.
func (h *huffman) symbol(r *bitReader) int {
	if e := h.short[r.bits&h.mask]; e != 0 {
		r.take(uint(e & 15))
		return int(e >> 4)
	}
	code, first, index := 0, 0, 0
	for n := 1; n <= maxCode; n++ {
		code |= int(r.bits>>(n-1)) & 1
		count := int(h.counts[n])
		if code-first < count {
			r.take(uint(n))
			return int(h.sorted[index+code-first])
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return -1
}

// The lengths and distances that symbols stand for: a base, and bits that are added.
var (
	lengthBase   = [...]uint16{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258}
	lengthBits   = [...]uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distanceBase = [...]uint16{1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577}
	distanceBits = [...]uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	// codeOrder is the order in which the lengths of the code of lengths come.
	codeOrder = [...]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
)

const endOfBlock = 256

// fixed is the code of blocks that bring none.
var fixed = sync.OnceValue(func() *fastInflater {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		case i < 280:
			lengths[i] = 7
		default:
			lengths[i] = 8
		}
	}
	f := &fastInflater{}
	f.literals.build(lengths[:])
	for i := range 32 {
		lengths[i] = 5
	}
	f.distances.build(lengths[:32])
	return f
})

// zlib fills a buffer with what a zlib stream holds, which must be as long. It returns
// false for what it does not manage.
func (f *fastInflater) zlib(into, src []byte) bool {
	if len(src) < 2 || src[0]&0xf != 8 || src[1]&0x20 != 0 || (int(src[0])<<8|int(src[1]))%31 != 0 {
		return false
	}
	r := &bitReader{src: src[2:]}
	at := 0
	for final := false; !final; {
		r.fill()
		final = r.take(1) == 1
		switch r.take(2) {
		case 0:
			at = r.stored(into, at)
		case 1:
			at = fixed().block(into, at, r)
		case 2:
			if !f.codes(r) {
				return false
			}
			at = f.block(into, at, r)
		default:
			return false
		}
		if at < 0 || r.over() {
			return false
		}
	}
	return at == len(into)
}

// codes reads the codes of a block.
func (f *fastInflater) codes(r *bitReader) bool {
	r.fill()
	literals, distances, given := r.take(5)+257, r.take(5)+1, r.take(4)+4
	if literals > 286 || distances > 30 {
		return false
	}
	var lengths [286 + 30]uint8
	for i := range given {
		if i == 10 {
			r.fill()
		}
		lengths[codeOrder[i]] = uint8(r.take(3))
	}
	if r.over() || !f.lengths.build(lengths[:19]) {
		return false
	}
	lengths = [286 + 30]uint8{}
	for i := 0; i < literals+distances; {
		r.fill()
		symbol, repeat, value := f.lengths.symbol(r), 0, uint8(0)
		switch {
		case symbol < 0 || r.over():
			return false
		case symbol < 16:
			lengths[i] = uint8(symbol)
			i++
			continue
		case symbol == 16:
			if i == 0 {
				return false
			}
			value, repeat = lengths[i-1], r.take(2)+3
		case symbol == 17:
			repeat = r.take(3) + 3
		default:
			repeat = r.take(7) + 11
		}
		if i+repeat > literals+distances {
			return false
		}
		for range repeat {
			lengths[i] = value
			i++
		}
	}
	return lengths[endOfBlock] != 0 && f.literals.build(lengths[:literals]) && f.distances.build(lengths[literals:literals+distances])
}

// block decompresses a block to into[at:], and returns where it ends, or -1.
func (f *fastInflater) block(into []byte, at int, r *bitReader) int {
	for {
		r.fill() // as many bits as a length and a distance take at most: 15+5+15+13
		symbol := f.literals.symbol(r)
		switch {
		case symbol < 0 || r.over():
			return -1
		case symbol < endOfBlock:
			if at == len(into) {
				return -1
			}
			into[at] = byte(symbol)
			at++
			continue
		case symbol == endOfBlock:
			return at
		}
		if symbol -= endOfBlock + 1; symbol >= len(lengthBase) {
			return -1
		}
		n := int(lengthBase[symbol]) + r.take(uint(lengthBits[symbol]))
		if symbol = f.distances.symbol(r); symbol < 0 || symbol >= len(distanceBase) {
			return -1
		}
		back := int(distanceBase[symbol]) + r.take(uint(distanceBits[symbol]))
		if r.over() || back > at || n > len(into)-at {
			return -1
		}
		for range n { // what is copied may be what is being written
			into[at] = into[at-back]
			at++
		}
	}
}
