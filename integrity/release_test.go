package integrity

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/trust"
)

const quorumOfTwo = "acknowledge: {of: admin, count: 2}"

// threeAdmins is a trust file by which two of three have to agree.
var threeAdmins = []string{"acknowledge: {of: admin, count: 1}", quorumOfTwo, "[dev]", "[admin]"}

// rewrite drops the service that bob added and adds something of bob's own.
func (l *lab) rewrite() {
	l.Reset(l.Git("rev-parse", "HEAD~1"))
	l.as("bob").Commit("tidy", map[string]string{"notes.md": "x\n"})
}

func TestRewriteIsReleased(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot", "dave", "mallory")
	withDave := append(slices.Clone(threeAdmins), "- name: forge-key", "- name: dave\n  emails: [dave@example.com]\n  keys: [{ssh: \""+keys["dave"].Public+"\"}]\n  roles: [admin]\n- name: forge-key")
	lastOf := func(l *lab, name string) string { // an accepted commit on top, which a rewrite may drop
		l.accepted = l.as(name).edit(name + " was here")
		return l.accepted
	}
	for _, c := range []struct {
		row, reason string
		edits       []string
		do          func(l *lab)
		want        Decision
		codes       []Code
		says        string
	}{
		{"P08", "two of three agree", withDave,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				l.publish(l.sign("alice", l.acknowledgement()), l.sign("carol", l.acknowledgement()))
			}, Warn, []Code{HistRewrite}, `acknowledged by alice, carol: "a secret was purged"`},
		{"P08b", "one of them does not suffice", withDave,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Hold, []Code{HistRewrite}, "2 of admin who did not make it have to agree, and 1 did (carol): holdfast ack refs/heads/main "},
		{"C01", "who made it does not count", withDave,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				l.publish(l.sign("bob", l.acknowledgement()), l.sign("carol", l.acknowledgement()))
			}, Hold, []Code{HistRewrite}, "and 1 did (carol)"},
		{"C01b", "nobody has said anything", withDave,
			func(l *lab) { lastOf(l, "alice"); l.rewrite() }, Hold, []Code{HistRewrite}, `"alice was here" (gone)`},
		{"B21", "one person with two keys", []string{`  keys: [{ssh: "` + keys["carol"].Public + `"}]`, `  keys: [{ssh: "` + keys["carol"].Public + `"}, {ssh: "` + keys["dave"].Public + `"}]`,
			"acknowledge: {of: admin, count: 1}", quorumOfTwo},
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				l.publish(l.sign("carol", l.acknowledgement()), l.sign("dave", l.acknowledgement()))
			}, Hold, []Code{HistRewrite}, "and 1 did (carol)"},
		{"B23", "an acknowledgement of another rewrite", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				s := l.acknowledgement()
				l.as("bob").edit("more")
				l.publish(l.sign("carol", s))
			}, Hold, []Code{HistRewrite}, "is about the way from"},
		{"B23b", "of another branch", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				s := l.acknowledgement()
				s.Ref = "refs/heads/dev"
				l.publish(l.sign("carol", s))
			}, Hold, []Code{HistRewrite}, `is for "refs/heads/dev"`},
		{"B23c", "of another repository", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				s := l.acknowledgement()
				s.Repository = "x"
				l.publish(l.sign("carol", s))
			}, Hold, []Code{HistRewrite}, "is for the repository"},
		{"E01", "one that has ended", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				s := l.acknowledgement()
				s.Expires = l.seen.Add(-time.Minute)
				l.publish(l.sign("carol", s))
			}, Hold, []Code{HistRewrite}, "ended at"},
		{"N01", "an approval is none", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				text := l.acknowledgement().Text()
				l.publish(string(text) + string(keys["carol"].SignSSH(t, Approval.Namespace(), text)))
			}, Hold, []Code{HistRewrite}, `namespace "holdfast-approval"`},
		{"N02", "who becomes an admin by the rewrite has no say in it", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.as("alice").Commit("x", l.trustFile("- name: bob", "- name: mallory\n  emails: [mallory@example.com]\n  keys: [{ssh: \""+keys["mallory"].Public+"\"}]\n  roles: [admin]\n- name: bob"))
				l.publish(l.sign("mallory", l.acknowledgement()))
			}, Hold, []Code{HistRewrite}, "which is not in"},
		{"N03", "no rewrite is allowed at all", []string{"acknowledge: {of: admin, count: 1}", "rewrite: deny"},
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				l.publish(l.sign("alice", l.acknowledgement()), l.sign("carol", l.acknowledgement()))
			}, Deny, []Code{HistRewrite}, "allows no rewrite"},
		{"N04", "the new commits are verified all the same", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.as("bob").unsigned().edit("hidden")
				l.as("bob").edit("y")
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Deny, []Code{HistRewrite, SigMissing}, "acknowledged by carol"},
		{"N05", "rights are those of what was accepted", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.as("bob").Commit("x", map[string]string{"CODEOWNERS": "* @bob\n"})
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Deny, []Code{AuthzPath, HistRewrite}, ""},
		{"N06", "whoever was removed does not come back", nil,
			func(l *lab) {
				l.accepted = l.as("alice").Commit("bob leaves", l.trustFile("- name: bob\n  emails: [bob@example.com]\n  keys: [{ssh: \""+keys["bob"].Public+"\"}]\n  roles: [dev]\n", ""))
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.as("alice").edit("y")
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Hold, []Code{HistRewrite, TrustShrink}, "the rewrite changes whom to trust"},
		{"N06b", "nor signs anything in between", nil,
			func(l *lab) {
				l.accepted = l.as("alice").Commit("bob leaves", l.trustFile("- name: bob\n  emails: [bob@example.com]\n  keys: [{ssh: \""+keys["bob"].Public+"\"}]\n  roles: [dev]\n", ""))
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.as("bob").edit("y")
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Deny, []Code{HistRewrite, KeyUnknown, TrustShrink}, ""},
		{"C02", "going back is released as well", withDave,
			func(l *lab) {
				lastOf(l, "bob")
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.publish(l.sign("alice", l.acknowledgement()), l.sign("carol", l.acknowledgement()))
			}, Warn, []Code{RefRollback}, "acknowledged by alice, carol"},
		{"C02b", "but not to an older trust file", nil,
			func(l *lab) {
				l.accepted = l.as("alice").Commit("x", l.trustFile("[dev]", "[admin]"))
				l.Reset(l.Git("rev-parse", "HEAD~1"))
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Hold, []Code{RefRollback, TrustShrink}, ""},
		{"C05", "and another branch in its place", nil,
			func(l *lab) {
				lastOf(l, "alice")
				l.rewrite()
				l.trust.Branches = map[string]string{"refs/heads/feature": l.Head()}
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Warn, []Code{RefTeleport}, ""},
		{"C14", "a history without a beginning in common is verified whole", []string{"  approvals: 1\n", "  approvals: 0\n"},
			func(l *lab) {
				l.as("alice").Git("checkout", "-q", "--orphan", "new")
				l.Commit("all", nil)
				tip := l.Head()
				l.Git("checkout", "-q", "main")
				l.Reset(tip)
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Warn, []Code{HistRewrite}, "both hold the same files"},
		{"C14b", "and refused if one of it is not signed", []string{"  approvals: 1\n", "  approvals: 0\n"},
			func(l *lab) {
				l.as("alice").Git("checkout", "-q", "--orphan", "new")
				l.unsigned().Commit("all", nil)
				l.as("alice").edit("on top")
				tip := l.Head()
				l.Git("checkout", "-q", "main")
				l.Reset(tip)
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Deny, []Code{HistRewrite, SigMissing}, ""},
		{"C14c", "not without the roots that the trust file names", []string{"  approvals: 1\n", "  approvals: 0\n", "identities:", "roots: [ROOT]\nidentities:"},
			func(l *lab) {
				l.as("alice").Git("checkout", "-q", "--orphan", "new")
				l.Commit("all", nil)
				tip := l.Head()
				l.Git("checkout", "-q", "main")
				l.Reset(tip)
				l.publish(l.sign("carol", l.acknowledgement()))
			}, Hold, []Code{HistRewrite}, "which .holdfast/trust.yaml names, is not part of the history"},
		{"C03", "an amended message is acknowledged by the trust file", []string{quorumOf1, quorumOf1 + "\n  autoAcknowledge: 10m"},
			func(l *lab) { lastOf(l, "bob"); l.as("bob").Amend("better words") }, Warn, []Code{HistRewrite}, `acknowledged by bob: "the same content, by the same signer, within 10m0s"`},
		{"C03b", "but not of somebody else's", []string{quorumOf1, quorumOf1 + "\n  autoAcknowledge: 10m"},
			func(l *lab) {
				lastOf(l, "bob")
				l.as("alice").Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+keys["alice"].PrivateFile(), "commit", "-q", "-S", "--amend", "--reset-author", "-m", "better words")
			}, Hold, []Code{HistRewrite}, ""},
		{"C03c", "nor other content", []string{quorumOf1, quorumOf1 + "\n  autoAcknowledge: 10m"},
			func(l *lab) {
				lastOf(l, "bob")
				l.as("bob").Write(map[string]string{"more": "x"})
				l.Git("add", "--all")
				l.Amend("better words")
			}, Hold, []Code{HistRewrite}, "(gone)"},
		{"C03d", "nor without the rule", nil,
			func(l *lab) { lastOf(l, "bob"); l.as("bob").Amend("better words") }, Hold, []Code{HistRewrite}, `(unchanged, as `},
		{"C03e", "nor two commits at once", []string{quorumOf1, quorumOf1 + "\n  autoAcknowledge: 10m"},
			func(l *lab) {
				lastOf(l, "bob")
				lastOf(l, "bob")
				l.Git("reset", "-q", "--soft", "HEAD~2")
				l.as("bob").Commit("both", nil)
			}, Hold, []Code{HistRewrite}, ""},
	} {
		t.Run(c.row+" "+c.reason, func(t *testing.T) {
			l := withTrust(t, keys, c.edits...)
			if strings.Contains(strings.Join(c.edits, ""), "ROOT") {
				text := strings.Replace(l.Git("show", "HEAD:"+trust.Path), "ROOT", l.Git("rev-list", "--max-parents=0", "HEAD"), 1)
				l.Write(map[string]string{trust.Path: text + "\n"})
				l.Git("add", "--all")
				l.accepted = l.Repo.Amend("trust")
			}
			l.seen = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
			l.fetch()
			c.do(l)
			l.Git("update-ref", "refs/heads/kept", l.accepted) // as the mirror keeps it
			if _, err := l.mirror.Fetch(l.ctx, "refs/heads/kept"); err != nil {
				t.Fatal(err)
			}
			before := l.accepted
			r := l.judge()
			slices.Sort(c.codes)
			if got := codes(r.Problems); r.Decision != c.want || !slices.Equal(got, c.codes) {
				t.Errorf("%s %v; want %s %v\n%v", r.Decision, got, c.want, c.codes, r.Problems)
			}
			if !r.Decision.Passes() && r.Accepted != before {
				t.Errorf("accepted %s though it does not pass", r.Accepted)
			}
			if c.says != "" && !strings.Contains(fmt.Sprint(r.Problems), c.says) {
				t.Errorf("it does not say %q:\n%v", c.says, r.Problems)
			}
		})
	}
}

const quorumOf1 = "acknowledge: {of: admin, count: 1}"

// The time within which somebody may replace their own commit begins when the commit
// was seen; what nobody knows is no time.
func TestReplacedInTime(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	l := withTrust(t, keys, quorumOf1, quorumOf1+"\n  autoAcknowledge: 10m")
	l.accepted = l.as("bob").edit("x")
	l.fetch()
	l.Amend("better words")
	l.fetch()
	tip := l.Head()
	for _, c := range []struct {
		reason string
		after  time.Duration
		want   Decision
	}{
		{"in time", 10 * time.Minute, Warn},
		{"too late", 10*time.Minute + time.Second, Hold},
	} {
		r, err := Check(l.ctx, l.history, l.trust, l.accepted, tip, func(id string) time.Time {
			if id == tip {
				return l.seen.Add(c.after)
			}
			return l.seen
		})
		if err != nil || r.Decision != c.want {
			t.Errorf("%s: %s %v %v", c.reason, r.Decision, r.Problems, err)
		}
	}
	if r, err := Check(l.ctx, l.history, l.trust, l.accepted, tip, nil); err != nil || r.Decision != Hold {
		t.Errorf("nobody knows when: %s %v %v", r.Decision, r.Problems, err)
	}
}

// What was logged as accepted is missed, also by who has forgotten it.
func TestLoggedAncestors(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	l := withTrust(t, keys)
	checkpoint := l.Head()
	var logged []string
	for i := range 4 {
		logged = append(logged, l.as("bob").edit(fmt.Sprint("x", i)))
	}
	l.fetch()
	l.accepted = logged[0] // a state that is older than the log
	l.trust.Logged = []string{checkpoint, logged[1], logged[3], logged[2]}
	if r := l.check(); r.Decision != Allow {
		t.Fatalf("nothing was rewritten: %s %v", r.Decision, r.Problems)
	}
	l.Reset(logged[1])
	l.as("bob").edit("instead")
	r := l.check()
	if r.Decision != Hold || !slices.Equal(codes(r.Problems), []Code{HistRewrite}) || r.Rewrite.Old != logged[3] || len(r.Rewrite.Lost) != 2 {
		t.Errorf("C20: above the checkpoint: %s %v %+v", r.Decision, r.Problems, r.Rewrite)
	}
	l.trust.Ref = ""
	l.Reset(checkpoint)
	for i := range 4 {
		l.as("bob").Commit(fmt.Sprint("x", i), map[string]string{"apps/web/svc.yaml": fmt.Sprintf("kind: Service\nname: x%d # \n", i)})
	}
	l.accepted = checkpoint
	if r := l.check(); r.Decision != Hold || !slices.Equal(codes(r.Problems), []Code{HistRewrite}) || r.Rewrite.Old != logged[3] {
		t.Errorf("C20: below: %s %v", r.Decision, r.Problems)
	}
	for _, root := range []string{l.trust.Root, l.Head()} { // a state that is lost, and a root that was pinned since
		l.trust.Root, l.accepted = root, ""
		if r := l.check(); r.Decision != Hold || !slices.Equal(codes(r.Problems), []Code{HistRewrite}) || r.Accepted != "" {
			t.Errorf("C20: without a state: %s %v", r.Decision, r.Problems)
		}
	}
	l.trust.Logged = nil
	l.accepted = logged[3]
	if r := l.check(); r.Decision != Hold || !slices.Equal(codes(r.Problems), []Code{HistRewrite}) {
		t.Errorf("C20: by the last one alone: %s %v", r.Decision, r.Problems)
	}
	if r := l.check(); len(r.Rewrite.Lost) != 4 || r.Rewrite.Lost[0].Fate != Altered {
		t.Errorf("%+v", r.Rewrite)
	}
}

// C04: a rebase is told commit by commit.
func TestRangeDiff(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	l := withTrust(t, keys)
	base := l.Head()
	text := func(middle string) string {
		return strings.Repeat("a\n", 5) + middle + strings.Repeat("b\n", 5)
	}
	l.as("bob").Commit("long", map[string]string{"long.txt": text("")})
	first := l.as("bob").Commit("first", map[string]string{"long.txt": text("one\n")})
	dropped := l.as("alice").Commit("SECURITY: fix", map[string]string{"fix.yaml": "x: 1\n"})
	changed := l.as("alice").Commit("second", map[string]string{"other.txt": "2\n"})
	binary := l.as("bob").Commit("third", map[string]string{"b.bin": "\x00\x01"})
	l.accepted = binary
	l.fetch()
	l.Reset(base)
	l.as("alice").Commit("something new", map[string]string{"new.txt": "n\n"})
	l.as("bob").Commit("long", map[string]string{"long.txt": "0\n0\n" + text("")})
	nowFirst := l.as("bob").Commit("other words", map[string]string{"long.txt": "0\n0\n" + text("one\n")})
	nowChanged := l.as("alice").Commit("second", map[string]string{"other.txt": "22\n"})
	nowBinary := l.as("bob").Commit("third", map[string]string{"b.bin": "\x00\x01"})
	r := l.check()
	got := map[string]Lost{}
	for _, lost := range r.Rewrite.Lost {
		got[lost.Commit] = lost
	}
	for _, want := range []Lost{
		{first, "first", Unchanged, nowFirst}, {dropped, "SECURITY: fix", Gone, ""},
		{changed, "second", Altered, nowChanged}, {binary, "third", Unchanged, nowBinary},
	} {
		if got[want.Commit] != want {
			t.Errorf("%+v; want %+v", got[want.Commit], want)
		}
	}
	if !strings.Contains(r.Problems[0].Message, fmt.Sprintf(`loses 5 commits: %s "SECURITY: fix" (gone), %s "second" (altered, as %s), `, short(dropped), short(changed), short(nowChanged))) {
		t.Errorf("%s", r.Problems[0].Message)
	}
}

// What cannot be found out about a rewrite is held, whoever has acknowledged it.
func TestReleaseIsTotal(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	for _, c := range []struct{ reason, object string }{
		{"the new tip", "HEAD"},
		{"its files", "HEAD^{tree}"},
		{"a new file", "HEAD:notes.md"},
		{"a commit in between", "HEAD~1"},
		{"the trust file that was in force", "refs/heads/kept:.holdfast/trust.yaml"},
		{"the files of what was accepted", "refs/heads/kept^{tree}"},
		{"a commit that is lost", "refs/heads/kept~1"},
		{"what was accepted", "refs/heads/kept"},
		{"the statements", StatementsRef},
		{"their list", StatementsRef + "^{tree}"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			l := withTrust(t, keys)
			l.as("alice").edit("first")
			l.accepted = l.as("alice").edit("second")
			l.Git("update-ref", "refs/heads/kept", l.accepted)
			l.Reset(l.Git("rev-parse", "HEAD~2"))
			l.as("bob").edit("other")
			l.as("bob").Commit("tidy", map[string]string{"notes.md": "x\n"})
			l.publish(l.sign("carol", l.acknowledgement()))
			ids, err := l.mirror.Fetch(l.ctx, "refs/heads/kept", "refs/heads/main", StatementsRef)
			if err != nil {
				t.Fatal(err)
			}
			l.trust.Approvals = NewStatements(l.mirror, ids[StatementsRef], func(string) time.Time { return l.seen })
			tip, seen := l.Head(), func(string) time.Time { return l.seen }
			if r, err := Check(l.ctx, l.mirror, l.trust, l.accepted, tip, seen); err != nil || r.Decision != Warn {
				t.Fatalf("nothing is missing: %s %v %v", r.Decision, r.Problems, err)
			}
			l.loosen()
			id := l.Git("rev-parse", c.object)
			if err := os.Remove(filepath.Join(l.dir, "objects", id[:2], id[2:])); err != nil {
				t.Fatal(err)
			}
			opts := git.Options{Dir: l.dir, URL: l.FileURL(), AllowProtocols: []string{"file"}}
			again, err := git.OpenMirror(l.ctx, opts) // which has read nothing yet
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.Close() }()
			l.trust.Approvals = NewStatements(again, ids[StatementsRef], seen)
			r, err := Check(l.ctx, again, l.trust, l.accepted, tip, seen)
			if err != nil || r.Decision != Hold || r.Accepted != l.accepted {
				t.Errorf("%s, accepted %s: %v %v", r.Decision, r.Accepted, r.Problems, err)
			}
		})
	}
}

// loosen makes a file of each object of the mirror.
func (l *lab) loosen() {
	l.t.Helper()
	packs, err := filepath.Glob(filepath.Join(l.dir, "objects/pack/*"))
	if err != nil {
		l.t.Fatal(err)
	}
	apart := l.t.TempDir()
	for _, pack := range packs {
		moved := filepath.Join(apart, filepath.Base(pack))
		if err := os.Rename(pack, moved); err != nil {
			l.t.Fatal(err)
		}
		if filepath.Ext(moved) != ".pack" {
			continue
		}
		content, err := os.ReadFile(moved)
		if err != nil {
			l.t.Fatal(err)
		}
		l.GitInput(content, "--git-dir="+l.dir, "unpack-objects", "-q")
	}
}
