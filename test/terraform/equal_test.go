package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/terraform"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var record = flag.Bool("record", false, "write what the real binary answers beside the configurations")

// planned is what a plan says about one resource or output.
type planned struct {
	Type    string `json:"type"`
	After   any    `json:"after"`
	Unknown any    `json:"unknown,omitempty"`
}

// differOfTofu are the configurations to which OpenTofu gives another answer than
// Terraform, and why.
var differOfTofu = map[string]string{
	"function-templatefile": "a template may render another one there",
}

// differ are the configurations whose values are known to be others than those of
// Terraform, with the reason.
var differ = map[string]string{
	"differs-short-circuit":    "newer releases, as the renderer, know the result without the operand that is not known",
	"differs-null-attribute":   "whether an attribute that is null is computed is the provider's knowledge",
	"differs-absent-attribute": "whether an attribute that is not written is computed is the provider's knowledge",
}

// A configuration's resources and outputs have the values that a plan of the real
// binary gives them, and are unknown where it says so. The plans are recorded;
// HOLDFAST_TERRAFORM names a binary, such as that of OpenTofu, to ask instead, and
// HOLDFAST_TERRAFORM_PROVIDER the directory of the built test/terraform/provider.
func TestEqualsTerraform(t *testing.T) {
	files, err := filepath.Glob("../../render/terraform/testdata/equal/*.txtar")
	if err != nil || len(files) < 150 {
		t.Fatalf("%d configurations, %v; there should be 150 at least", len(files), err)
	}
	binary := os.Getenv("HOLDFAST_TERRAFORM")
	equal := 0
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			answer := strings.TrimSuffix(file, ".txtar") + ".json"
			var want map[string]planned
			if binary != "" {
				if want = plan(t, binary, archive); want == nil {
					t.Skip("this binary cannot plan it")
				}
				if *record {
					writeAnswer(t, answer, want)
				}
			} else {
				readAnswer(t, answer, &want)
			}
			got := rendered(t, archive)
			var diffs []string
			for address, w := range want {
				r := got[address]
				if r == nil {
					diffs = append(diffs, address+": it is not there")
					continue
				}
				delete(got, address)
				diffs = append(diffs, compare(address, r, w.After, w.Unknown, true)...)
			}
			for address := range got {
				diffs = append(diffs, address+": it should not be there")
			}
			slices.Sort(diffs)
			reason := differ[name]
			if filepath.Base(binary) == "tofu" && reason == "" {
				reason = differOfTofu[name]
			}
			switch {
			case reason != "" && len(diffs) == 0 && binary == "":
				t.Errorf("it is equal now: strike it off the list")
			case reason == "" && len(diffs) > 0:
				t.Errorf("not equal to the plan:\n%s", strings.Join(diffs, "\n"))
			case len(diffs) == 0:
				equal++
			}
		})
	}
	t.Logf("%d of %d are equal", equal, len(files))
}

func readAnswer(t *testing.T, file string, into *map[string]planned) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("no recorded plan; make plans PLANS=record writes it: %v", err)
	}
	decode(t, content, into)
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}

func writeAnswer(t *testing.T, file string, answer map[string]planned) {
	t.Helper()
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(answer); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// plan asks the real binary. It is nil if that cannot plan what it was not asked to
// record.
func plan(t *testing.T, binary string, archive *txtar.Archive) map[string]planned {
	t.Helper()
	dir := t.TempDir()
	text := ""
	for _, f := range archive.Files {
		name := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		text += string(f.Data)
	}
	settings := "disable_checkpoint = true\n"
	if provider := os.Getenv("HOLDFAST_TERRAFORM_PROVIDER"); provider != "" {
		settings += fmt.Sprintf("provider_installation {\n  dev_overrides {\n    \"holdfast/probe\" = %q\n  }\n}\n", provider)
	}
	rc := filepath.Join(t.TempDir(), "terraformrc")
	if err := os.WriteFile(rc, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) ([]byte, error) {
		c := exec.Command(binary, args...)
		c.Dir = dir
		c.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1")
		var stdout, stderr bytes.Buffer
		c.Stdout, c.Stderr = &stdout, &stderr
		if err := c.Run(); err != nil {
			return nil, fmt.Errorf("%w: %s%s", err, stdout.Bytes(), stderr.Bytes())
		}
		return stdout.Bytes(), nil
	}
	var commands [][]string
	if strings.Contains(text, "module \"") {
		commands = append(commands, []string{"get", "-no-color"})
	}
	commands = append(commands, []string{"plan", "-input=false", "-no-color", "-refresh=false", "-out=plan.bin"}, []string{"show", "-json", "plan.bin"})
	var out []byte
	for _, args := range commands {
		var err error
		if out, err = run(args...); err != nil {
			if *record {
				t.Fatal(err)
			}
			t.Log(err)
			return nil
		}
	}
	var doc struct {
		Changes []struct {
			Address, Mode, Type string
			Change              change
		} `json:"resource_changes"`
		Outputs map[string]change `json:"output_changes"`
	}
	decode(t, out, &doc)
	answer := map[string]planned{}
	for _, c := range doc.Changes {
		if c.Mode == "managed" {
			answer[c.Address] = c.Change.planned(c.Type)
		}
	}
	for name, c := range doc.Outputs {
		answer["output."+name] = c.planned("output")
	}
	return answer
}

type change struct {
	After   any `json:"after"`
	Unknown any `json:"after_unknown"`
}

func (c change) planned(kind string) planned {
	if c.Unknown == false {
		c.Unknown = nil
	}
	return planned{Type: kind, After: c.After, Unknown: c.Unknown}
}

// rendered returns resources and outputs of the root as the renderer has them.
func rendered(t *testing.T, archive *txtar.Archive) map[string]*resource.Value {
	t.Helper()
	files := map[string]string{}
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	result, err := terraform.New().Render(context.Background(), source.Memory(files), ".", render.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range result.Problems {
		t.Error(p)
	}
	blocks := []string{"module", "variable", "output", "terraform", "moved", "removed", "import", "check"}
	out := map[string]*resource.Value{}
	for _, r := range result.Resources {
		switch {
		case r.ID.Kind == "output" && strings.HasPrefix(r.ID.Name, "output."):
			out[r.ID.Name] = r.Root.Get("value")
		case strings.Contains(r.ID.Kind, ".") || slices.Contains(blocks, r.ID.Kind):
		default:
			out[r.ID.Name] = r.Root
		}
	}
	return out
}

// bodies are the blocks, and the attributes that are like them, of the own provider.
var bodies = []string{"rule", "match", "inner"}

// meta are the fields of a resource that no plan has among its values.
var meta = []string{"provider", "lifecycle", "depends_on", "provisioner", "connection"}

// compare returns how a value differs from what a plan says about it. In the body of
// a block, what a provider computes is not there, nor blocks that do not occur.
func compare(at string, got *resource.Value, want, unknown any, body bool) []string {
	if unknown == true {
		if got != nil && got.Unknown() != "" {
			return nil
		}
		return []string{fmt.Sprintf("%s: %s, but the plan does not know it", at, show(got))}
	}
	if got != nil && got.Unknown() != "" {
		return []string{fmt.Sprintf("%s: unknown (%s), but the plan has %v", at, got.Unknown(), want)}
	}
	absent := got == nil || got.Kind == resource.Null
	switch w := want.(type) {
	case nil:
		if absent || unknown != nil && got.Kind == resource.Map { // an object of unknown parts
			return nil
		}
	case bool:
		if !absent && got.Kind == resource.Bool && got.Bool == w {
			return nil
		}
	case string:
		if !absent && got.Kind == resource.String && got.Str == w {
			return nil
		}
	case json.Number:
		if !absent && (got.Kind == resource.Int && fmt.Sprint(got.Int) == w.String() || got.Kind == resource.Float && sameNumber(got.Str, w.String())) {
			return nil
		}
	case []any:
		parts, _ := unknown.([]any)
		if absent && len(w) == 0 && body {
			return nil // a block that does not occur
		}
		if absent || got.Kind != resource.List || len(got.Items) != len(w) {
			break
		}
		var diffs []string
		for i, item := range w {
			var u any
			if i < len(parts) {
				u = parts[i]
			}
			diffs = append(diffs, compare(fmt.Sprintf("%s[%d]", at, i), got.Items[i], item, u, body)...)
		}
		return diffs
	case map[string]any:
		if absent || got.Kind != resource.Map {
			break
		}
		parts, _ := unknown.(map[string]any)
		names := map[string]bool{}
		for name := range w {
			names[name] = true
		}
		for name := range parts {
			names[name] = true
		}
		var diffs []string
		for _, f := range got.Fields {
			if !names[f.Key] && f.Value.Kind != resource.Null && !(body && slices.Contains(meta, f.Key)) {
				diffs = append(diffs, fmt.Sprintf("%s.%s: %s, which the plan has not", at, f.Key, show(f.Value)))
			}
		}
		for name := range names {
			inner := body && slices.Contains(bodies, name)
			if body && !inner && got.Get(name) == nil && parts[name] == true {
				continue // a provider computes it
			}
			diffs = append(diffs, compare(at+"."+name, got.Get(name), w[name], parts[name], inner)...)
		}
		return diffs
	}
	return []string{fmt.Sprintf("%s: %s, but the plan has %v (%T)", at, show(got), want, want)}
}

// sameNumber reports whether two spellings are of one number.
func sameNumber(a, b string) bool {
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && x == y
}

func show(v *resource.Value) string {
	switch {
	case v == nil:
		return "absent"
	case v.Unknown() != "":
		return "unknown: " + v.Unknown()
	case v.Kind == resource.List:
		return fmt.Sprintf("a list of %d", len(v.Items))
	case v.Kind == resource.Map:
		return fmt.Sprintf("a map of %d", len(v.Fields))
	case v.Kind == resource.Null:
		return "null"
	}
	return fmt.Sprintf("%q", v.Str)
}
