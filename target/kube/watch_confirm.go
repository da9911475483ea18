package kube

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

const (
	confirmations    = 8 // at a time
	firstConfirmWait = 200 * time.Millisecond
	longConfirmWait  = 10 * time.Second
)

// confirmation is a question to the API server: what is this object like now?
type confirmation struct {
	id      resource.ID
	waiting bool // for its turn
	asked   int  // the clock of the Watcher at that time
	again   bool // something happened since it was asked
}

// confirm asks for an object, once at a time.
func (w *Watcher) confirm(id resource.ID) {
	key := id.Key()
	if c := w.confirms[key]; c != nil {
		c.again = true
		return
	}
	w.confirms[key] = &confirmation{id: id, waiting: true}
	w.askNext()
}

// askNext starts questions that wait, as many as may run at a time.
func (w *Watcher) askNext() {
	if w.running == nil {
		return
	}
	running := 0
	for _, c := range w.confirms {
		if !c.waiting {
			running++
		}
	}
	for _, c := range w.confirms {
		if running >= confirmations {
			return
		}
		if c.waiting {
			c.waiting = false
			running++
			w.ask(c)
		}
	}
}

// ask reads an object until there is an answer.
func (w *Watcher) ask(c *confirmation) {
	ctx, steps := w.running, 0
	if e := w.entries[c.id.Key()]; e != nil {
		steps = e.steps
	}
	c.again, c.asked = false, w.clock
	w.group.Go(func() {
		for pause := firstConfirmWait; ; pause = min(2*pause, longConfirmWait) {
			live, err := w.read(ctx, c.id)
			if err == nil {
				w.post(ctx, func() { w.answered(c, live, steps) })
				return
			}
			w.post(ctx, func() { w.trouble(c.id.String(), err) })
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	})
}

// read returns an object, and nil if the API server says clearly that there is
// none. Of a Secret it returns the metadata, unless values may be read.
func (w *Watcher) read(ctx context.Context, id resource.ID) (map[string]any, error) {
	c := w.cluster
	m, err := c.mapper.lookup(ctx, id)
	if target.KindOf(err) == target.NotFound && c.mapper.ready(ctx) {
		return nil, nil // the definition of its kind is gone, and all its objects with it
	}
	if err != nil {
		return nil, err
	}
	var live map[string]any
	err = c.call(ctx, subject{op: "read", object: id}, func(ctx context.Context) error {
		var err error
		if secretKind(id.Group, id.Kind) && !w.o.ReadSecrets {
			live, err = c.readMetadata(ctx, m, id)
		} else if answer, failure := c.dynamicFor(m, id).Get(ctx, id.Name, metav1.GetOptions{}); failure != nil {
			err = failure
		} else {
			live = answer.Object
		}
		if apierrors.IsNotFound(err) && !apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) {
			live, err = nil, nil
		}
		return err
	})
	return live, err
}

func (c *Cluster) readMetadata(ctx context.Context, m mapping, id resource.ID) (map[string]any, error) {
	answer, err := c.metadataFor(m, id).Get(ctx, id.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	live, err := runtime.DefaultUnstructuredConverter.ToUnstructured(answer)
	if err != nil {
		return nil, errUnreadable
	}
	live["apiVersion"], live["kind"] = id.APIVersion(), id.Kind
	return live, nil
}

// answered draws the conclusion from an answer, unless something happened to
// the object since it was asked for.
func (w *Watcher) answered(c *confirmation, live map[string]any, steps int) {
	key := c.id.Key()
	e := w.entries[key]
	if c.again || e != nil && e.steps != steps {
		w.ask(c)
		return
	}
	delete(w.confirms, key)
	w.askNext()
	switch {
	case e == nil:
		w.concludeExtra(c.id, live)
	case live != nil:
		w.judge(e, live, false, c.asked)
	case e.app.holds > 0 || !e.Baseline.Applied():
		e.pending = &pending{map[string]any{}, true, c.asked}
	case !e.missing:
		e.judged, e.drifted, e.missing = "", true, true
		w.report(e.app.name, drift.Drift{Kind: drift.Missing, Object: e.ID, UID: e.Baseline.UID, Applied: e.Baseline.Generation}, nil)
	}
}

func (w *Watcher) concludeExtra(id resource.ID, live map[string]any) {
	known := w.extras[id.Key()]
	owners, _ := at(live, "metadata", "ownerReferences").([]any)
	app := w.extraOf(id, stringAt(live, "metadata", "labels", LabelApplication), len(owners) > 0)
	switch uid := stringAt(live, "metadata", "uid"); {
	case live == nil || app == nil:
		if known != nil {
			delete(w.extras, id.Key())
			w.agree(known.app.name, id)
		}
	case known == nil || known.uid != uid:
		w.extras[id.Key()] = &extra{app, uid}
		w.report(app.name, drift.Drift{Kind: drift.Extra, Object: liveID(live), UID: uid, Generation: generationOf(live)}, live)
	}
}
