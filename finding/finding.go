// Package finding holds what is reported to people: a documented rule that is
// broken at a place.
//
//	Rule         what is documented: id, title, why it matters, what to do
//	Finding      a Rule that is broken by a subject, at a Location
//	Severity     how bad: info, low, medium, high, critical
//	Fingerprint  the identity of a finding over time: it survives edits,
//	             renames and reordering, since no path or line is in it
//	Cause        the one place to mend for many occurrences of a finding
//
// Everything that finds something (policies, integrity, drift) ends as a
// Finding; what shows findings knows nothing else.
package finding

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// Severity orders findings.
type Severity uint8

// The severities, in rising order.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = []string{"info", "low", "medium", "high", "critical"}

func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return fmt.Sprintf("severity(%d)", s)
}

// ParseSeverity reads a severity's name.
func ParseSeverity(name string) (Severity, error) {
	if i := slices.Index(severityNames, name); i >= 0 {
		return Severity(i), nil
	}
	return 0, fmt.Errorf("unknown severity %q: use one of %s", name, strings.Join(severityNames, ", "))
}

// MarshalText implements encoding.TextMarshaler.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Severity) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSeverity(string(text))
	return err
}

// Rule is what is documented about a kind of problem.
type Rule struct {
	ID          string // HF-<AREA>-<NNN>, never reused
	Title       string
	Severity    Severity
	Why         string
	Remediation string
	References  []string // URLs
	Controls    []string // of compliance frameworks, such as CIS-K8s/5.2.1
}

// Finding is a broken rule at a place.
type Finding struct {
	Rule     *Rule
	Message  string // one sentence about this subject
	Label    string // a few words for the marked place, such as "is missing here"
	Severity Severity
	Subject  resource.ID
	Path     resource.Path // of the offending value in the subject
	Field    string        // Path with list items named by identity
	Location resource.Location
	Via      []string // rendering steps between the location and the subject
	Count    int      // occurrences with the same Cause, this one included; 0 counts as 1

	Fingerprint string // "hf1:" and 128 bits in hexadecimal
	Cause       string // groups the occurrences that one edit mends
}

// Identify sets Fingerprint and Cause. The discriminator tells apart findings
// of one rule at one field of one subject and is usually empty.
func (f *Finding) Identify(discriminator string) {
	f.Fingerprint = "hf1:" + digest(f.Rule.ID, f.Subject.Key(), f.Field, discriminator)
	path := ""
	if f.Location.File != nil {
		path = f.Location.File.Path
	}
	f.Cause = digest(f.Rule.ID, path, fmt.Sprint(f.Location.Span.Start), f.Field, discriminator)
}

// ShortID returns the form of the fingerprint that text output shows.
func (f *Finding) ShortID() string {
	id := strings.TrimPrefix(f.Fingerprint, "hf1:")
	if len(id) < 8 {
		return id
	}
	return id[:4] + "-" + id[4:8]
}

// Sort orders findings as people read them: worst first, then by place.
func Sort(all []*Finding) {
	slices.SortStableFunc(all, func(a, b *Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity),
			cmp.Compare(a.path(), b.path()),
			cmp.Compare(a.Location.Span.Start, b.Location.Span.Start),
			cmp.Compare(a.Rule.ID, b.Rule.ID),
			cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
}

func (f *Finding) path() string {
	if f.Location.File == nil {
		return ""
	}
	return f.Location.File.Path
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}
