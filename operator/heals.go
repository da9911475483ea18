package operator

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/reconcile"
)

// event is what a watch saw of one object: a drift, or that it agrees again.
type event struct {
	key   string
	drift *drift.Drift // nil if the object agrees
	live  map[string]any
	count int // of the object's events; set by the queue
}

// driftQueue holds the newest event of each object, in the order in which the
// objects came. A burst of changes to one object is one event.
type driftQueue struct {
	mu     sync.Mutex
	order  []string
	latest map[string]event
	counts map[string]int // events of each object so far
	ready  chan struct{}
}

func newDriftQueue() *driftQueue {
	return &driftQueue{latest: map[string]event{}, counts: map[string]int{}, ready: make(chan struct{}, 1)}
}

func (q *driftQueue) add(e event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.counts[e.key]++
	e.count = q.counts[e.key]
	q.put(e)
}

// addLater puts an event back unless there was a newer one of the object by
// then, whether it still waits or was dealt with.
func (q *driftQueue) addLater(e event, after time.Duration) {
	time.AfterFunc(after, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.counts[e.key] == e.count {
			q.put(e)
		}
	})
}

func (q *driftQueue) put(e event) {
	if _, queued := q.latest[e.key]; !queued {
		q.order = append(q.order, e.key)
	}
	q.latest[e.key] = e
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

func (q *driftQueue) take() (event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.order) == 0 {
		return event{}, false
	}
	e := q.latest[q.order[0]]
	delete(q.latest, e.key)
	q.order = q.order[1:]
	return e, true
}

// heals deals with drift as it comes.
func (l *loop) heals(ctx context.Context) error {
	var pause backoff
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.drifts.ready:
		}
		for e, ok := l.drifts.take(); ok; e, ok = l.drifts.take() {
			err := l.heal(ctx, e)
			var later *reconcile.LaterError
			switch {
			case ctx.Err() != nil:
				return ctx.Err()
			case errors.As(err, &later):
				l.drifts.addLater(e, later.After)
			case err != nil:
				wait := pause.next()
				l.operator.Log.Warn("drift will be looked at again", "application", l.app.Name, "object", e.key, "in", wait, "error", err)
				l.drifts.addLater(e, wait)
			default:
				pause.reset()
			}
		}
	}
}

func (l *loop) heal(ctx context.Context, e event) error {
	return guard(l.operator.Log, func() error {
		if e.drift == nil {
			return l.reconciler.Agrees(ctx, e.key)
		}
		return l.reconciler.Drifted(ctx, *e.drift, e.live)
	})
}
