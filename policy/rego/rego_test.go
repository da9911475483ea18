package rego_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/rego"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// load reads a pack of files, which are path and text in turns.
func load(t testing.TB, files ...string) *policy.Pack {
	t.Helper()
	pack, err := decode(files...)
	if err != nil {
		t.Fatal(err)
	}
	return pack
}

func decode(files ...string) (*policy.Pack, error) {
	tree := map[string]string{}
	for i := 0; i < len(files); i += 2 {
		tree[files[i]] = files[i+1]
	}
	pack, err := policy.Load(source.Memory(tree), ".")
	if err != nil {
		return nil, err
	}
	return pack, rego.Decode(pack)
}

// judge returns what packs say of the first object of a manifest: a line for each
// finding, and one for each other verdict but pass.
func judge(t testing.TB, pack *policy.Pack, manifest string) []string {
	t.Helper()
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&policy.Example{Manifest: manifest}).Resources()
	if err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, result := range engine.Evaluate(context.Background(), nil, all[0], resource.NewSet(all), policy.Rendered) {
		switch result.Verdict {
		case policy.Pass:
		case policy.Fail:
			for _, f := range policy.Findings(all[0], []policy.Result{result}, policy.Rendered) {
				out = append(out, strings.Join([]string{f.Rule.ID, f.Severity.String(), f.Field, f.Message}, " | "))
			}
		case policy.Error:
			out = append(out, result.Policy.ID+" | error | "+result.Err.Error())
		default:
			out = append(out, result.Policy.ID+" | "+result.Verdict.String())
		}
	}
	return out
}

const pod = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  hostNetwork: true
  containers:
  - {name: web, image: "docker.io/nginx:latest"}
  - {name: proxy, image: "registry.example/proxy:2", securityContext: {privileged: true}}
`

func TestModules(t *testing.T) {
	for _, tt := range []struct {
		reason string
		module string
		want   []string
	}{
		{"the current Rego; texts; the value that is quoted", `package main

import rego.v1

deny contains msg if {
	some c in input.spec.containers
	endswith(c.image, ":latest")
	msg := sprintf("image %q of container %s has no version", [c.image, c.name])
}
`, []string{`REGO-MAIN-DENY | high | spec.containers[web].image | image "docker.io/nginx:latest" of container web has no version`}},

		{"Rego before version 1; a suffix; warnings", `package main

warn_host_network[msg] {
	input.spec.hostNetwork
	msg = "hostNetwork is not for applications."
}
`, []string{"REGO-MAIN-WARN-HOST-NETWORK | medium | spec.hostNetwork | hostNetwork is not for applications."}},

		{"keywords of the time between", `package kubernetes.pods

import future.keywords

violation contains {"msg": msg, "details": {"path": sprintf("spec.containers[%d].securityContext.privileged", [i])}} if {
	some i, c in input.spec.containers
	c.securityContext.privileged
	msg := "privileged"
}
`, []string{"REGO-KUBERNETES-PODS-VIOLATION | high | spec.containers[proxy].securityContext.privileged | privileged"}},

		{"a path as a list, metadata of the result", `package main

deny contains {"msg": "no", "metadata": {"field": ["spec", "containers", 1, "image"]}} if input.kind == "Pod"
`, []string{"REGO-MAIN-DENY | high | spec.containers[proxy].image | no"}},

		{"a path that leads nowhere is none", `package main

deny contains {"msg": "no", "path": "nowhere.to[0].be"} if input.kind == "Pod"
`, []string{"REGO-MAIN-DENY | high | kind | no"}},

		{"a path whose end is missing", `package main

deny contains {"msg": "no", "path": "$.spec.containers[0].securityContext"} if input.kind == "Pod"
`, []string{"REGO-MAIN-DENY | high | spec.containers[web].securityContext | no"}},

		{"nothing to point at", "package main\n\ndeny contains \"never\" if input.kind == \"Pod\"\n",
			[]string{"REGO-MAIN-DENY | high | kind | never"}},

		{"the name of the object counts least", `package main

deny contains msg if msg := sprintf("%s %s runs %s", [input.kind, input.metadata.name, input.spec.containers[1].image])
`, []string{"REGO-MAIN-DENY | high | spec.containers[proxy].image | Pod web runs registry.example/proxy:2"}},

		{"a complete rule that is a list", "package main\n\ndeny := [\"a\", \"b\"]\n",
			[]string{"REGO-MAIN-DENY | high | kind | a", "REGO-MAIN-DENY | high | kind | b"}},
		{"a complete rule that is true, by default false", "package main\n\ndefault deny := false\n\ndeny if input.kind == \"Pod\"\n",
			[]string{"REGO-MAIN-DENY | high | kind | Pod shop/web: The rule deny of main finds nothing"}},
		{"an else", "package main\n\ndeny := [] if { input.kind == \"Service\" } else := [\"not a service\"]\n",
			[]string{"REGO-MAIN-DENY | high | kind | not a service"}},

		{"an exception of the rule", `package main

deny_tag contains "tag" if input.kind == "Pod"

deny_other contains "other" if input.kind == "Pod"

exception contains rules if {
	input.metadata.name == "web"
	rules := ["tag"]
}
`, []string{"REGO-MAIN-DENY-OTHER | high | kind | other", "REGO-MAIN-DENY-TAG | skip"}},
		{"an exception of the rule without a suffix, as it was written before", `package main

deny["no"] { true }

exception[rules] { rules := [""] }
`, []string{"REGO-MAIN-DENY | skip"}},

		{"helpers, functions and rules of other names decide nothing", `package main

deny contains "yes" if is_pod(input)

is_pod(x) if x.kind == "Pod"

denied := "x"

deny_fn(x) := x
`, []string{"REGO-MAIN-DENY | high | kind | yes"}},

		{"an error is the error of its rule alone", `package main

deny_first contains "first" if input.kind == "Pod"

deny_second := "a" if input.kind == "Pod"

deny_second := "b" if input.kind == "Pod"
`, []string{"REGO-MAIN-DENY-FIRST | high | kind | first",
			"REGO-MAIN-DENY-SECOND | error | a.rego:7: rule data.main.deny_second produced conflicting values"}},
		{"a result that says nothing", "package main\n\ndeny contains 7 if input.kind == \"Pod\"\n",
			[]string{"REGO-MAIN-DENY | error | a result of REGO-MAIN-DENY is neither a text nor an object"}},
		{"an object without a message", "package main\n\ndeny contains {\"message\": \"x\"} if input.kind == \"Pod\"\n",
			[]string{"REGO-MAIN-DENY | error | a result of REGO-MAIN-DENY has no text msg"}},
		{"what is not defined finds nothing", "package main\n\ndeny contains input.spec.nothing.at.all\n", []string{}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, judge(t, load(t, "a.rego", tt.module), pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestModulesTogether(t *testing.T) {
	pack := load(t, "lib/images.rego", `package lib.images

import rego.v1

untagged(image) if not contains(image, ":")

untagged(image) if endswith(image, ":latest")
`, "pods.rego", `package main

import data.lib.images

deny[msg] {
	c := input.spec.containers[_]
	images.untagged(c.image)
	msg := c.image
}
`, "more.rego", `package main

deny["a second file of the package"] { input.kind == "Pod" }
`, "pods_test.rego", "package main\n\nthis is no Rego, and nobody tests\n", "own.yaml", ownPolicy)
	want := []string{
		"ACME-NET-001 | low | spec.hostNetwork | Pod shop/web: No host network",
		"REGO-MAIN-DENY | high | kind | a second file of the package",
		"REGO-MAIN-DENY | high | spec.containers[web].image | docker.io/nginx:latest",
	}
	if diff := cmp.Diff(want, judge(t, pack, pod)); diff != "" {
		t.Error(diff)
	}
}

const ownPolicy = `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata: {name: ACME-NET-001}
spec:
  title: No host network
  severity: low
  why: It is not for applications.
  remediation: Remove it.
  match: {kinds: [Pod]}
  validations: [{expression: "!object.spec.?hostNetwork.orValue(false)"}]
`

func TestMetadata(t *testing.T) {
	pack := load(t, "a.rego", `# METADATA
# scope: package
# description: Said of all rules
# related_resources:
# - https://example.com/all
package main

import rego.v1

# METADATA
# title: Images have versions
# description: A tag moves.
# custom:
#   id: ACME-IMG-001
#   severity: LOW
#   remediation: Name the version.
#   controls: [ACME/7]
deny contains msg if {
	some c in input.spec.containers
	endswith(c.image, ":latest")
	msg := c.image
}

# METADATA
# title: No host network
# related_resources:
# - ref: https://example.com/network
#   description: why
# custom:
#   id: ACME-NET-001
#   severity: info
deny contains "hostNetwork" if input.spec.hostNetwork

deny contains "and a rule without metadata" if input.kind == "Pod"

any_denied if count(deny) > 2
`)
	want := []string{
		"ACME-IMG-001 | low | spec.containers[web].image | docker.io/nginx:latest",
		"ACME-NET-001 | info | spec.hostNetwork | hostNetwork",
		"REGO-MAIN-DENY | high | kind | and a rule without metadata",
	}
	if diff := cmp.Diff(want, judge(t, pack, pod)); diff != "" {
		t.Error(diff)
	}
	type about struct{ Title, Why, Remediation, References, Controls string }
	got := map[string]about{}
	for _, p := range pack.Policies {
		got[p.ID] = about{p.Title, p.Why, p.Remediation, strings.Join(p.References, " "), strings.Join(p.Controls, " ")}
	}
	usual := "Change the object as the message says."
	wantAbout := map[string]about{
		"ACME-IMG-001":   {"Images have versions", "A tag moves.", "Name the version.", "https://example.com/all", "ACME/7"},
		"ACME-NET-001":   {"No host network", "Said of all rules", usual, "https://example.com/network", ""},
		"REGO-MAIN-DENY": {"The rule deny of main finds nothing", "Said of all rules", usual, "https://example.com/all", ""},
	}
	if diff := cmp.Diff(wantAbout, got); diff != "" {
		t.Error(diff)
	}
}

func TestIDsOfPackages(t *testing.T) {
	one := "# METADATA\n# custom:\n#   id: ACME-1\npackage a\n\ndeny contains \"x\" if true\n"
	if p := load(t, "a.rego", one).Policies; len(p) != 1 || p[0].ID != "ACME-1" {
		t.Errorf("the only rule of a package has %q", p[0].ID)
	}
	p := load(t, "a.rego", one+"\nwarn_it contains \"y\" if true\n").Policies
	if len(p) != 2 || p[0].ID != "ACME-1-DENY" || p[1].ID != "ACME-1-WARN-IT" {
		t.Errorf("two rules of a package have %q and %q", p[0].ID, p[1].ID)
	}
}

func TestMistakes(t *testing.T) {
	for _, tt := range []struct {
		reason, module, want string
	}{
		{"not Rego", "package main\n\ndeny contains msg if {\n\tmsg := \n}\n", "a.rego:5:1: unexpected }"},
		{"a mistake in Rego before version 1", "package main\n\ndeny[msg] {\n\tmsg := \"a\"\n\tinput.x ==\n}\n", "a.rego:6:1: unexpected }"},
		{"a variable that nothing binds", "package main\n\ndeny contains msg if input.a\n", "a.rego:3:15: var msg is unsafe"},
		{"the network", "package main\n\ndeny contains \"x\" if http.send({\"url\": \"https://example.com\", \"method\": \"get\"}).status_code == 200\n",
			"a.rego:3:22: undefined function http.send"},
		{"names of the network", "package main\n\ndeny contains \"x\" if net.lookup_ip_addr(\"example.com\")\n", "a.rego:3:22: undefined function net.lookup_ip_addr"},
		{"the environment", "package main\n\ndeny contains \"x\" if opa.runtime().env.HOME\n", "a.rego:3:22: undefined function opa.runtime"},
		{"chance", "package main\n\ndeny contains \"x\" if rand.intn(\"a\", 2) == 1\n", "a.rego:3:22: undefined function rand.intn"},
		{"types that do not fit", "package main\n\ndeny contains \"x\" if startswith(input.a, 1)\n", "a.rego:3:22: startswith: invalid argument(s)"},
		{"recursion", "package main\n\ndeny contains x if some x in warn\n\nwarn contains x if some x in deny\n", "rule data.main.deny is recursive"},
		{"a severity that is none", "package main\n\n# METADATA\n# custom:\n#   severity: awful\ndeny contains \"x\" if true\n", `a.rego:3:1: unknown severity "awful"`},
		{"an id that cannot be one", "package main\n\n# METADATA\n# custom:\n#   id: a b\ndeny contains \"x\" if true\n", `a.rego:3:1: "a b" cannot be the id of a policy`},
		{"no rule", "package main\n\nallow if true\n", "a.rego:1:1: no rule decides anything"},
		{"empty", "", "a.rego:1:1: "},
		{"two of one id", "package main\n\n# METADATA\n# custom: {id: A}\ndeny contains \"x\" if true\n\n# METADATA\n# custom: {id: A}\nwarn contains \"x\" if true\n",
			"a.rego:9:1: the id A is that of another policy"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			_, err := decode("a.rego", tt.module)
			if _, ok := errors.AsType[*policy.FileError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	_, err := decode("b.rego", "package b\n\ndeny contains x if true\n", "a.rego", "package a\n\ndeny contains x if true\n")
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 2 || !strings.HasPrefix(lines[0], "a.rego") {
		t.Errorf("mistakes of two files: %v", err)
	}
}

func TestSecretsAreNotTold(t *testing.T) {
	pack := load(t, "a.rego", "package main\n\ndeny contains msg if msg := sprintf(\"the password is %s\", [input.stringData.password])\n"+
		"\nwarn := \"a\" if input.kind\n\nwarn := x if x := input.stringData.password\n")
	got := judge(t, pack, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {password: hunter2}\n")
	if all := strings.Join(got, "\n"); strings.Contains(all, "hunter2") || len(got) != 2 {
		t.Errorf("got %s", all)
	}
}

func TestAnEvaluationEnds(t *testing.T) {
	pack := load(t, "a.rego", "package main\n\ndeny contains \"x\" if {\n\tsome i in numbers.range(1, 100000)\n\tsome j in numbers.range(1, 100000)\n\ti * j < 0\n}\n")
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := (&policy.Example{Manifest: pod}).Resources()
	why := errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(context.Background())
	began := make(chan struct{})
	go func() { <-began; cancel(why) }()
	close(began)
	results := engine.Evaluate(ctx, nil, all[0], resource.NewSet(all), policy.Rendered)
	if len(results) != 1 || results[0].Verdict != policy.Error || !errors.Is(results[0].Err, why) {
		t.Errorf("got %+v", results)
	}
}

func TestConcurrentEvaluation(t *testing.T) {
	pack := load(t, "a.rego", "package main\n\ndeny[msg] { input.spec.hostNetwork; msg := input.metadata.name }\n\nwarn[name] { data.inventory.namespace.shop.v1.Pod[name] }\n",
		"t.yaml", ownerTemplate, "c.yaml", ownerConstraint)
	engine, err := cel.New(pack)
	if err != nil {
		t.Fatal(err)
	}
	all, err := (&policy.Example{Manifest: pod}).Resources()
	if err != nil {
		t.Fatal(err)
	}
	set := resource.NewSet(all)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 20 {
				for _, result := range engine.Evaluate(t.Context(), nil, all[0], set, policy.Rendered) {
					if result.Verdict != policy.Fail {
						t.Errorf("%s: %s %v", result.Policy.ID, result.Verdict, result.Err)
					}
				}
			}
		})
	}
	wait.Wait()
	if related := pack.Policies; !related[1].Related() || related[0].Related() {
		t.Errorf("%s reads others: %v; %s: %v", related[0].ID, related[0].Related(), related[1].ID, related[1].Related())
	}
}
