package fix

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Judged is what a scan found, with the fixes that a Fixer proposed.
type Judged struct {
	Findings  []*finding.Finding // one for each cause
	All       []*finding.Finding
	Resources []*resource.Resource
	On        func(*finding.Finding) (*resource.Resource, *resource.Set, policy.Stage)
}

// Judge scans a tree; with changed files, only what these have a part in.
type Judge func(ctx context.Context, tree source.Tree, changed []string) (*Judged, error)

// Runner makes fixes.
type Runner struct {
	Policies policy.Mender
	Judge    Judge
	Wanted   func(*finding.Finding) bool // among those with edits
}

// Outcome is what became of the findings of a tree.
type Outcome struct {
	First  *Judged           // before anything was fixed
	Last   *Judged           // afterwards
	Files  map[string][]byte // the content of files that changed, by path
	Failed map[string]string // why fixes that were wanted could not be made, by fingerprint
}

// mostRounds bounds what fixes that keep calling for others can do.
const mostRounds = 50

// Run makes all wanted fixes of a tree, and changes nothing on disk.
func (r *Runner) Run(ctx context.Context, tree source.Tree) (*Outcome, error) {
	first, err := r.Judge(ctx, tree, nil)
	if err != nil {
		return nil, err
	}
	out := &Outcome{First: first, Last: first, Files: map[string][]byte{}, Failed: map[string]string{}}
	at := &state{Runner: r, base: tree, tree: tree, out: out, tried: map[string]bool{}}
	for range mostRounds {
		changed, err := at.round(ctx)
		if err != nil || !changed {
			return out, err
		}
		if out.Last, err = r.Judge(ctx, at.tree, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// state is how far a run has come.
type state struct {
	*Runner
	base, tree source.Tree
	out        *Outcome
	tried      map[string]bool // edits that were refused
}

// round makes all fixes of the last scan that do not touch each other.
func (s *state) round(ctx context.Context) (changed bool, err error) {
	byFile := map[string][]source.Edit{}
	var rendered []*finding.Finding
	content := map[string]*source.File{}
	for _, f := range s.out.Last.Findings {
		if !f.Fix.Automatic() || !s.Wanted(f) || s.tried[key(f)] {
			continue
		}
		on, _, _ := s.out.Last.On(f)
		if on.Origin.Locator != nil && on.ID.Platform != resource.Terraform {
			rendered = append(rendered, f)
			continue
		}
		name := f.Fix.File.Path
		if apart(byFile[name], f.Fix.Edits) {
			byFile[name] = append(byFile[name], f.Fix.Edits...)
			content[name] = f.Fix.File
		}
	}
	if len(byFile) == 0 {
		return s.rendered(ctx, rendered)
	}
	for _, name := range slices.Sorted(maps.Keys(byFile)) {
		after, err := source.Apply(content[name].Content, byFile[name])
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
		s.out.Files[name] = after
	}
	s.tree = source.Overlay(s.base, s.out.Files)
	return true, nil
}

// key identifies an edit, so that none is tried twice.
func key(f *finding.Finding) string {
	return fmt.Sprint(f.Fingerprint, f.Fix.File.Path, f.Fix.Edits)
}

// apart reports whether edits neither overlap nor touch others.
func apart(taken, edits []source.Edit) bool {
	for _, a := range taken {
		for _, b := range edits {
			if a.Span.Start <= b.Span.End && b.Span.Start <= a.Span.End {
				return false
			}
		}
	}
	return true
}

// Fixed returns the findings of the first scan that the last one has no more.
func (o *Outcome) Fixed() (fixed []*finding.Finding) {
	left := map[string]bool{}
	for _, f := range o.Last.All {
		left[f.Fingerprint] = true
	}
	for _, f := range o.First.Findings {
		if !left[f.Fingerprint] {
			fixed = append(fixed, f)
		}
	}
	return fixed
}

// Left returns the findings of the last scan with a fix of a class that could
// still be made.
func (o *Outcome) Left(class finding.FixClass) (left []*finding.Finding) {
	for _, f := range o.Last.Findings {
		if f.Fix.Automatic() && f.Fix.Class == class {
			left = append(left, f)
		}
	}
	return left
}

// Paths returns the files that changed, sorted.
func (o *Outcome) Paths() []string { return slices.Sorted(maps.Keys(o.Files)) }

// Reasons returns why wanted fixes could not be made.
func (o *Outcome) Reasons() (all []*finding.Finding) {
	for _, f := range o.Last.Findings {
		if _, ok := o.Failed[f.Fingerprint]; ok {
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b *finding.Finding) int { return cmp.Compare(a.Fingerprint, b.Fingerprint) })
	return all
}
