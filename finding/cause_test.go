package finding_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// TestByCauseSaysOnceWhatIsOnePlace holds that a base and its overlays give one
// finding, also where a patch makes the place less sure.
func TestByCauseSaysOnceWhatIsOnePlace(t *testing.T) {
	file := source.NewFile("base/release.yaml", []byte("spec: {}\n"))
	at := func(namespace string, start int, exact bool) *finding.Finding {
		f := &finding.Finding{
			Rule: &finding.Rule{ID: "HF-K8S-012"}, Field: "spec.account",
			Path:     resource.Path{resource.Key("spec"), resource.Key("account")},
			Subject:  resource.ID{Kind: "Release", Namespace: namespace, Name: "web"},
			Location: resource.Location{File: file, Span: source.Span{Start: start, End: start + 4}, Exact: exact},
		}
		f.Identify("")
		return f
	}
	got := finding.ByCause([]*finding.Finding{at("shop", 0, true), at("shop", 0, false), at("stage", 0, false), at("shop", 5, false)})
	if len(got) != 2 || got[0].Count != 3 || got[1].Count != 1 {
		for _, f := range got {
			t.Errorf("%s at %d: %d", f.Subject, f.Location.Span.Start, f.Count)
		}
	}
}
