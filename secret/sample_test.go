package secret

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	mathrand "math/rand/v2"
	"regexp/syntax"
	"strings"
	"testing"
)

// No secret is written in these tests: they are made here, so that this
// repository has none.

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func random62(r *mathrand.Rand, n int) string {
	var b strings.Builder
	for range n {
		b.WriteByte(alphanumeric[r.IntN(len(alphanumeric))])
	}
	return b.String()
}

func seeded(seed uint64) *mathrand.Rand { return mathrand.New(mathrand.NewPCG(seed, 7)) }

// matching returns a text that a pattern describes.
func matching(t *testing.T, r *mathrand.Rand, pattern string) string {
	t.Helper()
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	write(&b, r, re)
	return b.String()
}

func write(b *strings.Builder, r *mathrand.Rand, re *syntax.Regexp) {
	times := func(n int) {
		for range n {
			write(b, r, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		// Letters and digits, where they may be: a mark would end a token early.
		for range 200 {
			i := r.IntN(len(re.Rune)/2) * 2
			c := re.Rune[i] + rune(r.IntN(int(max(min(re.Rune[i+1], 126), re.Rune[i])-re.Rune[i])+1))
			if strings.ContainsRune(alphanumeric, c) || re.Rune[0] == 0 || i == 199 {
				b.WriteRune(max(c, ' '))
				return
			}
		}
		b.WriteRune(re.Rune[0])
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			write(b, r, sub)
		}
	case syntax.OpAlternate:
		write(b, r, re.Sub[r.IntN(len(re.Sub))])
	case syntax.OpRepeat:
		times(re.Min)
	case syntax.OpPlus:
		times(1)
	}
}

func newKey(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func jwt(head, claims, signature string) string {
	raw := base64.RawURLEncoding
	return raw.EncodeToString([]byte(head)) + "." + raw.EncodeToString([]byte(claims)) + "." + signature
}
