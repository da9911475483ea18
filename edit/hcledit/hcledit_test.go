package hcledit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/edit/hcledit"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var (
	yes  = &resource.Value{Kind: resource.Bool, Bool: true}
	text = &resource.Value{Kind: resource.String, Str: "a \"b\" ${c}"}
)

func key(names ...string) (path resource.Path) {
	for _, name := range names {
		if name == "0" || name == "1" {
			path = append(path, resource.Index(int(name[0]-'0')))
			continue
		}
		path = append(path, resource.Key(name))
	}
	return path
}

// Each case is a block, a change of it and what comes of that; or why nothing does.
func TestEdits(t *testing.T) {
	block := &resource.Value{Kind: resource.List, Items: []*resource.Value{{Kind: resource.Map, Fields: []resource.Field{
		{Key: "enabled", Value: yes},
		{Key: "rule", Value: &resource.Value{Kind: resource.List, Items: []*resource.Value{{Kind: resource.Map, Fields: []resource.Field{{Key: "id", Value: yes}}}}}},
	}}}}
	for _, tt := range []struct {
		name, before string
		change       edit.Change
		after        string
		refusal      string
	}{
		{"a literal", "resource \"a\" \"b\" {\n  on = false # why\n}\n", edit.Change{Path: key("on"), Value: yes}, "resource \"a\" \"b\" {\n  on = true # why\n}\n", ""},
		{"a new one in line with the others", "resource \"a\" \"b\" {\n  description = \"x\" # c\n  tags        = {}\n}\n", edit.Change{Path: key("on"), Value: yes},
			"resource \"a\" \"b\" {\n  description = \"x\" # c\n  tags        = {}\n  on          = true\n}\n", ""},
		{"a longer one in a group of its own", "resource \"a\" \"b\" {\n  on = 1\n  # about c\n  c {}\n}\n", edit.Change{Path: key("deletion_protection"), Value: yes},
			"resource \"a\" \"b\" {\n  on = 1\n\n  deletion_protection = true\n\n  # about c\n  c {}\n}\n", ""},
		{"an empty block", "resource \"a\" \"b\" {}\n", edit.Change{Path: key("on"), Value: text}, "resource \"a\" \"b\" {\n  on = \"a \\\"b\\\" $${c}\"\n}\n", ""},
		{"a block on one line", "resource \"a\" \"b\" { c = 1 }", edit.Change{Path: key("on"), Value: yes}, "resource \"a\" \"b\" {\n  c = 1\n  on = true\n}", ""},
		{"line breaks of Windows", "resource \"a\" \"b\" {\r\n  c  = 1\r\n}\r\n", edit.Change{Path: key("on"), Value: yes}, "resource \"a\" \"b\" {\r\n  c  = 1\r\n  on = true\r\n}\r\n", ""},
		{"beside a heredoc", "resource \"a\" \"b\" {\n  c = <<EOT\n  x = 1\nEOT\n}\n", edit.Change{Path: key("on"), Value: yes}, "resource \"a\" \"b\" {\n  on = true\n\n  c = <<EOT\n  x = 1\nEOT\n}\n", ""},
		{"new nested blocks", "resource \"a\" \"b\" {\n  c = 1\n}\n", edit.Change{Path: key("log"), Value: block},
			"resource \"a\" \"b\" {\n  c = 1\n\n  log {\n    enabled = true\n\n    rule {\n      id = true\n    }\n  }\n}\n", ""},
		{"in a nested block", "resource \"a\" \"b\" {\n  c {}\n  c {\n    on = false\n  }\n}\n", edit.Change{Path: key("c", "1", "on"), Value: yes}, "resource \"a\" \"b\" {\n  c {}\n  c {\n    on = true\n  }\n}\n", ""},
		{"a line goes with its comment", "resource \"a\" \"b\" {\n  on = true # c\n  d  = 1\n}\n", edit.Change{Op: edit.Remove, Path: key("on")}, "resource \"a\" \"b\" {\n  d  = 1\n}\n", ""},
		{"an item goes", "resource \"a\" \"b\" {\n  on = [\"x\", \"y\"]\n}\n", edit.Change{Op: edit.Remove, Path: key("on", "0")}, "resource \"a\" \"b\" {\n  on = [\"y\"]\n}\n", ""},
		{"the last item goes", "resource \"a\" \"b\" {\n  on = [\"x\", \"y\"]\n}\n", edit.Change{Op: edit.Remove, Path: key("on", "1")}, "resource \"a\" \"b\" {\n  on = [\"x\"]\n}\n", ""},
		{"a key of a map", "resource \"a\" \"b\" {\n  on = {\n    x = 1\n  }\n}\n", edit.Change{Path: key("on", "y"), Value: yes}, "resource \"a\" \"b\" {\n  on = {\n    y = true\n    x = 1\n  }\n}\n", ""},
		{"in jsonencode", "resource \"a\" \"b\" {\n  on = jsonencode({ x = [1, 2] })\n}\n", edit.Change{Path: key("on", "x", "1"), Value: yes}, "resource \"a\" \"b\" {\n  on = jsonencode({ x = [1, true] })\n}\n", ""},
		{"a name", "resource \"a\" \"b\" {\n  on = 1\n}\n", edit.Change{Op: edit.Rename, Path: key("on"), Key: "off"}, "resource \"a\" \"b\" {\n  off = 1\n}\n", ""},
		{"a variable", "resource \"a\" \"b\" {\n  on = var.on\n}\n", edit.Change{Path: key("on"), Value: yes}, "", "the value comes from `var.on`"},
		{"a text with a variable", "resource \"a\" \"b\" {\n  on = \"${var.on}x\"\n}\n", edit.Change{Path: key("on"), Value: yes}, "", "the value comes from"},
		{"blocks of an expression", "resource \"a\" \"b\" {\n  dynamic \"c\" {\n    for_each = []\n    content {}\n  }\n}\n", edit.Change{Path: key("c", "0", "on"), Value: yes}, "", "are made by an expression"},
		{"two things on a line", "resource \"a\" \"b\" {\n  /* x */ on = 1\n}\n", edit.Change{Op: edit.Remove, Path: key("on")}, "", "something else is on its line"},
		{"what is unknown", "resource \"a\" \"b\" {}\n", edit.Change{Path: key("on"), Value: resource.NewUnknown("later", source.Span{})}, "", "not known"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := source.NewFile("main.tf", []byte(tt.before))
			edits, err := hcledit.Edits(file, 0, []edit.Change{tt.change})
			if tt.refusal != "" {
				if refusal, ok := errors.AsType[*edit.Refusal](err); !ok || !strings.Contains(refusal.Reason, tt.refusal) {
					t.Fatalf("%v, want a refusal with %q", err, tt.refusal)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			after, err := source.Apply(file.Content, edits)
			if err != nil || string(after) != tt.after {
				t.Errorf("%v\n%s\nwant\n%s", err, after, tt.after)
			}
		})
	}
}

// Several changes are made one after the other; the edits are those of all.
func TestSeveralChanges(t *testing.T) {
	file := source.NewFile("main.tf", []byte("# top\nresource \"a\" \"b\" {\n  c = 1\n  d = 2\n}\n"))
	edits, err := hcledit.Edits(file, 6, []edit.Change{{Op: edit.Remove, Path: key("c")}, {Path: key("d"), Value: yes}})
	if err != nil {
		t.Fatal(err)
	}
	after, err := source.Apply(file.Content, edits)
	if want := "# top\nresource \"a\" \"b\" {\n  d = true\n}\n"; err != nil || string(after) != want {
		t.Errorf("%v\n%s", err, after)
	}
}

// FuzzEdits makes a change in a block of any text: it is refused, or the text is
// well-formed as before, with the value in its place and all other blocks as they were.
func FuzzEdits(f *testing.F) {
	f.Add("resource \"a\" \"b\" {\n  on = false # why\n  c {\n  d = 1 }\n}\nlocals { a = 1 }\n", "on")
	f.Add("a {}", "on")
	f.Add("a { b = <<E\nx\nE\n}", "zz")
	f.Fuzz(func(t *testing.T, content, name string) {
		before, diags := hclsyntax.ParseConfig([]byte(content), "main.tf", hcl.InitialPos)
		if diags.HasErrors() || !hclsyntax.ValidIdentifier(name) {
			return
		}
		for _, b := range before.Body.(*hclsyntax.Body).Blocks {
			edits, err := hcledit.Edits(source.NewFile("main.tf", []byte(content)), b.TypeRange.Start.Byte, []edit.Change{{Path: key(name), Value: yes}})
			if err != nil {
				if _, ok := errors.AsType[*edit.Refusal](err); !ok {
					t.Fatalf("%v is not a refusal", err)
				}
				continue
			}
			after, err := source.Apply([]byte(content), edits)
			if err != nil {
				t.Fatal(err)
			}
			parsed, diags := hclsyntax.ParseConfig(after, "main.tf", hcl.InitialPos)
			if diags.HasErrors() {
				t.Fatalf("%v in\n%s\nafter %q in\n%s", diags, after, name, content)
			}
			for _, again := range parsed.Body.(*hclsyntax.Body).Blocks {
				if again.TypeRange.Start.Byte != b.TypeRange.Start.Byte {
					continue
				}
				attr := again.Body.Attributes[name]
				if attr == nil || string(attr.Expr.Range().SliceBytes(after)) != "true" {
					t.Fatalf("%s is not true in\n%s", name, after)
				}
				if len(again.Body.Blocks) != len(b.Body.Blocks) {
					t.Fatalf("blocks are gone in\n%s\nof\n%s", after, content)
				}
			}
		}
	})
}
