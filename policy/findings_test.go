package policy_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const pod = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {team: a}}
spec:
  hostNetwork: true
  containers:
  - name: api
    image: web:1
    args: [--password, hunter2]
    env:
    - name: TOKEN
      value: hunter2
  volumes:
  - name: data
    hostPath: {path: /}
`

const secret = `apiVersion: v1
kind: Secret
metadata: {name: web}
data: {password: aHVudGVyMg==}
type: Opaque
`

const role = `apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules:
- verbs: [get]
- verbs: ["*"]
`

func load(t *testing.T, text string) *resource.Resource {
	t.Helper()
	all, err := (&policy.Example{Manifest: text}).Resources()
	if err != nil {
		t.Fatal(err)
	}
	return all[0]
}

func key(names ...any) resource.Path {
	var path resource.Path
	for _, n := range names {
		switch n := n.(type) {
		case int:
			path = append(path, resource.Index(n))
		case string:
			path = append(path, resource.Key(n))
		}
	}
	return path
}

func TestFindings(t *testing.T) {
	for _, tt := range []struct {
		reason, manifest      string
		path                  resource.Path
		sensitive             bool
		line                  int
		message, label, field string
	}{
		{"a value of the object", pod, key("spec", "hostNetwork"), false, 5,
			"Pod shop/web is wrong", "is `true`", "spec.hostNetwork"},
		{"a value of a container", pod, key("spec", "containers", 0, "image"), false, 8,
			"container `api` is wrong", "is `web:1`", "spec.containers[api].image"},
		{"what is missing, with the way to it", pod, key("spec", "containers", 0, "securityContext", "privileged"), false, 7,
			"container `api` is wrong", "`securityContext.privileged` is missing here", "spec.containers[api].securityContext.privileged"},
		{"a missing key with dots", pod, key("metadata", "labels", "a.b/c"), false, 3,
			"Pod shop/web is wrong", "`a.b/c` is missing here", "metadata.labels.a.b/c"},
		{"a map", pod, key("spec", "volumes", 0, "hostPath"), false, 15,
			"volume `data` is wrong", "is set here", "spec.volumes[data].hostPath"},
		{"a list", role, key("rules", 1, "verbs"), false, 6,
			"rule 2 of Role reader is wrong", "is `[*]`", "rules[1].verbs"},
		{"a secret value of a variable", pod, key("spec", "containers", 0, "env", 0, "value"), true, 12,
			"variable `TOKEN` of container `api` is wrong", "the value is here (not shown)", "spec.containers[api].env[TOKEN].value"},
		{"a secret value in a list", pod, key("spec", "containers", 0, "args", 1), true, 9,
			"container `api` is wrong", "the value is here (not shown)", "spec.containers[api].args[1]"},
		{"a value of a Secret", secret, key("data", "password"), false, 4,
			"key `password` of Secret web is wrong", "the value is here (not shown)", "data.password"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			r := load(t, tt.manifest)
			p := &policy.Policy{Rule: finding.Rule{ID: "ACME-X-001", Title: "Right", Severity: finding.High}, Sensitive: tt.sensitive}
			results := []policy.Result{
				{Policy: p, Verdict: policy.Pass},
				{Policy: p, Verdict: policy.Fail, Failures: []policy.Failure{{Path: tt.path, Message: "{subject} is wrong"}}},
			}
			found := policy.Findings(r, results, policy.Declared)
			if len(found) != 1 {
				t.Fatalf("%d findings", len(found))
			}
			f := found[0]
			if f.Message != tt.message || f.Label != tt.label || f.Field != tt.field {
				t.Errorf("got %q, %q, %q", f.Message, f.Label, f.Field)
			}
			if got := f.Location.Position().Line; got != tt.line {
				t.Errorf("line %d, want %d", got, tt.line)
			}
			if f.Severity != finding.High || f.Fingerprint == "" || f.Cause == "" || f.Subject != r.ID {
				t.Errorf("finding %+v", f)
			}
			if shown := f.Message + f.Label + f.Field; strings.Contains(shown, "hunter2") || strings.Contains(shown, "aHVu") {
				t.Errorf("a secret is shown: %s", shown)
			}
		})
	}
}

func TestFindingsWithoutMessage(t *testing.T) {
	p := &policy.Policy{Rule: finding.Rule{ID: "ACME-X-001", Title: "All is right"}}
	for message, want := range map[string]string{"": "Pod shop/web: All is right", "as it is": "as it is"} {
		results := []policy.Result{{Policy: p, Verdict: policy.Fail, Failures: []policy.Failure{{Path: key("kind"), Message: message}}}}
		if got := policy.Findings(load(t, pod), results, policy.Live)[0].Message; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// Fingerprints survive a change of order, so baselines and waivers do.
func TestFindingsSurviveReordering(t *testing.T) {
	before := "kind: Pod\nspec:\n  containers:\n  - name: a\n  - name: b\n"
	after := "kind: Pod\nspec:\n  containers:\n  - name: new\n  - name: b\n  - name: a\n"
	fingerprint := func(text string, i int) string {
		results := []policy.Result{{Policy: &policy.Policy{}, Verdict: policy.Fail,
			Failures: []policy.Failure{{Path: key("spec", "containers", i, "image")}}}}
		return policy.Findings(load(t, text), results, policy.Declared)[0].Fingerprint
	}
	if fingerprint(before, 0) != fingerprint(after, 2) || fingerprint(before, 0) == fingerprint(before, 1) {
		t.Error("the fingerprint depends on the order")
	}
}

// verdicts is an evaluator whose answer the test knows.
type verdicts func(r *resource.Resource) []policy.Result

func (v verdicts) Evaluate(_ context.Context, results []policy.Result, r *resource.Resource, _ *resource.Set, _ policy.Stage) []policy.Result {
	return append(results, v(r)...)
}

func TestTest(t *testing.T) {
	text := strings.Replace(sound, "  validations:", `  examples:
  - {name: passes, pass: "kind: Service"}
  - {name: fails, fail: "{kind: Service, spec: {type: x, ports: [{name: web}]}}", at: [spec.type, "spec.ports[web]"]}
  validations:`, 1)
	pack, err := policy.NewPack("acme", []*source.File{source.NewFile("p.yaml", []byte(text))})
	if err != nil {
		t.Fatal(err)
	}
	p := pack.Policies[0]
	failing := policy.Result{Policy: p, Verdict: policy.Fail,
		Failures: []policy.Failure{{Path: key("spec", "ports", 0)}, {Path: key("spec", "type")}}}
	byVerdict := func(pass, fail policy.Result) verdicts {
		return func(r *resource.Resource) []policy.Result {
			if r.Root.Get("spec") == nil {
				return []policy.Result{pass}
			}
			return []policy.Result{fail}
		}
	}
	passing := policy.Result{Policy: p, Verdict: policy.Pass}
	partly := failing
	partly.Failures = partly.Failures[:1]
	for _, tt := range []struct {
		reason    string
		evaluator policy.Evaluator
		want      []string
	}{
		{"all hold", byVerdict(passing, failing), nil},
		{"another verdict", byVerdict(failing, passing), []string{
			`p.yaml:13:5: ACME-NET-001 "passes": the verdict must be pass, but spec.ports[0] and spec.type fails`,
			`p.yaml:14:5: ACME-NET-001 "fails": the verdict must be fail, but is pass`}},
		{"a mark too few", byVerdict(passing, partly), []string{
			`"fails": must mark spec.ports[web] and spec.type, but marks spec.ports[web]`}},
		{"an error", byVerdict(policy.Result{Policy: p, Verdict: policy.Error, Err: context.Canceled}, failing), []string{"but: context canceled"}},
		{"no match", verdicts(func(*resource.Resource) []policy.Result { return nil }), []string{
			"the policy does not apply to Service", "the policy does not apply to Service"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			failures := policy.Test(tt.evaluator, pack, nil)
			if len(failures) != len(tt.want) {
				t.Fatalf("got %v, want %v", failures, tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(failures[i].String(), want) {
					t.Errorf("got %q, want %q", failures[i], want)
				}
			}
		})
	}
}

func TestTestWantsProof(t *testing.T) {
	text := strings.Replace(sound, "  validations:", "  examples: [{name: broken, pass: 'a: ['}]\n  validations:", 1)
	pack, err := policy.NewPack("acme", []*source.File{source.NewFile("p.yaml", []byte(text))})
	if err != nil {
		t.Fatal(err)
	}
	failures := policy.Test(verdicts(func(*resource.Resource) []policy.Result { return nil }), pack, nil)
	if len(failures) != 2 || !strings.Contains(failures[0].String(), "no example has the verdict fail") ||
		!strings.Contains(failures[1].String(), "example.yaml:1:") {
		t.Errorf("got %v", failures)
	}
}
