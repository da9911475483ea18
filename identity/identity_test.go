package identity_test

import (
	"slices"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var root = &finding.Rule{ID: "HF-TEST-001", Severity: finding.High}

// judge finds every `bad: true` of manifests, at its place.
func judge(t testing.TB, files map[string]string) identity.Side {
	t.Helper()
	var side identity.Side
	for path, text := range files {
		file := source.NewFile(path, []byte(text))
		docs, err := resource.ParseYAML(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			for _, o := range resource.Objects(doc) {
				r := &resource.Resource{ID: o.ID, Root: o.Root, Origin: resource.Origin{File: file, Span: o.Span}}
				side.Resources = append(side.Resources, r)
				walk(r.Root, nil, func(path resource.Path) {
					f := &finding.Finding{Rule: root, Severity: finding.High, Subject: r.ID, Path: path, Field: r.Root.Stable(path), Location: r.Locate(path)}
					f.Identify("")
					side.Findings = append(side.Findings, f)
				})
			}
		}
	}
	finding.Sort(side.Findings)
	return side
}

func walk(v *resource.Value, path resource.Path, found func(resource.Path)) {
	for _, f := range v.Fields {
		at := path.Append(resource.Key(f.Key))
		if f.Key == "bad" && f.Value.Bool {
			found(at)
		}
		walk(f.Value, at, found)
	}
	for i, item := range v.Items {
		walk(item, path.Append(resource.Index(i)), found)
	}
}

func moved(from, to string) git.Change {
	return git.Change{Before: source.Entry{Name: from}, After: source.Entry{Name: to}}
}

const head = "apiVersion: v1\nkind: Thing\nmetadata: {name: x}\n"

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		reason        string
		before, after map[string]string
		changes       []git.Change
		kept, new     int
	}{
		{
			reason: "a named item may move and be indented anew",
			before: map[string]string{"a.yaml": head + "items:\n- {name: a, bad: true}\n- {name: b}\n"},
			after:  map[string]string{"b.yaml": head + "items:\n  - name: b\n  - bad: true\n    name: a\n"},
			kept:   1,
		},
		{
			reason: "an item without a name is followed by its line",
			before: map[string]string{"a.yaml": head + "rules:\n- verbs: [get]\n- verbs: [all]\n  bad: true\n"},
			after:  map[string]string{"a.yaml": head + "rules:\n- verbs: [list]\n- verbs: [get]\n- verbs: [all]\n  bad: true\n"},
			kept:   1,
		},
		{
			reason:  "a renamed object in a renamed file",
			before:  map[string]string{"a.yaml": head + "spec:\n  bad: true\n"},
			after:   map[string]string{"b.yaml": "apiVersion: v1\nkind: Thing\nmetadata: {name: y}\nspec:\n  bad: true\n"},
			changes: []git.Change{moved("a.yaml", "b.yaml")},
			kept:    1,
		},
		{
			reason: "a renamed item",
			before: map[string]string{"a.yaml": head + "items:\n- name: a\n  bad: true\n"},
			after:  map[string]string{"a.yaml": head + "items:\n- name: b\n  bad: true\n"},
			kept:   1,
		},
		{
			reason: "a problem cannot be traded for another one",
			before: map[string]string{"a.yaml": head + "items:\n- name: a\n  bad: true\n- name: b\n  bad: false\n"},
			after:  map[string]string{"a.yaml": head + "items:\n- name: a\n  bad: false\n- name: b\n  bad: true\n"},
			new:    1,
		},
		{
			reason: "nor for one of another object",
			before: map[string]string{"a.yaml": head + "bad: true\n"},
			after:  map[string]string{"a.yaml": head + "bad: false\n---\napiVersion: v1\nkind: Thing\nmetadata: {name: y}\nbad: true\n"},
			new:    1,
		},
		{
			reason: "where one becomes two, one of them is new",
			before: map[string]string{"a.yaml": head + "items:\n- name: a\n  bad: true\n"},
			after:  map[string]string{"a.yaml": head + "items:\n- name: b\n  why: x\n  bad: true\n- name: c\n  why: x\n  bad: true\n"},
			kept:   1, new: 1,
		},
		{
			reason:  "another file has nothing to do with it",
			before:  map[string]string{"a.yaml": head + "spec: {bad: true}\n"},
			after:   map[string]string{"b.yaml": "apiVersion: v1\nkind: Thing\nmetadata: {name: y}\nspec: {bad: true}\n"},
			changes: []git.Change{{Before: source.Entry{Name: "c.yaml"}}, {After: source.Entry{Name: "b.yaml"}}},
			new:     1,
		},
		{
			reason:  "a file that went and one that came, which Git takes for different ones",
			before:  map[string]string{"a.yaml": head + "spec: {bad: true}\n"},
			after:   map[string]string{"b.yaml": "apiVersion: v1\nkind: Thing\nmetadata:\n  name: y\nspec:\n  bad: true\n"},
			changes: []git.Change{{Before: source.Entry{Name: "a.yaml"}}, {After: source.Entry{Name: "b.yaml"}}},
			kept:    1,
		},
		{
			reason: "what was not there is new, what is mended is gone",
			before: map[string]string{"a.yaml": head + "bad: true\n"},
			after:  map[string]string{"a.yaml": head + "ok: true\n", "b.yaml": "apiVersion: v1\nkind: Thing\nmetadata: {name: y}\nbad: true\n"},
			new:    1,
		},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			before, after := judge(t, tt.before), judge(t, tt.after)
			got := identity.Match(before, after, identity.NewMoves(tt.changes))
			if len(got.Was) != tt.kept || len(got.New) != tt.new {
				t.Errorf("kept %d, new %d; want %d and %d", len(got.Was), len(got.New), tt.kept, tt.new)
			}
			if len(got.Was)+len(got.Gone) != len(before.Findings) || len(got.Was)+len(got.New) != len(after.Findings) {
				t.Errorf("the account is wrong: %+v", got)
			}
			slices.Reverse(before.Findings)
			slices.Reverse(after.Findings)
			again := identity.Match(before, after, identity.NewMoves(tt.changes))
			if !slices.Equal(got.New, again.New) || !slices.Equal(got.Gone, again.Gone) {
				t.Error("the answer depends on the order")
			}
		})
	}
}
