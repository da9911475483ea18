package fix

import (
	"cmp"
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Mended is an example before and after it was mended.
type Mended struct {
	Policy        *policy.Policy
	Example       *policy.Example
	Before, After *source.File
}

// Prove mends the failing examples of policies that have fixes. Each must pass
// afterwards, or say that it is `unfixed`. It returns what does not hold, and the
// examples that were mended.
func Prove(policies policy.Mender, pack *policy.Pack, read policy.Reader) (failures []policy.TestFailure, mended []Mended) {
	for _, p := range pack.Policies {
		if !automatic(p) {
			continue
		}
		proven := false
		for i := range p.Examples {
			e := &p.Examples[i]
			if e.Verdict != policy.Fail {
				continue
			}
			after, why := proof{policies, p, e, read}.mend()
			switch {
			case after == nil && !e.Unfixed:
				failures = append(failures, policy.TestFailure{Policy: p, Example: e, Reason: "is not mended: " + why})
			case after != nil && e.Unfixed:
				failures = append(failures, policy.TestFailure{Policy: p, Example: e, Reason: "is mended, though it says `unfixed`"})
			case after != nil:
				proven = true
				mended = append(mended, Mended{p, e, e.Source(p.Platform), after})
			}
		}
		if !proven && len(failures) == 0 {
			failures = append(failures, policy.TestFailure{Policy: p, Reason: "no example shows what the fixes do"})
		}
	}
	return failures, mended
}

func automatic(p *policy.Policy) bool {
	for _, f := range p.Fixes {
		if f.Class != finding.Manual {
			return true
		}
	}
	return false
}

type proof struct {
	policies policy.Mender
	policy   *policy.Policy
	example  *policy.Example
	read     policy.Reader
}

// mostFixes is how many an example may need.
const mostFixes = 100

// mend makes one fix after the other until the policy does not object.
func (p proof) mend() (after *source.File, why string) {
	fixer := Fixer{Policies: p.policies, Read: p.read}
	file := p.example.Source(p.policy.Platform)
	for range mostFixes {
		all, err := policy.ReadAll(p.policy.Platform, file, p.read)
		if err != nil {
			return nil, err.Error()
		}
		set := resource.NewSet(all)
		judged := p.policy.Judged(all)
		left := p.findings(judged, set)
		if left == nil {
			return file, ""
		}
		next, reason := (*source.File)(nil), "no fix is for it"
		for _, proposal := range fixer.Propose(context.Background(), left, judged, set, p.example.Stage) {
			if !proposal.Automatic() || proposal.Class == finding.Manual {
				if proposal != nil {
					reason = cmp.Or(proposal.Reason, reason)
				}
				continue
			}
			content, err := source.Apply(file.Content, proposal.Edits)
			if err != nil {
				return nil, err.Error()
			}
			next = source.NewFile(file.Path, content)
			break
		}
		if next == nil {
			return nil, fmt.Sprintf("%s: %s", left[0].Field, reason)
		}
		file = next
	}
	return nil, "the fixes come to no end"
}

// findings returns what the policy finds in a resource: nil if it passes or is skipped.
func (p proof) findings(r *resource.Resource, set *resource.Set) []*finding.Finding {
	results := p.policies.Evaluate(context.Background(), nil, r, set, p.example.Stage)
	for _, result := range results {
		if result.Policy.ID == p.policy.ID {
			return policy.Findings(r, []policy.Result{result}, p.example.Stage)
		}
	}
	return nil
}
