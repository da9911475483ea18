package integrity

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// signatureAttacks are more ways to have content pass as somebody's: spellings of
// objects, certificates of both kinds, OpenPGP of all ages, and local views.
var signatureAttacks = []attack{
	{"A08b signature of a tag", "a tag's content is another",
		func(l *lab) {
			tag := "object " + l.Head() + "\ntype commit\ntag v2\ntagger " + l.person("alice") + "\n\nx\n"
			l.put(l.payloadBy("alice"), l.sshSign("alice", tag))
		}, Deny, []Code{SigBad}},
	{"A08c signature with its last byte changed", "no bit of it is free",
		func(l *lab) {
			p := l.payloadBy("alice")
			sig := l.sshSign("alice", p)
			end := strings.LastIndex(sig, "\n-----END") - 4
			l.put(p, sig[:end]+flip(sig[end])+sig[end+1:])
		}, Deny, []Code{SigBad}},
	{"A09b second committer", "two parsers must not see two people",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person("alice"), "committer "+l.person("alice"), "committer "+l.person("bob"))
			l.put(p, l.sshSign("alice", p))
		}, Deny, []Code{ObjMalformed}},
	{"A09c parent after the author", "a parent that some do not see hides a history",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person("alice"), "parent "+l.Git("rev-parse", "HEAD~1"), "committer "+l.person("alice"))
			l.put(p, l.sshSign("alice", p))
		}, Deny, []Code{ObjMalformed}},
	{"A09d NUL in the message", "what stands after it is signed and not shown",
		func(l *lab) {
			p := strings.Replace(l.payloadBy("alice"), "\n\nraw\n", "\n\nraw\x00evil\n", 1)
			l.put(p, l.sshSign("alice", p))
		}, Deny, []Code{ObjMalformed}},
	{"A09e unknown header", "a place for content that nobody is shown",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person("alice"), "committer "+l.person("alice"), "reviewed-by alice")
			l.put(p, l.sshSign("alice", p))
		}, Deny, []Code{ObjMalformed}},
	{"A10 bytes after the signature", "content that nothing covers",
		func(l *lab) {
			p := l.payloadBy("alice")
			l.put(p, l.sshSign("alice", p)+"evil\n")
		}, Deny, []Code{ObjMalformed}},
	{"A11 signature of the other object format", "Git does not verify it here",
		func(l *lab) {
			p := l.payloadBy("alice")
			l.SetRef("refs/heads/main", l.Object("commit", []byte(strings.Replace(withSignature(p, l.sshSign("alice", p)), "\ngpgsig ", "\ngpgsig-sha256 ", 1))))
		}, Deny, []Code{ObjMalformed}},
	{"A16 invisible character in the e-mail", "it looks like alice's and is not",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author alice <al\u200bice@example.com> 1772366400 +0000", "committer "+l.person("bob"))
			l.put(p, l.sshSign("bob", p))
		}, Deny, []Code{IDAuthor, IDConfusable}},
	{"A16b name written from right to left", "it shows as another name",
		func(l *lab) {
			l.as("bob")
			l.Name = "bob \u202eecila"
			l.edit("x")
		}, Warn, []Code{IDConfusable}},

	{"A18 certificate of a stranger's authority", "it names dave, but nobody trusts it",
		func(l *lab) { l.sshCertificate("evil", "", time.Hour) }, Deny, []Code{KeyUnknown}},
	{"A18b certificate that is over, back-dated", "it is judged when it was first seen",
		func(l *lab) { l.sshCertificate("ca", "", -time.Hour) }, Deny, []Code{KeyExpired}},
	{"A18c certificate of a revoked authority", "with the authority all its certificates go",
		func(l *lab) { l.sshCertificate("ca", "ca", time.Hour) }, Deny, []Code{KeyRevoked}},
	{"A18d revoked key with a new certificate", "a stolen key stays stolen",
		func(l *lab) { l.sshCertificate("ca", "dave", time.Hour) }, Deny, []Code{KeyRevoked}},
	{"A21b X.509 by an authority of the same name", "a name is anybody's to take",
		func(l *lab) { l.x509Commit(false, time.Hour) }, Deny, []Code{KeyUnknown}},
	{"A21c X.509 that is over", "it is judged when it was first seen",
		func(l *lab) { l.x509Commit(true, -time.Hour) }, Deny, []Code{KeyExpired}},
	{"A22 OpenPGP by SHA-1", "two contents can have one such digest",
		func(l *lab) {
			g := newGPGHome(l.t)
			fpr := g.key("alice <alice@example.com>", "rsa2048", "sign", "never")
			l.pin("alice", g.export(fpr))
			l.signedOpenPGP("alice", func(p string) string {
				return g.sign(fpr, p, "--digest-algo", "SHA1", "--allow-weak-digest-algos")
			})
		}, Deny, []Code{KeyWeak}},
	{"A22b OpenPGP by RSA of 1024 bits", "such keys have been broken",
		func(l *lab) {
			g := newGPGHome(l.t)
			fpr := g.key("alice <alice@example.com>", "rsa1024", "sign", "never")
			l.pin("alice", g.export(fpr))
			l.signedOpenPGP("alice", func(p string) string { return g.sign(fpr, p) })
		}, Deny, []Code{KeyWeak}},
	{"A29 expired OpenPGP subkey", "the primary key lives on, the subkey does not",
		func(l *lab) {
			g := newGPGHome(l.t)
			old := []string{"--faked-system-time", "20240101T000000!"}
			fpr := g.key("alice <alice@example.com>", "ed25519", "cert", "never", old...)
			g.run("", append(old, "--quick-add-key", fpr, "ed25519", "sign", "seconds=86400")...)
			l.pin("alice", g.run("", append(old, "--armor", "--export", fpr)...)) // now, a minimal export would leave it out
			l.signedOpenPGP("alice", func(p string) string { return g.sign(fpr, p, "--faked-system-time", "20240101T010000!") })
		}, Deny, []Code{KeyExpired}},
	{"A29b OpenPGP subkey that is not pinned", "only what the file holds is vouched for",
		func(l *lab) {
			g := newGPGHome(l.t)
			fpr := g.key("alice <alice@example.com>", "ed25519", "cert", "never")
			l.pin("alice", g.export(fpr))
			g.run("", "--quick-add-key", fpr, "ed25519", "sign", "never")
			l.signedOpenPGP("alice", func(p string) string { return g.sign(fpr, p) })
		}, Deny, []Code{KeyUnknown}},
	{"A30b security key with PIN and without touch", "a PIN can be replayed, a touch cannot",
		func(l *lab) { l.securityKey(userVerified) }, Deny, []Code{KeyWeak}},

	{"D14 replaced commit", "what a local ref shows instead is not looked at",
		func(l *lab) {
			good := l.as("alice").edit("x")
			l.fetch()
			l.Reset(l.accepted)
			evil := l.as("alice").unsigned().edit("evil")
			l.local("refs/replace/"+evil, good)
		}, Deny, []Code{SigMissing}},
	{"D15 replaced list of signers", "what a local ref shows instead is not looked at",
		func(l *lab) {
			evil := l.GitInput([]byte(l.keys.allowed()+"mallory@example.com "+l.keys["mallory"].Public+"\n"), "--git-dir="+l.dir, "hash-object", "-w", "--stdin")
			l.Name, l.Email, l.Key = "mallory", "mallory@example.com", l.keys["mallory"]
			l.edit("x")
			l.local("refs/replace/"+l.Git("rev-parse", l.accepted+":"+DefaultSignersPath), evil)
		}, Deny, []Code{KeyUnknown}},
	{"D18 graft", "parents are those that the commit says",
		func(l *lab) {
			l.as("alice").unsigned().edit("evil")
			tip := l.as("alice").edit("x")
			if err := os.MkdirAll(filepath.Join(l.dir, "info"), 0o755); err != nil {
				l.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(l.dir, "info/grafts"), []byte(tip+" "+l.accepted+"\n"), 0o644); err != nil {
				l.t.Fatal(err)
			}
		}, Deny, []Code{SigMissing}},
	{"D20 notes", "notes are anybody's, and no part of what is signed",
		func(l *lab) {
			l.as("bob").unsigned().edit("x")
			l.as("alice").Git("notes", "add", "-m", "Reviewed-by: alice <alice@example.com>")
		}, Deny, []Code{SigMissing}},

	{"P18 certificate of a listed authority", "the authority may name dave",
		func(l *lab) { l.sshCertificate("ca", "", time.Hour) }, Allow, nil},
	{"P18b certificate, another key revoked", "a revocation is of one key",
		func(l *lab) { l.sshCertificate("ca", "evil", time.Hour) }, Allow, nil},
	{"P19 X.509 by a pinned authority", "its file says whom it may name",
		func(l *lab) { l.x509Commit(true, time.Hour) }, Allow, nil},
}

func TestSignatureAttacks(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "mallory")
	for _, a := range signatureAttacks {
		t.Run(a.row, func(t *testing.T) {
			l := newLab(t, keys)
			a.do(l)
			result := l.check()
			if result.Decision != a.want || !slices.Equal(codes(result.Problems), a.codes) {
				t.Errorf("%s %v, want %s %v: %s\n%v", result.Decision, codes(result.Problems), a.want, a.codes, a.reason, result.Problems)
			}
			for _, p := range result.Problems {
				if p.Message == "" || p.Hint == "" || p.Decision != p.Code.Decision() {
					t.Errorf("incomplete problem %+v", p)
				}
			}
		})
	}
}

func (l *lab) sshSign(name, payload string) string {
	return string(l.keys[name].SignSSH(l.t, "git", []byte(payload)))
}

// flip returns another character of base64.
func flip(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

// local puts a ref into the mirror, as somebody with access to its disk could.
func (l *lab) local(ref, id string) {
	l.t.Helper()
	file := filepath.Join(l.dir, ref)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(id+"\n"), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

// sshCertificate accepts a list with an authority, revokes a key if it is given,
// and commits as dave by a certificate that ends some time after it is seen.
func (l *lab) sshCertificate(by, revoked string, left time.Duration) {
	l.t.Helper()
	dir := l.t.TempDir()
	public := map[string]string{}
	for _, name := range []string{"ca", "evil", "dave"} {
		public[name] = keygen(l.t, filepath.Join(dir, name), "-t", "ed25519")
	}
	files := map[string]string{DefaultSignersPath: l.keys.allowed() + `*@example.com cert-authority,namespaces="git" ` + public["ca"] + "\n"}
	if revoked != "" {
		files[".holdfast/revoked.krl"] = public[revoked] + "\n"
	}
	l.accepted = l.as("alice").Commit("grant", files)
	format := func(t time.Time) string { return t.Local().Format("20060102150405") }
	period := format(l.seen.Add(-24*time.Hour)) + ":" + format(l.seen.Add(left))
	cmd := exec.Command("ssh-keygen", "-q", "-s", filepath.Join(dir, by), "-I", "id", "-n", "dave@example.com", "-V", period, filepath.Join(dir, "dave.pub"))
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("%v: %s", err, out)
	}
	p := l.payloadBy("dave")
	l.put(p, signFile(l.t, filepath.Join(dir, "dave-cert.pub"), p))
}

// x509Commit accepts a file with an authority, and commits as dave by a
// certificate of that one, or of a stranger's of the same name.
func (l *lab) x509Commit(trusted bool, left time.Duration) {
	l.t.Helper()
	ca, evil := issue(l.t, nil, 1, isAuthority), issue(l.t, nil, 1, isAuthority)
	by := &evil
	if trusted {
		by = &ca
	}
	leaf := issue(l.t, by, 2, forEmail("dave@example.com"))
	l.accepted = l.as("alice").Commit("grant", map[string]string{".holdfast/x509/@example.com.pem": ca.pem(nil)})
	if l.seen = certTimes[1].Add(-left); l.seen.Before(l.Time) {
		l.t.Fatal("the certificate ends before the commit")
	}
	p := l.payloadBy("dave")
	l.put(p, leaf.cmsSign(l.t, p, []issued{*by}))
}
