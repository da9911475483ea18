package integrity

import (
	"slices"
	"testing"
)

// withTrust gives the lab a trust file whose rule for main is as given, and accepts it.
func (l *lab) withTrust(rule string) *lab {
	l.t.Helper()
	text := "version: 1\nrepository: example.com/x\nidentities:\n"
	for _, name := range []string{"alice", "bob", "forge"} {
		role := map[string]string{"alice": "admin", "bob": "maintainer", "forge": "forge"}[name]
		text += "- name: person-" + name + "\n  emails: [" + name + "@example.com]\n  keys: [{ssh: " + l.keys[name].Public + "}]\n  roles: [" + role + "]\n"
	}
	text += "refs:\n- match: refs/heads/main\n" + rule + "paths:\n- match: [secret/**]\n  who: [person-alice]\n"
	l.as("alice").Commit("trust", map[string]string{".holdfast/trust.yaml": text})
	l.trust.Ref = "refs/heads/main"
	if r := l.check(); !r.Decision.Passes() {
		l.t.Fatal(r.Problems)
	}
	l.accepted = l.Head()
	return l
}

// side makes a commit on a branch as it is given, and has somebody merge it.
func (l *lab) side(merger string, commit func()) {
	base := l.Head()
	l.Checkout("side")
	l.Reset(base)
	commit()
	l.Checkout("main")
	l.as("alice").Commit("main", map[string]string{"main": "1"})
	l.as(merger).Merge("merge", "side")
}

func TestRulesOfRefs(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol", "mallory", "forge")
	unsigned := func(name string) func(l *lab) {
		return func(l *lab) { l.as("carol").unsigned().Commit("side", map[string]string{name: "1\n"}) }
	}
	for _, test := range []struct {
		reason, rule string
		do           func(l *lab)
		want         Decision
		codes        []Code
	}{
		{"C12 an unsigned side is refused", "  unsignedSide: deny\n", func(l *lab) { l.side("alice", func() { unsigned("x")(l) }) }, Deny, []Code{SigMissing}},
		{"C12b unless the merger vouches for it", "  unsignedSide: vouch\n", func(l *lab) { l.side("alice", func() { unsigned("x")(l) }) }, Warn, []Code{SigMissing}},
		{"C12c also where a stranger signed", "  unsignedSide: vouch\n", func(l *lab) {
			l.side("bob", func() { l.as("mallory").Commit("side", map[string]string{"x": "1\n"}) })
		}, Warn, []Code{KeyUnknown}},
		{"C12d but only for what the merger may change", "  unsignedSide: vouch\n", func(l *lab) { l.side("bob", func() { unsigned("secret/x")(l) }) }, Deny, []Code{AuthzPath, SigMissing}},
		{"C12e a forge vouches for nobody", "  unsignedSide: vouch\n", func(l *lab) { l.side("forge", func() { unsigned("x")(l) }) }, Deny, []Code{SigMissing}},
		{"C12f a stranger vouches for nobody", "  unsignedSide: vouch\n", func(l *lab) { l.side("mallory", func() { unsigned("x")(l) }) }, Deny, []Code{KeyUnknown, SigMissing}},
		{"C12g the mainline itself is signed", "  unsignedSide: vouch\n", func(l *lab) { unsigned("x")(l) }, Deny, []Code{SigMissing}},
		{"C12h a bad signature is not a missing one", "  unsignedSide: vouch\n", func(l *lab) {
			l.side("alice", func() {
				payload := l.payload(l.Git("rev-parse", "HEAD^{tree}"), "author "+l.person("bob"), "committer "+l.person("bob"))
				id := l.Object("commit", []byte(withSignature(payload, l.sshSign("bob", payload+"x"))))
				l.SetRef("refs/heads/side", id)
			})
		}, Deny, []Code{SigBad}},
		{"C09c evil merges are told where any merge may be", "  merges: any\n", func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.mergeTree(ours, theirs, l.Git("rev-parse", ours+"^{tree}"))
		}, Warn, []Code{MergeDrops}},
		{"B31 who may put commits on the branch", "  who: [admin]\n", func(l *lab) { l.as("bob").edit("x") }, Deny, []Code{AuthzPath}},
		{"B31b others by a merge of theirs", "  who: [admin]\n", func(l *lab) {
			l.side("alice", func() { l.as("bob").Commit("side", map[string]string{"x": "1\n"}) })
		}, Allow, nil},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, keys).withTrust(test.rule)
			test.do(l)
			result := l.check()
			got := slices.DeleteFunc(codes(result.Problems), func(c Code) bool { return c == TimeAnomaly })
			if result.Decision != test.want || !slices.Equal(got, test.codes) {
				t.Errorf("%s %v, want %s %v\n%v", result.Decision, got, test.want, test.codes, result.Problems)
			}
		})
	}
}
