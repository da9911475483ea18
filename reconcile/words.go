package reconcile

import (
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/gate"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/target/kube"
)

func (r *Reconciler) kubeApp(commit string) kube.App {
	return kube.App{Name: r.App.Name, Namespace: r.App.Namespace, CreateNamespace: r.App.CreateNS, Revision: commit}
}

func (r *run) decisionRecord() ledger.Record {
	record := ledger.Record{
		Kind: ledger.Decision, Outcome: "allow", Previous: r.st.Revision, Manifests: r.rendering.Digest,
		Verdicts: map[string]int{},
	}
	if !r.decision.Allow {
		record.Outcome, record.Message = "deny", r.failures()
	}
	for v, n := range r.judgement.Verdicts.All() {
		record.Verdicts[v.String()] = n
	}
	for _, reason := range r.decision.Reasons {
		record.Details = append(record.Details, fmt.Sprintf("%-4s %s: %s", reason.State, reason.Check, reason.Message))
	}
	for _, f := range r.decision.Blocking {
		record.Findings = append(record.Findings, describeFinding(f))
	}
	return record
}

// failures returns what the gate objects to, in one line.
func (r *run) failures() string {
	var all []string
	for _, reason := range r.decision.Reasons {
		if reason.State == gate.Fail {
			all = append(all, reason.Message)
		}
	}
	return strings.Join(all, "; ")
}

// objections returns what the gate objects to, one a line.
func (r *run) objections() (out []string) {
	for _, f := range r.decision.Blocking {
		out = append(out, describeFinding(f))
	}
	return append(out, describeProblems(r.rendering.Problems)...)
}

// describeFinding returns a finding in one line, with its place. It never
// holds the value that was found.
func describeFinding(f *finding.Finding) string {
	at := "?"
	if f.Location.File != nil {
		pos := f.Location.Position()
		at = fmt.Sprintf("%s:%d:%d", f.Location.File.Path, pos.Line, pos.Column)
	}
	return fmt.Sprintf("%s %s[%s] %s (finding %s)", at, f.Severity, f.Rule.ID, f.Message, f.ShortID())
}

func describeProblems(problems []render.Problem) []string {
	out := make([]string, len(problems))
	for i, p := range problems {
		out[i] = p.Error()
	}
	return out
}

func changedObjects(applied *target.Applied) (out []string) {
	for _, r := range applied.Results {
		if r.Err == nil && r.Action != target.Unchanged {
			out = append(out, fmt.Sprintf("%s %s", r.Action, r.ID.Key()))
		}
	}
	return out
}

func countsOf(applied *target.Applied) string {
	c := applied.Counts()
	return fmt.Sprintf("%d created, %d updated, %d unchanged", c[target.Create], c[target.Update], c[target.Unchanged])
}

func shortID(commit string) string {
	if len(commit) > 8 {
		return commit[:8]
	}
	return commit
}

func lines(err error) []string { return strings.Split(err.Error(), "\n") }

func firstLine(err error) string { return lines(err)[0] }
