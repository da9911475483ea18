package integrity

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/resource"
)

// described writes a place as path:line.
func described(f *finding.Finding) string {
	switch {
	case f.Location.File == nil:
		return ""
	case f.Location.Span.IsZero():
		return f.Location.File.Path
	}
	pos := f.Location.Position()
	return f.Location.File.Path + ":" + string(rune('0'+pos.Line))
}

func TestFindingsNameAPlace(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	l.as("bob")
	edited := l.Repo.Commit("edit", map[string]string{"apps/web/deploy.yaml": "kind: Deployment\nrunAsRoot: true\n"})
	added := l.Repo.Commit("add", map[string]string{"b.yaml": "kind: B\n", "a.yaml": "kind: A\n"})
	binary := l.Repo.Commit("binary", map[string]string{"logo.png": "\x89PNG\x00\x01"})
	l.Git("rm", "-q", "a.yaml")
	l.Git("commit", "-q", "--no-gpg-sign", "-m", "gone")
	gone := l.Head()
	l.Git("commit", "-q", "--no-gpg-sign", "--allow-empty", "-m", "nothing")
	nothing := l.Head()
	l.fetch()
	for _, test := range []struct {
		reason string
		p      Problem
		want   string
	}{
		{"the first line that differs", Problem{Commit: edited}, "apps/web/deploy.yaml:2"},
		{"the first of several new files", Problem{Commit: added}, "a.yaml:1"},
		{"the file that the problem names", Problem{Commit: added, Path: "b.yaml"}, "b.yaml:1"},
		{"a line of a file that the commit does not change", Problem{Commit: added, Path: DefaultSignersPath, Line: 3}, DefaultSignersPath + ":3"},
		{"a line that the file does not have", Problem{Commit: added, Path: DefaultSignersPath, Line: 300}, DefaultSignersPath},
		{"a file that nobody reads as text", Problem{Commit: binary}, "logo.png"},
		{"a file that is gone", Problem{Commit: gone}, "a.yaml"},
		{"a commit that changes nothing", Problem{Commit: nothing}, ""},
		{"a file that there never was", Problem{Commit: nothing, Path: "x.yaml"}, "x.yaml"},
		{"no commit", Problem{}, ""},
		{"a commit that is not there", Problem{Commit: strings.Repeat("1", 40)}, ""},
	} {
		test.p.Code, test.p.Decision, test.p.Message = SigMissing, Deny, "it is not signed"
		f := Findings(l.ctx, l.history, "refs/heads/main", []Problem{test.p})[0]
		if got := described(f); got != test.want {
			t.Errorf("%s: the place is %q, want %q", test.reason, got, test.want)
		}
		if f.Rule.ID != "SIG_MISSING" || f.Severity != finding.Critical || !f.Hidden() {
			t.Errorf("%s: the finding is %+v", test.reason, f)
		}
		want := resource.ID{Platform: resource.Git, Kind: "Commit", Name: test.p.Commit}
		if test.p.Commit == "" {
			want.Kind, want.Name = "Ref", "refs/heads/main"
		}
		if f.Subject != want {
			t.Errorf("%s: the subject is %s, want %s", test.reason, f.Subject, want)
		}
	}
}

func TestFindingsKeepTheirFingerprints(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	commit := l.unsigned().edit("x")
	l.fetch()
	problems := []Problem{
		{Code: KeyExpired, Decision: Deny, Commit: commit, Message: "not valid at 10:00"},
		{Code: KeyExpired, Decision: Deny, Commit: commit, Message: "not valid at 10:00"},
		{Code: KeyExpired, Decision: Deny, Commit: l.accepted, Message: "not valid at 10:00"},
		{Code: SigBad, Decision: Deny, Commit: commit, Message: "bad"},
		{Code: HistLimit, Decision: Hold, Message: "too much"},
		{Code: "SOMETHING_NEW", Decision: Deny, Commit: commit, Message: "without a text"},
	}
	first := Findings(l.ctx, l.history, "", problems)
	for i := range problems {
		problems[i].Message = strings.Replace(problems[i].Message, "10:00", "11:00", 1)
	}
	seen := map[string]bool{}
	for i, f := range Findings(l.ctx, l.history, "", problems) {
		if f.Fingerprint != first[i].Fingerprint {
			t.Errorf("%s has another fingerprint an hour later", f.Rule.ID)
		}
		if seen[f.Fingerprint] || f.Cause == "" {
			t.Errorf("%s, number %d, is taken for another one", f.Rule.ID, i)
		}
		seen[f.Fingerprint] = true
	}
}

// brokenContent can read commits and nothing else.
type brokenContent struct{ History }

var errBroken = errors.New("broken")

func (brokenContent) Changes(context.Context, string, string) ([]git.Change, error) {
	return nil, errBroken
}

func TestFindingsOfABrokenRepository(t *testing.T) {
	l := newLab(t, newPeople(t, "alice", "bob"))
	problems := []Problem{{Code: SigMissing, Decision: Deny, Commit: l.accepted}, {Code: AuthzPath, Decision: Deny, Commit: l.accepted, Path: "a.yaml"}}
	all := Findings(l.ctx, brokenContent{l.history}, "", problems)
	if described(all[0]) != "" || described(all[1]) != "a.yaml" {
		t.Errorf("the places are %q and %q", described(all[0]), described(all[1]))
	}
}

// branch makes commits beside main, and returns to main.
func (l *lab) branch(name, from string, make func()) (tip string) {
	l.Git("checkout", "-q", "-b", name, from)
	make()
	tip = l.Head()
	l.Git("checkout", "-q", "main")
	return tip
}

// checkOnto judges a branch that main is to take in.
func (l *lab) checkOnto(trust Trust, tip string) Result {
	l.t.Helper()
	for ref, id := range map[string]string{"refs/heads/main": l.Git("rev-parse", "main"), "refs/heads/branch": tip} {
		l.SetRef(ref, id)
		if _, err := l.mirror.Fetch(l.ctx, ref); err != nil {
			l.t.Fatal(err)
		}
	}
	result, err := Check(l.ctx, l.history, trust, "", tip, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return result
}

func TestBaseIsWhoseTrustHolds(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "mallory")
	for _, test := range []struct {
		reason string
		main   func(l *lab) // what main does meanwhile
		branch func(l *lab)
		want   []Code
	}{
		{"both go on", func(l *lab) { l.as("alice").edit("main") }, func(l *lab) { l.as("bob").Repo.Commit("b", map[string]string{"b.yaml": "kind: B\n"}) }, nil},
		{"bob was removed after the branch began", func(l *lab) {
			l.as("alice").Repo.Commit("bob is gone", map[string]string{DefaultSignersPath: people{"alice": keys["alice"]}.allowed()})
		}, func(l *lab) { l.as("bob").Repo.Commit("b", map[string]string{"b.yaml": "kind: B\n"}) }, []Code{KeyUnknown}},
		{"the branch lets somebody in", func(l *lab) { l.as("alice").edit("main") }, func(l *lab) {
			l.as("alice").Repo.Commit("let in", map[string]string{DefaultSignersPath: keys.allowed() + `mallory@example.com namespaces="git" ` + keys["mallory"].Public + "\n"})
			l.as("mallory").Repo.Commit("b", map[string]string{"b.yaml": "kind: B\n"})
		}, []Code{KeyUnknown}},
		{"the branch breaks the list", func(l *lab) { l.as("alice").edit("main") }, func(l *lab) {
			l.as("alice").Repo.Commit("broken", map[string]string{DefaultSignersPath: "who knows\n"})
		}, []Code{PolicyInvalid}},
		{"the branch takes away its own list", func(l *lab) { l.as("alice").edit("main") }, func(l *lab) {
			l.as("alice").Git("rm", "-q", DefaultSignersPath)
			l.as("alice").Repo.Commit("no list", nil)
		}, []Code{PolicyInvalid}},
	} {
		l := newLab(t, keys)
		from := l.accepted
		tip := l.branch("branch", from, func() { test.branch(l) })
		test.main(l)
		result := l.checkOnto(Trust{Root: from, Base: l.Git("rev-parse", "main")}, tip)
		if got := codes(result.Problems); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v\n%v", test.reason, got, test.want, result.Problems)
		}
		if passes := len(test.want) == 0; result.Decision.Passes() != passes || (result.Accepted == tip) != passes {
			t.Errorf("%s: the decision is %s, accepted is %s", test.reason, result.Decision, result.Accepted)
		}
	}
}

func TestSurveyGoesOn(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol")
	l := newLab(t, people{"alice": keys["alice"]})
	l.keys = keys
	for range maxDenied + 5 {
		l.unsigned().edit("unsigned")
	}
	l.as("bob").edit("too early")
	l.as("alice").Repo.Commit("bob and carol", map[string]string{DefaultSignersPath: keys.allowed()})
	l.as("carol").edit("now")
	l.fetch()
	tree, err := l.mirror.Tree(l.ctx, l.accepted)
	if err != nil {
		t.Fatal(err)
	}
	listed, err := KeysOf(tree)
	if err != nil {
		t.Fatal(err)
	}
	result, err := Check(l.ctx, l.history, Trust{Bootstrap: listed, Survey: true, MaxCommits: 10}, "", l.Head(), nil)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[Code]int{}
	for _, p := range result.Problems {
		counts[p.Code]++
	}
	// The second commit of the lab is bob's as well, who had no key.
	if counts[SigMissing] != maxDenied+6 || counts[KeyUnknown] != 1 || len(counts) != 2 {
		t.Errorf("the problems are %v", counts)
	}
	if result.Decision != Deny || result.Accepted == l.Head() {
		t.Errorf("a survey accepts %s with %s", result.Accepted, result.Decision)
	}
}

func TestKeysOfATreeWithoutAList(t *testing.T) {
	keys := newPeople(t, "alice")
	l := newLab(t, keys)
	l.as("alice").Git("rm", "-q", "-r", ".holdfast")
	l.as("alice").Repo.Commit("none", nil)
	l.fetch()
	tree, err := l.mirror.Tree(l.ctx, l.Head())
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := KeysOf(tree)
	if err != nil {
		t.Fatal(err)
	}
	commit, err := l.mirror.Commit(l.ctx, l.accepted)
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := VerifyCommit(commit, nobody, l.seen); !slices.Equal(codes(problems), []Code{KeyUnknown}) {
		t.Errorf("who is listed nowhere is judged as %v", problems)
	}
}
