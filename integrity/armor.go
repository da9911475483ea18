package integrity

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
)

// maxArmor bounds armoured input, in bytes. The longest signatures in use are
// a few KiB; OpenPGP keys with photographs and many signatures are larger.
const (
	maxSignature = 64 << 10
	maxKeyFile   = 256 << 10
)

// errAmbiguous marks input that holds more than the one thing it should: a
// second block, or bytes around the first.
var errAmbiguous = errors.New("more than one signature, or bytes around it")

// dearmor returns the bytes inside exactly one armoured block of the kind, such
// as "SSH SIGNATURE". It is stricter than the tools that write armour: nothing
// may stand before or after the block, and lines hold base64 and nothing else.
// Header lines and a checksum, which OpenPGP has, are accepted if headers is set.
func dearmor(text []byte, kind string, headers bool) ([]byte, error) {
	begin, end := []byte("-----BEGIN "+kind+"-----\n"), []byte("\n-----END "+kind+"-----")
	body, ok := bytes.CutPrefix(text, begin)
	if !ok {
		return nil, fmt.Errorf("does not begin with the line %q", bytes.TrimSpace(begin))
	}
	body, rest, ok := bytes.Cut(body, end)
	if !ok {
		return nil, fmt.Errorf("the line %q is missing", bytes.TrimSpace(end))
	}
	if len(rest) > 0 && !bytes.Equal(rest, []byte("\n")) {
		return nil, errAmbiguous
	}
	if bytes.Contains(body, []byte("-----")) {
		return nil, errAmbiguous
	}
	if headers {
		var err error
		if body, err = skipHeaders(body); err != nil {
			return nil, err
		}
		if body, err = cutChecksum(body); err != nil {
			return nil, err
		}
	}
	return decodeLines(body)
}

// skipHeaders drops lines such as "Comment: …" and the empty line after them.
func skipHeaders(body []byte) ([]byte, error) {
	for {
		line, rest, ok := bytes.Cut(body, []byte("\n"))
		if len(line) == 0 {
			return rest, nil
		}
		if !ok || !bytes.Contains(line, []byte(": ")) {
			return nil, errors.New("the empty line between armour headers and data is missing")
		}
		body = rest
	}
}

// cutChecksum drops the optional last line "=XXXX" and verifies it, because
// bytes that nothing covers are room to hide something.
func cutChecksum(body []byte) ([]byte, error) {
	i := bytes.LastIndex(body, []byte("\n="))
	if i < 0 {
		return body, nil
	}
	sum, err := base64.StdEncoding.Strict().DecodeString(string(body[i+2:]))
	if err != nil || len(sum) != 3 {
		return nil, errors.New("the armour checksum is malformed")
	}
	data, err := decodeLines(body[:i])
	if err != nil {
		return nil, err
	}
	if crc24(data) != uint32(sum[0])<<16|uint32(sum[1])<<8|uint32(sum[2]) {
		return nil, errors.New("the armour checksum does not match")
	}
	return body[:i], nil
}

func decodeLines(body []byte) ([]byte, error) {
	joined := make([]byte, 0, len(body))
	for line := range bytes.SplitSeq(body, []byte("\n")) {
		if len(line) == 0 {
			return nil, errors.New("empty line inside the armour")
		}
		joined = append(joined, line...)
	}
	// The decoder skips line breaks, which are gone but for stray returns.
	if bytes.IndexByte(joined, '\r') >= 0 {
		return nil, errors.New("carriage return inside the armour")
	}
	data, err := base64.StdEncoding.Strict().AppendDecode(nil, joined)
	if err != nil {
		return nil, fmt.Errorf("the armour is not base64: %w", err)
	}
	return data, nil
}

// crc24 is the checksum of RFC 4880, section 6.1.
func crc24(data []byte) uint32 {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			crc <<= 1
			if crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return crc & 0xffffff
}
