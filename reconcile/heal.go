package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/target/kube"
)

// LaterError asks for the same call again after a pause.
type LaterError struct{ After time.Duration }

func (e *LaterError) Error() string { return fmt.Sprintf("to be looked at again in %v", e.After) }

// A field that drifts so often within the window by the same manager is fought
// over: healing it rests until some of these times have passed.
const (
	fightLimit  = 5
	fightWindow = 10 * time.Minute
	fightPause  = 2 * time.Minute
)

// halfDonePause is how long drift waits for an apply that has to be done again.
const halfDonePause = 2 * time.Second

// Drifted deals with an object that differs from what Git declares: the
// policies judge the live object, the drift is recorded, and it is healed
// unless healing is off or somebody fights back. What the policies would block
// is healed even in a fight. Live is the object as it was seen; nil for one
// that is missing. The error is for what should be tried again.
func (r *Reconciler) Drifted(ctx context.Context, d drift.Drift, live map[string]any) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.halfDone {
		return &LaterError{halfDonePause} // it would be measured by what is being replaced
	}
	st, err := r.Store.Application(ctx, r.App.Name)
	if err != nil {
		return err
	}
	seen := state.Drift{Application: r.App.Name, Drift: d, Policies: r.judgeLive(ctx, live)}
	r.fights.Limit, r.fights.Window = fightLimit, fightWindow
	fight, fighting := r.fights.Observe(d, time.Now())
	switch {
	case r.App.Heal == config.Off:
		seen.Note = "healing is off for this application"
	case d.Kind == drift.Extra:
		seen.Note = "left alone: Holdfast deletes nothing that it did not create"
	case fighting && len(seen.Policies) == 0:
		seen.Note = "not healed for now: " + fight.String()
	}
	if news := !r.noted[d.Object.Key()].Equal(d.Seen); news {
		if err := r.recordDrift(ctx, st, seen); err != nil {
			return err
		}
		if fighting && fight.Count == fightLimit {
			if err := r.recordFight(st, fight); err != nil {
				return err
			}
		}
	}
	switch {
	case seen.Note == "":
		return r.heal(ctx, st, d, live)
	case fighting && r.App.Heal == config.Auto:
		return &LaterError{fightPause}
	}
	return nil
}

// judgeLive returns what the policies say of a live object, one line each.
func (r *Reconciler) judgeLive(ctx context.Context, live map[string]any) (out []string) {
	if live == nil {
		return nil
	}
	res := kube.FromLive(live)
	results := r.Evaluator.Evaluate(ctx, nil, res, resource.NewSet([]*resource.Resource{res}), policy.Live)
	for _, f := range policy.Findings(res, results, policy.Live) {
		if f.Severity >= *r.App.Gate.FailOn {
			out = append(out, fmt.Sprintf("%s[%s] %s at %s", f.Severity, f.Rule.ID, f.Message, f.Field))
		}
	}
	return out
}

// recordDrift stores a drift, and appends it to the ledger when it is news.
func (r *Reconciler) recordDrift(ctx context.Context, st state.Application, seen state.Drift) error {
	d := seen.Drift
	r.Log.Warn("drift", "application", r.App.Name, "object", d.Object.String(), "kind", d.Kind, "changes", len(d.Changes))
	if _, err := r.Store.OpenDrift(ctx, seen); err != nil {
		return err
	}
	record := ledger.Record{
		Kind: ledger.Drift, Source: r.App.Source, Application: r.App.Name, Commit: st.Revision, Policies: r.Policies,
		Outcome: string(d.Kind), Objects: []string{string(d.Kind) + " " + d.Object.Key()}, Findings: seen.Policies, Message: seen.Note,
	}
	for _, c := range d.Changes {
		record.Details = append(record.Details, describeChange(c))
	}
	if _, err := r.Ledger.Append(record); err != nil {
		return err
	}
	if r.noted == nil {
		r.noted = map[string]time.Time{}
	}
	r.noted[d.Object.Key()] = d.Seen
	return nil
}

// describeChange names a field and who wrote it. Values stay out of the ledger.
func describeChange(c drift.Change) string {
	text := fmt.Sprintf("%s %s", c.Operation, c.Field)
	if c.Manager != "" {
		text += fmt.Sprintf(" by %s (%s) at %s", c.Manager, c.Verb, c.Time.UTC().Format(time.RFC3339))
	}
	return text
}

// recordFight notes that a field is fought over.
func (r *Reconciler) recordFight(st state.Application, fight drift.Fight) error {
	r.Log.Warn("fight", "application", r.App.Name, "object", fight.Object.String(), "field", fight.Field, "manager", fight.Manager)
	_, err := r.Ledger.Append(ledger.Record{
		Kind: ledger.Fight, Source: r.App.Source, Application: r.App.Name, Commit: st.Revision,
		Outcome: "seen", Objects: []string{fight.Object.Key()}, Message: fight.String(),
	})
	return err
}

// heal puts an object back, and measures drift from the server's new answer.
func (r *Reconciler) heal(ctx context.Context, st state.Application, d drift.Drift, live map[string]any) error {
	declared, err := r.Declared(ctx, d.Object)
	if err != nil {
		return err
	}
	if declared == nil {
		return nil // a newer revision, which no longer has it, is on its way
	}
	object, err := r.Store.Object(ctx, r.App.Name, d.Object.Key())
	if err != nil {
		return err
	}
	if object.Baseline.Declared != digestOfOne(declared) {
		return r.notHealed(ctx, d, "not healed: what is declared is not what was applied, so it has to be judged first")
	}
	if d.Object.Group == "" && d.Object.Kind == "Secret" {
		live = nil // a watch sees its metadata alone; what was added has to be read
	}
	defer r.Watches.Hold(r.App.Name)()
	var baseline *drift.Baseline
	err = r.Cluster.Heal(ctx, r.kubeApp(st.Revision), d, declared, kube.HealOptions{
		Live: live,
		Observe: func(_ resource.ID, declared *resource.Resource, answer map[string]any) {
			if b, err := drift.NewBaseline(digestOfOne(declared), answer, kube.FieldManager); err == nil {
				baseline = &b
			}
		},
	})
	if errors.Is(err, target.Retryable) || errors.Is(err, target.Conflict) || ctx.Err() != nil {
		return err
	}
	if err != nil {
		return r.healFailed(ctx, st, d, err)
	}
	if baseline != nil {
		if err := r.rebase(ctx, d.Object, *baseline); err != nil {
			return err
		}
	}
	now := time.Now()
	r.Log.Info("healed", "application", r.App.Name, "object", d.Object.String(), "after", now.Sub(d.Seen).Round(time.Millisecond))
	if _, err := r.Ledger.Append(ledger.Record{
		Kind: ledger.Heal, Source: r.App.Source, Application: r.App.Name, Commit: st.Revision, Outcome: "healed",
		Objects: []string{d.Object.Key()},
	}); err != nil {
		return err
	}
	delete(r.noted, d.Object.Key())
	return r.Store.CloseDrift(ctx, r.App.Name, d.Object.Key(), "healed: put back to "+shortID(st.Revision), now)
}

// healFailed notes that an object cannot be put back. Trying again would not
// help before somebody acts.
func (r *Reconciler) healFailed(ctx context.Context, st state.Application, d drift.Drift, cause error) error {
	r.Log.Error("cannot heal", "application", r.App.Name, "object", d.Object.String(), "error", cause)
	if _, err := r.Ledger.Append(ledger.Record{
		Kind: ledger.Heal, Source: r.App.Source, Application: r.App.Name, Commit: st.Revision, Outcome: "failed",
		Objects: []string{d.Object.Key()}, Message: firstLine(cause), Details: lines(cause),
	}); err != nil {
		return err
	}
	return r.notHealed(ctx, d, "could not be healed: "+firstLine(cause))
}

// notHealed tells why a drift stays open.
func (r *Reconciler) notHealed(ctx context.Context, d drift.Drift, why string) error {
	_, err := r.Store.OpenDrift(ctx, state.Drift{Application: r.App.Name, Drift: d, Note: why})
	return err
}

// rebase stores a new baseline of one object and tells the watches.
func (r *Reconciler) rebase(ctx context.Context, id resource.ID, baseline drift.Baseline) error {
	r.Watches.Applied(r.App.Name, id, baseline)
	object, err := r.Store.Object(ctx, r.App.Name, id.Key())
	if err != nil {
		return err
	}
	object.Baseline = baseline
	return r.Store.PutObject(ctx, r.App.Name, object)
}

// Agrees closes the open drift of an object that is as declared again, without
// our doing.
func (r *Reconciler) Agrees(ctx context.Context, key string) error {
	return r.Store.CloseDrift(ctx, r.App.Name, key, "it is as Git declares again, without our doing", time.Now())
}
