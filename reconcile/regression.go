package reconcile

import (
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/state"
)

// maxFixed bounds what is remembered of an application: the latest.
const maxFixed = 10_000

// rememberFixed notes which findings the revision that goes live did away with, and
// forgets those that it has again, since they were let through.
func (r *run) rememberFixed() {
	now := map[string]bool{}
	for _, f := range r.judgement.Findings {
		now[f.Fingerprint] = true
	}
	for _, fingerprint := range r.st.Known {
		if !now[fingerprint] {
			r.st.Fixed = append(r.st.Fixed, state.Fixed{Fingerprint: fingerprint, Commit: r.rev.Commit})
		}
	}
	r.st.Fixed = slices.DeleteFunc(r.st.Fixed, func(f state.Fixed) bool { return now[f.Fingerprint] })
	r.st.Fixed = r.st.Fixed[max(0, len(r.st.Fixed)-maxFixed):]
}

// holdRegressions ends the reconcile if findings are back that an earlier revision
// had fixed: whatever the gate lets through, somebody wanted them gone. A waiver
// releases them.
func (r *run) holdRegressions() error {
	memory := safeguard.Memory{}
	for _, f := range r.st.Fixed {
		memory.Fixed = append(memory.Fixed, safeguard.Fixed{Fingerprint: f.Fingerprint, Commit: f.Commit})
	}
	back := slices.DeleteFunc(memory.Returned(r.judgement.Findings), func(b safeguard.Regression) bool {
		return b.Finding.Severity < finding.High || slices.Contains(r.waived.Findings, b.Finding)
	})
	if len(back) == 0 {
		return nil
	}
	var details []string
	for _, b := range back {
		details = append(details, b.Problem(r.rev.Commit).String())
	}
	reason := fmt.Sprintf("%s brings back what was fixed: %s", shortID(r.rev.Commit), details[0])
	audit := r.App.Gate.Mode == config.Audit
	outcome := "held"
	if audit {
		outcome = "told"
	}
	if err := r.recordOnce(ledger.Record{Kind: ledger.Decision, Outcome: outcome, Message: reason, Details: details}); err != nil || audit {
		return err
	}
	r.Log.Warn("revision held", "application", r.App.Name, "commit", r.rev.Commit, "reason", reason)
	return &stopError{status: state.Held, reason: firstLine(fmt.Errorf("%s", reason)), details: details}
}
