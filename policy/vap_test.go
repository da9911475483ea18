package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

const replicaPolicy = `apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: replicas.example.com
  annotations: {kubernetes.io/description: Too many are dear.}
  creationTimestamp: "2026-01-01T00:00:00Z"
status: {observedGeneration: 1}
spec:
  failurePolicy: Ignore
  matchConstraints:
    resourceRules:
    - {apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments, deployments/scale]}
    - {apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: [pods/exec]}
  matchConditions: [{name: big, expression: object.spec.replicas > 1}]
  variables: [{name: containers, expression: object.spec.template.spec.containers}]
  validations:
  - {expression: object.spec.replicas <= 5, message: too many, reason: Invalid}
  - {expression: variables.containers.size() == 1, messageExpression: "'has ' + string(variables.containers.size())"}
  auditAnnotations: [{key: replicas, valueExpression: string(object.spec.replicas)}]
`

const constraintTemplate = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8slabels}
spec:
  crd: {spec: {names: {kind: K8sLabels}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    code:
    - engine: K8sNativeValidation
      source:
        validations:
        - {expression: "variables.params.labels.all(l, l in variables.anyObject.metadata.?labels.orValue({}))", message: a label is missing}
`

func files(texts ...string) (all []*source.File) {
	for i, text := range texts {
		all = append(all, source.NewFile(string(rune('a'+i))+".yaml", []byte(text)))
	}
	return all
}

func TestAdmissionPolicies(t *testing.T) {
	binding := func(name, spec string) string {
		return "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: " + name + "}\n" +
			"spec: {policyName: replicas.example.com, " + spec + "}\n"
	}
	withParams := strings.Replace(replicaPolicy, "  failurePolicy", "  paramKind: {apiVersion: acme.example/v1, kind: Limit}\n  failurePolicy", 1)
	limit := func(name string) string {
		return "apiVersion: acme.example/v1\nkind: Limit\nmetadata: {name: " + name + "}\nmost: 7\n"
	}
	type imported struct {
		ID         string
		Severity   finding.Severity
		Conditions []string
		Params     []string
	}
	for _, tt := range []struct {
		reason string
		files  []string
		want   []imported
	}{
		{"without a binding it holds everywhere", []string{replicaPolicy},
			[]imported{{"replicas.example.com", finding.Medium, []string{"object.spec.replicas > 1"}, nil}}},
		{"bindings of other files; the one without selectors counts, and the most severe", []string{replicaPolicy,
			binding("a", "validationActions: [Audit], matchResources: {objectSelector: {matchLabels: {a: b}}}"), binding("b", "validationActions: [Deny]")},
			[]imported{{"replicas.example.com", finding.High, []string{"object.spec.replicas > 1"}, nil}}},
		{"selectors become a condition", []string{replicaPolicy + "---\n" +
			binding("a", "validationActions: [Warn], matchResources: {objectSelector: {matchLabels: {a: b}, matchExpressions: [{key: c, operator: NotIn, values: [d, e]}, {key: f, operator: Exists}]}}") + "---\n" +
			binding("b", "validationActions: [Audit], matchResources: {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [shop]}]}}")},
			[]imported{{"replicas.example.com", finding.Medium, []string{"object.spec.replicas > 1",
				`(("a" in object.?metadata.?labels.orValue({}) && object.?metadata.?labels.orValue({})[?"a"].orValue('') == "b")` +
					` && !("c" in object.?metadata.?labels.orValue({}) && object.?metadata.?labels.orValue({})[?"c"].orValue('') in ["d", "e"])` +
					` && ("f" in object.?metadata.?labels.orValue({})))` +
					` || ((object.kind != 'Namespace' && object.?metadata.?namespace.orValue('') == '' ||` +
					` (true && (object.kind == 'Namespace' ? object.metadata.name : object.metadata.namespace) in ["shop"])))`}, nil}}},
		{"params: one policy for each object", []string{withParams, limit("one") + "---\n" + limit("two"),
			binding("a", "paramRef: {name: one}, validationActions: [Deny]"), binding("b", "paramRef: {selector: {}}, validationActions: [Deny]")},
			[]imported{
				{"replicas.example.com.a.one", finding.High, []string{"object.spec.replicas > 1"}, []string{"apiVersion", "kind", "metadata", "most"}},
				{"replicas.example.com.b.one", finding.High, []string{"object.spec.replicas > 1"}, []string{"apiVersion", "kind", "metadata", "most"}},
				{"replicas.example.com.b.two", finding.High, []string{"object.spec.replicas > 1"}, []string{"apiVersion", "kind", "metadata", "most"}},
			}},
		{"that of Kyverno", []string{`apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: labels}
spec:
  validationActions: [Deny]
  evaluation: {background: {enabled: true}}
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: ["*"], resources: [pods]}]}
  validations: [{expression: "'team' in object.metadata.labels"}]
`}, []imported{{"labels", finding.High, nil, nil}}},
		{"those of Gatekeeper", []string{constraintTemplate, "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sLabels\nmetadata: {name: team}\n" +
			"spec: {enforcementAction: warn, match: {kinds: [{apiGroups: [apps], kinds: [Deployment]}], excludedNamespaces: [kube-*, mesh]}, parameters: {labels: [team]}}\n"},
			[]imported{{"K8sLabels.team", finding.Medium, []string{
				"(object.kind != 'Namespace' && object.?metadata.?namespace.orValue('') == '' || !(" +
					`(object.kind == 'Namespace' ? object.metadata.name : object.metadata.namespace).startsWith("kube-")` +
					` || (object.kind == 'Namespace' ? object.metadata.name : object.metadata.namespace) == "mesh"))`}, []string{"labels"}}}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			pack, err := policy.NewPack("acme", files(tt.files...))
			if err != nil {
				t.Fatal(err)
			}
			var got []imported
			for _, p := range pack.Policies {
				one := imported{ID: p.ID, Severity: p.Severity}
				for _, c := range p.Conditions {
					one.Conditions = append(one.Conditions, c.Expression)
				}
				for _, param := range p.Params {
					one.Params = append(one.Params, param.Name)
				}
				got = append(got, one)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	pack, err := policy.NewPack("acme", files(replicaPolicy))
	if err != nil {
		t.Fatal(err)
	}
	p := pack.Policies[0]
	if !p.IgnoreErrors || !p.Imported || p.Why != "Too many are dear." || len(p.Validations) != 2 || p.Validations[0].Message != "too many" ||
		len(p.Match) != 1 || !p.Match[0].Matches("apps", "Deployment") || p.Match[0].Matches("", "Pod") {
		t.Errorf("%+v", p)
	}
	if failures := policy.Test(nil, pack, nil); len(failures) > 0 {
		t.Errorf("examples are wanted of it: %v", failures)
	}
}

func TestAdmissionPolicyMistakes(t *testing.T) {
	change := func(old, new string) string { return strings.Replace(replicaPolicy, old, new, 1) }
	for _, tt := range []struct{ reason, text, want string }{
		{"what the sender may do", change("object.spec.replicas <= 5", "authorizer.group('').check('get').allowed()"),
			"a.yaml:17:18: the policy asks what the sender may do, which is not known before there is one"},
		{"an unknown field", change("  failurePolicy: Ignore", "  failurePolicies: Ignore"), `a.yaml:9:3: unknown field "failurePolicies" in spec`},
		{"no manifest", change("CREATE, UPDATE", "DELETE"), "a.yaml:11:5: the policy is about requests that no manifest makes"},
		{"exclusions", change("    resourceRules:", "    excludeResourceRules: [{resources: [pods]}]\n    resourceRules:"),
			"a.yaml:11:27: excludeResourceRules is not taken from admission policies"},
		{"names", change("apiGroups: [apps],", "apiGroups: [apps], resourceNames: [web],"), "a.yaml:12:42: resourceNames is not taken from admission policies"},
		{"an operator", change("    resourceRules:", "    objectSelector: {matchExpressions: [{key: a, operator: Near}]}\n    resourceRules:"),
			`a.yaml:11:41: "Near" is not an operator of selectors`},
		{"params that are not there", change("  failurePolicy", "  paramKind: {apiVersion: v1, kind: ConfigMap}\n  failurePolicy"),
			"a.yaml:9:14: the policy reads a ConfigMap as params, and no binding leads to one"},
		{"no name", change("  name: replicas.example.com\n", ""), `a.yaml:1:1: field "name" is missing in metadata`},
		{"a template without any code", strings.Replace(constraintTemplate, "K8sNativeValidation", "Rego", 1), "a.yaml:1:1: the template is written neither in CEL nor in Rego"},
		{"a template without a constraint", constraintTemplate, "a.yaml:1:1: no constraint uses the template"},
		{"two of one name", replicaPolicy + "---\n" + replicaPolicy, "the id replicas.example.com is that of another policy"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := policy.NewPack("acme", files(tt.text))
			var mistake *policy.FileError
			if !errors.As(err, &mistake) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

// FuzzAdmissionPolicies: whatever is in a file, decoding it ends, with policies
// or with mistakes.
func FuzzAdmissionPolicies(f *testing.F) {
	f.Add([]byte(replicaPolicy))
	f.Add([]byte(constraintTemplate + "---\n{apiVersion: constraints.gatekeeper.sh/v1, kind: K8sLabels, metadata: {name: a}, spec: {match: 1}}\n"))
	f.Add([]byte("apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nspec: {matchConstraints: [1], paramKind: 7}\n"))
	f.Add([]byte("apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nspec: {policyName: [], matchResources: {namespaceSelector: 1}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, errs := policy.Decode(source.NewFile("a.yaml", data))
		for _, p := range all {
			if len(errs) == 0 && p.ID == "" {
				t.Error("a policy without an id")
			}
		}
	})
}
