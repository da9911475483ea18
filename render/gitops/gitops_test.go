package gitops_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/gitops"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// repo is what the objects of the tests are about.
var repo = map[string]string{
	"charts/web/Chart.yaml":                 "name: web\nversion: 1.0.0\n",
	"charts/web/values.yaml":                "a: 1\n",
	"charts/web/prod.yaml":                  "a: 2\n",
	"values/web.yaml":                       "a: 3\n",
	"overlays/prod/kustomization.yaml":      "resources: []\n",
	"overlays/stage-eu/kustomization.yaml":  "resources: []\n",
	"overlays/stage-eu/sub/deep/x/settings": "text",
	"plain/pod.yaml":                        "text",
	"tenants/a/config.json":                 `{"name": "a", "chart": {"path": "charts/web"}}`,
	"tenants/b/config.json":                 `{"name": "b", "chart": {"path": "../outside"}}`,
}

const own = "https://github.com/example/fleet.git"

// find renders a manifest and returns what its objects say.
func find(t *testing.T, manifests string, remotes ...string) (got []string) {
	t.Helper()
	files := maps.Clone(repo)
	files["app.yaml"] = manifests
	tree := source.Memory(files)
	result, err := manifest.New().Render(t.Context(), tree, "app.yaml", render.Options{})
	if err != nil || len(result.Problems) > 0 {
		t.Fatal(err, result.Problems)
	}
	found := gitops.Find(gitops.Reach{Tree: tree, Remotes: remotes}, result.Resources, result.Resources)
	for _, u := range found.Units {
		line := u.Renderer + " " + u.Path
		if o := u.Options; o != nil {
			line += fmt.Sprintf(" %s/%s %v %s", o.Namespace, o.ReleaseName, o.ValuesFiles, resource.EncodeJSON(resource.FromAny(o.Values)))
		}
		if len(u.Via) != 1 || u.Via[0] != "app.yaml" || !u.Composed() {
			t.Errorf("%s comes by way of %q", line, u.Via)
		}
		got = append(got, line)
	}
	for _, s := range found.Skipped {
		if s.Path != "app.yaml" || s.Position.Line == 0 {
			t.Errorf("no place: %+v", s)
		}
		got = append(got, fmt.Sprintf("%d: %s", s.Position.Line, s.Reason))
	}
	return got
}

// argo returns an Application with a source.
func argo(src string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web, namespace: argocd}\nspec:\n  destination: {namespace: shop}\n  source: " + src + "\n"
}

func TestApplication(t *testing.T) {
	const chart = "{repoURL: '" + own + "', path: charts/web, "
	for _, tt := range []struct {
		reason, manifest string
		remotes          []string
		want             []string
	}{
		{"a chart with defaults", argo(chart + "}"), nil, []string{"helm charts/web shop/web [] {}"}},
		{"the own repository, reached in another way", argo(chart + "}"), []string{"git@github.com:Example/fleet"}, []string{"helm charts/web shop/web [] {}"}},
		{"another repository", argo(chart + "}"), []string{"https://github.com/example/other"}, []string{"6: out of reach: Application argocd/web is of a repository that is not known to be this one"}},
		{"a chart of a registry", argo("{repoURL: https://charts.example.com, chart: web, targetRevision: 1.0.0}"), nil, []string{"6: out of reach: Application argocd/web renders the chart web of a registry, which is not fetched"}},
		{"values in all ways", argo(chart + "helm: {releaseName: r, namespace: ns, valueFiles: [prod.yaml, /values/web.yaml], values: 'b: {c: 1}', parameters: [{name: b.d, value: 'x,y'}, {name: e, value: '1', forceString: true}]}}"), nil,
			[]string{`helm charts/web ns/r [charts/web/prod.yaml values/web.yaml] {"b":{"c":1,"d":"x,y"},"e":"1"}`}},
		{"an object of values", argo(chart + "helm: {valuesObject: {b: [1]}, values: 'ignored: 1'}}"), nil, []string{`helm charts/web shop/web [] {"b":[1]}`}},
		{"a values file that is missing", argo(chart + "helm: {valueFiles: [none.yaml]}}"), nil, []string{"6: out of reach: Application argocd/web takes values of the file none.yaml, which is not here"}},
		{"one that may be missing", argo(chart + "helm: {valueFiles: [none.yaml], ignoreMissingValueFiles: true}}"), nil, []string{"helm charts/web shop/web [] {}"}},
		{"a values file of the network", argo(chart + "helm: {valueFiles: ['https://example.com/v.yaml']}}"), nil, []string{"6: out of reach: Application argocd/web takes values of the file https://example.com/v.yaml, which is not fetched"}},
		{"a values file outside", argo(chart + "helm: {valueFiles: [../../../etc/passwd]}}"), nil, []string{"6: out of reach: Application argocd/web takes values of the file ../../../etc/passwd, which is outside of the repository"}},
		{"a path outside", argo("{repoURL: '" + own + "', path: ../other}"), nil, []string{"6: out of reach: Application argocd/web names a path outside of the repository"}},
		{"the root, which every repository has", argo("{repoURL: '" + own + "', path: .}"), nil, []string{"6: out of reach: Application argocd/web is of a repository that is not known to be this one"}},
		{"a path that is gone", argo("{repoURL: '" + own + "', path: charts/none}"), []string{own}, []string{"6: out of reach: Application argocd/web names the path charts/none, which is not here"}},
		{"an overlay", argo("{repoURL: '" + own + "', path: overlays/prod}"), nil, []string{"kustomize overlays/prod"}},
		{"manifests, which are judged anyway", argo("{repoURL: '" + own + "', path: plain}"), nil, nil},
		{"a plugin", argo(chart + "plugin: {name: p}}"), nil, []string{"6: out of reach: Application argocd/web is rendered by a plugin, which is not run"}},
		{"several sources, one for values", strings.Replace(argo("[]"), "source: []", "sources: [{repoURL: '"+own+"', ref: v}, "+chart+"helm: {valueFiles: [$v/values/web.yaml]}}]", 1), nil, []string{"helm charts/web shop/web [values/web.yaml] {}"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, find(t, tt.manifest, tt.remotes...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// set returns an ApplicationSet with a generator and the path of its template.
func set(generator, path string, more ...string) string {
	return "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: all, namespace: argocd}\nspec:\n  generators: [" + generator + "]\n" +
		"  template:\n    metadata: {name: '{{name}}'}\n    spec: {source: {repoURL: '" + own + "', path: '" + path + "'}}\n" + strings.Join(more, "")
}

func TestApplicationSet(t *testing.T) {
	for _, tt := range []struct {
		reason, manifest string
		want             []string
	}{
		{"a list", set("{list: {elements: [{name: a, dir: prod}, {name: b, dir: stage-eu}]}}", "overlays/{{dir}}"), []string{"kustomize overlays/prod", "kustomize overlays/stage-eu"}},
		{"a name that the generator does not give", set("{git: {repoURL: '"+own+"', directories: [{path: overlays/*}, {path: overlays/prod, exclude: true}]}}", "{{ path }}"),
			[]string{"6: out of reach: ApplicationSet argocd/all has a template with more than parameters in it, which is not run"}},
		{"directories by their path", strings.Replace(set("{git: {repoURL: '"+own+"', directories: [{path: overlays/*}]}}", "overlays/{{path[1]}}"), "{{name}}", "{{path.basename}}", 1), []string{"kustomize overlays/prod", "kustomize overlays/stage-eu"}},
		{"with Go's templates", strings.Replace(set("{git: {repoURL: '"+own+"', directories: [{path: overlays/**}, {path: overlays/prod, exclude: true}]}}", "{{.path.path}}", "  goTemplate: true\n"), "{{name}}", "{{ .path.basename }}", 1), []string{"kustomize overlays/stage-eu"}},
		{"files", set("{git: {repoURL: '"+own+"', files: [{path: 'tenants/**/config.json'}]}}", "{{chart.path}}"),
			[]string{"helm charts/web /a [] {}", "8: out of reach: ApplicationSet argocd/all names a path outside of the repository"}},
		{"clusters", set("{clusters: {}}", "x"), []string{"5: out of reach: ApplicationSet argocd/all has a generator of the kind clusters, which asks more than files"}},
		{"functions", set("{list: {elements: [{name: a}]}}", "{{ .name | upper }}", "  goTemplate: true\n"), []string{"6: out of reach: ApplicationSet argocd/all has a template with more than parameters in it, which is not run"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, find(t, tt.manifest)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFlux(t *testing.T) {
	kustomization := func(spec string) string {
		return "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps, namespace: flux-system}\nspec: " + spec + "\n"
	}
	release := func(spec string) string {
		return "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: shop}\nspec: " + spec + "\n"
	}
	const (
		settings = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: shop}\ndata: {values.yaml: 'b: {c: 1, d: 1}'}\n"
		chart    = "chart: {spec: {chart: ./charts/web, sourceRef: {kind: GitRepository, name: flux-system}, valuesFiles: [charts/web/prod.yaml]}}"
		declared = "---\napiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {name: fleet, namespace: flux-system}\nspec: {url: 'ssh://git@github.com/example/fleet'}\n"
	)
	for _, tt := range []struct {
		reason, manifest string
		remotes          []string
		want             []string
	}{
		{"the repository of the cluster", kustomization("{path: ./overlays/prod, sourceRef: {kind: GitRepository, name: flux-system}}"), nil, []string{"kustomize overlays/prod"}},
		{"a declared repository", kustomization("{path: ./overlays/prod, sourceRef: {kind: GitRepository, name: fleet}}") + declared, []string{own}, []string{"kustomize overlays/prod"}},
		{"another repository", kustomization("{path: ./overlays/prod, sourceRef: {kind: GitRepository, name: fleet}}") + declared, []string{"https://example.com/other"},
			[]string{"4: out of reach: Kustomization flux-system/apps is of GitRepository fleet, which is not known to be this one"}},
		{"one that nothing declares", kustomization("{path: ./overlays/prod, sourceRef: {kind: GitRepository, name: fleet}}"), nil,
			[]string{"4: out of reach: Kustomization flux-system/apps is of GitRepository fleet, which is not declared here"}},
		{"an artefact", kustomization("{path: ./overlays/prod, sourceRef: {kind: OCIRepository, name: fleet}}"), nil,
			[]string{"4: out of reach: Kustomization flux-system/apps is of OCIRepository fleet, which is not fetched"}},
		{"something is not applied", kustomization("{path: ./overlays/prod, targetNamespace: x, sourceRef: {kind: GitRepository, name: flux-system}}"), nil,
			[]string{"kustomize overlays/prod", "4: out of reach: Kustomization flux-system/apps sets targetNamespace, which is not applied: what it is applied to is judged as it is"}},
		{"a release with values", release("{"+chart+", valuesFrom: [{kind: ConfigMap, name: settings}], values: {b: {d: 2}}}") + settings, nil,
			[]string{`helm charts/web shop/web [charts/web/prod.yaml] {"b":{"c":1,"d":2}}`}},
		{"values of a Secret", release("{" + chart + ", valuesFrom: [{kind: Secret, name: s}]}"), nil, []string{"4: out of reach: HelmRelease shop/web takes values of Secret s, which are not read"}},
		{"values that may be missing", release("{" + chart + ", targetNamespace: t, valuesFrom: [{kind: ConfigMap, name: s, optional: true}]}"), nil, []string{"helm charts/web t/t-web [charts/web/prod.yaml] {}"}},
		{"a chart of a registry", release("{chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: r}}}}"), nil, []string{"4: out of reach: HelmRelease shop/web is of HelmRepository r, which is not fetched"}},
		{"a chart by reference", release("{chartRef: {kind: OCIRepository, name: r}}"), nil, []string{"4: out of reach: HelmRelease shop/web renders a chart of a registry, which is not fetched"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, find(t, tt.manifest, tt.remotes...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHostile checks that objects of any shape give neither a panic nor a unit.
func TestHostile(t *testing.T) {
	for _, kind := range []string{"argoproj.io/v1alpha1\nkind: Application", "argoproj.io/v1alpha1\nkind: ApplicationSet", "kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization", "helm.toolkit.fluxcd.io/v2\nkind: HelmRelease"} {
		for _, spec := range []string{
			"", "null", "[]", "text", "{source: 1}", "{source: {helm: []}}", "{sources: [1, {ref: 1}, []]}", "{generators: [1, {}, {list: 1}, {git: []}, {git: {files: [1]}}]}",
			"{source: {path: \"a\\0b\", repoURL: x}}", "{generators: [{list: {elements: [1, [], {a: {b: {}}}]}}], template: []}",
			"{chart: {spec: {chart: [], sourceRef: 7}}}", "{path: {}, sourceRef: []}", "{generators: [{git: {directories: [{path: '**/**/**/[a'}, {path: '../**'}]}}], template: {spec: {source: {path: '{{path}}'}}}}",
		} {
			if units := find(t, "apiVersion: "+kind+"\nmetadata: {name: x}\nspec: "+spec+"\n"); strings.Contains(strings.Join(units, " "), "helm ") {
				t.Errorf("%s %s renders: %q", kind, spec, units)
			}
		}
	}
}
