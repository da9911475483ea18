package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/gate"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/waiver"
)

// asksGate returns what the gate says of a commit in which the Pod runs as root,
// and what the verdict depends on.
func (f *followed) asksGate(commit string) (gate.Decision, source.Deps) {
	f.t.Helper()
	high := finding.High
	problem := rootPod()
	r := &run{
		Reconciler: &Reconciler{
			App:     config.Application{Name: "shop", Cluster: "prod-eu", Gate: config.Gate{Mode: config.Enforce, FailOn: &high}},
			Waivers: f.Follower.Waivers(),
		},
		rev:       Revision{Commit: commit, Signer: "alice@example.com"},
		rendering: &Rendering{Resources: []*resource.Resource{{}}},
		judgement: scan.Judgement{Findings: []*finding.Finding{problem}},
	}
	if _, err := f.Mirror.Fetch(f.t.Context(), "refs/heads/main"); err != nil {
		f.t.Fatal(err)
	}
	var err error
	if r.tree, err = f.Mirror.Tree(f.t.Context(), commit); err != nil {
		f.t.Fatal(err)
	}
	if err := r.waive(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	return Decide(r.App, r.rendering, r.judgement, r.waived, r.rev, nil), r.rendering.Deps
}

func rootPod() *finding.Finding {
	f := &finding.Finding{
		Rule: &finding.Rule{ID: "HF-K8S-001"}, Severity: finding.High,
		Subject: resource.ID{Version: "v1", Kind: "Pod", Namespace: "shop", Name: "web"},
	}
	f.Identify("")
	return f
}

func waivers(environment string) string {
	return `apiVersion: holdfast.dev/v1alpha1
kind: WaiverList
waivers:
- id: W-1
  policy: HF-K8S-001
  match: {resource: Pod/shop/web, environments: [` + environment + `]}
  reason: isolated
  owner: team
  expires: ` + time.Now().UTC().AddDate(0, 0, 20).Format(time.DateOnly) + `
  digests: [` + waiver.Digest(rootPod()) + "]\n"
}

func TestGateHonoursApprovedWaivers(t *testing.T) {
	f := follow(t, nil)
	check := func(why, commit string, allow bool, state gate.State, message string) source.Deps {
		t.Helper()
		d, deps := f.asksGate(commit)
		if d.Allow != allow {
			t.Errorf("%s: allowed is %v: %+v", why, d.Allow, d.Reasons)
		}
		for _, r := range d.Reasons {
			if r.Check == "waivers" && (r.State != state || !strings.Contains(r.Message, message)) {
				t.Errorf("%s: %s %q, want %s %q", why, r.State, r.Message, state, message)
			}
		}
		return deps
	}
	none := check("no waivers", f.root, false, gate.Skip, "nothing is waived")
	signed := f.Repo.Commit("Waive", map[string]string{waiver.Path: waivers("prod-eu")})
	check("no approvers are named, so nobody may approve what is high", signed, false, gate.Warn, "may not approve what is high")
	if tree, err := f.Mirror.Tree(t.Context(), signed); err != nil || none.Match(tree) {
		t.Errorf("the verdict of before would hold: %v", err)
	}
	approvers := map[string]string{".holdfast/approvers": "alice@example.com critical\n"}
	check("approved", f.Repo.Commit("Appoint", approvers), true, gate.OK, "1 problem is waived")
	other := f.Repo.Commit("Move", map[string]string{waiver.Path: waivers("stage")})
	check("for another environment", other, false, gate.Skip, "nothing is waived")
	key := f.Key
	f.Key = nil
	unsigned := f.Repo.Commit("Unsigned", map[string]string{waiver.Path: waivers("shop")})
	f.Key = key
	check("not signed", unsigned, false, gate.Warn, "not approved")
	broken := f.Repo.Commit("Break", map[string]string{waiver.Path: strings.Replace(waivers("shop"), "policy", "polizy", 1)})
	check("cannot be read", broken, false, gate.Warn, `.holdfast/waivers.yaml:4:3`)
	mistaken := f.Repo.Commit("Mistake", map[string]string{waiver.Path: waivers("shop"), ".holdfast/approvers": "alice\n"})
	check("approvers cannot be read", mistaken, false, gate.Warn, ".holdfast/approvers:1:1")
}

func TestGateWithoutVerificationProvesNothing(t *testing.T) {
	f := follow(t, func(s *config.Source) { s.Verify = config.Verify{Off: true} })
	commit := f.Repo.Commit("Waive", map[string]string{waiver.Path: waivers("prod-eu"), ".holdfast/approvers": "alice@example.com critical\n"})
	if d, _ := f.asksGate(commit); d.Allow {
		t.Errorf("allowed: %+v", d.Reasons)
	}
}
