package integrity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// publicKey reads a .pub file, and takes the key out of a certificate.
func publicKey(t testing.TB, file string) (ssh.PublicKey, *ssh.Certificate) {
	t.Helper()
	line, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		t.Fatal(err)
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key, cert
	}
	return key, nil
}

// TestRevocationsAgree makes lists of all kinds with ssh-keygen, and asks both
// of us about each key and certificate.
func TestRevocationsAgree(t *testing.T) {
	l := newAuthorityLab(t)
	run := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ssh-keygen", args...).CombinedOutput(); err != nil {
			t.Fatalf("ssh-keygen %v: %v\n%s", args, err, out)
		}
	}
	write := func(name, content string) string {
		t.Helper()
		if err := os.WriteFile(l.file(name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return l.file(name)
	}
	candidates := []string{"ca.pub", "evil.pub", "dave.pub", "erin.pub", "rsaca.pub"}
	for i, c := range []struct{ ca, id, serial string }{
		{"ca", "laptop", "1"}, {"ca", "desk", "7"}, {"ca", "phone", "64"}, {"ca", "none", "0"}, {"evil", "laptop", "7"},
		{"ca", "far", "18446744073709551615"}, {"ca", "near", "65"}, {"ca", "high", "1000000"},
	} {
		name := fmt.Sprintf("c%d", i)
		write(name+".pub", l.public("erin")+"\n")
		run("-q", "-s", l.file(c.ca), "-I", c.id, "-n", "erin@example.com", "-z", c.serial, l.file(name)+".pub")
		candidates = append(candidates, name+"-cert.pub")
	}
	dave := l.public("dave")
	tests := []struct{ reason, spec, ca string }{
		{"a public key", dave, ""},
		{"explicit keys", "key: " + dave + "\nkey: " + l.public("rsaca"), ""},
		{"SHA-1 fingerprints", "sha1: " + dave, ""},
		{"SHA-256 fingerprints", "sha256: " + dave + "\nsha256: " + l.public("evil"), ""},
		{"an authority's key", "key: " + l.public("ca"), ""},
		{"serial numbers", "serial: 7\nserial: 64", "ca"},
		{"serial numbers of any authority", "serial: 7", "none"},
		{"a range", "serial: 2-70", "ca"},
		{"a bitmap", "serial: 1\nserial: 3\nserial: 7\nserial: 9\nserial: 12\nserial: 60\nserial: 62\nserial: 65", "ca"},
		{"far apart", "serial: 1\nserial: 900000-1100000\nserial: 18446744073709551600-18446744073709551615", "ca"},
		{"key ids", "id: laptop\nid: phone", "ca"},
		{"key ids of any authority", "id: laptop", "none"},
		{"all together", "id: desk\nserial: 64-65\nkey: " + dave + "\nsha256: " + l.public("rsaca"), "ca"},
		{"nothing", "# nobody", ""},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			args := []string{"-q", "-k", "-f", l.file("krl")}
			switch test.ca {
			case "":
			case "none":
				args = append(args, "-s", "none")
			default:
				args = append(args, "-s", l.file(test.ca)+".pub")
			}
			run(append(args, write("spec", test.spec+"\n"))...)
			data, err := os.ReadFile(l.file("krl"))
			if err != nil {
				t.Fatal(err)
			}
			list, err := ParseRevocations("krl", data)
			if err != nil {
				t.Fatal(err)
			}
			any := false
			for _, name := range candidates {
				key, cert := publicKey(t, l.file(name))
				_, got := list.revokes(key, cert)
				want := exec.Command("ssh-keygen", "-Q", "-f", l.file("krl"), l.file(name)).Run() != nil
				if got != want {
					t.Errorf("%s: revoked %v, ssh-keygen says %v", name, got, want)
				}
				any = any || want
			}
			if any == (test.reason == "nothing") {
				t.Errorf("something is revoked: %v", any)
			}
			if list.restores(list) || !(*Revocations)(nil).restores(list) {
				t.Error("a list restores nothing of itself, and its removal does")
			}
		})
	}
}

func TestRevocationsOfLines(t *testing.T) {
	list, err := ParseRevocations("list", []byte("# stolen\n\n"+keyA+" a comment\n"))
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{keyA: true, keyB: false} {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if _, got := list.revokes(key, nil); got != want {
			t.Errorf("%s: revoked %v", line, got)
		}
	}
}

// section frames a part of a binary list.
func section(kind byte, data ...[]byte) []byte {
	joined := bytes.Join(data, nil)
	return append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(joined))), joined...)
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func krlHeader(version uint32, flags uint64) []byte {
	b := binary.BigEndian.AppendUint32([]byte(krlMagic), version)
	return bytes.Join([][]byte{b, number(1), number(1772366400), number(flags), text(""), text("")}, nil)
}

// TestRevocationsThatAreRefused proves that a list is read in full or not at all.
func TestRevocationsThatAreRefused(t *testing.T) {
	header := krlHeader(1, 0)
	in := func(parts ...[]byte) []byte {
		return append(bytes.Clone(header), section(krlCertificates, append([][]byte{text(""), text("")}, parts...)...)...)
	}
	tests := []struct {
		reason string
		data   []byte
		want   string
	}{
		{"an empty file could be one cut short", nil, "is empty"},
		{"a header cut short", header[:20], "ends too early"},
		{"another version", krlHeader(2, 0), "version 2"},
		{"flags", krlHeader(1, 1), "flags"},
		{"a section cut short", append(bytes.Clone(header), krlExplicitKeys, 0, 0, 1), "ends too early"},
		{"a section that is longer than the file", append(bytes.Clone(header), krlExplicitKeys, 255, 255, 255, 255), "ends too early"},
		{"an unknown section", append(bytes.Clone(header), section(9)...), "not known"},
		{"a signature", append(bytes.Clone(header), section(krlSignature, text("x"), text("y"))...), "signed lists"},
		{"a key that is none", append(bytes.Clone(header), section(krlExplicitKeys, text("x"))...), "malformed"},
		{"a fingerprint of another length", append(bytes.Clone(header), section(krlFingerprintSHA256, text("x"))...), "1 bytes, not 32"},
		{"a critical extension", append(bytes.Clone(header), section(krlExtension, text("x"), []byte{1}, text(""))...), "extension"},
		{"an unknown part", in(section(0x30)), "not known"},
		{"a range that ends before it begins", in(section(krlSerialRange, number(2), number(1))), "range"},
		{"half a serial number", in(section(krlSerialList, number(2)[:4])), "ends too early"},
		{"a negative bitmap", in(section(krlSerialBitmap, number(0), text("\x80"))), "negative"},
		{"a bitmap beyond the last number", in(section(krlSerialBitmap, number(1<<64-8), text("\x01\x00"))), "beyond"},
		{"a bitmap without end", in(section(krlSerialBitmap, number(0), text(strings.Repeat("\x01", maxBitmap+1)))), "at most"},
		{"a critical extension of a part", in(section(krlCertExtension, text("x"), []byte{1}, text(""))), "extension"},
		{"text that is no key", []byte("hello\n"), "list:1:1: not a public key"},
		{"a key with options", []byte("restrict " + keyA + "\n"), "list:1:1: not a public key"},
		{"a key that is cut short", []byte("# x\n" + keyA[:40] + "\n"), "list:2:1"},
		{"a certificate", []byte("ssh-ed25519-cert-v01@openssh.com AAAA\n"), "list:1:1"},
		{"too long", bytes.Repeat([]byte("#"), maxRevocations+1), "limit"},
	}
	for _, test := range tests {
		if _, err := ParseRevocations("list", test.data); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.reason, err, test.want)
		}
	}
	known := in(section(krlCertExtension, text("x"), []byte{0}, text("y")), section(krlSerialBitmap, number(0), text("")))
	if _, err := ParseRevocations("list", append(known, section(krlExtension, text("x"), []byte{0}, text("y"))...)); err != nil {
		t.Errorf("extensions that are not critical: %v", err)
	}
}

func TestRestores(t *testing.T) {
	parse := func(parts ...[]byte) *Revocations {
		list, err := ParseRevocations("list", append(krlHeader(1, 0), bytes.Join(parts, nil)...))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	certs := func(parts ...[]byte) []byte {
		return section(krlCertificates, append([][]byte{text(""), text("")}, parts...)...)
	}
	a, b := text(strings.Repeat("a", 32)), text(strings.Repeat("b", 32))
	s1, s2 := text(strings.Repeat("a", 20)), text(strings.Repeat("b", 20))
	tests := []struct {
		reason   string
		old, now []byte
		want     bool
	}{
		{"one more", section(krlFingerprintSHA256, a), section(krlFingerprintSHA256, a, b), false},
		{"one less", section(krlFingerprintSHA256, a, b), section(krlFingerprintSHA256, b), true},
		{"one less by SHA-1", section(krlFingerprintSHA1, s1, s2), section(krlFingerprintSHA1, s2), true},
		{"ranges that grow together", certs(section(krlSerialList, number(4), number(5))), certs(section(krlSerialRange, number(1), number(9))), false},
		{"a hole", certs(section(krlSerialRange, number(1), number(9))), certs(section(krlSerialRange, number(1), number(4)), section(krlSerialRange, number(6), number(9))), true},
		{"a key id less", certs(section(krlKeyID, text("x"), text("y"))), certs(section(krlKeyID, text("x"))), true},
		{"nothing was revoked", nil, nil, false},
	}
	for _, test := range tests {
		if got := parse(test.now).restores(parse(test.old)); got != test.want {
			t.Errorf("%s: %v", test.reason, got)
		}
	}
	if parse().restores(nil) || !(*Revocations)(nil).restores(parse()) {
		t.Error("a first list restores nothing; a list that goes away does")
	}
}

func FuzzRevocations(f *testing.F) {
	f.Add([]byte("# x\n" + keyA + "\n"))
	f.Add(krlHeader(1, 0))
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(keyA))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(krlHeader(1, 0), section(krlExplicitKeys, text(string(key.Marshal())))...))
	f.Add(append(krlHeader(1, 0), section(krlFingerprintSHA256, text(strings.Repeat("a", 32)))...))
	f.Add(append(krlHeader(1, 0), section(krlCertificates, text(""), text(""), section(krlSerialList, number(1), number(2)),
		section(krlSerialRange, number(5), number(9)), section(krlSerialBitmap, number(3), text("\x01\x05")), section(krlKeyID, text("id")))...))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := ParseRevocations("list", data)
		if err != nil {
			return
		}
		if list.restores(list) {
			t.Fatal("a list restores what it revokes")
		}
		for _, c := range list.certs {
			for i, s := range c.serials {
				if s.first > s.last || i > 0 && s.first <= c.serials[i-1].last {
					t.Fatalf("serial numbers out of order: %v", c.serials)
				}
			}
		}
		list.revokes(key, &ssh.Certificate{Key: key, SignatureKey: key, Serial: 7, KeyId: "id"})
	})
}
