package rego_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/cel"
	"github.com/holdfast-dev/holdfast/policy/rego"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func TestTests(t *testing.T) {
	pack := load(t, "a.rego", "package main\n\ndeny[msg] { input.kind == \"Pod\"; msg := input.name }\n", "a_test.rego", `package main

import rego.v1

test_pods if deny == {"a"} with input as {"kind": "Pod", "name": "a"}

test_services if count(deny) == 1 with input as {"kind": "Service"}

test_value := 7

test_conflict := 1 if true

test_conflict := 2 if true

todo_test_later if false
`)
	number, failures, err := rego.Test(context.Background(), pack)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, f := range failures {
		at := f.File.Position(f.Span.Start)
		got = append(got, fmt.Sprintf("%s:%d:%d %s: %s", f.File.Path, at.Line, at.Column, f.Name, f.Reason))
	}
	want := []string{
		"a_test.rego:7:1 main.test_services: it is not true: one of its expressions does not hold",
		"a_test.rego:9:1 main.test_value: it is 7, not true",
		"a_test.rego:11:1 main.test_conflict: a_test.rego:13: rule data.main.test_conflict produced conflicting values",
	}
	if diff := cmp.Diff(want, got); diff != "" || number != 4 {
		t.Errorf("of %d: %s", number, diff)
	}
}

func TestTestsWithMistakes(t *testing.T) {
	pack := load(t, "a.rego", "package main\n\ndeny contains \"x\" if true\n", "a_test.rego", "package main\n\ntest_a if nothing\n")
	_, _, err := rego.Test(context.Background(), pack)
	if _, ok := errors.AsType[*policy.FileError](err); !ok || !strings.HasPrefix(err.Error(), "a_test.rego:3:") {
		t.Errorf("got %v", err)
	}
}

// FuzzDecode looks for modules that crash the loader, or an evaluation.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"package main\n\nimport rego.v1\n\ndeny contains msg if { msg := input.spec.containers[_].image }\n",
		"package a.b\n\ndeny[msg] { msg = sprintf(\"%v\", [input]) }\n\nexception[rules] { rules := [\"\"] }\n",
		"# METADATA\n# title: a\n# custom: {id: A, severity: low}\npackage a\n\ndefault deny = false\n\ndeny { not input.x } else = true { input.y }\n",
		"package main\n\nwarn_x contains {\"msg\": 1, \"path\": [0, \"a\", {}]} if some x, y in input\n",
		"package a\n\ndeny.x[y] := 1 if y := \"a\"\n",
	} {
		f.Add(seed)
	}
	objects, err := (&policy.Example{Manifest: pod}).Resources()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, module string) {
		pack := &policy.Pack{Name: "a", Modules: []*source.File{source.NewFile("a.rego", []byte(module))}}
		if err := rego.Decode(pack); err != nil {
			for _, mistake := range strings.Split(err.Error(), "\n") {
				if mistake == "" {
					t.Errorf("an empty mistake: %q", err)
				}
			}
			return
		}
		engine, err := cel.New(pack)
		if err != nil {
			return // ids that several rules share
		}
		for _, result := range engine.Evaluate(t.Context(), nil, objects[0], resource.NewSet(objects), policy.Rendered) {
			if result.Verdict == policy.Fail && len(result.Failures) == 0 {
				t.Error("a failure without a place")
			}
			policy.Findings(objects[0], []policy.Result{result}, policy.Rendered)
		}
	})
}
