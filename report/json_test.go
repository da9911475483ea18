package report

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/scan"
)

// compile returns a schema. A strict one refuses what it does not describe.
func compile(t *testing.T, text []byte, strict bool) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		forbidOthers(doc)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// forbidOthers makes every object of a schema refuse further properties.
func forbidOthers(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, ok := node["properties"].(map[string]any); ok {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			forbidOthers(child)
		}
	case []any:
		for _, child := range node {
			forbidOthers(child)
		}
	}
}

func validate(t *testing.T, schema *jsonschema.Schema, text []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(doc); err != nil {
		t.Errorf("%v\nin %s", err, text)
	}
}

// emptyScan returns a scan that found nothing, all fields at their least.
func emptyScan() *Scan { return &Scan{Result: &scan.Result{}} }

func TestJSON(t *testing.T) {
	published, err := os.ReadFile("../docs/schema/scan-json-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	full := aScan(t)
	full.Findings = append(full.Findings, live())
	out := written(t, func(w io.Writer) error { return JSON(w, full) })
	golden(t, "scan.json", out)
	least := written(t, func(w io.Writer) error { return JSON(w, emptyScan()) })
	for _, strict := range []bool{false, true} {
		schema := compile(t, published, strict)
		validate(t, schema, out)
		validate(t, schema, least)
	}
	schema := compile(t, published, false)
	for what, change := range map[string]func(map[string]any){
		"a missing list":       func(d map[string]any) { delete(d, "problems") },
		"an unknown severity":  func(d map[string]any) { d["findings"].([]any)[0].(map[string]any)["severity"] = "severe" },
		"another version":      func(d map[string]any) { d["schema"] = "https://holdfast.dev/schema/scan/json-v2" },
		"a broken fingerprint": func(d map[string]any) { d["findings"].([]any)[0].(map[string]any)["fingerprint"] = "hf1:7" },
	} {
		var doc map[string]any
		if err := json.Unmarshal(out, &doc); err != nil {
			t.Fatal(err)
		}
		change(doc)
		if schema.Validate(doc) == nil {
			t.Errorf("the schema accepts %s", what)
		}
	}
}

// live returns a finding that no file is known for.
func live() *finding.Finding {
	f := &finding.Finding{Rule: hostPort, Message: "Pod a/b takes a port", Severity: hostPort.Severity, Field: "spec"}
	f.Subject.Kind, f.Subject.Version, f.Subject.Namespace, f.Subject.Name = "Pod", "v1", "a", "b"
	f.Identify("")
	return f
}

// The same scan gives the same bytes, whatever order maps have and however
// long it took.
func TestMachineFormatsAreDeterministic(t *testing.T) {
	for name, write := range map[string]func(io.Writer, *Scan) error{"json": JSON, "sarif": SARIF, "concise": Concise} {
		first := written(t, func(w io.Writer) error { return write(w, aScan(t)) })
		for range 10 {
			again := aScan(t)
			again.Elapsed *= 2
			if !bytes.Equal(first, written(t, func(w io.Writer) error { return write(w, again) })) {
				t.Fatalf("%s differs from run to run", name)
			}
		}
	}
}

// Machine formats keep what people are not shown.
func TestJSONKeepsEscapedText(t *testing.T) {
	const message = "a\x1b[31m\u202e\u009b\u2028\u00ad\U000e0041<&>"
	s := aScan(t)
	s.Findings[0].Message = message
	out := written(t, func(w io.Writer) error { return JSON(w, s) })
	checkHarmless(t, "json", string(out))
	var doc jsonScan
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc.Findings[0].Message; got != message {
		t.Errorf("message came back as %q, want %q", got, message)
	}
	if !strings.Contains(string(out), "<&>") {
		t.Error("characters of HTML are escaped, which nobody needs")
	}
}
