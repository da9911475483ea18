package integrity

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/trust"
)

// sign makes a statement of somebody's, as it is kept.
func (l *lab) sign(key string, s Statement) string {
	l.t.Helper()
	return string(s.Text()) + string(l.keys[key].SignSSH(l.t, s.Kind.Namespace(), s.Text()))
}

// publish puts statements on the ref, beside those that are there.
func (l *lab) publish(blobs ...string) {
	l.t.Helper()
	var entries []string
	for _, blob := range blobs {
		id := l.GitInput([]byte(blob), "hash-object", "-w", "--stdin")
		entries = append(entries, "100644 blob "+id+"\t"+StatementName([]byte(blob)))
	}
	l.entries(entries...)
}

// entries puts what git ls-tree shows on the ref.
func (l *lab) entries(lines ...string) {
	l.t.Helper()
	if l.Git("for-each-ref", StatementsRef) != "" {
		lines = append(lines, strings.Split(l.Git("ls-tree", StatementsRef), "\n")...)
	}
	slices.Sort(lines)
	tree := l.GitInput([]byte(strings.Join(slices.Compact(lines), "\n")+"\n"), "mktree")
	l.SetRef(StatementsRef, l.Git("commit-tree", "-m", "statements", tree))
}

// judge checks the branch by what the ref says, as a mirror sees both.
func (l *lab) judge() Result {
	l.t.Helper()
	ids, err := l.mirror.Fetch(l.ctx, StatementsRef)
	if err != nil {
		l.t.Fatal(err)
	}
	l.trust.Approvals = NewStatements(l.mirror, ids[StatementsRef], func(string) time.Time { return l.seen })
	return l.check()
}

// approval is one of the last commit as it ought to be.
func (l *lab) approval() Statement {
	return Statement{
		Kind: Approval, Repository: "github.com/acme/fleet", Ref: "refs/heads/main",
		From: l.Git("rev-parse", "HEAD^"), Tree: l.Git("rev-parse", "HEAD^{tree}"), Trust: l.digest("HEAD^"),
		Made: l.seen.Add(-time.Hour), Expires: l.seen.Add(24 * time.Hour),
	}
}

// digest is that of the trust file of a commit.
func (l *lab) digest(commit string) string {
	policy, err := trust.Parse(trust.Path, []byte(l.Git("show", commit+":"+trust.Path)+"\n"))
	if err != nil {
		l.t.Fatal(err)
	}
	return policy.Digest()
}

func (l *lab) acknowledgement() Statement {
	return Statement{
		Kind: Acknowledgement, Repository: "github.com/acme/fleet", Ref: "refs/heads/main",
		Old: l.accepted, New: l.Head(), Reason: "a secret was purged",
		Made: l.seen.Add(-time.Hour), Expires: l.seen.Add(24 * time.Hour),
	}
}

func TestApprovals(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot", "mallory", "dave")
	aliceTwo := []string{`  keys: [{ssh: "` + keys["alice"].Public + `"}]`, `  keys: [{ssh: "` + keys["alice"].Public + `"}, {ssh: "` + keys["dave"].Public + `"}]`}
	guarded := map[string]string{"CODEOWNERS": "* @alice\n"}
	for _, c := range []struct {
		row, reason string
		edits       []string // of the trust file
		do          func(l *lab)
		want        Decision
		codes       []Code
		hint        string // a part of it
	}{
		{"P16", "another admin approves", nil,
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(l.sign("carol", l.approval())) }, Allow, nil, ""},
		{"P07", "a forge squashes what was approved", nil,
			func(l *lab) {
				l.as("forge").Commit("x", map[string]string{"x": "1"})
				l.publish(l.sign("alice", l.approval()))
			}, Allow, nil, ""},
		{"C16", "a forge squashes something else", nil,
			func(l *lab) {
				l.as("forge").Commit("x", map[string]string{"x": "1"})
				l.publish(l.sign("alice", l.approval()))
				l.Git("rm", "-q", "x")
				l.Write(map[string]string{"x": "2"})
				l.Git("add", "x")
				l.Amend("x")
			}, Deny, []Code{AuthzForge}, "other content"},
		{"C16b", "nobody has approved", nil,
			func(l *lab) { l.as("forge").Commit("x", map[string]string{"x": "1"}) }, Deny, []Code{AuthzForge}, ""},
		{"C16c", "the forge cannot approve", nil,
			func(l *lab) {
				l.as("forge").Commit("x", map[string]string{"x": "1"})
				l.publish(l.sign("forge", l.approval()))
			}, Deny, []Code{AuthzForge}, ""},
		{"X09", "what takes protection away is approved, and acknowledged", nil,
			func(l *lab) {
				l.as("alice").Commit("x", l.trustFile("roles: [dev]", "roles: [forge]", "approvals: 1", "approvals: 0"))
				s := l.acknowledgement()
				s.Old = l.Git("rev-parse", "HEAD^")
				l.publish(l.sign("carol", l.approval()), l.sign("carol", s))
			}, Warn, []Code{TrustShrink}, "acknowledged by carol"},
		{"X10", "not by who did it", nil,
			func(l *lab) {
				l.as("alice").Commit("x", l.trustFile("approvals: 1", "approvals: 0"))
				s := l.acknowledgement()
				s.Old = l.Git("rev-parse", "HEAD^")
				l.publish(l.sign("carol", l.approval()), l.sign("alice", s))
			}, Hold, []Code{TrustShrink}, "holdfast ack refs/heads/main "},
		{"A01", "nobody approves a change of their own", nil,
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(l.sign("alice", l.approval())) }, Deny, []Code{AuthzThreshold}, ""},
		{"A02", "nor does the author of what another one commits", []string{"[dev]", "[applier]", "who: [admin]\n  approvals: 1", "who: [bob, admin]\n  approvals: 1"},
			func(l *lab) {
				l.as("bob").Write(guarded)
				l.Git("add", "--all")
				l.Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+keys["bob"].PrivateFile(), "commit", "-q", "-S", "-m", "x", "--author=alice <alice@example.com>")
				l.publish(l.sign("alice", l.approval()))
			}, Deny, []Code{AuthzThreshold, IDAuthor}, ""},
		{"B21", "a second key is no second person", aliceTwo,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				l.publish(l.sign("dave", l.approval()), l.sign("alice", l.approval()))
			}, Deny, []Code{AuthzThreshold}, ""},
		{"B21b", "nor are two statements two persons", []string{"approvals: 1", "approvals: 2", "[dev]", "[admin]"},
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				later := l.approval()
				later.Made = later.Made.Add(time.Minute)
				l.publish(l.sign("carol", l.approval()), l.sign("carol", later))
			}, Deny, []Code{AuthzThreshold}, ""},
		{"B21c", "two persons are", []string{"approvals: 1", "approvals: 2", "[dev]", "[admin]"},
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				l.publish(l.sign("carol", l.approval()), l.sign("bob", l.approval()))
			}, Allow, nil, ""},
		{"B23", "for another branch", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.Ref = "refs/heads/dev"
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, `is for "refs/heads/dev"`},
		{"B23b", "for another repository", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.Repository = "github.com/acme/other"
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, `is for the repository "github.com/acme/other"`},
		{"B23c", "on another base", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.From = l.Git("rev-parse", "HEAD~2")
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, "is about a change of"},
		{"B24", "pushed after it was approved", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				l.publish(l.sign("carol", l.approval()))
				l.Write(map[string]string{"CODEOWNERS": "* @mallory\n"})
				l.Git("add", "--all")
				l.Amend("x")
			}, Deny, []Code{AuthzThreshold}, "is about other content"},
		{"B24b", "by an older trust file", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.Trust = strings.Repeat("0", 64)
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, "another trust file"},
		{"C18", "approved, and picked onto another base", nil,
			func(l *lab) {
				l.Checkout("side")
				id := l.as("alice").Commit("x", guarded)
				l.publish(l.sign("carol", l.approval()))
				l.Checkout("main")
				l.as("bob").edit("y")
				l.as("alice").Git("-c", "gpg.format=ssh", "-c", "user.signingKey="+keys["alice"].PrivateFile(), "cherry-pick", "-S", id)
			}, Deny, []Code{AuthzThreshold}, ""},
		{"E01", "expired", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.Made, s.Expires = l.seen.Add(-2*time.Hour), l.seen
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, "ended at"},
		{"E02", "made in the future, to last longer", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.Made, s.Expires = l.seen.Add(24*time.Hour), l.seen.Add(MaxValidity)
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, "yet to come"},
		{"E03", "valid for too long", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.approval()
				s.Expires = s.Made.Add(MaxValidity + time.Second)
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, "more than 90 days"},
		{"N01", "signed as if it were a commit", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				text := l.approval().Text()
				l.publish(string(text) + string(keys["carol"].SignSSH(t, "git", text)))
			}, Deny, []Code{AuthzThreshold}, `namespace "git"`},
		{"N02", "signed as if it were an acknowledgement", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				text := l.approval().Text()
				l.publish(string(text) + string(keys["carol"].SignSSH(t, "holdfast-ack", text)))
			}, Deny, []Code{AuthzThreshold}, `namespace "holdfast-ack"`},
		{"N03", "an acknowledgement is no approval", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				s := l.acknowledgement()
				l.publish(l.sign("carol", s))
			}, Deny, []Code{AuthzThreshold}, ""},
		{"N04", "the signature of another statement", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				other := l.approval()
				other.Ref = "refs/heads/dev"
				l.publish(string(l.approval().Text()) + string(keys["carol"].SignSSH(t, Approval.Namespace(), other.Text())))
			}, Deny, []Code{AuthzThreshold}, "does not match the content"},
		{"N05", "no signature", nil,
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(string(l.approval().Text())) }, Deny, []Code{AuthzThreshold}, "has no SSH signature"},
		{"N06", "a stranger", nil,
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(l.sign("mallory", l.approval())) }, Deny, []Code{AuthzThreshold}, "which is not in"},
		{"N07", "one who may not approve that path", nil,
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(l.sign("bob", l.approval())) }, Deny, []Code{AuthzThreshold}, ""},
		{"N08", "a revoked key", []string{"\npaths:", "\nrevocations: [{key: \"" + keys["carol"].Fingerprint + "\", reason: stolen}]\npaths:"},
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(l.sign("carol", l.approval())) }, Deny, []Code{AuthzThreshold}, "is revoked"},
		{"N09", "one who is trusted only by the change itself", nil,
			func(l *lab) {
				l.as("alice").Commit("x", l.trustFile("- name: bob", "- name: dave\n  emails: [dave@example.com]\n  keys: [{ssh: \""+keys["dave"].Public+"\"}]\n  roles: [admin]\n- name: bob"))
				l.publish(l.sign("dave", l.approval()))
			}, Deny, []Code{AuthzThreshold, TrustSelfgrant}, "which is not in"},
		{"N10", "malformed, with a byte after it", nil,
			func(l *lab) { l.as("alice").Commit("x", guarded); l.publish(l.sign("carol", l.approval()) + "\n") }, Deny, []Code{AuthzThreshold}, "more than one signature"},
		{"N11", "under the name of another one", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				id := l.GitInput([]byte(l.sign("carol", l.approval())), "hash-object", "-w", "--stdin")
				l.entries("100644 blob " + id + "\t" + strings.Repeat("a", 64))
			}, Deny, []Code{AuthzThreshold}, "another content than its name says"},
		{"P16c", "what is hostile beside it does not harm", nil,
			func(l *lab) {
				l.as("alice").Commit("x", guarded)
				id := l.GitInput([]byte("/etc/passwd"), "hash-object", "-w", "--stdin")
				l.publish(l.sign("carol", l.approval()), "\x00\xff nonsense", strings.Repeat("x", 1<<20))
				l.entries("120000 blob "+id+"\t"+strings.Repeat("b", 64), "100755 blob "+id+"\trun.sh", "040000 tree "+l.Git("rev-parse", "HEAD^{tree}")+"\t"+strings.Repeat("c", 64))
			}, Allow, nil, ""},
	} {
		t.Run(c.row+" "+c.reason, func(t *testing.T) {
			l := withTrust(t, keys, c.edits...)
			l.seen = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
			c.do(l)
			r := l.judge()
			slices.Sort(c.codes)
			if got := codes(r.Problems); r.Decision != c.want || !slices.Equal(got, c.codes) {
				t.Errorf("%s %v; want %s %v\n%v", r.Decision, got, c.want, c.codes, r.Problems)
			}
			if c.hint != "" && !strings.Contains(fmt.Sprint(r.Problems), c.hint) {
				t.Errorf("it does not say %q:\n%v", c.hint, r.Problems)
			}
		})
	}
}

// A statement counts from when it is first seen, by the keys of that time: what was
// approved stays so, and a stolen key approves nothing that waited for it.
func TestStatementsAreJudgedWhenTheyAreSeen(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	revoked := []string{"\npaths:", "\nrevocations: [{key: \"" + keys["carol"].Fingerprint + "\", from: 2026-06-10, reason: stolen}]\npaths:"}
	l := withTrust(t, keys, revoked...)
	l.seen = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	l.as("alice").Commit("x", map[string]string{"CODEOWNERS": "* @alice\n"})
	s := l.approval()
	s.Expires = l.seen.Add(30 * 24 * time.Hour)
	l.publish(l.sign("carol", s))
	l.fetch()
	ids, err := l.mirror.Fetch(l.ctx, StatementsRef)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		reason string
		seen   time.Time
		want   Decision
	}{
		{"before the theft", l.seen.Add(time.Hour), Allow},
		{"after it, though the commit was known before", time.Date(2026, 6, 11, 0, 0, 0, 0, time.UTC), Deny},
		{"after it has ended", time.Date(2026, 7, 11, 0, 0, 0, 0, time.UTC), Deny},
		{"nobody knows when, so now", time.Time{}, Deny},
	} {
		l.trust.Approvals = NewStatements(l.mirror, ids[StatementsRef], func(string) time.Time { return c.seen })
		if r := l.check(); r.Decision != c.want {
			t.Errorf("%s: %s %v", c.reason, r.Decision, r.Problems)
		}
	}
}

// Whatever is on the ref, it is told, and nothing passes by it.
func TestHostileStatements(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	for _, c := range []struct {
		reason string
		do     func(l *lab)
		want   string
	}{
		{"far too many files", func(l *lab) {
			id := l.GitInput([]byte("x"), "hash-object", "-w", "--stdin")
			lines := make([]string, 0, 100_000)
			for i := range 100_000 {
				lines = append(lines, fmt.Sprintf("100644 blob %s\t%064x", id, i))
			}
			l.entries(lines...)
		}, "100000 files, more than the limit of 20000"},
		{"a huge file", func(l *lab) { l.publish(strings.Repeat("\x00", 20<<20)) }, "is not read: "},
		{"many large files", func(l *lab) {
			for i := range 5 {
				l.publish(strings.Repeat("\x00", 10<<20) + fmt.Sprint(i))
			}
		}, "more than 33554432 bytes"},
		{"a link", func(l *lab) {
			id := l.GitInput([]byte("../../etc/passwd"), "hash-object", "-w", "--stdin")
			l.entries("120000 blob " + id + "\t" + strings.Repeat("a", 64))
		}, "is not a statement"},
		{"a submodule", func(l *lab) { l.entries("160000 commit " + l.Head() + "\t" + strings.Repeat("a", 64)) }, "is not a statement"},
		{"a name that acts on terminals", func(l *lab) {
			id := l.GitInput([]byte("x"), "hash-object", "-w", "--stdin")
			l.entries("100644 blob " + id + "\t\x1b[2J")
		}, "holds a control character"},
		{"a blob in place of a commit", func(l *lab) {
			l.SetRef(StatementsRef, l.GitInput([]byte("x"), "hash-object", "-w", "--stdin"))
		}, "is a blob"},
	} {
		t.Run(c.reason, func(t *testing.T) {
			l := withTrust(t, keys)
			l.as("alice").Commit("x", map[string]string{"CODEOWNERS": "* @alice\n"})
			c.do(l)
			r := l.judge()
			if r.Decision.Passes() || !slices.Contains(codes(r.Problems), AuthzThreshold) || !strings.Contains(fmt.Sprint(r.Problems), c.want) {
				t.Errorf("%s %v", r.Decision, r.Problems)
			}
		})
	}
}

// What cannot be found out about statements is held, and not taken for none.
func TestStatementsThatCannotBeRead(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "forge", "bot")
	l := withTrust(t, keys)
	l.as("alice").Commit("x", map[string]string{"CODEOWNERS": "* @alice\n"})
	l.trust.Approvals = NewStatements(l.mirror, strings.Repeat("1", 40), nil)
	if r := l.check(); r.Decision != Hold || !r.Retry || !slices.Equal(codes(r.Problems), []Code{Unverified}) {
		t.Errorf("%s %v", r.Decision, r.Problems)
	}
}
