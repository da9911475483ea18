package kustomize_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

func benchmark(b *testing.B, r render.Renderer) {
	tree := source.Memory(shop)
	if _, err := r.Render(b.Context(), tree, "overlays/prod", render.Options{}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := r.Render(b.Context(), tree, "overlays/prod", render.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkInProcess(b *testing.B) { benchmark(b, inProcess()) }

func BenchmarkPool(b *testing.B) { benchmark(b, kustomize.New(newPool(b, worker.Limits{}))) }

// BenchmarkFirst is the cost of a new process and of what kustomize sets up in it.
func BenchmarkFirst(b *testing.B) {
	tree := source.Memory(shop)
	for b.Loop() {
		pool := newPool(b, worker.Limits{})
		if _, err := kustomize.New(pool).Render(b.Context(), tree, "overlays/prod", render.Options{}); err != nil {
			b.Fatal(err)
		}
		pool.Close()
	}
}

func BenchmarkLocateAll(b *testing.B) {
	result, err := inProcess().Render(b.Context(), source.Memory(shop), "overlays/prod", render.Options{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rendertest.Exact(result)
	}
}
