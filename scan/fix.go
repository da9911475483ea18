package scan

import (
	"context"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// Fixer proposes how findings can be mended.
type Fixer interface {
	// Propose returns nil if nothing is known about how to mend a finding.
	Propose(ctx context.Context, f *finding.Finding, r *resource.Resource, set *resource.Set, stage policy.Stage) *finding.Fix
}

// Site is what a finding was made on.
type Site struct {
	Resource *resource.Resource
	Set      *resource.Set
	Stage    policy.Stage
}

// propose asks how the findings can be mended: once for each cause.
func (s *Scanner) propose(ctx context.Context, r *Result) error {
	if s.Fixer == nil {
		return nil
	}
	err := s.each(ctx, "looking for fixes of", len(r.Findings), func(ctx context.Context, i int) error {
		f := r.Findings[i]
		if site, ok := r.Sites[f]; ok {
			f.Fix = s.Fixer.Propose(ctx, f, site.Resource, site.Set, site.Stage)
		}
		return ctx.Err()
	})
	fixes := map[string]*finding.Fix{}
	for _, f := range r.Findings {
		fixes[f.Cause] = f.Fix
	}
	for _, f := range r.All {
		f.Fix = fixes[f.Cause]
	}
	return err
}

// remember keeps what the findings of a unit were made on.
func (r *Result) remember(judged Judgement, set *resource.Set, stage policy.Stage) {
	if r.Sites == nil {
		r.Sites = map[*finding.Finding]Site{}
	}
	for f, on := range judged.on {
		r.Sites[f] = Site{on, set, stageIn(stage, on)}
	}
}
