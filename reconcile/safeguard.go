package reconcile

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/safeguard"
)

// safeguards judges what each accepted step takes away from what protects. The
// first that takes too much is where the branch ends for now. What cannot be found
// out is held, and tried again.
func (f *Follower) safeguards(ctx context.Context, accepted string, result integrity.Result) (integrity.Result, error) {
	if f.Evaluator == nil || accepted == "" || result.Accepted == "" || result.Accepted == accepted {
		return result, nil
	}
	tell := f.Config.Verify.Off || f.Config.Verify.Safeguards == config.WarnSafeguards
	last := accepted
	err := safeguard.Range(ctx, f.Mirror, f.Evaluator, accepted, result.Accepted, result.Verified, f.Config.Verify.Off, func(step safeguard.Judged) bool {
		for _, p := range step.Problems {
			if tell {
				p.Decision = integrity.Warn
			}
			result.Problems = append(result.Problems, p)
			result.Decision = max(result.Decision, p.Decision)
			if !p.Decision.Passes() {
				result.Accepted = last
			}
		}
		if result.Accepted == last {
			return false
		}
		last = step.Step.Commit
		return true
	})
	if err == nil || ctx.Err() != nil {
		return result, ctx.Err()
	}
	result.Accepted, result.Decision, result.Retry = last, max(result.Decision, integrity.Hold), true
	result.Problems = append(result.Problems, integrity.Problem{
		Code: integrity.Unverified, Decision: integrity.Hold,
		Message: fmt.Sprintf("what it takes away from safeguards could not be found out: %v", err),
		Hint:    "it is tried again; if it stays, look at what the message names",
	})
	return result, nil
}
