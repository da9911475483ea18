package safeguard

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/integrity"
)

// Fixed is a finding that an accepted revision does not have any more, though what
// it was about is still there.
type Fixed struct {
	Fingerprint string `json:"fingerprint"`
	Policy      string `json:"policy"`
	Subject     string `json:"subject"` // the key of its resource
	Commit      string `json:"commit"`  // which fixed it
}

// Regression is a finding that was fixed and is back.
type Regression struct {
	Finding *finding.Finding
	Fixed   Fixed
}

// Memory is what is known of findings over accepted revisions, in their order. The
// zero value knows nothing. Fixed can be stored and given back.
type Memory struct {
	Fixed []Fixed

	present map[string]known
}

type known struct{ policy, subject, path string }

// maxFixed bounds what is remembered: the latest.
const maxFixed = 20_000

// Observe tells which findings of a revision were fixed before, and remembers what
// it fixed. Within says which paths were scanned; nil for all of them. A revision
// that is not accepted is asked about with Returned, and not observed.
func (m *Memory) Observe(commit string, now identity.Side, within func(path string) bool) []Regression {
	back := m.Returned(now.Findings)
	is, subjects := map[string]bool{}, map[string]bool{}
	for _, f := range now.Findings {
		is[f.Fingerprint] = true
	}
	for _, r := range now.Resources {
		subjects[r.ID.Key()] = true
	}
	for print, k := range m.present {
		if is[print] || within != nil && !within(k.path) || !subjects[k.subject] {
			continue
		}
		m.Fixed = append(m.Fixed, Fixed{print, k.policy, k.subject, commit})
		delete(m.present, print)
	}
	if m.present == nil {
		m.present = map[string]known{}
	}
	for _, f := range now.Findings {
		m.present[f.Fingerprint] = known{f.Rule.ID, f.Subject.Key(), pathOf(f)}
	}
	// What is back, and was let through, is no fixed finding any more.
	m.Fixed = slices.DeleteFunc(m.Fixed, func(f Fixed) bool { return is[f.Fingerprint] })
	slices.SortStableFunc(m.Fixed, func(a, b Fixed) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	m.Fixed = m.Fixed[max(0, len(m.Fixed)-maxFixed):]
	return back
}

func pathOf(f *finding.Finding) string {
	if f.Location.File == nil {
		return ""
	}
	return f.Location.File.Path
}

// Returned tells which findings were fixed before, the worst first.
func (m *Memory) Returned(now []*finding.Finding) (all []Regression) {
	fixed := map[string]Fixed{}
	for _, f := range m.Fixed {
		fixed[f.Fingerprint] = f
	}
	for _, f := range now {
		if was, ok := fixed[f.Fingerprint]; ok {
			all = append(all, Regression{f, was})
			delete(fixed, f.Fingerprint)
		}
	}
	slices.SortStableFunc(all, func(a, b Regression) int { return cmp.Compare(b.Finding.Severity, a.Finding.Severity) })
	return all
}

// Problem says what a regression means for a commit: of severity high and worse it
// is held.
func (r Regression) Problem(commit string) integrity.Problem {
	p := integrity.Problem{
		Code: integrity.Regression, Decision: integrity.Warn, Commit: commit,
		Message: fmt.Sprintf("%s is back, which %s had fixed: %s", r.Finding.Rule.ID, short(r.Fixed.Commit), r.Finding.Message),
		Hint:    r.Finding.Rule.Remediation,
	}
	if place := r.Finding.Location; place.File != nil {
		p.Message = fmt.Sprintf("%s:%d: %s", place.File.Path, max(place.Position().Line, 1), p.Message)
	}
	if r.Finding.Severity >= finding.High {
		p.Decision = integrity.Regression.Decision()
	}
	return p
}

func short(id string) string { return id[:min(len(id), 12)] }
