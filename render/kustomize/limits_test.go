package kustomize_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

// Doubling bases and doubling copies must end at a limit, and leave the caller as
// it was.
func TestBombs(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector does not work with little memory")
	}
	bases := map[string]string{"leaf/kustomization.yaml": "resources: [a.yaml]\n", "leaf/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"}
	below := "leaf"
	for i := range 40 {
		for _, side := range []string{"l", "r"} {
			bases[fmt.Sprintf("%s%d/kustomization.yaml", side, i)] = fmt.Sprintf("namePrefix: %s\nresources: [../%s]\n", side, below)
		}
		bases[fmt.Sprintf("n%d/kustomization.yaml", i)] = fmt.Sprintf("resources: [../l%d, ../r%d]\n", i, i)
		below = fmt.Sprintf("n%d", i)
	}
	bases["kustomization.yaml"] = "resources: [" + below + "]\n"

	var ops strings.Builder
	for i := range 60 {
		fmt.Fprintf(&ops, "- {op: copy, from: /data, path: /data/k%d}\n", i)
	}
	copies := map[string]string{
		"kustomization.yaml": "resources: [a.yaml]\npatches:\n- path: ops.yaml\n  target: {kind: ConfigMap}\n",
		"a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  a: b\n",
		"ops.yaml":           ops.String(),
	}
	pool := newPool(t, worker.Limits{Time: 3 * time.Second, Memory: 512 << 20})
	for name, files := range map[string]map[string]string{"bases": bases, "copies": copies} {
		start := time.Now()
		_, err := kustomize.New(pool).Render(t.Context(), source.Memory(files), ".", render.Options{})
		if !worker.IsLimit(err) || time.Since(start) > 20*time.Second {
			t.Errorf("%s: got %v after %s, want a LimitError", name, err, time.Since(start))
		}
	}
	// Without a process, reads are where a build of too many bases ends.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := inProcess().Render(ctx, source.Memory(bases), ".", render.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
}

// Builds share globals of the library: run with -race.
func TestConcurrentBuilds(t *testing.T) {
	r := inProcess()
	tree := source.Memory(shop)
	var wg sync.WaitGroup
	for range 4 {
		for _, dir := range []string{"overlays/prod", "overlays/dev", "base"} {
			wg.Go(func() {
				if _, err := r.Render(context.Background(), tree, dir, render.Options{}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

// A schema that one application brings must not change how the next one merges.
func TestSchemaStaysWithItsApplication(t *testing.T) {
	const body = "resources: [a.yaml]\npatches: [{path: p.yaml}]\n"
	files := map[string]string{
		"own/kustomization.yaml":   body + "openapi: {path: schema.json}\n",
		"own/schema.json":          `{"definitions":{"v1.X":{"properties":{"spec":{"properties":{"list":{"type":"array","items":{"type":"object"},"x-kubernetes-patch-merge-key":"name","x-kubernetes-patch-strategy":"merge"}}}},"x-kubernetes-group-version-kind":[{"group":"example.com","kind":"X","version":"v1"}]}}}`,
		"usual/kustomization.yaml": body,
	}
	for _, dir := range []string{"own", "usual"} {
		head := "apiVersion: example.com/v1\nkind: X\nmetadata: {name: x}\nspec:\n  list:\n"
		files[dir+"/a.yaml"] = head + "  - {name: a, v: 1}\n"
		files[dir+"/p.yaml"] = head + "  - {name: b, v: 2}\n"
	}
	r, tree := inProcess(), source.Memory(files)
	for _, step := range []struct {
		dir  string
		want int
	}{{"usual", 1}, {"own", 2}, {"usual", 1}} {
		result, err := r.Render(t.Context(), tree, step.dir, render.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := len(result.Resources[0].Root.At(path("spec", "list")).Items); got != step.want {
			t.Errorf("%s: the list has %d items, want %d", step.dir, got, step.want)
		}
	}
}
