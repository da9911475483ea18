package terraform

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// renderFiles evaluates the configuration in the directory of files.
func renderFiles(t testing.TB, files map[string]string, dir string) *render.Result {
	t.Helper()
	result, err := New().Render(context.Background(), source.Memory(files), dir, render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// shown returns a tree as JSON on one line, with what is not known as its reason,
// and references behind it.
func shown(v *resource.Value) any {
	switch {
	case v.Unknown() != "":
		text := "(" + v.Unknown() + ")"
		if refs := v.Refs(); len(refs) > 0 {
			text += " from " + strings.Join(refs, ", ")
		}
		return text
	case v.Kind == resource.List:
		out := []any{}
		for _, item := range v.Items {
			out = append(out, shown(item))
		}
		return out
	case v.Kind == resource.Map:
		out := map[string]any{}
		for _, f := range v.Fields {
			out[f.Key] = shown(f.Value)
		}
		return out
	}
	var out any
	_ = json.Unmarshal(resource.EncodeJSON(v), &out)
	return out
}

func list(result *render.Result) string {
	var b strings.Builder
	for _, r := range result.Resources {
		switch r.ID.Kind {
		case "variable", "output", "module", "terraform":
			continue
		}
		text, _ := json.Marshal(shown(r.Root))
		fmt.Fprintf(&b, "%s %s\n", r.ID.Name, text)
	}
	for _, p := range result.Problems {
		fmt.Fprintf(&b, "problem %s\n", p)
	}
	for _, s := range result.Skipped {
		fmt.Fprintf(&b, "skipped %s:%d %s\n", s.Path, s.Position.Line, s.Reason)
	}
	return b.String()
}

// What is inside of texts has its own lines, wherever it is written.
func TestPlaces(t *testing.T) {
	result := renderFiles(t, map[string]string{
		"main.tf": `resource "aws_iam_policy" "heredoc" {
  policy = <<-EOT
    {
      "Statement": [
        {"Effect": "Allow",
         "Action": "*", "Resource": "${aws_s3_bucket.b.arn}"}
      ]
    }
  EOT
}
resource "aws_s3_bucket" "b" {}
locals {
  policy = jsonencode({
    Statement = [{
      Action = "s3:*"
    }]
  })
}
resource "aws_iam_policy" "local" {
  policy = local.policy
  name   = var.name
}
variable "name" { default = "x" }
resource "aws_iam_policy" "data" {
  policy = data.aws_iam_policy_document.d.json
}
module "m" {
  source = "./m"
  policy = local.policy
}
`,
		"data.tf": `data "aws_iam_policy_document" "d" {
  statement {
    actions = [
      "ec2:*",
    ]
  }
}
`,
		"m/main.tf": "variable \"policy\" {}\nresource \"aws_iam_policy\" \"m\" {\n  policy = var.policy\n}\n",
	}, ".")
	for _, c := range []struct{ name, path, want string }{
		{"aws_iam_policy.heredoc", "policy.Statement[0].Action", "main.tf:6:20 *"},
		{"aws_iam_policy.heredoc", "policy.Statement[0].Resource", "main.tf:6:37 (known after apply)"},
		{"aws_iam_policy.local", "policy.Statement[0].Action", "main.tf:15:16 s3:*"},
		{"aws_iam_policy.local", "name", "main.tf:21:12 x"},
		{"aws_iam_policy.data", "policy.Statement[0].Action", "data.tf:4:7 ec2:*"},
		{"module.m.aws_iam_policy.m", "policy.Statement[0].Action", "main.tf:15:16 s3:*"},
		{"module.m.aws_iam_policy.m", "policy", `m/main.tf:3:12 {"Statement":[{"Action":"s3:*"}]}`},
	} {
		for _, r := range result.Resources {
			if r.ID.Name != c.name {
				continue
			}
			p := parsePath(c.path)
			at, v := r.Locate(p), r.Root.At(p)
			if v == nil {
				t.Errorf("%s has no %s", c.name, c.path)
				continue
			}
			pos := at.Position()
			if got := fmt.Sprintf("%s:%d:%d %v", at.File.Path, pos.Line, pos.Column, shown(v)); !strings.HasPrefix(got, c.want) {
				t.Errorf("%s of %s: %s, want %s", c.path, c.name, got, c.want)
			}
		}
	}
}

func parsePath(text string) (p resource.Path) {
	for _, part := range strings.Split(text, ".") {
		name, index, ok := strings.Cut(part, "[")
		p = append(p, resource.Key(name))
		if ok {
			n, _ := strconv.Atoi(strings.TrimSuffix(index, "]"))
			p = append(p, resource.Index(n))
		}
	}
	return p
}

// Each file of testdata holds a configuration and what it evaluates to.
func TestEvaluate(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			input, want, dir := map[string]string{}, "", "."
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
					continue
				}
				input[f.Name] = string(f.Data)
			}
			if _, ok := input["root/main.tf"]; ok {
				dir = "root"
			}
			got := list(renderFiles(t, input, dir))
			if os.Getenv("UPDATE") != "" {
				for i := range archive.Files {
					if archive.Files[i].Name == "want" {
						archive.Files[i].Data = []byte(got)
					}
				}
				if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\n(-want +got)\n%s", path.Base(name), diff)
			}
		})
	}
}
