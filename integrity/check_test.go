package integrity

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

var _ History = (*git.Mirror)(nil)

// TestAcceptedPrefix proves that good commits before a bad one are accepted,
// and that each problem names its commit.
func TestAcceptedPrefix(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	good := l.as("bob").edit("good")
	bad := l.as("bob").unsigned().edit("bad")
	later := l.as("alice").edit("later")
	r := l.check()
	if r.Accepted != good || r.Decision != Deny {
		t.Errorf("accepted %s, decision %s; want %s and deny", r.Accepted, r.Decision, good)
	}
	if len(r.Problems) != 1 || r.Problems[0].Commit != bad {
		t.Errorf("problems %v, want one of %s", r.Problems, bad)
	}
	var verified []string
	for _, v := range r.Verified {
		verified = append(verified, v.Commit)
	}
	if diff := cmp.Diff([]string{good, later}, verified); diff != "" {
		t.Errorf("verified (-want +got):\n%s", diff)
	}
	want := Signer{Identity: "bob@example.com", Key: l.keys["bob"].Fingerprint, File: DefaultSignersPath, Line: 3}
	if diff := cmp.Diff(want, r.Verified[0].Signer, cmpopts.IgnoreUnexported(Signer{})); diff != "" {
		t.Errorf("signer (-want +got):\n%s", diff)
	}

	// Never accepted, the bad commit may be replaced: that rewrites nothing.
	l.accepted = r.Accepted
	l.Reset(good)
	l.as("bob").edit("repaired")
	if r := l.check(); r.Decision != Allow {
		t.Errorf("repaired: %v", r.Problems)
	}
}

func TestRewriteListsWhatIsLost(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	l.Reset(l.trust.Root)
	l.as("bob").edit("y")
	r := l.check()
	if len(r.Lost) != 2 || r.Lost[0] != l.accepted {
		t.Errorf("lost %v, want two, %s first", r.Lost, l.accepted)
	}
	if !strings.Contains(r.Problems[0].Message, `"SECURITY: drop root"`) {
		t.Errorf("the message does not name the lost commit: %s", r.Problems[0].Message)
	}
	if r.Accepted != l.accepted {
		t.Errorf("accepted moved to %s", r.Accepted)
	}

	l.Reset(l.accepted)
	l.as("alice").Amend("another message")
	if r := l.check(); !strings.Contains(r.Problems[0].Message, "same files") {
		t.Errorf("an amend without changes is not told apart: %s", r.Problems[0].Message)
	}

	l.accepted = strings.Repeat("ab", 20)
	if r := l.check(); r.Decision != Hold || r.Problems[0].Code != HistRewrite {
		t.Errorf("accepted commit gone: %s %v", r.Decision, r.Problems)
	}
}

// TestStepwise proves that fetching after each push and fetching once give the
// same: random branches with grants, revocations, merges and bad commits are
// checked both ways.
func TestStepwise(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "mallory")
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := newLab(t, keys)
			random(l, rand.New(rand.NewPCG(seed, 1)), 14)
			start := l.accepted
			once := l.check()

			line, err := l.mirror.FirstParents(l.ctx, start, l.Head())
			if err != nil {
				t.Fatal(err)
			}
			accepted := start
			for _, tip := range line {
				r, err := Check(l.ctx, l.history, l.trust, accepted, tip, func(string) time.Time { return l.seen })
				if err != nil {
					t.Fatal(err)
				}
				accepted = r.Accepted
			}
			if accepted != once.Accepted {
				t.Errorf("step by step %s is accepted, at once %s: %v", short(accepted), short(once.Accepted), once.Problems)
			}
		})
	}
}

// random makes mainline commits: most of them good, now and then one that is not.
func random(l *lab, rnd *rand.Rand, n int) {
	for i := range n {
		who := []string{"alice", "alice", "bob", "bob", "carol"}[rnd.IntN(5)]
		switch rnd.IntN(6) {
		case 0:
			list := []string{"alice", "carol"}
			if rnd.IntN(2) == 0 {
				list = []string{"alice", "bob", "carol"}
			}
			l.as("alice").Commit("list", map[string]string{DefaultSignersPath: signersOf(l.keys, list), "n": fmt.Sprint(i)})
		case 1:
			side := fmt.Sprint("side", i)
			l.Checkout(side)
			l.as(who).Commit("side", map[string]string{side: "1"})
			l.Checkout("main")
			l.as("alice").Commit("main", map[string]string{"n": fmt.Sprint(i)})
			l.Merge("merge", side)
		default:
			l.as(who).edit(fmt.Sprint(i))
		}
	}
}

func signersOf(keys people, names []string) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(name + "@example.com " + keys[name].Public + "\n")
	}
	return b.String()
}

func TestAnchors(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "mallory")
	bootstrap := func(names ...string) *Signers {
		s, err := ParseSigners("bootstrap", []byte(signersOf(keys, names)))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	// Until "list" the repository has no signers of its own.
	repo := func(t *testing.T) (l *lab, list string) {
		l = newLab(t, keys)
		l.Git("checkout", "-q", "--orphan", "fresh")
		l.Remove(".holdfast")
		l.as("alice").Commit("first", nil)
		l.as("bob").edit("second")
		list = l.as("alice").Commit("list", map[string]string{DefaultSignersPath: signersOf(keys, []string{"bob"})})
		l.Git("branch", "-f", "main")
		l.Checkout("main")
		l.accepted = ""
		return l, list
	}
	tests := []struct {
		reason string
		do     func(l *lab, list string)
		want   Decision
		codes  []Code
	}{
		{"the operator's list counts until the repository has one", func(l *lab, _ string) {
			l.trust = Trust{Bootstrap: bootstrap("alice", "bob")}
			l.as("bob").edit("third")
		}, Allow, nil},
		{"and no longer then", func(l *lab, _ string) {
			l.trust = Trust{Bootstrap: bootstrap("alice", "bob")}
			l.as("alice").edit("third")
		}, Deny, []Code{KeyUnknown}},
		{"the whole history is verified", func(l *lab, _ string) {
			l.trust = Trust{Bootstrap: bootstrap("alice")}
		}, Deny, []Code{KeyUnknown}},
		{"a root is accepted as it is", func(l *lab, list string) {
			l.trust = Trust{Root: list}
		}, Allow, nil},
		{"a root without a list gives nothing to go by", func(l *lab, list string) {
			l.trust = Trust{Root: l.Git("rev-parse", list+"~1")}
		}, Deny, []Code{PolicyInvalid}},
		{"unless the operator has one", func(l *lab, list string) {
			l.trust = Trust{Root: l.Git("rev-parse", list+"~1"), Bootstrap: bootstrap("alice")}
		}, Allow, nil},
		{"the operator's list does not come back when the repository's is deleted", func(l *lab, list string) {
			l.trust = Trust{Root: list, Bootstrap: bootstrap("alice", "bob")}
			l.Remove(DefaultSignersPath)
			l.as("bob").Commit("delete", nil)
		}, Deny, []Code{PolicyInvalid}},
		{"a root that does not exist", func(l *lab, _ string) {
			l.trust = Trust{Root: strings.Repeat("0", 39) + "1"}
		}, Hold, []Code{HistRewrite}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			l, list := repo(t)
			test.do(l, list)
			r := l.check()
			if r.Decision != test.want {
				t.Errorf("decision %s, want %s: %v", r.Decision, test.want, r.Problems)
			}
			if diff := cmp.Diff(test.codes, codes(r.Problems)); diff != "" {
				t.Errorf("codes (-want +got):\n%s\n%v", diff, r.Problems)
			}
		})
	}
	t.Run("nothing to start from", func(t *testing.T) {
		r, err := Check(t.Context(), nil, Trust{}, "", strings.Repeat("a", 40), nil)
		if !errors.Is(err, ErrNoAnchor) || r.Decision.Passes() {
			t.Errorf("%v, %s", err, r.Decision)
		}
	})
}

// faulty fails in one way or another.
type faulty struct {
	History
	commit, tree func(id string) error
	ranges       error
	ancestor     error
	changes      error
	blob         error
}

func (f faulty) Commit(ctx context.Context, id string) (*git.Commit, error) {
	if f.commit != nil {
		if err := f.commit(id); err != nil {
			return nil, err
		}
	}
	return f.History.Commit(ctx, id)
}

func (f faulty) Commits(ctx context.Context, ids []string, each func(string, *git.Commit, error) error) error {
	return f.History.Commits(ctx, ids, func(id string, c *git.Commit, err error) error {
		if f.commit != nil && f.commit(id) != nil {
			c, err = nil, f.commit(id)
		}
		return each(id, c, err)
	})
}

func (f faulty) Changes(ctx context.Context, from, to string) ([]git.Change, error) {
	if f.changes != nil {
		return nil, f.changes
	}
	return f.History.Changes(ctx, from, to)
}

func (f faulty) Blobs(ctx context.Context, ids []string, each func(string, int64, error) error) error {
	return f.History.Blobs(ctx, ids, func(id string, size int64, err error) error {
		if f.blob != nil {
			err = f.blob
		}
		return each(id, size, err)
	})
}

func (f faulty) Range(ctx context.Context, from, to string) ([]string, error) {
	if f.ranges != nil {
		return nil, f.ranges
	}
	return f.History.Range(ctx, from, to)
}

func (f faulty) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	if f.ancestor != nil {
		return false, f.ancestor
	}
	return f.History.IsAncestor(ctx, a, b)
}

func (f faulty) Tree(ctx context.Context, commit string) (source.Tree, error) {
	if f.tree != nil {
		if err := f.tree(commit); err != nil {
			return nil, err
		}
	}
	return f.History.Tree(ctx, commit)
}

// TestFaults proves that what cannot be found out is held, or denied if it is
// the commit's own fault, and never allowed.
func TestFaults(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	tip := l.as("bob").edit("x")
	broken := errors.New("the disk is on fire")
	at := func(commit string, err error) func(string) error {
		return func(id string) error {
			if id == commit {
				return err
			}
			return nil
		}
	}
	tests := []struct {
		reason string
		fault  faulty
		want   Decision
		code   Code
		retry  bool
	}{
		{"ancestry is unknown", faulty{ancestor: broken}, Hold, Unverified, true},
		{"the range is unknown", faulty{ranges: broken}, Hold, Unverified, true},
		{"the range is too long", faulty{ranges: &git.LimitError{What: "commits", Limit: 1}}, Hold, HistLimit, false},
		{"a commit is missing", faulty{commit: at(tip, &git.MissingError{ID: tip, Kind: "commit"})}, Hold, Unverified, true},
		{"a commit is malformed", faulty{commit: at(tip, &git.MalformedError{ID: tip, Reason: "x"})}, Deny, ObjMalformed, false},
		{"the tip's tree cannot be read", faulty{tree: at(tip, broken)}, Hold, Unverified, true},
		{"the tip's tree is malformed", faulty{tree: at(tip, &git.MalformedError{ID: tip, Reason: "x"})}, Deny, ObjMalformed, false},
		{"the tip's tree has a bad name", faulty{tree: at(tip, &git.TreeError{Tree: tip, Name: `".."`, Reason: "not a name"})}, Deny, TreePath, false},
		{"the tip's tree is too large", faulty{tree: at(tip, &git.LimitError{What: "entries", Limit: 1})}, Deny, TreeLimit, false},
		{"the accepted tree cannot be read", faulty{tree: at(l.accepted, broken)}, Hold, Unverified, true},
		{"a commit collides", faulty{commit: at(tip, &git.CollisionError{ID: tip})}, Deny, HashCollision, false},
		{"something in the tip's tree collides", faulty{tree: at(tip, &git.CollisionError{ID: tip})}, Deny, HashCollision, false},
		{"something in the accepted tree collides", faulty{tree: at(l.accepted, &git.CollisionError{ID: tip})}, Deny, HashCollision, false},
		{"the changes are unknown", faulty{changes: broken}, Hold, Unverified, true},
		{"a directory is malformed", faulty{changes: &git.MalformedError{ID: tip, Reason: "x"}}, Deny, ObjMalformed, false},
		{"a new file cannot be read", faulty{blob: broken}, Hold, Unverified, true},
		{"a new file collides", faulty{blob: &git.CollisionError{ID: tip}}, Deny, HashCollision, false},
		{"the copy is damaged", faulty{commit: at(tip, &git.CorruptError{Dir: "x", Reason: "x"})}, Hold, Unverified, true},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			l.fetch()
			test.fault.History = l.mirror
			l.history = test.fault
			r := l.check()
			if r.Decision != test.want || r.Retry != test.retry || !slices.Contains(codes(r.Problems), test.code) {
				t.Errorf("%s (retry %v) %v, want %s %s (retry %v)", r.Decision, r.Retry, r.Problems, test.want, test.code, test.retry)
			}
			if r.Accepted != l.accepted {
				t.Errorf("accepted moved to %s", r.Accepted)
			}
		})
	}
	t.Run("out of time", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		r, err := Check(ctx, l.mirror, l.trust, l.accepted, tip, nil)
		if err != nil || r.Decision != Hold || !r.Retry {
			t.Errorf("%s %v %v", r.Decision, r.Problems, err)
		}
	})
	t.Run("a flood is cut off", func(t *testing.T) {
		l.history = l.mirror
		l.unsigned()
		for i := range maxDenied + 3 {
			l.SetRef("refs/heads/main", l.CommitObject(l.Git("rev-parse", "HEAD^{tree}"), fmt.Sprint(i), l.Head()))
		}
		r := l.check()
		if r.Decision != Deny || len(r.Problems) != maxDenied+2 {
			t.Errorf("%s with %d problems", r.Decision, len(r.Problems))
		}
	})
}

func TestSHA256Repository(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob", "mallory"), "--object-format=sha256")
	l.as("bob").edit("x")
	if r := l.check(); r.Decision != Allow {
		t.Errorf("P10: %v", r.Problems)
	}
	l.with("mallory").edit("y")
	if r := l.check(); r.Decision != Deny || r.Problems[0].Code != KeyUnknown {
		t.Errorf("%s %v", r.Decision, r.Problems)
	}
}

// TestDeniedContent gives one signed content two ids, as whoever signs can.
func TestDeniedContent(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	payload := l.payloadBy("bob")
	key := l.keys["bob"].PrivateFile()
	ids := map[string]bool{}
	for _, hash := range []string{"sha512", "sha256"} {
		l.Reset(l.accepted)
		id := l.put(payload, signFile(t, key, payload, "-O", "hashalg="+hash))
		ids[id] = true
		l.trust.Denied = nil
		verified := l.check().Verified
		if len(verified) != 1 || verified[0].Payload != PayloadDigest([]byte(payload)) {
			t.Fatalf("%+v", verified)
		}
		l.trust.Denied = []string{PayloadDigest([]byte(payload))}
		if r := l.check(); r.Decision != Deny || !slices.Equal(codes(r.Problems), []Code{PayloadDenied}) {
			t.Errorf("%s: %s %v", id, r.Decision, r.Problems)
		}
	}
	if len(ids) != 2 {
		t.Error("the commits are one and the same")
	}
}

func TestTags(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "mallory")
	const ref = "refs/tags/v1.0"
	tests := []struct {
		row, reason string
		do          func(l *lab) // v1.0 was signed by alice and seen
		verify      []Code
		check       []Code
	}{
		{"P14", "a signed tag that stays", func(*lab) {}, nil, nil},
		{"D01", "moved to an unsigned commit", func(l *lab) {
			l.Git("tag", "-f", "v1.0", l.as("bob").unsigned().edit("x"))
		}, nil, []Code{TagDowngrade, TagMoved}},
		{"D02", "lightweight on the same commit", func(l *lab) { l.Git("tag", "-f", "v1.0", "v1.0^{commit}") }, nil, []Code{TagDowngrade}},
		{"D03", "another tag's object", func(l *lab) {
			l.as("alice").Tag("v0.9", "HEAD~1", "old")
			l.SetRef(ref, l.Git("rev-parse", "refs/tags/v0.9"))
		}, []Code{TagName}, []Code{TagMoved}},
		{"D04", "signed anew on an older commit", func(l *lab) { l.as("bob").Tag("v1.0", "HEAD~1", "again") }, nil, []Code{TagMoved}},
		{"D05", "deleted", func(l *lab) { l.DeleteRef(ref) }, nil, []Code{TagDeleted}},
		{"D30", "signed by a stranger", func(l *lab) { l.as("alice").with("mallory").Tag("v1.0", "HEAD", "x") }, []Code{KeyUnknown}, []Code{TagMoved}},
		{"D31", "another's name as tagger", func(l *lab) { l.as("alice").with("bob").Tag("v1.0", "HEAD", "x") }, []Code{IDCommitter}, []Code{TagMoved}},
		{"D32", "annotated but not signed", func(l *lab) { l.as("alice").unsigned().Tag("v1.0", "HEAD", "x") }, []Code{SigMissing}, []Code{TagDowngrade}},
		{"D33", "of a tree", func(l *lab) { l.as("alice").Tag("v1.0", "HEAD^{tree}", "x") }, []Code{TagTarget}, nil},
	}
	for _, test := range tests {
		t.Run(test.row+" "+test.reason, func(t *testing.T) {
			l := newLab(t, keys)
			l.as("alice").Tag("v1.0", "HEAD", "release")
			prev := l.tagState("v1.0")
			test.do(l)
			if id := strings.TrimSpace(l.Git("for-each-ref", "--format=%(objecttype)", ref)); id == "tag" {
				if diff := cmp.Diff(test.verify, codes(l.verifyTag("v1.0"))); diff != "" {
					t.Errorf("VerifyTag (-want +got):\n%s", diff)
				}
			}
			if test.row == "D33" {
				return // has no commit to compare
			}
			var now TagState
			if test.row != "D05" {
				now = l.tagState("v1.0")
			}
			if diff := cmp.Diff(test.check, codes(CheckTag(ref, prev, now))); diff != "" {
				t.Errorf("CheckTag (-want +got):\n%s", diff)
			}
			if got := CheckTag(ref, TagState{}, now); got != nil {
				t.Errorf("a tag never seen before cannot have changed: %v", got)
			}
		})
	}
}
