package manifest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/manifest"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const configMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "

func TestRender(t *testing.T) {
	for _, tt := range []struct {
		reason string
		files  map[string]string
		dir    string
		want   []string // IDs with file and document
		also   []string // problems and what is passed over, as prefixes
	}{
		{
			reason: "all files below a directory, sorted, whatever their ending",
			files:  map[string]string{"b.yaml": configMap + "b}\n", "a/z.yml": configMap + "z}\n", "c.json": `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"c","namespace":"n"}}`, "README.md": "# x"},
			dir:    ".",
			want:   []string{"ConfigMap z a/z.yml 0", "ConfigMap b b.yaml 0", "Secret n/c c.json 0"},
		},
		{
			reason: "one file",
			files:  map[string]string{"a.yaml": configMap + "a}\n", "b.yaml": configMap + "b}\n"},
			dir:    "b.yaml",
			want:   []string{"ConfigMap b b.yaml 0"},
		},
		{
			reason: "documents are counted with those that are empty",
			files:  map[string]string{"a.yaml": "# nothing\n---\n" + configMap + "a}\n---\n---\n" + configMap + "b}\n"},
			dir:    ".",
			want:   []string{"ConfigMap a a.yaml 0", "ConfigMap b a.yaml 2"},
		},
		{
			reason: "lists are taken apart",
			files:  map[string]string{"a.yaml": "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: p}}\n- {apiVersion: v1, kind: Service, metadata: {name: s}}\n"},
			dir:    ".",
			want:   []string{"Pod p a.yaml 0", "Service s a.yaml 0"},
		},
		{
			reason: "a broken file hides neither others nor its own documents before it",
			files:  map[string]string{"a.yaml": configMap + "a}\n---\napiVersion: v1\nkind: [\n", "b.yaml": configMap + "b}\n"},
			dir:    ".",
			want:   []string{"ConfigMap a a.yaml 0", "ConfigMap b b.yaml 0"},
			also:   []string{"problem a.yaml:7:"},
		},
		{
			reason: "files of other tools",
			files: map[string]string{
				"values.yaml": "a: 1\n", "package.json": "{}", "broken.yaml": "{{ x }}", "k/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
				"chart/Chart.yaml": "apiVersion: v2\nname: c\n", "chart/templates/x.yaml": configMap + "{{ .Values.x }}}\n", "empty.yaml": "",
			},
			dir: ".",
			also: []string{
				"passed over broken.yaml: not a Kubernetes manifest",
				"passed over chart/Chart.yaml: part of a Helm chart",
				"passed over chart/templates/x.yaml: part of a Helm chart",
				"passed over empty.yaml: not a Kubernetes manifest",
				"passed over k/kustomization.yaml: a kustomization is no manifest",
				"passed over package.json: not a Kubernetes manifest",
				"passed over values.yaml: not a Kubernetes manifest",
			},
		},
		{
			reason: "keys in escapes are seen",
			files:  map[string]string{"a.json": `{"api\u0056ersion":"v1","k\u0069nd":"Pod","metadata":{"name":"p"}}`},
			dir:    ".",
			want:   []string{"Pod p a.json 0"},
		},
		{
			reason: "a document that is no object among objects",
			files:  map[string]string{"a.yaml": configMap + "a}\n---\nfoo: bar\n"},
			dir:    ".",
			want:   []string{"ConfigMap a a.yaml 0"},
			also:   []string{"problem a.yaml:5:1: the document has no apiVersion and kind"},
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			result := rendertest.Run(t, manifest.New(), source.Memory(tt.files), tt.dir, render.Options{})
			var got []string
			for _, r := range result.Resources {
				got = append(got, strings.Join([]string{r.ID.String(), r.Origin.File.Path, string(rune('0' + r.Origin.Document))}, " "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("resources:\n%s", diff)
			}
			var also []string
			for _, line := range rendertest.Describe(result) {
				if strings.HasPrefix(line, "problem ") || strings.HasPrefix(line, "passed over ") {
					also = append(also, line)
				}
			}
			if len(also) != len(tt.also) {
				t.Fatalf("got %q, want %q", also, tt.also)
			}
			for i := range also {
				if !strings.HasPrefix(also[i], tt.also[i]) {
					t.Errorf("got %q, want %q", also[i], tt.also[i])
				}
			}
		})
	}
}

func TestFails(t *testing.T) { rendertest.Fails(t, manifest.New()) }

// A disk has links and large files, which memory has not.
func TestDisk(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := func(name, target string) {
		if err := os.Symlink(target, dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir+"/sub", 0o700); err != nil {
		t.Fatal(err)
	}
	write("a.yaml", configMap+"a}\n")
	write("big.yaml", configMap+"big}\n"+strings.Repeat("#", 200))
	link("in.yaml", "a.yaml")
	link("out.yaml", "../../etc/passwd")
	link("dangling.yaml", "none.yaml")
	link("dir", "sub")
	tree, err := source.Disk(dir, source.DiskOptions{MaxFileSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	result, err := manifest.New().Render(t.Context(), tree, ".", render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Resources) != 2 {
		t.Errorf("got %d resources, want a.yaml and the link to it", len(result.Resources))
	}
	want := map[string]string{
		"out.yaml": "leaves the tree", "big.yaml": "more than the limit of 100", "dangling.yaml": "not exist",
	}
	for _, p := range result.Problems {
		if want[p.Path] == "" || !strings.Contains(p.Message, want[p.Path]) {
			t.Errorf("unexpected problem: %v", p)
		}
		delete(want, p.Path)
	}
	if len(want) > 0 {
		t.Errorf("no problem for %v", want)
	}
	if len(result.Skipped) != 1 || result.Skipped[0].Path != "dir" {
		t.Errorf("passed over %v, want the link to a directory", result.Skipped)
	}
}

// A file that holds no object is rendered as what else its content looks like, but
// only by itself: a directory is what kubectl would apply, and no application is of
// something else.
func TestOtherFormats(t *testing.T) {
	parse := func(_ source.Tree, file *source.File) ([]*resource.Resource, error) {
		return []*resource.Resource{{ID: resource.ID{Kind: "Thing", Name: "t"}, Root: resource.NewMap(source.Span{End: 1})}}, nil
	}
	never := func(source.Tree, string) bool { return false }
	looks := func(content []byte) bool { return strings.Contains(string(content), "Things") }
	r := manifest.New(render.NewContentFormat(resource.ARM, never, looks, parse))
	tree := source.Memory(map[string]string{
		"things.yaml": "Things: 1\n", "broken.yaml": "Things: [\n", "values.yaml": "a: 1\n",
		"map.yaml": configMap + "a}\ndata: {a: Things}\n", "odd.yaml": "apiVersion: 1\nkind: 2\nThings: {}\n",
	})
	for file, want := range map[string]string{
		"things.yaml": "arm:Thing/t", "broken.yaml": "arm:Thing/t", "odd.yaml": "arm:Thing/t", "map.yaml": "/ConfigMap//a", "values.yaml": "",
	} {
		result, err := r.Render(t.Context(), tree, file, render.Options{})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, one := range result.Resources {
			got += one.ID.Key()
		}
		if got != want || len(result.Problems) > 0 || len(result.Skipped) > 0 != (want == "") {
			t.Errorf("%s: %q, %v, %v", file, got, result.Problems, result.Skipped)
		}
	}
	if result, _ := r.Render(t.Context(), tree, ".", render.Options{}); len(result.Resources) != 1 {
		t.Errorf("a directory: %v", result.Resources)
	}
	result, err := render.App(t.Context(), tree, "things.yaml", render.Options{}, []render.Renderer{r})
	if err != nil || len(result.Problems) != 1 || !strings.Contains(result.Problems[0].Message, "Thing t is for arm, and not for a cluster") {
		t.Errorf("an application: %v, %v", result, err)
	}
}
