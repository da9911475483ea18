package loop

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

// corpus reads the files of a real repository below HOLDFAST_CORPORA.
func corpus(t *testing.T, name string) map[string]string {
	t.Helper()
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		t.Skip("HOLDFAST_CORPORA does not name a folder with real repositories")
	}
	files := map[string]string{}
	dir := filepath.Join(root, name)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		files[filepath.ToSlash(relative)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestKubePrometheus deploys a large real repository: definitions and their
// objects in one commit, aggregated APIs, webhooks, quantities and defaults.
func TestKubePrometheus(t *testing.T) {
	files := corpus(t, "kube-prometheus")
	r := newRigOn(t, testcluster.Start(t, testcluster.Options{Audit: true}), files)
	r.app("kube-prometheus", "manifests", "gate: {mode: audit}", "health: {disabled: true}")
	r.start()
	began := time.Now()
	r.awaitLong("kube-prometheus", state.Ready, r.root)
	t.Logf("deployed in %v: %s", time.Since(began).Round(100*time.Millisecond), r.records(ledger.Apply)[0].Message)
	r.awaitQuiet()
	if drifts := r.records(ledger.Drift); len(drifts) > 0 {
		t.Errorf("%d drifts while the controllers settled, first: %+v", len(drifts), drifts[0])
	}

	// Another policy digest or option would reconcile anew; so does another
	// process. Nothing is written then.
	next := r.commit("Touch every file", touched(files, "manifests/"))
	r.awaitLong("kube-prometheus", state.Ready, next)
	r.awaitQuiet()
	for _, record := range r.records(ledger.Apply)[1:] {
		if len(record.Objects) > 0 {
			t.Errorf("a second reconcile changed %v", record.Objects)
		}
	}

	r.repo.Remove("manifests")
	bad := r.commit("Delete it", map[string]string{"manifests/namespace.yaml": namespace("monitoring")})
	app := r.awaitLong("kube-prometheus", state.Held, bad)
	t.Logf("deleting the directory: %s", app.Reason)
	if !r.exists("monitoring", "deployment/grafana") {
		t.Error("objects were deleted though the prune was held")
	}
	r.verifyLedger()
}

// touched returns the YAML files below a directory with a comment added.
func touched(files map[string]string, below string) map[string]string {
	out := map[string]string{}
	for path, content := range files {
		if strings.HasPrefix(path, below) && strings.HasSuffix(path, ".yaml") {
			out[path] = strings.TrimRight(content, "\n") + "\n# touched\n"
		}
	}
	return out
}

func (r *rig) awaitLong(name string, want state.Status, commit string) (app state.Application) {
	r.t.Helper()
	awaitWithin(r.t, 5*time.Minute, fmt.Sprintf("%s is %s at %.8s", name, want, commit), func() bool {
		var err error
		app, err = r.store.Application(context.Background(), name)
		return err == nil && app.Status == want && (app.Tried == commit || app.Revision == commit)
	}, func() string { return app.Reason + "\n" + strings.Join(app.Details, "\n") + r.log.String() })
	return app
}

// awaitQuiet waits until the API server has had no writes but those of leases
// and events for a few seconds: the controllers have settled.
func (r *rig) awaitQuiet() {
	r.t.Helper()
	count := func() (n int) {
		events, err := r.cluster.AuditLog()
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range events {
			if e.ObjectRef != nil && (e.Verb == "create" || e.Verb == "update" || e.Verb == "patch" || e.Verb == "delete") &&
				e.ObjectRef.Resource != "leases" && e.ObjectRef.Resource != "events" {
				n++
			}
		}
		return n
	}
	last, since := -1, time.Now()
	r.await("the controllers have settled", func() bool {
		if n := count(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
}

// TestExampleApplications deploys each of a collection of real examples.
func TestExampleApplications(t *testing.T) {
	files := corpus(t, "argocd-example-apps")
	r := newRigOn(t, testcluster.Start(t, testcluster.Options{Audit: true}), files)
	names := []string{"guestbook", "kustomize-guestbook", "helm-guestbook", "sync-waves", "pre-post-sync", "blue-green", "helm-dependency", "helm-hooks", "sock-shop"}
	for _, name := range names {
		if _, err := os.Stat(r.repo.Path(name)); err == nil {
			r.app(name, name, "namespace: "+name, "createNamespace: true", "gate: {mode: audit}", "health: {timeout: 60s}")
		}
	}
	r.start()
	settled := func() bool {
		apps, err := r.store.Applications(context.Background())
		for _, a := range apps {
			if a.Status == state.Pending || a.Status == state.Progressing || a.Status == state.Unreachable {
				return false
			}
		}
		return err == nil && len(apps) == len(r.apps)
	}
	awaitWithin(t, 5*time.Minute, "all examples are decided", settled, r.log.String)
	r.awaitQuiet()
	apps, err := r.store.Applications(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range apps {
		t.Logf("%-20s %-11s %d objects  %s", a.Name, a.Status, a.Objects, a.Reason)
	}
	for _, name := range []string{"guestbook", "kustomize-guestbook", "helm-guestbook"} {
		r.awaitApp(name, state.Ready, r.root)
	}
	if drifts := r.records(ledger.Drift); len(drifts) > 0 {
		t.Errorf("%d drifts while the controllers settled, first: %+v", len(drifts), drifts[0])
	}
}
