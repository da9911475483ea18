package report

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	// Its source holds the OASIS schema, which is not ours to publish.
	_ "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// oasisSchema reads the SARIF 2.1.0 schema out of the module that carries it.
// The module's own check does not do: it looks at what it has understood of a
// log and not at the log.
func oasisSchema(t *testing.T) []byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif").Output()
	if err != nil {
		t.Fatal(err)
	}
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), "schema.go"), nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var schema string
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == "schema" {
			schema, err = strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		}
		return true
	})
	if err != nil || !strings.Contains(schema, sarifSchema) {
		t.Fatalf("no schema with the id %s in %s: %v", sarifSchema, dir, err)
	}
	return []byte(schema)
}

func sarif(t *testing.T, s *Scan) ([]byte, sarifRun) {
	t.Helper()
	out := written(t, func(w io.Writer) error { return SARIF(w, s) })
	var log sarifLog
	if err := json.Unmarshal(out, &log); err != nil {
		t.Fatal(err)
	}
	return out, log.Runs[0]
}

func TestSARIFIsValid(t *testing.T) {
	full := aScan(t)
	full.Findings = append(full.Findings, live(), broken(object(t, "a.yaml", deployment), &finding.Rule{ID: "ACME-1", Controls: []string{"a", "a"}}, nil, "", ""))
	schema := compile(t, oasisSchema(t), false)
	for name, s := range map[string]*Scan{"full": full, "empty": emptyScan()} {
		t.Run(name, func(t *testing.T) {
			out, _ := sarif(t, s)
			validate(t, schema, out)
		})
	}
	out, _ := sarif(t, full)
	golden(t, "scan.sarif", out)
	for _, broken := range []string{
		strings.Replace(string(out), `"ruleId"`, `"ruleid"`, 1),
		strings.Replace(string(out), `"unicodeCodePoints"`, `"bytes"`, 1),
		strings.Replace(string(out), `"level": "error"`, `"level": "high"`, 1),
	} {
		var doc any
		if err := json.Unmarshal([]byte(broken), &doc); err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Error("the schema accepts a broken log, so that it proves nothing")
		}
	}
}

func TestSARIFLevels(t *testing.T) {
	tests := []struct {
		severity finding.Severity
		level    string
		from, to float64 // what GitHub reads as this severity
	}{
		{finding.Critical, "error", 9.1, 10},
		{finding.High, "error", 7, 8.9},
		{finding.Medium, "warning", 4, 6.9},
		{finding.Low, "note", 0.1, 3.9},
		{finding.Info, "note", 0.1, 3.9},
	}
	for _, tt := range tests {
		s := aScan(t)
		f := *s.Findings[0]
		f.Rule, f.Severity = &finding.Rule{ID: "ACME-1", Severity: tt.severity}, tt.severity
		s.Findings = []*finding.Finding{&f}
		_, run := sarif(t, s)
		score, err := strconv.ParseFloat(run.Tool.Driver.Rules[0].Properties["security-severity"].(string), 64)
		if err != nil || score < tt.from || score > tt.to {
			t.Errorf("%s: security-severity %v is not in %v to %v", tt.severity, score, tt.from, tt.to)
		}
		if rule, result := run.Tool.Driver.Rules[0].Default.Level, run.Results[0].Level; rule != tt.level || result != tt.level {
			t.Errorf("%s: levels %s and %s, want %s", tt.severity, rule, result, tt.level)
		}
	}
}

func TestSARIFRules(t *testing.T) {
	s := aScan(t)
	many := &finding.Rule{ID: "ACME-1", Title: "Title"}
	for i := range 30 {
		many.Controls = append(many.Controls, strconv.Itoa(i%25))
	}
	s.Findings = append(s.Findings, broken(object(t, "a.yaml", deployment), many, nil, "m", ""))
	_, run := sarif(t, s)
	rules := run.Tool.Driver.Rules
	if len(rules) != 4 {
		t.Fatalf("%d rules for 4", len(rules))
	}
	for i, result := range run.Results {
		if rules[result.RuleIndex].ID != s.Findings[i].Rule.ID {
			t.Errorf("result %d points at rule %s, want %s", i, rules[result.RuleIndex].ID, s.Findings[i].Rule.ID)
		}
	}
	if got, want := rules[0].Help.Markdown, runsAsRoot.Why+"\n\n**Fix:** "+runsAsRoot.Remediation+"\n\n* <"+runsAsRoot.References[0]+">\n"; got != want {
		t.Errorf("help is %q, want %q", got, want)
	}
	if n := len(rules[3].Properties["tags"].([]any)); n != maxTags {
		t.Errorf("%d tags, GitHub takes %d", n, maxTags)
	}
	if rules[3].Full.Text != "Title" || rules[3].Help.Text != "Title" {
		t.Errorf("a rule without a why has no description: %+v", rules[3])
	}
}

// Columns count code points, as the log declares; what is not known exactly
// claims no columns.
func TestSARIFRegions(t *testing.T) {
	file := source.NewFile("a.yaml", []byte("名: 値\U0001F600x\r\nb: |\n  c\n"))
	tests := []struct {
		name  string
		span  source.Span
		exact bool
		want  sarifRegion
	}{
		{"wide characters", source.Span{Start: 5, End: 12}, true, sarifRegion{1, 4, 1, 6}},
		{"several lines", source.Span{Start: 18, End: 23}, true, sarifRegion{2, 4, 3, 4}},
		{"nothing, at the end", source.Span{Start: 24, End: 24}, true, sarifRegion{4, 1, 4, 1}},
		{"the object", source.Span{Start: 15, End: 24}, false, sarifRegion{StartLine: 2}},
		{"the file", source.Span{}, false, sarifRegion{StartLine: 1}},
	}
	for _, tt := range tests {
		if got := *region(resource.Location{File: file, Span: tt.span, Exact: tt.exact}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestSARIFArtifacts(t *testing.T) {
	base, _ := url.Parse("https://example.org/repository/")
	for _, name := range []string{
		"a.yaml", "a b/c%20d.yaml", "a:b.yaml", "http://evil.example/a.yaml", "q?x=1#y.yaml", "ü/値.yaml", "[a].yaml", "a\\b.yaml", "a\x1b\n.yaml", "\xff.yaml",
	} {
		uri := artifact(name).URI
		ref, err := url.Parse(uri)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		at := base.ResolveReference(ref)
		if ref.IsAbs() || at.Host != base.Host || ref.RawQuery != "" || ref.Fragment != "" || ref.Path != name {
			t.Errorf("%q became %q, which is %q", name, uri, at)
		}
	}
}

func TestSARIFFingerprints(t *testing.T) {
	text := "a: 1\nb: 2\na: 1\n" // the hash covers what follows, so that these lines differ
	file := source.NewFile("a.yaml", []byte(strings.Repeat("same: line\n", 60)+text))
	var all []*finding.Finding
	for line := range 63 {
		f := &finding.Finding{Rule: hostPort, Field: strconv.Itoa(line), Location: resource.Location{File: file, Span: file.Line(line + 1), Exact: true}}
		f.Identify("")
		all = append(all, f)
	}
	s := emptyScan()
	s.Findings = all
	_, run := sarif(t, s)
	seen := map[string]bool{}
	for i, result := range run.Results {
		hash := result.Fingerprints["primaryLocationLineHash"]
		if hash == "" || seen[hash] {
			t.Errorf("line %d: hash %q is empty or not unique in the file", i+1, hash)
		}
		seen[hash] = true
		if result.Fingerprints["holdfast/v1"] != all[i].Fingerprint {
			t.Errorf("line %d: fingerprint %q, want %q", i+1, result.Fingerprints["holdfast/v1"], all[i].Fingerprint)
		}
	}
	first, _, _ := strings.Cut(run.Results[0].Fingerprints["primaryLocationLineHash"], ":")
	if second := run.Results[1].Fingerprints["primaryLocationLineHash"]; second != first+":2" {
		t.Errorf("the second of two equal lines has %q, want %s:2", second, first)
	}
}

func TestSARIFPartialRuns(t *testing.T) {
	out, run := sarif(t, emptyScan())
	if inv := run.Invocations[0]; !inv.ExecutionSuccessful || inv.ExitCode != 0 || len(inv.Notifications) != 0 {
		t.Errorf("a complete run says %+v", inv)
	}
	if !strings.Contains(string(out), `"results": []`) {
		t.Error("no results is not the same as results that were not computed")
	}
	for name, spoil := range map[string]func(*Scan){
		"problem": func(s *Scan) {
			s.Problems = []render.Problem{{Path: "a b.yaml", Position: source.Position{Line: 3, Column: 5}, Message: "not YAML", Hint: "quote it"}}
		},
		"error": func(s *Scan) { s.Errors = []string{"HF-K8S-001 on Pod a: no such key"} },
	} {
		s := emptyScan()
		spoil(s)
		_, run := sarif(t, s)
		inv := run.Invocations[0]
		if inv.ExecutionSuccessful || inv.ExitCode != 2 || len(inv.Notifications) != 1 || inv.Notifications[0].Level != "error" {
			t.Errorf("%s: a partial run says %+v", name, inv)
		}
	}
	_, run = sarif(t, aScan(t))
	n := run.Invocations[0].Notifications[0]
	if n.Message.Text != "mapping values are not allowed here. quote the value." || *n.Locations[0].Physical.Region != (sarifRegion{StartLine: 3, StartColumn: 5}) {
		t.Errorf("the problem is told as %+v", n)
	}
}

func TestSARIFCategory(t *testing.T) {
	for root, want := range map[string]string{
		"": "holdfast/scan/", ".": "holdfast/scan/", "/home/me/fleet": "holdfast/scan/", "../fleet": "holdfast/scan/",
		"apps/payments/": "holdfast/scan/apps/payments/", "./apps": "holdfast/scan/apps/",
	} {
		if got := category("scan", root); got != want {
			t.Errorf("category(%q) = %q, want %q", root, got, want)
		}
	}
}

func TestSentence(t *testing.T) {
	for message, want := range map[string]string{
		"container `api` can run as root": "container `api` can run as root.",
		"It ends.":                        "It ends.",
		"\x1b[31mred\u202e":               "[31mred.",
		"key [see](https://evil.example)": "key [see] (https://evil.example).",
	} {
		if got := sentence(message); got != want {
			t.Errorf("sentence(%q) = %q, want %q", message, got, want)
		}
	}
}
