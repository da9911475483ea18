package admission_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	yamlv3 "go.yaml.in/yaml/v3"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/admission"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/packs"
	"github.com/holdfast-dev/holdfast/resource"
)

// example is one example of a policy, as an object for an API server.
type example struct {
	policy *policy.Policy // nil for large
	of     *policy.Example
	object object
}

func (e example) String() string {
	if e.policy == nil {
		return "a large " + fmt.Sprint(e.object["kind"])
	}
	return fmt.Sprintf("%s %q", e.policy.ID, e.of.Name)
}

// TestServerAgrees puts all built-in policies in force on a real API server, to
// warn and not to refuse, and creates all examples by dry-run. For each of them
// the server must warn of exactly the policies that fail here, judged as it is
// written and as the server returns it, with its defaults.
func TestServerAgrees(t *testing.T) {
	s := newServer(t)
	engine, exported, examples := builtin(t)
	examples = slices.DeleteFunc(examples, func(e example) bool { return s.unseen(e, exported[e.policy.ID]) })
	examples = append(examples, large()...)
	s.prepare(examples)
	var policies, bindings []object
	for _, x := range exported {
		documents := documentsOf(t, x)
		policies, bindings = append(policies, documents[0]), append(bindings, documents[1])
	}
	s.install("canary", policies, bindings)

	var mu sync.Mutex
	var problems []string
	var group errgroup.Group
	group.SetLimit(workers)
	most := 0
	for _, e := range examples {
		group.Go(func() error {
			got, err := s.try(e.object)
			if err != nil {
				return err
			}
			found := e.compare(engine, exported, got)
			mu.Lock()
			defer mu.Unlock()
			problems, most = append(problems, found...), max(most, len(strings.Join(got.warnings, "")))
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	s.typesCheck(exported)
	if slices.Sort(problems); len(problems) > 0 {
		t.Errorf("%d differences:\n%s", len(problems), strings.Join(problems, "\n"))
	}
	t.Logf("%d policies, %d examples; at most %d of 4096 characters of warnings", len(exported), len(examples), most)
}

// builtin returns the policies that can be exported, with all their examples.
func builtin(t *testing.T) (*cel.Engine, map[string]*admission.Exported, []example) {
	t.Helper()
	all, err := packs.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	engine, err := cel.New(all...)
	if err != nil {
		t.Fatal(err)
	}
	exported, examples := map[string]*admission.Exported{}, []example{}
	for _, pack := range all {
		for _, p := range pack.Policies {
			if p.Platform != resource.Kubernetes {
				continue
			}
			x, err := admission.Export(p, admission.Options{Actions: []admission.Action{admission.Warn}})
			if not, ok := errors.AsType[*admission.NotExportable](err); ok {
				t.Log(not)
				continue
			} else if err != nil {
				t.Fatal(err)
			}
			exported[p.ID] = x
			for i := range p.Examples {
				if p.Examples[i].Stage == policy.Live {
					continue
				}
				e := example{policy: p, of: &p.Examples[i]}
				first := yamlv3.NewDecoder(strings.NewReader(e.of.Manifest))
				var node yamlv3.Node
				if err := first.Decode(&node); err != nil {
					t.Fatalf("%s: %v", e, err)
				}
				text, err := yamlv3.Marshal(&node)
				if err != nil {
					t.Fatal(err)
				}
				if err := yaml.Unmarshal(text, &e.object); err != nil {
					t.Fatalf("%s: %v", e, err)
				}
				complete(e.object)
				examples = append(examples, e)
			}
		}
	}
	return engine, exported, examples
}

// large returns sound objects as large as they come: the cost of an expression is
// limited, and what costs too much is refused.
func large() []example {
	list := func(n int, item func(i int) any) (all []any) {
		for i := range n {
			all = append(all, item(i))
		}
		return all
	}
	name := func(prefix string) func(int) any { return func(i int) any { return fmt.Sprint(prefix, i) } }
	role := object{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": object{"name": "large"},
		"rules": list(400, func(i int) any {
			return object{"apiGroups": []any{fmt.Sprintf("g%d.example.com", i)}, "resources": list(30, name("things")), "verbs": list(8, name("do"))}
		}),
	}
	data := object{}
	for i := range 400 {
		data[fmt.Sprintf("file-%d.conf", i)] = strings.Repeat("key = value, and a word more\n", 60)
	}
	hardened := object{
		"runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "runAsUser": 65532, "runAsGroup": 65532,
		"capabilities": object{"drop": []any{"ALL"}}, "seccompProfile": object{"type": "RuntimeDefault"},
	}
	probe := object{"httpGet": object{"port": 8000}}
	pod := object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "large"},
		"spec": object{"template": object{"spec": object{
			"automountServiceAccountToken": false,
			"containers": list(40, func(i int) any {
				return object{
					"name": fmt.Sprint("c", i), "image": fmt.Sprintf("registry.example.com/team/image-%d:1.2.3@sha256:%064d", i, i),
					"securityContext": hardened, "readinessProbe": probe, "livenessProbe": probe,
					"resources": object{"requests": object{"cpu": "1m", "memory": "1Mi"}, "limits": object{"memory": "1Mi"}},
					"args":      list(60, name("--some-argument-of-the-program=")), "command": list(5, name("/usr/bin/program")),
					"env": list(100, func(i int) any {
						return object{"name": fmt.Sprint("SOME_VARIABLE_", i), "value": strings.Repeat("value ", 10)}
					}),
					"ports":        list(4, func(j int) any { return object{"containerPort": 8000 + 4*i + j} }),
					"volumeMounts": list(40, func(i int) any { return object{"name": fmt.Sprint("v", i), "mountPath": fmt.Sprint("/some/path/", i)} }),
				}
			}),
			"volumes": list(40, func(i int) any {
				return object{"name": fmt.Sprint("v", i), "configMap": object{"name": fmt.Sprint("v", i)}}
			}),
		}}},
	}
	complete(pod)
	return []example{{object: role}, {object: pod},
		{object: object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": "large"}, "data": data}}}
}

// unseen reports whether an example is about an API that servers once had, or
// about one that they show to no policy. Groups without a dot are their own.
func (s *server) unseen(e example, x *admission.Exported) bool {
	group, _, _ := strings.Cut(fmt.Sprint(e.object["apiVersion"]), "/")
	if slices.Contains(x.Left, fmt.Sprint(e.object["kind"])) || slices.Contains(x.Left, group) {
		return true
	}
	_, ok := s.path(e.object)
	if ok || strings.Contains(group, ".") {
		return false
	}
	s.t.Logf("%s: the server has no %v %v", e, e.object["apiVersion"], e.object["kind"])
	return true
}

// prepare creates what the examples refer to.
func (s *server) prepare(examples []example) {
	s.t.Helper()
	definitions := map[string]object{}
	for _, e := range examples {
		if _, ok := s.path(e.object); !ok {
			define(definitions, e.object)
		}
	}
	s.createAll(slices.Collect(maps.Values(definitions)))
	if len(definitions) > 0 {
		s.waitFor("custom resources", func(context.Context) bool {
			s.discover()
			return !slices.ContainsFunc(examples, func(e example) bool { _, ok := s.path(e.object); return !ok })
		})
	}
	var needed []object
	need := func(apiVersion, kind string, name any, more object) {
		if name, ok := name.(string); ok && name != "" {
			o := object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": name}}
			for field, value := range more {
				if field == "metadata" {
					maps.Copy(o["metadata"].(object), value.(object))
				} else {
					o[field] = value
				}
			}
			needed = append(needed, o)
		}
	}
	namespaces := map[string]bool{}
	for _, e := range examples {
		namespace := namespaceOf(e.object)
		in := object{"metadata": object{"namespace": namespace}}
		if !namespaces[namespace] {
			namespaces[namespace] = true
			s.create(object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": namespace}})
			need("v1", "ServiceAccount", "default", in)
		}
		template := at(e.object, append(slices.Clone(templates[fmt.Sprint(e.object["kind"])]), "spec")...)
		for _, field := range []string{"serviceAccountName", "serviceAccount"} {
			need("v1", "ServiceAccount", at(template, field), in)
		}
		if name, ok := at(template, "priorityClassName").(string); ok && !strings.HasPrefix(name, "system-") {
			need("scheduling.k8s.io/v1", "PriorityClass", name, object{"value": 7})
		}
		need("node.k8s.io/v1", "RuntimeClass", at(template, "runtimeClassName"), object{"handler": "example"})
	}
	s.createAll(needed)
}

// define adds the kind of an object, or its version, to definitions of custom
// resources that take anything.
func define(definitions map[string]object, o object) {
	group, version, _ := strings.Cut(fmt.Sprint(o["apiVersion"]), "/")
	kind := fmt.Sprint(o["kind"])
	plural, scope := strings.ToLower(kind)+"s", "Cluster"
	if stem, ok := strings.CutSuffix(plural, "ys"); ok {
		plural = stem + "ies"
	}
	if at(o, "metadata", "namespace") != nil {
		scope = "Namespaced"
	}
	name := plural + "." + group
	if definitions[name] == nil {
		definitions[name] = object{
			"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": object{"name": name, "annotations": object{"api-approved.kubernetes.io": "unapproved, for tests"}},
			"spec":     object{"group": group, "scope": scope, "names": object{"kind": kind, "plural": plural}, "versions": []any{}},
		}
	}
	spec := definitions[name]["spec"].(object)
	versions := spec["versions"].([]any)
	if slices.ContainsFunc(versions, func(v any) bool { return at(v, "name") == version }) {
		return
	}
	spec["versions"] = append(versions, object{
		"name": version, "served": true, "storage": len(versions) == 0,
		"schema": object{"openAPIV3Schema": object{"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
	})
}

// install creates all policies, then all bindings, and last a canary of its own
// name. Servers see them in this order, so what the canary refuses the others have
// judged.
func (s *server) install(canary string, policies, bindings []object) {
	s.t.Helper()
	p := &policy.Policy{Match: []policy.Match{{Kinds: []string{"ConfigMap"}}},
		Validations: []policy.Validation{{Expression: "object.metadata.name != '" + canary + "'", Message: "in force"}}}
	p.ID, p.Title = canary, "The canary is refused"
	x, err := admission.Export(p, admission.Options{Actions: []admission.Action{admission.Deny}})
	if err != nil {
		s.t.Fatal(err)
	}
	documents := documentsOf(s.t, x)
	s.createAll(policies)
	s.create(documents[0])
	s.createAll(bindings)
	s.create(documents[1])
	s.waitFor("the policies to be in force", func(context.Context) bool {
		got, err := s.dryRun(object{"apiVersion": "v1", "kind": "ConfigMap", "metadata": object{"name": canary, "namespace": "default"}})
		return err == nil && got.code == http.StatusUnprocessableEntity && strings.Contains(got.message(), "in force")
	})
}

func documentsOf(t *testing.T, x *admission.Exported) (all []object) {
	t.Helper()
	text, err := x.YAML()
	if err != nil {
		t.Fatal(err)
	}
	for doc := range bytes.SplitSeq(text, []byte("\n---\n")) {
		var o object
		if err := yaml.UnmarshalStrict(doc, &o); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	return all
}

// typesCheck waits until the server has checked all expressions against what it
// knows of the types of objects, and has nothing to say against any.
func (s *server) typesCheck(exported map[string]*admission.Exported) {
	s.t.Helper()
	type status struct {
		Metadata struct {
			Name       string
			Generation int64
		}
		Status struct {
			ObservedGeneration int64
			TypeChecking       *struct {
				ExpressionWarnings []struct{ FieldRef, Warning string }
			}
		}
	}
	var list struct{ Items []status }
	s.waitFor("types to be checked", func(context.Context) bool {
		got, err := s.do(http.MethodGet, "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", nil)
		if err != nil || json.Unmarshal(got.body, &list) != nil {
			return false
		}
		return len(list.Items) > len(exported) && !slices.ContainsFunc(list.Items, func(p status) bool {
			return p.Status.ObservedGeneration != p.Metadata.Generation || p.Status.TypeChecking == nil
		})
	})
	for _, p := range list.Items {
		for _, w := range p.Status.TypeChecking.ExpressionWarnings {
			s.t.Errorf("%s: %s: %s", p.Metadata.Name, w.FieldRef, w.Warning)
		}
	}
}

// compare returns how the server's answer differs from what is judged here.
func (e example) compare(engine *cel.Engine, exported map[string]*admission.Exported, got answer) []string {
	exists := got.code == http.StatusConflict // what is stored is looked at after policies
	if got.code != http.StatusCreated && got.code != http.StatusOK && !exists {
		return []string{fmt.Sprintf("%s: the server refuses the object: %s", e, got.message())}
	}
	text, err := json.Marshal(e.object)
	if err != nil {
		return []string{err.Error()}
	}
	if n := len(strings.Join(got.warnings, "")); n > 4000 {
		return []string{fmt.Sprintf("%s: %d characters of warnings are too many for a server, which leaves some out:\n%s", e, n, strings.Join(got.warnings, "\n"))}
	}
	var problems []string
	warned := got.warned()
	judge := func(what string, manifest []byte) {
		verdicts, err := verdictsOf(engine, manifest)
		if err != nil {
			problems = append(problems, fmt.Sprintf("%s: %v", e, err))
		}
		for id, x := range exported {
			if at(e.object, "spec", "ephemeralContainers") != nil && !debugged(x) {
				continue
			}
			message, warns := warned[strings.ToLower(id)]
			if fails := verdicts[id] == policy.Fail; fails != warns || verdicts[id] == policy.Error {
				problems = append(problems, fmt.Sprintf("%s: %s %s %s here, and the server says %q", e, id, what, verdicts[id], message))
			}
			if strings.Contains(message, "resulted in error") {
				problems = append(problems, fmt.Sprintf("%s: %s: %s", e, id, message))
			}
		}
	}
	judge("as written is", text)
	if !exists {
		judge("as admitted is", got.body)
	}
	if e.policy == nil { // it belongs to none
		return problems
	}
	if warns := warned[strings.ToLower(e.policy.ID)] != ""; warns != (e.of.Verdict == policy.Fail) {
		problems = append(problems, fmt.Sprintf("%s: must %s, and the server says %q", e, e.of.Verdict, warned[strings.ToLower(e.policy.ID)]))
	}
	return problems
}

// debugged reports whether a policy sees the containers that are added to pods.
func debugged(x *admission.Exported) bool {
	return slices.ContainsFunc(x.Policy.Spec.MatchConstraints.ResourceRules, func(r admission.ResourceRule) bool {
		return slices.Contains(r.Resources, "pods/ephemeralcontainers")
	})
}

// verdictsOf judges an object at admission by all policies.
func verdictsOf(engine *cel.Engine, manifest []byte) (map[string]policy.Verdict, error) {
	all, err := (&policy.Example{Manifest: string(manifest)}).Resources()
	if err != nil {
		return nil, err
	}
	verdicts := map[string]policy.Verdict{}
	for _, result := range engine.Evaluate(context.Background(), nil, all[0], resource.NewSet(all), policy.Admission) {
		verdicts[result.Policy.ID] = result.Verdict
	}
	return verdicts, nil
}
