package loop

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/state"
)

// kills is how often TestKilled kills the loop: HOLDFAST_KILLS, or a few.
func kills(t *testing.T) int {
	text := os.Getenv("HOLDFAST_KILLS")
	if text == "" {
		return 8
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestKilled kills the loop with SIGKILL at random moments of a run of
// deployments. After each restart it goes on; at the end the cluster is what Git
// says, nothing is orphaned, a restart changes nothing, and the ledger is intact.
func TestKilled(t *testing.T) {
	t.Parallel()
	const ns = "killed"
	r := newRig(t, crashFiles(ns, 0))
	r.app("killed", "app", "prune: {maxPercent: 100}")
	moments := rand.New(rand.NewPCG(1, 2))
	commit := r.root
	for i := 1; i <= kills(t); i++ {
		cmd := r.program("run")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commit = r.change(ns, i)
		select {
		case <-time.After(time.Duration(moments.IntN(1800)) * time.Millisecond):
		case <-t.Context().Done():
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	r.start()
	r.awaitApp("killed", state.Ready, commit)

	want := declaredObjects(ns, kills(t))
	r.await("nothing is orphaned or missing", func() bool { return slices.Equal(r.owned(ns, "killed"), want) })
	versions := r.kubectl("get", "-n", ns, "configmaps,deployments", "-l", "holdfast.dev/application=killed", "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.generation}:{.data.v}{"\n"}{end}`)
	r.stop()
	r.start()
	r.awaitApp("killed", state.Ready, commit)
	if again := r.kubectl("get", "-n", ns, "configmaps,deployments", "-l", "holdfast.dev/application=killed", "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}={.metadata.generation}:{.data.v}{"\n"}{end}`); again != versions {
		t.Errorf("a restart changed objects:\n%s\n%s", versions, again)
	}
	r.verifyLedger()
}

// crashFiles are the files of the i-th revision: a namespace, a Deployment, and
// ten ConfigMaps of which each revision replaces one.
func crashFiles(ns string, i int) map[string]string {
	files := map[string]string{"app/ns.yaml": namespace(ns), "app/d.yaml": deployment(ns, "d", fmt.Sprintf("registry.example/d:%d", i))}
	for _, n := range crashNames(i) {
		files[fmt.Sprintf("app/c%d.yaml", n)] = configMap(ns, fmt.Sprintf("c%d", n), "v", strconv.Itoa(i))
	}
	return files
}

func crashNames(i int) (out []int) {
	for n := i; n < i+10; n++ {
		out = append(out, n)
	}
	return out
}

func (r *rig) change(ns string, i int) string {
	r.t.Helper()
	r.repo.Remove(fmt.Sprintf("app/c%d.yaml", i-1))
	return r.commit(fmt.Sprintf("Revision %d", i), crashFiles(ns, i))
}

func declaredObjects(ns string, i int) []string {
	out := []string{"Deployment/d"}
	for _, n := range crashNames(i) {
		out = append(out, fmt.Sprintf("ConfigMap/c%d", n))
	}
	slices.Sort(out)
	return out
}

// owned lists the objects in a namespace that carry an application's label.
func (r *rig) owned(ns, app string) []string {
	out := strings.Fields(r.kubectl("get", "-n", ns, "configmaps,deployments", "-l", "holdfast.dev/application="+app, "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name}{"\n"}{end}`))
	slices.Sort(out)
	return out
}

// secrets are planted in places from which a value could leak.
var secrets = []string{"pl4nted-s3cret-one", "pl4nted-s3cret-two", "pl4nted-s3cret-three"}

// TestNoSecretValueLeaves plants secret values in manifests, drift and refused
// objects, and looks for them in everything that Holdfast writes.
func TestNoSecretValueLeaves(t *testing.T) {
	t.Parallel()
	const ns = "no-leaks"
	secret := func(value, extra string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n  namespace: %s\n%sstringData:\n  password: %s\n", ns, extra, value)
	}
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/s.yaml": secret(secrets[0], "")})
	r.app("no-leaks", "app", "gate: {mode: audit}")
	r.start()
	r.awaitApp("no-leaks", state.Ready, r.root)

	// Somebody changes the value by hand; it is put back.
	r.kubectl("patch", "-n", ns, "secret/s", "--type=merge", "-p", `{"stringData":{"password":"`+secrets[1]+`","extra":"`+secrets[1]+`"}}`)
	r.await("the secret is put back", func() bool {
		return r.kubectl("get", "-n", ns, "secret/s", "-o", "jsonpath={.data}") == `{"password":"cGw0bnRlZC1zM2NyZXQtb25l"}`
	})
	// The API server refuses an object and quotes it.
	bad := r.commit("Refused", map[string]string{"app/s.yaml": secret(secrets[2], "type: kubernetes.io/tls\n")})
	r.awaitApp("no-leaks", state.Blocked, bad)
	broken := r.commit("Not YAML", map[string]string{"app/s.yaml": secret(secrets[2], "") + "  : [" + secrets[2] + "\n"})
	r.awaitApp("no-leaks", state.Blocked, broken)

	var plan, status lockedBuffer
	r.repo.Git("checkout", "-q", r.root)
	for out, args := range map[*lockedBuffer][]string{
		&plan:   {"plan", "no-leaks", "--from", filepath.Dir(r.repo.Path("app"))},
		&status: {"status", "--json"},
	} {
		cmd := r.program(args...)
		cmd.Stdout, cmd.Stderr = out, out
		_ = cmd.Run()
		if out.String() == "" {
			t.Errorf("holdfast %s wrote nothing", args[0])
		}
	}
	r.stop()
	written := map[string]string{"the log": r.log.String(), "the plan": plan.String(), "the status": status.String()}
	err := filepath.WalkDir(filepath.Join(r.dir, "state"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || strings.Contains(path, "/mirrors/") {
			return err // the mirror holds what Git holds
		}
		data, err := os.ReadFile(path)
		written[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for place, text := range written {
		for _, value := range secrets {
			for _, form := range []string{value, base64.StdEncoding.EncodeToString([]byte(value))} {
				if strings.Contains(text, form) {
					t.Errorf("%s holds a secret value (%s)", place, form)
				}
			}
		}
	}
}
