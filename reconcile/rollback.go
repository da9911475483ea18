package reconcile

import (
	"context"
	"errors"
	"fmt"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// rollBack restores the last healthy revision after one failed. The verdict on
// the failed one stays; if the restored one fails too, that is said as well.
func (r *run) rollBack(ctx context.Context, failed *stopError) error {
	if failed.status != state.Failed || r.App.Rollback == config.Off || r.st.Healthy == "" || r.st.Healthy == r.rev.Commit {
		return failed
	}
	back, err := r.restore(ctx)
	if err != nil {
		return err
	}
	err = back.deploy(ctx)
	if err == nil {
		err = back.await(ctx)
	}
	// What was tried is the failed revision, and its files are what must
	// change before there is a point in trying again.
	tried, deps := r.rev.Commit, r.st.Deps
	r.st = back.st
	r.st.Tried, r.st.Deps = tried, deps
	var stop *stopError
	switch {
	case errors.As(err, &stop):
		return &stopError{state.Failed, fmt.Sprintf("%s; and %s, to which it was rolled back, failed too: %s", failed.reason, shortID(back.rev.Commit), stop.reason), append(failed.details, stop.details...)}
	case err != nil:
		return err
	}
	r.Log.Warn("rolled back", "application", r.App.Name, "from", tried, "to", back.rev.Commit)
	if err := back.record(ledger.Record{
		Kind: ledger.Rollback, Previous: tried, Outcome: "restored", Message: failed.reason, Details: failed.details,
	}); err != nil {
		return err
	}
	return &stopError{state.RolledBack, fmt.Sprintf("%s; rolled back to %s", failed.reason, shortID(back.rev.Commit)), failed.details}
}

// restore prepares a run to the last healthy revision. It was verified and
// allowed when it was deployed; it is rendered from the same commit again.
func (r *run) restore(ctx context.Context) (*run, error) {
	back := &run{Reconciler: r.Reconciler, rev: Revision{Source: r.rev.Source, Commit: r.st.Healthy}, st: r.st}
	records, err := r.Store.Objects(ctx, r.App.Name)
	if err != nil {
		return nil, err
	}
	for _, o := range records {
		if o.Commit == r.st.Healthy {
			back.rev.Signer = o.Signer
		}
	}
	if back.tree, err = r.Trees.Tree(ctx, r.st.Healthy); err != nil {
		return nil, err
	}
	if err := back.render(ctx); err != nil {
		return nil, err
	}
	back.judge(ctx)
	if back.rendering.Resources, err = r.Cluster.Resolve(ctx, r.kubeApp(back.rev.Commit), back.rendering.Resources); err != nil {
		return nil, err
	}
	return back, nil
}
