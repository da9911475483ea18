package loop

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

// writes are foreign writes of ten kinds: a patch, the field that it changes,
// and what the field is when it is healed.
var writes = []struct {
	gvr     schema.GroupVersionResource
	patch   string
	field   []string
	healed  string // fmt.Sprint of the field; "<nil>" when it is absent
	declare string
}{
	{gvr("", "v1", "configmaps"), `{"data":{"k":"foreign"}}`, []string{"data", "k"}, "v", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: NS}\ndata: {k: v}\n"},
	{gvr("", "v1", "secrets"), `{"stringData":{"k":"foreign"}}`, []string{"data", "k"}, "dg==", "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: NS}\nstringData: {k: v}\n"},
	{gvr("", "v1", "services"), `{"spec":{"sessionAffinity":"ClientIP"}}`, []string{"spec", "sessionAffinity"}, "None", "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: NS}\nspec: {sessionAffinity: None, selector: {app: x}, ports: [{port: 80}]}\n"},
	{gvr("", "v1", "serviceaccounts"), `{"automountServiceAccountToken":true}`, []string{"automountServiceAccountToken"}, "false", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x, namespace: NS}\nautomountServiceAccountToken: false\n"},
	{gvr("apps", "v1", "deployments"), `{"spec":{"template":{"spec":{"hostNetwork":true}}}}`, []string{"spec", "template", "spec", "hostNetwork"}, "<nil>", ""},
	{gvr("apps", "v1", "statefulsets"), `{"spec":{"replicas":4}}`, []string{"spec", "replicas"}, "1", "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x, namespace: NS}\nspec: {replicas: 1, serviceName: x, selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: {containers: [{name: c, image: \"registry.example/s:1\"}]}}}\n"},
	{gvr("rbac.authorization.k8s.io", "v1", "roles"), `{"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]}`, []string{"rules"}, "[map[apiGroups:[] resources:[pods] verbs:[get]]]", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: x, namespace: NS}\nrules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]\n"},
	{gvr("rbac.authorization.k8s.io", "v1", "rolebindings"), `{"subjects":[{"kind":"User","name":"mallory","apiGroup":"rbac.authorization.k8s.io"}]}`, []string{"subjects"}, "[map[apiGroup:rbac.authorization.k8s.io kind:User name:alice]]", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: x, namespace: NS}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: x}\nsubjects: [{kind: User, name: alice, apiGroup: rbac.authorization.k8s.io}]\n"},
	{gvr("networking.k8s.io", "v1", "networkpolicies"), `{"spec":{"policyTypes":["Egress"]}}`, []string{"spec", "policyTypes"}, "[Ingress]", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x, namespace: NS}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n"},
	{gvr("", "v1", "resourcequotas"), `{"spec":{"hard":{"pods":"100"}}}`, []string{"spec", "hard", "pods"}, "10", "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: x, namespace: NS}\nspec: {hard: {pods: \"10\"}}\n"},
}

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

// number returns a number from the environment.
func number(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// TestForeignWritesAreHealed writes to objects of ten kinds as somebody else,
// and measures the time from the API server's answer until the object is as
// declared again.
func TestForeignWritesAreHealed(t *testing.T) {
	const ns = "foreign-writes"
	files := map[string]string{"app/ns.yaml": namespace(ns), "app/d.yaml": deployment(ns, "x", "registry.example/x:1")}
	for i, w := range writes {
		if w.declare != "" {
			files[fmt.Sprintf("app/%d.yaml", i)] = strings.ReplaceAll(w.declare, "NS", ns)
		}
	}
	r := newRig(t, files)
	r.app("foreign-writes", "app", "gate: {mode: audit}")
	r.start()
	r.awaitApp("foreign-writes", state.Ready, r.root)
	client := r.client()
	var took []time.Duration
	for i := range number(t, "HOLDFAST_WRITES", 20) {
		w := writes[i%len(writes)]
		took = append(took, r.write(client, ns, w.gvr, w.patch, w.field, w.healed, fmt.Sprintf("writer-%d", i)))
	}
	slices.Sort(took)
	t.Logf("%d foreign writes healed: median %v, p99 %v, worst %v", len(took), took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
}

func (r *rig) client() dynamic.Interface {
	r.t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", r.cluster.Kubeconfig)
	if err != nil {
		r.t.Fatal(err)
	}
	config.QPS, config.Burst = 1000, 1000
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		r.t.Fatal(err)
	}
	return client
}

// write writes to the object x and returns how long it took until it was healed.
func (r *rig) write(client dynamic.Interface, ns string, gvr schema.GroupVersionResource, patch string, field []string, healed, manager string) time.Duration {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	objects := client.Resource(gvr).Namespace(ns)
	written, err := objects.Patch(ctx, "x", types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		r.t.Fatal(err)
	}
	start := time.Now()
	watch, err := objects.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=x", ResourceVersion: written.GetResourceVersion()})
	if err != nil {
		r.t.Fatal(err)
	}
	defer watch.Stop()
	for event := range watch.ResultChan() {
		object, ok := event.Object.(*unstructured.Unstructured)
		if !ok {
			continue
		}
		value, _, err := unstructured.NestedFieldNoCopy(object.Object, field...)
		if err == nil && fmt.Sprint(value) == healed {
			return time.Since(start)
		}
	}
	r.t.Fatalf("%s was not healed after %s\n%s", gvr.Resource, patch, r.log.String())
	return 0
}

// TestIdleMakesNoRequest lets the loop rest over many objects and counts what it
// asks of the API server: nothing but the watches that it has.
func TestIdleMakesNoRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a control plane of its own")
	}
	const ns = "idle"
	objects := number(t, "HOLDFAST_OBJECTS", 200)
	files := map[string]string{"app/ns.yaml": namespace(ns)}
	for i := range objects / 10 {
		var b strings.Builder
		for j := range 10 {
			b.WriteString("---\n" + configMap(ns, fmt.Sprintf("c-%d-%d", i, j), "k", "v"))
		}
		files[fmt.Sprintf("app/%d.yaml", i)] = b.String()
	}
	var before, after runtime.MemStats
	r := newRigOn(t, testcluster.Start(t, testcluster.Options{Audit: true}), files)
	r.app("idle", "app")
	runtime.GC()
	runtime.ReadMemStats(&before)
	r.start()
	r.awaitApp("idle", state.Ready, r.root)
	r.kubectl("delete", "-n", ns, "configmap/c-0-0")
	r.await("drift is healed", func() bool { return r.exists(ns, "configmap/c-0-0") })
	r.await("the drift is closed", func() bool {
		open, err := r.store.Drifts(context.Background(), false)
		return err == nil && len(open) == 0
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	start := len(r.requests())
	idle := time.Duration(number(t, "HOLDFAST_IDLE", 5)) * time.Second
	select {
	case <-time.After(idle): // the rest is what is measured
	case <-t.Context().Done():
	}
	if got := r.requests()[start:]; len(got) > 0 {
		t.Errorf("%d requests in %v: %q", len(got), idle, got)
	}
	t.Logf("%d objects, idle for %v: no GET, LIST, PATCH or other request; heap grew by %.1f MiB", objects, idle, float64(after.HeapAlloc)/(1<<20)-float64(before.HeapAlloc)/(1<<20))
}

// requests lists what Holdfast asked of the API server, but for watches.
func (r *rig) requests() (out []string) {
	r.t.Helper()
	events, err := r.cluster.AuditLog()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range events {
		if strings.HasPrefix(e.UserAgent, "holdfast/") && e.Verb != "watch" {
			out = append(out, e.Verb+" "+e.RequestURI)
		}
	}
	return out
}
