package cel_test

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
)

const bounded = `
params:
- {name: most, default: 5, description: how many there may be}
- {name: exempt, default: [x]}
severityRules:
- {when: "object.spec.number > params.most + 100", severity: critical}
- {when: "object.metadata.namespace == 'shop'", severity: low}
validations:
- {expression: "object.spec.number <= params.most || object.metadata.name in params.exempt", message: too many}
`

func TestParamsAndSeverityRules(t *testing.T) {
	low, critical := finding.Low, finding.Critical
	for _, tt := range []struct {
		name     string
		params   []string
		manifest string
		want     policy.Verdict
		severity *finding.Severity
	}{
		{"by default", nil, object, policy.Pass, nil},
		{"nothing is exempt", []string{"exempt=[]"}, object, policy.Fail, &low},
		{"more is allowed", []string{"exempt=[]", "most=7"}, object, policy.Pass, nil},
		{"the first rule counts", []string{"exempt=[]", "most=-200"}, object, policy.Fail, &critical},
		{"no rule holds", []string{"exempt=[]"}, strings.Replace(object, "namespace: shop", "namespace: else", 1), policy.Fail, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pack := newPack(t, bounded)
			chosen := map[string]*resource.Value{}
			for _, param := range tt.params {
				_, name, value, err := policy.ParseParam("ACME-X-001." + param)
				if err != nil {
					t.Fatal(err)
				}
				chosen[name] = value
			}
			p, err := pack.Policies[0].Choose(chosen)
			if err != nil {
				t.Fatal(err)
			}
			pack.Policies[0] = p
			result, _ := evaluate(t, pack, tt.manifest)
			if result.Verdict != tt.want || (result.Severity == nil) != (tt.severity == nil) ||
				result.Severity != nil && *result.Severity != *tt.severity {
				t.Errorf("got %v with %v (%v)", result.Verdict, result.Severity, result.Err)
			}
		})
	}
}

func TestWrongParams(t *testing.T) {
	p := newPack(t, bounded).Policies[0]
	for text, want := range map[string]string{
		"ACME-X-001.mots=1":      `has no param "mots": did you mean "most"?`,
		"ACME-X-001.most=many":   "is a number, not a text",
		"ACME-X-001.most":        "write id.name=value",
		"ACME-X-001.most=[":      "is not YAML",
		"ACME-X-001.exempt=true": "is a list, not a boolean",
	} {
		_, name, value, err := policy.ParseParam(text)
		if err == nil {
			_, err = p.Choose(map[string]*resource.Value{name: value})
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
	_, err := cel.New(newPack(t, strings.Replace(bounded, "params.most |", "params.least |", 1)))
	if err == nil || !strings.Contains(err.Error(), `there is no param "least"`) {
		t.Errorf("a param that is not declared: %v", err)
	}
}
