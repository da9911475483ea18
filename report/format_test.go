package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func inFormat(t *testing.T, name string, s *Scan) string {
	t.Helper()
	for _, f := range Formats() {
		if f.Name == name {
			return string(written(t, func(w io.Writer) error { return f.Write(w, s) }))
		}
	}
	t.Fatalf("there is no format %s", name)
	return ""
}

// Each format as it is, of a scan before and after its triage.
func TestFormats(t *testing.T) {
	for format, ext := range map[string]string{
		"jsonl": "jsonl", "github": "github.txt", "gitlab": "gitlab.json", "junit": "junit.xml", "rdjson": "rdjson.json", "markdown": "md",
	} {
		full := aScan(t)
		full.Findings = append(full.Findings, live())
		golden(t, "scan."+ext, []byte(inFormat(t, format, full)))
		golden(t, "triage."+ext, []byte(inFormat(t, format, aTriage(t))))
	}
}

// What holds for all of them.
func TestFormatsAlike(t *testing.T) {
	incomplete := regexp.MustCompile(`(?i)incomplete|"complete": ?false|"executionSuccessful": false|: error: `)
	full := errors.New("disk full")
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			first := inFormat(t, f.Name, aScan(t))
			for range 5 {
				again := aScan(t)
				again.Elapsed *= 2
				if inFormat(t, f.Name, again) != first {
					t.Fatal("it differs from run to run")
				}
			}
			if err := f.Write(failingWriter{full}, aScan(t)); !errors.Is(err, full) {
				t.Errorf("error %v, want %v", err, full)
			}
			s := emptyScan()
			if out := inFormat(t, f.Name, s); incomplete.MatchString(out) {
				t.Errorf("a complete scan says %s", out)
			}
			s.Problems = []render.Problem{{Path: "a.yaml", Message: "not YAML"}}
			if out := inFormat(t, f.Name, s); !incomplete.MatchString(out) || !strings.Contains(out, "a") {
				t.Errorf("a partial scan says %s", out)
			}
			checkHarmless(t, f.Name, inFormat(t, f.Name, hostile(t)))
		})
	}
}

const poison = "a\x1b[31m\u202e\u009b\u2028\u00ad\x00\xff\r\n::error::x%0A::stop-commands::y </pre></details></code><script>alert(1)</script>" +
	" @admins #1 !2 [x](http://evil.example) ![y](//evil.example) http://evil.example www.evil.example <b> | `b` **b** ]]> \"'&amp;"

// hostile returns a scan in which whatever is not ours tries to act.
func hostile(t *testing.T) *Scan {
	t.Helper()
	s := aScan(t)
	rule := *runsAsRoot
	rule.Title, rule.Why, rule.Remediation = poison, poison, poison
	rule.References = []string{"javascript:alert(1)"}
	file := source.NewFile(poison, []byte("a: "+poison+"\n"))
	f := &finding.Finding{
		Rule: &rule, Message: poison, Label: poison, Severity: finding.High, Field: poison, Via: []string{poison},
		Location: resource.Location{File: file, Span: source.Span{Start: 3, End: 9}, Exact: true},
	}
	f.Subject.Kind, f.Subject.Name = "Pod", poison
	f.Identify("")
	s.Findings = []*finding.Finding{f}
	s.Root, s.Version = poison, poison
	s.Problems = []render.Problem{{Path: poison, Position: source.Position{Line: 1, Column: 1}, Message: poison, Hint: poison}}
	s.Errors = []string{poison}
	return s
}

func TestJSONL(t *testing.T) {
	c := jsonschema.NewCompiler()
	for _, name := range []string{"json", "jsonl"} {
		text, err := os.ReadFile("../docs/schema/scan-" + name + "-v1.schema.json")
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.AddResource("https://holdfast.dev/schema/scan/"+name+"-v1", doc); err != nil {
			t.Fatal(err)
		}
	}
	schema, err := c.Compile(LinesID)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*Scan{aScan(t), aTriage(t), emptyScan(), hostile(t)} {
		out := inFormat(t, "jsonl", s)
		all := strings.SplitAfter(strings.TrimSuffix(out, "\n"), "\n")
		for i, line := range all {
			validate(t, schema, []byte(line))
			if last := strings.HasPrefix(line, `{"type":"summary"`); last != (i == len(all)-1) {
				t.Errorf("line %d of %d is %s", i+1, len(all), line)
			}
		}
		if len(all) != len(s.Findings)+len(s.hidden())+1 {
			t.Errorf("%d lines for %d findings", len(all), len(s.Findings)+len(s.hidden()))
		}
	}
	if schema.Validate(map[string]any{"type": "finding"}) == nil {
		t.Error("the schema accepts a finding with nothing in it")
	}
}

// No value ends its command or begins another.
func TestGitHubEscapes(t *testing.T) {
	for line := range strings.Lines(inFormat(t, "github", hostile(t))) {
		if strings.HasPrefix(line, "::") && !strings.HasPrefix(line, "::error ") {
			t.Errorf("another command: %q", line)
		}
		if !strings.HasPrefix(line, "::") && strings.Contains(line, "::") {
			t.Errorf("a command inside of a line: %q", line)
		}
	}
	got := command("warning", []property{{"file", "a:b,c%.yaml"}, {"title", "x\ny"}}, "50%\r\nof: a, b")
	if want := "::warning file=a%3Ab%2Cc%25.yaml,title=x y::50%25  of: a, b"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// GitHub refuses columns of a place that has several lines.
func TestGitHubPlaces(t *testing.T) {
	out := inFormat(t, "github", aScan(t))
	for line := range strings.Lines(out) {
		if several := strings.Contains(line, "line=14,endLine=16"); several && strings.Contains(line, "col=") {
			t.Errorf("columns in %s", line)
		}
	}
}

const gitlabSchema = `{
  "type": "array",
  "items": {
    "type": "object",
    "required": ["description", "check_name", "fingerprint", "severity", "location"],
    "properties": {
      "description": {"type": "string", "minLength": 1},
      "check_name": {"type": "string", "minLength": 1},
      "fingerprint": {"type": "string", "minLength": 8},
      "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
      "location": {
        "type": "object",
        "required": ["path", "lines"],
        "properties": {
          "path": {"type": "string", "minLength": 1, "not": {"pattern": "^(\\./|/)"}},
          "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}}
        }
      }
    }
  }
}`

func TestGitLab(t *testing.T) {
	schema := compile(t, []byte(gitlabSchema), true)
	twice := aScan(t)
	twice.Findings = append(twice.Findings, twice.Findings[0], twice.Findings[0], live())
	for _, s := range []*Scan{twice, aTriage(t), emptyScan(), hostile(t)} {
		out := inFormat(t, "gitlab", s)
		validate(t, schema, []byte(out))
		var issues []gitlabIssue
		if err := json.Unmarshal([]byte(out), &issues); err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, one := range issues {
			if seen[one.Fingerprint] {
				t.Errorf("two issues with the fingerprint %s, of which GitLab keeps one", one.Fingerprint)
			}
			seen[one.Fingerprint] = true
		}
		if want := len(s.withOld()) + len(s.troubles()); len(issues) != want {
			t.Errorf("%d issues, want %d", len(issues), want)
		}
	}
}

func TestJUnit(t *testing.T) {
	for name, s := range map[string]*Scan{"full": aScan(t), "triage": aTriage(t), "empty": emptyScan(), "hostile": hostile(t)} {
		var doc junitSuites
		if err := xml.Unmarshal([]byte(inFormat(t, "junit", s)), &doc); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if want := s.Blocking(); doc.Failures != want {
			t.Errorf("%s: %d failures, %d block", name, doc.Failures, want)
		}
		if doc.Errors != len(s.troubles()) || doc.Tests == 0 {
			t.Errorf("%s: %d errors of %d tests, want %d", name, doc.Errors, doc.Tests, len(s.troubles()))
		}
		tests := 0
		for _, suite := range doc.Suites {
			tests += len(suite.Cases)
			if suite.Tests != len(suite.Cases) {
				t.Errorf("%s: %s counts %d tests of %d", name, suite.Name, suite.Tests, len(suite.Cases))
			}
		}
		if tests != doc.Tests {
			t.Errorf("%s: %d tests, said to be %d", name, tests, doc.Tests)
		}
	}
}

const rdSchema = `{
  "type": "object",
  "required": ["source", "diagnostics"],
  "properties": {
    "source": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "url": {"type": "string"}}},
    "severity": {"enum": ["UNKNOWN_SEVERITY", "ERROR", "WARNING", "INFO"]},
    "diagnostics": {"type": "array", "items": {
      "type": "object",
      "required": ["message", "location"],
      "properties": {
        "message": {"type": "string", "minLength": 1},
        "location": {"type": "object", "required": ["path"], "properties": {"path": {"type": "string", "minLength": 1}, "range": {"$ref": "#/$defs/range"}}},
        "severity": {"enum": ["ERROR", "WARNING", "INFO"]},
        "code": {"type": "object", "required": ["value"], "properties": {"value": {"type": "string"}, "url": {"type": "string"}}},
        "suggestions": {"type": "array", "items": {
          "type": "object", "required": ["range", "text"], "properties": {"range": {"$ref": "#/$defs/range"}, "text": {"type": "string"}}
        }}
      }
    }}
  },
  "$defs": {
    "range": {"type": "object", "required": ["start"], "properties": {"start": {"$ref": "#/$defs/position"}, "end": {"$ref": "#/$defs/position"}}},
    "position": {"type": "object", "required": ["line"], "properties": {"line": {"type": "integer", "minimum": 1}, "column": {"type": "integer", "minimum": 1}}}
  }
}`

func TestRDJSON(t *testing.T) {
	schema := compile(t, []byte(rdSchema), true)
	for _, s := range []*Scan{aScan(t), aTriage(t), emptyScan(), hostile(t)} {
		validate(t, schema, []byte(inFormat(t, "rdjson", s)))
	}
}

// Columns are bytes, and a suggestion makes all edits of a fix or none.
func TestRDJSONSuggestions(t *testing.T) {
	file := source.NewFile("a.yaml", []byte("名: x\r\nb: y\n"+strings.Repeat("\n", 30)+"c: z\n"))
	other := source.NewFile("b.yaml", file.Content)
	x, y, z := source.Span{Start: 5, End: 6}, source.Span{Start: 11, End: 12}, source.Span{Start: 46, End: 47}
	fixed := func(file *source.File, edits ...source.Edit) *finding.Fix {
		return &finding.Fix{Class: finding.Safe, File: file, Edits: edits}
	}
	one := []rdSuggestion{{rdRange{rdPosition{1, 6}, &rdPosition{1, 7}}, "1"}}
	tests := []struct {
		reason string
		fix    *finding.Fix
		secret bool
		want   []rdSuggestion
	}{
		{"nothing is known", nil, false, nil},
		{"people have to decide", &finding.Fix{Class: finding.Manual}, false, nil},
		{"one edit", fixed(file, source.Edit{Span: x, New: "1"}), false, one},
		{"two edits", fixed(file, source.Edit{Span: y, New: "2"}, source.Edit{Span: x, New: "1"}), false,
			[]rdSuggestion{{rdRange{rdPosition{1, 6}, &rdPosition{2, 5}}, "1\r\nb: 2"}}},
		{"they are far apart", fixed(file, source.Edit{Span: x, New: "1"}, source.Edit{Span: z, New: "3"}), false, nil},
		{"another file", fixed(other, source.Edit{Span: x, New: "1"}), false, nil},
		{"it may hold a secret", fixed(file, source.Edit{Span: x, New: "1"}), true, nil},
		{"a secret is near", &finding.Fix{Class: finding.Safe, File: file, Edits: []source.Edit{{Span: x, New: "1"}}, Sensitive: true}, false, nil},
		{"edits in conflict", fixed(file, source.Edit{Span: x, New: "1"}, source.Edit{Span: x, New: "2"}), false, nil},
	}
	for _, tt := range tests {
		f := &finding.Finding{Rule: hostPort, Location: resource.Location{File: file, Span: x, Exact: true}, Fix: tt.fix, Sensitive: tt.secret}
		if diff := cmp.Diff(tt.want, suggestions(f)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.reason, diff)
		}
	}
}

// tags of HTML that Markdown writes of its own.
var ownTags = regexp.MustCompile(`<!-- holdfast:scan -->|</?(details|summary|pre|code)>|<br>|<a href="https&#58;//[^"<>]*">|</a>`)

func TestMarkdownIsInert(t *testing.T) {
	s := hostile(t)
	for i := range s.Findings { // also with what becomes of it
		s.Findings[i].Count = 3
	}
	out := inFormat(t, "markdown", s)
	rest := ownTags.ReplaceAllString(out, "")
	if strings.ContainsAny(rest, "<>") {
		t.Errorf("HTML that is not ours: %s", rest)
	}
	for line := range strings.Lines(withoutPre(out)) {
		line = ownTags.ReplaceAllString(line, "")
		line = regexp.MustCompile(`&#\d+;`).ReplaceAllString(line, "")
		line = strings.NewReplacer("**", "", "`holdfast scan`", "").Replace(line)
		body := strings.TrimLeft(line, "#*|- ")
		if strings.ContainsAny(strings.ReplaceAll(body, " | ", ""), "@#![]`*_~$\\") {
			t.Errorf("characters that act: %q", line)
		}
		if strings.Contains(body, "://") || strings.Contains(body, "www.") {
			t.Errorf("a link: %q", line)
		}
	}
	for line := range strings.Lines(out) {
		if row := strings.HasPrefix(line, "| **high**"); row && strings.Count(line, "|") != 5 {
			t.Errorf("a row with other cells: %q", line)
		}
	}
}

func withoutPre(text string) string {
	return regexp.MustCompile(`(?s)<pre>.*?</pre>`).ReplaceAllString(text, "")
}

// GitHub refuses comments that are too long.
func TestMarkdownIsBounded(t *testing.T) {
	s := aScan(t)
	for len(s.Findings) < 500 {
		s.Findings = append(s.Findings, s.Findings[0])
	}
	out := inFormat(t, "markdown", s)
	if n := strings.Count(out, "\n| "); len(out) > 65536 || n != markdownRows+2-1 {
		t.Errorf("%d bytes with %d rows", len(out), n)
	}
	if !strings.Contains(out, "… and 450 more") {
		t.Error("nothing says that some are left out")
	}
	s = hostile(t)
	s.Findings[0].Message = strings.Repeat("@x ", 100000)
	s.Problems = nil
	if out := inFormat(t, "markdown", s); len(out) > 65536 {
		t.Errorf("one finding takes %d bytes", len(out))
	}
}

func TestMarkdownText(t *testing.T) {
	for text, want := range map[string]string{
		"container `api` can run as root":   "container <code>api</code> can run as root",
		"ports (`a`, `b`) of 3 nodes":       "ports (<code>a</code>, <code>b</code>) of 3 nodes",
		"ask @admins about #12":             "ask <code>&#64;admins</code> about <code>&#35;12</code>",
		"a `` b":                            "a b",
		"odd ` tick":                        "odd <code>tick</code>",
		"it isn't www.evil.example, is it?": "it isn't <code>www&#46;evil&#46;example,</code> is <code>it&#63;</code>",
		"<img src=x>":                       "<code>&#60;img src&#61;x&#62;</code>",
	} {
		if got := markdownText(text); got != want {
			t.Errorf("markdownText(%q) = %q, want %q", text, got, want)
		}
	}
}

// Values of secrets are in no format.
func TestFormatsHideSecrets(t *testing.T) {
	const value = "hunter2hunter2"
	file := source.NewFile("s.yaml", []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData:\n  password: "+value+"\n"))
	docs, err := resource.ParseYAML(file)
	if err != nil {
		t.Fatal(err)
	}
	of := resource.Objects(docs[0])[0]
	r := &resource.Resource{ID: of.ID, Root: of.Root, Origin: resource.Origin{Renderer: "manifest", File: file, Span: of.Span}}
	s := aScan(t)
	f := broken(r, runsAsRoot, at("stringData", "password"), "a password is in Git", "is here")
	f.Fix = &finding.Fix{Class: finding.Safe, File: file, Edits: []source.Edit{{Span: f.Location.Span, New: value}}}
	s.Findings = []*finding.Finding{f}
	for _, format := range Formats() {
		if out := inFormat(t, format.Name, s); bytes.Contains([]byte(out), []byte(value)) {
			t.Errorf("%s tells it: %s", format.Name, out)
		}
	}
}

// FuzzMarkdownText proves that text of any kind stays inside of its line and cell,
// and that what is not a plain word is inside of a code element.
func FuzzMarkdownText(f *testing.F) {
	for _, seed := range []string{poison, "container `api` can run", "a ` b `` c", "(`x`)", "&#60;", "</code>@x", "a\\`b", "- [ ] x", "1. `"} {
		f.Add(seed)
	}
	code := regexp.MustCompile(`<code>(?:[\p{L}\p{N} ,/-]|&#\d+;)*</code>`)
	plain := regexp.MustCompile(`^[\p{L}\p{Nd} .,;:()'-]*$`)
	domain := regexp.MustCompile(`\.[\p{L}\p{Nd}]`)
	f.Fuzz(func(t *testing.T, text string) {
		out := markdownText(text)
		if rest := code.ReplaceAllString(out, ""); !plain.MatchString(rest) {
			t.Errorf("%q becomes %q, which has %q outside of code", text, out, rest)
		}
		if domain.MatchString(code.ReplaceAllString(out, " ")) {
			t.Errorf("%q becomes a link in %q", text, out)
		}
	})
}
