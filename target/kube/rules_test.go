package kube

import (
	"encoding/json"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/target"
)

// TestHealthExamples runs the examples that stand beside the rules.
func TestHealthExamples(t *testing.T) {
	byKind, err := readRules(healthFiles)
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{health: builtinRules()}
	seen := map[*compiledRules]bool{}
	for kind, rules := range byKind {
		if seen[rules] {
			continue
		}
		seen[rules] = true
		if err := rules.compile(); err != nil {
			t.Error(err)
		}
		healthy, other := false, false
		for _, example := range rules.file.Examples {
			got := c.Assess(decoded(t, example.Object))
			if got.State != example.State || got.Final != example.Final {
				t.Errorf("%s, %s: got %s (final %t), want %s (final %t); message %q",
					kind, example.Name, got.State, got.Final, example.State, example.Final, got.Message)
			}
			if got.Message == "" && (got.State == target.Degraded || got.State == target.Suspended) {
				t.Errorf("%s, %s: %s without a message", kind, example.Name, got.State)
			}
			healthy = healthy || example.State == target.Healthy
			other = other || example.State != target.Healthy
		}
		if !healthy || !other {
			t.Errorf("the examples of %s show only one side", kind)
		}
	}
}

// decoded returns an object as client-go would decode it.
func decoded(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var u unstructured.Unstructured
	if err := u.UnmarshalJSON(text); err != nil {
		t.Fatal(err)
	}
	return u.Object
}

func TestHealthWithoutRules(t *testing.T) {
	tests := []struct {
		object string
		want   target.State
		reason string
	}{
		{`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`, target.Healthy, "a ConfigMap has no state"},
		{`{"apiVersion":"example.org/v1","kind":"Thing","metadata":{"name":"a"}}`, target.Healthy, "a custom resource without a status"},
		{`{"apiVersion":"example.org/v1","kind":"Thing","metadata":{"name":"a","generation":2},"status":{"observedGeneration":1}}`, target.Progressing, "its controller is behind"},
		{`{"apiVersion":"example.org/v1","kind":"Thing","metadata":{"name":"a"},"status":{"conditions":[{"type":"Stalled","status":"True"}]}}`, target.Degraded, "the usual condition"},
		{`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}}`, target.Progressing, "it is being deleted"},
		{`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a"},"spec":"x","status":7}`, target.Unknown, "what cannot be read is not healthy"},
	}
	c := &Cluster{health: builtinRules()}
	for _, test := range tests {
		var object map[string]any
		if err := json.Unmarshal([]byte(test.object), &object); err != nil {
			t.Fatal(err)
		}
		if got := c.Assess(decoded(t, object)); got.State != test.want {
			t.Errorf("%s: got %s %q, want %s", test.reason, got.State, got.Message, test.want)
		}
	}
}

func BenchmarkAssess(b *testing.B) {
	byKind, err := readRules(healthFiles)
	if err != nil {
		b.Fatal(err)
	}
	c := &Cluster{health: builtinRules()}
	object := byKind["apps/Deployment"].file.Examples[0].Object
	for b.Loop() {
		c.Assess(object)
	}
}
