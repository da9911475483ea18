package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
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
		Waivers: l.source.Waivers(), Store: o.store, Ledger: o.ledger, Log: o.Log, Watches: l.cluster.watcher,
	}
	return l
}

// look has the loop look at its goal again, which is another one now. A
// reconcile that waits for health is told as well.
func (l *loop) look(ctx context.Context) error {
	rev, err := l.goal(ctx)
	if err == nil && rev.Commit != "" {
		l.mu.Lock()
		select {
		case <-l.newer: // an older one that nobody took
		default:
		}
		l.newer <- rev
		l.mu.Unlock()
	}
	l.nudge()
	return err
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
		err := guard(l.operator.Log, func() error { return l.step(ctx) })
		var later *reconcile.LaterError
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &later):
			pause.reset()
			retry.Reset(later.After)
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
	reason, err := l.waitsFor(ctx)
	if err != nil {
		return err
	}
	if reason != "" {
		return l.wait(ctx, reason)
	}
	st, err := l.reconcile(ctx, rev)
	var later *reconcile.LaterError // with a verdict
	if err != nil && !errors.As(err, &later) {
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
	return err
}

// goal is the revision that a person pinned, or the accepted one. Nobody can
// pin what was never accepted; without an accepted revision there is no goal.
func (l *loop) goal(ctx context.Context) (reconcile.Revision, error) {
	accepted := l.source.current()
	pinned, err := l.operator.store.Pin(ctx, l.app.Name)
	if err != nil || pinned == "" || accepted.Commit == "" {
		return accepted, err
	}
	part, err := l.source.trees.IsAncestor(ctx, pinned, accepted.Commit)
	if err == nil && !part {
		err = fmt.Errorf("%s is pinned to %s, which is not part of the accepted history: `holdfast rollback %s --resume` ends that", l.app.Name, pinned, l.app.Name)
	}
	if err != nil {
		return reconcile.Revision{}, err
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
// is not ready at the revision that it should be at.
func (l *loop) waitsFor(ctx context.Context) (string, error) {
	for _, name := range l.app.DependsOn {
		dep := l.operator.loops[name]
		goal, err := dep.goal(ctx)
		if err != nil {
			return "", err
		}
		dep.mu.Lock()
		done, status, reason := dep.done, dep.status, dep.reason
		dep.mu.Unlock()
		switch {
		case done == "", status == state.Ready && done != goal.Commit:
			return fmt.Sprintf("waits for %s, which is on its way", name), nil
		case status != state.Ready:
			return fmt.Sprintf("waits for %s, which is %s: %s", name, status, reason), nil
		}
	}
	return "", nil
}

// wait says why nothing happens. What runs keeps its state, and a verdict its
// reason.
func (l *loop) wait(ctx context.Context, reason string) error {
	st, err := l.operator.store.Application(ctx, l.app.Name)
	if errors.Is(err, state.ErrNone) {
		st, err = state.Application{Name: l.app.Name, Source: l.app.Source, Path: l.app.Path, Cluster: l.app.Cluster, Status: state.Waiting}, nil
	}
	if err != nil || st.Reason == reason {
		return err
	}
	switch st.Status {
	case state.Blocked, state.Held, state.Failed, state.RolledBack:
		return nil
	}
	st.Reason, st.Details, st.Updated = reason, nil, time.Now()
	return l.operator.store.PutApplication(ctx, st)
}

// pin holds the application at a commit, or lets it follow its source again.
func (l *loop) pin(ctx context.Context, commit string) error {
	if err := l.operator.store.PutPin(ctx, l.app.Name, commit); err != nil {
		return err
	}
	return l.look(ctx)
}

// guard runs one step of a loop. A mistake of ours that one application or
// source brings to light does not end the others.
func guard(log *slog.Logger, step func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("internal error", "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack())) // p may quote a secret
			err = errors.New("internal error: please report it with the stack in the log")
		}
	}()
	return step()
}
