package report

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/source"
)

// withFixes returns a scan of two findings: one with a safe fix, one to review.
func withFixes(t *testing.T) *Scan {
	t.Helper()
	r := object(t, "app/deployment.yaml", deployment)
	file := r.Origin.File
	container := []any{"spec", "template", "spec", "containers", 0}
	missing := broken(r, runsAsRoot, at(append(container, "securityContext", "runAsNonRoot")...), "container `api` can run as root", "is missing here")
	end := strings.Index(deployment, "          args:")
	missing.Fix = &finding.Fix{
		Class: finding.Review, Note: "The pod does not start if the image runs as uid 0.", File: file,
		Edits: []source.Edit{{Span: source.Span{Start: end, End: end}, New: "          securityContext:\n            runAsNonRoot: true\n"}},
	}
	port := broken(r, hostPort, at(append(container, "ports", 2, "hostPort")...), "container `api` takes port 9090 of the node", "is `9090`")
	start := strings.Index(deployment, ", hostPort: 9090")
	port.Fix = &finding.Fix{Class: finding.Safe, File: file, Edits: []source.Edit{{Span: source.Span{Start: start, End: start + len(", hostPort: 9090")}}}}
	manual := broken(r, debugArg, at(append(container, "args", 0)...), "container `api` is started with a flag for debugging", "is here")
	manual.Fix = &finding.Fix{Class: finding.Manual, Note: "Find out who needs it."}
	return &Scan{Result: &scan.Result{Findings: []*finding.Finding{missing, port, manual}, Files: 1, Objects: 1}, FailOn: finding.High, Policies: 3, Version: "1.2.3", Digest: "sha256:0f"}
}

func TestFixesInText(t *testing.T) {
	golden(t, "fixes.txt", []byte(text(t, withFixes(t), TextOptions{Width: 80})))
}

// What tools read is valid, and says where the edits go.
func TestFixesForMachines(t *testing.T) {
	s := withFixes(t)
	schema, err := os.ReadFile("../docs/schema/scan-json-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	asJSON := written(t, func(w io.Writer) error { return JSON(w, s) })
	validate(t, compile(t, schema, true), asJSON)
	asSARIF := written(t, func(w io.Writer) error { return SARIF(w, s) })
	for text, all := range map[string][]string{
		string(asJSON):  {`"class": "review"`, `"class": "manual"`, `"path": "app/deployment.yaml"`, `"new": "          securityContext:\n            runAsNonRoot: true\n"`},
		string(asSARIF): {`"fixes": [`, `"deletedRegion": {`, `"text": "To review: The pod does not start if the image runs as uid 0."`},
	} {
		for _, want := range all {
			if !strings.Contains(text, want) {
				t.Errorf("no %s in\n%s", want, text)
			}
		}
	}
	if n := bytes.Count(asSARIF, []byte(`"artifactChanges"`)); n != 2 {
		t.Errorf("%d fixes in SARIF, want 2: one that is manual is none", n)
	}
}

// The text of what may hold a secret is in no fix.
func TestFixesHideSecrets(t *testing.T) {
	s := withFixes(t)
	for _, f := range s.Findings {
		f.Sensitive = true
	}
	for name, write := range map[string]func(io.Writer) error{
		"text":  func(w io.Writer) error { return Text(w, s, TextOptions{}) },
		"json":  func(w io.Writer) error { return JSON(w, s) },
		"sarif": func(w io.Writer) error { return SARIF(w, s) },
	} {
		if out := string(written(t, write)); strings.Contains(out, "runAsNonRoot: true\\n") || strings.Contains(out, "+           securityContext") {
			t.Errorf("%s shows the edits:\n%s", name, out)
		}
	}
}

func TestFixLines(t *testing.T) {
	file := source.NewFile("a", []byte("a: 1\nb: hunter2\nc: 3\nd: 4"))
	fix := &finding.Fix{File: file, Edits: []source.Edit{
		{Span: source.Span{Start: 3, End: 4}, New: "2"},
		{Span: source.Span{Start: 16, End: 16}, New: "x:\n  y: 1\n"},
		{Span: source.Span{Start: 21, End: 25}},
	}}
	want := []fixLine{{1, "-", "a: 1", 3}, {1, "+", "a: 2", 3}, {2, "|", "b: …", 0}, {3, "+", "x:", 0}, {4, "+", "  y: 1", 0}, {4, "-", "d: 4", 0}}
	if diff := cmp.Diff(want, fixLines(fix), cmp.AllowUnexported(fixLine{})); diff != "" {
		t.Error(diff)
	}
}
