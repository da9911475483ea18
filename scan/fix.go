package scan

import (
	"context"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// Fixer proposes how findings can be mended.
type Fixer interface {
	// Propose returns a fix for each of the findings on a resource, which is nil if
	// nothing is known about how to mend that.
	Propose(ctx context.Context, all []*finding.Finding, r *resource.Resource, set *resource.Set, stage policy.Stage) []*finding.Fix
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
	resources := byResource(r.Findings, r.Sites)
	err := s.each(ctx, "looking for fixes of", len(resources), true, func(ctx context.Context, i int) error {
		s.proposeFor(ctx, resources[i], r.Sites[resources[i][0]])
		return ctx.Err()
	})
	spread(r.Findings, r.All)
	return err
}

// proposeFor asks for fixes of findings on one resource.
func (s *Scanner) proposeFor(ctx context.Context, some []*finding.Finding, on Site) {
	for i, fix := range s.Fixer.Propose(ctx, some, on.Resource, on.Set, on.Stage) {
		some[i].Fix = fix
	}
}

// byResource groups findings that were made on something by what that is.
func byResource(all []*finding.Finding, on map[*finding.Finding]Site) (groups [][]*finding.Finding) {
	number := map[*resource.Resource]int{}
	for _, f := range all {
		site, ok := on[f]
		if !ok {
			continue
		}
		n, known := number[site.Resource]
		if !known {
			n = len(groups)
			number[site.Resource] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], f)
	}
	return groups
}

// onePerCause returns the first of the findings of each cause.
func onePerCause(all []*finding.Finding) (first []*finding.Finding) {
	seen := map[string]bool{}
	for _, f := range all {
		if !seen[f.Cause] {
			seen[f.Cause] = true
			first = append(first, f)
		}
	}
	return first
}

// spread gives all findings the fix that one of the same cause has.
func spread(first, all []*finding.Finding) {
	fixes := make(map[string]*finding.Fix, len(first))
	for _, f := range first {
		fixes[f.Cause] = f.Fix
	}
	for _, f := range all {
		f.Fix = fixes[f.Cause]
	}
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
