package report

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/triage"
	"github.com/holdfast-dev/holdfast/waiver"
)

// aTriage returns a scan in which findings have all statuses.
func aTriage(t *testing.T) *Scan {
	t.Helper()
	s := aScan(t)
	now := time.Date(2026, 12, 9, 15, 0, 0, 0, time.UTC)
	ends := waiver.Date{Time: time.Date(2026, 12, 15, 0, 0, 0, 0, time.UTC)}
	all := s.Findings
	s.SetTriage(triage.Outcome{
		Compared: true, Mended: 2,
		Shown: []triage.Entry{
			{Finding: all[0], Status: triage.Requested, By: "W-0032", Reason: "isolated", Expires: ends, Note: "the waiver is not approved yet"},
		},
		Hidden: []triage.Entry{
			{Finding: all[1], Status: triage.Old, Before: true, Was: "hf1:0123"},
			{Finding: all[2], Status: triage.Waived, By: "apps/api.yaml:7", Reason: "measured", Expires: ends},
			{Finding: all[3], Status: triage.InBaseline},
		},
	}, now)
	return s
}

func TestTriageInText(t *testing.T) {
	for name, opts := range map[string]TextOptions{"triage.txt": {}, "triage-all.txt": {All: true}} {
		golden(t, name, written(t, func(w io.Writer) error { return Text(w, aTriage(t), opts) }))
	}
}

func TestTriageInJSON(t *testing.T) {
	published, err := os.ReadFile("../docs/schema/scan-json-v1.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	out := written(t, func(w io.Writer) error { return JSON(w, aTriage(t)) })
	validate(t, compile(t, published, true), out)
	var doc struct {
		Counts           struct{ Blocking int }
		Findings, Hidden []struct {
			Triage struct {
				Status, Was string
				Waiver      *struct{ ID, Reason, Expires, Note string }
			}
		}
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range append(doc.Findings, doc.Hidden...) {
		got = append(got, f.Triage.Status)
	}
	if strings.Join(got, " ") != "requested old waived baseline" || doc.Counts.Blocking != 1 {
		t.Errorf("statuses %v, %d block", got, doc.Counts.Blocking)
	}
	if w := doc.Findings[0].Triage.Waiver; w == nil || w.ID != "W-0032" || w.Expires != "2026-12-15" || w.Note == "" {
		t.Errorf("waiver %+v", w)
	}
	if doc.Hidden[0].Triage.Was != "hf1:0123" {
		t.Error("the fingerprint of before is not told")
	}
}

func TestTriageInSARIF(t *testing.T) {
	out := written(t, func(w io.Writer) error { return SARIF(w, aTriage(t)) })
	validate(t, compile(t, oasisSchema(t), false), out)
	var log struct {
		Runs []struct {
			Results []struct {
				BaselineState string
				Suppressions  []struct{ Kind, Status, Justification string }
			}
		}
	}
	if err := json.Unmarshal(out, &log); err != nil {
		t.Fatal(err)
	}
	want := []string{"new external underReview isolated", "unchanged", "new inSource accepted measured", "new external accepted It was there before Holdfast came."}
	for i, r := range log.Runs[0].Results {
		got := r.BaselineState
		for _, s := range r.Suppressions {
			got += " " + s.Kind + " " + s.Status + " " + s.Justification
		}
		if got != want[i] {
			t.Errorf("result %d is %q, want %q", i, got, want[i])
		}
	}
}
