package kube

import (
	"context"
	"errors"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

const (
	longestMessageOfHealth = 300
	firstPoll              = 200 * time.Millisecond
	longestPoll            = 3 * time.Second
)

// Health returns how objects are, in the order of ids. An object that cannot be
// read is Unknown; the error then says why. One that is not there is Missing.
func (c *Cluster) Health(ctx context.Context, ids []resource.ID) ([]target.Health, error) {
	all := make([]target.Health, len(ids))
	failures := make([]error, len(ids))
	err := c.each(ctx, len(ids), func(ctx context.Context, i int) error {
		all[i], failures[i] = c.healthOf(ctx, ids[i])
		return nil
	})
	return all, errors.Join(append(failures, err)...)
}

func (c *Cluster) healthOf(ctx context.Context, id resource.ID) (target.Health, error) {
	h := target.Health{ID: id}
	live, err := c.Live(ctx, id)
	switch {
	case target.KindOf(err) == target.NotFound:
		h.State, h.Message = target.Missing, "it is not in the cluster"
		return h, nil
	case err != nil:
		h.State, h.Message = target.Unknown, err.Error()
		return h, err
	}
	h = c.Assess(live)
	h.ID = id
	return h, nil
}

// Assess returns how a live object is: by the first rule of its kind that
// holds, else by kstatus, which knows the built-in kinds and the usual
// conditions of all others.
func (c *Cluster) Assess(live map[string]any) target.Health {
	h := target.Health{ID: liveID(live)}
	switch {
	case stringAt(live, "metadata", "deletionTimestamp") != "":
		h.State, h.Message = target.Progressing, "it is being deleted"
	case stale(live):
		h.State, h.Message = target.Progressing, "its controller has not seen the last change yet"
	default:
		var ok bool
		if h.State, h.Message, h.Final, ok = c.health.assess(live); !ok {
			h.State, h.Message, h.Final = byKstatus(live)
		}
	}
	if len(h.Message) > longestMessageOfHealth {
		h.Message = h.Message[:longestMessageOfHealth] + "…"
	}
	return h
}

// stale reports whether the status is about an older state of the object.
func stale(live map[string]any) bool {
	observed, ok := at(live, "status", "observedGeneration").(int64)
	generation, _ := at(live, "metadata", "generation").(int64)
	return ok && observed < generation
}

func byKstatus(live map[string]any) (target.State, string, bool) {
	result, err := status.Compute(&unstructured.Unstructured{Object: live})
	if err != nil {
		return target.Unknown, "its status cannot be understood", false
	}
	switch result.Status {
	case status.CurrentStatus:
		return target.Healthy, "", false
	case status.InProgressStatus, status.TerminatingStatus:
		return target.Progressing, result.Message, false
	case status.FailedStatus:
		return target.Degraded, result.Message, false
	case status.NotFoundStatus:
		return target.Missing, result.Message, false
	}
	return target.Unknown, result.Message, false
}

// staleFor is how long a final state may still be that of the objects before
// they were applied: controllers take a moment to notice.
const staleFor = 3 * time.Second

// AwaitHealthy waits until all objects are Healthy or Suspended, until one is
// Degraded in a way that waiting does not change, or until the limit is over. It
// returns how all are then. The error is that of ctx, or the reason why objects
// could not be read when the time was up.
//
// Only objects that are not well are asked for again, at growing intervals; in
// the end all are, since one may have fallen ill while others got well. Progress
// gets the state of all whenever one changes; it may be nil.
func (c *Cluster) AwaitHealthy(ctx context.Context, ids []resource.ID, limit time.Duration, progress func([]target.Health)) ([]target.Health, error) {
	waiting, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	w := waiter{Cluster: c, ids: ids, progress: progress}
	interval := firstPoll
	start := time.Now()
	for {
		settled, err := w.look(waiting)
		if settled && (!final(w.states) || time.Since(start) >= staleFor) {
			return w.states, nil
		}
		select {
		case <-ctx.Done():
			return w.states, ctx.Err()
		case <-waiting.Done():
			return w.states, err
		case <-time.After(interval):
		}
		interval = min(interval*3/2, longestPoll)
	}
}

type waiter struct {
	*Cluster
	ids      []resource.ID
	progress func([]target.Health)
	states   []target.Health
}

// look asks for what is not well yet, and for all once that is.
func (w *waiter) look(ctx context.Context) (settled bool, err error) {
	if w.states == nil {
		err := w.ask(ctx, w.ids)
		return err == nil && w.settled(), err
	}
	if err := w.ask(ctx, w.pending()); err != nil || !w.settled() {
		return false, err
	}
	if final(w.states) {
		return true, nil
	}
	err = w.ask(ctx, w.ids)
	return err == nil && w.settled(), err
}

// ask updates the states of ids. If the time is up while it asks, the states
// stay as they were.
func (w *waiter) ask(ctx context.Context, ids []resource.ID) error {
	fresh, err := w.Health(ctx, ids)
	if ctx.Err() != nil && w.states != nil {
		return err
	}
	byKey := make(map[string]target.Health, len(fresh))
	for _, h := range fresh {
		byKey[h.ID.Key()] = h
	}
	changed := w.states == nil
	next := make([]target.Health, len(w.ids))
	for i, id := range w.ids {
		h, asked := byKey[id.Key()]
		if !asked && w.states != nil {
			h = w.states[i]
		}
		if h.ID == (resource.ID{}) { // the time was up before its turn
			h = target.Health{ID: id, State: target.Unknown, Message: "there was no time to ask"}
		}
		next[i] = h
		changed = changed || h != w.states[i]
	}
	w.states = next
	if changed && w.progress != nil {
		w.progress(next)
	}
	return err
}

func (w *waiter) pending() []resource.ID {
	var ids []resource.ID
	for _, h := range w.states {
		if !h.State.Well() {
			ids = append(ids, h.ID)
		}
	}
	return ids
}

func (w *waiter) settled() bool {
	if final(w.states) {
		return true
	}
	return len(w.pending()) == 0
}

func final(all []target.Health) bool {
	for _, h := range all {
		if h.State == target.Degraded && h.Final {
			return true
		}
	}
	return false
}
