package chart_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/chart"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const name = "web/Chart.yaml"

func read(t *testing.T, files map[string]string) (*resource.Resource, error) {
	t.Helper()
	all, err := chart.Parse(source.Memory(files), source.NewFile(name, []byte(files[name])))
	if len(all) != 1 {
		t.Fatalf("%d resources, %v", len(all), err)
	}
	return all[0], err
}

// path splits a/0/c.
func path(text string) (out resource.Path) {
	for part := range strings.SplitSeq(text, "/") {
		if n := 0; part[0] >= '0' && part[0] <= '9' {
			_, _ = fmt.Sscan(part, &n)
			out = append(out, resource.Index(n))
			continue
		}
		out = append(out, resource.Key(part))
	}
	return out
}

var files = map[string]string{
	name:              "apiVersion: v2\nname: web\ndependencies:\n- {name: a, version: ^1.0.0, repository: 'https://c.example/'}\n- {name: b, version: 1.0.0}\n",
	"web/Chart.lock":  "dependencies:\n- {name: a, version: 1.4.2, repository: 'https://c.example'}\n- {name: b, version: 2.0.0}\n",
	"web/values.yaml": "auth: {password: x}\nimage:\n  repository: r/web\n  tag: latest\nlist: [{image: 'r/b:1'}]\n",
	"web/templates/a.yaml": "{{- define \"x\" }}\nkind: Nothing\n{{- end }}\nkind: Service\nmetadata:\n  namespace: shop\n" +
		"{{- if .Values.a }}\n---\nkind: ClusterRole\n{{- end }}\n---\nkind: Job\nmetadata:\n  annotations:\n    \"helm.sh/hook\": pre-install\nspec: {{ printf \"%s\" (randAlphaNum 5) }}\n",
	"web/templates/broken.yaml": "{{ if }",
	"web/templates/NOTES.txt":   "The password is {{ .Values.auth.password | quote }}.\n",
	"web/charts/a/Chart.yaml":   "name: a\n",
}

// TestPlaces proves what is read of which file, and where it stands.
func TestPlaces(t *testing.T) {
	r, err := read(t, files)
	note, ok := errors.AsType[render.Note](err)
	want := []string{"web/Chart.lock", "web/values.yaml", "web/templates/NOTES.txt", "web/templates/a.yaml"}
	if diff := cmp.Diff(want, note.Used); diff != "" || !ok || render.WithoutNotes(err) != nil {
		t.Fatalf("%v (-want +got):\n%s", err, diff)
	}
	for at, want := range map[string]string{
		"name":                  "web/Chart.yaml:2:7 web",
		"dependencies/0/locked": "web/Chart.lock:2:22 1.4.2",
		"dependencies/1/locked": "web/Chart.lock:3:22 2.0.0",
		"settings/0/value":      "web/values.yaml:1:18 x",
		"settings/0/name":       "web/values.yaml:1:8 auth.password",
		"images/0/tag":          "web/values.yaml:4:8 latest",
		"images/1/tag":          "web/values.yaml:5:16 1",
		"objects/0/kind":        "web/templates/a.yaml:4:7 Service",
		"objects/0/namespace":   "web/templates/a.yaml:6:14 shop",
		"objects/1/kind":        "web/templates/a.yaml:9:7 ClusterRole",
		"objects/2/hook":        "web/templates/a.yaml:15:21 pre-install",
		"calls/0/function":      "web/templates/a.yaml:16:23 randAlphaNum",
		"secrets/0/text":        "web/templates/NOTES.txt:1:21 Values.auth.password",
	} {
		loc, v := r.Locate(path(at)), r.Root.At(path(at))
		if v == nil {
			t.Errorf("%s: absent", at)
			continue
		}
		p := loc.Position()
		if got := fmt.Sprintf("%s:%d:%d %s", loc.File.Path, p.Line, p.Column, v.Str); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
	stale := func(i int) bool { return r.Root.Get("dependencies").Items[i].Get("stale").Bool }
	if stale(0) || !stale(1) {
		t.Errorf("stale: %v, %v", stale(0), stale(1))
	}
	if o := r.Root.Get("objects").Items; len(o) != 3 || o[0].Get("conditional").Bool || !o[1].Get("conditional").Bool {
		t.Errorf("%d objects", len(o))
	}
}

// TestCompanion proves that discovery finds the chart beside what it renders to,
// and leaves out those that another chart brings along.
func TestCompanion(t *testing.T) {
	fake := composer{}
	companion := render.NewCompanion(chart.Renderer, fake.Name(), chart.File, resource.HelmChart, chart.Parse)
	units, _, err := render.Discover(source.Memory(files), ".", []render.Renderer{fake, companion})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range units {
		got = append(got, u.Renderer+" "+u.Path)
	}
	if diff := cmp.Diff([]string{"helm web", "chart web/Chart.yaml"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	touched, err := render.DiscoverTouched(source.Memory(files), ".", []render.Renderer{fake, companion}, []string{"web/templates/a.yaml"})
	if err != nil || len(touched) != 2 {
		t.Errorf("a template touches %v, %v", touched, err)
	}
	result, err := companion.Render(t.Context(), source.Memory(files), name, render.Options{})
	if err != nil || len(result.Resources) != 1 || len(result.Problems) > 0 || len(result.Files) != 5 || result.Resources[0].Origin.Renderer != chart.Renderer {
		t.Errorf("%+v, %v", result, err)
	}
}

// composer makes units of directories with a Chart.yaml, as the renderer of Helm
// does, and renders nothing.
type composer struct{ render.Renderer }

func (composer) Name() string { return "helm" }

func (composer) Detect(tree source.Tree, dir string) bool {
	_, err := tree.Stat(strings.TrimPrefix(dir+"/"+chart.File, "./"))
	return err == nil
}

func (composer) Uses(_ source.Tree, dir string) []string {
	return []string{dir + "/Chart.lock", dir + "/Chart.yaml", dir + "/charts", dir + "/templates", dir + "/values.yaml"}
}

func FuzzParse(f *testing.F) {
	f.Add(files[name], files["web/values.yaml"], files["web/templates/a.yaml"])
	f.Add("dependencies: [7, {version: '>'}]", "image: {repository: a, tag: 7}", "{{ tpl .Values.a . }}")
	f.Fuzz(func(t *testing.T, meta, values, template string) {
		tree := source.Memory(map[string]string{
			name: meta, "web/values.yaml": values, "web/Chart.lock": values, "web/templates/a.yaml": template, "web/templates/NOTES.txt": template,
		})
		all, _ := chart.Parse(tree, source.NewFile(name, []byte(meta)))
		for _, r := range all {
			walk(t, r, nil, r.Root)
		}
	})
}

// walk checks that all places are in their files.
func walk(t *testing.T, r *resource.Resource, at resource.Path, v *resource.Value) {
	if r.Origin.Locator != nil && len(at) < 4 {
		if loc := r.Locate(at); loc.Span.Start < 0 || loc.Span.End > len(loc.File.Content) {
			t.Fatalf("%s is at %v of %d bytes", at, loc.Span, len(loc.File.Content))
		}
	}
	for i, item := range v.Items {
		walk(t, r, at.Append(resource.Index(i)), item)
	}
	for _, f := range v.Fields {
		walk(t, r, at.Append(resource.Key(f.Key)), f.Value)
	}
}
