package render_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/helm"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func renderers() []render.Renderer {
	runner := worker.InProcess(worker.Jobs{kustomize.JobName: kustomize.Build, helm.JobName: helm.Template})
	return []render.Renderer{kustomize.New(runner), helm.New(runner), manifest.New()}
}

const object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: "

// repository holds one of everything.
var repository = map[string]string{
	"README.md":                            "# x",
	"Makefile":                             "all:",
	"plain/a.yaml":                         object + "a\n",
	"plain/deep/b.yaml":                    object + "b\n",
	"plain/deep/kustomization.txt":         "",
	"apps/base/kustomization.yaml":         "resources: [c.yaml]\n",
	"apps/base/c.yaml":                     object + "c\n",
	"apps/base/stray.yaml":                 object + "stray\n",
	"apps/overlays/p/kustomization.yaml":   "resources: [../../base, ../../shared.yaml]\npatches: [{path: p.yaml}]\nnamePrefix: p-\n",
	"apps/overlays/p/p.yaml":               object + "c\ndata: {x: y}\n",
	"apps/shared.yaml":                     object + "shared\n",
	"broken/kustomization.yaml":            "{{",
	"broken/d.yaml":                        object + "d\n",
	"chart/Chart.yaml":                     "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
	"chart/values.yaml":                    "x: 1\n",
	"chart/templates/e.yaml":               object + "e\n",
	"chart/charts/sub/Chart.yaml":          "apiVersion: v2\nname: sub\nversion: 1.0.0\n",
	"chart/charts/sub/templates/f.yaml":    object + "f\n",
	"chart/docs/g.yaml":                    object + "g\n",
	"chart/docs/k/kustomization.yaml":      "resources: [h.yaml]\n",
	"chart/docs/k/h.yaml":                  object + "h\n",
	".github/workflows/ci.yaml":            "on: push\n",
	"upper/KUSTOMIZATION.YAML":             "x: y\n",
	"vendor/kustomize/Kustomization":       "resources: []\n",
	"apps/overlays/q/kustomization.yaml":   "resources: [../p]\n",
	"apps/overlays/q/unused/readme.txt":    "",
	"apps/overlays/loop/kustomization.yml": "resources: [../loop]\n",
}

func TestDiscover(t *testing.T) {
	units, skipped, err := render.Discover(source.Memory(repository), ".", renderers())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range units {
		got = append(got, strings.TrimSpace(u.Renderer+" "+u.Path+" "+strings.Join(u.UsedBy, ",")))
	}
	if diff := cmp.Diff([]string{
		"manifest .github/workflows/ci.yaml",
		"kustomize apps/base apps/overlays/p",
		"manifest apps/base/stray.yaml",
		"kustomize apps/overlays/loop",
		"kustomize apps/overlays/p apps/overlays/q",
		"kustomize apps/overlays/q",
		"kustomize broken",
		"manifest broken/d.yaml",
		"helm chart",
		"manifest chart/docs/g.yaml",
		"kustomize chart/docs/k",
		"manifest plain/a.yaml",
		"manifest plain/deep/b.yaml",
		"manifest upper/KUSTOMIZATION.YAML",
		"kustomize vendor/kustomize",
	}, got); diff != "" {
		t.Errorf("units:\n%s", diff)
	}
	got = nil
	for _, s := range skipped {
		got = append(got, s.Path)
	}
	if diff := cmp.Diff([]string{"Makefile", "README.md", "apps/overlays/q/unused/readme.txt", "plain/deep/kustomization.txt"}, got); diff != "" {
		t.Errorf("passed over:\n%s", diff)
	}
}

// Every file is a unit, taken in by one, or passed over.
func TestDiscoverBelowAPath(t *testing.T) {
	tree := source.Memory(repository)
	units, _, err := render.Discover(tree, "plain/a.yaml", renderers())
	if err != nil || len(units) != 1 || units[0].Path != "plain/a.yaml" || units[0].Renderer != manifest.Name {
		t.Errorf("a file gives %v, %v", units, err)
	}
	units, _, err = render.Discover(tree, "chart", renderers())
	if err != nil || len(units) != 3 || units[0].Renderer != helm.Name {
		t.Errorf("a chart gives %v, %v", units, err)
	}
	if _, _, err := render.Discover(tree, "none", renderers()); !source.IsNotExist(err) {
		t.Errorf("a path that is absent gives %v", err)
	}
}

func TestDiscoverLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.yaml", []byte(object+"a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"in.yaml": "a.yaml", "out.yaml": "/etc/passwd", "dir": "."} {
		if err := os.Symlink(target, dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	units, skipped, err := render.Discover(tree, ".", renderers())
	if err != nil {
		t.Fatal(err)
	}
	if len(units) != 2 || units[1].Path != "out.yaml" || len(skipped) != 2 {
		t.Errorf("got units %v and passed over %v, want the link out of the tree to be rendered and reported", units, skipped)
	}
}

func TestApp(t *testing.T) {
	tree := source.Memory(repository)
	for dir, want := range map[string]string{
		"plain": "a b", "plain/deep/b.yaml": "b", "apps/overlays/p": "p-c p-shared", "apps/base": "c", "chart": "f e", "apps": "shared c stray",
	} {
		result, err := render.App(context.Background(), tree, dir, render.Options{}, renderers())
		if dir == "apps" { // directories of manifests below: read like kubectl -R
			if err != nil || len(result.Resources) < 3 {
				t.Errorf("%s: %v, %v", dir, result, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		var names []string
		for _, r := range result.Resources {
			names = append(names, r.ID.Name)
		}
		if got := strings.Join(names, " "); got != want || len(result.Problems) > 0 {
			t.Errorf("%s: got %q with %v, want %q", dir, got, result.Problems, want)
		}
	}
	_, err := render.App(context.Background(), tree, "gone", render.Options{}, renderers())
	if problem, ok := errors.AsType[render.Problem](err); !ok || problem.Hint == "" {
		t.Errorf("a path that is absent gives %v", err)
	}
}

func TestAppDuplicates(t *testing.T) {
	tree := source.Memory(map[string]string{
		"a.yaml": object + "x\n",
		"b.yaml": "# second\n" + object + "x\n  namespace: shop\n---\n" + object + "x\n  namespace: other\n",
		"c.yaml": "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: j-}\n",
	})
	result, err := render.App(context.Background(), tree, ".", render.Options{Namespace: "shop"}, renderers())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Problems) != 1 || !strings.HasPrefix(result.Problems[0].Error(), "b.yaml:5:9: ConfigMap shop/x is declared twice; the other is at a.yaml:4") {
		t.Errorf("got %v", result.Problems)
	}
}

func TestAsProblem(t *testing.T) {
	for _, tt := range []struct {
		reason string
		err    error
		want   string
	}{
		{"a problem stays what it is", render.Problem{Path: "y", Message: "m"}, "y: m"},
		{"a syntax error has a place", &resource.SyntaxError{Path: "z", Position: source.Position{Line: 2, Column: 3}, Message: "m"}, "z:2:3: m"},
		{"the path is not said twice", &source.EscapeError{Path: "x", Target: "/etc"}, `x: symbolic link to "/etc" leaves the tree; such links are not followed`},
		{"any other", errors.New("m"), "x: m"},
	} {
		if got := render.AsProblem("x", tt.err); got.Error() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.reason, got.Error(), tt.want)
		}
	}
}
