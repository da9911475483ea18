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
