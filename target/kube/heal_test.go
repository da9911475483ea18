package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
)

func item(index int, name string) resource.Step {
	s := resource.Index(index)
	s.Name = name
	return s
}

func path(steps ...any) (p resource.Path) {
	for _, s := range steps {
		switch s := s.(type) {
		case string:
			p = append(p, resource.Key(s))
		case resource.Step:
			p = append(p, s)
		}
	}
	return p
}

func TestPointersToAdditions(t *testing.T) {
	live := dict{
		"metadata": dict{"labels": dict{"a/b": "x", LabelApplication: "web"}},
		"spec": dict{
			"containers": []any{dict{"name": "api"}, dict{"name": "evil", "image": "x"}, dict{"name": "worse"}},
			"rules":      []any{dict{"verbs": []any{"get"}}, dict{"verbs": []any{"*"}}},
		},
		"status": dict{"phase": "x"},
	}
	tests := []struct {
		reason string
		paths  []resource.Path
		reread bool
		want   []string
	}{
		{"later items go first, so that the others stay where they are",
			[]resource.Path{path("spec", "containers", item(1, "evil")), path("spec", "containers", item(2, "worse"))}, false,
			[]string{"/spec/containers/2", "/spec/containers/1"}},
		{"an item that has moved is found by its name",
			[]resource.Path{path("spec", "containers", item(0, "evil"), "image")}, true, []string{"/spec/containers/1/image"}},
		{"what is inside of something that goes is not removed twice",
			[]resource.Path{path("spec", "containers", item(1, "evil"), "image"), path("spec", "containers", item(1, "evil"))}, false,
			[]string{"/spec/containers/1"}},
		{"what is gone already is left alone",
			[]resource.Path{path("spec", "hostNetwork"), path("spec", "containers", item(1, "gone"))}, false, nil},
		{"keys are escaped", []resource.Path{path("metadata", "labels", "a/b")}, false, []string{"/metadata/labels/a~1b"}},
		{"an item without identity is removed where it was seen",
			[]resource.Path{path("spec", "rules", item(1, "1"))}, false, []string{"/spec/rules/1"}},
		{"in an object that was read again it may be another one",
			[]resource.Path{path("spec", "rules", item(1, "1"))}, true, nil},
		{"our label, the status and what holds the rest are no additions",
			[]resource.Path{path("metadata", "labels", LabelApplication), path("status", "phase"), path("spec"), path("metadata"), nil}, false, nil},
	}
	for _, test := range tests {
		var changes []drift.Change
		for _, p := range test.paths {
			changes = append(changes, drift.Change{Operation: drift.FieldAdded, Path: p})
		}
		if diff := cmp.Diff(test.want, pointersTo(live, changes, test.reread)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.reason, diff)
		}
	}
}
