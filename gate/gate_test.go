package gate_test

import (
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/gate"
	"github.com/holdfast-dev/holdfast/policy"
)

func problem(severity finding.Severity, fingerprint string) *finding.Finding {
	return &finding.Finding{Rule: &finding.Rule{ID: "HF-K8S-001"}, Severity: severity, Fingerprint: fingerprint}
}

func TestDecide(t *testing.T) {
	sound := gate.Evidence{Signer: "alice@example.com", Objects: 3}
	with := func(change func(*gate.Evidence)) gate.Evidence {
		e := sound
		change(&e)
		return e
	}
	enforce := gate.Terms{FailOn: finding.High}
	tests := []struct {
		reason   string
		evidence gate.Evidence
		terms    gate.Terms
		allow    bool
		check    string // the reason that decides
		state    gate.State
	}{
		{"a sound revision passes", sound, enforce, true, "policy", gate.OK},
		{"unsigned sources are said to be so", with(func(e *gate.Evidence) { e.Signer = "" }), enforce, true, "signature", gate.Skip},
		{"a high finding blocks", with(func(e *gate.Evidence) { e.Findings = []*finding.Finding{problem(finding.High, "a")} }), enforce, false, "policy", gate.Fail},
		{"a medium one does not", with(func(e *gate.Evidence) { e.Findings = []*finding.Finding{problem(finding.Medium, "a")} }), enforce, true, "policy", gate.OK},
		{"what runs already does not block", with(func(e *gate.Evidence) {
			e.Findings = []*finding.Finding{problem(finding.Critical, "a")}
			e.Known = map[string]bool{"a": true}
		}), enforce, true, "policy", gate.OK},
		{"unless it was asked for", with(func(e *gate.Evidence) {
			e.Findings = []*finding.Finding{problem(finding.Critical, "a")}
			e.Known = map[string]bool{"a": true}
		}), gate.Terms{FailOn: finding.High, All: true}, false, "policy", gate.Fail},
		{"what is waived does not block", with(func(e *gate.Evidence) {
			e.Findings = []*finding.Finding{problem(finding.Critical, "a")}
			e.Waived.Findings = e.Findings
		}), gate.Terms{FailOn: finding.High, All: true}, true, "waivers", gate.OK},
		{"an end of a waiver is announced", with(func(e *gate.Evidence) {
			e.Findings = []*finding.Finding{problem(finding.Critical, "a")}
			e.Waived.Findings, e.Waived.Expiring = e.Findings, []string{"W-1 ends on 2026-12-15"}
		}), enforce, true, "waivers", gate.Warn},
		{"a request waives nothing", with(func(e *gate.Evidence) {
			e.Findings = []*finding.Finding{problem(finding.Critical, "a")}
			e.Waived.Requested = []string{"W-1: not approved yet"}
		}), enforce, false, "waivers", gate.Warn},
		{"audit reports and lets pass", with(func(e *gate.Evidence) { e.Findings = []*finding.Finding{problem(finding.Critical, "a")} }), gate.Terms{Audit: true, FailOn: finding.High}, true, "policy", gate.Warn},
		{"an empty rendering never passes", with(func(e *gate.Evidence) { e.Objects = 0 }), gate.Terms{Audit: true}, false, "render", gate.Fail},
		{"a file that cannot be rendered blocks in audit as well", with(func(e *gate.Evidence) { e.Problems = []string{"a.yaml:1:1: bad"} }), gate.Terms{Audit: true, FailOn: finding.High}, false, "render", gate.Fail},
		{"a policy that cannot be evaluated is no approval", with(func(e *gate.Evidence) { e.Errors = []string{"HF-K8S-001: no such key"} }), enforce, false, "evaluation", gate.Fail},
		{"unknown is neither", with(func(e *gate.Evidence) { e.Verdicts = policy.Tally{policy.Unknown: 1} }), enforce, true, "evaluation", gate.Warn},
		{"impure templates are told", with(func(e *gate.Evidence) { e.Impure = []string{"lookup"} }), enforce, true, "purity", gate.Warn},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			d := gate.Decide(test.evidence, test.terms)
			if d.Allow != test.allow {
				t.Errorf("Allow is %v; reasons: %+v", d.Allow, d.Reasons)
			}
			for _, r := range d.Reasons {
				if r.Check == test.check && r.State != test.state {
					t.Errorf("%s is %s (%s), want %s", r.Check, r.State, r.Message, test.state)
				}
			}
		})
	}
}

func TestWorstFindingComesFirst(t *testing.T) {
	d := gate.Decide(gate.Evidence{Objects: 1, Findings: []*finding.Finding{
		problem(finding.High, "h"), problem(finding.Critical, "c"), problem(finding.Low, "l"),
	}}, gate.Terms{FailOn: finding.High})
	if len(d.Blocking) != 2 || d.Blocking[0].Fingerprint != "c" || d.New != 3 {
		t.Errorf("got %d blocking of %d new, first %q", len(d.Blocking), d.New, d.Blocking[0].Fingerprint)
	}
}
