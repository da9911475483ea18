package cli_test

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/state"
)

const (
	first  = "4be1c7700000000000000000000000000000aaaa"
	second = "4be1d8800000000000000000000000000000bbbb"
	third  = "9f2c1e400000000000000000000000000000cccc"
)

// texts are what a loop heard from others: Git, files, clusters, people.
type texts struct{ path, signer, reason, manager, value, object string }

var plainTexts = texts{
	path: "apps/web/deployment.yaml", signer: "alice@example.com", reason: "1 problem of severity high or above",
	manager: "kubectl-edit", value: "1.9.2-debug", object: "web",
}

// writeLoop writes the state directory of a loop that follows the source fleet
// with three applications: web is blocked and drifted before, shop is ready and
// drifts, and api was never looked at.
func writeLoop(dir string, t texts) error {
	if err := writeState(filepath.Join(dir, "state"), t); err != nil {
		return err
	}
	return writeLedger(filepath.Join(dir, "state", "ledger"), t)
}

func writeState(dir string, t texts) error {
	ctx := context.Background()
	store, err := state.Open(dir)
	if err != nil {
		return err
	}
	defer store.Close()
	now := time.Now()
	if err := store.PutSource(ctx, state.Source{
		Name: "fleet", URL: "https://git.example/fleet.git", Ref: "branch main", Seen: third, Accepted: third, Signer: t.signer,
		Status: state.Ready, Fetched: now, Changed: now,
	}); err != nil {
		return err
	}
	for _, a := range []state.Application{
		{
			Name: "web", Source: "fleet", Path: "apps/web", Cluster: "prod", Status: state.Blocked, Reason: t.reason,
			Details:  []string{t.path + ":31:11 high[HF-K8S-012] container `web` can run as root (finding 7d3f-0c9a)"},
			Revision: second, Healthy: second, Signer: t.signer, Tried: third, Outcome: state.Blocked, Objects: 2, Changed: now,
			Verdicts: map[string]int{"pass": 40, "fail": 1},
		},
		{Name: "shop", Source: "fleet", Path: "apps/shop", Cluster: "prod", Status: state.Ready, Revision: third, Healthy: third, Signer: t.signer, Objects: 1, Changed: now},
		{Name: "gone", Source: "fleet", Path: "apps/gone", Cluster: "prod", Status: state.Failed, Reason: "nobody asks for it any more"},
	} {
		if err := store.PutApplication(ctx, a); err != nil {
			return err
		}
	}
	web := resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "web", Name: t.object}
	policy := resource.ID{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy", Namespace: "web", Name: "deny"}
	shop := resource.ID{Group: "apps", Version: "v1", Kind: "StatefulSet", Namespace: "shop", Name: "db"}
	if err := store.PutObjects(ctx, "web", []state.Object{
		{ID: web, File: t.path, Line: 1, Via: []string{"overlays/prod/kustomization.yaml"}, Commit: first, Signer: t.signer,
			Verdicts: map[string]int{"pass": 39, "fail": 1}, Findings: []string{t.path + ":31:11 medium[HF-K8S-072] no memory limit (finding 6011-1553)"}},
		{ID: policy, File: "apps/web/policy.yaml", Line: 4, Commit: second, Verdicts: map[string]int{"pass": 3}},
	}); err != nil {
		return err
	}
	if err := store.PutObject(ctx, "shop", state.Object{ID: shop, File: "apps/shop/db.yaml", Line: 1, Commit: third, Signer: t.signer}); err != nil {
		return err
	}
	return writeDrifts(ctx, store, t, web, shop)
}

func writeDrifts(ctx context.Context, store *state.Store, t texts, web, shop resource.ID) error {
	seen := time.Now().Add(-time.Minute)
	if _, err := store.OpenDrift(ctx, state.Drift{Application: "shop", Note: "healing is off", Policies: []string{"critical[HF-K8S-004] container `miner` is privileged at " + t.path},
		Drift: drift.Drift{Kind: drift.Changed, Object: shop, Seen: seen, Applied: 3, Generation: 4, Changes: []drift.Change{
			{Operation: drift.FieldChanged, Field: "spec.template.spec.containers[db].image", Declared: "db:1.9.2", Live: t.value, Manager: t.manager, Verb: "Update", Time: seen},
			{Operation: drift.FieldRemoved, Field: "spec.paused", Declared: true},
			{Operation: drift.FieldAdded, Field: "spec.template.spec.containers[miner]", Live: map[string]any{"image": strings.Repeat("m", 200)}, Manager: t.manager},
		}},
	}); err != nil {
		return err
	}
	if _, err := store.OpenDrift(ctx, state.Drift{Application: "web", Drift: drift.Drift{Kind: drift.Missing, Object: web, Seen: seen}}); err != nil {
		return err
	}
	return store.CloseDrift(ctx, "web", web.Key(), "healed: put back to 4be1d880", time.Now())
}

func writeLedger(dir string, t texts) error {
	log, err := ledger.Open(dir)
	if err != nil {
		return err
	}
	defer log.Close()
	for _, r := range []ledger.Record{
		{Kind: ledger.Start, Message: "holdfast 1.0"},
		{Kind: ledger.Accept, Source: "fleet", Commit: first, Signer: t.signer, Outcome: "accepted"},
		{Kind: ledger.Health, Source: "fleet", Application: "web", Commit: first, Outcome: "healthy"},
		{Kind: ledger.Health, Source: "fleet", Application: "web", Commit: second, Signer: t.signer, Outcome: "healthy"},
		{Kind: ledger.Decision, Source: "fleet", Application: "web", Commit: third, Previous: second, Signer: t.signer, Outcome: "deny", Message: t.reason,
			Details: []string{"ok   signature: signed by " + t.signer, "FAIL policy: " + t.reason}, Findings: []string{t.path + ":31:11 high[HF-K8S-012]"}},
		{Kind: ledger.Drift, Source: "fleet", Application: "shop", Commit: third, Outcome: "changed", Objects: []string{"changed apps/StatefulSet/shop/" + t.object}},
	} {
		if _, err := log.Append(r); err != nil {
			return err
		}
	}
	return nil
}
