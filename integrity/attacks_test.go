package integrity

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/git/gittest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// attack is a case of the catalogue: what is done to a repository after its
// last accepted commit, and what has to be said of it.
type attack struct {
	row    string
	reason string
	do     func(l *lab)
	want   Decision
	codes  []Code
}

var attacks = []attack{
	{"A01 unsigned commit", "a name in a commit proves nothing",
		func(l *lab) { l.as("alice").unsigned().edit("x") }, Deny, []Code{SigMissing}},
	{"A02 unknown key", "a signature by a stranger's key is good, and worth nothing",
		func(l *lab) { l.as("alice").with("mallory").edit("x") }, Deny, []Code{KeyUnknown}},
	{"A03 other author", "a known signer does not speak for others",
		func(l *lab) {
			l.as("bob").Write(map[string]string{"x": "1"})
			l.Git("add", "--all")
			l.Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+l.Key.PrivateFile(), "commit", "-q", "-S", "-m", "x", "--author=alice <alice@example.com>")
		}, Deny, []Code{IDAuthor}},
	{"A04 other committer", "the committer is a claim as much as the author",
		func(l *lab) {
			l.as("alice").with("bob").Write(map[string]string{"x": "1"})
			l.Git("add", "--all")
			l.Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+l.Key.PrivateFile(), "commit", "-q", "-S", "-m", "x", "--author=bob <bob@example.com>")
		}, Deny, []Code{IDCommitter}},
	{"A05 expired key", "the key's time was over when the commit was first seen",
		func(l *lab) { l.as("bob").with("oldbob").edit("x") }, Deny, []Code{KeyExpired}},
	{"A06 expired key, back-dated", "dates in the commit are the attacker's to choose",
		func(l *lab) {
			l.as("bob").with("oldbob")
			l.Time = time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
			l.edit("x")
		}, Deny, []Code{KeyExpired, TimeAnomaly}},
	{"A07 revoked key", "the list of the commit before says that it was stolen",
		func(l *lab) {
			l.revoke("bob")
			l.as("bob").edit("x")
		}, Deny, []Code{KeyRevoked}},
	{"A07b revoked in the same push, before", "what is revoked counts from the next commit on",
		func(l *lab) {
			l.as("alice").Commit("revoke", map[string]string{".holdfast/revoked.krl": l.keys["bob"].Public + "\n"})
			l.as("bob").edit("x")
		}, Deny, []Code{KeyRevoked}},
	{"A07c revoked afterwards", "what was accepted before the revocation stays accepted",
		func(l *lab) {
			l.as("bob").edit("x")
			l.as("alice").Commit("revoke", map[string]string{".holdfast/revoked.krl": l.keys["bob"].Public + "\n"})
		}, Allow, nil},
	{"A07d revocation list removed", "who removes the list wants the stolen key to count",
		func(l *lab) {
			l.revoke("bob")
			l.Git("rm", "-q", ".holdfast/revoked.krl")
			l.as("alice").edit("x")
		}, Hold, []Code{TrustShrink}},
	{"A07e revocation taken back", "a stolen key stays stolen",
		func(l *lab) {
			l.revoke("bob")
			l.as("alice").Commit("x", map[string]string{".holdfast/revoked.krl": l.keys["mallory"].Public + "\n"})
		}, Hold, []Code{TrustShrink}},
	{"A07f revocation list that cannot be read", "the line that cannot be read may be the one that matters",
		func(l *lab) {
			l.revoke("bob")
			l.as("alice").Commit("x", map[string]string{".holdfast/revoked.krl": "SSHKRL\n\x00 cut short"})
		}, Deny, []Code{PolicyInvalid}},
	{"A07g revocation list that is asked for and missing", "unknown is not fine",
		func(l *lab) {
			l.trust.RevokedPath = ".holdfast/stolen.krl"
			l.as("alice").edit("x")
		}, Hold, []Code{TrustMissing}},
	{"A07h revocation list that is a link", "what it points to is not protected with it",
		func(l *lab) {
			l.as("alice")
			l.Write(map[string]string{"apps/list": "# nobody\n"})
			if err := os.Symlink("../apps/list", l.Path(".holdfast/revoked.krl")); err != nil {
				l.t.Fatal(err)
			}
			l.edit("x")
		}, Deny, []Code{PolicyInvalid}},
	{"A07i the operator's own list", "it counts whatever the repository says",
		func(l *lab) {
			var err error
			if l.trust.Revoked, err = ParseRevocations("operator", []byte(l.keys["bob"].Public)); err != nil {
				l.t.Fatal(err)
			}
			l.as("bob").edit("x")
		}, Deny, []Code{KeyRevoked}},
	{"A08 signature of another commit", "a signature is over one content",
		func(l *lab) {
			_, sig := splitSignature(string(l.Raw(l.Head())))
			tree := l.Git("rev-parse", "HEAD~1^{tree}")
			l.put(l.payload(tree, "author "+l.person("alice"), "committer "+l.person("alice")), sig)
		}, Deny, []Code{SigBad}},
	{"A09 duplicate tree header", "two parsers must not see two trees",
		func(l *lab) {
			signed := "tree " + l.Git("rev-parse", "HEAD^{tree}") + "\n"
			p := l.payloadBy("alice")
			raw := withSignature(p, string(l.keys["alice"].SignSSH(l.t, "git", []byte(p))))
			evil := "tree " + l.Git("rev-parse", "HEAD~1^{tree}") + "\n"
			raw = evil + strings.Replace(strings.TrimPrefix(raw, signed), "\ngpgsig ", "\n"+signed+"gpgsig ", 1)
			l.SetRef("refs/heads/main", l.Object("commit", []byte(raw)))
		}, Deny, []Code{ObjMalformed}},
	{"A12 wrong namespace", "a signature over a file is not one over a commit",
		func(l *lab) { l.signedBy("alice", "file", "alice", "alice") }, Deny, []Code{SigBad}},
	{"A13 two e-mails in the author line", "nobody can say who that is",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author bob <bob@example.com> x <alice@example.com> 1772366400 +0000", "committer "+l.person("bob"))
			l.put(p, string(l.keys["bob"].SignSSH(l.t, "git", []byte(p))))
		}, Deny, []Code{ObjMalformed}},
	{"A14 mailmap", "the log would show another name",
		func(l *lab) {
			l.as("bob").Commit("x", map[string]string{".mailmap": "alice <alice@example.com> <bob@example.com>\n"})
		}, Warn, []Code{IDConfusable}},
	{"A15 homoglyph", "a Cyrillic letter makes another address",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author alice <\u0430lice@example.com> 1772366400 +0000", "committer "+l.person("bob"))
			l.put(p, string(l.keys["bob"].SignSSH(l.t, "git", []byte(p))))
		}, Deny, []Code{IDAuthor, IDConfusable}},
	{"A15b upper case", "addresses are compared exactly",
		func(l *lab) {
			l.as("alice")
			l.Email = "Alice@example.com"
			l.edit("x")
		}, Deny, []Code{IDAuthor, IDCommitter, IDConfusable}},
	{"A17 key with two identities", "the first match would decide who signed",
		func(l *lab) {
			l.as("alice").Commit("x", map[string]string{DefaultSignersPath: "ceo@example.com " + l.keys["bob"].Public + "\n" + l.keys.allowed()})
		}, Deny, []Code{PolicyInvalid}},
	{"A19 foreign OpenPGP key with alice's name", "the names in a key are its maker's words",
		func(l *lab) {
			g := newGPGHome(l.t)
			real := g.key("alice <alice@example.com>", "ed25519", "sign", "never")
			fake := g.key("alice <alice@example.com>", "ed25519", "sign", "never", "--allow-freeform-uid")
			l.pin("alice", g.export(real))
			l.signedOpenPGP("alice", func(p string) string { return g.sign(fake, p) })
		}, Deny, []Code{KeyUnknown}},
	{"A20 expired OpenPGP key, faked clock", "the clock of the signer does not count",
		func(l *lab) {
			g := newGPGHome(l.t)
			fpr := g.key("alice <alice@example.com>", "ed25519", "sign", "seconds=86400", "--faked-system-time", "20240101T000000!")
			l.pin("alice", g.export(fpr))
			l.signedOpenPGP("alice", func(p string) string { return g.sign(fpr, p, "--faked-system-time", "20240101T010000!") })
		}, Deny, []Code{KeyExpired}},
	{"A20b revoked OpenPGP key", "its owner has said that it does not count",
		func(l *lab) {
			g := newGPGHome(l.t)
			fpr := g.key("alice <alice@example.com>", "ed25519", "sign", "never")
			cert, err := os.ReadFile(g.dir + "/openpgp-revocs.d/" + fpr + ".rev")
			if err != nil {
				l.t.Fatal(err)
			}
			signer := newGPGHome(l.t) // which does not know of the revocation
			signer.run(g.run("", "--armor", "--export-secret-keys", fpr), "--import")
			g.run(strings.Replace(string(cert), ":-----BEGIN", "-----BEGIN", 1), "--import")
			l.pin("alice", g.export(fpr))
			l.signedOpenPGP("alice", func(p string) string { return signer.sign(fpr, p) })
		}, Deny, []Code{KeyRevoked}},
	{"A21 X.509 signature", "no certificate authority is trusted",
		func(l *lab) {
			p := l.payloadBy("alice")
			l.put(p, "-----BEGIN SIGNED MESSAGE-----\nMIIB\n-----END SIGNED MESSAGE-----\n")
		}, Deny, []Code{KeyUnknown}},
	{"A23 escape sequence in a name", "a terminal would show another name",
		func(l *lab) {
			l.as("alice")
			l.Name = "al\x1b[2Kice"
			l.edit("x")
		}, Warn, []Code{IDConfusable}},
	{"A24 forged trailers", "a message is not an approval: it changes nothing",
		func(l *lab) { l.as("bob").edit("x\n\nReviewed-by: alice <alice@example.com>") }, Allow, nil},
	{"A25 forge key for alice", "the forge does not speak for alice",
		func(l *lab) { l.signedBy("forge", "git", "alice", "forge") }, Deny, []Code{IDAuthor}},
	{"A26 signed commit on top of an unsigned one", "the whole range counts, not its tip",
		func(l *lab) {
			l.as("alice").unsigned().edit("evil")
			l.as("alice").Commit("empty", nil)
		}, Deny, []Code{SigMissing}},
	{"A27 commit of 2099", "it cannot have been seen before it was made",
		func(l *lab) {
			l.as("alice").Time = time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
			l.edit("x")
		}, Warn, []Code{TimeAnomaly}},
	{"A28 commit of 2001", "it cannot be older than its parent",
		func(l *lab) {
			l.as("alice")
			l.Time = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
			l.edit("then")
		}, Warn, []Code{TimeAnomaly}},
	{"A30 security key without touch", "malware on the machine could have signed",
		func(l *lab) { l.securityKey(0) }, Deny, []Code{KeyWeak}},
	{"A31 two signatures", "which of them would count?",
		func(l *lab) {
			p := l.payloadBy("alice")
			sig := string(l.keys["alice"].SignSSH(l.t, "git", []byte(p)))
			l.put(p, sig+sig)
		}, Deny, []Code{ObjMalformed}},
	{"A32 DSA key", "its length no longer protects",
		func(l *lab) { l.weakKey("dsa") }, Deny, []Code{KeyWeak}},
	{"A33 RSA key of 1024 bits", "its length no longer protects",
		func(l *lab) { l.weakKey("rsa", "-b", "1024") }, Deny, []Code{KeyWeak}},

	{"B01 self-grant in one commit", "a list says who may change it, not who wrote it",
		func(l *lab) {
			l.as("mallory").Commit("x", map[string]string{DefaultSignersPath: l.keys.allowed() + "mallory@example.com " + l.keys["mallory"].Public + "\n"})
		}, Deny, []Code{KeyUnknown, TrustSelfgrant}},
	{"B02 self-grant, use and restore in one push", "every commit is judged, not the difference",
		func(l *lab) {
			l.as("mallory").Commit("grant", map[string]string{DefaultSignersPath: l.keys.allowed() + "mallory@example.com " + l.keys["mallory"].Public + "\n"})
			l.edit("evil")
			l.Commit("restore", map[string]string{DefaultSignersPath: l.keys.allowed()})
		}, Deny, []Code{KeyUnknown, TrustSelfgrant}},
	{"B03 grant and use on a side branch", "a grant counts from the next mainline commit on",
		func(l *lab) {
			l.Checkout("side")
			l.as("alice").Commit("grant", map[string]string{DefaultSignersPath: l.keys.allowed() + "mallory@example.com " + l.keys["mallory"].Public + "\n"})
			l.as("mallory").edit("evil")
			l.Checkout("main")
			l.as("alice").Merge("merge", "side")
		}, Deny, []Code{KeyUnknown}},
	{"B06 unparsable signers file", "the list before it stays in force",
		func(l *lab) {
			l.as("alice").Commit("x", map[string]string{DefaultSignersPath: "alice@example.com ssh-ed25519\n"})
		}, Deny, []Code{PolicyInvalid}},
	{"B08 signers file is a symbolic link", "its content would be decided elsewhere",
		func(l *lab) {
			l.as("alice").Write(map[string]string{"keys": l.keys.allowed()})
			l.Remove(DefaultSignersPath)
			l.Symlink(DefaultSignersPath, "../keys")
			l.Commit("x", nil)
		}, Deny, []Code{PolicyInvalid}},
	{"B11 signers file removed", "no list is not everybody's list",
		func(l *lab) {
			l.as("alice").Remove(".holdfast")
			l.Commit("x", nil)
		}, Deny, []Code{PolicyInvalid}},
	{"B30 branch forked before a revocation", "what is new is judged by the present list",
		func(l *lab) {
			l.Checkout("side")
			l.as("bob").edit("old work")
			l.Checkout("main")
			without := strings.Join(slices.DeleteFunc(strings.Split(l.keys.allowed(), "\n"), func(s string) bool { return strings.HasPrefix(s, "bob@") }), "\n")
			l.as("alice").Commit("revoke bob", map[string]string{DefaultSignersPath: without})
			l.Merge("merge", "side")
		}, Deny, []Code{KeyUnknown}},

	{"C01 force push that drops the fix", "what was accepted is gone",
		func(l *lab) {
			l.Reset(l.Git("rev-parse", "HEAD~1"))
			l.as("bob").edit("y")
		}, Hold, []Code{HistRewrite}},
	{"C02 rollback", "an old commit is signed as well as ever",
		func(l *lab) { l.Reset(l.Git("rev-parse", "HEAD~1")) }, Hold, []Code{RefRollback}},
	{"C03 amend of the tip", "the same files, another history",
		func(l *lab) { l.as("alice").Amend("SECURITY: drop the root user") }, Hold, []Code{HistRewrite}},
	{"C04 rebase", "the same commits in another order",
		func(l *lab) {
			service := l.Git("rev-parse", "HEAD~1")
			l.Reset(l.Git("rev-parse", "HEAD~2"))
			l.as("alice").Commit("SECURITY: drop root", map[string]string{"apps/web/deploy.yaml": webFixed})
			l.as("bob").Write(map[string]string{"apps/web/svc.yaml": l.Git("show", service+":apps/web/svc.yaml") + "\n"})
			l.Commit("add service", nil)
		}, Hold, []Code{HistRewrite}},
	{"C05 branch teleport", "another branch's commit took its place",
		func(l *lab) {
			l.Checkout("feature")
			l.Reset(l.Git("rev-parse", "HEAD~1"))
			tip := l.as("alice").edit("feature")
			l.trust.Branches = map[string]string{"refs/heads/feature": tip}
			l.Checkout("main")
			l.Reset(tip)
		}, Hold, []Code{RefTeleport}},
	{"C12 merge brings in an unsigned commit", "a merge vouches for nothing",
		func(l *lab) {
			l.Checkout("side")
			l.as("bob").unsigned().edit("unsigned")
			l.Checkout("main")
			l.as("alice").Merge("merge", "side")
		}, Deny, []Code{SigMissing}},
	{"C14 orphan replacement", "the same files without their history",
		func(l *lab) {
			p := "tree " + l.Git("rev-parse", "HEAD^{tree}") + "\nauthor " + l.person("alice") + "\ncommitter " + l.person("alice") + "\n\nall\n"
			l.put(p, string(l.keys["alice"].SignSSH(l.t, "git", []byte(p))))
		}, Hold, []Code{HistRewrite}},
	{"C15 foxtrot merge", "the accepted history became a side branch",
		func(l *lab) {
			l.Checkout("side")
			l.Reset(l.Git("rev-parse", "HEAD~1"))
			l.as("bob").Commit("side", map[string]string{"side": "1"})
			l.Merge("merge main into side", "main")
			tip := l.Head()
			l.Checkout("main")
			l.Reset(tip)
		}, Warn, []Code{MergeShape}},
	{"C15b foxtrot merge past a revocation", "commits of an old list come in under the present one",
		func(l *lab) {
			granted := l.keys.allowed() + "mallory@example.com " + l.keys["mallory"].Public + "\n"
			l.as("alice").Commit("grant", map[string]string{DefaultSignersPath: granted})
			l.Git("branch", "side")
			l.accepted = l.Commit("revoke", map[string]string{DefaultSignersPath: l.keys.allowed()})
			l.Checkout("side")
			l.as("bob").Commit("old work", map[string]string{"side": "1"})
			l.as("mallory").Commit("evil", map[string]string{"evil": "1"})
			l.as("bob").Merge("merge", "main")
			tip := l.Head()
			l.Checkout("main")
			l.Reset(tip)
		}, Deny, []Code{KeyUnknown, MergeShape}},
	{"F12 pinned root is another history's", "trust starts at the pinned commit or not at all",
		func(l *lab) {
			l.accepted = ""
			p := "tree " + l.Git("rev-parse", "HEAD^{tree}") + "\nauthor " + l.person("alice") + "\ncommitter " + l.person("alice") + "\n\nall\n"
			l.put(p, string(l.keys["alice"].SignSSH(l.t, "git", []byte(p))))
		}, Hold, []Code{HistRewrite}},
	{"F17 flood of unsigned commits", "work is bounded",
		func(l *lab) {
			l.trust.MaxCommits = 3
			for i := range 4 {
				l.as("alice").unsigned().edit(fmt.Sprint("x", i))
			}
		}, Hold, []Code{HistLimit}},

	{"P01 signed by a known key", "author, committer and signer are one",
		func(l *lab) { l.as("bob").edit("x") }, Allow, nil},
	{"P02 merge of signed commits", "each commit is good, and so is the merge",
		func(l *lab) {
			l.Checkout("side")
			l.as("bob").Commit("side", map[string]string{"side": "1"})
			l.Checkout("main")
			l.as("carol").edit("main")
			l.as("alice").Merge("merge", "side")
		}, Allow, nil},
	{"P04 key rotation", "the new key counts from the commit after its grant",
		func(l *lab) {
			l.as("alice").Commit("rotate", map[string]string{DefaultSignersPath: l.keys.allowed() + `bob@example.com namespaces="git",valid-after="20260101Z" ` + l.keys["newbob"].Public + "\n"})
			l.as("bob").with("newbob").edit("x")
		}, Allow, nil},
	{"P05 key that was valid when first seen", "judged again later, the answer stays",
		func(l *lab) {
			l.Time = time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)
			l.seen = l.Time.Add(time.Hour)
			l.Checkout("2024")
			l.Reset(l.trust.Root)
			l.trust.Root = l.as("alice").Amend("base of 2024")
			l.accepted = l.trust.Root
			l.as("bob").with("oldbob").edit("x")
			tip := l.Head()
			l.Checkout("main")
			l.Reset(tip)
		}, Allow, nil},
	{"P11 OpenPGP signing subkey", "the pinned primary key vouches for it",
		func(l *lab) {
			l.seen = time.Now().Add(time.Hour) // gpg makes keys now
			g := newGPGHome(l.t)
			fpr := g.key("somebody <else@example.com>", "ed25519", "cert", "never")
			g.run("", "--quick-add-key", fpr, "ed25519", "sign", "never")
			l.pin("alice", g.export(fpr))
			l.signedOpenPGP("alice", func(p string) string { return g.sign(fpr, p) })
		}, Allow, nil},
	{"P11b OpenPGP commit by git", "what git -S writes is accepted",
		func(l *lab) {
			l.seen = time.Now().Add(time.Hour)
			l.keys = people{"alice": l.keys["alice"], "gpg": gittest.GPGKey(l.t, "Alice <alice@example.com>")}
			l.pin("alice", l.keys["gpg"].Public)
			l.as("alice").with("gpg").edit("x")
		}, Allow, nil},
	{"P12 security key with touch", "somebody was there",
		func(l *lab) { l.securityKey(userPresence) }, Allow, nil},
	{"P12b security key with touch and PIN", "more than is asked for",
		func(l *lab) { l.securityKey(userPresence | userVerified) }, Allow, nil},
	{"P13 unusual headers", "encoding, mergetag, change-id and extras are signed content",
		func(l *lab) {
			p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person("alice"), "committer "+l.person("alice"),
				"encoding ISO-8859-1", "HG:extra branch:default", "change-id kkmpptxzrspxrzommnulwmwkkqwworpl")
			l.put(p, string(l.keys["alice"].SignSSH(l.t, "git", []byte(p))))
		}, Allow, nil},
	{"P15 empty commit and revert", "nothing of it is suspicious",
		func(l *lab) {
			l.as("bob").edit("x")
			l.Commit("empty", nil)
			l.Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+l.Key.PrivateFile(), "-c", "commit.gpgSign=true", "revert", "--no-edit", "HEAD~1")
		}, Allow, nil},
	{"P17 nothing new", "the accepted commit stays accepted",
		func(*lab) {}, Allow, nil},
}

func TestAttacks(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "mallory", "oldbob", "newbob")
	verdicts := map[string]string{}
	t.Run("rows", func(t *testing.T) {
		for _, a := range attacks {
			t.Run(a.row, func(t *testing.T) {
				l := newLab(t, keys)
				a.do(l)
				result := l.check()
				for _, p := range result.Problems {
					if p.Message == "" || p.Hint == "" || p.Decision != p.Code.Decision() {
						t.Errorf("incomplete problem %+v", p)
					}
				}
				if result.Decision != a.want {
					t.Errorf("decision %s, want %s: %s", result.Decision, a.want, a.reason)
				}
				if diff := cmp.Diff(a.codes, codes(result.Problems)); diff != "" {
					t.Errorf("codes (-want +got): %s\n%s\n%v", a.reason, diff, result.Problems)
				}
				verdicts[a.row] = strings.TrimSpace(fmt.Sprintf("%-46s %-5s %s", a.row, result.Decision, join(codes(result.Problems))))
			})
		}
	})
	if len(verdicts) == len(attacks) {
		golden(t, "testdata/verdicts.golden", verdicts)
	}
}

func join(codes []Code) string {
	var s []string
	for _, c := range codes {
		s = append(s, string(c))
	}
	return strings.Join(s, " ")
}

// golden compares lines with a file, so that a change of any verdict shows.
func golden(t *testing.T, file string, lines map[string]string) {
	t.Helper()
	var b strings.Builder
	for _, row := range slices.Sorted(mapKeys(lines)) {
		b.WriteString(lines[row] + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s (-want +got), rewrite it with -update if the change is meant:\n%s", file, diff)
	}
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// splitSignature takes the signature header out of a raw commit.
func splitSignature(raw string) (payload, signature string) {
	before, rest, _ := strings.Cut(raw, "\ngpgsig ")
	sig, after, _ := strings.Cut(rest, "\n\n")
	return before + "\n\n" + after, strings.ReplaceAll(sig, "\n ", "\n")
}

// signedBy puts a raw commit of some author and committer, signed by a key.
func (l *lab) signedBy(key, namespace, author, committer string) {
	p := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person(author), "committer "+l.person(committer))
	l.put(p, string(l.keys[key].SignSSH(l.t, namespace, []byte(p))))
}

// pin accepts a commit that adds an OpenPGP key file.
func (l *lab) pin(name, public string) {
	l.accepted = l.as("alice").Commit("pin", map[string]string{DefaultKeysDir + "/" + name + "@example.com.asc": public})
}

func (l *lab) payloadBy(name string) string {
	return l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person(name), "committer "+l.person(name))
}

func (l *lab) signedOpenPGP(name string, sign func(payload string) string) {
	p := l.payloadBy(name)
	l.put(p, sign(p))
}

// grant accepts a commit that lists one more key.
func (l *lab) grant(line string) {
	l.accepted = l.as("alice").Commit("grant", map[string]string{DefaultSignersPath: l.keys.allowed() + line + "\n"})
}

// revoke accepts a commit that revokes a person's key.
func (l *lab) revoke(name string) {
	l.accepted = l.as("alice").Commit("revoke", map[string]string{".holdfast/revoked.krl": l.keys[name].Public + "\n"})
}

// weakKey grants dave a key made with these arguments, and signs by it.
func (l *lab) weakKey(kind string, args ...string) {
	file := l.t.TempDir() + "/key"
	public := keygen(l.t, file, append([]string{"-t", kind}, args...)...)
	l.grant("dave@example.com " + public)
	p := l.payloadBy("dave")
	l.put(p, signFile(l.t, file, p))
}

// securityKey grants dave a security key, and signs by it.
func (l *lab) securityKey(flags byte) {
	device := newSecurityKey(l.t)
	l.grant("dave@example.com " + ssh.KeyAlgoSKED25519 + " " + base64.StdEncoding.EncodeToString(device.wire))
	p := l.payloadBy("dave")
	l.put(p, armorSSH(device.wire, device.sign(flags), p))
}

// securityKey signs as a FIDO device does: the machine has none, so the message
// is put together as the protocol says.
type securityKey struct {
	wire    []byte
	private ed25519.PrivateKey
}

func newSecurityKey(t testing.TB) securityKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return securityKey{ssh.Marshal(struct {
		Type        string
		Key         []byte
		Application string
	}{ssh.KeyAlgoSKED25519, public, "ssh:"}), private}
}

func (k securityKey) sign(flags byte) func(message []byte) []byte {
	return func(message []byte) []byte {
		application, sum := sha256.Sum256([]byte("ssh:")), sha256.Sum256(message)
		counter := binary.BigEndian.AppendUint32([]byte{flags}, 7)
		signed := slices.Concat(application[:], counter, sum[:])
		return append(ssh.Marshal(struct {
			Format string
			Blob   []byte
		}{ssh.KeyAlgoSKED25519, ed25519.Sign(k.private, signed)}), counter...)
	}
}

// armorSSH writes a signature as ssh-keygen does.
func armorSSH(wire []byte, sign func(message []byte) []byte, payload string) string {
	sum := sha512.Sum512([]byte(payload))
	message := append([]byte(sshMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Sum                       []byte
	}{sshNamespace, "", "sha512", sum[:]})...)
	blob := append([]byte(sshMagic), ssh.Marshal(struct {
		Version                   uint32
		Key                       []byte
		Namespace, Reserved, Hash string
		Signature                 []byte
	}{1, wire, sshNamespace, "", "sha512", sign(message)})...)
	text := base64.StdEncoding.EncodeToString(blob)
	var b strings.Builder
	b.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	for len(text) > 70 {
		b.WriteString(text[:70] + "\n")
		text = text[70:]
	}
	b.WriteString(text + "\n-----END SSH SIGNATURE-----\n")
	return b.String()
}
