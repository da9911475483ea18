package report

import (
	"cmp"
	"io"
	"slices"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
)

type rdResult struct {
	Source      rdSource       `json:"source"`
	Severity    string         `json:"severity"`
	Diagnostics []rdDiagnostic `json:"diagnostics"`
}

type rdSource struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type rdDiagnostic struct {
	Message     string         `json:"message"`
	Location    rdLocation     `json:"location"`
	Severity    string         `json:"severity"`
	Code        *rdCode        `json:"code,omitempty"`
	Suggestions []rdSuggestion `json:"suggestions,omitempty"`
}

type rdLocation struct {
	Path  string   `json:"path"`
	Range *rdRange `json:"range,omitempty"`
}

type rdRange struct {
	Start rdPosition  `json:"start"`
	End   *rdPosition `json:"end,omitempty"`
}

// rdPosition is a line and a column from 1, which counts bytes.
type rdPosition struct {
	Line   int `json:"line"`
	Column int `json:"column,omitempty"`
}

type rdCode struct {
	Value string `json:"value"`
	URL   string `json:"url,omitempty"`
}

type rdSuggestion struct {
	Range rdRange `json:"range"`
	Text  string  `json:"text"`
}

// RDJSON writes the Reviewdog Diagnostic Format, from which reviewdog comments on
// the lines of a change. What does not count is left out. Fixes are suggestions.
func RDJSON(w io.Writer, s *Scan) error {
	out := rdResult{Source: rdSource{"holdfast", "https://holdfast.dev"}, Severity: "INFO", Diagnostics: []rdDiagnostic{}}
	if len(s.Findings) > 0 {
		out.Severity = rdSeverity(slices.MaxFunc(s.Findings, func(a, b *finding.Finding) int { return cmp.Compare(a.Severity, b.Severity) }).Severity)
	}
	for _, f := range s.Findings {
		one := rdDiagnostic{
			Message: sentence(f.Message), Location: rdLocation{Path: here(s)}, Severity: rdSeverity(f.Severity),
			Code: &rdCode{Value: f.Rule.ID}, Suggestions: suggestions(f),
		}
		if f.Rule.Remediation != "" {
			one.Message += " Fix: " + Plain(f.Rule.Remediation)
		}
		if remark := s.remark(f); remark != "" {
			one.Message += " (" + Plain(remark) + ")"
		}
		if len(f.Rule.References) > 0 {
			one.Code.URL = f.Rule.References[0]
		}
		if file := f.Location.File; file != nil {
			span := f.Location.Span
			one.Location = rdLocation{file.Path, &rdRange{Start: rdPosition{Line: file.Position(span.Start).Line}}}
			if f.Location.Exact {
				one.Location.Range = newRDRange(file, span)
			}
		}
		out.Diagnostics = append(out.Diagnostics, one)
	}
	for _, t := range s.troubles() {
		out.Severity = "ERROR"
		one := rdDiagnostic{Message: s.incompleteIs() + t.text(), Location: rdLocation{Path: cmp.Or(t.Path, here(s))}, Severity: "ERROR"}
		if t.At.Line > 0 { // its column counts characters
			one.Location.Range = &rdRange{Start: rdPosition{Line: t.At.Line}}
		}
		out.Diagnostics = append(out.Diagnostics, one)
	}
	return WriteJSON(w, out, true)
}

func rdSeverity(s finding.Severity) string {
	return map[string]string{"error": "ERROR", "warning": "WARNING", "note": "INFO"}[Level(s)]
}

func newRDRange(file *source.File, span source.Span) *rdRange {
	position := func(offset int) rdPosition {
		line := file.Position(offset).Line
		return rdPosition{line, offset - file.Line(line).Start + 1}
	}
	end := position(max(span.Start, span.End))
	return &rdRange{position(span.Start), &end}
}

// suggestionLines is how many lines a suggestion may reach over.
const suggestionLines = 20

// suggestions returns the fix of a finding as one change of text, since its edits
// are made together or not at all. Text that may hold a secret is not repeated.
func suggestions(f *finding.Finding) []rdSuggestion {
	fix := f.Fix
	if !fix.Automatic() || fix.Class == finding.Manual || f.HidesFix() || f.Location.File == nil || fix.File == nil || fix.File.Path != f.Location.File.Path {
		return nil
	}
	first := slices.MinFunc(fix.Edits, func(a, b source.Edit) int { return cmp.Compare(a.Span.Start, b.Span.Start) })
	last := slices.MaxFunc(fix.Edits, func(a, b source.Edit) int { return cmp.Compare(a.Span.End, b.Span.End) })
	span := source.Span{Start: first.Span.Start, End: last.Span.End}
	if fix.File.Position(span.End).Line-fix.File.Position(span.Start).Line > suggestionLines {
		return nil
	}
	inside := make([]source.Edit, len(fix.Edits))
	for i, e := range fix.Edits {
		inside[i] = source.Edit{Span: source.Span{Start: e.Span.Start - span.Start, End: e.Span.End - span.Start}, New: e.New}
	}
	text, err := source.Apply(fix.File.Content[span.Start:span.End], inside)
	if err != nil {
		return nil
	}
	return []rdSuggestion{{*newRDRange(fix.File, span), string(text)}}
}
