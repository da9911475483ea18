package eddsa

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"filippo.io/edwards25519"
)

// ready returns a verifier that has a table of the key, if it is a point at all.
func ready(key ed25519.PublicKey) *Keys {
	k := &Keys{}
	for range often {
		k.Verify(key, nil, nil)
	}
	return k
}

func newKey(seed string) ed25519.PrivateKey {
	sum := sha256.Sum256([]byte(seed))
	return ed25519.NewKeyFromSeed(sum[:])
}

func TestVerify(t *testing.T) {
	for i := range 20 {
		private := newKey(fmt.Sprint("key ", i))
		public := private.Public().(ed25519.PublicKey)
		keys := ready(public)
		if keys.tables == nil {
			t.Fatal("no table was made")
		}
		for j := range 20 {
			message := fmt.Appendf(nil, "message %d", j)
			sig := ed25519.Sign(private, message)
			if !keys.Verify(public, message, sig) {
				t.Fatalf("a good signature is refused: key %d, message %d", i, j)
			}
			for _, changed := range []int{0, 31, 32, 63} {
				bad := slices.Clone(sig)
				bad[changed] ^= 1
				if keys.Verify(public, message, bad) {
					t.Errorf("a signature with byte %d changed is accepted", changed)
				}
			}
			if keys.Verify(public, append(message, '.'), sig) {
				t.Error("a signature of another message is accepted")
			}
		}
		if keys.Verify(public, nil, nil) || keys.Verify(public[:31], nil, make([]byte, 64)) {
			t.Error("a signature or key that is too short is accepted")
		}
	}
}

// order is the order of the base point, little-endian.
const order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"

// odd are encodings on which implementations are known to differ: points of small
// order, encodings that are not canonical, and what is no point.
var odd = []string{
	"0100000000000000000000000000000000000000000000000000000000000000", // the identity
	"0100000000000000000000000000000000000000000000000000000000000080", // the same with a sign
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // order 2
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4
	"0000000000000000000000000000000000000000000000000000000000000080",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, for 0
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p + 1, for 1
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0200000000000000000000000000000000000000000000000000000000000000", // not on the curve
	"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
}

func TestOddEncodings(t *testing.T) {
	private := newKey("odd")
	honest := []byte(private.Public().(ed25519.PublicKey))
	points := [][]byte{honest}
	for _, h := range odd {
		points = append(points, unhex(t, h))
		// A key with a part of small order, whose owner knows the rest.
		if p, err := new(edwards25519.Point).SetBytes(unhex(t, h)); err == nil {
			q, err := new(edwards25519.Point).SetBytes(honest)
			if err != nil {
				t.Fatal(err)
			}
			points = append(points, q.Add(q, p).Bytes())
		}
	}
	scalars := [][]byte{make([]byte, 32), unhex(t, order)}
	for i := range 4 {
		scalars = append(scalars, ed25519.Sign(private, []byte{byte(i)})[32:])
	}
	for i := range scalars {
		// The same number modulo the order, as which it must not pass.
		scalars = append(scalars, plus(scalars[i], unhex(t, order)))
	}
	good := 0
	for _, a := range points {
		keys := ready(a)
		for _, r := range points {
			for _, s := range scalars {
				for m := range 8 {
					message, sig := []byte{byte(m)}, slices.Concat(r, s)
					want := ed25519.Verify(a, message, sig)
					if got := keys.Verify(a, message, sig); got != want {
						t.Errorf("Verify = %v, crypto/ed25519 says %v: key %x, signature %x", got, want, a, sig)
					}
					if want {
						good++
					}
				}
			}
		}
	}
	if good == 0 {
		t.Error("no odd signature is good: nothing was compared that matters")
	}
}

// TestScalars multiplies by numbers whose digits are at the bounds.
func TestScalars(t *testing.T) {
	point := edwards25519.NewGeneratorPoint()
	m := newMultiples(point)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 500 {
		var wide [64]byte
		for j := range wide {
			wide[j] = []byte{0, 1, 127, 128, 129, 255, byte(rng.Uint32())}[rng.IntN(7)]
		}
		if i < 256 {
			wide = [64]byte{}
			for j := range 31 {
				wide[j] = byte(i)
			}
		}
		s, err := new(edwards25519.Scalar).SetUniformBytes(wide[:])
		if err != nil {
			t.Fatal(err)
		}
		sum := edwards25519.NewIdentityPoint()
		m.addTo(sum, s)
		if want := new(edwards25519.Point).ScalarMult(s, point); sum.Equal(want) != 1 {
			t.Errorf("the multiple by %x is wrong", s.Bytes())
		}
	}
}

func TestTablesAreBounded(t *testing.T) {
	keys := &Keys{}
	for i := range maxTables + 3 {
		private := newKey(fmt.Sprint(i))
		public := private.Public().(ed25519.PublicKey)
		sig := ed25519.Sign(private, nil)
		for range often + 1 {
			if !keys.Verify(public, nil, sig) {
				t.Fatalf("key %d: a good signature is refused", i)
			}
		}
	}
	if len(keys.tables) != maxTables {
		t.Errorf("%d tables, want %d", len(keys.tables), maxTables)
	}
}

func TestManyAtOnce(t *testing.T) {
	private := newKey("many")
	public := private.Public().(ed25519.PublicKey)
	sig := ed25519.Sign(private, nil)
	for _, keys := range []*Keys{{}, nil} {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range often {
					if !keys.Verify(public, nil, sig) {
						t.Error("a good signature is refused")
					}
				}
			})
		}
		wg.Wait()
	}
}

func FuzzVerify(f *testing.F) {
	private := newKey("fuzz")
	public := private.Public().(ed25519.PublicKey)
	f.Add([]byte(public), []byte("message"), ed25519.Sign(private, []byte("message")))
	for _, h := range odd {
		p, _ := hex.DecodeString(h)
		f.Add(p, []byte(nil), slices.Concat(p, make([]byte, 32)))
	}
	f.Fuzz(func(t *testing.T, key, message, sig []byte) {
		if len(key) != ed25519.PublicKeySize {
			return
		}
		if got, want := ready(key).Verify(key, message, sig), ed25519.Verify(key, message, sig); got != want {
			t.Errorf("Verify = %v, crypto/ed25519 says %v", got, want)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	private := newKey("bench")
	public := private.Public().(ed25519.PublicKey)
	message := make([]byte, 128)
	sig := ed25519.Sign(private, message)
	for name, keys := range map[string]*Keys{"once": nil, "often": ready(public)} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if !keys.Verify(public, message, sig) {
					b.Fatal("refused")
				}
			}
		})
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// plus adds two little-endian numbers.
func plus(a, b []byte) []byte {
	sum, carry := make([]byte, len(a)), 0
	for i := range a {
		carry += int(a[i]) + int(b[i])
		sum[i] = byte(carry)
		carry >>= 8
	}
	return sum
}
