package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/target/kube"
)

// deploy applies the rendering and prunes what it no longer holds. That the
// application is on its way is stored first: after a crash everything is done
// again from the beginning.
func (r *run) deploy(ctx context.Context) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	defer r.Watches.Hold(r.App.Name)()
	r.st.Status, r.st.Reason, r.st.Details = state.Progressing, "applying "+shortID(r.rev.Commit), nil
	r.st.Tried, r.st.Outcome = r.rev.Commit, state.Progressing
	if err := r.Store.PutApplication(ctx, r.st); err != nil {
		return err
	}
	previous, err := r.Store.Objects(ctx, r.App.Name)
	if err != nil {
		return err
	}
	r.halfDone = true
	baselines := map[string]drift.Baseline{}
	applied, err := r.Cluster.Apply(ctx, r.kubeApp(r.rev.Commit), r.rendering.Resources, kube.ApplyOptions{
		Observe: func(id resource.ID, declared *resource.Resource, answer map[string]any) {
			if b, err := drift.NewBaseline(digestOfOne(declared), answer, kube.FieldManager); err == nil {
				baselines[id.Key()] = b
			}
		},
	})
	if err != nil {
		return r.applyFailed(ctx, err, nil)
	}
	if err := r.nowLive(context.WithoutCancel(ctx), r.objects(previous, baselines)); err != nil {
		return err
	}
	if err := applied.Err(); err != nil {
		return r.applyFailed(ctx, err, applied)
	}
	r.halfDone = false
	if err := r.closeDrifts(ctx); err != nil {
		return err
	}
	if err := r.record(ledger.Record{
		Kind: ledger.Apply, Outcome: "applied", Manifests: r.rendering.Digest, Objects: changedObjects(applied),
		Message: countsOf(applied),
	}); err != nil {
		return err
	}
	return r.prune(ctx, applied)
}

// nowLive notes that the revision is what runs now, even if some of its objects
// could not be applied. It does so before writing is released: a heal reads
// here which revision is live.
func (r *run) nowLive(ctx context.Context, objects []state.Object) error {
	if r.st.Revision != r.rev.Commit {
		r.st.Changed = time.Now()
	}
	r.st.Revision, r.st.Signer, r.st.Digest = r.rev.Commit, r.rev.Signer, r.rendering.Digest
	r.st.Objects = len(objects)
	r.rememberFixed()
	r.st.Known, r.st.Verdicts = nil, map[string]int{}
	for _, f := range r.judgement.Findings {
		if !slices.Contains(r.waived.Findings, f) { // what is waived blocks again when the waiver ends
			r.st.Known = append(r.st.Known, f.Fingerprint)
		}
	}
	for v, n := range r.judgement.Verdicts.All() {
		r.st.Verdicts[v.String()] = n
	}
	if err := r.Store.PutObjects(ctx, r.App.Name, objects); err != nil {
		return err
	}
	r.live.set(r.rev.Commit, r.rendering.Resources)
	r.track(objects)
	return r.Store.PutApplication(ctx, r.st)
}

// closeDrifts closes the drifts of objects that are not declared any more, and
// those of extra ones that are now: no watch will tell that they agree.
func (r *run) closeDrifts(ctx context.Context) error {
	open, err := r.Store.Drifts(ctx, false)
	if err != nil {
		return err
	}
	declared := map[string]bool{}
	for _, res := range r.rendering.Resources {
		declared[res.ID.Key()] = true
	}
	for _, d := range open {
		key := d.Drift.Object.Key()
		if extra := d.Drift.Kind == drift.Extra; d.Application != r.App.Name || declared[key] != extra {
			continue
		}
		if err := r.Store.CloseDrift(ctx, r.App.Name, key, "settled by "+shortID(r.rev.Commit), time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// applyFailed tells failures that may pass from those of the revision.
func (r *run) applyFailed(ctx context.Context, err error, applied *target.Applied) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, target.Retryable), errors.Is(err, target.Conflict):
		return err
	}
	record := ledger.Record{Kind: ledger.Apply, Outcome: "failed", Message: firstLine(err), Details: lines(err)}
	if applied != nil {
		record.Objects = changedObjects(applied)
	}
	if err := r.record(record); err != nil {
		return err
	}
	return &stopError{status: state.Failed, reason: fmt.Sprintf("%s could not be applied: %s", shortID(r.rev.Commit), firstLine(err)), details: lines(err)}
}

// prune deletes what the application owns and no longer declares. A prune that
// would delete too much is held; what was applied stays applied.
func (r *run) prune(ctx context.Context, applied *target.Applied) error {
	if r.App.Prune.Off {
		return nil
	}
	terms := kube.PruneTerms{MaxCount: r.App.Prune.MaxCount, MaxPercent: r.App.Prune.MaxPercent}
	if len(r.App.Prune.Protect) > 0 {
		terms.Protected = append(kube.DefaultProtected(), r.App.Prune.Protect...)
	}
	pruned, err := r.Cluster.Prune(ctx, applied.Owned, applied.Declared, terms)
	var threshold *target.ThresholdError
	if errors.As(err, &threshold) {
		return r.pruneHeld(threshold)
	}
	if err != nil {
		return r.applyFailed(ctx, err, nil)
	}
	if len(pruned.Deleted) == 0 && len(pruned.Kept) == 0 {
		return nil
	}
	record := ledger.Record{Kind: ledger.Prune, Outcome: "pruned"}
	for _, id := range pruned.Deleted {
		record.Objects = append(record.Objects, "delete "+id.Key())
	}
	for _, k := range pruned.Kept {
		record.Details = append(record.Details, fmt.Sprintf("kept %s: %s", k.ID, k.Reason))
	}
	return r.record(record)
}

func (r *run) pruneHeld(threshold *target.ThresholdError) error {
	record := ledger.Record{Kind: ledger.Prune, Outcome: "hold", Message: threshold.Error()}
	for _, id := range threshold.Objects {
		record.Details = append(record.Details, "would delete "+id.Key())
	}
	if err := r.record(record); err != nil {
		return err
	}
	return &stopError{status: state.Held, reason: threshold.Error(), details: record.Details}
}

// await waits until all objects are healthy.
func (r *run) await(ctx context.Context) error {
	if r.App.Health.Off {
		return r.healthy()
	}
	ids := make([]resource.ID, len(r.rendering.Resources))
	for i, res := range r.rendering.Resources {
		ids[i] = res.ID
	}
	r.st.Reason = "waiting for " + shortID(r.rev.Commit) + " to become healthy"
	if err := r.Store.PutApplication(ctx, r.st); err != nil {
		return err
	}
	if r.waiting.Started != nil {
		r.waiting.Started()
	}
	all, err := r.awaitHealthy(ctx, ids)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrSuperseded):
		return err
	case errors.Is(err, target.Retryable):
		return err
	case err == nil && target.Worst(all).Well():
		return r.healthy()
	}
	return r.unhealthy(all, err)
}

// awaitHealthy waits for health, for the deadline, or for a newer revision that
// changes this application.
func (r *run) awaitHealthy(ctx context.Context, ids []resource.ID) ([]target.Health, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case newer := <-r.waiting.Newer:
				if r.affectedBy(ctx, newer) {
					cancel(ErrSuperseded)
				}
			}
		}
	})
	all, err := r.Cluster.AwaitHealthy(ctx, ids, r.App.Health.Timeout, nil)
	if cause := context.Cause(ctx); errors.Is(cause, ErrSuperseded) {
		return nil, cause
	}
	return all, err
}

func (r *run) affectedBy(ctx context.Context, newer Revision) bool {
	if newer.Commit == r.rev.Commit {
		return false
	}
	tree, err := r.Trees.Tree(ctx, newer.Commit)
	return err == nil && !r.rendering.Deps.Match(tree)
}

func (r *run) healthy() error {
	if err := r.record(ledger.Record{Kind: ledger.Health, Outcome: "healthy"}); err != nil {
		return err
	}
	r.Log.Info("revision healthy", "application", r.App.Name, "commit", r.rev.Commit, "objects", r.st.Objects)
	r.st.Healthy, r.st.HealthySigner, r.st.HealthyKnown = r.rev.Commit, r.rev.Signer, slices.Clone(r.st.Known)
	for _, f := range r.waived.Findings { // that a waiver ends must not stand in the way of a rollback
		r.st.HealthyKnown = append(r.st.HealthyKnown, f.Fingerprint)
	}
	r.decided(state.Ready)
	r.st.Status, r.st.Reason, r.st.Details = state.Ready, "", nil
	return nil
}

func (r *run) unhealthy(all []target.Health, err error) error {
	var details []string
	for _, h := range all {
		if !h.State.Well() {
			details = append(details, fmt.Sprintf("%s is %s: %s", h.ID, h.State, h.Message))
		}
	}
	if err != nil {
		details = append(details, lines(err)...)
	}
	reason := fmt.Sprintf("%s did not become healthy within %v", shortID(r.rev.Commit), r.App.Health.Timeout)
	if len(details) > 0 {
		reason = fmt.Sprintf("%s did not become healthy: %s", shortID(r.rev.Commit), details[0])
	}
	r.Log.Warn("revision unhealthy", "application", r.App.Name, "commit", r.rev.Commit, "reason", reason)
	if err := r.record(ledger.Record{Kind: ledger.Health, Outcome: "unhealthy", Message: reason, Details: details}); err != nil {
		return err
	}
	return &stopError{status: state.Failed, reason: reason, details: details}
}
