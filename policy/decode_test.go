package policy_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

const sound = `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata:
  name: ACME-NET-001
spec:
  title: Services are named
  severity: high
  why: So that people find them.
  remediation: Name them.
  references: [https://example.com/naming]
  match: {kinds: [Service]}
  validations:
  - expression: object.metadata.name != ''
    message: "{subject} has no name"
`

func decode(t *testing.T, text string) ([]*policy.Policy, []error) {
	t.Helper()
	return policy.Decode(source.NewFile("p.yaml", []byte(text)))
}

func TestDecode(t *testing.T) {
	text := sound + `---
# only a comment
---
` + strings.NewReplacer("ACME-NET-001", "ACME-NET-002", "match: {kinds: [Service]}", `stages: [live]
  sensitive: true
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps, ""], apiVersions: ["*"], operations: [CREATE], resources: [deployments, networkpolicies]}
  matchConditions: [{name: named, expression: has(object.metadata.name)}]
  variables: [{name: title, expression: object.metadata.name}]
  relations: [{name: pods, kinds: [Pod], sameNamespace: true}]
  examples:
  - {name: a, fail: "kind: Service", at: [metadata.name], stage: live}
  - {name: b, unknown: "kind: Service"}`).Replace(sound)
	policies, errs := decode(t, text)
	if len(errs) > 0 || len(policies) != 2 {
		t.Fatalf("%d policies, errors %v", len(policies), errs)
	}
	want := finding.Rule{ID: "ACME-NET-001", Title: "Services are named", Severity: finding.High,
		Why: "So that people find them.", Remediation: "Name them.", References: []string{"https://example.com/naming"}}
	if diff := cmp.Diff(want, policies[0].Rule); diff != "" {
		t.Errorf("rule (-want +got):\n%s", diff)
	}
	p := policies[1]
	if !p.Match[0].Matches("apps", "Deployment") || !p.Match[0].Matches("", "NetworkPolicy") || p.Match[0].Matches("apps", "DaemonSet") {
		t.Errorf("match %+v", p.Match)
	}
	if len(p.Conditions) != 1 || len(p.Variables) != 1 || len(p.Relations) != 1 || !p.Relations[0].SameNamespace || !p.Sensitive {
		t.Errorf("policy %+v", p)
	}
	if len(p.Examples) != 2 || p.Examples[0].Verdict != policy.Fail || p.Examples[0].Stage != policy.Live || p.Examples[1].Verdict != policy.Unknown {
		t.Errorf("examples %+v", p.Examples)
	}
}

func TestDecodeMistakes(t *testing.T) {
	for _, tt := range []struct {
		reason   string
		old, new string
		want     []string // of each error in turn
	}{
		{"a field that is spelt wrong", "  severity: high", "  severty: high",
			[]string{`p.yaml:6:3: field "severity" is missing`, `p.yaml:7:3: unknown field "severty" in spec` + "\n" + `  did you mean "severity"?`}},
		{"letters swapped", "message:", "mesasge:", []string{`did you mean "message"?`}},
		{"nothing like it", "message:", "q:", []string{`known are: expression, message, messageExpression`}},
		{"a severity that does not exist", "high", "bad", []string{`p.yaml:7:13: unknown severity "bad"`}},
		{"an id without a number", "ACME-NET-001", "acme", []string{`p.yaml:4:9: "acme" is not a policy id`}},
		{"text instead of a list", "[https://example.com/naming]", "https://example.com", []string{`p.yaml:10:15: references must be a list, not a text`}},
		{"not a URL", "https://example.com/naming", "naming", []string{`p.yaml:10:16: each of references must be a URL`}},
		{"a null is missing", "why: So that people find them.", "why:", []string{`field "why" is missing in spec`}},
		{"an empty text", "Name them.", `" "`, []string{`p.yaml:9:16: remediation must be a text, not an empty text`}},
		{"no match", "  match: {kinds: [Service]}\n", "", []string{"spec does not say what the policy applies to"}},
		{"another kind", "kind: Policy", "kind: Pod", []string{`p.yaml:2:7: kind is not that of a policy`}},
		{"a stage that does not exist", "  match:", "  stages: [later]\n  match:", []string{`p.yaml:11:12: "later" is not a stage`}},
		{"the name of a prelude variable", "  validations:", "  variables: [{name: containers, expression: '1'}]\n  validations:",
			[]string{`p.yaml:12:22: the variable containers exists already`}},
		{"a variable with a dash", "  validations:", "  variables: [{name: a-b, expression: '1'}]\n  validations:", []string{"name must consist of letters"}},
		{"a variable that YAML takes for a boolean", "  validations:", "  variables: [{name: n, expression: '1'}]\n  validations:",
			[]string{"p.yaml:12:22: name must be a text, but YAML reads n as a boolean\n  write it in quotes"}},
		{"a subresource", "match: {kinds: [Service]}", "matchConstraints: {resourceRules: [{apiGroups: [''], resources: [pods/exec]}]}",
			[]string{`"pods/exec" is a subresource`}},
		{"two verdicts", "  validations:", "  examples: [{name: a, pass: x, fail: z}]\n  validations:", []string{"an example has exactly one of pass"}},
		{"no verdict", "  validations:", "  examples: [{name: a}]\n  validations:", []string{"an example has exactly one of pass"}},
		{"paths of an example that passes", "  validations:", "  examples: [{name: a, pass: x, at: [b]}]\n  validations:", []string{"only an example that fails"}},
		{"a list instead of a policy", sound, "- a\n", []string{`p.yaml:1:1: a policy must be a map, not a list`}},
		{"no YAML", sound, "a: [", []string{"p.yaml:1:"}},
		{"the same id twice", sound, sound + "---\n" + sound, []string{`p.yaml:19:9: the id ACME-NET-001 appears twice`}},
		{"all mistakes at once, in order", "  severity: high\n  why: So that people find them.", "  severity: x\n  why: 7",
			[]string{"p.yaml:7:13: ", "p.yaml:8:8: why must be a text, not a number"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			text := strings.Replace(sound, tt.old, tt.new, 1)
			if text == sound {
				t.Fatal("nothing was replaced")
			}
			_, errs := decode(t, text)
			if len(errs) != len(tt.want) {
				t.Fatalf("got %d errors %v, want %d", len(errs), errs, len(tt.want))
			}
			for i, want := range tt.want {
				if !strings.Contains(errs[i].Error(), want) {
					t.Errorf("got %q, want %q", errs[i], want)
				}
			}
		})
	}
}

// Offset must find a marker in whatever way a text is written.
func TestOffset(t *testing.T) {
	for reason, written := range map[string]string{
		"plain":                  "a && MARK > 1",
		"plain, over two lines":  "a &&\n      MARK > 1",
		"single quotes":          "'a == '' '' && MARK > 1'",
		"double quotes":          `"a == \"x\" && MARK > 1"`,
		"folded":                 ">-\n      a &&\n      MARK > 1",
		"literal":                "|\n      a &&\n\n        MARK > 1",
		"literal with a comment": "| # about it\n      a && MARK > 1",
	} {
		t.Run(reason, func(t *testing.T) {
			text := strings.Replace(sound, "object.metadata.name != ''", written, 1)
			policies, errs := decode(t, text)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			v := policies[0].Validations[0]
			at := strings.Index(v.Expression, "MARK")
			if got, want := policy.Offset(policies[0].File, v.Span, v.Expression, at), strings.Index(text, "MARK"); got != want {
				t.Errorf("at %d is %.20q, want %d", got, text[got:], want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	files := map[string]string{
		"acme/b/net.yaml": sound,
		"acme/a.yml":      strings.Replace(sound, "NET-001", "NET-000", 1),
		"acme/README.md":  "not a policy",
		"other/x.yaml":    "not: a policy",
	}
	pack, err := policy.Load(source.Memory(files), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if pack.Name != "acme" || pack.Trusted || len(pack.Policies) != 2 || pack.Policies[0].ID != "ACME-NET-000" {
		t.Errorf("pack %+v", pack)
	}
	again, _ := policy.Load(source.Memory(files), "acme")
	files["acme/a.yml"] += " "
	changed, _ := policy.Load(source.Memory(files), "acme")
	if again.Digest != pack.Digest || changed.Digest == pack.Digest || !strings.HasPrefix(pack.Digest, "sha256:") {
		t.Errorf("digests %s, %s, changed %s", pack.Digest, again.Digest, changed.Digest)
	}
	for reason, tt := range map[string]struct{ dir, text, want string }{
		"no directory":          {"none", "", "policy pack"},
		"no YAML":               {"empty", "", "no YAML file"},
		"mistakes of all files": {".", "bad: 1", `x.yaml:1:1: unknown field "not"`},
		"an id twice":           {"acme", sound, "the other one is at acme/b/net.yaml:1"},
	} {
		t.Run(reason, func(t *testing.T) {
			files["acme/c.yaml"], files["empty/x"] = tt.text, ""
			if tt.text == "" {
				delete(files, "acme/c.yaml")
			}
			_, err := policy.Load(source.Memory(files), tt.dir)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		reason      string
		m           policy.Match
		group, kind string
		want        bool
	}{
		{"a core kind", policy.Match{Kinds: []string{"Service"}}, "", "Service", true},
		{"a namesake of another maker", policy.Match{Kinds: []string{"Service"}}, "serving.knative.dev", "Service", false},
		{"an old group", policy.Match{Kinds: []string{"Deployment"}}, "extensions", "Deployment", true},
		{"a kind nobody knows", policy.Match{Kinds: []string{"Widget"}}, "acme.dev", "Widget", true},
		{"the group that is named", policy.Match{Kinds: []string{"Widget"}, Groups: []string{"acme.dev"}}, "other.dev", "Widget", false},
		{"the core group by name", policy.Match{Kinds: []string{"Pod"}, Groups: []string{""}}, "", "Pod", true},
		{"everything", policy.Match{Kinds: []string{"*"}, Groups: []string{"*"}}, "a", "B", true},
		{"resources", policy.Match{Resources: []string{"ingresses"}, Groups: []string{"*"}}, "networking.k8s.io", "Ingress", true},
		{"other resources", policy.Match{Resources: []string{"pods"}, Groups: []string{"*"}}, "", "Service", false},
	} {
		if got := tt.m.Matches(tt.group, tt.kind); got != tt.want {
			t.Errorf("%s: %v", tt.reason, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(sound))
	f.Add([]byte("spec: {validations: [{expression: }], examples: [a], match: []}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		policies, errs := policy.Decode(source.NewFile("p.yaml", text))
		for _, err := range errs {
			_ = err.Error()
		}
		for _, p := range policies {
			for _, v := range p.Validations {
				for i := range len(v.Expression) + 1 {
					if at := policy.Offset(p.File, v.Span, v.Expression, i); at < 0 || at > len(text) {
						t.Fatalf("offset %d of %d", at, len(text))
					}
				}
			}
		}
	})
}
