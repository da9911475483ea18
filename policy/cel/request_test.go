package cel_test

import (
	"fmt"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// TestAdmissionPolicies judges by policies that are written for API servers.
func TestAdmissionPolicies(t *testing.T) {
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: web, image: web}]}\n"
	namespace := func(team string) string {
		return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: " + team + "}}\n"
	}
	for _, tt := range []struct {
		reason, expression, with, manifest, want string
	}{
		{"the object", "object.spec.containers.all(c, c.image.contains(':'))", "", pod, "fail spec.containers[web].image"},
		{"the request is known, as far as it follows from the object",
			"request.operation == 'CREATE' && request.kind.kind == 'Pod' && request.resource.resource == 'pods' && request.namespace == 'shop' && !request.dryRun", "", pod, "pass"},
		{"who sends it is not known", "request.userInfo.username.startsWith('system:')", "", pod, "unknown"},
		{"what does not depend on it is certain", "request.userInfo.username == 'admin' && object.metadata.name == 'db'", "", pod, "fail metadata.name"},
		{"there is no old object", "oldObject == null || object.spec == oldObject.spec", "", pod, "pass"},
		{"a namespace that is there", "namespaceObject.metadata.labels.team == 'a'", "", pod + namespace("a"), "pass"},
		{"and is another", "namespaceObject.metadata.labels.team == 'a'", "", pod + namespace("b"), "fail kind"},
		{"a namespace that is not there", "namespaceObject.metadata.labels.team == 'a'", "", pod, "unknown"},
		{"a variable with the name of one of ours", "variables.containers == 7", "variables: [{name: containers, expression: '7'}]", pod, "pass"},
		{"errors", "object.spec.absent == 1", "", pod, "error"},
		{"errors that are to be ignored", "object.spec.absent == 1", "failurePolicy: Ignore", pod, "skip"},
		{"another kind of the group", "false", "", "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n", ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			text := fmt.Sprintf(`apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: x}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [pods]}]}
  validations: [{expression: %q}]
  %s
`, tt.expression, tt.with)
			pack, err := policy.NewPack("acme", []*source.File{source.NewFile("x.yaml", []byte(text))})
			if err != nil {
				t.Fatal(err)
			}
			engine, err := cel.New(pack)
			if err != nil {
				t.Fatal(err)
			}
			all := parse(t, tt.manifest)
			got := ""
			for _, result := range judge(engine, all[0], resource.NewSet(all)) {
				got = result.Verdict.String()
				for _, f := range result.Failures {
					got += " " + all[0].Root.Stable(f.Path)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestConstraints judges by a template of Gatekeeper.
func TestConstraints(t *testing.T) {
	template := source.NewFile("template.yaml", []byte(`apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8slabels}
spec:
  crd: {spec: {names: {kind: K8sLabels}}}
  targets:
  - code:
    - engine: K8sNativeValidation
      source:
        variables: [{name: wanted, expression: variables.params.labels}]
        validations: [{expression: "variables.wanted.all(l, l in variables.anyObject.metadata.labels)"}]
`))
	constraint := source.NewFile("constraint.yaml", []byte(`apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sLabels
metadata: {name: team}
spec: {match: {kinds: [{apiGroups: [""], kinds: [Pod]}], namespaces: ["shop-*"]}, parameters: {labels: [team]}}
`))
	pack, err := policy.NewPack("acme", []*source.File{template, constraint})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	for manifest, want := range map[string]policy.Verdict{
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop-1, labels: {team: a}}}": policy.Pass,
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: shop-1, labels: {a: b}}}":    policy.Fail,
		"{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: other, labels: {a: b}}}":     policy.Skip,
	} {
		all := parse(t, manifest)
		if results := judge(engine, all[0], resource.NewSet(all)); len(results) != 1 || results[0].Verdict != want {
			t.Errorf("%s: got %+v, want %s", manifest, results, want)
		}
	}
}
