package integrity

import (
	"bytes"
	"cmp"
	"crypto/sha1" //nolint:gosec // fingerprints that a list may hold
	"crypto/sha256"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/source"
)

// DefaultRevokedName is the revocation list's name in the directory of the
// signers file.
const DefaultRevokedName = "revoked.krl"

// beside returns the path of what has a name in the directory of a signers file.
func beside(signersPath, name string) string {
	return path.Join(path.Dir(signersPath), name)
}

// maxRevocations bounds a revocation list, in bytes: some 30,000 fingerprints.
const maxRevocations = 1 << 20

// Revocations are SSH keys and certificates that no longer count. A list has no
// dates: it counts for what is seen while it is in force.
type Revocations struct {
	path   string
	keys   map[string]bool // in wire format
	sha1   map[[sha1.Size]byte]bool
	sha256 map[[sha256.Size]byte]bool
	certs  []revokedCertificates
}

// revokedCertificates are those of one authority, or of every one if that is
// empty.
type revokedCertificates struct {
	authority string // in wire format
	serials   []serialRange
	ids       map[string]bool
}

type serialRange struct{ first, last uint64 }

// ParseRevocations parses what ssh-keygen -k writes, or lines of public keys.
// What it cannot read in full is an error: it could be the line that matters.
func ParseRevocations(file string, data []byte) (*Revocations, error) {
	r := &Revocations{path: file, keys: map[string]bool{}, sha1: map[[sha1.Size]byte]bool{}, sha256: map[[sha256.Size]byte]bool{}}
	switch {
	case len(data) > maxRevocations:
		return nil, &FileError{file, fmt.Errorf("has %d bytes, more than the limit of %d", len(data), maxRevocations)}
	case len(data) == 0:
		return nil, &FileError{file, errors.New("is empty; a list that revokes nothing holds a comment (#), or is made by ssh-keygen -k")}
	case bytes.HasPrefix(data, []byte(krlMagic)):
		if err := r.parseKRL(data); err != nil {
			return nil, &FileError{file, fmt.Errorf("is not a valid revocation list: %w", err)}
		}
		for i := range r.certs {
			r.certs[i].serials = merged(r.certs[i].serials)
		}
		return r, nil
	}
	if err := r.parseLines(data); err != nil {
		return nil, err
	}
	return r, nil
}

// parseLines reads a public key from each line.
func (r *Revocations) parseLines(data []byte) error {
	file := source.NewFile(r.path, data)
	var errs []error
	offset := 0
	for line := range bytes.Lines(data) {
		fields := splitFields(offset, strings.TrimRight(string(line), "\r\n"))
		if len(fields) > 0 && fields[0].text[0] != '#' && len(errs) < maxMistakes {
			if err := r.parseLine(fields); err != nil {
				pos := file.Position(offset)
				errs = append(errs, &SyntaxError{File: r.path, Line: pos.Line, Column: pos.Column, Message: err.Error()})
			}
		}
		offset += len(line)
	}
	return errors.Join(errs...)
}

func (r *Revocations) parseLine(fields []field) error {
	if len(fields) < 2 || !isKeyType(fields[0].text) {
		return errors.New("not a public key; write one on each line, such as ssh-ed25519 AAAA…")
	}
	wire, err := decodeLines([]byte(fields[1].text))
	if err != nil {
		return errors.New("the key is not base64; copy it anew from the .pub file")
	}
	key, err := parseSSHKey(wire)
	if err != nil {
		return fmt.Errorf("%w; copy it anew from the .pub file", err)
	}
	if key.Type() != fields[0].text {
		return fmt.Errorf("the key is of type %s, not %s", key.Type(), quoted(fields[0].text))
	}
	r.keys[string(wire)] = true
	return nil
}

// revokes reports whether a key counts no longer, or the certificate that it
// comes with, or the authority of that, and which of them it is.
func (r *Revocations) revokes(key ssh.PublicKey, cert *ssh.Certificate) (what string, revoked bool) {
	if r == nil {
		return "", false
	}
	if r.hasKey(key.Marshal()) {
		return "key", true
	}
	if cert == nil {
		return "", false
	}
	authority := cert.SignatureKey.Marshal()
	if r.hasKey(authority) {
		return "certificate authority", true
	}
	for _, c := range r.certs {
		if c.authority != "" && c.authority != string(authority) {
			continue
		}
		// Certificates that were given no serial number have zero.
		if c.ids[cert.KeyId] || cert.Serial != 0 && c.hasSerials(serialRange{cert.Serial, cert.Serial}) {
			return "certificate", true
		}
	}
	return "", false
}

func (r *Revocations) hasKey(wire []byte) bool {
	return r.keys[string(wire)] || len(r.sha1) > 0 && r.sha1[sha1.Sum(wire)] || len(r.sha256) > 0 && r.sha256[sha256.Sum256(wire)]
}

// hasSerials reports whether all of a range are revoked.
func (c *revokedCertificates) hasSerials(s serialRange) bool {
	i, _ := slices.BinarySearchFunc(c.serials, s.first, func(r serialRange, first uint64) int { return cmp.Compare(r.last, first) })
	return i < len(c.serials) && c.serials[i].first <= s.first && s.last <= c.serials[i].last
}

// merged sorts ranges, and joins those that touch.
func merged(ranges []serialRange) []serialRange {
	slices.SortFunc(ranges, func(a, b serialRange) int { return cmp.Compare(a.first, b.first) })
	var out []serialRange
	for _, r := range ranges {
		if n := len(out); n > 0 && (r.first <= out[n-1].last || r.first-1 == out[n-1].last) {
			out[n-1].last = max(out[n-1].last, r.last)
			continue
		}
		out = append(out, r)
	}
	return out
}

// restores reports whether something that the older list revokes is no longer
// revoked by r.
func (r *Revocations) restores(older *Revocations) bool {
	if older == nil {
		return false
	}
	if r == nil {
		return true
	}
	for key := range older.keys {
		if !r.hasKey([]byte(key)) {
			return true
		}
	}
	for sum := range older.sha1 {
		if !r.sha1[sum] {
			return true
		}
	}
	for sum := range older.sha256 {
		if !r.sha256[sum] {
			return true
		}
	}
	return slices.ContainsFunc(older.certs, func(old revokedCertificates) bool {
		for id := range old.ids {
			if !r.anyCert(old.authority, func(c *revokedCertificates) bool { return c.ids[id] }) {
				return true
			}
		}
		return slices.ContainsFunc(old.serials, func(s serialRange) bool {
			return !r.anyCert(old.authority, func(c *revokedCertificates) bool { return c.hasSerials(s) })
		})
	})
}

func (r *Revocations) anyCert(authority string, has func(*revokedCertificates) bool) bool {
	for i := range r.certs {
		if c := &r.certs[i]; (c.authority == "" || c.authority == authority) && has(c) {
			return true
		}
	}
	return false
}
