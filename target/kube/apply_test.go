package kube

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// things defines a kind; %s is a group of the test's own.
func things(group string) string {
	return `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.` + group + `}
spec:
  group: ` + group + `
  scope: Namespaced
  names: {kind: Thing, listKind: ThingList, plural: things, singular: thing}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {status: {}}
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, properties: {size: {type: integer}, token: {type: string}}}
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`
}

const workload = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 1
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      serviceAccountName: api
      containers:
        - name: api
          image: registry.example.org/api:1
          resources: {requests: {cpu: 0.1, memory: 1Gi}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: api}
---
apiVersion: v1
kind: Secret
metadata: {name: api}
stringData: {password: ` + planted + `}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: api}
data: {mode: fast}
`

func TestApplyBringsAllAndThenChangesNothing(t *testing.T) {
	w := newWorld(t)
	group := w.app.Namespace + ".example.org"
	manifests := `
apiVersion: ` + group + `/v1
kind: Thing
metadata: {name: first, namespace: ` + w.app.Namespace + `-new}
spec: {size: 1}
status: {ignored: true}
---` + workload + `---` + things(group) + `---
apiVersion: v1
kind: Namespace
metadata: {name: ` + w.app.Namespace + `-new}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + w.app.Name + `, namespace: wrong}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`
	t.Cleanup(func() {
		_, _ = w.server.Kubectl("delete", "--wait=false", "crd/things."+group, "namespace/"+w.app.Namespace+"-new", "clusterrole/"+w.app.Name)
	})
	plan, err := w.Plan(w.ctx, w.app, declare(t, manifests), nil)
	if err != nil || plan.Err() != nil {
		t.Fatal(err, plan.Err())
	}
	if diff := cmp.Diff(map[target.Action]int{target.Create: 8}, plan.Counts()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if last := plan.Changes[7]; last.ID.Kind != "Thing" || last.Reason == "" {
		t.Errorf("the object of a kind that is not there yet: %+v", last)
	}

	observed := map[string]map[string]any{}
	options := ApplyOptions{Observe: func(id resource.ID, declared *resource.Resource, answer map[string]any) {
		if declared.ID != id {
			t.Errorf("observed %s for %s", id, declared.ID)
		}
		observed[id.Key()] = answer
	}}
	first, err := w.Apply(w.ctx, w.app, declare(t, manifests), options)
	if err != nil || first.Err() != nil {
		t.Fatal(err, first.Err())
	}
	if diff := cmp.Diff(map[target.Action]int{target.Create: 8}, first.Counts()); diff != "" {
		t.Errorf("first apply (-want +got):\n%s", diff)
	}
	if len(observed) != 8 {
		t.Errorf("observed %d objects", len(observed))
	}
	for key, answer := range observed {
		if got := stringAt(answer, "metadata", "labels", LabelApplication); got != w.app.Name {
			t.Errorf("%s has the label %q", key, got)
		}
	}
	if first.Owned.Revision != "r1" || len(first.Owned.Minus(first.Declared)) != 0 {
		t.Errorf("the inventory is %+v", first.Owned)
	}
	for _, item := range first.Owned.Items {
		if item.UID == "" {
			t.Errorf("%s has no UID", item.ID)
		}
	}

	// Controllers write status and annotations at first.
	deployment := resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: w.app.Namespace, Name: "api"}
	if _, err := w.AwaitHealthy(w.ctx, []resource.ID{deployment}, testLimit, nil); err != nil {
		t.Fatal(err)
	}
	second := w.apply(manifests)
	if diff := cmp.Diff(map[target.Action]int{target.Unchanged: 8}, second.Counts()); diff != "" {
		t.Errorf("second apply (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(first.Owned, second.Owned); diff != "" {
		t.Errorf("the inventory was written again (-first +second):\n%s", diff)
	}
	plan, err = w.Plan(w.ctx, w.app, declare(t, manifests), nil)
	if err != nil || plan.Err() != nil {
		t.Fatal(err, plan.Err())
	}
	if diff := cmp.Diff(map[target.Action]int{target.Unchanged: 8}, plan.Counts()); diff != "" {
		t.Errorf("plan of what is there (-want +got):\n%s", diff)
	}
}

func TestSkippedObjectsAreNotTouched(t *testing.T) {
	w := newWorld(t)
	w.apply(workload)
	if _, err := w.server.Kubectl("delete", "-n", w.app.Namespace, "configmap/api"); err != nil {
		t.Fatal(err)
	}
	applied, err := w.Apply(w.ctx, w.app, declare(t, workload), ApplyOptions{
		Skip:    func(r *resource.Resource) bool { return true },
		Observe: func(id resource.ID, _ *resource.Resource, _ map[string]any) { t.Errorf("%s was applied", id) },
	})
	if err != nil || applied.Err() != nil {
		t.Fatal(err, applied.Err())
	}
	for _, r := range applied.Results {
		if !r.Skipped || r.Action != target.Unchanged {
			t.Errorf("%s: %+v", r.ID, r)
		}
	}
	for _, item := range applied.Owned.Items {
		if item.UID == "" {
			t.Errorf("the UID of %s is lost", item.ID)
		}
	}
}

func TestFailuresHoldOnlyWhatNeedsThem(t *testing.T) {
	w := newWorld(t)
	group := w.app.Namespace + ".example.org"
	applied, err := w.Apply(w.ctx, w.app, declare(t, strings.ReplaceAll(things(group), "scope: Namespaced", "scope: Namespaced\n  conversion: {strategy: Wrong}")+`---
apiVersion: `+group+`/v1
kind: Thing
metadata: {name: first}
---
apiVersion: v1
kind: Namespace
metadata: {name: `+w.app.Namespace+`-x, labels: {"not a label": x}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: held, namespace: `+w.app.Namespace+`-x}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: good}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: lost, namespace: `+w.app.Namespace+`-none}
---
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec: {containers: [{name: a, image: a, ports: [{containerPort: many}]}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: unknown-field}
dta: {}
---
apiVersion: none.example.org/v1
kind: Nothing
metadata: {name: nothing}
`), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]struct {
		kind target.ErrorKind
		text string
	}{
		"CustomResourceDefinition things." + group:        {target.Invalid, "spec.conversion.strategy: supported values"},
		"Thing " + w.app.Namespace + "/first":             {target.Held, "it needs CustomResourceDefinition things." + group + ", which failed"},
		"Namespace " + w.app.Namespace + "-x":             {target.Invalid, "metadata.labels"},
		"ConfigMap " + w.app.Namespace + "-x/held":        {target.Held, "it needs Namespace"},
		"ConfigMap " + w.app.Namespace + "/good":          {"", ""},
		"ConfigMap " + w.app.Namespace + "-none/lost":     {target.NotFound, "does not exist; declare it"},
		"Pod " + w.app.Namespace + "/bad":                 {target.Invalid, "containerPort"},
		"ConfigMap " + w.app.Namespace + "/unknown-field": {target.Invalid, "dta: is not a field"},
		"Nothing nothing":                                 {target.NotFound, "serves no none.example.org/v1 Nothing"},
	}
	for _, r := range applied.Results {
		expected, ok := want[r.ID.String()]
		delete(want, r.ID.String())
		if !ok || target.KindOf(r.Err) != expected.kind || r.Err != nil && !strings.Contains(r.Err.Error(), expected.text) {
			t.Errorf("%s: got %q %v, want %q %s", r.ID, target.KindOf(r.Err), r.Err, expected.kind, expected.text)
		}
	}
	if len(want) > 0 {
		t.Errorf("no results for %v", want)
	}
	if applied.Owned.Revision != "" {
		t.Errorf("a failed apply noted revision %q", applied.Owned.Revision)
	}
}

func TestOneObjectTwiceIsRefused(t *testing.T) {
	w := newWorld(t)
	_, err := w.Apply(w.ctx, w.app, declare(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: `+w.app.Namespace+`}
---
apiVersion: v1
kind: ConfigMap
metadata: {namespace: x}
`), ApplyOptions{})
	if !errors.Is(err, target.Invalid) || !strings.Contains(err.Error(), "declared twice, at app.yaml:2, at app.yaml:6") || !strings.Contains(err.Error(), "metadata.name: is required, at app.yaml:10") {
		t.Errorf("got %v", err)
	}
	inventory, err := w.ReadInventory(w.ctx, w.app.Name)
	if err != nil || inventory.Version != "" {
		t.Errorf("something was written: %+v, %v", inventory, err)
	}
}

func TestObjectsOfNobodyAreAdopted(t *testing.T) {
	w := newWorld(t)
	if _, err := w.server.Kubectl("create", "configmap", "api", "-n", w.app.Namespace, "--from-literal=mode=slow"); err != nil {
		t.Fatal(err)
	}
	applied := w.apply(workload)
	if got := applied.Counts()[target.Update]; got != 1 {
		t.Errorf("%d objects were updated", got)
	}
}

func TestWhatCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	job := func(image, annotations string) string {
		return `
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, annotations: {` + annotations + `}}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: a, image: ` + image + `}]}
`
	}
	before := w.apply(job("a:1", ""))
	applied, err := w.Apply(w.ctx, w.app, declare(t, job("a:2", "")), ApplyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := applied.Err(); !errors.Is(err, target.Immutable) || !strings.Contains(err.Error(), "spec.template: ") || !strings.Contains(err.Error(), AnnotationReplace) {
		t.Errorf("got %v", err)
	}
	replace := job("a:2", AnnotationReplace+`: "true"`)
	plan, err := w.Plan(w.ctx, w.app, declare(t, replace), nil)
	if err != nil || plan.Err() != nil || plan.Changes[0].Reason == "" {
		t.Errorf("plan: %+v, %v", plan, err)
	}
	after := w.apply(replace)
	if before.Owned.Items[0].UID == after.Owned.Items[0].UID {
		t.Error("the job was not replaced")
	}
}

func TestGeneratedNamesFollowTheManifest(t *testing.T) {
	w := newWorld(t)
	manifests := `
apiVersion: v1
kind: ConfigMap
metadata: {generateName: run-}
data: {a: "1"}
---
apiVersion: v1
kind: ConfigMap
metadata: {generateName: run-}
data: {a: "2"}
`
	before := w.apply(manifests)
	if got := w.apply(manifests).Counts(); got[target.Unchanged] != 2 {
		t.Errorf("the same manifests gave %v", got)
	}
	after := w.apply(strings.Replace(manifests, `"2"`, `"3"`, 1))
	if len(before.Owned.Items) != 2 || len(after.Owned.Items) != 3 || after.Counts()[target.Create] != 1 {
		t.Errorf("owned %v, then %v", before.Owned.Items, after.Owned.Items)
	}
}

func TestNamespaceOfTheApplication(t *testing.T) {
	w := newWorld(t)
	w.app.Namespace += "-later"
	t.Cleanup(func() { _, _ = w.server.Kubectl("delete", "--wait=false", "namespace/"+w.app.Namespace) })
	plan, err := w.Plan(w.ctx, w.app, declare(t, workload), nil)
	if err != nil || !errors.Is(plan.Err(), target.NotFound) {
		t.Errorf("without the namespace: %v, %v", err, plan.Err())
	}
	w.app.CreateNamespace = true
	if plan, err = w.Plan(w.ctx, w.app, declare(t, workload), nil); err != nil || plan.Err() != nil {
		t.Errorf("with a namespace that is created: %v, %v", err, plan.Err())
	}
	applied := w.apply(workload)
	if len(applied.Owned.Items) != 4 {
		t.Errorf("owned are %v", applied.Owned.Items)
	}
}

func TestCancelledApplyKeepsWhatItDid(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(w.ctx)
	applied, err := w.Apply(ctx, w.app, declare(t, workload), ApplyOptions{
		Observe: func(resource.ID, *resource.Resource, map[string]any) { cancel() },
	})
	if err != nil || applied.Err() == nil {
		t.Fatalf("%v, %v", err, applied)
	}
	stored, err := w.ReadInventory(w.ctx, w.app.Name)
	if err != nil {
		t.Fatal(err)
	}
	uids := 0
	for _, item := range stored.Items {
		if item.UID != "" {
			uids++
		}
	}
	if len(stored.Items) != 4 || uids == 0 || stored.Revision != "" {
		t.Errorf("the inventory is %+v", stored)
	}
	w.apply(workload)
}
