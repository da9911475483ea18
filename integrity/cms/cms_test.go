package cms

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func sample(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var samples = map[string]string{"attributes.der": "message", "plain.der": "message", "gpgsm.ber": "hello\n"}

func TestSamples(t *testing.T) {
	for name, message := range samples {
		s, err := Parse(sample(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := s.Verify([]byte(message)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := s.Verify([]byte(message + "x")); err == nil {
			t.Errorf("%s: another message is accepted", name)
		}
	}
}

// TestNoByteIsIgnored changes each byte of a signature, and cuts it at each: it
// never proves another message. Whether the certificate is still its issuer's is
// for the caller to find out.
func TestNoByteIsIgnored(t *testing.T) {
	for name, message := range samples {
		data := sample(t, name)
		for i := range data {
			if _, err := Parse(data[:i]); err == nil {
				t.Errorf("%s: cut at %d is accepted", name, i)
			}
			for _, bit := range []byte{0x01, 0x20, 0x80} {
				changed := bytes.Clone(data)
				changed[i] ^= bit
				if s, err := Parse(changed); err == nil && s.Verify([]byte(message+"x")) == nil {
					t.Errorf("%s: with byte %d changed, another message is accepted", name, i)
				}
			}
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := sample(t, "plain.der")
	tests := []struct {
		reason string
		data   []byte
		want   string
	}{
		{"nothing", nil, "cut short"},
		{"two signatures", bytes.Repeat(good, 2), "bytes follow"},
		{"nested too deeply", bytes.Repeat([]byte{0x30, 0x80}, 100), "too deeply"},
		{"a length that is too long", []byte{0x30, 0x84, 0, 0, 0, 1, 0}, "too large"},
		{"a length with a zero in front", []byte{0x30, 0x82, 0, 0x80}, "short as it can be"},
		{"a long form of a short length", []byte{0x30, 0x81, 1, 0}, "short as it can be"},
		{"no length where one must be", []byte{0x04, 0x80, 0, 0}, "has no length"},
		{"something else", []byte{0x30, 0}, "missing"},
	}
	for _, test := range tests {
		if _, err := Parse(test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.reason, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for name := range samples {
		f.Add(sample(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse(data)
		if err != nil {
			return
		}
		if s.Signer == nil || s.Verify([]byte("another message")) == nil {
			t.Fatal("another message is accepted")
		}
	})
}
