package integrity

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// trustText is a trust file of a version; each pair of edits replaces a text.
func (p people) trustText(version int, edits ...string) string {
	text := fmt.Sprintf(`version: %d
repository: github.com/acme/fleet
identities:
- name: alice
  emails: [alice@example.com]
  keys: [{ssh: "%s"}]
  roles: [admin]
- name: bob
  emails: [bob@example.com]
  keys: [{ssh: "%s"}]
  roles: [dev]
- name: carol
  emails: [carol@example.com]
  keys: [{ssh: "%s"}]
  roles: [admin]
- name: forge-key
  emails: [forge@example.com]
  keys: [{ssh: "%s"}]
  roles: [forge]
- name: renovate
  emails: [bot@example.com]
  keys: [{ssh: "%s"}]
  roles: [bot]
  bot: {paths: [apps/**], fields: [image]}
refs:
- match: refs/heads/main
  acknowledge: {of: admin, count: 1}
paths:
- match: [.holdfast/**, .github/**, CODEOWNERS]
  who: [admin]
  approvals: 1
`, version, p["alice"].Public, p["bob"].Public, p["carol"].Public, p["forge"].Public, p["bot"].Public)
	for i := 0; i+1 < len(edits); i += 2 {
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

// withTrust gives a lab a trust file that has been accepted.
func withTrust(t testing.TB, keys people, edits ...string) *lab {
	l := newLab(t, keys)
	l.accepted = l.as("alice").Commit("trust", map[string]string{
		trust.Path: keys.trustText(1, edits...), "apps/web/deploy.yaml": "kind: Deployment # held\nimage: web:1\nrunAsRoot: false\n",
	})
	l.trust.Ref = "refs/heads/main"
	return l
}

// statements are approvals and acknowledgements by commit.
type statements struct {
	approved, acknowledged map[string][]string
	err                    error
}

func (s *statements) Approvers(_ context.Context, q Question) (Said, error) {
	return Said{By: signersNamed(s.approved[q.To])}, s.err
}

func (s *statements) Acknowledgers(_ context.Context, q Question) (Said, error) {
	return Said{By: signersNamed(s.acknowledged[q.To])}, s.err
}

func signersNamed(names []string) (out []Signer) {
	for _, n := range names {
		out = append(out, Signer{Identity: n + "@example.com", Key: "SHA256:of " + n, emails: []string{n + "@example.com"}})
	}
	return out
}

// approve lets the last commit be approved by statements.
func (l *lab) approve(names ...string) {
	l.trust.Approvals = &statements{approved: map[string][]string{l.Head(): names}}
}

func (l *lab) trustFile(edits ...string) map[string]string {
	return map[string]string{trust.Path: l.keys.trustText(2, edits...)}
}

func TestTrustFile(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot", "mallory", "dave")
	newKey := `  keys: [{ssh: "` + keys["mallory"].Public + `"}]`
	bobsKeys := `  keys: [{ssh: "` + keys["bob"].Public + `"}]`
	bobsTwo := `  keys: [{ssh: "` + keys["bob"].Public + `", validUntil: 2020-01-01}, {ssh: "` + keys["mallory"].Public + `"}]`
	aliceTwo := []string{`  keys: [{ssh: "` + keys["alice"].Public + `"}]`, `  keys: [{ssh: "` + keys["alice"].Public + `"}, {ssh: "` + keys["dave"].Public + `"}]`}
	side := func(l *lab, author string, files map[string]string, merger string) {
		l.Checkout("side")
		l.as(author).Commit("change", files)
		l.Checkout("main")
		l.as(merger).Merge("merge", "side")
	}
	for _, c := range []struct {
		row, reason string
		edits       []string // of the accepted trust file
		do          func(l *lab)
		want        Decision
		codes       []Code
	}{
		{"P01", "what no rule guards, every identity may change", nil,
			func(l *lab) { l.as("bob").edit("x") }, Allow, nil},
		{"A03", "a known author signs for themselves", nil,
			func(l *lab) { l.as("bob").authored("alice") }, Deny, []Code{IDAuthor}},
		{"A03b", "an applier may commit it, and somebody should look", []string{"[dev]", "[applier]"},
			func(l *lab) { l.as("bob").authored("alice") }, Warn, []Code{IDAuthor}},
		{"P06", "an applier commits what outsiders send", []string{"[dev]", "[applier]"},
			func(l *lab) { l.as("bob").authored("outsider") }, Allow, nil},
		{"A24", "trailers approve nothing", nil,
			func(l *lab) {
				l.as("alice").Commit("x\n\nReviewed-by: carol <carol@example.com>", map[string]string{"CODEOWNERS": "* @alice\n"})
			}, Deny, []Code{AuthzThreshold}},
		{"A25", "a forge signs no content", nil,
			func(l *lab) { l.as("forge").edit("x") }, Deny, []Code{AuthzForge}},
		{"A25b", "a forge merges", nil,
			func(l *lab) { side(l, "bob", map[string]string{"x": "1"}, "forge") }, Allow, nil},
		{"A25c", "a forge's merge approves nothing", nil,
			func(l *lab) { side(l, "alice", map[string]string{"CODEOWNERS": "1"}, "forge") }, Deny, []Code{AuthzThreshold}},
		{"P07", "a forge squashes what was approved", nil,
			func(l *lab) { l.as("forge").edit("x"); l.approve("alice") }, Allow, nil},
		{"C16", "the forge approves nothing for itself", nil,
			func(l *lab) { l.as("forge").edit("x"); l.approve("forge") }, Deny, []Code{AuthzForge}},
		{"B01", "a stranger grants themselves a key", nil,
			func(l *lab) {
				l.as("mallory").Commit("x", l.trustFile("- name: bob", "- name: mallory\n  emails: [mallory@example.com]\n"+newKey+"\n- name: bob"))
			}, Deny, []Code{KeyUnknown, TrustSelfgrant}},
		{"B01b", "a colleague makes themselves an admin", nil,
			func(l *lab) { l.as("bob").Commit("x", l.trustFile("[dev]", "[admin]")) }, Deny, []Code{AuthzPath, TrustShrink, TrustSelfgrant}},
		{"B02", "grant, use and restore in one push", nil,
			func(l *lab) {
				l.as("bob").Commit("x", l.trustFile("- name: bob", "- name: mallory\n  emails: [mallory@example.com]\n"+newKey+"\n- name: bob"))
				l.as("mallory").edit("evil")
				l.as("bob").Commit("restore", map[string]string{trust.Path: keys.trustText(1)})
			}, Deny, []Code{AuthzPath, KeyUnknown, PolicyInvalid, TrustSelfgrant, TrustShrink}},
		{"B04", "a colleague locks another out", nil,
			func(l *lab) { l.as("bob").Commit("x", l.trustFile("- name: alice", "- name: alicia")) }, Deny, []Code{AuthzPath, TrustSelfgrant, TrustShrink}},
		{"B04b", "with a quorum it is held", nil,
			func(l *lab) {
				l.as("alice").Commit("x", l.trustFile("- name: bob\n  emails: [bob@example.com]\n"+bobsKeys+"\n  roles: [dev]\n", ""))
				l.approve("carol")
			}, Hold, []Code{TrustShrink}},
		{"B05", "a colleague lowers a threshold", nil,
			func(l *lab) { l.as("bob").Commit("x", l.trustFile("approvals: 1", "approvals: 0")) }, Deny, []Code{AuthzPath, TrustShrink}},
		{"B06", "a file that cannot be read", nil,
			func(l *lab) {
				l.as("alice").Commit("x", l.trustFile("version: 2", "version: 2\nversion: 3"))
				l.approve("carol")
			}, Deny, []Code{PolicyInvalid}},
		{"B08", "a link to a file outside", nil,
			func(l *lab) {
				l.as("alice").Write(map[string]string{"apps/trust.yaml": keys.trustText(2)})
				l.Remove(trust.Path)
				l.Symlink(trust.Path, "../apps/trust.yaml")
				l.Commit("x", nil)
				l.approve("carol")
			}, Deny, []Code{PolicyInvalid}},
		{"B11", "no trust file is not everybody's", nil,
			func(l *lab) {
				l.as("alice").Remove(".holdfast")
				l.Commit("x", nil)
				l.approve("carol")
			}, Deny, []Code{PolicyInvalid, SafeguardRemoved}},
		{"B11b", "back to the list alone", nil,
			func(l *lab) {
				l.as("alice").Remove(trust.Path)
				l.Commit("x", nil)
				l.approve("carol")
			}, Deny, []Code{PolicyInvalid, SafeguardRemoved}},
		{"B12", "a waiver by who may not", nil,
			func(l *lab) { l.as("bob").Commit("x", map[string]string{".holdfast/waivers.yaml": "waivers: []\n"}) }, Deny, []Code{AuthzPath}},
		{"B14", "a baseline by who may not", nil,
			func(l *lab) { l.as("bob").Commit("x", map[string]string{".holdfast/baseline.json": "{}"}) }, Deny, []Code{AuthzPath}},
		{"B21", "one person with two keys is one", aliceTwo,
			func(l *lab) {
				l.Checkout("side")
				l.as("alice").Commit("change", map[string]string{"CODEOWNERS": "1"})
				l.Checkout("main")
				l.as("alice").with("dave").Merge("merge", "side")
			}, Deny, []Code{AuthzThreshold}},
		{"X01", "a merge by another approves", nil,
			func(l *lab) { side(l, "alice", map[string]string{"CODEOWNERS": "1"}, "carol") }, Allow, nil},
		{"X02", "a merge by who may not approves nothing", nil,
			func(l *lab) { side(l, "alice", map[string]string{"CODEOWNERS": "1"}, "bob") }, Deny, []Code{AuthzThreshold}},
		{"X03", "those who may approve what others wrote", nil,
			func(l *lab) { side(l, "bob", map[string]string{"CODEOWNERS": "1"}, "carol") }, Allow, nil},
		{"X04", "the same version with another content", nil,
			func(l *lab) {
				l.as("alice").Commit("x", map[string]string{trust.Path: keys.trustText(1) + "# more\n"})
				l.approve("carol")
			}, Deny, []Code{PolicyInvalid}},
		{"X05", "another repository's file", nil,
			func(l *lab) { l.as("alice").Commit("x", l.trustFile("acme/fleet", "acme/other")); l.approve("carol") }, Deny, []Code{PolicyInvalid}},
		{"X06", "a root that is not in the history", nil,
			func(l *lab) {
				l.as("alice").Commit("x", l.trustFile("identities:", "roots: ["+strings.Repeat("1", 40)+"]\nidentities:"))
				l.approve("carol")
			}, Hold, []Code{HistRewrite}},
		{"X07", "a key of the list that is nobody's by the trust file", nil,
			func(l *lab) {
				l.as("alice").Commit("x", map[string]string{DefaultSignersPath: keys.allowed() + "dave@example.com " + keys["dave"].Public + "\n"})
				approved := l.Head()
				l.as("dave").edit("x")
				l.trust.Approvals = &statements{approved: map[string][]string{approved: {"carol"}}}
			}, Deny, []Code{KeyUnknown}},
		{"X08", "a commit before the key was revoked in its past", nil,
			func(l *lab) {
				l.Checkout("side")
				l.as("bob").edit("old work")
				l.Checkout("main")
				revoked := l.as("alice").Commit("revoke", l.trustFile("\npaths:", "\nrevocations: [{key: \""+keys["bob"].Fingerprint+"\", reason: stolen}]\npaths:"))
				l.Merge("merge", "side")
				l.trust.Approvals = &statements{approved: map[string][]string{revoked: {"carol"}}}
			}, Deny, []Code{KeyRevoked}},
		{"X09", "a shrink that was acknowledged", nil,
			func(l *lab) {
				id := l.as("alice").Commit("x", l.trustFile("- name: bob\n  emails: [bob@example.com]\n"+bobsKeys+"\n  roles: [dev]\n", ""))
				l.trust.Approvals = &statements{approved: map[string][]string{id: {"carol"}}, acknowledged: map[string][]string{id: {"carol"}}}
			}, Warn, []Code{TrustShrink}},
		{"X10", "nobody acknowledges what they did themselves", nil,
			func(l *lab) {
				id := l.as("alice").Commit("x", l.trustFile("- name: bob\n  emails: [bob@example.com]\n"+bobsKeys+"\n  roles: [dev]\n", ""))
				l.trust.Approvals = &statements{approved: map[string][]string{id: {"carol"}}, acknowledged: map[string][]string{id: {"alice", "bob"}}}
			}, Hold, []Code{TrustShrink}},
		{"X11", "statements that cannot be read are no statements", nil,
			func(l *lab) {
				l.as("alice").Commit("x", map[string]string{"CODEOWNERS": "1"})
				l.trust.Approvals = &statements{err: context.DeadlineExceeded}
			}, Hold, []Code{Unverified}},
		{"X12", "more commits than the trust file allows", []string{"refs:", "limits: {commits: 1}\nrefs:"},
			func(l *lab) { l.as("bob").edit("x"); l.edit("y") }, Hold, []Code{HistLimit}},
		{"X13", "a grant on a side branch counts from the merge on", nil,
			func(l *lab) {
				l.Checkout("side")
				grant := l.as("alice").Commit("x", l.trustFile("- name: bob", "- name: mallory\n  emails: [mallory@example.com]\n"+newKey+"\n- name: bob"))
				l.as("mallory").edit("evil")
				l.Checkout("main")
				l.as("alice").Merge("merge", "side")
				l.trust.Approvals = &statements{approved: map[string][]string{grant: {"carol"}}}
			}, Deny, []Code{KeyUnknown}},
		{"P04", "a quorum rotates a key", nil,
			func(l *lab) {
				rotated := l.as("alice").Commit("rotate", l.trustFile(bobsKeys, bobsTwo))
				l.as("bob").with("mallory").edit("new")
				l.trust.Approvals = &statements{approved: map[string][]string{rotated: {"carol"}}}
			}, Allow, nil},
		{"P04b", "the old key has ended", nil,
			func(l *lab) {
				rotated := l.as("alice").Commit("rotate", l.trustFile(bobsKeys, bobsTwo))
				l.as("bob").edit("old")
				l.trust.Approvals = &statements{approved: map[string][]string{rotated: {"carol"}}}
			}, Deny, []Code{KeyExpired}},
		{"P09", "a bot changes an image", nil,
			func(l *lab) {
				l.as("bot").Commit("x", map[string]string{"apps/web/deploy.yaml": "kind: Deployment # held\nimage: web:2\nrunAsRoot: false\n"})
			}, Allow, nil},
		{"P09b", "and nothing beside it", nil,
			func(l *lab) {
				l.as("bot").Commit("x", map[string]string{"apps/web/deploy.yaml": "kind: Deployment # held\nimage: web:2\nrunAsRoot: true\n"})
			}, Deny, []Code{AuthzPath}},
		{"P09c", "not even a comment", nil,
			func(l *lab) {
				l.as("bot").Commit("x", map[string]string{"apps/web/deploy.yaml": "kind: Deployment # holdfast:ignore\nimage: web:2\nrunAsRoot: false\n"})
			}, Deny, []Code{AuthzPath}},
		{"P09d", "nor another file", nil,
			func(l *lab) { l.as("bot").Commit("x", map[string]string{"apps/web/new.yaml": "image: web:2\n"}) }, Deny, []Code{AuthzPath}},
		{"P09e", "nor the kind of a file", nil,
			func(l *lab) {
				l.as("bot").Remove("apps/web/deploy.yaml")
				l.Symlink("apps/web/deploy.yaml", "svc.yaml")
				l.Commit("x", nil)
			}, Deny, []Code{AuthzPath}},
		{"P16", "a change of the trust file counts from the next commit on", nil,
			func(l *lab) {
				id := l.as("alice").Commit("x", l.trustFile("- match: [.holdfast/**", "- match: [apps/**]\n  who: [alice]\n- match: [.holdfast/**"))
				l.as("alice").edit("x")
				l.trust.Approvals = &statements{approved: map[string][]string{id: {"carol"}}}
			}, Allow, nil},
		{"P16b", "and does so", nil,
			func(l *lab) {
				id := l.as("alice").Commit("x", l.trustFile("- match: [.holdfast/**", "- match: [apps/**]\n  who: [alice]\n- match: [.holdfast/**"))
				l.as("bob").edit("x")
				l.trust.Approvals = &statements{approved: map[string][]string{id: {"carol"}}}
			}, Deny, []Code{AuthzPath}},
	} {
		t.Run(c.row+" "+c.reason, func(t *testing.T) {
			l := withTrust(t, keys, c.edits...)
			c.do(l)
			r := l.check()
			slices.Sort(c.codes)
			if got := codes(r.Problems); r.Decision != c.want || !slices.Equal(got, c.codes) {
				t.Errorf("%s %v; want %s %v\n%v", r.Decision, got, c.want, c.codes, r.Problems)
			}
			if c.row == "P06" && !r.Verified[len(r.Verified)-1].AuthorUnverified {
				t.Error("the author counts as verified")
			}
		})
	}
}

// authored commits a change that another is said to have written.
func (l *lab) authored(author string) {
	l.Write(map[string]string{"x": "1"})
	l.Git("add", "--all")
	l.Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+l.Key.PrivateFile(), "commit", "-q", "-S", "-m", "x", "--author="+author+" <"+author+"@example.com>")
}

func TestTrustRevokedSince(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	from := "2027-01-01"
	l := withTrust(t, keys, "refs:", `revocations: [{key: "`+keys["bob"].Fingerprint+`", from: `+from+`, reason: stolen}]`+"\nrefs:")
	l.as("bob").edit("x")
	l.seen = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	if r := l.check(); r.Decision != Allow {
		t.Errorf("seen before the theft: %v", r.Problems)
	}
	l.seen = time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	if r := l.check(); r.Decision != Deny || !slices.Equal(codes(r.Problems), []Code{KeyRevoked}) {
		t.Errorf("seen after the theft: %v", r.Problems)
	}
}

func TestBootstrapTrust(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "trust.yaml"), []byte(keys.trustText(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	signers, err := LoadSigners(tree, "allowed_signers", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	l := newLab(t, keys)
	l.accepted, l.trust = "", Trust{Bootstrap: signers}
	l.trust.Approvals = &statements{}
	// The first commit of a lab writes the list, which takes an approval.
	if r := l.check(); r.Decision != Deny || !slices.Contains(codes(r.Problems), AuthzThreshold) {
		t.Errorf("%s %v", r.Decision, r.Problems)
	}
	root := l.Git("rev-list", "--max-parents=0", "HEAD")
	l.trust.Approvals = &statements{approved: map[string][]string{root: {"carol"}}}
	if r := l.check(); r.Decision != Deny || !slices.Contains(codes(r.Problems), PolicyInvalid) {
		t.Errorf("a repository whose first list lacks the trust file: %s %v", r.Decision, r.Problems)
	}
	if _, err := Check(l.ctx, l.history, Trust{}, "", l.Head(), nil); !errors.Is(err, ErrNoAnchor) {
		t.Errorf("trust on first use: %v", err)
	}
}

func TestTrustTags(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	l := withTrust(t, keys, "refs:", "refs:\n- match: refs/tags/v*\n  who: [alice]")
	l.fetch()
	for _, c := range []struct {
		who, tag string
		want     []Code
	}{
		{"alice", "v1.1", nil},
		{"carol", "v1.2", []Code{AuthzPath}},
		{"carol", "nightly", nil},
		{"forge", "nightly-2", []Code{AuthzPath}},
	} {
		l.as(c.who).Tag(c.tag, "HEAD", "release")
		if got := codes(l.verifyTag(c.tag)); !slices.Equal(got, c.want) {
			t.Errorf("%s by %s: %v; want %v", c.tag, c.who, got, c.want)
		}
	}
}
