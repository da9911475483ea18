package pack

import (
	"bytes"
	"encoding/binary"
	"math"
	"sort"
)

// index finds objects in a pack. It is a file of version 2: a magic number, how many
// ids begin with each byte or a smaller one, the ids, a checksum of each entry, the
// offset of each entry, the offsets that do not fit into 31 bits, and two checksums.
type index struct {
	idSize  int
	fanout  [256]int
	ids     []byte
	offsets []byte
	large   []byte
}

const (
	indexMagic  = "\xfftOc\x00\x00\x00\x02"
	fanoutBytes = 256 * 4
)

func count(b []byte) int { return int(binary.BigEndian.Uint32(b)) }

// parseIndex returns nil if the index is not one of a pack with so many objects, whose
// ids have idSize bytes.
func parseIndex(data []byte, objects, idSize int) *index {
	rest, ok := bytes.CutPrefix(data, []byte(indexMagic))
	if !ok || len(rest) < fanoutBytes {
		return nil
	}
	x := &index{idSize: idSize}
	for i := range x.fanout {
		x.fanout[i] = count(rest[4*i:])
		if i > 0 && x.fanout[i] < x.fanout[i-1] {
			return nil
		}
	}
	n := x.fanout[255]
	if n != objects || n > len(rest) {
		return nil
	}
	rest = rest[fanoutBytes:]
	large := len(rest) - n*(idSize+4+4) - 2*idSize
	if large < 0 || large%8 != 0 {
		return nil
	}
	x.ids, rest = rest[:n*idSize], rest[n*idSize:]
	x.offsets, x.large = rest[4*n:8*n], rest[8*n:8*n+large]
	return x
}

// offset returns where in the pack an object is.
func (x *index) offset(id []byte) (int64, bool) {
	if len(id) != x.idSize {
		return 0, false
	}
	from := 0
	if id[0] > 0 {
		from = x.fanout[id[0]-1]
	}
	to := x.fanout[id[0]]
	i := from + sort.Search(to-from, func(i int) bool {
		at := (from + i) * x.idSize
		return bytes.Compare(x.ids[at:at+x.idSize], id) >= 0
	})
	if i >= to || !bytes.Equal(x.ids[i*x.idSize:(i+1)*x.idSize], id) {
		return 0, false
	}
	short := binary.BigEndian.Uint32(x.offsets[4*i:])
	if short&(1<<31) == 0 {
		return int64(short), true
	}
	at := 8 * int(short&^(1<<31))
	if at+8 > len(x.large) {
		return 0, false
	}
	long := binary.BigEndian.Uint64(x.large[at:])
	return int64(long), long <= math.MaxInt64
}
