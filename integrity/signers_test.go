package integrity

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/source"
)

const (
	keyA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMeKN8j5G9hfLJz763Svr8sMFnKkNiZGrIMKpZi9BOzC"
	keyB = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP9rt/gaQDa58aRfTw0nGVCKQYhkb5kpi0lJ7D1kSgHH"
)

func TestParseSigners(t *testing.T) {
	tests := []struct {
		reason string
		file   string
		want   []string // grants, as "line emails git window"
	}{
		{"empty", "", nil},
		{"comments, empty lines, blanks and returns", "# x\n\n \t\n  # y\r\n\talice@x  " + keyA + "  a comment\r\n", []string{"5 alice@x git"}},
		{"no line ending at the end", "alice@x " + keyA, []string{"1 alice@x git"}},
		{"several e-mails of one person", "alice@x,alice@y " + keyA + "\n", []string{"1 alice@x,alice@y git"}},
		{"quoted principals", "\"alice@x,alice@y\" " + keyA + "\n", []string{"1 alice@x,alice@y git"}},
		{"two keys of one person", "alice@x " + keyA + "\nalice@x " + keyB + "\n", []string{"1 alice@x git", "2 alice@x git"}},
		{"namespaces", "a@x namespaces=\"git,file\" " + keyA + "\nb@x NameSpaces=\"file\" " + keyB + "\n", []string{"1 a@x git", "2 b@x -"}},
		{"window", "a@x valid-after=\"20250101Z\",valid-before=\"202601012359Z\" " + keyA + "\n",
			[]string{"1 a@x git valid from 2025-01-01 00:00 UTC, valid until 2026-01-01 23:59 UTC"}},
		{"one key in two windows of the same person", "a@x valid-before=\"20250101Z\" " + keyA + "\na@x valid-after=\"20260101000000Z\" " + keyA + "\n",
			[]string{"1 a@x git valid until 2025-01-01 00:00 UTC", "2 a@x git valid from 2026-01-01 00:00 UTC"}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			s, err := ParseSigners("list", []byte(test.file))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, key := range []string{keyA, keyB} {
				parsed, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range s.grants[string(parsed.Marshal())] {
					ns := "git"
					if !g.forGit {
						ns = "-"
					}
					line := string(rune('0'+g.line)) + " " + strings.Join(g.emails, ",") + " " + ns + " " + g.window()
					got = append(got, strings.TrimSpace(line))
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("grants (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseSignersReportsAllMistakes(t *testing.T) {
	file := strings.Join([]string{
		"*@x " + keyA,
		"a@x,!b@x " + keyA,
		"a?@x cert-authority=yes " + keyA,
		"a@x namespaces=git " + keyA,
		"a@x namespaces=\"g*\" " + keyA,
		"a@x valid-after=\"20250101\" " + keyA,
		"a@x valid-before=\"soon\" " + keyA,
		"a@x valid-after=\"20260101Z\",valid-before=\"20250101Z\" " + keyA,
		"a@x no-touch-required " + keyA,
		"a@x namespaces=\"git\",namespaces=\"git\" " + keyA,
		"a@x",
		"a@x ssh-ed25519",
		"a@x ssh-ed25519 AAAA",
		"a@x ssh-rsa " + strings.Fields(keyA)[1],
		"é@x,, " + keyA,
		"a@x " + keyA,
		"ceo@x " + keyA,
		"\"a@x " + keyA,
		"a\u202e@x " + keyB,
		"a@x ssh-ed25519-cert-v01@openssh.com AAAA",
		"a@x namespaces=\"git\", " + keyA,
		"*@x cert-authority " + keyB,
		"a@x " + keyB,
		"*@x cert-authority " + keyA,
		"*@x,*@,*@*,*@x cert-authority " + keyA,
	}, "\n")
	_, err := ParseSigners("list", []byte(file))
	var got []string
	for _, e := range unjoin(err) {
		var syntax *SyntaxError
		if !errors.As(e, &syntax) {
			t.Fatalf("%v is no SyntaxError", e)
		}
		got = append(got, e.Error())
	}
	want := []string{
		`list:1:1: the principal "*@x" is a pattern; write each e-mail out, so that a key has exactly one identity`,
		`list:2:5: the principal "!b@x" is a pattern; write each e-mail out, so that a key has exactly one identity`,
		`list:3:6: cert-authority has no value`,
		`list:3:1: the principal "a?@x" is not one e-mail; an authority may also have all of a domain, as "*@example.com"`,
		`list:4:16: the value of namespaces must be quoted: namespaces="…"`,
		`list:5:17: the namespace "g*" is a pattern; write "git"`,
		`list:6:18: valid-after has no time zone; add Z for UTC, since it would mean another moment on every machine`,
		`list:7:19: "soon" is not a time; write valid-before="YYYYMMDDZ" or "YYYYMMDDHHMMSSZ"`,
		`list:8:17: valid-after is not before valid-before: the key would never be valid`,
		`list:9:5: unknown option "no-touch-required"; known are cert-authority, namespaces, valid-after and valid-before`,
		`list:10:22: the option "namespaces" stands twice`,
		`list:11:4: a key type such as ssh-ed25519 is missing`,
		`list:12:16: the key is missing after its type`,
		`list:13:17: the public key is malformed or of an unknown type: ssh: short read; copy it anew from the .pub file`,
		`list:14:5: the key is of type ssh-ed25519, not "ssh-rsa"`,
		`list:15:5: empty principal; write one e-mail, or several separated by single commas`,
		`list:15:6: empty principal; write one e-mail, or several separated by single commas`,
		`list:17:1: the key belongs to "a@x" on line 16 already; a key has exactly one identity: put all e-mails of a person on one line`,
		`list:18:1: the closing quote of the principals is missing`,
		`list:18:86: a key type such as ssh-ed25519 is missing`,
		`list:19:1: the principal "a\u202e@x" holds characters that no e-mail has`,
		`list:20:5: "ssh-ed25519-cert-v01@openssh.com" is a certificate; list the person's own key, or that of the authority with the option cert-authority`,
		`list:21:22: an empty option; separate options by single commas`,
		`list:23:1: the key stands on line 22 already; a key is a person's or an authority's, not both`,
		`list:24:1: the key stands on line 16 already; a key is a person's or an authority's, not both`,
		`list:25:5: the principal "*@" is not one e-mail; an authority may also have all of a domain, as "*@example.com"`,
		`list:25:8: the principal "*@*" is not one e-mail; an authority may also have all of a domain, as "*@example.com"`,
		`list:25:12: the principal "*@x" stands twice on this line`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

func unjoin(err error) []error {
	if j, ok := err.(interface{ Unwrap() []error }); ok {
		return j.Unwrap()
	}
	return []error{err}
}

func TestLoadSigners(t *testing.T) {
	alice, other := gittest.GPGKey(t, "Alice <alice@example.com>").Public, gittest.GPGKey(t, "Other <other@example.com>").Public
	tests := []struct {
		reason string
		files  map[string]string
		want   string // part of the error
	}{
		{"both kinds", map[string]string{DefaultSignersPath: "a@x " + keyA, DefaultKeysDir + "/alice@example.com.asc": alice, DefaultKeysDir + "/README": "x"}, ""},
		{"OpenPGP only", map[string]string{DefaultSignersPath: "# see gpg/\n", DefaultKeysDir + "/alice@example.com.asc": alice}, ""},
		{"nobody", map[string]string{DefaultSignersPath: "# nobody\n"}, "lists nobody"},
		{"one key for two", map[string]string{DefaultSignersPath: "", DefaultKeysDir + "/a@x.asc": alice, DefaultKeysDir + "/b@x.asc": alice}, "exactly one identity"},
		{"two keys for one", map[string]string{DefaultSignersPath: "", DefaultKeysDir + "/a@x.asc": alice, DefaultKeysDir + "/b@x.asc": other}, ""},
		{"a file that would be overlooked", map[string]string{DefaultSignersPath: "a@x " + keyA, DefaultKeysDir + "/alice@example.com.gpg": alice}, "is not named"},
		{"no key", map[string]string{DefaultSignersPath: "a@x " + keyA, DefaultKeysDir + "/a@x.asc": "hello"}, "does not begin with"},
		{"a private key", map[string]string{DefaultSignersPath: "a@x " + keyA, DefaultKeysDir + "/a@x.asc": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n"}, "revoke that key"},
		{"two blocks", map[string]string{DefaultSignersPath: "a@x " + keyA, DefaultKeysDir + "/a@x.asc": alice + "\n" + other}, "bytes around it"},
		{"a directory in place of the list", map[string]string{DefaultSignersPath + "/x": ""}, "not a regular file"},
		{"a file in place of the directory", map[string]string{DefaultSignersPath: "a@x " + keyA, DefaultKeysDir: ""}, "is not a directory"},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			_, err := LoadSigners(source.Memory(test.files), DefaultSignersPath, DefaultKeysDir)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := LoadSigners(source.Memory(nil), "", ""); !source.IsNotExist(err) {
		t.Errorf("an absent list gives %v", err)
	}
}

// TestLoadSignersFromDisk proves that links are refused on the operator's disk
// too, at any step of the way.
func TestLoadSignersFromDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	write("real/list", "a@x "+keyA+"\n")
	for name, target := range map[string]string{"link": "real", "real/linked": "list"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LoadSigners(tree, "real/list", "gpg"); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"link/list", "real/linked"} {
		var file *FileError
		if _, err := LoadSigners(tree, path, "gpg"); !errors.As(err, &file) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestSignatureKinds signs by real tools with all kinds of keys, and compares
// with what ssh-keygen says of the same list and signature.
func TestSignatureKinds(t *testing.T) {
	tests := []struct {
		reason string
		args   []string
		want   Code
	}{
		{"Ed25519", []string{"-t", "ed25519"}, ""},
		{"ECDSA P-256", []string{"-t", "ecdsa", "-b", "256"}, ""},
		{"ECDSA P-384", []string{"-t", "ecdsa", "-b", "384"}, ""},
		{"ECDSA P-521", []string{"-t", "ecdsa", "-b", "521"}, ""},
		{"RSA 2048", []string{"-t", "rsa", "-b", "2048"}, ""},
		{"RSA 3072", []string{"-t", "rsa", "-b", "3072"}, ""},
		{"RSA 1024", []string{"-t", "rsa", "-b", "1024"}, KeyWeak},
		{"DSA", []string{"-t", "dsa"}, KeyWeak},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "key")
			list := "dave@example.com namespaces=\"git\" " + keygen(t, file, test.args...) + "\n"
			signers, err := ParseSigners("list", []byte(list))
			if err != nil {
				t.Fatal(err)
			}
			const message = "tree x\n"
			sig := signFile(t, file, message)
			signer, p := verifySignature([]byte(message), []byte(sig), signers, time.Now())
			if p == nil && (test.want != "" || signer.Identity != "dave@example.com") || p != nil && p.Code != test.want {
				t.Errorf("signer %v, problem %v, want %q", signer, p, test.want)
			}
			if p == nil {
				sshKeygenAgrees(t, dir, list, message, sig)
			}
			if _, p := verifySignature([]byte(message+"x"), []byte(sig), signers, time.Now()); p == nil {
				t.Error("another message is accepted")
			}
		})
	}
}

func sshKeygenAgrees(t *testing.T, dir, list, message, sig string) {
	t.Helper()
	for name, content := range map[string]string{"list": list, "sig": sig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("ssh-keygen", "-Y", "verify", "-f", filepath.Join(dir, "list"), "-I", "dave@example.com", "-n", "git", "-s", filepath.Join(dir, "sig"))
	cmd.Stdin = strings.NewReader(message)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("ssh-keygen does not accept what we do: %s", out)
	}
}

func TestOpenPGPKinds(t *testing.T) {
	g := newGPGHome(t)
	const message = "tree x\n"
	rsa := g.key("rsa <rsa@x>", "rsa2048", "sign", "never")
	weak := g.key("weak <weak@x>", "rsa1024", "sign", "never")
	encrypt := g.key("sub <sub@x>", "ed25519", "cert", "never")
	g.run("", "--quick-add-key", encrypt, "ed25519", "sign", "seconds=3600")
	tests := []struct {
		reason string
		key    string
		args   []string
		at     time.Duration // after now
		want   Code
	}{
		{"RSA 2048", rsa, nil, 0, ""},
		{"RSA 1024", weak, nil, 0, KeyWeak},
		{"SHA-1", rsa, []string{"--digest-algo", "SHA1"}, 0, KeyWeak},
		{"text mode", rsa, []string{"--textmode"}, 0, SigBad},
		{"subkey in time", encrypt, nil, 0, ""},
		{"subkey whose time is over", encrypt, nil, 2 * time.Hour, KeyExpired},
		{"signature with a lifetime", rsa, []string{"--default-sig-expire", "seconds=60"}, 0, ""},
		{"signature whose time is over", rsa, []string{"--default-sig-expire", "seconds=60"}, 2 * time.Hour, KeyExpired},
		{"critical notation", rsa, []string{"--sig-notation", "!must@x=1"}, 0, SigBad},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			signers, err := LoadSigners(source.Memory(map[string]string{"list": "", "gpg/a@x.asc": g.export(test.key)}), "list", "gpg")
			if err != nil {
				t.Fatal(err)
			}
			sig := g.sign(test.key, message, test.args...)
			at := time.Now().Add(time.Minute / 2).Add(test.at)
			signer, p := verifySignature([]byte(message), []byte(sig), signers, at)
			if p == nil && (test.want != "" || signer.Identity != "a@x" || signer.Key != test.key) || p != nil && p.Code != test.want {
				t.Errorf("signer %v, problem %v, want %q", signer, p, test.want)
			}
			if _, p := verifySignature([]byte(message+"x"), []byte(sig), signers, at); p == nil {
				t.Error("another message is accepted")
			}
			if _, p := verifySignature([]byte(message), []byte(sig+sig), signers, at); p == nil || p.Code != SigAmbiguous {
				t.Errorf("two signatures: %v", p)
			}
		})
	}
}

// TestSSHSignatureIsStrict changes each part of a good signature.
func TestSSHSignatureIsStrict(t *testing.T) {
	key := gittest.SSHKey(t)
	signers, err := ParseSigners("list", []byte("a@x "+key.Public+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	const message = "tree x\n"
	good := string(key.SignSSH(t, "git", []byte(message)))
	body := strings.Split(good, "\n")[1]
	tests := []struct {
		reason, sig string
		want        Code
	}{
		{"as it is", good, ""},
		{"without a line ending", strings.TrimSuffix(good, "\n"), ""},
		{"empty", "", SigMissing},
		{"blanks", " \n", SigMissing},
		{"something else", "hello", SigBad},
		{"bytes before", "x" + good, SigBad},
		{"bytes after", good + "x", SigAmbiguous},
		{"an empty line after", good + "\n", SigAmbiguous},
		{"twice", good + good, SigAmbiguous},
		{"two blocks in one", strings.Replace(good, body, body+"\n-----BEGIN SSH SIGNATURE-----", 1), SigAmbiguous},
		{"no end", strings.Split(good, "-----END")[0], SigBad},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), SigBad},
		{"a return inside", strings.Replace(good, body, body+"\r", 1), SigBad},
		{"an empty line inside", strings.Replace(good, body, body+"\n", 1), SigBad},
		{"a header", strings.Replace(good, body, "Comment: x\n\n"+body, 1), SigBad},
		{"a bit changed", strings.Replace(good, body, "U1NIU0lHAAAAAg"+body[14:], 1), SigBad},
		{"cut short", strings.Replace(good, body+"\n", "", 1), SigBad},
		{"too long", good[:30] + strings.Repeat("A", maxSignature), SigBad},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			_, p := verifySignature([]byte(message), []byte(test.sig), signers, time.Now())
			var got Code
			if p != nil {
				got = p.Code
			}
			if got != test.want {
				t.Errorf("%v, want %q", p, test.want)
			}
		})
	}
}

func FuzzParseSigners(f *testing.F) {
	for _, s := range []string{
		"", "# x\n", "a@x " + keyA, "\"a@x,b@x\" namespaces=\"git\",valid-after=\"20250101Z\" " + keyA + " c\n",
		"a@x cert-authority " + keyA + "\n" + "b@x " + keyA, "a@x valid-before=\"\\\"\" x", "\x00", "a ,,",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseSigners("list", data)
		if err != nil {
			lines := strings.Count(string(data), "\n") + 1
			for _, e := range unjoin(err) {
				var syntax *SyntaxError
				if !errors.As(e, &syntax) || syntax.Line < 1 || syntax.Line > lines || syntax.Column < 1 {
					t.Fatalf("bad position: %#v", e)
				}
			}
			return
		}
		for _, grants := range s.grants {
			for _, g := range grants {
				if len(g.emails) == 0 || !sameSet(g.emails, grants[0].emails) {
					t.Fatalf("a key without exactly one identity: %v", grants)
				}
			}
		}
	})
}

func FuzzSSHSignature(f *testing.F) {
	public, private := fixedKey()
	good := armorSSH(public.Marshal(), private, "message")
	f.Add([]byte(good))
	f.Add([]byte(strings.ReplaceAll(good, "\n", "\r\n")))
	f.Add([]byte("-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----"))
	signers, err := ParseSigners("list", ssh.MarshalAuthorizedKey(public))
	if err == nil {
		f.Fatal("a key without a principal is accepted")
	}
	signers, err = ParseSigners("list", append([]byte("a@x "), ssh.MarshalAuthorizedKey(public)...))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sig []byte) {
		_, p := verifySignature([]byte("another message"), sig, signers, time.Now())
		if p == nil {
			t.Fatal("a signature of another message is accepted")
		}
		// A signature over this message may be written in one way only, but
		// for the last line ending.
		if _, p := verifySignature([]byte("message"), sig, signers, time.Now()); p == nil && unwrap(sig) != unwrap([]byte(good)) {
			t.Fatalf("a second spelling is accepted: %q", sig)
		}
	})
}

// unwrap takes out line breaks, the only freedom of armour.
func unwrap(armored []byte) string { return strings.ReplaceAll(string(armored), "\n", "") }

func FuzzOpenPGP(f *testing.F) {
	for _, name := range []string{"testdata/key.asc", "testdata/signature.asc"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	key, err := os.ReadFile("testdata/key.asc")
	if err != nil {
		f.Fatal(err)
	}
	signers, err := LoadSigners(source.Memory(map[string]string{"list": "", "gpg/a@x.asc": string(key)}), "list", "gpg")
	if err != nil {
		f.Fatal(err)
	}
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	signature, err := os.ReadFile("testdata/signature.asc")
	if err != nil {
		f.Fatal(err)
	}
	if _, p := verifySignature([]byte("message\n"), signature, signers, at); p != nil {
		f.Fatal(p)
	}
	// Mutations of packets would not survive the armour, so they get theirs.
	for kind, text := range map[string][]byte{"PGP PUBLIC KEY BLOCK": key, "PGP SIGNATURE": signature} {
		packets, err := dearmor(text, kind, true)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packets)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		encoded := base64.StdEncoding.EncodeToString(data)
		for _, sig := range [][]byte{data, []byte("-----BEGIN PGP SIGNATURE-----\n\n" + encoded + "\n-----END PGP SIGNATURE-----\n")} {
			if _, p := verifySignature([]byte("another message"), sig, signers, at); p == nil {
				t.Fatal("a signature of another message is accepted")
			}
		}
		for _, text := range [][]byte{data, []byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" + encoded + "\n-----END PGP PUBLIC KEY BLOCK-----\n")} {
			keys, err := parseOpenPGPKeys(text)
			if err == nil && len(keys) == 0 {
				t.Fatal("no key and no error")
			}
			for _, k := range keys {
				sig, err := parseOpenPGPSignature(signature)
				if err != nil {
					t.Fatal(err)
				}
				if sub, ok := k.match(sig); ok {
					_ = k.verify(sub, sig, []byte("message\n"), at)
				}
			}
		}
	})
}

func TestParseSignersIsBounded(t *testing.T) {
	_, err := ParseSigners("list", bytes.Repeat([]byte(","), maxSignersFile))
	if n := len(unjoin(err)); n != maxMistakes {
		t.Errorf("%d mistakes are told, want %d", n, maxMistakes)
	}
	if _, err := ParseSigners("list", make([]byte, maxSignersFile+1)); err == nil {
		t.Error("a file above the limit is parsed")
	}
}
