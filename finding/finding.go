// Package finding holds what is reported to people: a documented rule that is
// broken at a place.
//
//	Rule         what is documented: id, title, why it matters, what to do
//	Finding      a Rule that is broken by a subject, at a Location
//	Severity     how bad: info, low, medium, high, critical
//	Fingerprint  the identity of a finding over time: it survives edits,
//	             renames and reordering, since no path or line is in it
//	Cause        the one place to mend for many occurrences of a finding
//	Hidden       a finding whose source text may hold a secret
//	Fix          how it can be mended: the edits, and what has to be known first
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
	"strconv"
	"strings"
	"sync"

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

// MarshalText implements encoding.TextMarshaler. A severity that has no name
// gives an error, since nothing could read it back.
func (s Severity) MarshalText() ([]byte, error) {
	if int(s) >= len(severityNames) {
		return nil, fmt.Errorf("severity %d has no name", s)
	}
	return []byte(s.String()), nil
}

// UnmarshalText implements encoding.TextUnmarshaler. After an error the
// severity is as it was.
func (s *Severity) UnmarshalText(text []byte) error {
	parsed, err := ParseSeverity(string(text))
	if err == nil {
		*s = parsed
	}
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
	Rule      *Rule
	Message   string // one sentence about this subject, without a full stop
	Label     string // a few words for the marked place, such as "is missing here"
	Severity  Severity
	Sensitive bool // it is about a secret outside of the places that hold secrets: see Hidden
	Subject   resource.ID
	Path      resource.Path // of the offending value in the subject
	Field     string        // Path with list items named by identity
	Location  resource.Location
	Via       []string // rendering steps between the location and the subject
	Count     int      // occurrences with the same Cause, this one included; 0 counts as 1
	Fix       *Fix     // how it can be mended; nil where nobody asked or nothing is known

	Material    string // digest of the offending value: changes when that does; empty where not even that may be told
	Fingerprint string // "hf1:" and 128 bits in hexadecimal
	Cause       string // groups the occurrences that one edit mends
}

// Identify sets Fingerprint and Cause. The discriminator tells apart findings
// of one rule at one field of one subject and is usually empty.
func (f *Finding) Identify(discriminator string) {
	var room [256]byte
	var keyRoom [128]byte
	key := f.Subject.AppendKey(keyRoom[:0])
	var both [2*digestLen + len(fingerprintPrefix)]byte
	text := append(both[:0], fingerprintPrefix...)
	text = appendDigest(text, part(part(part(part(room[:0], f.Rule.ID), key), f.Field), discriminator))
	text = appendDigest(text, f.place(part(part(room[:0], f.Rule.ID), discriminator), key))
	all := string(text)
	f.Fingerprint, f.Cause = all[:len(all)-digestLen], all[len(all)-digestLen:]
}

const (
	fingerprintPrefix = "hf1:"
	digestLen         = 32 // bytes of a digest as it is written
)

// place names what one edit mends. At an exact place that is the field without
// the names of list items, for a template can render many items. Where only
// the object is known, the items count. Where not even that is known, nothing
// may be taken for the same but the subject itself: to show a problem twice is
// better than to hide one. It is appended to parts.
func (f *Finding) place(parts, subject []byte) []byte {
	span := f.Location.Span
	var room [20]byte
	start := strconv.AppendInt(room[:0], int64(span.Start), 10)
	switch {
	case f.Location.File == nil || span.IsZero() || !f.Location.Exact && span.Start == span.End:
		return part(part(part(part(parts, "subject"), f.path()), subject), f.Field)
	case !f.Location.Exact || len(f.Path) == 0:
		return part(part(part(part(parts, "object"), f.path()), start), f.Field)
	}
	parts = part(part(part(parts, "exact"), f.path()), start)
	for _, step := range f.Path {
		if !step.IsIndex() {
			parts = append(parts, step.Name...)
		}
		parts = append(parts, 0)
	}
	return parts
}

// Hidden reports whether the source text around Location may hold a secret, so
// that it must not be shown. What a Secret is made of may be in any line of it.
func (f *Finding) Hidden() bool {
	inSecret := f.Subject.Group == "" && f.Subject.Kind == "Secret"
	return f.Sensitive || inSecret || resource.Sensitive(f.Subject, f.Path)
}

// ShortID returns the form of the fingerprint that text output shows.
func (f *Finding) ShortID() string {
	id := strings.TrimPrefix(f.Fingerprint, fingerprintPrefix)
	if len(id) < 8 {
		return id
	}
	return id[:4] + "-" + id[4:8]
}

// Sort orders findings as people read them: worst first, then by place. The
// order does not depend on the one before, unless findings are alike in all
// that is shown.
func Sort(all []*Finding) {
	if !slices.IsSortedFunc(all, inOrder) { // as those are that were sorted before
		slices.SortStableFunc(all, inOrder)
	}
}

func inOrder(a, b *Finding) int {
	if c := cmp.Compare(b.Severity, a.Severity); c != 0 {
		return c
	}
	if a.Location.File != b.Location.File {
		if c := cmp.Compare(a.path(), b.path()); c != 0 {
			return c
		}
	}
	if c := cmp.Compare(a.Location.Span.Start, b.Location.Span.Start); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Rule.ID, b.Rule.ID); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Fingerprint, b.Fingerprint); c != 0 {
		return c
	}
	return cmp.Or(slices.Compare(a.Via, b.Via), cmp.Compare(a.Message, b.Message))
}

func (f *Finding) path() string {
	if f.Location.File == nil {
		return ""
	}
	return f.Location.File.Path
}

// ByCause keeps the first of the findings that one edit mends, with their
// number in its Count. It changes the Count of the findings given. What is said
// of one subject at one place is one finding too, however sure the place is: a
// base and what overlays make of it.
func ByCause(sorted []*Finding) []*Finding {
	type place struct {
		fingerprint, path string
		start             int
	}
	byCause := make(map[string]*Finding, len(sorted))
	byPlace := make(map[place]*Finding, len(sorted))
	out := slices.Grow([]*Finding(nil), len(sorted)) // nil if there are none
	for _, f := range sorted {
		same := place{f.Fingerprint, f.path(), f.Location.Span.Start}
		one := byCause[f.Cause]
		if one == nil && !f.Location.Span.IsZero() {
			one = byPlace[same]
		}
		if one == nil {
			f.Count, one = 0, f
			out = append(out, f)
		}
		one.Count++
		byCause[f.Cause], byPlace[same] = one, one
	}
	return out
}

// SetMaterial sets Material to the digest of the value at Path, which is nil if
// there is none. Of a map it is the keys that count, so that a waiver for a
// container does not lapse with its next image.
func (f *Finding) SetMaterial(value *resource.Value) {
	switch {
	case f.Hidden():
		f.Material = ""
	case value == nil:
		f.Material = absent()
	case value.Kind == resource.Map:
		keys := make([]string, len(value.Fields))
		for i := range value.Fields {
			keys[i] = value.Fields[i].Key
		}
		slices.Sort(keys)
		var room [256]byte
		parts := part(room[:0], "map")
		for _, key := range keys {
			parts = part(parts, key)
		}
		f.Material = digest(parts)
	default:
		var room, text [256]byte
		f.Material = digest(part(part(room[:0], "value"), resource.AppendJSON(text[:0], value)))
	}
}

var absent = sync.OnceValue(func() string { return digest(part(nil, "absent")) })

// digest returns the digest of parts in hexadecimal.
func digest(parts []byte) string {
	var room [digestLen]byte
	return string(appendDigest(room[:0], parts))
}

// part appends a part of what a digest is made of, with its length: no two lists of parts
// are the same bytes, whatever is in them.
func part[T string | []byte](parts []byte, one T) []byte {
	return append(append(strconv.AppendInt(parts, int64(len(one)), 10), ':'), one...)
}

// appendDigest appends the digest of parts in hexadecimal.
func appendDigest(text, parts []byte) []byte {
	sum := sha256.Sum256(parts)
	return hex.AppendEncode(text, sum[:digestLen/2])
}
