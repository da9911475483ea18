package report

import (
	"io"

	"github.com/holdfast-dev/holdfast/finding"
)

// LinesID names the version of the JSONL output, under the rules of SchemaID.
const LinesID = "https://holdfast.dev/schema/scan/jsonl-v1"

type jsonLine struct {
	Type string `json:"type"` // finding, or hidden: old, in the baseline or waived
	jsonFinding
}

type jsonSummary struct {
	Type string `json:"type"` // summary
	jsonHead
	jsonAccount
}

// JSONL writes one line of JSON for each finding, and a last one about the scan.
// Without the last one, the output is cut off.
func JSONL(w io.Writer, s *Scan) error {
	line := func(kind string, f *finding.Finding) error {
		return WriteJSON(w, jsonLine{kind, s.triaged(newJSONFinding(f), f)}, false)
	}
	for _, f := range s.Findings {
		if err := line("finding", f); err != nil {
			return err
		}
	}
	for _, e := range s.hidden() {
		if err := line("hidden", e.Finding); err != nil {
			return err
		}
	}
	return WriteJSON(w, jsonSummary{"summary", newJSONHead(s, LinesID), newJSONAccount(s)}, false)
}
