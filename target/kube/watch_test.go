package kube_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/target/kube"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

func watchedMaps(n int) string {
	var docs []string
	for i := range n {
		docs = append(docs, fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: map-%d}\ndata: {mode: safe}\n", i))
	}
	return strings.Join(docs, "---\n")
}

func is(hook, object, text string) func(told) bool {
	return func(t told) bool {
		return t.hook == hook && strings.HasSuffix(t.id.String(), object) && strings.Contains(t.text, text)
	}
}

// Baselines survive a restart, and with them the knowledge of what was applied.
func TestWatchRestart(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	first := newWatchRig(t, control, kube.WatchOptions{})
	stop := first.run()
	ns := control.Namespace(t)
	objects := first.apply("shop", ns, watchedMaps(4)+"---\n"+watchedSecret)
	first.idle()
	stop()

	stored, err := json.Marshal(objects)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(stored), "planted") || strings.Contains(string(stored), "cGxhbnRlZ") {
		t.Errorf("a secret value is stored: %s", stored)
	}
	var restored []kube.Tracked
	if err := json.Unmarshal(stored, &restored); err != nil {
		t.Fatal(err)
	}
	first.patch(ns, "configmap/map-1", `{"data":{"mode":"wild"}}`)
	first.patch(ns, "secret/web", `{"stringData":{"password":"planted-other"}}`)
	first.kubectl(ns, "delete configmap/map-2")
	first.kubectl(ns, "label configmap/map-3 holdfast.dev/application-")

	second := newWatchRig(t, control, kube.WatchOptions{})
	second.track("shop", restored)
	second.run()
	second.wait(0, "the change", is("drift", "map-1", "changed data.mode"))
	second.wait(0, "the change of the secret", is("drift", "web", "changed data.password"))
	second.wait(0, "the deletion", is("drift", "map-2", "missing"))
	second.wait(0, "the lost label", is("drift", "map-3", "removed metadata.labels.holdfast.dev/application"))
	second.idle()
	if all := second.since(0, "shop"); len(all) != 4 {
		t.Errorf("told: %v", all)
	}

	from := second.mark()
	second.patch(ns, "configmap/map-1", `{"data":{"mode":"safe"}}`)
	second.wait(from, "that the map agrees again", is("agree", "map-1", ""))
	second.wait(from, "the loss of ownership", is("lost", "map-1", "data.mode"))
	second.apply("shop", ns, watchedMaps(4)+"---\n"+watchedSecret)
	for _, name := range []string{"map-2", "map-3", "web"} {
		second.wait(from, "that what was healed agrees", is("agree", name, ""))
	}
	second.idle()
	for _, told := range second.since(from, "shop") {
		if told.hook == "drift" {
			t.Errorf("our own apply was taken for drift: %v", told)
		}
	}
}

// The events of an apply arrive before the caller has its answer. Held back,
// they are judged by the new baseline.
func TestWatchHold(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	r := newWatchRig(t, control, kube.WatchOptions{})
	r.run()
	ns := control.Namespace(t)
	r.apply("shop", ns, watchedMaps(20))
	r.idle()
	for round := range 5 {
		r.apply("shop", ns, strings.ReplaceAll(watchedMaps(20), "safe", fmt.Sprint("round-", round)))
	}
	r.idle()
	if all := r.since(0, "shop"); len(all) > 0 {
		t.Errorf("our own applies were taken for drift: %v", all)
	}

	release := r.watcher.Hold("shop")
	from := r.mark()
	r.patch(ns, "configmap/map-7", `{"data":{"mode":"wild"}}`)
	r.kubectl(ns, "delete configmap/map-8")
	r.track("shop", r.applyOnly("shop", ns, watchedMaps(6))) // 6 and more are no longer declared
	r.kubectl(ns, "delete configmap/map-9")
	r.patch(ns, "configmap/map-3", `{"data":{"mode":"wild"}}`)
	release()
	r.wait(from, "what was changed after the apply", is("drift", "map-3", "changed data.mode"))
	r.wait(from, "what is left over", is("drift", "map-7", "extra"))
	r.idle()
	for _, told := range r.since(from, "shop") {
		if strings.HasSuffix(told.id.Name, "-8") || strings.HasSuffix(told.id.Name, "-9") {
			t.Errorf("what was pruned is told: %v", told)
		}
	}
}

func TestWatchExtras(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	r := newWatchRig(t, control, kube.WatchOptions{})
	r.run()
	foreign := control.Namespace(t)
	r.apply("shop", "", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n"+strings.Replace(watchedDeployment, "{name: web,", "{name: web, namespace: shop,", 1)+"---\n"+
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: own, namespace: shop}\n")
	r.kubectl("shop", "wait deployment/web --for=condition=Available --timeout=60s")
	r.idle()
	if all := r.since(0, "shop"); len(all) > 0 {
		t.Fatalf("what controllers make is told: %v", all)
	}
	r.kubectl("shop", "create role admin --verb=* --resource=*")
	r.kubectl("shop", "create configmap free")
	r.kubectl(foreign, "create role admin --verb=* --resource=*")
	r.kubectl(foreign, "create configmap marked")
	r.kubectl(foreign, "label configmap/marked holdfast.dev/application=shop")
	r.kubectl(foreign, "create configmap of-others")
	r.kubectl(foreign, "label configmap/of-others holdfast.dev/application=unknown")
	r.wait(0, "a role in our namespace", is("drift", "Role shop/admin", "extra"))
	r.wait(0, "an object with our label", is("drift", "ConfigMap "+foreign+"/marked", "extra"))
	r.idle()
	if all := r.since(0, "shop"); len(all) != 2 {
		t.Errorf("told: %v", all)
	}
	from := r.mark()
	r.kubectl("shop", "delete role admin")
	r.kubectl(foreign, "delete configmap/marked")
	r.wait(from, "that the role is gone", is("agree", "Role shop/admin", ""))
	r.wait(from, "that the marked object is gone", is("agree", foreign+"/marked", ""))
	if err := control.StopComponent("kube-controller-manager"); err != nil {
		t.Fatal(err)
	}
}

// Whoever may not watch a kind in all namespaces watches it in those that count.
func TestWatchNarrow(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	admin := newWatchRig(t, control, kube.WatchOptions{})
	ns := control.Namespace(t)
	objects := admin.applyOnly("shop", ns, watchedMaps(2))
	admin.kubectl(ns, "create role watcher --verb=get,list,watch --resource=configmaps")
	admin.kubectl(ns, "create rolebinding watcher --role=watcher --user=limited")

	r := newWatchRigAs(t, control, control.UserKubeconfig(t, "limited"), kube.WatchOptions{})
	r.track("shop", objects)
	r.run()
	r.idle()
	admin.patch(ns, "configmap/map-0", `{"data":{"mode":"wild"}}`)
	admin.kubectl(ns, "delete configmap/map-1")
	r.wait(0, "the change", is("drift", "map-0", "changed data.mode"))
	r.wait(0, "the deletion", is("drift", "map-1", "missing"))
}

func TestWatchSecretConfirmed(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	r := newWatchRig(t, control, kube.WatchOptions{ReadSecrets: true})
	r.run()
	ns := control.Namespace(t)
	r.apply("shop", ns, watchedSecret)
	r.idle()
	// Ownership moves, and the value comes back before anybody looks: no drift.
	release := r.watcher.Hold("shop")
	r.patch(ns, "secret/web", `{"stringData":{"password":"planted-other"}}`)
	r.patch(ns, "secret/web", `{"stringData":{"password":"planted-hunter2"}}`)
	release()
	r.wait(0, "the loss of ownership", is("lost", "web", "data.password"))
	r.patch(ns, "secret/web", `{"stringData":{"password":"planted-third"}}`)
	told := r.wait(0, "the change", is("drift", "web", "changed data.password"))
	if strings.Contains(fmt.Sprint(told), "planted") {
		t.Errorf("a secret value was told: %v", told)
	}
}

// While the API server is away nothing is missing. Afterwards it starts with an
// empty history, so watches have to list again.
func TestWatchAPIServerRestart(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	r := newWatchRig(t, control, kube.WatchOptions{OnTrouble: func(string, error) {}})
	r.run()
	ns := control.Namespace(t)
	r.apply("shop", ns, watchedMaps(10)+"---\n"+watchedDeployment)
	r.idle()
	r.kubectl(ns, "delete configmap/map-1")
	r.wait(0, "the deletion", is("drift", "map-1", "missing"))
	from := r.mark()
	if err := control.StopComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the watches to notice", func() bool { return !r.watcher.Idle() })
	if err := control.StartComponent("kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	r.patch(ns, "configmap/map-2", `{"data":{"mode":"wild"}}`)
	r.wait(from, "the change", is("drift", "map-2", "changed data.mode"))
	r.idle()
	if all := r.since(from, "shop"); len(all) != 1 {
		t.Errorf("told: %v", all)
	}
}

// A server that answers wrongly makes nothing missing, and a history that is
// gone is listed anew.
func TestWatchBrokenServer(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	proxy := newFaultyProxy(t, control)
	r := newWatchRigAs(t, control, proxy.kubeconfig, kube.WatchOptions{OnTrouble: func(string, error) {}})
	ns := control.Namespace(t)
	objects := r.applyOnly("shop", ns, watchedMaps(3))
	r.track("shop", objects)

	const lists = `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"999999"},"items":[]}`
	const expired = `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}` + "\n"
	reading := func(q *http.Request) bool {
		return q.Method == http.MethodGet && strings.Contains(q.URL.Path, "configmaps")
	}
	faults := []struct {
		reason string
		fault  func(*http.Request) (int, string)
	}{
		{"lists fail", func(q *http.Request) (int, string) {
			if reading(q) {
				return 500, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"InternalError","code":500}`
			}
			return 0, ""
		}},
		{"lists are empty, and single objects cannot be read", func(q *http.Request) (int, string) {
			switch {
			case !reading(q):
				return 0, ""
			case q.URL.Query().Get("watch") != "":
				return 200, expired
			case strings.HasSuffix(q.URL.Path, "/configmaps"):
				return 200, lists
			}
			return 503, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"ServiceUnavailable","code":503}`
		}},
		{"a proxy without backend", func(q *http.Request) (int, string) {
			if reading(q) {
				return 404, "404 page not found"
			}
			return 0, ""
		}},
		{"each watch ends as too old", func(q *http.Request) (int, string) {
			if q.URL.Query().Get("watch") != "" {
				return 200, expired
			}
			return 0, ""
		}},
	}
	r.run()
	r.idle()
	for _, f := range faults {
		t.Run(f.reason, func(t *testing.T) {
			r := r.in(t)
			from := r.mark()
			before := proxy.faulty.Load()
			proxy.inject(f.fault)
			waitFor(t, "some faults", func() bool { return proxy.faulty.Load() > before+3 })
			proxy.inject(nil)
			r.idle()
			if all := r.since(from, "shop"); len(all) > 0 {
				t.Errorf("told: %v", all)
			}
			r.patch(ns, "configmap/map-0", fmt.Sprintf(`{"data":{"mode":"wild-%d"}}`, before))
			r.wait(from, "a change afterwards", is("drift", "map-0", fmt.Sprintf("wild-%d", before)))
		})
	}
}

// A server that was restored from a backup keeps back all events up to the
// version that the watch goes on from, even if it was away at first.
func TestWatchHistoryWentBack(t *testing.T) {
	control := testcluster.Start(t, testcluster.Options{})
	proxy := newFaultyProxy(t, control)
	r := newWatchRigAs(t, control, proxy.kubeconfig, kube.WatchOptions{OnTrouble: func(string, error) {}})
	ns := control.Namespace(t)
	r.track("shop", r.applyOnly("shop", ns, watchedMaps(1)))
	r.run()
	r.idle()

	const future = "999999999"
	var restored atomic.Bool
	proxy.inject(func(q *http.Request) (int, string) {
		query := q.URL.Query()
		switch {
		case restored.Load() || !strings.HasSuffix(q.URL.Path, "/configmaps"):
			return 0, ""
		case query.Get("watch") == "":
			return 200, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"` + future + `"},"items":[]}`
		case query.Get("resourceVersion") == future:
			restored.Store(true)
			return 502, ""
		}
		return 200, `{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}}` + "\n"
	})
	waitFor(t, "the server to be away", restored.Load)
	r.idle()
	r.patch(ns, "configmap/map-0", `{"data":{"mode":"wild"}}`)
	r.wait(0, "the change", is("drift", "map-0", "changed data.mode"))
}

// faultyProxy stands in front of the API server and answers some requests
// itself.
type faultyProxy struct {
	kubeconfig string
	fault      atomic.Pointer[func(*http.Request) (int, string)]
	faulty     atomic.Int64 // how many it answered
	cut        func()
}

func newFaultyProxy(t *testing.T, control *testcluster.Cluster) *faultyProxy {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	backend, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(backend)
	forward.FlushInterval = -1
	if forward.Transport, err = rest.TransportFor(config); err != nil {
		t.Fatal(err)
	}
	forward.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	p := &faultyProxy{kubeconfig: filepath.Join(t.TempDir(), "kubeconfig")}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if fault := p.fault.Load(); fault != nil {
			if code, body := (*fault)(q); code != 0 {
				p.faulty.Add(1)
				if strings.HasPrefix(body, "{") {
					w.Header().Set("Content-Type", "application/json")
				}
				w.WriteHeader(code)
				_, _ = io.WriteString(w, body)
				return
			}
		}
		forward.ServeHTTP(w, q)
	}))
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p.cut = server.CloseClientConnections
	text := "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: " + server.URL + "}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
	if err := os.WriteFile(p.kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

// inject has a fault from now on, and ends the watches so that it is met.
func (p *faultyProxy) inject(fault func(*http.Request) (int, string)) {
	if fault == nil {
		p.fault.Store(nil)
	} else {
		p.fault.Store(&fault)
	}
	p.cut()
}
