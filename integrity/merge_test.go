package integrity

import (
	"slices"
	"strings"
	"testing"
)

// mergeAttacks are what can be hidden in a merge, which git log -p does not show.
var mergeAttacks = []attack{
	{"C08 merge that drops a fix", "what one side changed is not in the merge",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.mergeTree(ours, theirs, l.Git("rev-parse", theirs+"^{tree}"))
		}, Deny, []Code{MergeDrops}},
	{"C08b merge that keeps one side", "-s ours throws the other away",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.mergeTree(ours, theirs, l.Git("rev-parse", ours+"^{tree}"))
		}, Deny, []Code{MergeDrops}},
	{"C09 evil merge", "the merge holds what neither side has",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.as("alice").Merge("merge", "side")
			l.Write(map[string]string{"apps/web/rbac.yaml": "kind: ClusterRoleBinding\n", "apps/web/svc.yaml": "kind: Service\nname: evil\n"})
			l.Git("add", "--all")
			l.mergeTree(ours, theirs, l.Git("write-tree"))
		}, Deny, []Code{MergeEvil}},
	{"C09b evil merge of attributes", "the repository's own attributes do not decide how it is made again",
		func(l *lab) {
			l.as("alice").Commit("attributes", map[string]string{".gitattributes": "* merge=ours\n"})
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.mergeTree(ours, theirs, l.Git("rev-parse", ours+"^{tree}"))
		}, Deny, []Code{MergeDrops}},
	{"C10 octopus", "a merge of three that holds what all changed",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.as("alice").Merge("merge", "side")
			l.mergeTree(ours, theirs, l.Git("rev-parse", "HEAD^{tree}"), l.Git("rev-parse", ours+"~1"))
		}, Warn, []Code{MergeShape}},
	{"C10b octopus that drops", "more parents are no cover for less content",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.mergeTree(ours, theirs, l.Git("rev-parse", ours+"^{tree}"), l.Git("rev-parse", ours+"~1"))
		}, Deny, []Code{MergeDrops, MergeShape}},
	{"C10c octopus that adds", "nor for more",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/deploy.yaml", "kind: Deployment\nname: fixed\n")
			l.as("alice").Merge("merge", "side")
			l.Write(map[string]string{"apps/web/rbac.yaml": "kind: ClusterRoleBinding\n"})
			l.Git("add", "--all")
			l.mergeTree(ours, theirs, l.Git("write-tree"), l.Git("rev-parse", ours+"~1"))
		}, Deny, []Code{MergeEvil, MergeShape}},
	{"C10d octopus of one path", "git would not have made it",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/svc.yaml", "kind: Service\nname: other\n")
			l.mergeTree(ours, theirs, l.Git("rev-parse", ours+"^{tree}"), l.Git("rev-parse", ours+"~1"))
		}, Hold, []Code{MergeShape}},
	{"C11 unrelated history", "what is merged has nothing in common",
		func(l *lab) {
			ours := l.Head()
			payload := "tree " + l.Git("mktree") + "\nauthor " + l.person("bob") + "\ncommitter " + l.person("bob") + "\n\norphan\n"
			theirs := l.Object("commit", []byte(withSignature(payload, l.sshSign("bob", payload))))
			l.mergeTree(ours, theirs, l.Git("rev-parse", ours+"^{tree}"))
		}, Warn, []Code{MergeShape}},
	{"P02b merge of both sides in one file", "lines far apart are merged by git",
		func(l *lab) {
			lines := func(first, last string) string {
				return "a: " + first + "\n" + strings.Repeat("b: 0\n", 20) + "c: " + last + "\n"
			}
			l.as("alice").Commit("file", map[string]string{"apps/x.yaml": lines("1", "1")})
			l.Checkout("side")
			l.Reset(l.Git("rev-parse", "main"))
			l.as("bob").Commit("side", map[string]string{"apps/x.yaml": lines("1", "2")})
			l.Checkout("main")
			l.as("alice").Commit("main", map[string]string{"apps/x.yaml": lines("2", "1")})
			l.Merge("merge", "side")
		}, Allow, nil},
	{"P03 merge of a conflict", "somebody had to choose, and that is told",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/svc.yaml", "kind: Service\nname: other\n")
			l.Write(map[string]string{"apps/web/svc.yaml": "kind: Service\nname: both\n", "side": "1"})
			l.Git("add", "--all")
			l.mergeTree(ours, theirs, l.Git("write-tree"))
		}, Warn, []Code{MergeConflict}},
	{"P03b evil merge beside a conflict", "a conflict is no cover for more",
		func(l *lab) {
			ours, theirs := l.sides("apps/web/svc.yaml", "kind: Service\nname: other\n")
			l.Write(map[string]string{"apps/web/svc.yaml": "kind: Service\nname: both\n", "side": "1", "apps/web/rbac.yaml": "kind: ClusterRoleBinding\n"})
			l.Git("add", "--all")
			l.mergeTree(ours, theirs, l.Git("write-tree"))
		}, Deny, []Code{MergeConflict, MergeEvil}},
}

// sides makes a commit on a branch and another one on main, which has a file, and
// returns both.
func (l *lab) sides(name, content string) (ours, theirs string) {
	base := l.Git("rev-parse", "main")
	l.Checkout("side")
	l.Reset(base)
	theirs = l.as("bob").Commit("side", map[string]string{"side": "1", "apps/web/svc.yaml": "kind: Service\nname: side\n"})
	l.Checkout("main")
	ours = l.as("alice").Commit("main", map[string]string{name: content})
	return ours, theirs
}

// mergeTree commits a tree as a merge, signed by alice.
func (l *lab) mergeTree(ours, theirs, tree string, more ...string) {
	payload := "tree " + tree + "\n"
	for _, parent := range append([]string{ours, theirs}, more...) {
		payload += "parent " + parent + "\n"
	}
	payload += "author " + l.person("alice") + "\ncommitter " + l.person("alice") + "\n\nmerge\n"
	l.put(payload, l.sshSign("alice", payload))
}

func TestMerges(t *testing.T) {
	keys := newPeople(t, "alice", "bob", "carol")
	for _, a := range mergeAttacks {
		t.Run(a.row, func(t *testing.T) {
			l := newLab(t, keys)
			a.do(l)
			result := l.check()
			got := slices.DeleteFunc(codes(result.Problems), func(c Code) bool { return c == TimeAnomaly })
			if result.Decision != a.want || !slices.Equal(got, a.codes) {
				t.Errorf("%s %v, want %s %v: %s\n%v", result.Decision, got, a.want, a.codes, a.reason, result.Problems)
			}
		})
	}
}
