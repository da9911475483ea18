package admission_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// TestThereAndBack reads all that was exported as a pack, and judges all examples
// by it: the verdicts must be those of the policies that were exported.
func TestThereAndBack(t *testing.T) {
	engine, exported, examples := builtin(t)
	var files []*source.File
	for _, x := range exported {
		text, err := x.YAML()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, source.NewFile(x.Policy.Metadata.Name+".yaml", text))
	}
	pack, err := policy.NewPack("back", files)
	if err != nil {
		t.Fatal(err)
	}
	back, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	if len(pack.Policies) != len(exported) {
		t.Errorf("%d policies came back, want %d", len(pack.Policies), len(exported))
	}
	for _, p := range pack.Policies {
		if id := strings.ToUpper(p.ID); exported[id] == nil || p.Title == "" || p.Severity.String() != exported[id].Policy.Metadata.Annotations["holdfast.dev/severity"] {
			t.Errorf("%s came back with the title %q and severity %s", p.ID, p.Title, p.Severity)
		}
	}
	fails := map[policy.Verdict]bool{policy.Fail: true}
	for _, e := range examples {
		text, err := json.Marshal(e.object)
		if err != nil {
			t.Fatal(err)
		}
		want, err := verdictsOf(engine, text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := verdictsOf(back, text)
		if err != nil {
			t.Fatal(err)
		}
		for id, x := range exported {
			imported, ok := got[x.Policy.Metadata.Name]
			if e.policy.ID == id && !ok && len(x.Left) == 0 && e.of.Verdict == policy.Fail {
				t.Errorf("%s: is not judged", e)
			}
			if ok && (fails[imported] != fails[want[id]] || imported == policy.Error || imported == policy.Unknown) {
				t.Errorf("%s: %s is %s, and was %s", e, id, imported, want[id])
			}
		}
	}
}

// TestServersOwn judges objects by policies that are written for API servers, here
// and by a real one: with params, selectors, and errors that are to be ignored.
func TestServersOwn(t *testing.T) {
	s := newServer(t)
	text, err := os.ReadFile("testdata/own.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := policy.NewPack("own", []*source.File{source.NewFile("own.yaml", text)})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	var policies, bindings, others []object
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var o object
		if err := yaml.UnmarshalStrict(doc, &o); err != nil {
			t.Fatal(err)
		}
		switch o["kind"] {
		case "ValidatingAdmissionPolicy":
			policies = append(policies, o)
		case "ValidatingAdmissionPolicyBinding":
			bindings = append(bindings, o)
		default:
			others = append(others, o)
		}
	}
	namespaces, err := (&policy.Example{Manifest: ownNamespaces}).Resources()
	if err != nil {
		t.Fatal(err)
	}
	for doc := range strings.SplitSeq(ownNamespaces, "---\n") {
		var o object
		if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
			t.Fatal(err)
		}
		s.create(o)
	}
	s.createAll(others)
	s.install("canary-own", policies, bindings)

	seen := map[string]bool{}
	for _, spec := range []string{
		"{kind: ConfigMap, metadata: {name: a, namespace: team-a, labels: {limited: 'yes'}}, data: {number: '9'}}",
		"{kind: ConfigMap, metadata: {name: a, namespace: team-a, labels: {limited: 'yes'}}, data: {number: '3'}}",
		"{kind: ConfigMap, metadata: {name: a, namespace: team-b, labels: {limited: 'yes'}}, data: {number: '9'}}",
		"{kind: ConfigMap, metadata: {name: a, namespace: team-a, labels: {limited: 'no'}}, data: {number: '9'}}",
		"{kind: ConfigMap, metadata: {name: a, namespace: team-a}, data: {number: '9'}}",
		"{kind: ConfigMap, metadata: {name: a, namespace: team-b, labels: {limited: maybe}}, data: {number: word}}",
		"{kind: ConfigMap, metadata: {name: b, namespace: team-b}}",
		"{kind: Secret, metadata: {name: a, namespace: team-a}, stringData: {number: '9'}}",
		"{kind: Secret, metadata: {name: a, namespace: team-b}, stringData: {number: '9'}}",
		"{kind: Namespace, metadata: {name: own-x, labels: {team: a}}}",
		"{kind: Namespace, metadata: {name: own-y, labels: {team: b}}}",
		"{kind: Namespace, metadata: {name: own-z}}",
	} {
		manifest := strings.Replace(spec, "{", "{apiVersion: v1, ", 1)
		var o object
		if err := yaml.Unmarshal([]byte(manifest), &o); err != nil {
			t.Fatal(err)
		}
		got, err := s.dryRun(o)
		if err != nil {
			t.Fatal(err)
		}
		warned := got.warned()
		all, err := (&policy.Example{Manifest: manifest}).Resources()
		if err != nil {
			t.Fatal(err)
		}
		set := resource.NewSet(append(all, namespaces...))
		verdicts := map[string]policy.Verdict{}
		for _, result := range engine.Evaluate(context.Background(), nil, all[0], set, policy.Declared) {
			name, _, _ := strings.Cut(result.Policy.ID, ".")
			verdicts[name] = max(verdicts[name], result.Verdict%policy.Skip)
			if result.Verdict == policy.Error || result.Verdict == policy.Unknown {
				t.Errorf("%s: %s is %s: %v %s", spec, name, result.Verdict, result.Err, result.Reason)
			}
		}
		for _, p := range policies {
			name := fmt.Sprint(at(p, "metadata", "name"))
			message, warns := warned[name]
			if warns != (verdicts[name] == policy.Fail) {
				t.Errorf("%s: %s is %s here, and the server says %q", spec, name, verdicts[name], message)
			}
			seen[fmt.Sprint(name, warns)] = true
		}
	}
	for _, p := range policies {
		if name := fmt.Sprint(at(p, "metadata", "name")); !seen[name+"true"] || !seen[name+"false"] {
			t.Errorf("%s has not decided anything", name)
		}
	}
}

const ownNamespaces = `{apiVersion: v1, kind: Namespace, metadata: {name: team-a, labels: {team: a, kubernetes.io/metadata.name: team-a}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: team-b, labels: {team: b, kubernetes.io/metadata.name: team-b}}}
`
