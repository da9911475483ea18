package kustomize_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/kustomize"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var jobs = worker.Jobs{kustomize.JobName: kustomize.Build}

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

func inProcess() render.Renderer { return kustomize.New(worker.InProcess(jobs)) }

// shop is a base with two overlays and a component.
var shop = map[string]string{
	"base/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- deployment.yaml
- service.yaml
configMapGenerator:
- name: settings
  literals:
  - LEVEL=info
  files:
  - app.conf
labels:
- pairs:
    app: shop
  includeSelectors: true
`,
	"base/deployment.yaml": `# The shop.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  replicas: 1
  template:
    spec:
      containers:
      - name: web
        image: registry.example/shop:1.0
        args: ["--listen", ":8080"]
        resources:
          limits:
            memory: 64Mi
        securityContext:
          privileged: false
      - name: sidecar
        image: registry.example/proxy:2.0
      volumes:
      - name: settings
        configMap:
          name: settings
`,
	"base/service.yaml": "apiVersion: v1\nkind: Service\nmetadata:\n  name: shop\nspec:\n  ports:\n  - port: 80\n",
	"base/app.conf":     "color = blue\n",
	"components/debug/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
patches:
- path: debug.yaml
`,
	"components/debug/debug.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  template:
    spec:
      containers:
      - name: web
        env:
        - name: DEBUG
          value: "yes"
`,
	"overlays/dev/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
- ../../base
components:
- ../../components/debug
namespace: dev
`,
	"overlays/prod/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: prod-
namespace: shop
resources:
- ../../base
- extra.yaml
commonAnnotations:
  team: checkout
images:
- name: registry.example/shop
  newTag: "1.7"
replicas:
- name: shop
  count: 5
patches:
- path: memory.yaml
- target:
    kind: Deployment
    name: shop
  patch: |-
    - op: replace
      path: /spec/template/spec/containers/0/securityContext/privileged
      value: true
    - op: add
      path: /spec/template/spec/hostNetwork
      value: true
- path: port.json
  target:
    kind: Service
`,
	"overlays/prod/memory.yaml": `apiVersion: apps/v1
kind: Deployment
metadata:
  name: shop
spec:
  template:
    spec:
      containers:
      - name: web
        resources:
          limits:
            memory: 512Mi
            cpu: "2"
`,
	"overlays/prod/port.json":  `[{"op": "replace", "path": "/spec/ports/0/port", "value": 443}]`,
	"overlays/prod/extra.yaml": "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: extra\n  namespace: elsewhere\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: second\ndata:\n  a: b\n",
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

func TestOverlay(t *testing.T) {
	tree := source.Memory(shop)
	for name, r := range map[string]render.Renderer{
		"in process": inProcess(),
		"pool":       kustomize.New(newPool(t, worker.Limits{})),
	} {
		t.Run(name, func(t *testing.T) {
			result := rendertest.Run(t, r, tree, "overlays/prod", render.Options{})
			checkProd(t, result)
			rendertest.Run(t, r, tree, "overlays/dev", render.Options{})
			rendertest.Run(t, r, tree, "base", render.Options{})
		})
	}
}

func checkProd(t *testing.T, result *render.Result) {
	t.Helper()
	deployment := find(t, result, "Deployment shop/prod-shop")
	if diff := cmp.Diff([]string{
		"base/kustomization.yaml", "overlays/prod/kustomization.yaml", "overlays/prod/memory.yaml", "overlays/prod/port.json",
	}, deployment.Origin.Via); diff != "" {
		t.Errorf("via:\n%s", diff)
	}
	if from := deployment.Origin; from.File.Path != "base/deployment.yaml" || from.Document != 0 ||
		!bytes.HasPrefix(from.File.Content[from.Span.Start:], []byte("apiVersion")) {
		t.Errorf("the deployment comes from %s %d %v", from.File.Path, from.Document, from.Span)
	}
	container := []any{"spec", "template", "spec", "containers", 0}
	for _, tt := range []struct {
		reason string
		id     string
		path   resource.Path
		want   string
	}{
		{"untouched value of the base", "Deployment", path(append(container, "args", 1)...), `base/deployment.yaml:13 ":8080" exactly`},
		{"value of a strategic merge patch", "Deployment", path(append(container, "resources", "limits", "memory")...), "overlays/prod/memory.yaml:12 512Mi exactly"},
		{"value that only the patch has", "Deployment", path(append(container, "resources", "limits", "cpu")...), `overlays/prod/memory.yaml:13 "2" exactly`},
		{"value of a JSON patch in place", "Deployment", path(append(container, "securityContext", "privileged")...), "overlays/prod/kustomization.yaml:24 true exactly"},
		{"field that a JSON patch adds", "Deployment", path("spec", "template", "spec", "hostNetwork"), "overlays/prod/kustomization.yaml:27 true exactly"},
		{"value of a JSON patch in a file", "Service", path("spec", "ports", 0, "port"), "overlays/prod/port.json:1 443 exactly"},
		{"tag of an image", "Deployment", path(append(container, "image")...), `overlays/prod/kustomization.yaml:12 "1.7"`},
		{"image that no entry changes", "Deployment", path("spec", "template", "spec", "containers", 1, "image"), "base/deployment.yaml:20 registry.example/proxy:2.0 exactly"},
		{"replicas", "Deployment", path("spec", "replicas"), "overlays/prod/kustomization.yaml:15 5 exactly"},
		{"namespace of the overlay", "Deployment", path("metadata", "namespace"), "overlays/prod/kustomization.yaml:4 shop exactly"},
		{"label of the base", "Service", path("spec", "selector", "app"), "base/kustomization.yaml:14 shop exactly"},
		{"annotation of the overlay", "Service", path("metadata", "annotations", "team"), "overlays/prod/kustomization.yaml:9 checkout exactly"},
		{"name with a prefix", "Service", path("metadata", "name"), "base/service.yaml:4 shop"},
		{"map that is larger than in the base", "Deployment", path(append(container, "resources", "limits")...), "overlays/prod/memory.yaml:11 limits exactly"},
		{"absent field: its parent", "Deployment", path(append(container, "securityContext", "runAsNonRoot")...), "base/deployment.yaml:17 securityContext exactly"},
		{"literal of a generator", "ConfigMap shop/prod-settings", path("data", "LEVEL"), "base/kustomization.yaml:9 LEVEL=info"},
		{"file of a generator", "ConfigMap shop/prod-settings", path("data", "app.conf"), "base/kustomization.yaml:11 app.conf"},
		{"second document of a file", "ConfigMap shop/prod-second", path("data", "a"), "overlays/prod/extra.yaml:12 b exactly"},
	} {
		r := find(t, result, tt.id)
		if got := rendertest.Place(r.Locate(tt.path)); got != tt.want {
			t.Errorf("%s: %s is at %s, want %s", tt.reason, tt.path, got, tt.want)
		}
	}
	if from := find(t, result, "ConfigMap shop/prod-settings").Origin; from.File.Path != "base/kustomization.yaml" || from.Document != 0 || from.Span.IsZero() {
		t.Errorf("the generated ConfigMap comes from %s %d %v", from.File.Path, from.Document, from.Span)
	}
	if doc := find(t, result, "ConfigMap shop/prod-second").Origin.Document; doc != 1 {
		t.Errorf("the second document of extra.yaml is number %d", doc)
	}
	if at := find(t, result, "Deployment").Root.At(path("metadata", "annotations", "config.kubernetes.io/origin")); at != nil {
		t.Error("the annotation of origin is left in the output")
	}
	if len(result.Files) != 8 {
		t.Errorf("files are %q", result.Files)
	}
}

// What kustomize itself writes is what we render.
func TestSameAsKustomize(t *testing.T) {
	for _, tt := range []struct {
		reason string
		dir    string
		files  map[string]string
	}{
		{"overlay", "overlays/prod", shop},
		{"overlay with a component", "overlays/dev", shop},
		{"base", "base", shop},
		{"annotations of origin that the user wants", "k", map[string]string{
			"k/kustomization.yaml": "resources: [a.yaml]\nbuildMetadata: [originAnnotations]\n",
			"k/a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
		}},
		{"other metadata of the build", "k", map[string]string{
			"k/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\nbuildMetadata: [managedByLabel, transformerAnnotations]\n",
			"k/a.yaml":             "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations: {b: c}\n",
		}},
		{"flow style, sorting, hashes", "k", map[string]string{
			"k/kustomization.yml": "{resources: [a.yaml], sortOptions: {order: legacy}, secretGenerator: [{name: s, literals: [a=b]}]}",
			"k/a.yaml":            "apiVersion: v1\nkind: Service\nmetadata:\n  name: a\n---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: n\n",
		}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			plain := filesys.MakeFsInMemory()
			for name, content := range tt.files {
				if err := plain.WriteFile("/"+name, []byte(content)); err != nil {
					t.Fatal(err)
				}
			}
			all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(plain, "/"+tt.dir)
			if err != nil {
				t.Fatal(err)
			}
			want, err := all.AsYaml()
			if err != nil {
				t.Fatal(err)
			}
			docs, err := resource.ParseYAML(source.NewFile("want", want))
			if err != nil {
				t.Fatal(err)
			}
			var wanted, got []string
			for _, d := range docs {
				wanted = append(wanted, string(resource.EncodeJSON(d.Root)))
			}
			for _, r := range rendertest.Run(t, inProcess(), source.Memory(tt.files), tt.dir, render.Options{}).Resources {
				got = append(got, string(resource.EncodeJSON(r.Root)))
			}
			if diff := cmp.Diff(wanted, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const header = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
	for _, tt := range []struct {
		reason string
		files  map[string]string
		at     string // path:line
		want   string
	}{
		{"base at a URL", map[string]string{"kustomization.yaml": header + "resources:\n- https://example.com/base?ref=v1\n"}, "kustomization.yaml:4", "is remote"},
		{"key in another case", map[string]string{"kustomization.yaml": header + "RESOURCES:\n- https://example.com/x.yaml\n"}, "kustomization.yaml:4", "is remote"},
		{"base at GitHub without a scheme", map[string]string{"kustomization.yaml": header + "resources:\n- GitHub.com/org/repo\n"}, "kustomization.yaml:4", "is remote"},
		{"base over SSH", map[string]string{"kustomization.yaml": header + "bases:\n- git@example.com:org/repo\n"}, "kustomization.yaml:4", "is remote"},
		{"credentials are not shown", map[string]string{"kustomization.yaml": header + "resources:\n- https://user:hunter2@example.com/r\n"}, "kustomization.yaml:4", "user:xxxxx@"},
		{"component", map[string]string{"kustomization.yaml": header + "components:\n- ssh://example.com/c\n"}, "kustomization.yaml:4", "is remote"},
		{"anchor", map[string]string{"kustomization.yaml": header + "namePrefix: &x https://example.com/y\nresources: [*x]\n"}, "kustomization.yaml:3", "is remote"},
		{"patch", map[string]string{"kustomization.yaml": header + "patches:\n- path: https://example.com/p.yaml\n"}, "kustomization.yaml:4", "is remote"},
		{"file of a generator", map[string]string{"kustomization.yaml": header + "configMapGenerator:\n- name: x\n  files:\n  - key=http://169.254.169.254/latest\n"}, "kustomization.yaml:6", "is remote"},
		{"schema", map[string]string{"kustomization.yaml": header + "openapi:\n  path: https://example.com/schema.json\n"}, "kustomization.yaml:4", "is remote"},
		{"plugin in place", map[string]string{"kustomization.yaml": header + "transformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {name: p}\n  path: https://example.com/p.yaml\n"}, "kustomization.yaml:", "is remote"},
		{"plugin in a file", map[string]string{"kustomization.yaml": header + "transformers:\n- t.yaml\n", "t.yaml": "apiVersion: builtin\nkind: PatchTransformer\nmetadata: {name: p}\npath: https://example.com/p.yaml\n"}, "t.yaml:4", "is remote"},
		{"remote base of a base", map[string]string{"kustomization.yaml": header + "resources: [base]\n", "base/kustomization.yaml": header + "resources:\n- file:///etc\n"}, "base/kustomization.yaml:4", "is remote"},
		{"chart", map[string]string{"kustomization.yaml": header + "helmCharts:\n- name: x\n"}, "kustomization.yaml:3", "Helm generator"},
		{"plugin that is a program", map[string]string{"kustomization.yaml": header + "generators: [g.yaml]\n", "g.yaml": "apiVersion: example.com/v1\nkind: Exec\nmetadata:\n  name: g\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: /bin/true}\n"}, ".", "plugins disabled"},
		{"base above the tree", map[string]string{"kustomization.yaml": header + "resources: [../../etc]\n"}, "kustomization.yaml:3", "does not exist"},
		{"file above the tree", map[string]string{"kustomization.yaml": header + "resources: [../../../etc/passwd]\n"}, "kustomization.yaml:3", "does not exist"},
		{"absolute path", map[string]string{"kustomization.yaml": header + "resources: [/etc/passwd]\n"}, "kustomization.yaml:3", "does not exist"},
		{"patch that is missing", map[string]string{"kustomization.yaml": header + "patches: [{path: none.yaml}]\n"}, "kustomization.yaml:3", "does not exist"},
		{"cycle", map[string]string{"a/kustomization.yaml": header + "resources: [../b]\n", "b/kustomization.yaml": header + "resources: [../a]\n", "kustomization.yaml": header + "resources: [a]\n"}, ".", "cycle"},
		{"no YAML", map[string]string{"kustomization.yaml": "{{"}, ".", "invalid Kustomization"},
		{"two files", map[string]string{"kustomization.yaml": header, "kustomization.yml": header}, ".", "multiple kustomization files"},
		{"field that does not exist", map[string]string{"kustomization.yaml": header + "resorces: []\n"}, ".", "resorces"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := inProcess().Render(t.Context(), source.Memory(tt.files), ".", render.Options{})
			problem, ok := errors.AsType[render.Problem](err)
			if !ok {
				t.Fatalf("got error %v, want a Problem", err)
			}
			if at := problem.Path; problem.Position.Line > 0 && !strings.HasPrefix(fmt.Sprintf("%s:%d", at, problem.Position.Line), tt.at) || !strings.HasPrefix(tt.at, at) {
				t.Errorf("problem is at %s:%d, want %s", at, problem.Position.Line, tt.at)
			}
			if !strings.Contains(strings.ToLower(problem.Message), strings.ToLower(tt.want)) || strings.Contains(problem.Message, "hunter2") {
				t.Errorf("message is %q, want one with %q", problem.Message, tt.want)
			}
		})
	}
}

func TestFails(t *testing.T) { rendertest.Fails(t, inProcess()) }

func TestLinks(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"real/kustomization.yaml":  "resources: [a.yaml, ../shared]\n",
		"real/a.yaml":              "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n",
		"shared/kustomization.yml": "resources: [b.yaml]\n",
		"shared/b.yaml":            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: b\n",
		"out/kustomization.yaml":   "resources: [passwd.yaml]\n",
	} {
		if err := os.MkdirAll(filepath.Dir(dir+"/"+name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"deep": "real", "out/passwd.yaml": "/etc/passwd"} {
		if err := os.Symlink(target, dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]render.Renderer{"in process": inProcess(), "pool": kustomize.New(newPool(t, worker.Limits{}))} {
		result, err := r.Render(t.Context(), tree, "deep", render.Options{})
		if err != nil {
			t.Fatalf("%s: a link inside of the tree: %v", name, err)
		}
		if len(result.Resources) != 2 || result.Resources[1].Origin.File.Path != "shared/b.yaml" {
			t.Errorf("%s: got %v", name, rendertest.Describe(result))
		}
		_, err = r.Render(t.Context(), tree, "out", render.Options{})
		problem, _ := errors.AsType[render.Problem](err)
		if problem.Path != "out/passwd.yaml" || !strings.Contains(problem.Message, "leaves the tree") {
			t.Errorf("%s: a link out of the tree gives %v", name, err)
		}
	}
}

func TestDiscovery(t *testing.T) {
	units, skipped, err := render.Discover(source.Memory(shop), ".", []render.Renderer{inProcess()})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, u := range units {
		got[u.Path+" "+u.Renderer] = u.UsedBy
	}
	if diff := cmp.Diff(map[string][]string{
		"base kustomize": {"overlays/dev", "overlays/prod"}, "components/debug kustomize": {"overlays/dev"},
		"overlays/dev kustomize": nil, "overlays/prod kustomize": nil,
	}, got); diff != "" {
		t.Error(diff)
	}
	if len(skipped) != 0 {
		t.Errorf("passed over: %v", skipped)
	}
}
