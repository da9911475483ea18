package integrity

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // fingerprints that a list may hold
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
)

// krlMagic begins a revocation list in OpenSSH's binary format, which
// PROTOCOL.krl describes: a header, and sections of one type each.
const krlMagic = "SSHKRL\n\x00"

// The types of sections, and of sections within that of an authority.
const (
	krlCertificates      = 1
	krlExplicitKeys      = 2
	krlFingerprintSHA1   = 3
	krlSignature         = 4
	krlFingerprintSHA256 = 5
	krlExtension         = 255

	krlSerialList    = 0x20
	krlSerialRange   = 0x21
	krlSerialBitmap  = 0x22
	krlKeyID         = 0x23
	krlCertExtension = 0x39

	maxBitmap = 16384/8 + 1 // bytes, as in OpenSSH
)

// parseKRL parses a binary list. What it does not know it refuses: it could be
// what revokes the key that is asked about.
func (r *Revocations) parseKRL(data []byte) error {
	in := &reader{data: data[len(krlMagic):]}
	version := in.uint32()
	in.uint64() // number of the list
	in.uint64() // when it was made
	flags := in.uint64()
	in.bytes() // reserved
	in.bytes() // comment
	switch {
	case in.err != nil:
		return fmt.Errorf("the header: %w", in.err)
	case version != 1:
		return fmt.Errorf("format version %d is not known, only 1", version)
	case flags != 0:
		return fmt.Errorf("flags %#x are not known", flags)
	}
	for n := 1; !in.done(); n++ {
		kind, section := in.byte(), &reader{data: in.bytes()}
		err := in.err
		if err == nil {
			err = r.section(kind, section)
		}
		if err != nil {
			return fmt.Errorf("section %d of type %d: %w", n, kind, err)
		}
	}
	return nil
}

func (r *Revocations) section(kind byte, in *reader) error {
	switch kind {
	case krlCertificates:
		return r.certificates(in)
	case krlExplicitKeys:
		for !in.done() {
			wire := in.bytes()
			if in.err != nil {
				break
			}
			if _, err := parseSSHKey(wire); err != nil {
				return err
			}
			r.keys[string(wire)] = true
		}
	case krlFingerprintSHA1:
		for !in.done() {
			r.sha1[[sha1.Size]byte(in.fixed(sha1.Size))] = true
		}
	case krlFingerprintSHA256:
		for !in.done() {
			r.sha256[[sha256.Size]byte(in.fixed(sha256.Size))] = true
		}
	case krlExtension:
		return extension(in)
	case krlSignature:
		return errors.New("signed lists are not supported, nor by OpenSSH since 9.4; make it without a signature")
	default:
		return errors.New("this type is not known")
	}
	return in.err
}

// certificates reads what is revoked of one authority.
func (r *Revocations) certificates(in *reader) error {
	c := revokedCertificates{authority: string(in.bytes()), ids: map[string]bool{}}
	in.bytes() // reserved
	if c.authority != "" {
		if _, err := parseSSHKey([]byte(c.authority)); err != nil {
			return err
		}
	}
	for !in.done() {
		kind, part := in.byte(), &reader{data: in.bytes()}
		if in.err != nil {
			break
		}
		if err := c.part(kind, part); err != nil {
			return fmt.Errorf("part of type %#x: %w", kind, err)
		}
	}
	r.certs = append(r.certs, c)
	return in.err
}

func (c *revokedCertificates) part(kind byte, in *reader) error {
	switch kind {
	case krlSerialList:
		for !in.done() {
			serial := in.uint64()
			c.serials = append(c.serials, serialRange{serial, serial})
		}
	case krlSerialRange:
		s := serialRange{in.uint64(), in.uint64()}
		if !in.done() || s.first > s.last {
			return errors.New("not one range of serial numbers")
		}
		c.serials = append(c.serials, s)
	case krlSerialBitmap:
		return c.bitmap(in.uint64(), in)
	case krlKeyID:
		for !in.done() {
			c.ids[string(in.bytes())] = true
		}
	case krlCertExtension:
		return extension(in)
	default:
		return errors.New("this type is not known")
	}
	return in.err
}

// bitmap reads a multiple-precision integer whose bit n revokes the serial
// number offset + n.
func (c *revokedCertificates) bitmap(offset uint64, in *reader) error {
	bitmap := in.bytes()
	if in.err != nil || !in.done() || len(bitmap) > maxBitmap {
		return fmt.Errorf("not one bitmap of at most %d bytes", maxBitmap)
	}
	if len(bitmap) > 0 && bitmap[0]&0x80 != 0 {
		return errors.New("the bitmap is negative")
	}
	bitmap = bytes.TrimLeft(bitmap, "\x00")
	if len(bitmap) == 0 {
		return nil
	}
	top := uint64(len(bitmap)-1)*8 + uint64(bits.Len8(bitmap[0])) - 1
	if offset+top < offset {
		return errors.New("the bitmap goes beyond the last serial number")
	}
	c.serials = append(c.serials, bitRanges(offset, bitmap)...)
	return nil
}

// bitRanges turns the bits of a big-endian number into ranges.
func bitRanges(offset uint64, bitmap []byte) (ranges []serialRange) {
	open := false
	for n := range uint64(len(bitmap)) * 8 {
		set := bitmap[uint64(len(bitmap))-1-n/8]&(1<<(n%8)) != 0
		switch {
		case set && open:
			ranges[len(ranges)-1].last = offset + n
		case set:
			ranges = append(ranges, serialRange{offset + n, offset + n})
		}
		open = set
	}
	return ranges
}

// extension passes over an extension that is not critical.
func extension(in *reader) error {
	name, critical := string(in.bytes()), in.byte()
	in.bytes()
	if in.err == nil && (critical != 0 || !in.done()) {
		return fmt.Errorf("the extension %s is not known", quoted(name))
	}
	return in.err
}

// reader reads SSH's wire format. After the first error it reads zeros.
type reader struct {
	data []byte
	err  error
}

var errShort = errors.New("the data ends too early")

func (r *reader) done() bool { return r.err != nil || len(r.data) == 0 }

// take returns the next n bytes.
func (r *reader) take(n uint64) []byte {
	if r.err != nil || n > uint64(len(r.data)) {
		r.err, r.data = errShort, nil
		return nil
	}
	head := r.data[:n:n]
	r.data = r.data[n:]
	return head
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// bytes reads a length and so many bytes.
func (r *reader) bytes() []byte { return r.take(uint64(r.uint32())) }

// fixed reads a string that must have so many bytes.
func (r *reader) fixed(n int) []byte {
	b := r.bytes()
	if r.err == nil && len(b) != n {
		r.err = fmt.Errorf("a fingerprint of %d bytes, not %d", len(b), n)
	}
	if r.err != nil {
		return make([]byte, n)
	}
	return b
}
