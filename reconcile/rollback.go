package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/target"
)

// rollBack restores the last healthy revision after one failed. The verdict on
// the failed one stays; if the restored one fails too, that is said as well.
func (r *run) rollBack(ctx context.Context, failed *stopError) error {
	if failed.status != state.Failed || r.App.Rollback == config.Off || r.st.Healthy == "" || r.st.Healthy == r.rev.Commit {
		return failed
	}
	back, err := r.restore(ctx)
	var stop *stopError
	switch {
	case errors.As(err, &stop):
		return r.stays(failed, stop)
	case err != nil && ctx.Err() == nil && !errors.Is(err, target.Retryable):
		return r.stays(failed, &stopError{reason: firstLine(err), details: lines(err)})
	}
	if err != nil {
		return err
	}
	err = back.deploy(ctx)
	if err == nil {
		err = back.await(ctx)
	}
	r.st = back.st
	switch {
	case errors.As(err, &stop):
		return &stopError{
			status:  state.Failed,
			reason:  fmt.Sprintf("%s; and %s, to which it was rolled back, failed too: %s", failed.reason, shortID(back.rev.Commit), stop.reason),
			details: slices.Concat(failed.details, stop.details),
		}
	case err != nil:
		return err
	}
	r.Log.Warn("rolled back", "application", r.App.Name, "from", r.rev.Commit, "to", back.rev.Commit)
	if err := back.record(ledger.Record{
		Kind: ledger.Rollback, Previous: r.rev.Commit, Outcome: "restored", Message: failed.reason, Details: failed.details,
	}); err != nil {
		return err
	}
	return &stopError{
		status: state.RolledBack, details: failed.details,
		reason: fmt.Sprintf("%s; rolled back to %s", failed.reason, shortID(back.rev.Commit)),
	}
}

// finish awaits the revision before this one, if this one came while that was
// awaited, and is blocked: what runs on has to become healthy, or is rolled back.
func (r *run) finish(ctx context.Context, blocked *stopError) error {
	if r.st.Outcome != state.Progressing || r.st.Tried != r.st.Revision || r.st.Revision == r.rev.Commit {
		return blocked
	}
	before := &run{
		Reconciler: r.Reconciler, st: r.st, waiting: r.waiting,
		rev: Revision{Source: r.rev.Source, Commit: r.st.Revision, Signer: r.st.Signer},
	}
	err := before.prepare(ctx)
	if err == nil {
		err = before.resolve(ctx)
	}
	if err == nil {
		err = before.await(ctx)
	}
	var stop *stopError
	if errors.As(err, &stop) {
		err = before.rollBack(ctx, stop)
	}
	r.st = before.st
	if errors.As(err, &stop) {
		return &stopError{
			status: blocked.status, passing: blocked.passing,
			reason:  fmt.Sprintf("%s; before it, %s", blocked.reason, stop.reason),
			details: slices.Concat(blocked.details, stop.details),
		}
	}
	if err != nil {
		return err
	}
	return blocked
}

// prepare renders and judges a revision that was applied once.
func (r *run) prepare(ctx context.Context) (err error) {
	if r.tree, err = r.Trees.Tree(ctx, r.rev.Commit); err != nil {
		return err
	}
	if err := r.render(ctx); err != nil {
		return err
	}
	return r.judge(ctx)
}

// stays records why a failed revision is not rolled back.
func (r *run) stays(failed, why *stopError) error {
	reason := fmt.Sprintf("%s; not rolled back to %s: %s", failed.reason, shortID(r.st.Healthy), why.reason)
	if err := r.record(ledger.Record{
		Kind: ledger.Rollback, Previous: r.st.Healthy, Outcome: "refused", Message: why.reason, Details: why.details,
	}); err != nil {
		return err
	}
	r.Log.Warn("not rolled back", "application", r.App.Name, "to", r.st.Healthy, "reason", why.reason)
	return &stopError{status: state.Failed, reason: reason, details: slices.Concat(failed.details, why.details)}
}

// restore prepares a run to the last healthy revision, rendered from its commit
// again. It was verified and allowed when it was deployed; a stopError says why
// it would not be any more, by the history that counts now or by the gate.
func (r *run) restore(ctx context.Context) (*run, error) {
	back := &run{Reconciler: r.Reconciler, st: r.st, rev: Revision{Source: r.rev.Source, Commit: r.st.Healthy, Signer: r.st.HealthySigner}}
	source, err := r.Store.Source(ctx, r.App.Source)
	if err != nil {
		return nil, err
	}
	accepted, err := r.Trees.IsAncestor(ctx, r.st.Healthy, source.Accepted)
	if err != nil {
		return nil, err
	}
	if !accepted {
		return nil, &stopError{reason: "it is not part of the accepted history any more"}
	}
	if err := back.prepare(ctx); err != nil {
		return nil, err
	}
	back.decision = Decide(r.App, back.rendering, back.judgement, back.waived, back.rev, r.st.HealthyKnown)
	if !back.decision.Allow {
		return nil, &stopError{reason: back.failures(), details: back.objections()}
	}
	err = back.resolve(ctx)
	return back, err
}
