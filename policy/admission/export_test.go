package admission_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/admission"
	"github.com/holdfast-dev/holdfast/source"
)

var update = flag.Bool("update", false, "write the golden files")

// decode returns a policy with the given fields of its spec, in YAML.
func decode(t *testing.T, spec string) *policy.Policy {
	t.Helper()
	text := `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata: {name: ACME-X-001}
spec:
  title: All is right
  severity: high
  why: Because.
  remediation: Mend it.
`
	for line := range strings.Lines(strings.TrimSpace(spec)) {
		text += "  " + line
	}
	all, errs := policy.Decode(source.NewFile("acme.yaml", []byte(text+"\n")))
	if len(errs) > 0 {
		t.Fatal(errors.Join(errs...))
	}
	return all[0]
}

// TestExport compares whole documents with those that somebody has read.
func TestExport(t *testing.T) {
	for _, tt := range []struct {
		name, spec string
		options    admission.Options
	}{
		{name: "pods", spec: `
references: ["https://example.com/a", "https://example.com/b"]
controls: [ACME/1]
match: {kinds: [workloads]}
variables:
- {name: unused, expression: "'secret'.credential()"}
- {name: foreign, expression: "variables.containers.filter(c, !c.image.startsWith('registry.example/'))"}
validations:
- expression: variables.containers.all(c, !(c in variables.foreign))
  message: |
    {subject} is not
    from our registry
- expression: object.spec != {}
  messageExpression: "'{subject} is ' + string(size(variables.foreign))"`},
		{name: "conditions", spec: `
match: {kinds: [Role, ClusterRole]}
matchConditions:
- {name: not the cluster's own, expression: "!object.metadata.name.startsWith('system:')"}
- {name: some, expression: variables.some}
variables:
- {name: some, expression: "object.?rules.orValue([]).size() > 0"}
validations:
- expression: object.?rules.orValue([]).all(r, r.verbs.all(i, v, v != '*'))`,
			options: admission.Options{Actions: []admission.Action{admission.Audit}, Exempt: []string{"kube-system", "mesh"}}},
		{name: "params", spec: `
match: {kinds: [Service, Widget], groups: ["", acme.example]}
stages: [declared, admission]
params: [{name: types, default: [ClusterIP, 7]}, {name: most, default: {ports: 3}}]
validations: [{expression: "object.?spec.?type.orValue('') in params.types && object.spec.ports.size() < params.most.ports"}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := admission.Export(decode(t, tt.spec), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.YAML()
			if err != nil {
				t.Fatal(err)
			}
			golden := "testdata/" + tt.name + ".yaml"
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotExportable(t *testing.T) {
	for _, tt := range []struct{ reason, spec, want string }{
		{"other objects", "match: {kinds: [Pod]}\nrelations: [{name: near, kinds: [Pod]}]\nvalidations: [{expression: relations.near.size() == 0}]",
			"it needs other objects (relations.near), and an API server shows a policy only one"},
		{"files only", "match: {kinds: [Pod]}\nstages: [declared]\nvalidations: [{expression: 'true'}]",
			"it holds only for what is written in files: `admission` is not one of its stages"},
		{"the stage", "match: {kinds: [Pod]}\nvalidations: [{expression: stage == 'live'}]",
			"it reads `stage`, which an API server does not have"},
		{"our functions, in a variable that is used", "match: {kinds: [Pod]}\nvariables: [{name: a, expression: \"'x'.entropy() > 4.0\"}]\nvalidations: [{expression: variables.a}]",
			"it calls entropy(), which an API server does not have"},
		{"macros that servers do not have", "match: {kinds: [Pod]}\nvalidations: [{expression: 'cel.bind(a, 1, a == 1)'}]",
			"it uses bind(), which an API server does not have"},
		{"versions", "match: {kinds: [Ingress]}\nvalidations: [{expression: object.apiVersion != 'extensions/v1beta1'}]",
			"it judges the API version, and an API server converts objects to its own before a policy sees them"},
		{"kinds that are exempt", "match: {kinds: [ValidatingAdmissionPolicy]}\nvalidations: [{expression: 'true'}]",
			"API servers show nothing of ValidatingAdmissionPolicy to policies"},
		{"kinds of files", "match: {kinds: [KubeletConfiguration], groups: [kubelet.config.k8s.io]}\nvalidations: [{expression: 'true'}]",
			"API servers show nothing of kubelet.config.k8s.io to policies"},
		{"kinds that are gone", "match: {kinds: [PodSecurityPolicy], groups: [policy, extensions]}\nvalidations: [{expression: 'true'}]",
			"API servers show nothing of PodSecurityPolicy to policies"},
		{"another platform", "platform: dockerfile\nvalidations: [{expression: 'true'}]",
			"it is for dockerfile, which an API server does not see"},
		{"all reasons at once", "match: {kinds: [Pod]}\nstages: [live]\nvalidations: [{expression: \"stage == 'x'.fromBase64()\"}]",
			"it holds only for what is written in files: `admission` is not one of its stages; it reads `stage`, which an API server does not have; it calls fromBase64(), which an API server does not have"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := admission.Export(decode(t, tt.spec), admission.Options{})
			not, ok := errors.AsType[*admission.NotExportable](err)
			if !ok {
				t.Fatalf("got %v", err)
			}
			if got := strings.Join(not.Reasons, "; "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestMinVersion(t *testing.T) {
	for _, tt := range []struct{ expression, want string }{
		{"object.?spec.?x.orValue(1) == 1", "1.30"},
		{"sets.contains([1], [1]) && 'a'.find('b') == ''", "1.30"},
		{"cidr('10.0.0.0/8').containsIP('10.0.0.1')", "1.31"},
		{"[1].exists(x, x == 1)", "1.30"},
		{"[1].exists(i, x, x == 1)", "1.33"},
		{"isSemver('1.0.0')", "1.34"},
		{"[[1]].flatten() == [1]", "1.35"},
		{"[1].sortBy(x, -x) == [1] && {'a': 1}.transformList(k, v, v) == [1]", "1.35"},
	} {
		x, err := admission.Export(decode(t, "match: {kinds: [Pod]}\nvalidations: [{expression: \""+tt.expression+"\"}]"), admission.Options{})
		if err != nil || x.MinVersion != tt.want {
			t.Errorf("%s: got %+v, %v, want %s", tt.expression, x, err, tt.want)
		}
	}
}
