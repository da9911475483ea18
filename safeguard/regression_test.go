package safeguard_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/safeguard"
)

func TestRegressions(t *testing.T) {
	web := resource.ID{Group: "apps", Kind: "Deployment", Namespace: "shop", Name: "web"}
	rule := &finding.Rule{ID: "HF-K8S-012", Severity: finding.High, Remediation: "Run as somebody else."}
	root := &finding.Finding{Rule: rule, Severity: finding.High, Subject: web, Field: "spec", Message: "it runs as root"}
	root.Identify("")
	there := []*resource.Resource{{ID: web}}
	bad, good, gone := identity.Side{Findings: []*finding.Finding{root}, Resources: there}, identity.Side{Resources: there}, identity.Side{}

	for _, test := range []struct {
		reason string
		sides  []identity.Side
		back   bool // in the last one
	}{
		{"it was always there", []identity.Side{bad, bad}, false},
		{"C01, C07, C08: it was fixed and is back", []identity.Side{bad, good, bad}, true},
		{"it was let through, and stays", []identity.Side{bad, good, bad, bad}, false},
		{"it was fixed twice", []identity.Side{bad, good, bad, good, bad}, true},
		{"it is new", []identity.Side{good, bad}, false},
		{"what it is about was away for a while", []identity.Side{bad, gone, bad}, false},
		{"it was away, then fixed", []identity.Side{bad, gone, good, bad}, true},
	} {
		var memory safeguard.Memory
		var back []safeguard.Regression
		for i, side := range test.sides {
			back = memory.Observe(strings.Repeat(string(rune('a'+i)), 40), side, nil)
		}
		if (len(back) == 1) != test.back {
			t.Errorf("%s: %v", test.reason, back)
		}
	}

	var memory safeguard.Memory
	memory.Observe("a", bad, nil)
	memory.Observe("b", good, func(string) bool { return false })
	if back := memory.Observe("c", bad, nil); len(back) > 0 {
		t.Errorf("what was not scanned was not fixed: %v", back)
	}
	memory.Observe("d", good, nil)
	stored := safeguard.Memory{Fixed: memory.Fixed}
	back := stored.Returned(bad.Findings)
	if len(back) != 1 {
		t.Fatalf("what is stored knows nothing: %v", back)
	}
	if p := back[0].Problem("e"); p.Decision != integrity.Hold || p.Code != integrity.Regression || !strings.Contains(p.Message, "which d had fixed") {
		t.Errorf("the problem is %v", p)
	}
	root.Severity = finding.Low
	if p := back[0].Problem("e"); p.Decision != integrity.Warn {
		t.Errorf("what is low is %s", p.Decision)
	}
}
