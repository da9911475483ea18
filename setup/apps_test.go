package setup_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

var chart = map[string]string{
	"chart/Chart.yaml":  "apiVersion: v2\nname: web\nversion: 1.0.0\n",
	"chart/values.yaml": "hostNetwork: false\npodSecurity: {}\n",
	"chart/prod.yaml":   "hostNetwork: true\n",
	"chart/templates/pod.yaml": `apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}
spec:
  hostNetwork: {{ .Values.hostNetwork }}
  hostPID: true
  {{- with .Values.podSecurity }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers: [{name: web, image: "web:1"}]
`,
}

// judge scans files and returns where some policies fail, by their causes.
func judge(t *testing.T, files map[string]string) (places []string, result *scan.Result) {
	t.Helper()
	policies, err := setup.LoadPolicies(setup.PolicyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all := maps.Clone(chart)
	maps.Copy(all, files)
	scanner := scan.Scanner{Renderers: setup.Renderers(), Evaluator: policies, Options: render.Options{IncludeCRDs: true}}
	result, err = scanner.Run(t.Context(), source.Memory(all), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range result.Findings {
		if f.Subject.Kind == "Pod" && slices.Contains([]string{"spec.hostNetwork", "spec.hostPID", "spec.securityContext.runAsUser"}, f.Field) {
			places = append(places, describe(f))
		}
	}
	return places, result
}

func describe(f *finding.Finding) string {
	exact := ""
	if !f.Location.Exact {
		exact = " nearby"
	}
	return fmt.Sprintf("%s of %s ×%d at %s:%d%s via %s", f.Field, f.Subject, f.Count, f.Location.File.Path, f.Location.Position().Line, exact, strings.Join(f.Via, " "))
}

func TestApps(t *testing.T) {
	const application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\nspec:\n  project: web\n  destination: {namespace: prod}\n" +
		"  source:\n    repoURL: https://example.com/fleet\n    path: chart\n    helm:\n"
	for _, tt := range []struct {
		reason string
		files  map[string]string
		want   []string
	}{
		{"a chart alone", nil, []string{
			"spec.hostPID of Pod default/chart ×1 at chart/templates/pod.yaml:6 via chart/values.yaml chart/Chart.yaml",
		}},
		{"an Application with a file of values", map[string]string{"app.yaml": application + "      valueFiles: [prod.yaml]\n"}, []string{
			"spec.hostNetwork of Pod prod/shop ×1 at chart/prod.yaml:1 via chart/prod.yaml chart/values.yaml chart/Chart.yaml app.yaml",
			"spec.hostPID of Pod default/chart ×2 at chart/templates/pod.yaml:6 via chart/values.yaml chart/Chart.yaml",
		}},
		{"an Application with values of its own", map[string]string{"app.yaml": application + "      valuesObject:\n        hostNetwork: true\n        podSecurity:\n          runAsUser: 0\n"}, []string{
			"spec.hostNetwork of Pod prod/shop ×1 at app.yaml:12 via chart/values.yaml chart/Chart.yaml app.yaml",
			"spec.securityContext.runAsUser of Pod prod/shop ×1 at app.yaml:14 via chart/values.yaml chart/Chart.yaml app.yaml",
			"spec.hostPID of Pod default/chart ×2 at chart/templates/pod.yaml:6 via chart/values.yaml chart/Chart.yaml",
		}},
		{"an Application with values as a text", map[string]string{"app.yaml": application + "      values: |\n        hostNetwork: true\n"}, []string{
			"spec.hostNetwork of Pod prod/shop ×1 at app.yaml:11 nearby via chart/values.yaml chart/Chart.yaml app.yaml",
			"spec.hostPID of Pod default/chart ×2 at chart/templates/pod.yaml:6 via chart/values.yaml chart/Chart.yaml",
		}},
		{"a chart of Applications", map[string]string{
			"apps/Chart.yaml":         "apiVersion: v2\nname: apps\nversion: 1.0.0\n",
			"apps/values.yaml":        "network: true\n",
			"apps/templates/app.yaml": application + "      valuesObject:\n        hostNetwork: {{ .Values.network }}\n",
		}, []string{
			"spec.hostNetwork of Pod prod/shop ×1 at apps/values.yaml:1 via chart/values.yaml chart/Chart.yaml apps/templates/app.yaml apps/values.yaml apps/Chart.yaml",
			"spec.hostPID of Pod default/chart ×2 at chart/templates/pod.yaml:6 via chart/values.yaml chart/Chart.yaml",
		}},
		{"a HelmRelease in an overlay", map[string]string{
			"prod/kustomization.yaml": "resources: [release.yaml]\npatches: [{path: patch.yaml}]\n",
			"prod/release.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: prod}\nspec:\n" +
				"  chart: {spec: {chart: chart, sourceRef: {kind: GitRepository, name: flux-system}}}\n",
			"prod/patch.yaml": "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: shop, namespace: prod}\nspec:\n  values:\n    hostNetwork: true\n",
		}, []string{
			"spec.hostPID of Pod default/chart ×2 at chart/templates/pod.yaml:6 via chart/values.yaml chart/Chart.yaml",
			"spec.hostNetwork of Pod prod/shop ×1 at prod/patch.yaml:6 via chart/values.yaml chart/Chart.yaml prod/release.yaml prod/kustomization.yaml prod/patch.yaml",
		}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			got, result := judge(t, tt.files)
			if diff := cmp.Diff(tt.want, got); diff != "" || result.Partial() {
				t.Errorf("%s %v", diff, result.Problems)
			}
		})
	}
}

// What an object names and is out of reach is said, and takes nothing from a scan.
func TestOutOfReach(t *testing.T) {
	_, result := judge(t, map[string]string{
		"app.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: shop, namespace: argocd}\nspec: {source: {repoURL: https://charts.example.com, chart: web}}\n",
	})
	want := []render.Skipped{{Path: "app.yaml", Position: source.Position{Line: 4, Column: 60}, Reason: "out of reach: Application argocd/shop renders the chart web of a registry, which is not fetched"}}
	if len(result.Skipped) == 0 || result.Partial() {
		t.Fatalf("partial %t, passed over %v", result.Partial(), result.Skipped)
	}
	if diff := cmp.Diff(want[0].Reason, result.Skipped[0].Reason); diff != "" || result.Skipped[0].Position.Line != 4 {
		t.Errorf("%s %+v", diff, result.Skipped)
	}
}

// Applications that render each other, and very many, end; it is said that they do.
func TestAppsEnd(t *testing.T) {
	app := func(path, name string) string {
		return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: '" + name + "'}\nspec: {source: {repoURL: https://example.com/fleet, path: " + path + ", helm: {releaseName: '" + name + "'}}}\n"
	}
	for reason, files := range map[string]map[string]string{
		"each other": {
			"a/Chart.yaml": "name: a\nversion: 1.0.0\n", "a/templates/app.yaml": app("a", "{{ .Release.Name }}x"),
		},
		"many": {
			"many.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all}\nspec:\n  template: {metadata: {name: 'x{{number}}'}, spec: {source: {repoURL: https://example.com/fleet, path: chart}}}\n" +
				"  generators: [{list: {elements: [" + strings.TrimSuffix(numbered(2000), ", ") + "]}}]\n",
		},
	} {
		t.Run(reason, func(t *testing.T) {
			_, result := judge(t, files)
			if len(result.Problems) != 1 || !strings.Contains(result.Problems[0].Message, "applications") || result.Renders > 302 {
				t.Errorf("%d renders, problems %v", result.Renders, result.Problems)
			}
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{number: '%d'}, ", i)
	}
	return b.String()
}
