package kube_test

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/target/kube"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

// The measurements below run in a small form with the tests. For figures, set
// HOLDFAST_WATCH_OBJECTS=1000 HOLDFAST_WATCH_IDLE=5m HOLDFAST_WATCH_WRITES=200
// and run them with -v.
func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// deployments are n objects of the usual size.
func deployments(n int) string {
	var docs []string
	for i := range n {
		docs = append(docs, strings.Replace(watchedDeployment, "metadata: {name: web,", fmt.Sprintf("metadata: {name: web-%d,", i), 1))
	}
	return strings.ReplaceAll(strings.Join(docs, "---\n"), "replicas: 2", "replicas: 0")
}

// requests counts what Holdfast asked of the API server, by verb.
func requests(t *testing.T, control *testcluster.Cluster) map[string]int {
	t.Helper()
	events, err := control.AuditLog()
	if err != nil {
		t.Fatal(err)
	}
	verbs := map[string]int{}
	for _, e := range events {
		if strings.HasPrefix(e.UserAgent, "holdfast") && e.Stage != "ResponseStarted" {
			verbs[e.Verb]++
		}
	}
	return verbs
}

// As long as nothing drifts, the API server is not asked anything. Without
// a Watcher that works the count would prove nothing, so a write follows it.
func TestWatchIdle(t *testing.T) {
	objects := setting("HOLDFAST_WATCH_OBJECTS", 100)
	idle := 10 * time.Second
	if d, err := time.ParseDuration(os.Getenv("HOLDFAST_WATCH_IDLE")); err == nil {
		idle = d
	}
	control := testcluster.Start(t, testcluster.Options{Audit: true})
	r := newWatchRig(t, control, kube.WatchOptions{})
	ns := control.Namespace(t)
	stored, err := json.Marshal(r.applyOnly("shop", ns, deployments(objects)+"---\n"+watchedSecret+"---\n"+watchedConfigMap))
	if err != nil {
		t.Fatal(err)
	}
	clear(r.declared) // the manifests are not the Watcher's
	before := heap()
	var restored []kube.Tracked
	if err := json.Unmarshal(stored, &restored); err != nil {
		t.Fatal(err)
	}
	r.watcher.Track("shop", restored, nil)
	restored = nil
	r.run()
	r.idle()
	t.Logf("heap for %d objects: %d KiB; stored as JSON: %d KiB", objects+2, (heap()-before)/1024, len(stored)/1024)

	waitFor(t, "the controllers", func() bool {
		return len(strings.Fields(r.kubectlArgs(ns, "get", "deployments", "-o", "jsonpath={.items[*].status.observedGeneration}"))) == objects
	})
	first := requests(t, control)
	select { // nothing has to happen for a while
	case <-time.After(idle):
	case <-t.Context().Done():
	}
	last := requests(t, control)
	for verb, n := range last {
		if n > first[verb] && verb != "watch" {
			t.Errorf("%d %s requests in %v without drift", n-first[verb], verb, idle)
		}
	}
	from := r.mark()
	r.kubectl(ns, "scale deployment/web-1 --replicas=1")
	r.wait(from, "the scale", is("drift", "web-1", "changed spec.replicas"))
	if all := r.since(0, "shop"); len(all) != 1 {
		t.Errorf("told: %v", all)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// From the answer to a foreign write, of ten kinds, until it is told.
func TestWatchLatency(t *testing.T) {
	writes := setting("HOLDFAST_WATCH_WRITES", 50)
	control := testcluster.Start(t, testcluster.Options{})
	r := newWatchRig(t, control, kube.WatchOptions{})
	ns := control.Namespace(t)
	r.run()
	objects := r.apply("shop", ns, tenKinds)
	r.idle()
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.UserAgent = "rival"
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for i := range writes {
		id := objects[i%len(objects)].ID
		plural := strings.ToLower(id.Kind) + "s"
		if id.Kind == "NetworkPolicy" {
			plural = "networkpolicies"
		}
		from, marker := r.mark(), fmt.Sprint("n", i)
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:"x"}}}`, marker)
		_, err := client.Resource(schema.GroupVersionResource{Group: id.Group, Version: id.Version, Resource: plural}).Namespace(ns).
			Patch(t.Context(), id.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "rival"})
		answered := time.Now()
		if err != nil {
			t.Fatal(err)
		}
		told := r.wait(from, marker, is("drift", id.Kind+" "+ns+"/"+id.Name, "metadata.annotations."+marker))
		took = append(took, told.Seen.Sub(answered))
	}
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	t.Logf("%d writes of %d kinds: median %v, p90 %v, p99 %v, longest %v after the answer; below zero is before it",
		writes, len(objects), took[len(took)/2], took[len(took)*9/10], p99, took[len(took)-1])
	if p99 > time.Second {
		t.Errorf("p99 is %v", p99)
	}
}

const tenKinds = watchedConfigMap + "---\n" + watchedSecret + "---\n" + watchedDeployment + `---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec: {serviceName: web, selector: {matchLabels: {app: s}}, template: {metadata: {labels: {app: s}}, spec: {containers: [{name: s, image: s}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec: {schedule: "0 0 1 1 *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: c}]}}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {}, policyTypes: [Ingress]}
`
