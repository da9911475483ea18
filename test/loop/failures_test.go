package loop

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

// TestBadRevisions pushes one bad thing after another into one application. Each
// is held with a reason that a person understands, what runs stays, the other
// application goes on, and the next good commit goes live.
func TestBadRevisions(t *testing.T) {
	t.Parallel()
	ns := "bad-revisions"
	r := newRig(t, map[string]string{
		"bad/ns.yaml":     namespace(ns),
		"bad/a.yaml":      configMap(ns, "a", "v", "0"),
		"good/b.yaml":     namespace(ns + "-good"),
		"chart/keep.yaml": "x: 1\n",
	})
	r.app("bad", "bad")
	r.app("good", "good")
	r.start()
	r.awaitApp("bad", state.Ready, r.root)
	r.awaitApp("good", state.Ready, r.root)

	huge := "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: huge}\ndata:\n  x: " + strings.Repeat("y", 100<<20) + "\n"
	tests := []struct {
		name, want string
		change     func()
	}{
		{"a manifest that cannot be parsed, among good ones", "bad/broken.yaml:3:1: ", func() {
			r.repo.Write(map[string]string{"bad/broken.yaml": "apiVersion: v1\nkind: [\n", "bad/a.yaml": configMap(ns, "a", "v", "bad")})
		}},
		{"a file of 100 MB", "bad/huge.yaml", func() { r.repo.Write(map[string]string{"bad/huge.yaml": huge}) }},
		{"nothing at all", "", func() { r.repo.Remove("bad") }},
		{"no manifest any more", "nothing was rendered", func() {
			r.repo.Remove("bad")
			r.repo.Write(map[string]string{"bad/README.md": "empty\n"})
		}},
		{"a kustomization with a remote base", "bad/kustomization.yaml:2", func() {
			r.repo.Write(map[string]string{"bad/kustomization.yaml": "resources:\n- https://github.com/example/base?ref=main\n"})
		}},
		{"a chart with an endless template", "loop without end", func() {
			r.repo.Write(map[string]string{
				"bad/Chart.yaml":          "apiVersion: v2\nname: bad\nversion: 1.0.0\n",
				"bad/templates/loop.yaml": "{{ range until 100000 }}{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}{{ end }}",
			})
		}},
		{"an object that the API server refuses", "Deployment", func() {
			r.repo.Write(map[string]string{"bad/d.yaml": strings.Replace(deployment(ns, "d", "registry.example/d:1"), "replicas: 1", "replicas: -1", 1)})
		}},
		{"an object of a kind that nobody knows", "Gizmo", func() {
			r.repo.Write(map[string]string{"bad/gizmo.yaml": "apiVersion: example.org/v1\nkind: Gizmo\nmetadata: {name: g, namespace: " + ns + "}\n"})
		}},
		{"a privileged container", "bad/d.yaml:24:", func() {
			r.repo.Write(map[string]string{"bad/d.yaml": strings.Replace(deployment(ns, "d", "registry.example/d:1"), "readOnlyRootFilesystem: true", "privileged: yes", 1)})
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := r.repo.Head()
			test.change()
			bad := r.commit(test.name, map[string]string{"good/c.yaml": configMap(ns+"-good", "c", "commit", test.name)})
			app := r.awaitApp("bad", state.Blocked, bad)
			if text := app.Reason + "\n" + strings.Join(app.Details, "\n"); !strings.Contains(text, test.want) {
				t.Errorf("the reason does not name %q:\n%s", test.want, text)
			}
			if got := r.kubectl("get", "-n", ns, "configmap/a", "-o", "jsonpath={.data.v}"); got == "bad" || got == "" {
				t.Errorf("what runs was touched: a is %q", got)
			}
			r.awaitApp("good", state.Ready, bad)
			r.repo.Git("read-tree", "-u", "--reset", before)
			good := r.commit("repair "+test.name, map[string]string{"bad/a.yaml": configMap(ns, "a", "v", test.name)})
			r.awaitApp("bad", state.Ready, good)
		})
	}
	r.verifyLedger()
}

func TestDefinitionAndItsObjectInOneCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]string{
		"app/a-object.yaml":  "apiVersion: loop.example.org/v1\nkind: Widget\nmetadata:\n  name: w\n  namespace: widgets\nspec: {size: 3}\n",
		"app/namespace.yaml": namespace("widgets"),
		"app/z-crd.yaml": `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.loop.example.org
spec:
  group: loop.example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}}}
`,
	})
	r.app("widgets", "app")
	r.start()
	r.awaitApp("widgets", state.Ready, r.root)
	if got := r.kubectl("get", "-n", "widgets", "widget/w", "-o", "jsonpath={.spec.size}"); got != "3" {
		t.Errorf("the custom resource has size %q", got)
	}
}

func TestPruneThreshold(t *testing.T) {
	t.Parallel()
	ns := "prune-threshold"
	files := map[string]string{"app/ns.yaml": namespace(ns)}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
		files["app/"+name+".yaml"] = configMap(ns, name, "k", "v")
	}
	r := newRig(t, files)
	r.app("prune", "app")
	r.start()
	r.awaitApp("prune", state.Ready, r.root)
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		r.repo.Remove("app/" + name + ".yaml")
	}
	bad := r.commit("Remove nearly everything", nil)
	app := r.awaitApp("prune", state.Held, bad)
	if !strings.Contains(app.Reason, "7 of 10") {
		t.Errorf("the reason is %q", app.Reason)
	}
	if !r.exists(ns, "configmap/a") {
		t.Error("an object was deleted though the prune was held")
	}
	files = map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		files["app/"+name+".yaml"] = configMap(ns, name, "k", "v")
	}
	good := r.commit("Bring all but one back", files)
	r.awaitApp("prune", state.Ready, good)
	r.await("the one is pruned", func() bool { return !r.exists(ns, "configmap/g") })
}

func TestGitServerStops(t *testing.T) {
	t.Parallel()
	ns := "git-stops"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("git-stops", "app")
	r.start()
	r.awaitApp("git-stops", state.Ready, r.root)
	r.server.Stop()
	r.awaitSource(state.Unreachable, "")
	r.kubectl("delete", "-n", ns, "configmap/a")
	r.await("drift is healed without Git", func() bool { return r.exists(ns, "configmap/a") })
	r.server.Start()
	r.awaitSource(state.Ready, "")
	next := r.commit("Go on", map[string]string{"app/a.yaml": configMap(ns, "a", "v", "2")})
	r.awaitApp("git-stops", state.Ready, next)
}

func TestRepositoryIsDamaged(t *testing.T) {
	t.Parallel()
	ns := "damaged"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("damaged", "app")
	r.start()
	r.awaitApp("damaged", state.Ready, r.root)
	next := r.commit("Go on", map[string]string{"app/a.yaml": configMap(ns, "a", "v", "2")})
	r.awaitApp("damaged", state.Ready, next)

	tree := r.repo.TreeObject()
	broken := r.repo.CommitObject(tree, "A commit whose tree is gone", next)
	object := filepath.Join(r.repo.GitDir(), "objects", tree[:2], tree[2:])
	if err := os.Remove(object); err != nil {
		t.Fatal(err)
	}
	r.repo.SetRef("refs/heads/main", broken)
	r.await("the source says that it cannot be fetched", func() bool {
		src, err := r.store.Source(context.Background(), "fleet")
		return err == nil && src.Status != state.Ready && src.Reason != "" && src.Accepted == next
	})
	if got := r.kubectl("get", "-n", ns, "configmap/a", "-o", "jsonpath={.data.v}"); got != "2" {
		t.Errorf("what runs was touched: a is %q", got)
	}
	r.repo.SetRef("refs/heads/main", next)
	r.awaitSource(state.Ready, "")
}

func TestAPIServerStops(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a control plane of its own")
	}
	t.Parallel()
	ns := "api-stops"
	r := newRigOn(t, testcluster.Start(t, testcluster.Options{}), map[string]string{"app/ns.yaml": namespace(ns), "app/a.yaml": configMap(ns, "a", "v", "1")})
	r.app("api-stops", "app")
	r.start()
	r.awaitApp("api-stops", state.Ready, r.root)
	if err := r.cluster.StopComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	next := r.commit("While it is down", map[string]string{"app/a.yaml": configMap(ns, "a", "v", "2")})
	r.awaitApp("api-stops", state.Unreachable, "")
	if err := r.cluster.StartComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	r.awaitApp("api-stops", state.Ready, next)
	r.kubectl("delete", "-n", ns, "configmap/a")
	r.await("drift is seen again", func() bool { return r.exists(ns, "configmap/a") })
	for _, record := range r.records(ledger.Drift) {
		if record.Outcome == "missing" && !strings.Contains(strings.Join(record.Objects, " "), "ConfigMap") {
			t.Errorf("an outage was taken for drift: %+v", record)
		}
	}
}

func TestFailedRolloutIsRolledBack(t *testing.T) {
	t.Parallel()
	ns := "rollout"
	r := newRig(t, map[string]string{"app/ns.yaml": namespace(ns), "app/d.yaml": deployment(ns, "d", "registry.example/d:1")})
	r.app("rollout", "app", "health: {timeout: 40s}")
	r.start()
	r.awaitApp("rollout", state.Ready, r.root)
	bad := r.commit("Break it", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/broken:2")})
	app := r.awaitApp("rollout", state.RolledBack, bad)
	if app.Revision != r.root {
		t.Errorf("live is %s, want %s", app.Revision, r.root)
	}
	if got := r.kubectl("get", "-n", ns, "deployment/d", "-o", "jsonpath={.spec.template.spec.containers[0].image}"); got != "registry.example/d:1" {
		t.Errorf("the image is %q", got)
	}
	good := r.commit("Mend it", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/d:3")})
	r.awaitApp("rollout", state.Ready, good)

	r.commit("Break it again", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/broken:4")})
	r.await("the broken revision is awaited", func() bool {
		a, err := r.store.Application(context.Background(), "rollout")
		return err == nil && a.Status == state.Progressing && strings.Contains(a.Reason, "waiting for")
	})
	newer := r.commit("Mend it before anybody waits in vain", map[string]string{"app/d.yaml": deployment(ns, "d", "registry.example/d:5")})
	r.awaitApp("rollout", state.Ready, newer)
	for _, record := range r.records(ledger.Rollback) {
		if record.Previous != bad {
			t.Errorf("a superseded revision was rolled back: %+v", record)
		}
	}
}
