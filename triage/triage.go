// Package triage tells which findings matter now. A scan says what is wrong; most
// of it is known already, and some was accepted.
//
//	Status     new, requested, old, baseline or waived
//	Entry      a finding with its status, and who or what says so
//	Outcome    all entries: those to show, and those that only count
//	Baseline   fingerprints that were there when Holdfast came; it only shrinks
//	Approval   what Git proves about an entry of the list of waivers
//	Authority  who may approve, at a commit that is trusted
//
// Only what is new or merely requested to be waived can block. Nothing is judged
// by what a change says of itself: the baseline, the approvers and their keys are
// those of the commit that it is compared with.
package triage

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/waiver"
)

// Status is what became of a finding.
type Status uint8

// The statuses. The first two can block.
const (
	New       Status = iota
	Requested        // somebody asks for it to be waived
	Old              // it was there before
	InBaseline
	Waived
)

func (s Status) String() string {
	return [...]string{"new", "requested", "old", "baseline", "waived"}[s]
}

// Blocks reports whether findings of the status can block.
func (s Status) Blocks() bool { return s <= Requested }

// Entry is a finding with its status.
type Entry struct {
	*finding.Finding
	Status  Status
	By      string      // the waiver: its id, or the place of the comment
	Reason  string      // why it is waived, as somebody wrote
	Note    string      // for Requested: why it is not waived
	Expires waiver.Date // zero if nothing waives it
	Before  bool        // it was there before, whatever else it is
	Was     string      // the fingerprint that it had before, if that was another one
}

// Outcome is the whole triage.
type Outcome struct {
	Compared bool    // with an earlier state: so that new and old mean something
	Shown    []Entry // new, requested, and findings about waivers; one for each cause, worst first
	Hidden   []Entry // the others, likewise
	All      []Entry // each finding, in the order of the input
	Gone     int     // fingerprints that were there before
	Mended   int     // fingerprints of the baseline that are not found any more
}

// Input is all that a triage depends on.
type Input struct {
	Findings []*finding.Finding // each, not one for each cause
	Complete bool               // everything that waivers can be about was judged
	Now      time.Time

	Matching  *identity.Matching // nil: nothing to compare with
	Baseline  *Baseline
	Waivers   *waiver.List
	Approvals map[string]Approval // by the id of the waiver; none is not approved
	Author    func(*finding.Finding) string
	Ignores   []waiver.Ignore
	// Environments names those that a finding is in; nil for those of its paths.
	Environments func(*finding.Finding) []string
}

// Run decides about each finding.
func Run(in Input) Outcome {
	if in.Environments == nil {
		in.Environments = Environments
	}
	r := &run{Input: in, used: map[string]bool{}, failed: map[string]error{}, isNew: map[string]bool{}}
	if in.Matching != nil {
		for _, fingerprint := range in.Matching.New {
			r.isNew[fingerprint] = true
		}
	}
	entries := make([]Entry, 0, len(in.Findings))
	for _, f := range in.Findings {
		entries = append(entries, r.decide(f))
	}
	out := Outcome{Compared: in.Matching != nil, All: slices.Clip(entries)}
	for _, f := range r.about() {
		entries = append(entries, Entry{Finding: f})
	}
	out.Shown, out.Hidden = group(entries)
	if in.Matching != nil {
		out.Gone = len(in.Matching.Gone)
	}
	if in.Complete {
		out.Mended = in.Baseline.missing(in.Findings)
	}
	return out
}

// run is one triage.
type run struct {
	Input
	used   map[string]bool  // waivers and comments that are about something
	failed map[string]error // why they do not hold, where they do not
	isNew  map[string]bool
}

// decide gives a finding its status. A waiver is asked first, so that it is used
// also for what is old.
func (r *run) decide(f *finding.Finding) Entry {
	e := Entry{Finding: f}
	r.waive(&e)
	if e.Before = r.Matching != nil && !r.isNew[f.Fingerprint]; e.Before {
		if was := r.Matching.Was[f.Fingerprint]; was != f.Fingerprint {
			e.Was = was
		}
	}
	switch {
	case e.Status == Waived:
	case e.Before:
		e.Status = Old
	case r.Baseline.Has(f.Fingerprint):
		e.Status = InBaseline
	}
	if e.Status != Requested {
		e.Note = ""
	}
	return e
}

func (r *run) waive(e *Entry) {
	var environments []string
	if r.Waivers != nil {
		environments = r.Environments(e.Finding)
		for i := range r.Waivers.Waivers {
			w := &r.Waivers.Waivers[i]
			if !w.Covers(e.Finding, environments) {
				continue
			}
			err := w.Holds(e.Finding, r.Now)
			r.note(w.ID, err)
			note := ""
			if err != nil {
				note = "the waiver is " + err.Error()
			} else {
				note = r.Approvals[w.ID].refusal(e.Finding, r.Author)
			}
			if e.take(w.ID, w.Reason, w.Expires, note) {
				return
			}
		}
	}
	for i := range r.Ignores {
		one := &r.Ignores[i]
		if !one.Covers(e.Finding) {
			continue
		}
		err := one.Holds(e.Finding, r.Now)
		r.note(place(one), err)
		note := ""
		switch {
		case errors.Is(err, waiver.ErrTooBroad):
			note = fmt.Sprintf("a comment cannot waive what is %s; `holdfast waive request` can", e.Severity)
		case err != nil:
			note = "the comment is " + err.Error()
		}
		if e.take(place(one), one.Reason, one.Until, note) {
			return
		}
	}
}

// note remembers that a waiver is used, and why it does not hold. That it expired
// or fits nothing any more is said once, whatever else it is about.
func (r *run) note(by string, err error) {
	r.used[by] = true
	if err != nil && r.failed[by] == nil {
		r.failed[by] = err
	}
}

// take makes an entry waived, or requested with a note that says why it is not.
func (e *Entry) take(by, reason string, expires waiver.Date, note string) bool {
	if note == "" || e.Status == New {
		e.By, e.Reason, e.Expires, e.Note = by, reason, expires, note
		e.Status = Requested
	}
	if note == "" {
		e.Status = Waived
	}
	return note == ""
}

func place(i *waiver.Ignore) string {
	return fmt.Sprintf("%s:%d", i.File.Path, i.File.Position(i.Span.Start).Line)
}

// Environments returns the names of the folders that a finding comes by: of its
// file, and of the overlays and charts that render it.
func Environments(f *finding.Finding) []string {
	var names []string
	add := func(file string) {
		if dir := path.Dir(file); dir != "." {
			names = append(names, strings.Split(dir, "/")...)
		}
	}
	for _, via := range f.Via {
		add(via)
	}
	if len(f.Via) == 0 && f.Location.File != nil {
		add(f.Location.File.Path)
	}
	return names
}

// about returns the findings about waivers themselves.
func (r *run) about() (all []*finding.Finding) {
	if r.Waivers != nil {
		for i := range r.Waivers.Waivers {
			w := &r.Waivers.Waivers[i]
			if rule, message := r.complaint(w.ID, w.Expires); rule != nil {
				all = append(all, about(rule, "Waiver", w.ID, "waiver `"+w.ID+"` "+message, r.Waivers.File, w.Span))
			}
		}
	}
	for i := range r.Ignores {
		one := &r.Ignores[i]
		if rule, message := r.complaint(place(one), one.Until); rule != nil {
			name := one.File.Path + " " + strings.Join(one.Policies, ",") + " " + one.Reason
			all = append(all, about(rule, "Ignore", name, "the comment "+message, one.File, one.Span))
		}
	}
	return all
}

func (r *run) complaint(by string, end waiver.Date) (*finding.Rule, string) {
	err := r.failed[by]
	switch {
	case errors.Is(err, waiver.ErrExpired) || !r.used[by] && end.Over(r.Now):
		return waiver.Expired, "expired on " + end.String()
	case !r.used[by] && r.Complete:
		return waiver.Unused, "is about nothing that was found"
	case errors.Is(err, waiver.ErrTooLong):
		return waiver.TooLong, fmt.Sprintf("lasts for %d more days, longer than the severity allows", end.Days(r.Now))
	case errors.Is(err, waiver.ErrLapsed):
		return waiver.Lapsed, "lapsed, because what it was given for changed"
	case errors.Is(err, waiver.ErrUnsealed), errors.Is(err, waiver.ErrTooBroad):
		return waiver.NotUsable, "does not count: it is " + err.Error()
	}
	return nil, ""
}

func about(rule *finding.Rule, kind, name, message string, file *source.File, span source.Span) *finding.Finding {
	f := &finding.Finding{
		Rule: rule, Severity: rule.Severity, Message: message, Label: "it is here",
		Subject:  resource.ID{Platform: "holdfast", Kind: kind, Name: name},
		Location: resource.Location{File: file, Span: firstLine(file, span), Exact: true},
	}
	f.Identify("")
	return f
}

// firstLine keeps a mark to one line.
func firstLine(file *source.File, span source.Span) source.Span {
	span.End = min(span.End, file.Line(file.Position(span.Start).Line).End)
	return span
}

// group keeps one entry for each cause, status and waiver, and sorts them.
func group(entries []Entry) (shown, hidden []Entry) {
	type key struct {
		status Status
		by     string
	}
	of := make(map[*finding.Finding]*Entry, len(entries))
	all := make([]*finding.Finding, len(entries))
	for i := range entries {
		all[i] = entries[i].Finding
		of[all[i]] = &entries[i]
	}
	finding.Sort(all)
	var keys []key
	parts := map[key][]*finding.Finding{}
	for _, f := range all {
		k := key{of[f].Status, of[f].By}
		if parts[k] == nil {
			keys = append(keys, k)
		}
		parts[k] = append(parts[k], f)
	}
	var kept, passed []*finding.Finding
	for _, k := range keys {
		if part := finding.ByCause(parts[k]); k.status.Blocks() {
			kept = append(kept, part...)
		} else {
			passed = append(passed, part...)
		}
	}
	sorted := func(all []*finding.Finding) []Entry {
		finding.Sort(all)
		entries := make([]Entry, len(all))
		for i, f := range all {
			entries[i] = *of[f]
		}
		return entries
	}
	return sorted(kept), sorted(passed)
}

// Expiring returns the waived entries whose end is to be announced, one for each
// waiver, the nearest first.
func (o *Outcome) Expiring(now time.Time) (all []Entry) {
	seen := map[string]bool{}
	for _, e := range o.Hidden {
		if e.Status == Waived && e.Expires.Notice(now) > 0 && !seen[e.By] {
			seen[e.By] = true
			all = append(all, e)
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return a.Expires.Compare(b.Expires.Time) })
	return all
}

// Count returns how many hidden entries have a status.
func (o *Outcome) Count(s Status) (n int) {
	for _, e := range o.Hidden {
		if e.Status == s {
			n++
		}
	}
	return n
}
