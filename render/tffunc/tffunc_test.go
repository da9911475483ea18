package tffunc

import (
	"errors"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/holdfast-dev/holdfast/source"
)

// names are the functions of the language's reference.
const names = `abs abspath alltrue anytrue base64decode base64encode base64gzip base64sha256 base64sha512 basename bcrypt can ceil chomp
chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalesce coalescelist compact concat contains csvdecode dirname distinct element endswith
ephemeralasnull file filebase64 filebase64sha256 filebase64sha512 fileexists filemd5 fileset filesha1 filesha256 filesha512 flatten floor format
formatdate formatlist indent index issensitive join jsondecode jsonencode keys length log lookup lower matchkeys max md5 merge min nonsensitive
one parseint pathexpand plantimestamp pow range regex regexall replace reverse rsadecrypt sensitive setintersection setproduct setsubtract
setunion sha1 sha256 sha512 signum slice sort split startswith strcontains strrev substr sum templatefile templatestring textdecodebase64
textencodebase64 timeadd timecmp timestamp title tobool tolist tomap tonumber toset tostring transpose trim trimprefix trimspace trimsuffix try
upper urlencode uuid uuidv5 values yamldecode yamlencode zipmap base64gunzip cidrcontains urldecode`

var tree = source.Memory(map[string]string{
	"root/a.txt":     "hello\n",
	"root/bin":       "\xff\xfe",
	"root/t.tpl":     "${join(\",\", [for a in l : upper(a)])}\n",
	"root/again.tpl": "${templatefile(\"a.txt\", {})}",
	"root/deep.tpl":  "%{for a in range(1000)}%{for b in range(1000)}%{for c in range(1000)}x%{endfor}%{endfor}%{endfor}",
	"shared/b.txt":   "shared",
	"top.txt":        "top",
})

func evaluate(t testing.TB, expression string, vars map[string]cty.Value) (cty.Value, hcl.Diagnostics) {
	t.Helper()
	e, diags := hclsyntax.ParseExpression([]byte(expression), "x.tf", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return e.Value(&hcl.EvalContext{Variables: vars, Functions: Functions(tree, "root")})
}

func TestAllFunctionsAreThere(t *testing.T) {
	have := Functions(tree, ".")
	all := strings.Fields(names)
	for _, name := range all {
		for _, name := range []string{name, "core::" + name} {
			if f, ok := have[name]; !ok || f == (have["none"]) {
				t.Errorf("no function %s", name)
			}
			delete(have, name)
		}
	}
	for name := range have {
		t.Errorf("%s is no function of the language", name)
	}
}

// What plans prove is in test/terraform; here is what no plan can show.
func TestValues(t *testing.T) {
	for _, test := range []struct{ expression, want, why string }{
		{`file("a.txt") == "hello\n"`, "true", "relative to the directory of the root"},
		{`file("../shared/b.txt")`, "shared", "beside the root, but in the tree"},
		{`fileset("..", "*.txt")`, "top.txt", "of the parent, which is in the tree"},
		{`fileset(".", "../shared/*")`, "../shared/b.txt", "a pattern that leads up"},
		{`chomp(templatefile("t.tpl", { l = ["a", "b"] }))`, "A,B", "functions work in templates"},
		{`base64gunzip(base64gzip("x"))`, "x", "OpenTofu: there and back"},
		{`urldecode("a%20b+c")`, "a b c", "OpenTofu: both spellings of a space"},
		{`cidrcontains("10.0.0.0/8", "10.1.0.0/16")`, "true", "OpenTofu: a range in a range"},
		{`cidrcontains("10.0.0.0/8", "11.0.0.1")`, "false", "OpenTofu: an address outside"},
		{`cidrcontains("10.1.0.0/16", "10.0.0.0/8")`, "false", "OpenTofu: the larger in the smaller"},
		{`try(file("missing.txt"), "none")`, "none", "a file that is not in the tree is an error"},
		{`issensitive([for x in [sensitive("a")] : nonsensitive(x)][0])`, "false", "marks come off"},
	} {
		v, diags := evaluate(t, test.expression, nil)
		if diags.HasErrors() {
			t.Errorf("%s (%s): %v", test.expression, test.why, diags)
			continue
		}
		if got := plain(v); got != test.want {
			t.Errorf("%s = %q, want %q: %s", test.expression, got, test.want, test.why)
		}
	}
}

func plain(v cty.Value) string {
	v, _ = v.Unmark()
	switch {
	case !v.IsKnown():
		return "unknown"
	case v.Type() == cty.Bool && v.True():
		return "true"
	case v.Type() == cty.Bool:
		return "false"
	case v.Type() == cty.String:
		return v.AsString()
	}
	var parts []string
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		parts = append(parts, plain(item))
	}
	return strings.Join(parts, " ")
}

func TestUnknownHasAReason(t *testing.T) {
	for expression, want := range map[string]string{
		`file("../../etc/passwd")`:                  "outside",
		`file("/etc/passwd")`:                       "outside",
		`try(file("~/.ssh/id_rsa"), "guess")`:       "outside",
		`filesha256("/etc/passwd")`:                 "outside",
		`fileexists("../../x")`:                     "outside",
		`fileset("/etc", "*")`:                      "outside",
		`fileset(".", "../../*")`:                   "outside",
		`templatefile("../../x", {})`:               "outside",
		`abspath("x")`:                              "where",
		`pathexpand("~/x")`:                         "who",
		`timestamp()`:                               "apply",
		`plantimestamp()`:                           "plan",
		`uuid()`:                                    "apply",
		`upper(bcrypt("x", 10))`:                    "salt",
		`core::formatdate("YYYY", plantimestamp())`: "plan",
	} {
		v, diags := evaluate(t, expression, nil)
		if diags.HasErrors() {
			t.Errorf("%s: %v", expression, diags)
			continue
		}
		v, marks := v.Unmark()
		reason := ""
		for m := range marks {
			if b, ok := m.(Because); ok {
				reason = string(b)
			}
		}
		if v.IsKnown() || !strings.Contains(reason, want) {
			t.Errorf("%s = %#v because %q, want unknown because of %q", expression, v, reason, want)
		}
	}
}

// What would make much from little is refused at once.
func TestBounds(t *testing.T) {
	double := "a: &a [x, x]\n"
	for _, c := range "bcdefghijklmnopqrstuvwxyz" {
		double += string(c) + ": &" + string(c) + " [*" + string(c-1) + ", *" + string(c-1) + "]\n"
	}
	vars := map[string]cty.Value{"yaml": cty.StringVal(double), "long": cty.StringVal(strings.Repeat("a", 1<<16))}
	for _, expression := range []string{
		`format("%2000000000d", 1)`, `format("%1.2000000000f", 1)`, `formatlist("%999999s", ["a"])`, `format("%d", 1e1000000)`,
		`indent(2000000000, "a\nb")`, `floor(1e100000000)`, `ceil("1e100000000")`, `tostring(1e100000000)`, `jsonencode([{ a = 1e100000000 }])`,
		`setproduct(range(1000), range(1000), range(1000))`, `join(long, range(1000))`, `replace(long, "a", long)`, `replace(long, "/a/", long)`,
		`replace(long, "/(.*)/", "$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1$1")`, `regex(long, "x")`, `yamldecode(yaml)`, `cidrhost("::/0", 1e100000000)`,
		`templatefile("deep.tpl", {})`, `sum([1e100000000, 1])`, `parseint("1", 1e100000000)`,
	} {
		_, diags := evaluate(t, expression, vars)
		if !diags.HasErrors() || !strings.Contains(diags.Error(), ErrTooLarge.Error()) {
			t.Errorf("%s: %v, want that it is refused", expression, diags)
		}
	}
}

func TestErrors(t *testing.T) {
	for expression, want := range map[string]string{
		`file("bin")`:                            "UTF-8",
		`file("a")`:                              "no file root/a",
		`fileexists(".")`:                        "directory",
		`templatefile("t.tpl", {})`:              `no "l"`,
		`templatefile("t.tpl", [])`:              "map or an object",
		`templatefile("again.tpl", {})`:          "templatefile",
		`templatestring("$${a}", { "a b" = 1 })`: "name of a variable",
		`fileset(".", "[")`:                      "pattern",
		`range(0, 5000)`:                         "1024",
		`lookup({}, "a", 1, 2)`:                  "two or three",
		`regex("(", "x")`:                        "pattern",
		`base64gunzip("eA==")`:                   "EOF",
	} {
		_, diags := evaluate(t, expression, nil)
		if !diags.HasErrors() || !strings.Contains(diags.Error(), want) {
			t.Errorf("%s: %v, want %q", expression, diags, want)
		}
	}
}

// Marks of arguments are marks of the result.
func TestMarksGoOn(t *testing.T) {
	secret := map[string]cty.Value{"s": cty.StringVal("a").Mark(Sensitive), "l": cty.ListVal([]cty.Value{cty.StringVal("a").Mark(Sensitive)})}
	for _, expression := range []string{`upper(s)`, `coalesce(s, "b")`, `lookup({ a = 1 }, s)`, `lookup({ b = s }, "b")`, `length(s)`, `join("", l)`, `format("%s", s)`, `index([s], s)`, `one(l)`, `templatestring("$${x}", { x = s })`, `replace(s, "a", "b")`} {
		v, diags := evaluate(t, expression, secret)
		if diags.HasErrors() || !v.HasMark(Sensitive) {
			t.Errorf("%s = %#v, %v; want it to be sensitive", expression, v, diags)
		}
	}
}

func TestOutsideIsNamed(t *testing.T) {
	f := files{tree: tree, dir: "root"}
	if _, err := f.read("../../x"); !errors.Is(err, ErrOutside) {
		t.Errorf("%v, want ErrOutside", err)
	}
}

func BenchmarkFunctions(b *testing.B) {
	for b.Loop() {
		Functions(tree, "root")
	}
}

// No expression makes a function panic, or the evaluation take long.
func FuzzFunctions(f *testing.F) {
	for _, name := range strings.Fields(names) {
		f.Add(name + `("a", 1, { a = [u] })`)
	}
	f.Add(`format("%[1]*d %v", 5, [1, null])`)
	f.Add(`cidrsubnets("10.0.0.0/8", 4, 4, 8)`)
	f.Add(`yamldecode("a: &a [*a]")`)
	f.Add(`templatestring("%{for a in l}$${a}%{endfor}", { l = [1] })`)
	vars := map[string]cty.Value{"u": cty.DynamicVal, "n": cty.NullVal(cty.String), "s": cty.UnknownVal(cty.List(cty.String))}
	all := Functions(tree, "root")
	f.Fuzz(func(t *testing.T, expression string) {
		if len(expression) > 500 || strings.Count(expression, "for") > 1 {
			return // loops in loops are who evaluates' matter
		}
		e, diags := hclsyntax.ParseExpression([]byte(expression), "x.tf", hcl.InitialPos)
		if diags.HasErrors() {
			return
		}
		_, _ = e.Value(&hcl.EvalContext{Variables: vars, Functions: all})
	})
}
