package loop

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/state"
)

// run runs a command of the program and returns what it wrote.
func (r *rig) run(args ...string) string {
	r.t.Helper()
	cmd := r.program(args...)
	var out lockedBuffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil && cmd.ProcessState.ExitCode() != 1 {
		r.t.Fatalf("holdfast %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
	return out.String()
}

func TestRollbackByAPerson(t *testing.T) {
	t.Parallel()
	const ns = "by-a-person"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("by-a-person", "app")
	r.start()
	r.awaitApp("by-a-person", state.Ready, r.root)
	second := r.commit("Second", map[string]string{"app/a.yaml": configMap(ns, "a", "v", "2")})
	r.awaitApp("by-a-person", state.Ready, second)
	value := func() string { return r.kubectl("get", "-n", ns, "configmap/a", "-o", "jsonpath={.data.v}") }

	r.run("rollback", "by-a-person", "--to", r.root[:8])
	r.await("the first revision is back", func() bool { return value() == "1" })
	r.awaitApp("by-a-person", state.Ready, r.root)
	third := r.commit("Third", map[string]string{"app/a.yaml": configMap(ns, "a", "v", "3")})
	r.await("the third commit is accepted", func() bool {
		src, err := r.store.Source(context.Background(), "fleet")
		return err == nil && src.Accepted == third
	})
	if got := value(); got != "1" {
		t.Errorf("a pinned application moved to %q", got)
	}
	r.run("rollback", "by-a-person", "--resume")
	r.awaitApp("by-a-person", state.Ready, third)
	if got := value(); got != "3" {
		t.Errorf("after --resume the value is %q", got)
	}
	if out := r.run("history", "by-a-person"); !strings.Contains(out, "rollback") || !strings.Contains(out, "resume") {
		t.Errorf("the history does not tell of the requests:\n%s", out)
	}
	if out := r.run("why", "-n", ns, "configmap/a"); !strings.Contains(out, third) || !strings.Contains(out, "app/a.yaml:1") || !strings.Contains(out, "alice@example.com") {
		t.Errorf("why does not lead to commit, file and signer:\n%s", out)
	}
}

func TestHealingIsOff(t *testing.T) {
	t.Parallel()
	const ns = "heal-off"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("heal-off", "app", "heal: off")
	r.start()
	r.awaitApp("heal-off", state.Ready, r.root)
	r.kubectl("patch", "-n", ns, "configmap/a", "--type=merge", "-p", `{"data":{"v":"foreign","extra":"x"}}`)
	r.await("the drift is reported", func() bool {
		out := r.run("drift", "heal-off")
		return strings.Contains(out, "foreign") && strings.Contains(out, "data.extra") && strings.Contains(out, "kubectl-patch")
	})
	if out := r.run("status"); !strings.Contains(out, "Drifted") {
		t.Errorf("status does not say so:\n%s", out)
	}
	if got := r.kubectl("get", "-n", ns, "configmap/a", "-o", "jsonpath={.data.v}"); got != "foreign" {
		t.Errorf("the drift was healed: %q", got)
	}
	r.kubectl("patch", "-n", ns, "configmap/a", "--type=json", "-p", `[{"op":"replace","path":"/data/v","value":"1"},{"op":"remove","path":"/data/extra"}]`)
	r.await("the drift is closed when somebody takes it back", func() bool {
		open, err := r.store.Drifts(context.Background(), false)
		return err == nil && len(open) == 0
	})
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	const ns = "dependencies"
	r := newRig(t, map[string]string{
		"base/ns.yaml": namespace(ns),
		"base/d.yaml":  strings.Replace(deployment(ns, "d", "registry.example/d:1"), "readOnlyRootFilesystem: true", "privileged: true", 1),
		"app/a.yaml":   configMap(ns, "a", "v", "1"),
	})
	r.app("dep-base", "base")
	r.app("dep-app", "app", "dependsOn: [dep-base]")
	r.start()
	r.awaitApp("dep-base", state.Blocked, r.root)
	app := r.awaitApp("dep-app", state.Waiting, "")
	if !strings.Contains(app.Reason, "dep-base") || !strings.Contains(app.Reason, "Blocked") {
		t.Errorf("the reason does not name what is waited for: %q", app.Reason)
	}
	next := r.commit("Mend the base", map[string]string{"base/d.yaml": deployment(ns, "d", "registry.example/d:1")})
	r.awaitApp("dep-base", state.Ready, next)
	r.awaitApp("dep-app", state.Ready, next)
}

func TestRewriteIsAcceptedByPinningIt(t *testing.T) {
	t.Parallel()
	const ns = "rewrite"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("rewrite", "app")
	r.start()
	r.awaitApp("rewrite", state.Ready, r.root)
	second := r.commit("Second", map[string]string{"app/a.yaml": configMap(ns, "a", "v", "2")})
	r.awaitApp("rewrite", state.Ready, second)
	amended := r.repo.Amend("Second, amended")
	r.awaitSource(state.Held, "HIST_REWRITE")
	r.stop()
	r.root = amended
	r.start()
	r.await("the rewritten history is accepted", func() bool {
		src, err := r.store.Source(context.Background(), "fleet")
		return err == nil && src.Status == state.Ready && src.Accepted == amended
	})
}
