package packs_test

import (
	"context"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// TestSeverityOfRoot proves that only who asks for root has a severe finding.
func TestSeverityOfRoot(t *testing.T) {
	_, engine := builtin(t)
	for _, test := range []struct {
		reason, pod, container string
		want                   finding.Severity
	}{
		{"the image decides", "{}", "{}", finding.Medium},
		{"it is said that the image decides", "{}", "{runAsNonRoot: false}", finding.Medium},
		{"a container asks for root", "{runAsUser: 1000}", "{runAsUser: 0}", finding.High},
		{"the pod asks for root", "{runAsUser: 0}", "{}", finding.High},
		{"a container takes the promise of the pod back", "{runAsNonRoot: true}", "{runAsNonRoot: false}", finding.High},
		{"another user, by number", "{runAsUser: 1000}", "{}", finding.Low},
	} {
		e := policy.Example{Manifest: "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  securityContext: " + test.pod +
			"\n  containers: [{name: web, image: 'web:1', securityContext: " + test.container + "}]\n"}
		resources, err := e.Resources()
		if err != nil {
			t.Fatal(err)
		}
		results := engine.Evaluate(context.Background(), nil, resources[0], resource.NewSet(resources), policy.Declared)
		found := false
		for _, f := range policy.Findings(resources[0], results, policy.Declared) {
			if f.Rule.ID == "HF-K8S-012" {
				if found = true; f.Severity != test.want {
					t.Errorf("%s: %s, want %s", test.reason, f.Severity, test.want)
				}
			}
		}
		if !found {
			t.Errorf("%s: not found", test.reason)
		}
	}
}
