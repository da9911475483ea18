package rego_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/policy"
)

const ownerTemplate = `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata:
  name: k8sowner
  annotations: {metadata.gatekeeper.sh/title: Objects have an owner, description: Somebody has to be asked.}
spec:
  crd: {spec: {names: {kind: K8sOwner}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package k8sowner

      import data.lib.labels as l

      violation[{"msg": msg, "details": {"missing": missing}}] {
        provided := l.of(input.review.object)
        required := {name | name := input.parameters.labels[_]}
        missing := required - provided
        count(missing) > 0
        msg := sprintf("%s %s has no labels: %v", [input.review.kind.kind, input.review.name, concat(", ", sort(missing))])
      }
    libs:
    - |
      package lib.labels

      of(object) = names { names := {name | object.metadata.labels[name]} }
`

const ownerConstraint = `apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sOwner
metadata: {name: pods}
spec:
  enforcementAction: warn
  match:
    kinds: [{apiGroups: [""], kinds: [Pod]}]
    excludedNamespaces: [kube-*]
    labelSelector: {matchExpressions: [{key: legacy, operator: DoesNotExist}]}
  parameters: {labels: [team, app, cost]}
`

func TestTemplates(t *testing.T) {
	// A second template has a library of the same name, and Rego of version 1.
	other := `apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8sunique}
spec:
  crd: {spec: {names: {kind: K8sUnique}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    code:
    - engine: Rego
      source:
        version: v1
        rego: |
          package k8sunique

          violation contains {"msg": msg} if {
            some ns, name
            other := data.inventory.namespace[ns]["networking.k8s.io/v1"].Ingress[name]
            not data.lib.labels.same(other, input.review.object)
            some host in other.spec.rules[_]
            host == input.review.object.spec.rules[_].host
            msg := sprintf("the host %s is that of %s/%s", [host, ns, name])
          }
        libs:
        - |
          package lib.labels

          same(a, b) if {
            a.metadata.name == b.metadata.name
            a.metadata.namespace == b.metadata.namespace
          }
`
	unique := "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sUnique\nmetadata: {name: hosts}\nspec: {match: {kinds: [{apiGroups: [networking.k8s.io], kinds: [Ingress]}]}}\n"
	ingress := func(name, host string) string {
		return "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " + name + ", namespace: shop}\nspec:\n  rules:\n  - {host: " + host + "}\n"
	}
	owner := []string{"owner.yaml", ownerTemplate, "pods.yaml", ownerConstraint, "unique.yaml", other + "---\n" + unique}
	for _, tt := range []struct {
		reason   string
		files    []string
		manifest string
		want     []string
	}{
		{"parameters, a library", owner, pod, []string{"K8sOwner.pods | medium | kind | Pod web has no labels: cost, team"}},
		{"another namespace", owner, strings.Replace(pod, "namespace: shop", "namespace: kube-system", 1), []string{"K8sOwner.pods | skip"}},
		{"another label", owner, strings.Replace(pod, "app: web", "legacy: yes", 1), []string{"K8sOwner.pods | skip"}},
		{"another kind", owner, "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n", []string{}},
		{"other objects, and a library of the same name", owner, ingress("a", "x.example") + "---\n" + ingress("b", "x.example"),
			[]string{"K8sUnique.hosts | high | spec.rules[0].host | the host x.example is that of shop/b"}},
		{"no other object of the host", owner, ingress("a", "x.example") + "---\n" + ingress("b", "y.example"), []string{}},
		{"two constraints of a template, one without a match",
			[]string{"t.yaml", ownerTemplate, "a.yaml", ownerConstraint, "b.yaml", "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sOwner\nmetadata: {name: all}\nspec: {enforcementAction: dryrun, parameters: {labels: [team]}}\n"},
			pod, []string{"K8sOwner.all | low | kind | Pod web has no labels: team", "K8sOwner.pods | medium | kind | Pod web has no labels: cost, team"}},
		{"beside modules and policies in CEL", []string{"t.yaml", ownerTemplate, "a.yaml", ownerConstraint, "own.yaml", ownPolicy, "m.rego", "package main\n\ndeny contains \"no\" if input.kind == \"Pod\"\n"},
			pod, []string{"ACME-NET-001 | low | spec.hostNetwork | Pod shop/web: No host network", "K8sOwner.pods | medium | kind | Pod web has no labels: cost, team", "REGO-MAIN-DENY | high | kind | no"}},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, judge(t, load(t, tt.files...), tt.manifest)); diff != "" {
				t.Error(diff)
			}
		})
	}
	p := load(t, owner...).Policies[0]
	if p.Title != "Objects have an owner" || p.Why != "Somebody has to be asked." {
		t.Errorf("got %+v", p.Rule)
	}
}

func TestTemplateMistakes(t *testing.T) {
	for _, tt := range []struct {
		reason, old, instead, want string
	}{
		{"not Rego", "count(missing) > 0", "count(missing > 0", "a.yaml:20:9: unexpected identifier"},
		{"a function that there is none of", "count(missing)", "http.send(missing)", "a.yaml:19:9: undefined function http.send"},
		{"a mistake in a library", "object.metadata.labels[name]", "object.metadata.labels[other]", "a.yaml:26:28: var name is unsafe"},
		{"another rule", "violation[", "deny[", "a.yaml:10:11: the template has no rule violation"},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			text := strings.Replace(ownerTemplate, tt.old, tt.instead, 1)
			_, err := decode("a.yaml", text+"---\n"+ownerConstraint)
			if _, ok := errors.AsType[*policy.FileError](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}
