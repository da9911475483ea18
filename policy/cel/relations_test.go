package cel_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
)

// related is a Service and what is around it.
const related = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web, tier: front}
  accounts: [{name: one}, {name: two}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: a, namespace: shop, labels: {app: other}}
spec: {template: {metadata: {labels: {app: web, tier: front, more: "1"}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: c, namespace: else, labels: {app: web, tier: front}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: two, namespace: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: three, namespace: shop}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: d, namespace: shop}
spec: {rules: [{http: {paths: [{backend: {service: {name: api}}}, {backend: {service: {name: web}}}]}}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: e, namespace: shop}
spec: {rules: [{http: {paths: [{backend: {service: {name: api}}}]}}]}
`

func TestLinks(t *testing.T) {
	tests := []struct {
		name, relation, manifest string
		want                     string // names, or "unknown"
	}{
		{"selects", "{kinds: [workloads], selects: spec.selector, sameNamespace: true}", related, "a"},
		{"selects in every namespace", "{kinds: [workloads], selects: spec.selector}", related, "a c"},
		{"references", "{kinds: [ServiceAccount], references: spec.accounts.name}", related, "two"},
		{"referenced by", "{kinds: [Ingress], referencedBy: spec.rules.http.paths.backend.service.name}", related, "d"},
		{"no link", "{kinds: [ServiceAccount]}", related, "two three"},
		{"a Service without selector", "{kinds: [workloads], selects: spec.none}", related, ""},
		{"an empty selector of a Service", "{kinds: [workloads], selects: spec.selector}",
			strings.Replace(related, "{app: web, tier: front}\n", "{}\n", 1), ""},
		{"a label of the selector is not known", "{kinds: [workloads], selects: spec.selector}",
			strings.Replace(related, "tier: front}\n", "tier: \"?chosen later\"}\n", 1), "unknown"},
		{"a label of a pod is not known", "{kinds: [workloads], selects: spec.selector}",
			strings.Replace(related, "labels: {app: web}", "labels: {app: \"?chosen later\"}", 1), "unknown"},
		{"a name is not known", "{kinds: [ServiceAccount], references: spec.accounts.name}",
			strings.Replace(related, "{name: two}]", "{name: \"?chosen later\"}]", 1), "unknown"},
		{"a reference to what is not known", "{kinds: [ServiceAccount], references: spec.accounts.name}",
			strings.Replace(related, "{name: two}]", "{name: \"?the id of two\"}]", 1), "two"},
		{"referenced by what is not known", "{kinds: [Ingress], referencedBy: spec.rules.http.paths.backend.service.name}",
			strings.Replace(related, "{name: web}}}]", "{name: \"?the id of web\"}}}]", 1), "d"},
		{"selected by", "{kinds: [NetworkPolicy], selectedBy: spec.podSelector, sameNamespace: true}", selectedPod, "all by-label by-expression"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			pack := newPack(t, fmt.Sprintf(`
relations: [%s]
validations:
- expression: relations.it.map(r, r.metadata.name).join(' ') == 'never'
  messageExpression: relations.it.map(r, r.metadata.name).join(' ') + '.'
`, "{name: it, "+tt.relation[1:]))
			result, _ := evaluate(t, pack, tt.manifest)
			got := result.Verdict.String()
			if result.Verdict == policy.Fail {
				got = strings.TrimSuffix(result.Failures[0].Message, ".")
			}
			if got != tt.want {
				t.Errorf("got %q (%v %v), want %q", got, result.Reason, result.Err, tt.want)
			}
		})
	}
}

const selectedPod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec: {podSelector: {}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: by-label, namespace: shop}
spec: {podSelector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: other-label, namespace: shop}
spec: {podSelector: {matchLabels: {app: api}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: by-expression, namespace: shop}
spec:
  podSelector:
    matchLabels: {tier: front}
    matchExpressions:
    - {key: app, operator: In, values: [api, web]}
    - {key: tier, operator: NotIn, values: [back]}
    - {key: tier, operator: Exists}
    - {key: debug, operator: DoesNotExist}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: other-expression, namespace: shop}
spec: {podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: elsewhere, namespace: else}
spec: {podSelector: {}}
`

// BenchmarkLinks judges 1,000 Services, each of which selects one of as many
// Deployments: the time for each must not grow with their number.
func BenchmarkLinks(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			pack := newPack(&testing.T{}, `
relations: [{name: pods, kinds: [workloads], selects: spec.selector, sameNamespace: true}]
matchConditions: [{name: a Service, expression: object.kind == 'Service'}]
validations: [{expression: relations.pods.size() == 1}]
`)
			var all []*resource.Resource
			for i := range n {
				all = append(all, parse(&testing.T{}, fmt.Sprintf(`
apiVersion: v1
kind: Service
metadata: {name: s%[1]d, namespace: shop}
spec: {selector: {app: a%[1]d}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: d%[1]d, namespace: shop}
spec: {template: {metadata: {labels: {app: a%[1]d}}}}
`, i))...)
			}
			engine, err := cel.New(pack)
			if err != nil {
				b.Fatal(err)
			}
			set := resource.NewSet(all)
			i := 0
			for b.Loop() {
				if results := judge(engine, all[i%len(all)], set); results[0].Verdict == policy.Fail {
					b.Fatal(results[0].Failures)
				}
				i += 2
			}
		})
	}
}
