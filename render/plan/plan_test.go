package plan_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/plan"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// recorded is what terraform 1.11 says of the configuration beside it.
func recorded(t testing.TB) *source.File {
	t.Helper()
	content, err := os.ReadFile("testdata/data/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	return source.NewFile("plan.json", content)
}

func parse(t testing.TB, file *source.File) map[string]*resource.Resource {
	t.Helper()
	all, err := plan.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*resource.Resource{}
	for _, r := range all {
		byName[r.ID.Name] = r
	}
	return byName
}

// write returns a value in short: ? for what is not known, with references behind @.
func write(v *resource.Value) string {
	var out string
	switch {
	case v == nil:
		return "absent"
	case v.Unknown() != "":
		out = "?" + v.Unknown()
	case v.Kind == resource.Null:
		out = "null"
	case v.Kind == resource.List:
		var all []string
		for _, item := range v.Items {
			all = append(all, write(item))
		}
		out = "[" + strings.Join(all, ", ") + "]"
	case v.Kind == resource.Map:
		var all []string
		for _, f := range v.Fields {
			if f.Key == "lifecycle" || f.Key == "provisioner" {
				continue // which plans never have
			}
			all = append(all, f.Key+": "+write(f.Value))
		}
		out = "{" + strings.Join(all, ", ") + "}"
	default:
		out = v.Str
	}
	if refs := v.Refs(); len(refs) > 0 {
		out += "@" + strings.Join(refs, "+")
	}
	return out
}

func TestARecordedPlan(t *testing.T) {
	all := parse(t, recorded(t))
	for name, want := range map[string]string{
		"terraform_data.copy": `delete create {input: [?known after apply, 9b977523-eb3c-c4c0-5ebc-61ccbcf5611d]@terraform_data.policy, triggers_replace: [v2]}`,
		"terraform_data.gone": `delete null`,
		"terraform_data.new":  `create {input: ?known after apply@terraform_data.copy}`,
		"terraform_data.policy": `update {id: 9b977523-eb3c-c4c0-5ebc-61ccbcf5611d, input: {document: {"Statement":[{"Action":"*","Effect":"Allow"}]}, ` +
			`password: ?sensitive, and not shown, region: eu-central-1}}`,
		`module.net["a.b"].terraform_data.subnet[1]`: `no-op {id: efdedf4a-2366-0e16-86bf-203bf4ba5c27, input: a.b-1, output: a.b-1}`,
		`module.net["d"].terraform_data.route[1]`:    `create {input: {of: ?known after apply}@module.net["d"].terraform_data.subnet[1]}`,
	} {
		r := all[name]
		if r == nil {
			t.Errorf("%s is missing", name)
			continue
		}
		if got := strings.Join(r.Change.Actions, " ") + " " + write(r.Root); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
		if want := (resource.ID{Platform: resource.Terraform, Kind: "terraform_data", Name: name}); r.ID != want {
			t.Errorf("its identity is %+v", r.ID)
		}
	}
	if len(all) != 16 {
		t.Errorf("%d resources", len(all))
	}
	copied := all["terraform_data.copy"].Change
	if len(copied.Replaced) != 1 || copied.Replaced[0].String() != "triggers_replace" || write(copied.Before.Get("triggers_replace")) != "[v1]" {
		t.Errorf("it is replaced for %v, from %s", copied.Replaced, write(copied.Before))
	}
	if all["terraform_data.new"].Change.Before != nil {
		t.Error("there was something before what is new")
	}
	document := all["terraform_data.policy"].Root.At(resource.Path{resource.Key("input"), resource.Key("document")})
	if got := write(document.Decoded()); got != "{Statement: [{Action: *, Effect: Allow}]}" {
		t.Errorf("the document holds %s", got)
	}
}

func TestSensitiveValuesAreNowhere(t *testing.T) {
	file := recorded(t)
	for name, r := range parse(t, file) {
		text := write(r.Root) + string(r.Origin.File.Content)
		if r.Change.Before != nil {
			text += write(r.Change.Before)
		}
		if strings.Contains(text, "correct-horse") {
			t.Fatalf("%s shows it", name)
		}
		if len(r.Origin.File.Content) != len(file.Content) {
			t.Fatal("the text has another length, so that places are wrong")
		}
	}
}

func TestPlacesAreInThePlan(t *testing.T) {
	file := recorded(t)
	r := parse(t, file)["terraform_data.policy"]
	loc := r.Locate(resource.Path{resource.Key("input"), resource.Key("region")})
	if got := string(file.Content[loc.Span.Start:loc.Span.End]); got != `"eu-central-1"` {
		t.Errorf("the place is %s", got)
	}
}

func TestWhatIsLeftOut(t *testing.T) {
	const head = `{"format_version": "1.2", "resource_changes": [`
	for _, c := range []struct{ name, change, want string }{
		{"what was deposed", `{"address": "a.b", "type": "a", "deposed": "1234", "change": {"actions": ["delete"], "before": {}, "after": null}}`, ""},
		{"what has no address", `{"change": {}}`, ""},
		{"what is no change", `7, null, "x", {"address": "a.b"}`, ""},
		{"a data source", `{"address": "data.a.b", "mode": "data", "type": "a", "change": {"actions": ["read"], "after": {"x": 1}}}`, "data.a data.a.b {x: 1}"},
		{"actions that are none", `{"address": "a.b", "type": "a", "change": {"actions": "x", "after": {"x": null, "y": [null]}}}`, "a a.b {y: [null]}"},
		{"nothing below what is not known", `{"address": "a.b", "type": "a", "change": {"after": {"l": []}, "after_unknown": {"m": {"n": true}, "l": true, "o": 3}}}`,
			"a a.b {l: ?known after apply, m: {n: ?known after apply}}"},
		{"all is sensitive", `{"address": "a.b", "type": "a", "change": {"after": {"x": {"y": "z"}, "n": null}, "after_sensitive": {"x": true, "n": true}}}`,
			"a a.b {x: ?sensitive, and not shown}"},
		{"an equal text", `{"address": "a.b", "type": "a", "change": {"after": {"x": "long enough", "y": "long enough", "z": "short"}, "after_sensitive": {"x": true}}}`,
			"a a.b {x: ?sensitive, and not shown, y: ?sensitive, and not shown, z: short}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, err := plan.Parse(source.NewFile("p.json", []byte(head+c.change+"]}")))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range all {
				got = append(got, r.ID.Kind+" "+r.ID.Name+" "+write(r.Root))
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestWhatIsNoPlan(t *testing.T) {
	for text, want := range map[string]string{
		`{"format_version": "1.0", "values": {}}`:                       "not a plan",
		`{"format_version": "1.0", "resource_changes": {}}`:             "not a plan",
		`["format_version", "resource_changes"]`:                        "not a plan",
		"{\n\"format_version\": \"9.1\", \"resource_changes\": []}":     `p.json:2:19: plans of format version "9.1" are not known`,
		"{\"format_version\": \"1.0\",\n\"resource_changes\": [1,, 2]}": "p.json:2:24",
		`{"format_version": "1.0", "resource_changes": [`:               "p.json:1:48",
		``: "p.json:1:1",
	} {
		_, err := plan.Parse(source.NewFile("p.json", []byte(text)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if want == "not a plan" && !errors.Is(err, render.ErrOtherFormat) {
			t.Errorf("%s: the error is not that of another format: %v", text, err)
		}
	}
}

func TestPlansAreRecognised(t *testing.T) {
	for text, want := range map[string]bool{
		`{"format_version":"1.2","terraform_version":"1.11.4","resource_changes":[]}`: true,
		`{"format_version":"1.2","values":{}}`:                                        false,
		`apiVersion: v1`:                                                              false,
	} {
		if got := plan.Recognises([]byte(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestJoined places the recorded plan in a configuration that is one directory above.
func TestJoined(t *testing.T) {
	content := string(recorded(t).Content)
	main := source.NewFile("live/main.tf", []byte("resource terraform_data policy"))
	declared := &resource.Resource{
		ID: resource.ID{Platform: resource.Terraform, Kind: "terraform_data", Name: "terraform_data.policy"},
		Root: &resource.Value{Kind: resource.Map, Fields: []resource.Field{{Key: "input", KeySpan: source.Span{Start: 1, End: 2}, Value: &resource.Value{
			Kind: resource.Map, Extra: &resource.Extra{Refs: []string{"data.x.y"}}, Span: source.Span{Start: 3, End: 4},
			Fields: []resource.Field{{Key: "region", Value: &resource.Value{Kind: resource.String, Str: "x", Span: source.Span{Start: 5, End: 9}}}},
		}}}},
		Origin: resource.Origin{File: main},
	}
	var asked []string
	format := plan.New(func(_ context.Context, _ source.Tree, dir string) []*resource.Resource {
		if asked = append(asked, dir); dir == "live" {
			return []*resource.Resource{declared}
		}
		return nil
	})
	result, err := format.Render(context.Background(), source.Memory(map[string]string{"live/ci/plans/p.json": content}), "live/ci/plans/p.json", render.Options{})
	if err != nil || len(result.Problems) > 0 {
		t.Fatal(err, result.Problems)
	}
	if want := []string{"live/ci/plans", "live/ci", "live"}; !slices.Equal(asked, want) {
		t.Errorf("it looked into %v", asked)
	}
	for _, r := range result.Resources {
		loc := r.Locate(resource.Path{resource.Key("input"), resource.Key("region")})
		at := fmt.Sprintf("%s %d", loc.File.Path, loc.Span.Start)
		switch {
		case r.ID != declared.ID && loc.File.Path != "live/ci/plans/p.json":
			t.Errorf("%s is at %s", r.ID, at)
		case r.ID == declared.ID && (at != "live/main.tf 5" || !loc.Exact || r.Root.Get("input").Refs()[0] != "data.x.y"):
			t.Errorf("%s is at %s and refers to %v", r.ID, at, r.Root.Get("input").Refs())
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(recorded(f).Content)
	f.Add([]byte(`{"format_version":"1.0","resource_changes":[{"address":"module.a[\"x.y\"].data.b.c[0]","mode":"data","type":"b","change":{"actions":["read"],"after":{"p":"{\"a\":[1]}","s":"secret-secret"},"after_unknown":{"q":true},"after_sensitive":{"s":true},"replace_paths":[["a",0]]}}],"configuration":{"root_module":{"module_calls":{"a":{"module":{"resources":[{"address":"data.b.c","expressions":{"q":{"references":["d.e","d.e.f"]}}}]}}}}}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		all, err := plan.Parse(source.NewFile("p.json", content))
		if err != nil && len(all) > 0 {
			t.Error("there are resources beside an error")
		}
		for _, r := range all {
			if r.Origin.Span.End > len(content) || len(r.Origin.File.Content) != len(content) {
				t.Errorf("%s is outside of the file", r.ID)
			}
			r.Locate(nil)
		}
	})
}
