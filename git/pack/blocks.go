package pack

import (
	"errors"
	"io"
)

const (
	blockBytes = 16 << 10
	maxBlocks  = 256
)

var errTruncated = errors.New("the pack ends")

// place is an offset in a pack.
type place struct {
	pack   *pack
	offset int64
}

// blocks reads packs in pieces, of which the last ones are kept. They are read and
// not mapped: a file that becomes shorter is no more than an error then.
type blocks struct {
	at    map[place][]byte
	order []place // oldest first, as a ring
	next  int
}

// from returns what a pack holds from an offset on: at least one byte, and not
// more than a block. It is good until the next call.
func (b *blocks) from(p *pack, offset int64) ([]byte, error) {
	if offset < 0 || offset >= p.size {
		return nil, errTruncated
	}
	start := offset &^ (blockBytes - 1)
	block, ok := b.at[place{p, start}]
	if !ok {
		block = b.load(place{p, start})
	}
	if int(offset-start) >= len(block) {
		return nil, errTruncated
	}
	return block[offset-start:], nil
}

func (b *blocks) load(at place) []byte {
	var block []byte
	if len(b.order) < maxBlocks {
		block = make([]byte, blockBytes)
		b.order = append(b.order, at)
	} else { // in place of the oldest
		oldest := b.order[b.next]
		block = b.at[oldest][:blockBytes]
		delete(b.at, oldest)
		b.order[b.next] = at
		b.next = (b.next + 1) % maxBlocks
	}
	n, err := at.pack.file.ReadAt(block, at.offset)
	if err != nil && !errors.Is(err, io.EOF) {
		n = 0
	}
	if b.at == nil {
		b.at = map[place][]byte{}
	}
	b.at[at] = block[:n]
	return block[:n]
}

// stream reads a pack from an offset on. No other may be read meanwhile.
type stream struct {
	blocks *blocks
	place
	rest []byte
}

// position is the offset of what is read next.
func (s *stream) position() int64 { return s.offset - int64(len(s.rest)) }

func (s *stream) fill() error {
	var err error
	s.rest, err = s.blocks.from(s.pack, s.offset)
	s.offset += int64(len(s.rest))
	return err
}

func (s *stream) ReadByte() (byte, error) {
	if len(s.rest) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	c := s.rest[0]
	s.rest = s.rest[1:]
	return c, nil
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		if err := s.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}
