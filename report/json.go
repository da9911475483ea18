package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
)

// SchemaID names the version of the JSON output. Fields are added to a
// version; they are never removed or given another meaning.
const SchemaID = "https://holdfast.dev/schema/scan/json-v1"

type jsonScan struct {
	jsonHead
	Findings []jsonFinding `json:"findings"`
	Hidden   []jsonFinding `json:"hidden,omitempty"`
	jsonAccount
}

// jsonHead says what was scanned, and what came out.
type jsonHead struct {
	Schema   string       `json:"schema"`
	Version  string       `json:"version"`
	Root     string       `json:"root"`
	Revision string       `json:"revision,omitempty"`
	Complete bool         `json:"complete"`
	Policies jsonPolicies `json:"policies"`
	Counts   jsonCounts   `json:"counts"`
}

// jsonAccount is about everything that gave no finding.
type jsonAccount struct {
	Problems []jsonProblem  `json:"problems"`
	Errors   []string       `json:"errors"`
	Skipped  []jsonSkipped  `json:"skipped"`
	Verdicts map[string]int `json:"verdicts"`
}

type jsonPolicies struct {
	Number int    `json:"number"`
	Digest string `json:"digest"`
}

type jsonCounts struct {
	Files    int            `json:"files"`
	Objects  int            `json:"objects"`
	Renders  int            `json:"renders"`
	Findings map[string]int `json:"findings"` // by severity
	Blocking int            `json:"blocking"`
}

type jsonFinding struct {
	Policy      string           `json:"policy"`
	Title       string           `json:"title"`
	Severity    finding.Severity `json:"severity"`
	Message     string           `json:"message"`
	Subject     jsonSubject      `json:"subject"`
	Field       string           `json:"field"`
	Location    *jsonLocation    `json:"location,omitempty"`
	Via         []string         `json:"via,omitempty"`
	Occurrences int              `json:"occurrences"`
	Why         string           `json:"why"`
	Remediation string           `json:"remediation"`
	References  []string         `json:"references,omitempty"`
	Controls    []string         `json:"controls,omitempty"`
	Fingerprint string           `json:"fingerprint"`
	Cause       string           `json:"cause"`
	Triage      *jsonTriage      `json:"triage,omitempty"`
	Fix         *jsonFix         `json:"fix,omitempty"`
}

type jsonSubject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

type jsonLocation struct {
	Path  string       `json:"path"`
	Start jsonPosition `json:"start"`
	End   jsonPosition `json:"end"`
	Exact bool         `json:"exact"`
}

type jsonPosition struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Offset int `json:"offset"` // bytes
}

type jsonProblem struct {
	Path    string `json:"path"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

type jsonSkipped struct {
	Path   string `json:"path"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Reason string `json:"reason"`
}

// JSON writes a scan as a document of the json-v1 schema.
func JSON(w io.Writer, s *Scan) error {
	doc := jsonScan{jsonHead: newJSONHead(s, SchemaID), Findings: []jsonFinding{}, jsonAccount: newJSONAccount(s)}
	for _, f := range s.Findings {
		doc.Findings = append(doc.Findings, s.triaged(newJSONFinding(f), f))
	}
	for _, e := range s.hidden() {
		doc.Hidden = append(doc.Hidden, s.triaged(newJSONFinding(e.Finding), e.Finding))
	}
	return WriteJSON(w, doc, true)
}

func newJSONHead(s *Scan, schema string) jsonHead {
	return jsonHead{
		Schema: schema, Version: s.Version, Root: s.Root, Revision: s.Revision, Complete: !s.Partial(),
		Policies: jsonPolicies{s.Policies, s.Digest},
		Counts:   jsonCounts{s.Files, s.Objects, s.Renders, bySeverity(s.Findings), s.Blocking()},
	}
}

func newJSONAccount(s *Scan) jsonAccount {
	a := jsonAccount{
		Problems: []jsonProblem{}, Skipped: []jsonSkipped{},
		Errors: append([]string{}, s.Errors...), Verdicts: map[string]int{},
	}
	for _, p := range s.Problems {
		a.Problems = append(a.Problems, newJSONProblem(p))
	}
	for _, skip := range s.Skipped {
		a.Skipped = append(a.Skipped, jsonSkipped{skip.Path, skip.Position.Line, skip.Position.Column, skip.Reason})
	}
	for v := policy.Pass; v <= policy.Error; v++ {
		a.Verdicts[v.String()] = s.Verdicts[v]
	}
	return a
}

// bySeverity counts findings. Every severity is there, also with 0.
func bySeverity(all []*finding.Finding) map[string]int {
	n := map[string]int{}
	for s := finding.Info; s <= finding.Critical; s++ {
		n[s.String()] = 0
	}
	for _, f := range all {
		n[f.Severity.String()]++
	}
	return n
}

func newJSONFinding(f *finding.Finding) jsonFinding {
	return jsonFinding{
		Policy: f.Rule.ID, Title: f.Rule.Title, Severity: f.Severity, Message: f.Message,
		Subject: jsonSubject{f.Subject.APIVersion(), f.Subject.Kind, f.Subject.Namespace, f.Subject.Name},
		Field:   f.Field, Location: newJSONLocation(f.Location), Via: f.Via, Occurrences: max(f.Count, 1),
		Why: f.Rule.Why, Remediation: f.Rule.Remediation, References: f.Rule.References, Controls: f.Rule.Controls,
		Fingerprint: f.Fingerprint, Cause: f.Cause, Fix: newJSONFix(f),
	}
}

func newJSONLocation(loc resource.Location) *jsonLocation {
	if loc.File == nil {
		return nil
	}
	position := func(offset int) jsonPosition {
		p := loc.File.Position(offset)
		return jsonPosition{p.Line, p.Column, offset}
	}
	return &jsonLocation{loc.File.Path, position(loc.Span.Start), position(loc.Span.End), loc.Exact}
}

func newJSONProblem(p render.Problem) jsonProblem {
	return jsonProblem{p.Path, p.Position.Line, p.Position.Column, p.Message, p.Hint}
}

// WriteJSON writes a value on one line, or indented. Also a terminal can be shown
// it: the characters that Plain drops stand only in strings, where they are escaped.
func WriteJSON(w io.Writer, doc any, indent bool) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := w.Write(escapeHazards(buf.Bytes(), func(out []byte, r rune) []byte {
		for _, unit := range utf16.Encode([]rune{r}) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
		return out
	}))
	return err
}

// escapeHazards writes every character that acts on a terminal, but for line
// endings, as escape does.
func escapeHazards(text []byte, escape func(out []byte, r rune) []byte) []byte {
	isHazard := func(r rune) bool { return r != '\n' && hazard(r) }
	out := make([]byte, 0, len(text))
	for {
		i := bytes.IndexFunc(text, isHazard)
		if i < 0 {
			return append(out, text...)
		}
		out = append(out, text[:i]...)
		r, size := utf8.DecodeRune(text[i:])
		out = escape(out, r)
		text = text[i+size:]
	}
}
