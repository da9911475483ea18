package terraform

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func FuzzEvaluate(f *testing.F) {
	for _, seed := range []string{
		"resource \"a\" \"b\" {\n  count = 2\n  c = [for x in [1, 2] : x * count.index]\n}\n",
		"locals {\n  a = local.b\n  b = merge({x = 1}, jsondecode(\"{}\"))\n}\nresource \"a\" \"b\" { c = local.a }\n",
		"variable \"v\" { type = object({a = optional(string, \"x\")}) }\nmodule \"m\" { source = \"./m\" }\noutput \"o\" { value = module.m }\n",
		"resource \"a\" \"b\" {\n  dynamic \"d\" {\n    for_each = toset([\"x\"])\n    content { e = d.value }\n  }\n}\n",
		"data \"aws_iam_policy_document\" \"d\" {\n  statement { actions = [\"*\"] }\n}\nresource \"a\" \"b\" { p = data.aws_iam_policy_document.d.json }\n",
	} {
		f.Add(seed, false)
	}
	f.Add("variable \"v\" { type = object(`a)\n utput \"o\" { value = module.m }\n", false)
	f.Add(`{"resource":{"a":{"b":{"c":"${1 + 1}","d":[{"e":1}]}}}}`, true)
	f.Fuzz(func(t *testing.T, text string, isJSON bool) {
		name := "main.tf"
		if isJSON {
			name += ".json"
		}
		start := time.Now()
		tree := source.Memory(map[string]string{name: text, "m/main.tf": "variable \"v\" {}\noutput \"o\" { value = var.v }\n"})
		result, err := New().Render(context.Background(), tree, ".", render.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range result.Resources {
			at := r.Locate(resource.Path{resource.Key("c"), resource.Index(0)})
			if at.File == nil || at.Span.Start < 0 || at.Span.End > len(at.File.Content) || at.Span.Start > at.Span.End {
				t.Fatalf("%s is at %+v", r.ID, at.Span)
			}
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Fatalf("took %s", took)
		}
	})
}
