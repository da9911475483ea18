package helm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/helm"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var jobs = worker.Jobs{helm.JobName: helm.Template}

const workerVariable = "HOLDFAST_TEST_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		if err := worker.Serve(jobs, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func newPool(t testing.TB, limits worker.Limits) *worker.Pool {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pool := worker.NewPool(func() *exec.Cmd {
		cmd := exec.Command(self)
		cmd.Env = []string{workerVariable + "=1"}
		return cmd
	}, limits)
	t.Cleanup(pool.Close)
	return pool
}

func inProcess() render.Renderer { return helm.New(worker.InProcess(jobs)) }

// shop is a chart with subcharts in a directory and in an archive.
var shop = map[string]string{
	"shop/Chart.yaml": `apiVersion: v2
name: shop
version: 0.1.0
appVersion: "1.7"
dependencies:
- name: cache
  version: 1.0.0
  repository: https://charts.example.com
- name: cache
  version: 1.0.0
  alias: sessions
  repository: https://charts.example.com
  condition: sessions.enabled
- name: unused
  version: 1.0.0
  condition: unused.enabled
- name: packed
  version: 1.0.0
`,
	"shop/values.yaml": `# Defaults
replicas: 2
image:
  repository: registry.example/shop
  tag: "1.7"
resources:
  limits:
    memory: 64Mi
    cpu: 1
securityContext:
  privileged: false
ports:
- name: http
  number: 8080
- name: admin
  number: 9090
env:
  LEVEL: info
  MODE: "on"
cache:
  size: 10Mi
sessions:
  enabled: true
  size: 20Mi
unused:
  enabled: false
global:
  zone: a
`,
	"shop/values-prod.yaml": "replicas: 5\nimage:\n  tag: \"2.0\"\n",
	"shop/templates/_helpers.tpl": `{{/* Names and labels. */}}
{{- define "shop.labels" -}}
app: {{ .Release.Name }}
tier: front
{{- end }}
{{- define "shop.security" -}}
allowPrivilegeEscalation: false
runAsUser: 1000
{{- end }}
`,
	"shop/templates/deployment.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}-web
  labels:
    {{- include "shop.labels" . | nindent 4 }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      hostNetwork: true
      containers:
      - name: web
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        imagePullPolicy: {{ .Values.pullPolicy | default "Always" }}
        {{- with .Values.resources }}
        resources:
          {{- toYaml . | nindent 10 }}
        {{- end }}
        securityContext:
          {{- include "shop.security" . | nindent 10 }}
          privileged: {{ .Values.securityContext.privileged }}
        ports:
        {{- range .Values.ports }}
        - name: {{ .name }}
          containerPort: {{ .number }}
        {{- end }}
        env:
        {{- range $key, $value := .Values.env }}
        - name: {{ $key }}
          value: {{ $value | quote }}
        {{- end }}
`,
	"shop/templates/service.yaml":            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\nspec:\n  zone: {{ .Values.global.zone }}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: web\n",
	"shop/templates/hook.yaml":               "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations:\n    helm.sh/hook: pre-install\n",
	"shop/templates/tests/t.yaml":            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations:\n    \"helm.sh/hook\": test\n",
	"shop/templates/NOTES.txt":               "Thank you for {{ .Chart.Name }}.",
	"shop/crds/crd.yaml":                     "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata:\n  name: shops.example.com\n",
	"shop/charts/cache/Chart.yaml":           "apiVersion: v2\nname: cache\nversion: 1.0.0\n",
	"shop/charts/cache/values.yaml":          "size: 1Mi\nport: 6379\n",
	"shop/charts/cache/templates/store.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Chart.Name }}\ndata:\n  size: {{ .Values.size }}\n  port: \"{{ .Values.port }}\"\n  zone: {{ .Values.global.zone }}\n",
	"shop/charts/unused/Chart.yaml":          "apiVersion: v2\nname: unused\nversion: 1.0.0\n",
	"shop/charts/unused/templates/x.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: unused\n",
	"shop/charts/packed-1.0.0.tgz": archiveOf(map[string]string{
		"packed/Chart.yaml":       "apiVersion: v2\nname: packed\nversion: 1.0.0\n",
		"packed/values.yaml":      "a: b\n",
		"packed/templates/x.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: packed\ndata:\n  a: {{ .Values.a }}\n",
	}),
}

func archiveOf(files map[string]string) string {
	var buf bytes.Buffer
	gz := gzip.NewWriter(&buf)
	tw := tar.NewWriter(gz)
	for _, name := range sortedNames(files) {
		_ = tw.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))})
		_, _ = tw.Write([]byte(files[name]))
	}
	_ = tw.Close()
	_ = gz.Close()
	return buf.String()
}

func path(keys ...any) resource.Path {
	var p resource.Path
	for _, k := range keys {
		switch k := k.(type) {
		case int:
			p = append(p, resource.Index(k))
		case string:
			p = append(p, resource.Key(k))
		}
	}
	return p
}

func find(t *testing.T, result *render.Result, id string) *resource.Resource {
	t.Helper()
	var ids []string
	for _, r := range result.Resources {
		if strings.HasPrefix(r.ID.String(), id) {
			return r
		}
		ids = append(ids, r.ID.String())
	}
	t.Fatalf("no %s in %q", id, ids)
	return nil
}

func TestChart(t *testing.T) {
	tree := source.Memory(shop)
	opts := render.Options{ReleaseName: "prod", ValuesFiles: []string{"shop/values-prod.yaml"}, IncludeCRDs: true}
	for name, r := range map[string]render.Renderer{
		"in process": inProcess(),
		"pool":       helm.New(newPool(t, worker.Limits{})),
	} {
		t.Run(name, func(t *testing.T) {
			result := rendertest.Run(t, r, tree, "shop", opts)
			checkShop(t, result)
			rendertest.Run(t, r, tree, "shop", render.Options{})
		})
	}
}

func checkShop(t *testing.T, result *render.Result) {
	t.Helper()
	var ids []string
	for _, r := range result.Resources {
		ids = append(ids, fmt.Sprintf("%s %s %d", r.ID, r.Origin.File.Path, r.Origin.Document))
	}
	if diff := cmp.Diff([]string{
		"CustomResourceDefinition shops.example.com shop/crds/crd.yaml 0",
		"ServiceAccount web shop/templates/service.yaml 1",
		"ConfigMap cache shop/charts/cache/templates/store.yaml 0",
		"ConfigMap packed shop/charts/packed-1.0.0.tgz -1",
		"ConfigMap sessions shop/charts/cache/templates/store.yaml 0",
		"Service web shop/templates/service.yaml 0",
		"Deployment prod-web shop/templates/deployment.yaml 0",
	}, ids); diff != "" {
		t.Errorf("resources:\n%s", diff)
	}
	var skipped []string
	for _, s := range result.Skipped {
		hook, _, _ := strings.Cut(s.Reason, ":")
		skipped = append(skipped, s.Path+" "+hook)
	}
	if diff := cmp.Diff([]string{"shop/templates/hook.yaml Helm hook pre-install", "shop/templates/tests/t.yaml Helm hook test"}, skipped); diff != "" {
		t.Errorf("passed over:\n%s", diff)
	}
	if len(result.Problems)+len(result.Impure) != 0 {
		t.Errorf("problems %v, impure %v", result.Problems, result.Impure)
	}
	container := []any{"spec", "template", "spec", "containers", 0}
	in := func(keys ...any) resource.Path { return path(append(container, keys...)...) }
	for _, tt := range []struct {
		reason string
		id     string
		path   resource.Path
		want   string
	}{
		{"text of the template", "Deployment", path("spec", "template", "spec", "hostNetwork"), "shop/templates/deployment.yaml:11 true exactly"},
		{"value of a values file", "Deployment", path("spec", "replicas"), "shop/values-prod.yaml:1 5 exactly"},
		{"part of an include", "Deployment", in("securityContext", "runAsUser"), "shop/templates/_helpers.tpl:8 1000 exactly"},
		{"include of the metadata", "Deployment", path("metadata", "labels", "tier"), "shop/templates/_helpers.tpl:4 front exactly"},
		{"action inside of an include", "Deployment", path("metadata", "labels", "app"), "shop/templates/_helpers.tpl:3 {{ .Release.Name }}"},
		{"value of the chart", "Deployment", in("securityContext", "privileged"), "shop/values.yaml:11 false exactly"},
		{"block written by toYaml", "Deployment", in("resources", "limits", "memory"), "shop/values.yaml:8 64Mi exactly"},
		{"map written by toYaml", "Deployment", in("resources", "limits"), "shop/values.yaml:7 limits exactly"},
		{"several actions: the last that is found", "Deployment", in("image"), `shop/values-prod.yaml:3 "2.0"`},
		{"default", "Deployment", in("imagePullPolicy"), `shop/templates/deployment.yaml:15 {{ .Values.pullPolicy | default "Always" }}`},
		{"item of a range", "Deployment", in("ports", 1, "containerPort"), "shop/values.yaml:16 9090 exactly"},
		{"value of a range with variables", "Deployment", in("env", 1, "value"), `shop/values.yaml:19 "on" exactly`},
		{"key of a range", "Deployment", in("env", 1, "name"), "shop/templates/deployment.yaml:30 {{ $key }}"},
		{"absent field: its parent", "Deployment", in("securityContext", "runAsNonRoot"), "shop/templates/deployment.yaml:20 securityContext exactly"},
		{"subchart's value set by its parent", "ConfigMap cache", path("data", "size"), "shop/values.yaml:21 10Mi exactly"},
		{"subchart under another name", "ConfigMap sessions", path("data", "size"), "shop/values.yaml:24 20Mi exactly"},
		{"subchart's own value, in quotes", "ConfigMap cache", path("data", "port"), "shop/charts/cache/values.yaml:2 6379"},
		{"global value", "ConfigMap cache", path("data", "zone"), "shop/values.yaml:28 a exactly"},
		{"second document", "ServiceAccount", path("metadata", "name"), "shop/templates/service.yaml:11 web exactly"},
		{"definition", "CustomResourceDefinition", path("metadata", "name"), "shop/crds/crd.yaml:4 shops.example.com exactly"},
	} {
		r := find(t, result, tt.id)
		if got := rendertest.Place(r.Locate(tt.path)); got != tt.want {
			t.Errorf("%s: %s is at %s, want %s", tt.reason, tt.path, got, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"shop/values-prod.yaml", "shop/values.yaml", "shop/Chart.yaml"}, find(t, result, "Deployment").Origin.Via); diff != "" {
		t.Errorf("via:\n%s", diff)
	}
}

// chart makes a chart of one template.
func chart(template string, more ...string) map[string]string {
	files := map[string]string{
		"Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n", "values.yaml": "a: 1\n",
		"templates/x.yaml": template,
	}
	for i := 0; i+1 < len(more); i += 2 {
		files[more[i]] = more[i+1]
	}
	return files
}

const object = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n"

func TestProblems(t *testing.T) {
	schema := `{"type":"object","properties":{"a":{"type":"string"},"password":{"pattern":"^x"}}}`
	for _, tt := range []struct {
		reason string
		files  map[string]string
		opts   render.Options
		want   []string // prefix and text within of each problem, divided by |
	}{
		{"no chart", map[string]string{"Chart.yaml": "name: ["}, render.Options{}, []string{"Chart.yaml|Chart.yaml"}},
		{"chart without a name", map[string]string{"Chart.yaml": "apiVersion: v2\nversion: 1.0.0\n"}, render.Options{}, []string{".|name is required"}},
		{"values that cannot be read", chart(object, "values.yaml", "a: [\n"), render.Options{}, []string{"values.yaml|values.yaml"}},
		{"values file that is missing", chart(object), render.Options{ValuesFiles: []string{"none.yaml"}}, []string{"none.yaml|cannot read the values"}},
		{"template that does not parse", chart(object + "data:\n  {{ if }}\n"), render.Options{}, []string{"templates/x.yaml:6:|missing value for if"}},
		{"template that fails", chart(object + "data:\n  a: {{ fail \"not today\" }}\n"), render.Options{}, []string{"templates/x.yaml:6:9|not today"}},
		{"helper that fails", chart(object+"{{ include \"h\" . }}", "templates/_h.tpl", "{{ define \"h\" }}\n{{ required \"need b\" .Values.b }}{{ end }}"), render.Options{}, []string{"templates/|need b"}},
		{"nil pointer", chart(object + "data:\n\n  a: {{ .Values.none.more }}\n"), render.Options{}, []string{"templates/x.yaml:7:16|nil pointer"}},
		{"output that is no YAML", chart(object + "data:\n  b: 1\n  {{ \"a: [\" }}\n"), render.Options{}, []string{"templates/x.yaml:|"}},
		{"output that is no object", chart("a: {{ .Values.a }}\n"), render.Options{}, []string{"templates/x.yaml:1:1|without apiVersion and kind"}},
		{"dependency that is missing", chart(object, "Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\ndependencies:\n- name: gone\n  version: 2.x\n  repository: https://example.com\n"), render.Options{}, []string{"Chart.yaml:5:9|gone 2.x is not in charts/"}},
		{"newer Kubernetes", chart(object, "Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\nkubeVersion: \">=1.99\"\n"), render.Options{}, []string{"Chart.yaml|needs Kubernetes >=1.99"}},
		{"version that is none", chart(object), render.Options{KubeVersion: "latest"}, nil},
		{"schema", chart(object, "values.schema.json", schema), render.Options{}, []string{"values.schema.json|Values.a: got number, want string"}},
		{"values do not show in messages", chart(object, "values.schema.json", schema), render.Options{Values: map[string]any{"a": "s", "password": "hunter2"}}, []string{"values.schema.json|Values.password: does not match the pattern"}},
		{"schema elsewhere", chart(object, "values.schema.json", `{"$ref":"https://example.com/s.json"}`), render.Options{}, []string{"values.schema.json|nothing is fetched"}},
		{"schema in a file", chart(object, "values.schema.json", `{"$ref":"file:///etc/passwd"}`), render.Options{}, []string{"values.schema.json|nothing is fetched"}},
		{"archive that is none", chart(object, "charts/x.tgz", "no archive"), render.Options{}, []string{"charts/x.tgz|cannot unpack"}},
		{"archive with an escape", chart(object, "charts/x.tgz", archiveOf(map[string]string{"x/../../y": ""})), render.Options{}, []string{"charts/x.tgz|parent directory"}},
		{"ignore file that is wrong", chart(object, ".helmignore", "a/**\n"), render.Options{}, []string{".helmignore|double-star"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			result, err := inProcess().Render(t.Context(), source.Memory(tt.files), ".", tt.opts)
			var problems []render.Problem
			if problem, ok := errors.AsType[render.Problem](err); ok {
				problems = []render.Problem{problem}
			} else if result != nil {
				problems = result.Problems
			}
			if tt.want == nil {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if len(problems) != len(tt.want) {
				t.Fatalf("got problems %v and error %v, want %q", problems, err, tt.want)
			}
			for i, p := range problems {
				at, text, _ := strings.Cut(tt.want[i], "|")
				if !strings.HasPrefix(p.Error(), at) || !strings.Contains(p.Message, text) || strings.Contains(p.Error()+p.Hint, "hunter2") {
					t.Errorf("got %q, want it at %s with %q", p.Error(), at, text)
				}
			}
		})
	}
}

func TestImpure(t *testing.T) {
	files := chart(object+`data:
  a: {{ randAlphaNum 8 }}
  b: {{ (lookup "v1" "Secret" "n" "x") | len }}
  c: {{ now | date "2006" | quote }}
  d: "{{ getHostByName "example.com" }}"
  e: {{ if false }}{{ uuidv4 }}{{ end }}
  f: {{ keys .Values.map | join "," }}
`, "values.yaml", "map: {z: 1, u: 2, x: 3, w: 4, v: 5}\n")
	result := rendertest.Run(t, inProcess(), source.Memory(files), ".", render.Options{})
	if diff := cmp.Diff([]string{"getHostByName", "lookup", "now", "randAlphaNum"}, result.Impure); diff != "" {
		t.Errorf("impure functions:\n%s", diff)
	}
	data := result.Resources[0].Root.Get("data")
	if got := data.Get("d").Str + data.Get("b").Str + data.Get("f").Str; got != "0u,v,w,x,z" {
		t.Errorf("got %q from lookup, the name server and keys", got)
	}
}

func TestLibraryChart(t *testing.T) {
	files := chart(object, "Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\ntype: library\n")
	result := rendertest.Run(t, inProcess(), source.Memory(files), ".", render.Options{})
	if len(result.Resources) != 0 || len(result.Skipped) != 1 {
		t.Errorf("got %v", rendertest.Describe(result))
	}
}

func TestIgnoredAndOptions(t *testing.T) {
	files := chart(object+"data:\n  release: {{ .Release.Name }}/{{ .Release.Namespace }}\n  kube: {{ .Capabilities.KubeVersion.Version }}\n  has: {{ .Capabilities.APIVersions.Has \"example.com/v9\" | quote }}\n  a: {{ .Values.a }}\n",
		".helmignore", "skip*\n", "templates/skip.yaml", "{{ fail \"not ignored\" }}")
	result := rendertest.Run(t, inProcess(), source.Memory(files), ".", render.Options{
		ReleaseName: "r", Namespace: "n", KubeVersion: "v1.30.2", APIVersions: []string{"example.com/v9"}, Values: map[string]any{"a": 7},
	})
	if got, want := string(resource.EncodeJSON(result.Resources[0].Root.Get("data"))), `{"a":7,"has":"true","kube":"v1.30.2","release":"r/n"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	result = rendertest.Run(t, inProcess(), source.Memory(files), ".", render.Options{})
	if got, want := string(resource.EncodeJSON(result.Resources[0].Root.Get("data"))), `{"a":1,"has":"false","kube":"`+helm.DefaultKubeVersion+`","release":"release-name/default"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFails(t *testing.T) { rendertest.Fails(t, inProcess()) }

const maxDepth = 16

func TestDiscovery(t *testing.T) {
	files := map[string]string{"shop/ci/job.yaml": object, "README.md": "x", "shop/README.md": "x"}
	for name, content := range shop {
		files[name] = content
	}
	units, skipped, err := render.Discover(source.Memory(files), ".", []render.Renderer{inProcess(), manifest.New()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range units {
		got = append(got, u.Path+" "+u.Renderer)
	}
	for _, s := range skipped {
		got = append(got, s.Path+" passed over")
	}
	if diff := cmp.Diff([]string{"shop helm", "shop/ci/job.yaml manifest", "shop/values-prod.yaml manifest", "README.md passed over", "shop/README.md passed over"}, got); diff != "" {
		t.Error(diff)
	}
}

func sortedNames(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }
