package scan_test

import (
	"context"
	"testing"

	"github.com/holdfast-dev/holdfast/source"
)

// TestPatchesOfPodsAreNotPods holds that what a patch does not say is not taken
// for what the pod lacks, and that nothing else is passed over with it.
func TestPatchesOfPodsAreNotPods(t *testing.T) {
	const patch = "apiVersion: v1\nkind: Pod\nmetadata: {name: etcd}\nspec: {containers: [{name: etcd, resources: {}}]}\n"
	const sidecar = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a}, {name: b, image: 'b:1'}]}\n"
	files := map[string]string{"etcd.yaml": patch, "both.yaml": patch + "---\n" + privileged, "half.yaml": sidecar}
	result, err := scanner(t).Run(context.Background(), source.Memory(files), ".")
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Skipped) != 1 || result.Skipped[0].Path != "etcd.yaml" {
		t.Errorf("%v is passed over, want etcd.yaml only", result.Skipped)
	}
	judged := map[string]bool{}
	for _, f := range result.Findings {
		judged[f.Subject.Name] = true
	}
	if judged["etcd"] || !judged["p"] || result.Objects != 2 {
		t.Errorf("%d objects, findings about %v", result.Objects, judged)
	}
}

// TestPatchesOfBrokenOverlaysAreNotObjects holds that an overlay which cannot be
// rendered has its objects judged, and not its patches.
func TestPatchesOfBrokenOverlaysAreNotObjects(t *testing.T) {
	for reason, overlay := range map[string]string{
		"a file is missing":        "resources: [pod.yaml, gone.yaml]\npatches: [{path: patch.yaml}]\n",
		"kustomize cannot read it": "resources: [pod.yaml]\npatches: [patch.yaml]\n",
	} {
		result, err := scanner(t).Run(context.Background(), source.Memory(map[string]string{
			"o/kustomization.yaml": overlay, "o/pod.yaml": privileged, "o/patch.yaml": privileged,
		}), ".")
		if err != nil {
			t.Fatal(err)
		}
		judged := map[string]bool{}
		for _, f := range result.Findings {
			judged[f.Location.File.Path] = true
		}
		if !judged["o/pod.yaml"] || judged["o/patch.yaml"] || len(result.Problems) == 0 {
			t.Errorf("%s: findings in %v, problems %v", reason, judged, result.Problems)
		}
	}
}
