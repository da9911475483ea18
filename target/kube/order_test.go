package kube

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
)

func TestApplyOrder(t *testing.T) {
	want := []resource.ID{
		{Kind: "Namespace", Name: "web"},
		{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition", Name: "things.example.org"},
		{Group: "scheduling.k8s.io", Kind: "PriorityClass", Name: "high"},
		{Group: "networking.k8s.io", Kind: "NetworkPolicy", Namespace: "web", Name: "deny"},
		{Kind: "ServiceAccount", Namespace: "web", Name: "api"},
		{Group: "rbac.authorization.k8s.io", Kind: "Role", Namespace: "web", Name: "api"},
		{Group: "rbac.authorization.k8s.io", Kind: "RoleBinding", Namespace: "web", Name: "api"},
		{Kind: "ConfigMap", Namespace: "web", Name: "api"},
		{Kind: "Secret", Namespace: "web", Name: "api"},
		{Kind: "PersistentVolumeClaim", Namespace: "web", Name: "api"},
		{Kind: "Service", Namespace: "web", Name: "api"},
		{Group: "apps", Kind: "Deployment", Namespace: "web", Name: "api"},
		{Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Namespace: "web", Name: "api"},
		{Group: "example.org", Kind: "Thing", Namespace: "web", Name: "api"},
		{Group: "serving.knative.dev", Kind: "Service", Namespace: "web", Name: "api"},
		{Group: "admissionregistration.k8s.io", Kind: "ValidatingWebhookConfiguration", Name: "guard"},
	}
	objects := make([]object, len(want))
	for i, j := range rand.Perm(len(want)) {
		objects[i] = object{id: want[j]}
	}
	var got []resource.ID
	for _, stage := range stages(objects) {
		for _, o := range stage {
			if weight(o.id) != weight(stage[0].id) {
				t.Errorf("%s is in one stage with %s", o.id, stage[0].id)
			}
			got = append(got, o.id)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestApplyThatChangedNothing(t *testing.T) {
	before := head{uid: "u", version: "1", generation: 3, fields: `{"f:spec":{}}`, labels: map[string]string{"a": "1"}}
	body := map[string]any{"metadata": map[string]any{"labels": map[string]any{"a": "1"}}}
	change := func(edit func(*head)) head {
		after := before
		edit(&after)
		return after
	}
	tests := []struct {
		after  head
		want   bool
		reason string
	}{
		{before, true, "the version is the same"},
		{change(func(h *head) { h.version = "2"; h.annotations = map[string]string{"revision": "7"} }), true, "a controller wrote meanwhile"},
		{change(func(h *head) { h.version, h.generation = "2", 4 }), false, "the specification changed"},
		{change(func(h *head) { h.version = "2"; h.labels = map[string]string{"a": "2"} }), false, "a label that we declare changed"},
		{change(func(h *head) { h.version, h.fields = "2", `{}` }), false, "we own other fields than before"},
		{change(func(h *head) { h.version, h.uid = "2", "v" }), false, "it is another object"},
	}
	for _, test := range tests {
		if got := before.sameAs(test.after, body); got != test.want {
			t.Errorf("%s: got %t", test.reason, got)
		}
	}
	plain := head{version: "1"}
	if plain.sameAs(head{version: "2"}, body) {
		t.Error("a kind without generations: a new version is a change")
	}
}
