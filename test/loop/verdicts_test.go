package loop

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// TestRefusalPasses has the API server refuse a revision for want of a
// namespace that comes without a commit.
func TestRefusalPasses(t *testing.T) {
	t.Parallel()
	const ns = "refusal-passes"
	r := newRig(t, map[string]string{"app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("refusal-passes", "app")
	r.start()
	app := r.awaitApp("refusal-passes", state.Blocked, r.root)
	if !strings.Contains(app.Reason, ns) {
		t.Errorf("the reason does not name what is missing: %q", app.Reason)
	}
	r.kubectl("create", "namespace", ns)
	r.awaitApp("refusal-passes", state.Ready, r.root)
	refused := 0
	for _, record := range r.records(ledger.Decision) {
		if record.Outcome == "refused" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("the ledger has the refusal %d times", refused)
	}
}

// TestStoppedAtAnyMoment stops the loop in an orderly way while a revision is on
// its way: what was cut off is neither a verdict nor done.
func TestStoppedAtAnyMoment(t *testing.T) {
	t.Parallel()
	const ns = "stopped"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "0")})
	r.app("stopped", "app")
	r.start()
	r.awaitApp("stopped", state.Ready, r.root)
	commit := r.root
	for i := range 8 {
		commit = r.commit("Next", map[string]string{"app/a.yaml": configMap(ns, "a", "v", commit[:8])})
		decisions := len(r.records(ledger.Decision))
		r.await("it is under way", func() bool {
			src, err := r.store.Source(context.Background(), "fleet")
			under := err == nil && src.Accepted == commit
			if i%2 == 0 {
				return under // it is rendered or judged
			}
			return under && len(r.records(ledger.Decision)) > decisions // it is planned or applied
		})
		r.stop()
		r.start()
	}
	r.awaitApp("stopped", state.Ready, commit)
	r.await("the last revision is live", func() bool {
		app, err := r.store.Application(context.Background(), "stopped")
		return err == nil && app.Revision == commit
	})
	for _, record := range append(r.records(ledger.Drift), r.records(ledger.Decision)...) {
		if record.Outcome != "allow" {
			t.Errorf("a stop was taken for something else: %+v", record)
		}
	}
}

// TestRollbackAsksTheGate fails a rollout when the gate has become stricter than
// what was healthy before.
func TestRollbackAsksTheGate(t *testing.T) {
	t.Parallel()
	const ns = "rollback-gate"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/d.yaml": onHostNetwork(deployment(ns, "d", "registry.example/d:1"))})
	r.app("rollback-gate", "app", "health: {timeout: 40s}", "gate: {mode: audit}")
	r.start()
	r.awaitApp("rollback-gate", state.Ready, r.root)
	r.stop()
	r.apps = nil
	r.app("rollback-gate", "app", "health: {timeout: 40s}", "gate: {all: true}")
	bad := r.commit("Sound, and broken", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/broken:2")})
	r.start()
	app := r.awaitApp("rollback-gate", state.Failed, bad)
	if app.Revision != bad || !strings.Contains(app.Reason, "not rolled back") {
		t.Errorf("live is %s: %s", app.Revision, app.Reason)
	}
	if got := r.kubectl("get", "-n", ns, "deployment/d", "-o", "jsonpath={.spec.template.spec.hostNetwork}"); got != "" {
		t.Errorf("the host's network was brought back: %q", got)
	}
	good := r.commit("Mend it", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/d:3")})
	r.awaitApp("rollback-gate", state.Ready, good)
}

// onHostNetwork is a deployment that the gate blocks.
func onHostNetwork(deployment string) string {
	return strings.Replace(deployment, "      containers:", "      hostNetwork: true\n      containers:", 1)
}

// TestBlockedRevisionDoesNotHideAFailedOne pushes a blocked revision while a
// broken one is awaited.
func TestBlockedRevisionDoesNotHideAFailedOne(t *testing.T) {
	t.Parallel()
	const ns = "blocked-after-broken"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/d.yaml": deployment(ns, "d", "registry.example/d:1")})
	r.app("blocked-after-broken", "app", "health: {timeout: 40s}")
	r.start()
	r.awaitApp("blocked-after-broken", state.Ready, r.root)
	broken := r.commit("Break it", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/broken:2")})
	r.await("the broken revision is awaited", func() bool {
		a, err := r.store.Application(context.Background(), "blocked-after-broken")
		return err == nil && a.Revision == broken && strings.Contains(a.Reason, "waiting for")
	})
	blocked := r.commit("Not allowed", map[string]string{"app/d.yaml": onHostNetwork(deployment(ns, "d", "registry.example/d:3"))})
	app := r.awaitApp("blocked-after-broken", state.Blocked, blocked)
	if app.Revision != r.root || !strings.Contains(app.Reason, "rolled back") {
		t.Errorf("live is %s: %s", app.Revision, app.Reason)
	}
	if got := r.kubectl("get", "-n", ns, "deployment/d", "-o", "jsonpath={.spec.template.spec.containers[0].image}"); got != "registry.example/d:1" {
		t.Errorf("the image is %q", got)
	}
}
