package report

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/source"
)

func text(t *testing.T, s *Scan, opts TextOptions) string {
	t.Helper()
	return string(written(t, func(w io.Writer) error { return Text(w, s, opts) }))
}

func TestText(t *testing.T) {
	s := aScan(t)
	golden(t, "scan.txt", []byte(text(t, s, TextOptions{})))
	golden(t, "verbose.txt", []byte(text(t, s, TextOptions{Quiet: true, Verbose: true})))
	golden(t, "narrow.txt", []byte(text(t, s, TextOptions{Width: 60, Limit: 2})))
	golden(t, "concise.txt", written(t, func(w io.Writer) error { return Concise(w, s) }))
}

// Colour adds to the words, and never takes the place of one.
func TestTextColor(t *testing.T) {
	s := aScan(t)
	colored := text(t, s, TextOptions{Color: true, Verbose: true})
	codes := regexp.MustCompile(`\x1b\[[0-9;]+m`)
	for _, code := range codes.FindAllString(colored, -1) {
		if !regexp.MustCompile(`^\x1b\[(0|[12]|3[1-6])(;(3[1-6]))?m$`).MatchString(code) {
			t.Errorf("%q is not one of the 16 colours", code)
		}
	}
	if diff := cmp.Diff(text(t, s, TextOptions{Verbose: true}), codes.ReplaceAllString(colored, "")); diff != "" {
		t.Errorf("the text differs in colour:\n%s", diff)
	}
}

func TestSummary(t *testing.T) {
	found := func(severities ...finding.Severity) (all []*finding.Finding) {
		for _, s := range severities {
			all = append(all, &finding.Finding{Rule: &finding.Rule{}, Severity: s})
		}
		return all
	}
	tests := []struct {
		name   string
		result scan.Result
		number int // of policies
		want   string
	}{
		{"nothing found", scan.Result{Files: 1, Objects: 1, Elapsed: 12 * time.Millisecond}, 1,
			"No problems found.\nChecked 1 file as 1 object against 1 policy in 12 ms; passed over 0 files.\n"},
		{"nothing to judge", scan.Result{Skipped: []render.Skipped{{Path: "a"}}}, 2,
			"There was nothing to judge.\nChecked 0 files as 0 objects against 2 policies in 0 ms; passed over 1 file (`-v` lists them).\n"},
		{"one blocks", scan.Result{Findings: found(finding.High), Files: 2, Objects: 3, Renders: 1, Elapsed: 1520 * time.Millisecond}, 2,
			"Found 1 problem: 1 high; 1 blocks (fail-on: high).\nChecked 2 files as 3 objects (1 render) against 2 policies in 1.5 s; passed over 0 files.\n"},
		{"several block", scan.Result{Findings: found(finding.Critical, finding.High, finding.High, finding.Low), Files: 1, Objects: 1, Renders: 2,
			Verdicts: policy.Tally{policy.Unknown: 2}}, 2,
			"Found 4 problems: 1 critical, 2 high, 1 low; 3 block (fail-on: high).\nChecked 1 file as 1 object (2 renders) against 2 policies in 0 ms; passed over 0 files.\n" +
				"2 verdicts could not be decided, because a value is not known.\n"},
		{"none blocks", scan.Result{Findings: found(finding.Info), Files: 1, Objects: 1, Verdicts: policy.Tally{policy.Unknown: 1}}, 2,
			"Found 1 problem: 1 info; none blocks (fail-on: high).\nChecked 1 file as 1 object against 2 policies in 0 ms; passed over 0 files.\n" +
				"1 verdict could not be decided, because a value is not known.\n"},
		{"incomplete", scan.Result{Problems: make([]render.Problem, 1), Errors: []string{"a", "b"}}, 2,
			"No problems found in what could be judged.\nIncomplete: 1 file or unit could not be judged, 2 policies could not be evaluated.\n" +
				"Checked 0 files as 0 objects against 2 policies in 0 ms; passed over 0 files.\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := text(t, &Scan{Result: &tt.result, FailOn: finding.High, Policies: tt.number}, TextOptions{Quiet: true})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The text of a Secret is in no line of the output, wherever the finding is.
func TestTextHidesSecrets(t *testing.T) {
	const secret = "hunter2hunter2"
	documents := map[string]string{
		"block":   "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: " + secret + "\n",
		"flow":    "{apiVersion: v1, kind: Secret, metadata: {name: db}, stringData: {password: " + secret + "}}\n",
		"literal": "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password: |\n    " + secret + "\n",
		"folded":  "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  password:\n    " + secret + "\n",
		"quoted":  "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData:\n  \"password\": \"" + secret + "\"\n",
	}
	for name, document := range documents {
		t.Run(name, func(t *testing.T) {
			r := object(t, "secret.yaml", document)
			s := &Scan{Result: &scan.Result{}}
			for _, path := range []resource.Path{at("stringData", "password"), at("stringData"), at("metadata", "labels"), at("stringData", "absent")} {
				s.Findings = append(s.Findings, broken(r, hostPort, path, "Secret db is in Git", "the value is here (not shown)"))
			}
			out := text(t, s, TextOptions{})
			if strings.Contains(out, secret[:7]) {
				t.Errorf("the secret is shown:\n%s", out)
			}
			if !strings.Contains(out, resource.Mask) || !strings.Contains(out, "^") {
				t.Errorf("no masked line:\n%s", out)
			}
		})
	}
	r := object(t, "config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: db}\ndata:\n  url: postgres://u:"+secret+"@db\n")
	f := broken(r, hostPort, at("data", "url"), "a password is in Git", "the value is here (not shown)")
	f.Sensitive = true
	if out := text(t, &Scan{Result: &scan.Result{Findings: []*finding.Finding{f}}}, TextOptions{}); strings.Contains(out, secret) {
		t.Errorf("the value of a sensitive finding is shown:\n%s", out)
	}
}

// attack has what acts on terminals: a title, a colour, a clear screen, C1
// controls, a bell, reordering, an invisible character and bytes out of UTF-8.
const attack = "\x1b]0;title\x07\x1b[31m\x1b[2J\u009b31m\x07\b\r\u202e\u2066\u200b\u2028\u00ad\x7f\xff\xfe"

func TestTerminalInjection(t *testing.T) {
	evil := "x" + attack + "y"
	file := source.NewFile("dir/"+evil+".yaml", []byte("a: "+evil+"\n"))
	f := &finding.Finding{
		Rule:    &finding.Rule{ID: "HF-" + evil, Title: evil, Why: evil, Remediation: evil, Controls: []string{evil}},
		Message: evil, Label: evil, Field: evil, Subject: resource.ID{Kind: evil, Namespace: evil, Name: evil},
		Location: resource.Location{File: file, Span: source.Span{Start: 3, End: 9}}, Via: []string{evil},
	}
	f.Identify("")
	exact, hidden := *f, *f
	exact.Location.Exact, hidden.Sensitive = true, true
	s := &Scan{
		Result: &scan.Result{
			Findings: []*finding.Finding{f, &exact, &hidden},
			Problems: []render.Problem{{Path: evil, Message: evil, Hint: evil}},
			Errors:   []string{evil},
			Skipped:  []render.Skipped{{Path: evil, Reason: evil}},
		},
		Root: evil, Digest: evil, Version: evil, Revision: evil,
	}
	for name, write := range map[string]func(io.Writer) error{
		"text":    func(w io.Writer) error { return Text(w, s, TextOptions{Verbose: true}) },
		"concise": func(w io.Writer) error { return Concise(w, s) },
		"json":    func(w io.Writer) error { return JSON(w, s) },
		"sarif":   func(w io.Writer) error { return SARIF(w, s) },
	} {
		checkHarmless(t, name, string(written(t, write)))
	}
}

// checkHarmless fails for any character that Plain drops, but for line feeds.
func checkHarmless(t *testing.T, name, out string) {
	t.Helper()
	if kept := strings.ReplaceAll(out, "\n", ""); Plain(kept) != kept {
		t.Errorf("%s: characters that act on terminals in %q", name, out)
	}
}

func TestTextReportsFailedWrites(t *testing.T) {
	full := errors.New("disk full")
	s := aScan(t)
	for name, write := range map[string]func(io.Writer) error{
		"text":    func(w io.Writer) error { return Text(w, s, TextOptions{}) },
		"concise": func(w io.Writer) error { return Concise(w, s) },
		"json":    func(w io.Writer) error { return JSON(w, s) },
		"sarif":   func(w io.Writer) error { return SARIF(w, s) },
	} {
		if err := write(failingWriter{full}); !errors.Is(err, full) {
			t.Errorf("%s: error %v, want %v", name, err, full)
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
