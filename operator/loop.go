package operator

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/reconcile"
	"github.com/holdfast-dev/holdfast/state"
)

// loop is one application.
type loop struct {
	operator   *Operator
	app        config.Application
	source     *followed
	cluster    *cluster
	reconciler *reconcile.Reconciler
	wake       chan struct{}           // a reason to look again
	newer      chan reconcile.Revision // the latest revision on offer, for a reconcile that waits
	drifts     *driftQueue

	mu     sync.Mutex
	done   string       // commit that was last decided on
	status state.Status // after it
	reason string
}

func (o *Operator) newLoop(app config.Application) *loop {
	l := &loop{
		operator: o, app: app, source: o.sources[app.Source], cluster: o.clusters[app.Cluster],
		wake: make(chan struct{}, 1), newer: make(chan reconcile.Revision, 1), drifts: newDriftQueue(),
	}
	l.reconciler = &reconcile.Reconciler{
		App: app, Cluster: l.cluster.Cluster, Trees: l.source.trees,
		Renderers: o.Renderers, Evaluator: o.Evaluator, Policies: o.Policies,
		Store: o.store, Ledger: o.ledger, Log: o.Log, Watches: l.cluster.watcher,
	}
	return l
}

// offer tells the loop of a new accepted revision.
func (l *loop) offer(rev reconcile.Revision) {
	select {
	case <-l.newer: // an older one that nobody took
	default:
	}
	l.newer <- rev
	l.nudge()
}

func (l *loop) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *loop) run(ctx context.Context) error {
	var pause backoff
	retry := time.NewTimer(0)
	defer retry.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.wake:
		case <-retry.C:
		}
		err := l.step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, reconcile.ErrSuperseded):
			l.nudge()
		case err != nil:
			wait := pause.next()
			l.operator.Log.Warn("will try again", "application", l.app.Name, "in", wait, "error", err)
			retry.Reset(wait)
		default:
			pause.reset()
		}
	}
}

// step takes the application to the revision that it should be at, if there is
// one and nothing it depends on is in the way.
func (l *loop) step(ctx context.Context) error {
	rev, err := l.goal(ctx)
	if err != nil || rev.Commit == "" {
		return err
	}
	if reason := l.waitsFor(); reason != "" {
		return l.wait(ctx, reason)
	}
	st, err := l.reconcile(ctx, rev)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.done, l.status, l.reason = rev.Commit, st.Status, st.Reason
	l.mu.Unlock()
	for _, other := range l.operator.loops {
		for _, dep := range other.app.DependsOn {
			if dep == l.app.Name {
				other.nudge()
			}
		}
	}
	return nil
}

// goal is the revision that a person pinned, or the accepted one.
func (l *loop) goal(ctx context.Context) (reconcile.Revision, error) {
	pinned, err := l.operator.store.Pin(ctx, l.app.Name)
	if err != nil || pinned == "" {
		return l.source.current(), err
	}
	return reconcile.Revision{Source: l.app.Source, Commit: pinned, Subject: "pinned"}, nil
}

// reconcile runs one reconcile in one of the slots. While it waits for health
// it gives the slot back.
func (l *loop) reconcile(ctx context.Context, rev reconcile.Revision) (state.Application, error) {
	select {
	case l.operator.slots <- struct{}{}:
	case <-ctx.Done():
		return state.Application{}, ctx.Err()
	}
	var once sync.Once
	release := func() { once.Do(func() { <-l.operator.slots }) }
	defer release()
	return l.reconciler.Reconcile(ctx, rev, reconcile.Waiting{Newer: l.newer, Started: release})
}

// waitsFor returns why the application cannot go on yet: one that it depends on
// is not ready at the revision that is accepted now.
func (l *loop) waitsFor() string {
	for _, name := range l.app.DependsOn {
		dep := l.operator.loops[name]
		dep.mu.Lock()
		done, status, reason := dep.done, dep.status, dep.reason
		dep.mu.Unlock()
		switch {
		case done == "", status == state.Ready && done != dep.source.current().Commit:
			return fmt.Sprintf("waits for %s, which is on its way", name)
		case status != state.Ready:
			return fmt.Sprintf("waits for %s, which is %s: %s", name, status, reason)
		}
	}
	return ""
}

// wait says why nothing happens. What runs keeps its state.
func (l *loop) wait(ctx context.Context, reason string) error {
	st, err := l.operator.store.Application(ctx, l.app.Name)
	if errors.Is(err, state.ErrNone) {
		st, err = state.Application{Name: l.app.Name, Source: l.app.Source, Path: l.app.Path, Cluster: l.app.Cluster, Status: state.Waiting}, nil
	}
	if err != nil || st.Reason == reason {
		return err
	}
	st.Reason, st.Details, st.Updated = reason, nil, time.Now()
	return l.operator.store.PutApplication(ctx, st)
}

// pin holds the application at a commit, or lets it follow its source again.
func (l *loop) pin(ctx context.Context, commit string) error {
	if err := l.operator.store.PutPin(ctx, l.app.Name, commit); err != nil {
		return err
	}
	l.nudge()
	return nil
}
