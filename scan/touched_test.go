package scan_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

// TestTouchedUnitsAreFoundAlike compares the quick way with the whole discovery,
// for each file of a tree and for pairs of them.
func TestTouchedUnitsAreFoundAlike(t *testing.T) {
	tree := source.Memory(map[string]string{
		"plain/a.yaml": privileged, "plain/README.md": "text", "top.yaml": privileged,
		"base/kustomization.yaml": "resources: [pod.yaml, extra]\n", "base/pod.yaml": privileged, "base/extra/x.yaml": privileged,
		"base/notused.yaml":          privileged,
		"prod/kustomization.yaml":    "resources: [../base]\npatches: [{path: patch.yaml}]\n",
		"prod/patch.yaml":            "kind: Pod\n",
		"prod-eu/kustomization.yaml": "resources: [../prod]\nconfigMapGenerator: [{name: c, files: [key=files/a.txt]}]\n",
		"prod-eu/files/a.txt":        "text", "prod-eu/other.yaml": privileged,
		"chart/Chart.yaml": "name: c\nversion: 1.0.0\n", "chart/values.yaml": "a: 1\n",
		"chart/templates/p.yaml": privileged, "chart/beside.yaml": privileged, "chart/crds/c.yaml": privileged,
		"broken/kustomization.yaml": "resources: [", "broken/x.yaml": privileged,
	})
	s := scanner(t)
	var files []string
	err := source.Walk(tree, ".", func(name string, e source.Entry) error {
		if e.Mode.Regular() {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, one := range files {
		for _, dir := range []string{".", "prod", "chart"} {
			changed := []string{one, files[(i*7+3)%len(files)], "gone.yaml"}
			units, _, err := render.Discover(tree, dir, s.Renderers)
			if err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprint(names(render.Touched(units, changed)))
			quick, err := render.DiscoverTouched(tree, dir, s.Renderers, changed)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, fmt.Sprint(names(quick))); diff != "" {
				t.Errorf("%v below %s (-whole +quick):\n%s", changed, dir, diff)
			}
		}
	}
}

func names(units []render.Unit) (all []string) {
	for _, u := range units {
		all = append(all, u.Renderer+" "+u.Path)
	}
	return all
}

func TestOnlyChangedFilesAreJudged(t *testing.T) {
	tree := source.Memory(map[string]string{
		"a.yaml": privileged, "b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: q, namespace: n}\nspec: {containers: [{name: c, image: x}]}\n",
	})
	s := scanner(t)
	s.Changed, s.Keep = []string{"b.yaml"}, true
	result, err := s.Run(t.Context(), tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	if result.Objects != 1 || result.Files != 1 || len(result.Resources) != 1 || result.Resources[0].ID.Name != "q" {
		t.Errorf("judged %d objects of %d files", result.Objects, result.Files)
	}
	for _, f := range result.All {
		if f.Location.File.Path != "b.yaml" || f.Material == "" && !f.Hidden() {
			t.Errorf("found %s at %s, material %q", f.Rule.ID, f.Location.File.Path, f.Material)
		}
	}
	for v := range result.Verdicts.All() {
		if v > policy.Error {
			t.Errorf("verdict %d is counted", v)
		}
	}
	if result.Deferred == 0 {
		t.Error("policies with relations have judged a part of the tree")
	}
	s.Changed = []string{}
	if result, err = s.Run(t.Context(), tree, "."); err != nil || result.Objects != 0 {
		t.Errorf("nothing changed, and %d objects are judged: %v", result.Objects, err)
	}
}
