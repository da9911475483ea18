package scan

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// TestErrorsOnceAReason proves that what is wrong with one object is said once, and
// not once for each policy.
func TestErrorsOnceAReason(t *testing.T) {
	result := func(id string, reason string) policy.Result {
		if reason == "" {
			return policy.Result{Policy: &policy.Policy{Rule: finding.Rule{ID: id}}}
		}
		return policy.Result{Policy: &policy.Policy{Rule: finding.Rule{ID: id}}, Verdict: policy.Error, Err: errors.New(reason)}
	}
	r := &resource.Resource{ID: resource.ID{Kind: "Pod", Name: "web"}}
	got := errorsOn(r, []policy.Result{
		result("A-1", "wrong form"), result("A-2", ""), result("A-3", "too long"), result("A-4", "wrong form"),
		result("A-5", "wrong form"), result("A-6", "too long"), result("A-7", "of its own"),
	})
	want := []string{
		"A-1 and 2 other policies on Pod web: wrong form",
		"A-3 and A-6 on Pod web: too long",
		"A-7 on Pod web: of its own",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
