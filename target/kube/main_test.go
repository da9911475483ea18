package kube

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/test/testcluster"
)

// shared is the control plane of all tests of this package. Each test has a
// namespace of its own.
var shared testcluster.Shared

func TestMain(m *testing.M) { os.Exit(shared.Run(m)) }

// testLimit is longer than any healthy test, on a busy machine too.
const testLimit = 3 * time.Minute

// world is what a test against the control plane has: a connection, and an
// application with a namespace of its own.
type world struct {
	*Cluster
	t      *testing.T
	server *testcluster.Cluster
	ctx    context.Context
	app    App
}

func newWorld(t *testing.T) *world {
	t.Helper()
	server := shared.Cluster(t)
	c, err := Connect(Options{Kubeconfig: server.Kubeconfig})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testLimit)
	t.Cleanup(cancel)
	namespace := server.Namespace(t)
	return &world{Cluster: c, t: t, server: server, ctx: ctx, app: App{Name: "app-" + namespace, Namespace: namespace, Revision: "r1"}}
}

// declare reads manifests.
func declare(t *testing.T, manifests string) []*resource.Resource {
	t.Helper()
	file := source.NewFile("app.yaml", []byte(manifests))
	documents, err := resource.ParseYAML(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []*resource.Resource
	for i, d := range documents {
		for _, o := range resource.Objects(d) {
			all = append(all, &resource.Resource{ID: o.ID, Root: o.Root, Origin: resource.Origin{File: file, Document: i, Span: o.Span}})
		}
	}
	return all
}

// apply applies manifests, which has to succeed.
func (w *world) apply(manifests string) *target.Applied {
	w.t.Helper()
	applied, err := w.Apply(w.ctx, w.app, declare(w.t, manifests), ApplyOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := applied.Err(); err != nil {
		w.t.Fatal(err)
	}
	return applied
}

// eventually waits until done reports true.
func (w *world) eventually(what string, done func() bool) {
	w.t.Helper()
	err := w.until(w.ctx, time.Minute, func(context.Context) (bool, error) { return done(), nil }, target.Refused)
	if err != nil {
		w.t.Fatalf("%s did not happen: %v", what, err)
	}
}
