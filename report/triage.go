package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/triage"
)

// SetTriage makes a scan report what a triage shows. What it hides is counted, or
// listed as such.
func (s *Scan) SetTriage(t triage.Outcome, now time.Time) {
	s.Triage, s.Now = &t, now
	s.Findings = make([]*finding.Finding, len(t.Shown))
	s.entries = make(map[*finding.Finding]triage.Entry, len(t.Shown)+len(t.Hidden))
	for i, e := range t.Shown {
		s.Findings[i] = e.Finding
		s.entries[e.Finding] = e
	}
	for _, e := range t.Hidden {
		s.entries[e.Finding] = e
	}
}

// hidden returns what the triage does not show.
func (s *Scan) hidden() []triage.Entry {
	if s.Triage == nil {
		return nil
	}
	return s.Triage.Hidden
}

// standing says in the notes of a finding what became of it.
func standing(e triage.Entry) (label, text string) {
	switch e.Status {
	case triage.Requested:
		return "asked", fmt.Sprintf("%s (%s, %s)", e.Note, e.By, e.Reason)
	case triage.Waived:
		return "until", fmt.Sprintf("%s by %s: %s", e.Expires, e.By, e.Reason)
	case triage.InBaseline:
		return "old", "it is in the baseline"
	case triage.Old:
		return "old", "it was there before"
	}
	return "", ""
}

// notShown counts what is hidden, in one line.
func (p *Printer) notShown(s *Scan, all bool) {
	t := s.Triage
	if t == nil {
		return
	}
	var parts []string
	if n := t.Count(triage.Old); n > 0 {
		parts = append(parts, fmt.Sprintf("%d that %s there before", n, were(n)))
	}
	if n := t.Count(triage.InBaseline); n > 0 {
		parts = append(parts, fmt.Sprintf("%d in the baseline", n))
	}
	if n := t.Count(triage.Waived); n > 0 {
		text := fmt.Sprintf("%d waived", n)
		if due := t.Expiring(s.Now); len(due) > 0 {
			text += " (" + expiry(due[0], s.Now)
			if len(due) > 1 {
				text += fmt.Sprintf(", %d more soon", len(due)-1)
			}
			text += ")"
		}
		parts = append(parts, text)
	}
	switch {
	case len(parts) == 0:
	case all:
		p.hang("", 0, "None of these counts: "+strings.Join(parts, ", ")+".")
	default:
		p.hang("", 0, "Not shown: "+strings.Join(parts, ", ")+". Show: `holdfast scan --all`.")
	}
	if t.Mended > 0 {
		p.hang("", 0, fmt.Sprintf("%s of the baseline %s not found any more: `holdfast baseline update` removes them.", Plural(t.Mended, "entry", "entries"), are(t.Mended)))
	}
	if s.Deferred > 0 {
		p.hang("", 0, Plural(s.Deferred, "verdict", "verdicts")+" on other files' resources, too, are left to a scan of everything.")
	}
}

func expiry(e triage.Entry, now time.Time) string {
	switch days := e.Expires.Days(now); days {
	case 0:
		return e.By + " expires today"
	case 1:
		return e.By + " expires tomorrow"
	default:
		return fmt.Sprintf("%s expires in %d days", e.By, days)
	}
}

func were(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// jsonTriage is what became of a finding.
type jsonTriage struct {
	Status string      `json:"status"`
	Was    string      `json:"was,omitempty"`
	Waiver *jsonWaiver `json:"waiver,omitempty"`
}

type jsonWaiver struct {
	ID      string `json:"id"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"`
	Note    string `json:"note,omitempty"`
}

func newJSONTriage(e triage.Entry) *jsonTriage {
	out := &jsonTriage{Status: e.Status.String(), Was: e.Was}
	if e.By != "" && (e.Status == triage.Waived || e.Status == triage.Requested) {
		out.Waiver = &jsonWaiver{e.By, e.Reason, e.Expires.String(), e.Note}
	}
	return out
}

// triaged adds what became of a finding to it.
func (s *Scan) triaged(f jsonFinding, of *finding.Finding) jsonFinding {
	if e, ok := s.entries[of]; ok {
		f.Triage = newJSONTriage(e)
	}
	return f
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification,omitempty"`
}

// triaged adds to a result whether it is new, and who suppresses it.
func (r *sarifResult) triaged(s *Scan, e triage.Entry) {
	if s.Triage.Compared {
		r.Baseline = "new"
		if e.Before {
			r.Baseline = "unchanged"
		}
	}
	one := sarifSuppression{Kind: "external", Status: "accepted", Justification: Plain(e.Reason)}
	if strings.Contains(e.By, ":") { // the place of a comment
		one.Kind = "inSource"
	}
	switch e.Status {
	case triage.Waived:
	case triage.Requested:
		one.Status = "underReview"
	case triage.InBaseline:
		one.Justification = "It was there before Holdfast came."
	default:
		return
	}
	r.Suppressions = []sarifSuppression{one}
}
