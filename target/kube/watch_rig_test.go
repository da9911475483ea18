package kube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/target/kube"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

const watchLimit = 60 * time.Second // for anything to happen, on a busy machine

// watchRig is a Watcher over a real control plane, with what it told.
type watchRig struct {
	testing.TB
	control *testcluster.Cluster
	cluster *kube.Cluster
	watcher *kube.Watcher
	*watchLog
}

// watchLog is what a Watcher told, and what it was told.
type watchLog struct {
	mu       sync.Mutex
	changed  chan struct{} // closed when told has grown
	told     []told
	declared map[string]*resource.Value
	tracked  map[string][]kube.Tracked // by application
}

// told is one call of a hook.
type told struct {
	hook string // drift, agree or lost
	app  string
	id   resource.ID
	text string // of a drift: one change per line
	drift.Drift
}

func newWatchRig(t testing.TB, control *testcluster.Cluster, options kube.WatchOptions) *watchRig {
	return newWatchRigAs(t, control, control.Kubeconfig, options)
}

func newWatchRigAs(t testing.TB, control *testcluster.Cluster, kubeconfig string, options kube.WatchOptions) *watchRig {
	t.Helper()
	r := &watchRig{TB: t, control: control, watchLog: &watchLog{
		changed: make(chan struct{}), declared: map[string]*resource.Value{}, tracked: map[string][]kube.Tracked{},
	}}
	var err error
	if r.cluster, err = kube.Connect(kube.Options{Kubeconfig: kubeconfig}); err != nil {
		t.Fatal(err)
	}
	options.OnDrift = func(app string, d drift.Drift, live map[string]any) {
		r.tell(told{hook: "drift", app: app, id: d.Object, text: describeDrift(d), Drift: d})
	}
	options.OnAgree = func(app string, id resource.ID) { r.tell(told{hook: "agree", app: app, id: id}) }
	options.OnLost = func(app string, id resource.ID, fields []string) {
		r.tell(told{hook: "lost", app: app, id: id, text: strings.Join(fields, "\n")})
	}
	if options.OnTrouble == nil {
		options.OnTrouble = func(what string, err error) { t.Logf("trouble: %s: %v", what, err) }
	}
	r.watcher = r.cluster.NewWatcher(options)
	return r
}

// in returns the rig for a sub test.
func (r *watchRig) in(t testing.TB) *watchRig {
	sub := *r
	sub.TB = t
	return &sub
}

// run runs the Watcher until stop is called or the test ends.
func (r *watchRig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.watcher.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(stop)
	return stop
}

func (r *watchRig) tell(t told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, t)
	close(r.changed)
	r.changed = make(chan struct{})
}

// wait returns the first call, from an index on, that is wanted.
func (r *watchRig) wait(from int, what string, wanted func(told) bool) told {
	r.Helper()
	limit := time.After(watchLimit)
	for {
		r.mu.Lock()
		calls, changed := r.told[from:], r.changed
		r.mu.Unlock()
		if i := slices.IndexFunc(calls, wanted); i >= 0 {
			return calls[i]
		}
		select {
		case <-changed:
		case <-limit:
			r.Fatalf("%s was not told; told: %v", what, calls)
		}
	}
}

func (r *watchRig) mark() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.told)
}

// since returns the calls for an application from an index on.
func (r *watchRig) since(from int, app string) (all []told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.told[from:] {
		if t.app == app {
			all = append(all, t)
		}
	}
	return all
}

// idle waits until the Watcher has nothing left to do.
func (r *watchRig) idle() {
	r.Helper()
	waitFor(r, "the watcher to be idle", r.watcher.Idle)
}

func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	limit := time.Now().Add(watchLimit)
	for !condition() {
		if time.Now().After(limit) {
			t.Fatalf("waited too long for %s", what)
		}
		time.Sleep(20 * time.Millisecond) // between two looks at a condition
	}
}

// apply applies manifests as an application and tracks them.
func (r *watchRig) apply(app, namespace, manifests string) []kube.Tracked {
	r.Helper()
	release := r.watcher.Hold(app)
	defer release()
	objects := r.applyOnly(app, namespace, manifests)
	r.track(app, objects)
	return objects
}

func (r *watchRig) track(app string, objects []kube.Tracked) {
	r.mu.Lock()
	r.tracked[app] = objects
	r.mu.Unlock()
	r.watcher.Track(app, objects, func(id resource.ID) *resource.Value {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.declared[id.Key()]
	})
}

func (r *watchRig) applyOnly(app, namespace, manifests string) []kube.Tracked {
	r.Helper()
	var objects []kube.Tracked
	applied, err := r.cluster.Apply(context.Background(), kube.App{Name: app, Namespace: namespace}, parseManifests(r, manifests), kube.ApplyOptions{
		Observe: func(id resource.ID, declared *resource.Resource, answer map[string]any) {
			baseline, err := drift.NewBaseline("hash", answer, kube.FieldManager)
			if err != nil {
				r.Errorf("baseline of %s: %v", id, err)
			}
			r.mu.Lock()
			r.declared[id.Key()] = declared.Root
			r.mu.Unlock()
			objects = append(objects, kube.Tracked{ID: id, Baseline: baseline})
		},
	})
	if err == nil {
		err = applied.Err()
	}
	if err != nil {
		r.Fatal(err)
	}
	return objects
}

func parseManifests(t testing.TB, text string) (all []*resource.Resource) {
	t.Helper()
	docs, err := resource.ParseYAML(source.NewFile("test.yaml", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		id := resource.ID{Kind: d.Root.Get("kind").Text(), Version: d.Root.Get("apiVersion").Text(), Name: d.Root.Get("metadata").Get("name").Text(), Namespace: d.Root.Get("metadata").Get("namespace").Text()}
		if group, version, ok := strings.Cut(id.Version, "/"); ok {
			id.Group, id.Version = group, version
		}
		all = append(all, &resource.Resource{ID: id, Root: d.Root})
	}
	return all
}

// kubectl runs kubectl; words of the command are separated by spaces.
func (r *watchRig) kubectl(namespace, command string) {
	r.Helper()
	r.kubectlArgs(namespace, strings.Fields(command)...)
}

func (r *watchRig) kubectlArgs(namespace string, args ...string) string {
	r.Helper()
	out, err := r.control.Kubectl(append(args, "--namespace", namespace)...)
	if err != nil {
		r.Fatal(err)
	}
	return out
}

// patch merges JSON into an object, as another manager.
func (r *watchRig) patch(namespace, object, patch string, flags ...string) {
	r.Helper()
	r.kubectlArgs(namespace, append([]string{"patch", object, "--patch", patch}, flags...)...)
}

// input runs kubectl with a manifest on its standard input.
func (r *watchRig) input(namespace, manifest string, args ...string) {
	r.Helper()
	cmd := r.control.KubectlCommand(append(args, "--namespace", namespace, "-f", "-")...)
	cmd.Stdin = strings.NewReader(manifest)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		r.Fatalf("kubectl %v: %v\n%s", args, err, &stderr)
	}
}

// describeDrift returns one line per change, without what differs from run to
// run.
func describeDrift(d drift.Drift) string {
	if d.Kind != drift.Changed {
		return string(d.Kind)
	}
	var lines []string
	for _, c := range d.Changes {
		line := fmt.Sprintf("%s %s", c.Operation, c.Field)
		switch {
		case c.Field == "metadata.uid":
		case c.Operation == drift.FieldChanged:
			line += fmt.Sprintf(" %s -> %s", compact(c.Declared), compact(c.Live))
		case c.Operation == drift.FieldAdded:
			line += " " + compact(c.Live)
		}
		if c.Manager != "" {
			line += " by " + strings.TrimSpace(c.Manager+" "+c.Verb+" "+c.Subresource)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func compact(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
