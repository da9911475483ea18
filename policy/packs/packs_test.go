package packs_test

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/setup"
)

func builtin(t *testing.T) ([]*policy.Pack, *cel.Engine) {
	t.Helper()
	all, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	return all, engine
}

func named(t *testing.T, all []*policy.Pack, name string) *policy.Pack {
	t.Helper()
	i := slices.IndexFunc(all, func(p *policy.Pack) bool { return p.Name == name })
	if i < 0 {
		t.Fatalf("there is no pack %s", name)
	}
	return all[i]
}

func TestExamples(t *testing.T) {
	all, engine := builtin(t)
	for _, pack := range all {
		for _, failure := range policy.Test(engine, pack, setup.ReadExample) {
			t.Error(failure)
		}
	}
}

// Every policy compiles under the limits of policies that are not trusted, so
// that people can start from a copy.
func TestCopiesCompile(t *testing.T) {
	all, _ := builtin(t)
	for _, pack := range all {
		untrusted := *pack
		untrusted.Trusted = false
		engine, err := cel.New(&untrusted)
		if err != nil {
			t.Fatal(err)
		}
		for _, failure := range policy.Test(engine, &untrusted, setup.ReadExample) {
			t.Error(failure)
		}
	}
}

// TestDocumentation keeps the texts of policies complete and in one style.
func TestDocumentation(t *testing.T) {
	all, _ := builtin(t)
	controls := regexp.MustCompile(`^(PSS/(baseline|restricted)|CIS-(K8s|Docker|(AWS|Azure|GCP)-[0-9.]+)/[0-9]+(\.[0-9]+)+|FSBP/[A-Za-z0-9]+\.[0-9]+|NSA/[a-z-]+|` +
		`ATT&CK/T[0-9]{4}(\.[0-9]{3})?|NIST-800-53/[A-Z]{2}-[0-9]+(\([0-9]+\))?|PCI-DSS-4/[0-9]+(\.[0-9]+)*|SOC2/CC[0-9]\.[0-9]|CICD-SEC-[0-9]+)$`)
	for _, pack := range all {
		if pack.Digest == "" || !pack.Trusted {
			t.Errorf("pack %s: digest %q, trusted %v", pack.Name, pack.Digest, pack.Trusted)
		}
		for _, p := range pack.Policies {
			if name := path.Base(p.File.Path); !strings.HasPrefix(name, p.ID+"-") {
				t.Errorf("%s: the file is named %s", p.ID, name)
			}
			if len(p.References) == 0 {
				t.Errorf("%s: no references", p.ID)
			}
			for _, r := range p.References {
				if u, err := url.Parse(r); err != nil || u.Scheme != "https" || u.Host == "" {
					t.Errorf("%s: reference %s", p.ID, r)
				}
			}
			for _, c := range p.Controls {
				if !controls.MatchString(c) {
					t.Errorf("%s: control %s", p.ID, c)
				}
			}
			if !strings.HasSuffix(p.Why, ".") && !strings.HasSuffix(p.Why, ").") {
				t.Errorf("%s: why is not a sentence: %s", p.ID, p.Why)
			}
			if len(p.Title) > 70 || strings.HasSuffix(p.Title, ".") {
				t.Errorf("%s: title %q", p.ID, p.Title)
			}
			for _, v := range p.Validations {
				if !strings.Contains(v.Message+v.MessageExpression, "{subject}") {
					t.Errorf("%s: message %q names no subject", p.ID, v.Message)
				}
			}
			for _, e := range p.Examples {
				if e.Verdict == policy.Fail && len(e.At) == 0 {
					t.Errorf("%s: example %q marks no paths", p.ID, e.Name)
				}
			}
		}
	}
}

// TestWorkloadKinds proves for each policy of the Pod Security Standards that
// its failing pods fail in everything that holds a pod spec too.
func TestWorkloadKinds(t *testing.T) {
	all, engine := builtin(t)
	const podTemplate = "spec.template"
	kinds := map[string]string{
		"apps/v1 Deployment": podTemplate, "apps/v1 ReplicaSet": podTemplate, "apps/v1 StatefulSet": podTemplate,
		"apps/v1 DaemonSet": podTemplate, "v1 ReplicationController": podTemplate, "batch/v1 Job": podTemplate,
		"v1 PodTemplate": "template", "batch/v1 CronJob": "spec.jobTemplate.spec.template", "v1 Pod": "",
	}
	tested := 0
	for _, p := range named(t, all, "kubernetes").Policies {
		if !slices.ContainsFunc(p.Controls, func(c string) bool { return strings.HasPrefix(c, "PSS/") }) {
			continue
		}
		for _, e := range p.Examples {
			resources, err := e.Resources()
			if err != nil || len(resources) != 1 || resources[0].ID.Kind != "Pod" || e.Verdict != policy.Fail {
				continue
			}
			for kind, at := range kinds {
				r := wrap(resources[0], kind, at)
				if got := verdict(engine, r, p.ID); got != policy.Fail {
					t.Errorf("%s %q as %s: %s", p.ID, e.Name, kind, got)
				}
				tested++
			}
		}
	}
	if tested < 100 {
		t.Errorf("only %d cases", tested)
	}
}

// wrap puts a pod into an object of another kind.
func wrap(pod *resource.Resource, kind, at string) *resource.Resource {
	version, name, _ := strings.Cut(kind, " ")
	group, _, _ := strings.Cut(version, "/")
	if !strings.Contains(version, "/") {
		group = ""
	}
	root := pod.Root
	if at != "" {
		steps := strings.Split(at, ".")
		slices.Reverse(steps)
		for _, step := range steps {
			root = &resource.Value{Kind: resource.Map, Fields: []resource.Field{{Key: step, Value: root}}}
		}
	}
	text := func(key, value string) resource.Field {
		return resource.Field{Key: key, Value: &resource.Value{Kind: resource.String, Str: value}}
	}
	fields := []resource.Field{text("apiVersion", version), text("kind", name)}
	for _, f := range root.Fields {
		if f.Key != "kind" && f.Key != "apiVersion" {
			fields = append(fields, f)
		}
	}
	return &resource.Resource{ID: resource.ID{Group: group, Kind: name, Name: "x"}, Root: &resource.Value{Kind: resource.Map, Fields: fields}}
}

func verdict(engine *cel.Engine, r *resource.Resource, id string) policy.Verdict {
	for _, result := range engine.Evaluate(context.Background(), nil, r, resource.NewSet([]*resource.Resource{r}), policy.Live) {
		if result.Policy.ID == id {
			return result.Verdict
		}
	}
	return policy.Error
}

// TestPodSecurityStandards names every control of the standards, so that none
// can get lost.
func TestPodSecurityStandards(t *testing.T) {
	all, _ := builtin(t)
	want := map[string][]string{
		"PSS/baseline": {"HF-K8S-001", "HF-K8S-002", "HF-K8S-003", "HF-K8S-004", "HF-K8S-005", "HF-K8S-006",
			"HF-K8S-007", "HF-K8S-008", "HF-K8S-009", "HF-K8S-010", "HF-K8S-011", "HF-K8S-013", "HF-K8S-020", "HF-K8S-021"},
		"PSS/restricted": {"HF-K8S-012", "HF-K8S-014", "HF-K8S-015", "HF-K8S-016", "HF-K8S-017", "HF-K8S-018"},
	}
	for control, ids := range want {
		var got []string
		for _, p := range named(t, all, "kubernetes").Policies {
			if slices.Contains(p.Controls, control) {
				got = append(got, p.ID)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(ids) {
			t.Errorf("%s: got %v, want %v", control, got, ids)
		}
	}
}

// TestOddManifests feeds what people write by mistake: no policy may panic, and
// none may pass what it cannot read as if it were sound by skipping it.
func TestOddManifests(t *testing.T) {
	_, engine := builtin(t)
	for _, manifest := range []string{
		"{apiVersion: v1, kind: Pod}",
		"{apiVersion: v1, kind: Pod, metadata: null, spec: null}",
		"{apiVersion: v1, kind: Pod, metadata: [], spec: text}",
		"{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: null, volumes: null}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: {}, volumes: {}}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [null, text, 7, []], volumes: [null]}}",
		"{apiVersion: v1, kind: Pod, metadata: {name: x}, spec: {containers: [{name: 7, securityContext: [], image: 7}]}}",
		"{apiVersion: v1, kind: Secret, data: text, stringData: [a]}",
		"{apiVersion: v1, kind: ConfigMap, data: {a: null, b: [], c: {}}}",
		"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, rules: [null, {verbs: text}]}",
		"{apiVersion: v1, kind: Service, spec: {externalIPs: text}}",
		"{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: {}}}",
		"{apiVersion: v1, kind: Namespace}",
		"{apiVersion: v1, kind: Pod, spec: {containers: [{name: x, command: [kube-apiserver, 7, null, []], args: {}}]}}",
		"{apiVersion: v1, kind: Pod, spec: {containers: [{name: x, command: etcd, args: [7]}]}}",
		"{apiVersion: v1, kind: PersistentVolume, spec: text}",
		"{apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {annotations: []}, parameters: []}",
		"{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, webhooks: [null, {rules: [7]}]}",
		"{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, spec: {validationActions: Deny}}",
		"{apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, spec: {listeners: {}}}",
		"{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration, authentication: [], tlsCipherSuites: [7]}",
		"{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{providers: [7]}, {providers: []}]}",
		"{apiVersion: audit.k8s.io/v1, kind: Policy, rules: [null, {level: 7, resources: {}}]}",
		"{apiVersion: kubeadm.k8s.io/v1beta4, kind: ClusterConfiguration, apiServer: {extraArgs: {a: b}}}",
	} {
		resources, err := (&policy.Example{Manifest: manifest}).Resources()
		if err != nil {
			t.Fatal(err)
		}
		results := engine.Evaluate(context.Background(), nil, resources[0], resource.NewSet(resources), policy.Declared)
		if len(results) == 0 {
			t.Errorf("%s: no policy applies", manifest)
		}
		policy.Findings(resources[0], results, policy.Declared)
		for _, result := range results {
			if result.Verdict == policy.Error && strings.Contains(result.Err.Error(), "internal error") {
				t.Errorf("%s: %s: %v", manifest, result.Policy.ID, result.Err)
			}
		}
	}
}
