package terraform

import (
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/resource"
)

// keep is evaluated, whatever is wrong beside it.
const keep = "resource \"terraform_data\" \"keep\" {\n  input = \"kept\"\n}\n"

// What would take forever, or lead out of the tree, is a problem or unknown with its
// reason, in bounded memory, and the rest is evaluated.
func TestLimits(t *testing.T) {
	laughs := "locals {\n  a0 = [\"ha\", \"ha\"]\n"
	for i := range 40 {
		laughs += strings.NewReplacer("N", string(rune('0'+(i+1)/10))+string(rune('0'+(i+1)%10)), "M", prev(i)).Replace("  aN = [local.aM, local.aM]\n")
	}
	laughs += "}\n"
	for _, tt := range []struct {
		name   string
		files  map[string]string
		reason string // of x.input, or a problem
	}{
		{"a cycle of locals", map[string]string{"main.tf": "locals {\n  a = local.b\n  b = local.a\n}\n" + input("local.a")}, "it refers to itself"},
		{"a resource of itself", map[string]string{"main.tf": input("terraform_data.x.input")}, "it refers to itself"},
		{"a count that hangs on itself", map[string]string{"main.tf": "resource \"terraform_data\" \"x\" {\n  count = length(terraform_data.x)\n  input = 1\n}\n"}, ""},
		{"a variable nobody declares", map[string]string{"main.tf": input("var.nobody")}, "not declared"},
		{"a variable without a value", map[string]string{"main.tf": "variable \"v\" {}\n" + input("var.v")}, "has no default"},
		{"a huge range", map[string]string{"main.tf": input("range(1000000000)")}, "more than 1024 values"},
		{"a huge text", map[string]string{"main.tf": input("format(\"%1000000000d\", 1)")}, "would be too large"},
		{"a huge product", map[string]string{"main.tf": "locals { r = range(1000) }\n" + input("setproduct(local.r, local.r, local.r, local.r)")}, "would be too large"},
		{"a billion laughs", map[string]string{"main.tf": laughs + input("jsonencode(local.a40)")}, "makes too much"},
		{"loops in loops", map[string]string{"main.tf": "locals { r = range(1024) }\n" + input("[for a in local.r : [for b in local.r : [for c in local.r : [for d in local.r : a + b + c + d]]]]")}, "makes too much"},
		{"an expression that backtracks", map[string]string{"main.tf": input("regexall(\"(a*)*(a*)*(a*)*b\", join(\"\", [for i in range(1024) : \"aaaaaaaaaaaaaaaa\"]))")}, ""},
		{"a file out of the tree", map[string]string{"main.tf": input("file(\"../../../etc/passwd\")")}, "outside"},
		{"a file by its full path", map[string]string{"main.tf": input("file(\"/etc/passwd\")")}, "outside"},
		{"files out of the tree", map[string]string{"main.tf": input("fileset(\"../../..\", \"**\")")}, "outside"},
		{"a module out of the tree", map[string]string{"main.tf": "module \"m\" {\n  source = \"../../..\"\n}\n" + input("module.m.out")}, "leads out of the tree"},
		{"a module of itself", map[string]string{"main.tf": "module \"m\" {\n  source = \"./\"\n}\n" + input("module.m.out")}, "calls itself"},
		{"modules of each other", map[string]string{
			"main.tf":   "module \"m\" {\n  source = \"./a\"\n}\n" + input("module.m.out"),
			"a/main.tf": "module \"b\" {\n  source = \"../b\"\n}\noutput \"out\" { value = module.b.out }\n",
			"b/main.tf": "module \"a\" {\n  source = \"../a\"\n}\noutput \"out\" { value = module.a.out }\n",
		}, "calls itself"},
		{"deep nesting", map[string]string{"main.tf": input(strings.Repeat("[", 5000) + "1" + strings.Repeat("]", 5000))}, "nested too deeply"},
		{"deep parentheses", map[string]string{"main.tf": input(strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000))}, "nested too deeply"},
		{"a file of mistakes", map[string]string{"bad.tf": "resource \"a\" {{{\n\x00\xff", "main.tf": input("1")}, "definition required"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.files["keep.tf"] = keep
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			result := renderFiles(t, tt.files, ".")
			runtime.ReadMemStats(&after)
			if most := uint64(512 << 20); after.TotalAlloc-before.TotalAlloc > most {
				t.Errorf("%d MiB were allocated", (after.TotalAlloc-before.TotalAlloc)>>20)
			}
			var said []string
			kept := false
			for _, r := range result.Resources {
				if r.ID.Name == "terraform_data.keep" {
					kept = r.Root.Get("input").Text() == "kept"
				}
				if strings.HasPrefix(r.ID.Name, "terraform_data.x") {
					said = append(said, unknowns(r.Root)...)
				}
			}
			for _, p := range result.Problems {
				said = append(said, p.Message)
			}
			for _, s := range result.Skipped {
				said = append(said, s.Reason)
			}
			if !kept {
				t.Error("what is beside it was not evaluated")
			}
			if tt.reason != "" && !strings.Contains(strings.Join(said, "\n"), tt.reason) {
				t.Errorf("%q does not say %q", said, tt.reason)
			}
			if strings.Contains(strings.Join(said, "\n"), "root:") {
				t.Error("a file from outside of the tree was read")
			}
		})
	}
}

// Thousands of instances are made; too many are one that is not known.
func TestManyInstances(t *testing.T) {
	result := renderFiles(t, map[string]string{
		"main.tf": "resource \"terraform_data\" \"x\" {\n  for_each = toset([for p in setproduct(range(50), range(50)) : \"${p[0]}-${p[1]}\"])\n  input    = each.key\n}\n" +
			"resource \"terraform_data\" \"y\" {\n  count = 10000\n  input = count.index\n}\n" +
			"resource \"terraform_data\" \"z\" {\n  count = 1000000000\n}\n",
		"keep.tf": keep,
	}, ".")
	number := map[string]int{}
	for _, r := range result.Resources {
		name, _, _ := strings.Cut(r.ID.Name, "[")
		number[name]++
	}
	for name, want := range map[string]int{"terraform_data.x": 2500, "terraform_data.y": 10000, "terraform_data.z": 1, "terraform_data.keep": 1} {
		if number[name] != want {
			t.Errorf("%d instances of %s, want %d", number[name], name, want)
		}
	}
}

func input(expression string) string {
	return "resource \"terraform_data\" \"x\" {\n  input = " + expression + "\n}\n"
}

func prev(i int) string {
	if i == 0 {
		return "0"
	}
	return string(rune('0'+i/10)) + string(rune('0'+i%10))
}

// unknowns returns the reasons of all values that are not known.
func unknowns(v *resource.Value) (reasons []string) {
	if v.Unknown() != "" {
		reasons = append(reasons, v.Unknown())
	}
	for _, item := range v.Items {
		reasons = append(reasons, unknowns(item)...)
	}
	for _, f := range v.Fields {
		reasons = append(reasons, unknowns(f.Value)...)
	}
	return reasons
}
