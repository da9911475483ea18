package pack

import (
	"compress/flate"
	"errors"
	"io"
	"math"
)

// The kinds of entries.
const (
	kindOffsetDelta = 6
	kindNamedDelta  = 7
)

var kinds = [8]string{1: "commit", 2: "tree", 3: "blob", 4: "tag"}

var errMalformed = errors.New("the entry is malformed")

// entry is the head of an entry of a pack.
type entry struct {
	place
	kind byte
	size int64 // of what is compressed
	base int64 // offset of the base of a delta
	data int64 // offset of what is compressed
	// delta is that of a delta, if it was decompressed already.
	delta []byte
}

func (s *Store) entry(at place) (entry, error) {
	e := entry{place: at}
	from := s.stream(at.pack, at.offset)
	c, err := from.ReadByte()
	if err != nil {
		return e, err
	}
	e.kind, e.size = c>>4&7, int64(c&15)
	for shift := 4; c&0x80 != 0; shift += 7 {
		if c, err = from.ReadByte(); err != nil {
			return e, err
		}
		if shift > 46 {
			return e, errMalformed
		}
		e.size |= int64(c&0x7f) << shift
	}
	switch e.kind {
	case kindOffsetDelta:
		back, err := from.distance()
		if err != nil || back <= 0 || back >= at.offset {
			return e, errMalformed
		}
		e.base = at.offset - back
	case kindNamedDelta:
		id := make([]byte, at.pack.index.idSize)
		if _, err := io.ReadFull(from, id); err != nil {
			return e, err
		}
		// Packs that lack a base are completed when they are received.
		var ok bool
		if e.base, ok = at.pack.index.offset(id); !ok {
			return e, errMalformed
		}
	}
	e.data = from.position()
	return e, nil
}

func (s *Store) stream(p *pack, offset int64) *stream {
	return &stream{blocks: &s.blocks, place: place{p, offset}}
}

func (e *entry) isDelta() bool { return e.kind == kindOffsetDelta || e.kind == kindNamedDelta }

// distance reads a number of which each byte but the last adds one, so that no
// number has two spellings.
func (s *stream) distance() (int64, error) {
	n := int64(-1)
	for {
		c, err := s.ReadByte()
		if err != nil {
			return 0, err
		}
		if n > math.MaxInt64>>8 {
			return 0, errMalformed
		}
		n = (n+1)<<7 | int64(c&0x7f)
		if c&0x80 == 0 {
			return n, nil
		}
	}
}

// inflater decompresses zlib streams. Their checksums are not looked at: what comes
// out is checked against its id.
type inflater struct{ flate io.ReadCloser }

type byteReader interface {
	io.Reader
	io.ByteReader
}

func (i *inflater) open(from byteReader) error {
	method, err := from.ReadByte()
	if err != nil {
		return err
	}
	flags, err := from.ReadByte()
	const deflate, dictionary = 8, 0x20
	if err != nil || method&0xf != deflate || flags&dictionary != 0 || (int(method)<<8|int(flags))%31 != 0 {
		return errors.Join(errMalformed, err)
	}
	if i.flate == nil {
		i.flate = flate.NewReader(from)
		return nil
	}
	return i.flate.(flate.Resetter).Reset(from, nil) //nolint:forcetypeassert // what NewReader documents
}

// all fills a buffer with what is decompressed, which must be as long.
func (i *inflater) all(from byteReader, into []byte) error {
	if err := i.open(from); err != nil {
		return err
	}
	if _, err := io.ReadFull(i.flate, into); err != nil {
		return err
	}
	var more [1]byte
	if n, err := i.flate.Read(more[:]); n != 0 || err != io.EOF {
		return errors.Join(errMalformed, err)
	}
	return nil
}

// decompress fills a buffer with what an entry holds.
func (s *Store) decompress(e entry, into []byte) error {
	if here, err := s.blocks.from(e.pack, e.data); err == nil && s.fast.zlib(into, here) {
		return nil
	}
	return s.inflate.all(s.stream(e.pack, e.data), into)
}

// doubtful is a size that is not believed before there is as much.
const doubtful = 1 << 20

// content decompresses what an entry holds.
func (s *Store) content(e entry) ([]byte, error) {
	from := s.stream(e.pack, e.data)
	if e.size <= doubtful {
		into := make([]byte, e.size)
		return into, s.decompress(e, into)
	}
	if err := s.inflate.open(from); err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(s.inflate.flate, e.size+1))
	if err == nil && int64(len(content)) != e.size {
		err = errMalformed
	}
	return content, err
}
