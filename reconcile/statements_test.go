package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/trust"
)

// governed is a source whose trust file names three admins, of whom two have to agree.
type governed struct {
	*followed
	keys map[string]*gittest.Key
}

func govern(t *testing.T) *governed {
	t.Helper()
	g := &governed{follow(t, nil), map[string]*gittest.Key{"bob": gittest.SSHKey(t), "carol": gittest.SSHKey(t)}}
	g.keys["alice"] = g.Key
	text := "version: 1\nrepository: github.com/acme/fleet\nidentities:\n"
	for _, name := range []string{"alice", "bob", "carol"} {
		text += fmt.Sprintf("- name: %s\n  emails: [%[1]s@example.com]\n  keys: [{ssh: %q}]\n  roles: [admin]\n", name, g.keys[name].Public)
	}
	text += "refs:\n- match: refs/heads/main\n  acknowledge: {of: admin, count: 2}\npaths:\n- match: [.holdfast/**, guarded]\n  who: [admin]\n  approvals: 1\n"
	g.root = g.Repo.Commit("Trust", map[string]string{trust.Path: text})
	g.restart(func(c *config.Source) { c.Verify.Root = g.root })
	g.polls("it begins", g.root, state.Ready, "")
	return g
}

// publish signs statements and puts them on the ref, beside those that are there.
func (g *governed) publish(s integrity.Statement, signers ...string) {
	g.t.Helper()
	s.Repository, s.Ref = "github.com/acme/fleet", "refs/heads/main"
	s.Made, s.Expires = g.now, g.now.Add(24*time.Hour)
	var lines []string
	if g.Git("for-each-ref", integrity.StatementsRef) != "" {
		lines = strings.Split(g.Git("ls-tree", integrity.StatementsRef), "\n")
	}
	for _, name := range signers {
		blob := append(s.Text(), g.keys[name].SignSSH(g.t, s.Kind.Namespace(), s.Text())...)
		lines = append(lines, "100644 blob "+g.GitInput(blob, "hash-object", "-w", "--stdin")+"\t"+integrity.StatementName(blob))
	}
	tree := g.GitInput([]byte(strings.Join(lines, "\n")+"\n"), "mktree")
	g.SetRef(integrity.StatementsRef, g.Git("commit-tree", "-m", "statements", tree))
}

// P08: a rewrite is held until two have acknowledged it; both histories stay.
func TestRewriteIsReleased(t *testing.T) {
	g := govern(t)
	old := g.Repo.Commit("A secret", map[string]string{"secret": "x"})
	g.polls("it is accepted", old, state.Ready, "")
	g.Reset(g.root)
	now := g.Repo.Commit("No secret", map[string]string{"a": "b"})
	g.polls("it is held", old, state.Held, "HIST_REWRITE")
	said := integrity.Statement{Kind: integrity.Acknowledgement, Old: old, New: now, Reason: "a secret was purged"}
	g.publish(said, "bob", "alice")
	g.polls("alice made it herself", old, state.Held, "HIST_REWRITE")
	g.now = g.now.Add(25 * time.Hour)
	g.publish(said, "carol")
	// Bob's was seen before it ended, so that it still counts.
	g.polls("two others agree", now, state.Ready, "")
	records := g.records(ledger.Accept)
	last := records[len(records)-1]
	if last.Commit != now || last.Previous != old || !strings.Contains(strings.Join(last.Details, "\n"), `acknowledged by bob, carol: ["a secret was purged"]`) {
		t.Errorf("the ledger says %+v", last)
	}
	if err := g.Mirror.Collect(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{old, now} {
		if _, err := g.Mirror.Commit(t.Context(), id); err != nil {
			t.Errorf("%v", err)
		}
	}
	next := g.Repo.Commit("On top", nil)
	g.polls("it goes on", next, state.Ready, "")
	g.restart(nil)
	g.polls("also in another process", next, state.Ready, "")
}

// The new commits of a rewrite are judged one after another, and all of them together
// by what the branch had.
func TestRewriteKeepsSafeguards(t *testing.T) {
	const workflow = ".github/workflows/ci.yml"
	ungated := strings.Replace(gated, "holdfast scan .", "true", 1)
	for _, c := range []struct {
		reason string
		do     func(g *governed) // after going back to the root
		status state.Status
	}{
		{"the gate is put up again", func(g *governed) {
			g.Repo.Commit("No secret", map[string]string{"a": "b"})
			g.Repo.Commit("Scan", map[string]string{workflow: gated})
		}, state.Ready},
		{"the gate is lost", func(g *governed) { g.Repo.Commit("No secret", map[string]string{"a": "b", workflow: ungated}) }, state.Blocked},
		{"the gate is lost by going back", func(*governed) {}, state.Blocked},
		{"a step takes it away for a while", func(g *governed) {
			g.Repo.Commit("Scan", map[string]string{workflow: gated})
			g.Repo.Commit("Off", map[string]string{workflow: ungated})
			g.Repo.Commit("On", map[string]string{workflow: gated})
		}, state.Blocked},
	} {
		t.Run(c.reason, func(t *testing.T) {
			g := govern(t)
			g.Evaluator = changePolicies(t)
			g.Repo.Commit("Scan", map[string]string{workflow: gated})
			old := g.Repo.Commit("A secret", map[string]string{"secret": "x"})
			g.polls("it is accepted", old, state.Ready, "")
			g.Reset(g.root)
			c.do(g)
			now := g.Head()
			g.publish(integrity.Statement{Kind: integrity.Acknowledgement, Old: old, New: now, Reason: "x"}, "bob", "carol")
			if c.status == state.Ready {
				g.polls(c.reason, now, state.Ready, "")
				return
			}
			g.polls(c.reason, old, c.status, "SAFEGUARD_REMOVED")
		})
	}
}

func TestApprovalsArrive(t *testing.T) {
	g := govern(t)
	base := g.Git("rev-parse", "HEAD")
	tip := g.Repo.Commit("Guarded", map[string]string{"guarded": "x"})
	g.polls("nobody has approved", base, state.Blocked, "AUTHZ_THRESHOLD")
	policy, err := trust.Parse(trust.Path, []byte(g.Git("show", base+":"+trust.Path)+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	g.publish(integrity.Statement{Kind: integrity.Approval, From: base, Tree: g.Git("rev-parse", "HEAD^{tree}"), Trust: policy.Digest()}, "carol")
	g.polls("carol has", tip, state.Ready, "")
	g.SetRef(integrity.StatementsRef, g.root)
	g.polls("what was accepted stays", tip, state.Ready, "")
}

// What is wrong with the ref holds up nobody who needs no statement.
func TestStatementsThatCannotBeFetched(t *testing.T) {
	g := govern(t)
	bad := g.Object("commit", []byte("tree "+strings.Repeat("0", 40)+"\n\nnonsense\n"))
	g.SetRef(integrity.StatementsRef, bad)
	good := g.Repo.Commit("Anything", nil)
	g.polls("it needs none", good, state.Ready, "")
	g.Repo.Commit("Guarded", map[string]string{"guarded": "x"})
	g.polls("it needs one", good, state.Blocked, "AUTHZ_THRESHOLD")
	st, err := g.store.Source(t.Context(), "fleet")
	if err != nil || !strings.Contains(strings.Join(st.Problems, "\n"), integrity.StatementsRef+": ") {
		t.Errorf("%v %v", st.Problems, err)
	}
}
