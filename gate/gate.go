// Package gate decides whether a revision may reach a target. It is a pure
// function: the same evidence and terms give the same decision, and a decision
// can be explained from nothing but its reasons.
//
//	Evidence  what the steps before found out
//	Terms     what the application's owner accepts
//	Decision  allow or block, with one Reason for each thing looked at
//	Reason    ok, warn, fail or skip, and a sentence
//
// What could not be decided blocks: an error is never an approval.
package gate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
)

// Terms are what the owner of an application accepts.
type Terms struct {
	Audit  bool             // report, and do not block for findings
	FailOn finding.Severity // findings from here on block
	All    bool             // findings that already run block too
}

// Evidence is what is known of a revision.
type Evidence struct {
	Signer   string   // who signed the revision; empty if signatures are off
	Commits  int      // commits that were verified
	Problems []string // of rendering: files that cannot be parsed, templates that fail
	Impure   []string // functions that make the rendering depend on more than Git
	Objects  int      // that were rendered
	Findings []*finding.Finding
	Verdicts policy.Tally
	Errors   []string        // of policies that could not be evaluated
	Known    map[string]bool // fingerprints of what already runs
	Waived   Waived
}

// Waived is what the waivers of the repository come to.
type Waived struct {
	Findings  []*finding.Finding // that are accepted, of those of the evidence
	Requested []string           // waivers that do not hold, and why
	Expiring  []string           // waivers that end soon
	Problems  []string           // of the list, which does not count then
}

// State is how one thing that was looked at came out.
type State string

// The states of a reason.
const (
	OK   State = "ok"
	Warn State = "warn"
	Fail State = "FAIL"
	Skip State = "skip"
)

// Reason is one thing that was looked at.
type Reason struct {
	Check   string // signature, render, policy, waivers, evaluation, purity
	State   State
	Message string
}

// Decision is what the gate says.
type Decision struct {
	Allow    bool
	Reasons  []Reason
	Blocking []*finding.Finding // worst first
	New      int                // findings that do not run already
}

// Decide decides.
func Decide(e Evidence, t Terms) Decision {
	var d Decision
	d.Blocking, d.New = blocking(e, t)
	d.Reasons = []Reason{
		signature(e),
		render(e),
		policies(e, t, d),
		waivers(e.Waived),
		evaluation(e),
		purity(e),
	}
	d.Allow = !slices.ContainsFunc(d.Reasons, func(r Reason) bool { return r.State == Fail })
	return d
}

func blocking(e Evidence, t Terms) (out []*finding.Finding, fresh int) {
	for _, f := range e.Findings {
		if slices.Contains(e.Waived.Findings, f) {
			continue
		}
		known := e.Known[f.Fingerprint]
		if !known {
			fresh++
		}
		if f.Severity >= t.FailOn && (t.All || !known) {
			out = append(out, f)
		}
	}
	finding.Sort(out)
	return out, fresh
}

func signature(e Evidence) Reason {
	if e.Signer == "" {
		return Reason{"signature", Skip, "signatures are not verified for this source"}
	}
	return Reason{"signature", OK, "signed by " + e.Signer}
}

func render(e Evidence) Reason {
	switch {
	case len(e.Problems) > 0:
		return Reason{"render", Fail, fmt.Sprintf("%s: %s", plural(len(e.Problems), "file could not be rendered", "files could not be rendered"), e.Problems[0])}
	case e.Objects == 0:
		return Reason{"render", Fail, "nothing was rendered: an empty revision is never applied, since it would delete everything"}
	}
	return Reason{"render", OK, plural(e.Objects, "object", "objects")}
}

func policies(e Evidence, t Terms, d Decision) Reason {
	old := len(e.Findings) - len(e.Waived.Findings) - d.New
	switch {
	case len(d.Blocking) == 0 && len(e.Findings) == 0:
		return Reason{"policy", OK, "no problems"}
	case len(d.Blocking) == 0:
		return Reason{"policy", OK, fmt.Sprintf("%s, none of severity %v or above%s", plural(d.New, "new problem", "new problems"), t.FailOn, alreadyRunning(old, t))}
	case t.Audit:
		return Reason{"policy", Warn, fmt.Sprintf("%s would block; the gate is in audit mode", plural(len(d.Blocking), "problem", "problems"))}
	}
	return Reason{"policy", Fail, fmt.Sprintf("%s of severity %v or above%s", plural(len(d.Blocking), "problem", "problems"), t.FailOn, alreadyRunning(old, t))}
}

func waivers(w Waived) Reason {
	switch {
	case len(w.Problems) > 0:
		return Reason{"waivers", Warn, fmt.Sprintf("the waivers do not count, for they cannot be read: %s", w.Problems[0])}
	case len(w.Expiring) > 0:
		return Reason{"waivers", Warn, fmt.Sprintf("%s waived; %s", plural(len(w.Findings), "problem is", "problems are"), strings.Join(w.Expiring, ", "))}
	case len(w.Findings) > 0:
		return Reason{"waivers", OK, plural(len(w.Findings), "problem is", "problems are") + " waived"}
	case len(w.Requested) > 0:
		return Reason{"waivers", Warn, "none counts: " + strings.Join(w.Requested, "; ")}
	}
	return Reason{"waivers", Skip, "nothing is waived"}
}

func alreadyRunning(old int, t Terms) string {
	if old == 0 || t.All {
		return ""
	}
	return fmt.Sprintf("; %d that already run do not count", old)
}

func evaluation(e Evidence) Reason {
	if len(e.Errors) > 0 {
		return Reason{"evaluation", Fail, fmt.Sprintf("%s: %s", plural(len(e.Errors), "policy could not be evaluated", "policies could not be evaluated"), e.Errors[0])}
	}
	if n := e.Verdicts[policy.Unknown]; n > 0 {
		return Reason{"evaluation", Warn, plural(n, "verdict is unknown", "verdicts are unknown")}
	}
	return Reason{"evaluation", OK, fmt.Sprintf("%d verdicts", e.Verdicts[policy.Pass]+e.Verdicts[policy.Fail])}
}

func purity(e Evidence) Reason {
	if len(e.Impure) > 0 {
		return Reason{"purity", Warn, fmt.Sprintf("the rendering depends on more than Git: %v", e.Impure)}
	}
	return Reason{"purity", OK, "the rendering depends on nothing but Git"}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
