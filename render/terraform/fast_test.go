package terraform

import (
	"fmt"
	"os"
	"path"
	"reflect"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/source"
)

// same returns where two trees of hclsyntax differ, lines and columns aside; "" if
// they do not.
func same(a, b reflect.Value, at string) string {
	if a.IsValid() != b.IsValid() || a.IsValid() && a.Type() != b.Type() {
		return fmt.Sprintf("%s: %v and %v", at, a, b)
	}
	switch a.Kind() {
	case reflect.Interface, reflect.Pointer:
		if a.IsNil() || b.IsNil() {
			if a.IsNil() != b.IsNil() {
				return at + ": nil"
			}
			return ""
		}
		return same(a.Elem(), b.Elem(), at)
	case reflect.Slice:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d and %d", at, a.Len(), b.Len())
		}
		for i := range a.Len() {
			if d := same(a.Index(i), b.Index(i), fmt.Sprintf("%s[%d]", at, i)); d != "" {
				return d
			}
		}
	case reflect.Map:
		if a.Len() != b.Len() {
			return fmt.Sprintf("%s: %d and %d", at, a.Len(), b.Len())
		}
		for _, key := range a.MapKeys() {
			if d := same(a.MapIndex(key), b.MapIndex(key), at+"."+key.String()); d != "" {
				return d
			}
		}
	case reflect.Struct:
		switch x := a.Interface().(type) {
		case cty.Value:
			if y := b.Interface().(cty.Value); x != cty.NilVal && !x.RawEquals(y) {
				return fmt.Sprintf("%s: %#v and %#v", at, x, y)
			}
			return ""
		case hcl.Range:
			if y := b.Interface().(hcl.Range); x.Start.Byte != y.Start.Byte || x.End.Byte != y.End.Byte {
				return fmt.Sprintf("%s: %d-%d and %d-%d", at, x.Start.Byte, x.End.Byte, y.Start.Byte, y.End.Byte)
			}
			return ""
		}
		for i := range a.NumField() {
			if f := a.Type().Field(i); f.IsExported() && (a.Type() != reflect.TypeFor[hclsyntax.Body]() || f.Type != reflect.TypeFor[hcl.Range]()) {
				if d := same(a.Field(i), b.Field(i), at+"."+f.Name); d != "" {
					return d
				}
			}
		}
	default:
		if a.CanInterface() && a.Comparable() && !a.Equal(b) {
			return fmt.Sprintf("%s: %v and %v", at, a, b)
		}
	}
	return ""
}

// checkFast reports whether the file is parsed fast, and fails if that gives another
// tree than hclsyntax.
func checkFast(t *testing.T, content []byte) bool {
	t.Helper()
	got := parseFast(content, "main.tf", 7)
	if got == nil {
		return false
	}
	want, diags := hclsyntax.ParseConfig(content, "main.tf", hcl.Pos{Line: 1, Column: 1, Byte: 7})
	if diags.HasErrors() {
		t.Fatalf("%q is parsed, but: %v", content, diags)
	}
	if d := same(reflect.ValueOf(want.Body.(*hclsyntax.Body).Attributes), reflect.ValueOf(got.Attributes), ""); d != "" {
		t.Fatalf("%q: %s", content, d)
	}
	if d := same(reflect.ValueOf(want.Body.(*hclsyntax.Body).Blocks), reflect.ValueOf(got.Blocks), ""); d != "" {
		t.Fatalf("%q: %s", content, d)
	}
	return true
}

func TestFastIsTheSame(t *testing.T) {
	for _, text := range []string{
		"", "a = 1\n", "a = 1", "a = \"x\" # c\n", "a=true\nb = null // c\n", "b {}\n", "b \"x\" y {\n}\n", "b { a = 1 }\n",
		"a = [1, \"x\", y.z, [],\n  {}, # c\n]\n", "a = {\n  k = 1\n  \"l\" : x.y,\n  m = [\n 1 ]\n}\n", "a = { k = 1, l = 2 }\n",
		"a = f(x,\n  y)\n", "a = x ? 1 : 2\n", "a = \"${x}-${\"y\"}\"\n", "a = <<EOT\nx\nEOT\nb = 1\n", "a = <<-EOT\n  x ${y}\n  EOT\n",
		"a = [for x in y : x]\n", "a = { for k, v in y : k => v }\n", "a = -1\nb = 1.5\nc = 1e3\n", "a = x[0].y\nb = x[*].y\nc = x.*.y\nd = x.0.y\n",
		"a = !x\n", "a = (\n  1\n)\n", "a = [x + 1, f({ a = 1 }), \"${z}\"]\n", "a = { k = x == y, l = f(1) }\n", "a = 12345678901234567890\n", "a = provider::x::y(1)\n",
		"a = { (x) = 1 }\n", "a = \"é\"\n", "a = \"\"\n", "/* c */ a = 1\n", "a = {\n k = <<E\n x\nE\n}\n", "a = x-y\n", "a = \"a$b%c$\"\n", "a = { a.b = 1 }\n", "a = true ? 1 : 2\n",
		"a = [\n  # c\n  1 # d\n  , 2\n]\n", "b {\n  a = 1\n  c { }\n}\n", "a = null\n", "a = {\n}\n", "a = 1 }\n", "a = [1 2]\n", "a = {a=1 b=2}\n", "b {\n", "a = 1\na = 2\n", "a = x.\n", "a =\n1\n",
	} {
		checkFast(t, []byte(text))
	}
}

// Nearly all files are parsed fast, and to the same trees.
func TestFastOnCorpora(t *testing.T) {
	if os.Getenv("HOLDFAST_CORPORA") == "" {
		t.Skip("set HOLDFAST_CORPORA to the directory of the corpora")
	}
	for _, name := range []string{"terragoat", "terraform-aws-vpc"} {
		tree, fast, all := corpus(t, name), 0, 0
		_ = source.Walk(tree, ".", func(name string, _ source.Entry) error {
			if path.Ext(name) != ".tf" {
				return nil
			}
			content, _ := tree.ReadFile(name)
			all++
			if checkFast(t, content) {
				fast++
			} else {
				t.Log("not parsed fast: ", name)
			}
			return nil
		})
		t.Logf("%s: %d of %d", name, fast, all)
	}
}

func FuzzFast(f *testing.F) {
	for _, text := range []string{"a = 1\nb {\n  c = [\"x\", y.z]\n}\n", "a = {\n  k = f(1) # c\n}\n", "a = <<E\nx\nE\n", "b \"l\" { a = \"${x}\" }\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if tooDeep(content) == "" {
			checkFast(t, content)
		}
	})
}
