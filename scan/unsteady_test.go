package scan_test

import (
	"context"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

// What is wrong with files is wrong the next time too. A limit that was met is not.
func TestUnsteady(t *testing.T) {
	late := func(context.Context, source.Tree, []byte) ([]byte, error) {
		return nil, &worker.LimitError{Job: kustomize.JobName, Reason: "it took longer than 30s"}
	}
	sound := map[string]string{"kustomization.yaml": "resources: [pod.yaml]\n", "pod.yaml": privileged}
	for _, test := range []struct {
		name     string
		build    worker.Job
		files    map[string]string
		problems int
		unsteady bool
	}{
		{"nothing is wrong", kustomize.Build, sound, 0, false},
		{"a base is missing", kustomize.Build, map[string]string{"kustomization.yaml": "resources: [gone.yaml]\n"}, 1, false},
		{"a manifest is broken", kustomize.Build, map[string]string{"pod.yaml": "apiVersion: v1\nkind: [\n"}, 1, false},
		{"a limit is met", late, sound, 1, true},
	} {
		one := scanner(t)
		one.Renderers = append([]render.Renderer{kustomize.New(worker.InProcess(worker.Jobs{kustomize.JobName: test.build}))}, one.Renderers[1:]...)
		result, err := one.Run(t.Context(), source.Memory(test.files), ".")
		if err != nil {
			t.Fatal(err)
		}
		if len(result.Problems) != test.problems || result.Unsteady != test.unsteady {
			t.Errorf("%s: unsteady %t, problems %v", test.name, result.Unsteady, result.Problems)
		}
	}
}
