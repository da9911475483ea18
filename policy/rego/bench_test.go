package rego_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/resource"
)

// BenchmarkModules judges a pod by ten rules of a module, asked at once.
func BenchmarkModules(b *testing.B) {
	var module strings.Builder
	module.WriteString("package main\n\nimport rego.v1\n")
	for i := range 10 {
		fmt.Fprintf(&module, "\ndeny_%d contains msg if {\n\tsome c in input.spec.containers\n\tendswith(c.image, \":%d\")\n\tmsg := c.name\n}\n", i, i)
	}
	benchmark(b, "a.rego", module.String())
}

// BenchmarkTemplate judges a pod by a template with parameters and a library.
func BenchmarkTemplate(b *testing.B) {
	benchmark(b, "a.yaml", ownerTemplate, "b.yaml", ownerConstraint)
}

// BenchmarkLoad compiles a module of one rule.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b, "a.rego", "package main\n\ndeny contains \"x\" if input.kind == \"Pod\"\n")
	}
}

func benchmark(b *testing.B, files ...string) {
	engine, err := cel.New(load(b, files...))
	if err != nil {
		b.Fatal(err)
	}
	all, err := (&policy.Example{Manifest: pod}).Resources()
	if err != nil {
		b.Fatal(err)
	}
	set := resource.NewSet(all)
	b.ReportAllocs()
	for b.Loop() {
		engine.Evaluate(b.Context(), nil, all[0], set, policy.Rendered)
	}
}
