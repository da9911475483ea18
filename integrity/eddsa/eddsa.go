// Package eddsa verifies Ed25519 signatures by keys that sign much, at a third of
// the usual cost.
//
// A signature (R, s) of a message M by the key A is good if R = s·B − k·A, where B
// is the base point and k = SHA-512(R, A, M). To multiply a point that is not known
// before takes 256 doublings. For one that is, all 256ⁱ·j·A for i < 32 and j ≤ 128
// can be kept, and the product is a sum of 32 of them: one for each byte of the
// scalar, taken as a digit between −127 and 128. The table of a key takes 640 kB,
// and as long as some thirty verifications.
//
// The verdicts are exactly those of crypto/ed25519, which verifies for keys without
// a table. Nothing here is secret, so that time may depend on all of it.
package eddsa

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"sync"

	"filippo.io/edwards25519"
)

const (
	// often is how many verifications by a key are worth a table.
	often = 32
	// maxTables bounds memory, to 20 MB.
	maxTables = 32
	// maxCounted bounds how many keys are counted.
	maxCounted = 4096
)

// Keys verifies signatures, and remembers the keys that are used often. The zero
// value is ready, nil remembers nothing, and all may be used at once by many.
type Keys struct {
	mu     sync.Mutex
	uses   map[[ed25519.PublicKeySize]byte]int
	tables map[[ed25519.PublicKeySize]byte]*multiples // of −A
}

// Verify reports whether sig is a good signature of the message by the key, as
// ed25519.Verify does. A key of another length than ed25519.PublicKeySize has none.
func (k *Keys) Verify(key ed25519.PublicKey, message, sig []byte) bool {
	if len(key) != ed25519.PublicKeySize {
		return false
	}
	if k == nil {
		return ed25519.Verify(key, message, sig)
	}
	table := k.table(key)
	if table == nil {
		return ed25519.Verify(key, message, sig)
	}
	return table.verify(key, message, sig)
}

// table returns the table of a key, or nil if it has none yet.
func (k *Keys) table(key ed25519.PublicKey) *multiples {
	id := [ed25519.PublicKeySize]byte(key)
	k.mu.Lock()
	defer k.mu.Unlock()
	if t, ok := k.tables[id]; ok {
		return t
	}
	if len(k.tables) >= maxTables {
		return nil
	}
	if k.uses == nil || len(k.uses) >= maxCounted {
		k.uses = map[[ed25519.PublicKeySize]byte]int{}
	}
	if k.uses[id]++; k.uses[id] < often {
		return nil
	}
	point, err := new(edwards25519.Point).SetBytes(key)
	if err != nil {
		return nil // ed25519.Verify refuses it
	}
	if k.tables == nil {
		k.tables = map[[ed25519.PublicKeySize]byte]*multiples{}
	}
	k.tables[id] = newMultiples(point.Negate(point))
	return k.tables[id]
}

// verify is ed25519.Verify for the key whose inverse has these multiples.
func (m *multiples) verify(key ed25519.PublicKey, message, sig []byte) bool {
	if len(sig) != ed25519.SignatureSize {
		return false
	}
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(sig[32:])
	if err != nil {
		return false
	}
	h := sha512.New()
	h.Write(sig[:32])
	h.Write(key)
	h.Write(message)
	var sum [sha512.Size]byte
	k, err := new(edwards25519.Scalar).SetUniformBytes(h.Sum(sum[:0]))
	if err != nil {
		return false // never: it takes any 64 bytes
	}
	r := edwards25519.NewIdentityPoint()
	baseMultiples().addTo(r, s)
	m.addTo(r, k)
	// As encodings, not as points: others than the canonical one are refused.
	return bytes.Equal(r.Bytes(), sig[:32])
}

var baseMultiples = sync.OnceValue(func() *multiples {
	return newMultiples(edwards25519.NewGeneratorPoint())
})

// multiples of a point: [i][j] is (j+1)·256ⁱ times it.
type multiples [32][128]edwards25519.Point

func newMultiples(of *edwards25519.Point) *multiples {
	m := new(multiples)
	unit := new(edwards25519.Point).Set(of)
	for i := range m {
		row := &m[i]
		row[0].Set(unit)
		for j := 1; j < len(row); j++ {
			row[j].Add(&row[j-1], unit)
		}
		last := &row[len(row)-1]
		unit.Add(last, last)
	}
	return m
}

// addTo adds the multiple by a scalar to a sum. Scalars are below 2²⁵³, so that
// nothing is carried out of the last byte.
func (m *multiples) addTo(sum *edwards25519.Point, scalar *edwards25519.Scalar) {
	carry := 0
	for i, b := range scalar.Bytes() {
		digit := int(b) + carry
		carry = 0
		if digit > len(m[i]) {
			digit -= 256
			carry = 1
		}
		switch {
		case digit > 0:
			sum.Add(sum, &m[i][digit-1])
		case digit < 0:
			sum.Subtract(sum, &m[i][-digit-1])
		}
	}
}
