// Package waiver holds the risks that people accept, each for a while and with a
// reason.
//
//	List      .holdfast/waivers.yaml, decoded strictly
//	Waiver    one accepted risk: which policy, of what, why, whose, until when
//	Standing  whether a waiver holds for a finding, and if not why
//	Ignore    a comment beside the line that it is about: # holdfast:ignore …
//	Digest    what a waiver was given for: a finding and the value found
//	Date      a day; it is over at midnight UTC
//
// A waiver says what is accepted and never who accepted it: whether it counts is
// for Git to prove. It ends by itself, sooner the worse the risk is, and it lapses
// for a value that is not any more what it was given for.
package waiver

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// Path is where a repository keeps its waivers.
const Path = ".holdfast/waivers.yaml"

// The apiVersion and kind of the file.
const (
	APIVersion = "holdfast.dev/v1alpha1"
	Kind       = "WaiverList"
)

// List is the whole file.
type List struct {
	APIVersion string   `yaml:"apiVersion,required"`
	Kind       string   `yaml:"kind,required"`
	Waivers    []Waiver `yaml:"waivers"`

	File *source.File `yaml:"-"`
}

// Waiver is one accepted risk.
type Waiver struct {
	ID        string    `yaml:"id,required"`
	Policy    string    `yaml:"policy,required"` // an id; with * for any letters up to medium
	Match     Match     `yaml:"match,required"`
	Treatment Treatment `yaml:"treatment"` // default accept
	Reason    string    `yaml:"reason,required"`
	Owner     string    `yaml:"owner,required"`
	Ticket    string    `yaml:"ticket"`
	Expires   Date      `yaml:"expires,required"` // the last day on which it holds
	Digests   []string  `yaml:"digests"`          // of what it was given for; written by `holdfast waive seal`

	Span source.Span `yaml:"-"` // in the file

	expires, digests source.Span
}

// Match says what a waiver is about.
type Match struct {
	Resource     string   `yaml:"resource,required"` // group/Kind/namespace/name, or the key of another platform's thing
	Path         string   `yaml:"path"`              // a part of the field, such as containers[worker]
	Environments []string `yaml:"environments"`      // none means all
}

// Treatment is what is done about the risk.
type Treatment string

// The treatments.
const (
	Accept        Treatment = "accept"
	Mitigate      Treatment = "mitigate"
	FalsePositive Treatment = "false-positive"
	Transfer      Treatment = "transfer"
)

var treatments = []string{string(Accept), string(Mitigate), string(FalsePositive), string(Transfer)}

// Date is a day.
type Date struct{ time.Time }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a date: write YEAR-MONTH-DAY, such as 2026-12-15", text)
	}
	d.Time = day
	return nil
}

func (d Date) String() string { return d.Format(time.DateOnly) }

// Over reports whether the day has passed, everywhere in UTC.
func (d Date) Over(now time.Time) bool { return !now.Before(d.AddDate(0, 0, 1)) }

// Days returns how many days are left; 0 on the last one, less after it.
func (d Date) Days(now time.Time) int {
	return int(d.Sub(now.UTC().Truncate(24*time.Hour)) / (24 * time.Hour))
}

// Life returns for how many days a waiver may last.
func Life(s finding.Severity) int {
	switch {
	case s >= finding.Critical:
		return 14
	case s == finding.High:
		return 30
	case s == finding.Medium:
		return 90
	}
	return 180
}

// notices are the days before the end from which on it is announced.
var notices = []int{14, 7, 1}

// Notice returns the announcement that is due: 14, 7 or 1, the days within which
// the end is; 0 if it is farther away.
func (d Date) Notice(now time.Time) int {
	due := 0
	for _, days := range notices {
		if d.Days(now) <= days {
			due = days
		}
	}
	return due
}

var (
	idPattern     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,63}$`)
	policyPattern = regexp.MustCompile(`^[A-Z][A-Z0-9*]*(-[A-Z0-9*]+)*$`)
	digestPattern = regexp.MustCompile(`^[0-9a-f]{16}$`)
)

// Decode reads and checks a list. The error is a strict.Errors with all mistakes.
func Decode(file *source.File) (*List, error) {
	list := &List{File: file}
	d := strict.Decode(file, list)
	if d.Root() == nil {
		return nil, d.Err()
	}
	d.OneOf("apiVersion", list.APIVersion, APIVersion)
	d.OneOf("kind", list.Kind, Kind)
	seen := map[string]bool{}
	for i := range list.Waivers {
		w := &list.Waivers[i]
		at := "waivers[" + strconv.Itoa(i) + "]"
		w.Span, w.expires, w.digests = d.Span(at), d.Span(at+".expires"), d.Span(at+".digests")
		w.check(d, at)
		if w.ID != "" && seen[w.ID] {
			d.At(at+".id", "an id is never used again", "another waiver has the id %q", w.ID)
		}
		seen[w.ID] = true
	}
	if err := d.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

func (w *Waiver) check(d *strict.Decoder, at string) {
	if w.ID != "" && !idPattern.MatchString(w.ID) {
		d.At(at+".id", "write a short name such as W-0031", "%q cannot be an id", w.ID)
	}
	if w.Policy != "" && !policyPattern.MatchString(w.Policy) {
		d.At(at+".policy", "write an id such as HF-K8S-012", "%q cannot be the id of a policy", w.Policy)
	}
	if w.Treatment == "" {
		w.Treatment = Accept
	}
	d.OneOf(at+".treatment", string(w.Treatment), treatments...)
	if r := w.Match.Resource; r != "" && !strings.Contains(r, ":") && (strings.Count(r, "/") < 1 || strings.Count(r, "/") > 3) {
		d.At(at+".match.resource", "write group/Kind/namespace/name, such as apps/Deployment/payments/api", "%q is not a resource", r)
	}
	for i, digest := range w.Digests {
		if !digestPattern.MatchString(digest) {
			d.At(at+".digests["+strconv.Itoa(i)+"]", "let `holdfast waive seal` write them", "%q is not a digest", digest)
		}
	}
	if strings.TrimSpace(w.Reason) == "" && w.Reason != "" {
		d.At(at+".reason", "", "the reason is empty")
	}
}

// broad reports whether a waiver names more than one policy or resource.
func (w *Waiver) broad() bool { return strings.Contains(w.Policy+w.Match.Resource, "*") }

// Covers reports whether a waiver is about a finding in one of the environments.
func (w *Waiver) Covers(f *finding.Finding, environments []string) bool {
	return like(w.Policy, f.Rule.ID) && w.Match.resource(f) && within(w.Match.Path, f.Field) && w.Match.environment(environments)
}

func like(pattern, name string) bool {
	if !strings.Contains(pattern, "*") {
		return pattern == name
	}
	ok, err := path.Match(pattern, name)
	return ok && err == nil
}

// resource compares keys. The empty group and namespace may be left out.
func (m Match) resource(f *finding.Finding) bool {
	id := f.Subject
	names := []string{id.Key()}
	if id.Platform == "" && id.Group == "" {
		names = append(names, id.Kind+"/"+id.Namespace+"/"+id.Name)
	}
	if id.Platform == "" && id.Namespace == "" {
		names = append(names, strings.TrimPrefix(id.Group+"/", "/")+id.Kind+"/"+id.Name)
	}
	return slices.ContainsFunc(names, func(name string) bool { return like(m.Resource, name) })
}

// within reports whether a field holds a part, from one name to another.
func within(part, field string) bool {
	if part == "" {
		return true
	}
	for at := 0; ; {
		i := strings.Index(field[at:], part)
		if i < 0 {
			return false
		}
		start, end := at+i, at+i+len(part)
		if (start == 0 || field[start-1] == '.') && (end == len(field) || field[end] == '.' || field[end] == '[') {
			return true
		}
		at = start + 1
	}
}

func (m Match) environment(of []string) bool {
	if len(m.Environments) == 0 {
		return true
	}
	return slices.ContainsFunc(m.Environments, func(e string) bool { return slices.Contains(of, e) })
}

// Digest identifies what a waiver is given for: a finding, and the value found.
func Digest(f *finding.Finding) string {
	sum := sha256.Sum256([]byte(f.Fingerprint + "\x00" + f.Material))
	return hex.EncodeToString(sum[:8])
}

// Standing errors say why a waiver that is about a finding does not hold.
var (
	ErrExpired  = errors.New("expired")
	ErrTooLong  = errors.New("lasts longer than the severity allows")
	ErrLapsed   = errors.New("lapsed, because what it was given for changed")
	ErrUnsealed = errors.New("not sealed, as one for a high or critical problem must be")
	ErrTooBroad = errors.New("too broad for the severity: it must name one policy and one resource")
)

// Holds tells whether a waiver that covers a finding holds for it. The error is
// one of those above.
func (w *Waiver) Holds(f *finding.Finding, now time.Time) error {
	switch {
	case w.Expires.Over(now):
		return ErrExpired
	case f.Severity > finding.Medium && w.broad():
		return ErrTooBroad
	case w.Expires.Days(now) > Life(f.Severity):
		return ErrTooLong
	case len(w.Digests) == 0 && f.Severity > finding.Medium:
		return ErrUnsealed
	case len(w.Digests) > 0 && !slices.Contains(w.Digests, Digest(f)):
		return ErrLapsed
	}
	return nil
}

// Same reports whether two entries accept the same risk on the same terms.
func (w *Waiver) Same(other *Waiver) bool {
	return w.ID == other.ID && w.Policy == other.Policy && w.Match.Resource == other.Match.Resource && w.Match.Path == other.Match.Path &&
		slices.Equal(w.Match.Environments, other.Match.Environments) && w.Treatment == other.Treatment && w.Reason == other.Reason &&
		w.Owner == other.Owner && w.Ticket == other.Ticket && w.Expires.Equal(other.Expires.Time) && slices.Equal(w.Digests, other.Digests)
}

// Lines returns the first and last line of the entry in its file, from 1.
func (w *Waiver) Lines(file *source.File) (first, last int) {
	return file.Position(w.Span.Start).Line, file.Position(max(w.Span.Start, w.Span.End-1)).Line
}
