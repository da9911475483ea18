package kube

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

const configMaps5 = `
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: e}
`

// first returns the first n of configMaps5.
func first(n int) string {
	return strings.Join(strings.SplitN(configMaps5, "---", 6)[:n], "---")
}

func (w *world) configMap(name string) resource.ID {
	return resource.ID{Version: "v1", Kind: "ConfigMap", Namespace: w.app.Namespace, Name: name}
}

// exists reports whether an object is there and is not being deleted.
func (w *world) exists(id resource.ID) bool {
	w.t.Helper()
	live, err := w.Live(w.ctx, id)
	if err != nil && !errors.Is(err, target.NotFound) {
		w.t.Fatal(err)
	}
	return err == nil && stringAt(live, "metadata", "deletionTimestamp") == ""
}

func TestPruneStaysWithinItsLimits(t *testing.T) {
	w := newWorld(t)
	all := w.apply(configMaps5)
	now := w.apply(first(1))
	if diff := cmp.Diff(all.Owned.Items, now.Owned.Items); diff != "" {
		t.Errorf("apply changed what is owned (-before +after):\n%s", diff)
	}

	_, err := w.Prune(w.ctx, now.Owned, now.Declared, PruneTerms{})
	var threshold *target.ThresholdError
	if !errors.As(err, &threshold) || threshold.Would != 4 || threshold.Of != 5 || threshold.Limit != "50 %" || len(threshold.Objects) != 4 {
		t.Fatalf("got %v", err)
	}
	if _, err := w.Prune(w.ctx, now.Owned, target.Inventory{Application: w.app.Name}, PruneTerms{Confirmed: true}); !errors.Is(err, target.ErrEmpty) {
		t.Fatalf("nothing declared: %v", err)
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if !w.exists(w.configMap(name)) {
			t.Fatalf("%s was deleted", name)
		}
	}
	plan, err := w.Plan(w.ctx, w.app, declare(t, first(1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[target.Action]int{target.Unchanged: 1, target.Delete: 4}, plan.Counts()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}

	pruned, err := w.Prune(w.ctx, now.Owned, now.Declared, PruneTerms{Confirmed: true})
	if err != nil || len(pruned.Deleted) != 4 || len(pruned.Owned.Items) != 1 {
		t.Fatalf("%+v, %v", pruned, err)
	}
	stored, err := w.ReadInventory(w.ctx, w.app.Name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(pruned.Owned, stored); diff != "" {
		t.Errorf("stored (-returned +stored):\n%s", diff)
	}
	if w.exists(w.configMap("b")) || !w.exists(w.configMap("a")) {
		t.Error("the wrong objects were deleted")
	}
}

func TestPruneDeletesOnlyWhatIsOurs(t *testing.T) {
	w := newWorld(t)
	namespace := w.app.Namespace + "-kept"
	t.Cleanup(func() { _, _ = w.server.Kubectl("delete", "--wait=false", "namespace/"+namespace) })
	w.apply(configMaps5 + `---
apiVersion: v1
kind: ConfigMap
metadata: {name: pinned, annotations: {` + AnnotationPrune + `: disabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: ` + namespace + `}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`)
	for _, args := range [][]string{
		{"label", "configmap/b", LabelApplication + "=other", "--overwrite"},
		{"label", "configmap/c", LabelApplication + "-"},
		{"delete", "configmap/d"},
		{"delete", "configmap/e"},
		{"create", "configmap", "e"},
		{"label", "configmap/e", LabelApplication + "=" + w.app.Name},
	} {
		if _, err := w.server.Kubectl(append(args, "-n", w.app.Namespace)...); err != nil {
			t.Fatal(err)
		}
	}
	now := w.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: new}
`)
	pruned, err := w.Prune(w.ctx, now.Owned, now.Declared, PruneTerms{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]resource.ID{w.configMap("a")}, pruned.Deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	names := func(all []target.Kept) (names []string) {
		for _, k := range all {
			names = append(names, k.ID.Name+": "+k.Reason)
		}
		return names
	}
	if diff := cmp.Diff([]string{
		"data: PersistentVolumeClaim is a protected kind: delete it by hand",
		"pinned: its annotation holdfast.dev/prune disables pruning",
		namespace + ": Namespace is a protected kind: delete it by hand",
	}, names(pruned.Kept)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"e: it was deleted and created again by somebody else",
		"c: it no longer has the label of this application",
		"b: it no longer has the label of this application",
	}, names(pruned.Released)); diff != "" {
		t.Errorf("released (-want +got):\n%s", diff)
	}
	for _, id := range []resource.ID{w.configMap("b"), w.configMap("c"), w.configMap("e"), w.configMap("pinned")} {
		if !w.exists(id) {
			t.Errorf("%s was deleted", id)
		}
	}
	if len(pruned.Owned.Items) != 4 {
		t.Errorf("owned are %v", pruned.Owned.Items)
	}
	again, err := w.Prune(w.ctx, pruned.Owned, now.Declared, PruneTerms{})
	if err != nil || len(again.Deleted) != 0 || again.Owned.Version != pruned.Owned.Version {
		t.Errorf("a second prune did something: %+v, %v", again, err)
	}
}

func TestCrashesOrphanNothing(t *testing.T) {
	w := newWorld(t)
	// A crash after the inventory was written, and before anything was applied.
	inventory, err := w.WriteInventory(w.ctx, target.Inventory{Application: w.app.Name}.Union([]resource.ID{w.configMap("a"), w.configMap("b")}))
	if err != nil {
		t.Fatal(err)
	}
	// Another one after an object was created, and before its UID was written.
	objects, err := w.resolve(w.ctx, w.app, declare(t, first(1)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := manifest(w.app, objects[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.patch(w.ctx, objects[0], body, false); err != nil {
		t.Fatal(err)
	}

	// The next revision declares something else.
	w.app.Revision = "r2"
	now := w.apply(`
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: d}
`)
	if len(now.Owned.Items) != 4 || now.Owned.Version == inventory.Version {
		t.Errorf("what was about to be created is forgotten: %+v", now.Owned)
	}
	pruned, err := w.Prune(w.ctx, now.Owned, now.Declared, PruneTerms{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]resource.ID{w.configMap("a")}, pruned.Deleted); diff != "" {
		t.Errorf("deleted (-want +got):\n%s", diff)
	}
	if len(pruned.Owned.Items) != 2 || w.exists(w.configMap("a")) {
		t.Errorf("orphans are left: %v", pruned.Owned.Items)
	}
}

func TestBrokenRolloutIsDegraded(t *testing.T) {
	w := newWorld(t)
	broken := strings.Replace(workload, "registry.example.org/api:1", "registry.example.org/broken:1", 1)
	broken = strings.Replace(broken, "replicas: 1", "replicas: 1\n  progressDeadlineSeconds: 3", 1)
	applied := w.apply(broken)
	changes := 0
	start := time.Now()
	all, err := w.AwaitHealthy(w.ctx, declaredIDs(applied), testLimit, func([]target.Health) { changes++ })
	if err != nil {
		t.Fatal(err)
	}
	if target.Worst(all) != target.Degraded || changes == 0 || time.Since(start) > testLimit/2 {
		t.Errorf("got %v after %v and %d reports", all, time.Since(start), changes)
	}
	for _, h := range all {
		if h.ID.Kind == "Deployment" && (!h.Final || !strings.Contains(h.Message, "progress")) {
			t.Errorf("got %+v", h)
		}
	}

	applied = w.apply(workload)
	all, err = w.AwaitHealthy(w.ctx, declaredIDs(applied), testLimit, nil)
	if err != nil || target.Worst(all) != target.Healthy {
		t.Errorf("after the repair: %v, %v", all, err)
	}
	missing := append(declaredIDs(applied), w.configMap("missing"))
	all, err = w.AwaitHealthy(w.ctx, missing, time.Second, nil)
	if err != nil || target.Worst(all) != target.Missing {
		t.Errorf("with a missing object: %v, %v", all, err)
	}
}

func declaredIDs(applied *target.Applied) (ids []resource.ID) {
	for _, item := range applied.Declared.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

func TestHealTakesBackWhatWasChanged(t *testing.T) {
	w := newWorld(t)
	applied := w.apply(workload)
	declared := declare(t, workload)[0]
	id := resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: w.app.Namespace, Name: "api"}
	if _, err := w.AwaitHealthy(w.ctx, declaredIDs(applied), testLimit, nil); err != nil {
		t.Fatal(err)
	}
	good, err := w.Live(w.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.server.Kubectl("patch", "deployment/api", "-n", w.app.Namespace, "--type=json", "-p", `[
		{"op": "add", "path": "/spec/template/spec/containers/0", "value": {"name": "evil", "image": "evil", "securityContext": {"privileged": true}}},
		{"op": "add", "path": "/spec/template/spec/hostNetwork", "value": true},
		{"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "evil:2"}]`)
	if err != nil {
		t.Fatal(err)
	}
	bad, err := w.Live(w.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	pod := func(steps ...any) resource.Path { return path(append([]any{"spec", "template", "spec"}, steps...)...) }
	d := drift.Drift{Kind: drift.Changed, Object: id, UID: stringAt(good, "metadata", "uid"), Changes: []drift.Change{
		{Operation: drift.FieldAdded, Path: pod("containers", item(0, "evil"))},
		{Operation: drift.FieldAdded, Path: pod("hostNetwork")},
		{Operation: drift.FieldChanged, Path: pod("containers", item(1, "api"), "image")},
	}}
	// The object changes once more, so that the version seen is out of date.
	if _, err := w.server.Kubectl("annotate", "deployment/api", "-n", w.app.Namespace, "note=x"); err != nil {
		t.Fatal(err)
	}
	observed := 0
	err = w.Heal(w.ctx, w.app, d, declared, HealOptions{Live: bad, Observe: func(got resource.ID, _ *resource.Resource, answer map[string]any) {
		observed++
		if got != id || at(answer, "metadata", "managedFields") == nil {
			t.Errorf("observed %s: %v", got, answer)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	healed, err := w.Live(w.ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(good["spec"], healed["spec"]); diff != "" || observed != 1 {
		t.Errorf("observed %d, spec (-before +healed):\n%s", observed, diff)
	}

	if _, err := w.server.Kubectl("delete", "deployment/api", "-n", w.app.Namespace); err != nil {
		t.Fatal(err)
	}
	if err := w.Heal(w.ctx, w.app, drift.Drift{Kind: drift.Missing, Object: id}, declared, HealOptions{}); err != nil || !w.exists(id) {
		t.Errorf("a missing object: %v", err)
	}
	if err := w.Heal(w.ctx, w.app, d, declared, HealOptions{}); !errors.Is(err, target.Conflict) {
		t.Errorf("a drift of the object that was there before: %v", err)
	}
}

func TestHealDeletesExtraObjectsOnlyWhenAsked(t *testing.T) {
	w := newWorld(t)
	applied := w.apply(first(2))
	extra := drift.Drift{Kind: drift.Extra, Object: w.configMap("b"), UID: applied.Owned.Items[1].UID}
	if err := w.Heal(w.ctx, w.app, extra, nil, HealOptions{}); err != nil || !w.exists(w.configMap("b")) {
		t.Errorf("not asked: %v", err)
	}
	other := extra
	other.UID = "another"
	if err := w.Heal(w.ctx, w.app, other, nil, HealOptions{DeleteExtra: true}); !errors.Is(err, target.Refused) || !w.exists(w.configMap("b")) {
		t.Errorf("another object of the same name: %v", err)
	}
	if err := w.Heal(w.ctx, w.app, extra, nil, HealOptions{DeleteExtra: true}); err != nil || w.exists(w.configMap("b")) {
		t.Errorf("asked: %v", err)
	}
}

func TestAPIServerDown(t *testing.T) {
	server := testcluster.Start(t, testcluster.Options{})
	c, err := Connect(Options{Kubeconfig: server.Kubeconfig, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	defer cancel()
	app := App{Name: "web", Namespace: "default", Revision: "r1"}
	applied, err := c.Apply(ctx, app, declare(t, configMaps5), ApplyOptions{})
	if err != nil || applied.Err() != nil {
		t.Fatal(err, applied.Err())
	}
	if err := server.StopComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	declared := declare(t, first(4))
	id := declaredIDs(applied)[0]
	calls := map[string]func() error{
		"apply": func() error { _, err := c.Apply(ctx, app, declared, ApplyOptions{}); return err },
		"plan":  func() error { _, err := c.Plan(ctx, app, declared, nil); return err },
		"prune": func() error {
			_, err := c.Prune(ctx, applied.Owned, target.Inventory{Application: "web"}.Union([]resource.ID{id}), PruneTerms{Confirmed: true})
			return err
		},
		"live":   func() error { _, err := c.Live(ctx, id); return err },
		"health": func() error { _, err := c.Health(ctx, []resource.ID{id}); return err },
		"await":  func() error { _, err := c.AwaitHealthy(ctx, []resource.ID{id}, time.Second, nil); return err },
		"heal": func() error {
			return c.Heal(ctx, app, drift.Drift{Kind: drift.Missing, Object: id}, declared[0], HealOptions{})
		},
		"version": func() error { _, err := c.ServerVersion(ctx); return err },
		"unknown kinds are not taken for deleted": func() error {
			_, err := c.Live(ctx, resource.ID{Group: "example.org", Version: "v1", Kind: "Thing", Name: "a"})
			return err
		},
	}
	for name, call := range calls {
		start := time.Now()
		err := call()
		if !errors.Is(err, target.Retryable) {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s gave up after %v", name, took)
		}
	}
	if all, _ := c.Health(ctx, []resource.ID{id}); target.Worst(all) != target.Unknown {
		t.Errorf("health is %v", all)
	}
	if err := server.StartComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	again, err := c.Apply(ctx, app, declare(t, configMaps5), ApplyOptions{})
	if err != nil || again.Err() != nil {
		t.Fatal(err, again.Err())
	}
	if diff := cmp.Diff(applied.Owned, again.Owned); diff != "" {
		t.Errorf("owned (-before +after):\n%s", diff)
	}
	if version, err := c.ServerVersion(ctx); err != nil || !strings.HasPrefix(version, "v1.") {
		t.Errorf("version %q, %v", version, err)
	}
}
