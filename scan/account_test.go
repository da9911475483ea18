package scan_test

import (
	"context"
	"testing"

	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/helm"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/source"
)

const privileged = `apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  containers:
  - name: c
    image: registry.example/c:1
    securityContext: {privileged: true}
`

func scanner(t *testing.T) *scan.Scanner {
	t.Helper()
	builtin, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(builtin...)
	if err != nil {
		t.Fatal(err)
	}
	engines := worker.InProcess(worker.Jobs{kustomize.JobName: kustomize.Build, helm.JobName: helm.Template})
	return &scan.Scanner{Renderers: []render.Renderer{kustomize.New(engines), helm.New(engines), manifest.New()}, Evaluator: engine}
}

func TestEveryFileIsAccountedFor(t *testing.T) {
	files := map[string]string{
		"README.md":                        "not a manifest",
		"ci.yaml":                          "on: push",
		"plain/pod.yaml":                   privileged,
		"plain/broken.yaml":                "apiVersion: v1\nkind: [",
		"overlay/kustomization.yaml":       "resources: [pod.yaml]\nnamePrefix: x-\n",
		"overlay/pod.yaml":                 privileged,
		"broken/kustomization.yaml":        "resources: [pod.yaml, gone.yaml]\n",
		"broken/pod.yaml":                  privileged,
		"chart/Chart.yaml":                 "apiVersion: v2\nname: chart\nversion: 1.0.0\n",
		"chart/values.yaml":                "name: p\n",
		"chart/templates/pod.yaml":         privileged,
		"broken-chart/Chart.yaml":          "apiVersion: v2\nname: broken\nversion: 1.0.0\n",
		"broken-chart/templates/pod.yaml":  "{{ fail \"no\" }}",
		"broken-chart/templates/_help.tpl": "",
	}
	result, err := scanner(t).Run(context.Background(), source.Memory(files), ".")
	if err != nil {
		t.Fatal(err)
	}
	skipped, problems := map[string]bool{}, map[string]bool{}
	for _, s := range result.Skipped {
		skipped[s.Path] = true
	}
	for _, p := range result.Problems {
		if _, isFile := files[p.Path]; isFile && !skipped[p.Path] {
			problems[p.Path] = true
		}
	}
	if got := result.Files + len(skipped) + len(problems); got != len(files) {
		t.Errorf("%d files used, %d passed over, %d with problems: %d in all, want %d\n%v\n%v", result.Files, len(skipped), len(problems), got, len(files), result.Skipped, result.Problems)
	}
	if !result.Partial() {
		t.Error("a scan with broken files does not say that it is incomplete")
	}
	found := map[string]bool{}
	for _, f := range result.Findings {
		if f.Rule.ID == "HF-K8S-004" {
			found[f.Location.File.Path] = true
		}
	}
	for _, path := range []string{"plain/pod.yaml", "overlay/pod.yaml", "broken/pod.yaml", "chart/templates/pod.yaml"} {
		if !found[path] {
			t.Errorf("the privileged container in %s was not found", path)
		}
	}
}

func TestResultDoesNotDependOnScheduling(t *testing.T) {
	files := map[string]string{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		files[name+"/kustomization.yaml"] = "resources: [../base]\nnamePrefix: " + name + "-\n"
	}
	files["base/kustomization.yaml"] = "resources: [pod.yaml]\n"
	files["base/pod.yaml"] = privileged
	var first string
	for range 5 {
		s := scanner(t)
		s.Jobs = 4
		result, err := s.Run(context.Background(), source.Memory(files), ".")
		if err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, f := range result.Findings {
			text += f.Fingerprint + f.Message + f.Subject.Key() + "\n"
			if f.Rule.ID == "HF-K8S-004" && f.Count != 6 {
				t.Errorf("one cause in a base and five overlays counts %d occurrences", f.Count)
			}
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Fatalf("two runs differ:\n%s\n%s", first, text)
		}
	}
}

func TestPlainManifestsAreJudgedTogether(t *testing.T) {
	files := map[string]string{
		"ns.yaml":     "apiVersion: v1\nkind: Namespace\nmetadata: {name: n}\n",
		"pod.yaml":    privileged,
		"policy.yaml": "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: n}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n",
	}
	has := func() bool {
		result, err := scanner(t).Run(context.Background(), source.Memory(files), ".")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range result.Findings {
			if f.Rule.ID == "HF-K8S-064" {
				return true
			}
		}
		return false
	}
	if has() {
		t.Error("the NetworkPolicy in another file was not seen")
	}
	delete(files, "policy.yaml")
	if !has() {
		t.Error("a namespace without a NetworkPolicy was not found")
	}
}
