package kube

import (
	"context"
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

const (
	adoptionTries    = 5                // of an object that changes while it is adopted
	outages          = 3                // failures of the API server in a row after which an apply stops
	definitionWait   = 60 * time.Second // for a CustomResourceDefinition to be established
	replacementWait  = 60 * time.Second // for an object that is replaced to be gone
	finalWriteWait   = 10 * time.Second // for the inventory, when an apply was cancelled
	shortestInterval = 100 * time.Millisecond
	longestInterval  = 2 * time.Second
)

// ApplyOptions are the hooks of an apply. Both may be nil.
type ApplyOptions struct {
	// Skip reports that an object is known to be as declared: it was applied
	// from the same manifest, and its live state was watched ever since.
	Skip func(*resource.Resource) bool

	// Observe gets the server's answer for each object that was applied, one
	// at a time. It must not keep the answer.
	Observe func(id resource.ID, declared *resource.Resource, answer map[string]any)
}

// Apply brings what is declared into the cluster. Objects that fail do not stop
// the others, except those that need them; Applied.Err has all failures. The
// error of Apply itself means that nothing was applied (the objects or the
// inventory cannot be used) or that the inventory could not be completed.
//
// Owned has what was owned before and what is declared; Prune deletes the rest.
func (c *Cluster) Apply(ctx context.Context, app App, declared []*resource.Resource, o ApplyOptions) (*target.Applied, error) {
	objects, err := c.resolve(ctx, app, declared)
	if err != nil {
		return nil, err
	}
	before, err := c.ReadInventory(ctx, app.Name)
	if err != nil {
		return nil, err
	}
	owned := before.Union(knownIDs(objects))
	if owned, err = c.updateInventory(ctx, before, owned); err != nil {
		return nil, err
	}
	a := &applier{Cluster: c, app: app, options: o, owned: owned, defined: definitions(declared), failed: map[string]resource.ID{}}
	for _, stage := range stages(objects) {
		a.stage(ctx, stage)
	}
	applied := &target.Applied{Results: a.results, Declared: declaredInventory(app, objects)}
	applied.Owned, err = c.complete(ctx, app, owned, applied)
	return applied, err
}

// complete writes what the inventory has to learn from an apply: the UIDs and,
// if nothing failed, the revision. It does so even if ctx is done by now.
func (c *Cluster) complete(ctx context.Context, app App, owned target.Inventory, applied *target.Applied) (target.Inventory, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalWriteWait)
	defer cancel()
	uids := map[string]string{}
	for _, r := range applied.Results {
		uids[r.ID.Key()] = r.UID
	}
	after := owned
	after.Items = make([]target.Item, len(owned.Items))
	for i, item := range owned.Items {
		if uid := uids[item.ID.Key()]; uid != "" {
			item.UID = uid
		}
		after.Items[i] = item
	}
	if applied.Err() == nil {
		after.Revision = app.Revision
	}
	return c.updateInventory(ctx, owned, after)
}

// updateInventory writes an inventory if it differs from the stored one.
func (c *Cluster) updateInventory(ctx context.Context, stored, next target.Inventory) (target.Inventory, error) {
	if stored.Version != "" && next.Equal(stored) {
		return stored, nil
	}
	return c.WriteInventory(ctx, next)
}

func knownIDs(objects []object) []resource.ID {
	var ids []resource.ID
	for _, o := range objects {
		if o.err == nil {
			ids = append(ids, o.id)
		}
	}
	return ids
}

// declaredInventory lists what is declared. Of an object of unknown kind the
// scope is unknown too, so it is listed as both, and is safe from a prune.
func declaredInventory(app App, objects []object) target.Inventory {
	var ids []resource.ID
	for _, o := range objects {
		ids = append(ids, o.id)
		if o.err != nil {
			id := o.id
			id.Namespace = namespaceOf(app, id, true)
			ids = append(ids, id)
		}
	}
	return target.Inventory{Application: app.Name, Revision: app.Revision}.Union(ids)
}

// applier is one run of Apply.
type applier struct {
	*Cluster
	app     App
	options ApplyOptions
	owned   target.Inventory
	defined map[schema.GroupKind]definition
	results []target.Result

	mu         sync.Mutex
	failed     map[string]resource.ID // what other objects need: namespaces and kinds
	down       int                    // failures of the API server in a row
	namespaced sync.Once
}

// stage applies objects that do not need each other. What later stages need of
// them is there when it returns, or noted as failed.
func (a *applier) stage(ctx context.Context, objects []object) {
	results := make([]target.Result, len(objects))
	_ = a.each(ctx, len(objects), func(ctx context.Context, i int) error {
		results[i] = a.object(ctx, objects[i])
		return nil
	})
	for i, r := range results {
		if r.ID == (resource.ID{}) { // ctx was done before its turn
			results[i] = target.Result{ID: objects[i].id, Err: &target.Error{Kind: target.Held, Op: "apply", Object: objects[i].id, Message: "the apply was cancelled"}}
		}
		if results[i].Err != nil {
			a.fail(objects[i])
		}
	}
	a.results = append(a.results, results...)
}

// fail notes what is missing now for others.
func (a *applier) fail(o object) {
	if isNamespace(o.id) {
		a.failed["namespace "+o.id.Name] = o.id
	}
	for kind, d := range a.defined {
		if isDefinition(o.id) && d.crd.Name == o.id.Name {
			a.failed["kind "+kind.String()] = o.id
		}
	}
}

// held returns an error if something that an object needs has failed.
func (a *applier) held(o object) error {
	a.mu.Lock()
	down := a.down
	a.mu.Unlock()
	e := &target.Error{Kind: target.Held, Op: "apply", Object: o.id}
	if down >= outages {
		e.Message = "the API server cannot be reached or is overloaded, so it was not tried"
		return e
	}
	kind := schema.GroupKind{Group: o.id.Group, Kind: o.id.Kind}
	for _, need := range []string{"namespace " + o.id.Namespace, "kind " + kind.String()} {
		if id, ok := a.failed[need]; ok {
			e.Message = "it needs " + id.String() + ", which failed"
			return e
		}
	}
	return nil
}

func (a *applier) object(ctx context.Context, o object) target.Result {
	result := target.Result{ID: o.id}
	if a.options.Skip != nil && o.err == nil && !o.pending && a.options.Skip(o.declared) {
		result.Action, result.Skipped = target.Unchanged, true
		return result
	}
	if result.Err = o.err; result.Err == nil {
		result.Err = a.held(o)
	}
	if result.Err != nil {
		return result
	}
	result = a.write(ctx, o)
	a.mu.Lock()
	defer a.mu.Unlock()
	if target.KindOf(result.Err) == target.Retryable {
		a.down++
	} else {
		a.down = 0
	}
	return result
}

// write applies one object and reports its answer.
func (a *applier) write(ctx context.Context, o object) target.Result {
	result := target.Result{ID: o.id}
	if o.pending {
		if o.mapping, result.Err = a.awaitKind(ctx, o.id); result.Err != nil {
			return result
		}
	}
	if result.Err = a.ensureAppNamespace(ctx, o); result.Err != nil {
		return result
	}
	body, err := manifest(a.app, o)
	if err != nil {
		result.Err = err
		return result
	}
	before, answer, err := a.adopt(ctx, o, body)
	if target.KindOf(err) == target.Immutable && replaceable(o) {
		if err = a.replace(ctx, o, before); err == nil {
			_, answer, err = a.adopt(ctx, o, body)
		}
	}
	if err == nil && isDefinition(o.id) {
		a.mapper.forget(stringAt(answer, "spec", "group"))
		answer, err = a.awaitEstablished(ctx, o, answer)
	}
	if err != nil {
		result.Err = err
		return result
	}
	after := headOf(answer)
	result.UID = after.uid
	switch {
	case !before.exists:
		result.Action = target.Create
	case before.sameAs(after, body):
		result.Action = target.Unchanged
	default:
		result.Action = target.Update
	}
	if a.options.Observe != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.options.Observe(o.id, o.declared, answer)
	}
	return result
}

// adopt applies an object unless it belongs to another application. An object
// that exists and that we do not own yet is written only as it was when its
// label was read.
func (a *applier) adopt(ctx context.Context, o object, body map[string]any) (head, map[string]any, error) {
	meta := subMap(body, "metadata")
	for try := 1; ; try++ {
		before, err := a.head(ctx, o.mapping, o.id)
		if err != nil {
			return before, nil, err
		}
		if err := before.owned(a.app, o.id); err != nil {
			return before, nil, err
		}
		if before.deleting {
			return before, nil, &target.Error{Kind: target.Retryable, Op: "apply", Object: o.id, Message: "it is being deleted; it is applied again when it is gone"}
		}
		item, _ := a.owned.Find(o.id)
		adopting := before.exists && item.UID != before.uid && before.application == ""
		delete(meta, "resourceVersion")
		if adopting {
			meta["resourceVersion"] = before.version
		}
		answer, err := a.patch(ctx, o, body, false)
		if adopting && target.KindOf(err) == target.Conflict && try < adoptionTries {
			continue
		}
		return before, answer, err
	}
}

// replace deletes an object and waits until it is gone.
func (a *applier) replace(ctx context.Context, o object, live head) error {
	if err := a.delete(ctx, o.mapping, o.id, live.uid, metav1.DeletePropagationForeground); err != nil {
		return err
	}
	return a.until(ctx, replacementWait, func(ctx context.Context) (bool, error) {
		h, err := a.head(ctx, o.mapping, o.id)
		return !h.exists || h.uid != live.uid, err
	}, &target.Error{Kind: target.Retryable, Op: "replace", Object: o.id, Message: "it was deleted and is not gone yet; a finalizer may hold it"})
}

// delete removes an object if it still is the one with the given UID. That it
// is gone already is no error.
func (c *Cluster) delete(ctx context.Context, m mapping, id resource.ID, uid string, how metav1.DeletionPropagation) error {
	precondition := types.UID(uid)
	err := c.call(ctx, subject{op: "delete", object: id}, func(ctx context.Context) error {
		return c.metadataFor(m, id).Delete(ctx, id.Name, metav1.DeleteOptions{
			Preconditions: &metav1.Preconditions{UID: &precondition}, PropagationPolicy: &how,
		})
	})
	if target.KindOf(err) == target.NotFound {
		return nil
	}
	return err
}

// ensureAppNamespace creates the namespace of the application where it is
// wanted, before the first object that lives there.
func (a *applier) ensureAppNamespace(ctx context.Context, o object) (err error) {
	if !a.app.CreateNamespace || o.id.Namespace == "" || o.id.Namespace != a.app.Namespace {
		return nil
	}
	a.namespaced.Do(func() { err = a.ensureNamespace(ctx, a.app.Namespace) })
	return err
}

// awaitKind waits until a kind that was just defined is served.
func (a *applier) awaitKind(ctx context.Context, id resource.ID) (m mapping, err error) {
	err = a.until(ctx, definitionWait, func(ctx context.Context) (bool, error) {
		var err error
		m, err = a.mapper.lookup(ctx, id)
		if target.KindOf(err) == target.NotFound {
			return false, nil
		}
		return err == nil, err
	}, unknownKind(id))
	return m, err
}

// awaitEstablished waits until the API server serves what a
// CustomResourceDefinition defines.
func (a *applier) awaitEstablished(ctx context.Context, o object, answer map[string]any) (map[string]any, error) {
	refusal := ""
	err := a.until(ctx, definitionWait, func(ctx context.Context) (bool, error) {
		if conditionOf(answer, "Established").status == "True" {
			return true, nil
		}
		if names := conditionOf(answer, "NamesAccepted"); names.status == "False" {
			refusal = names.message
			return true, nil
		}
		var err error
		answer, err = a.live(ctx, o.mapping, o.id)
		return false, err
	}, &target.Error{Kind: target.Retryable, Op: "apply", Object: o.id, Message: "it was applied, but is not established yet"})
	if err == nil && refusal != "" {
		err = &target.Error{Kind: target.Invalid, Op: "apply", Object: o.id, Message: "its names are not accepted: " + refusal}
	}
	return answer, err
}

// until asks again and again, at growing intervals, until done says so. After
// the limit it returns the error late.
func (c *Cluster) until(ctx context.Context, limit time.Duration, done func(context.Context) (bool, error), late error) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	interval := shortestInterval
	for {
		ok, err := done(limited)
		if ok && err == nil {
			return nil
		}
		if err != nil && !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-limited.Done():
			return late
		case <-time.After(interval):
		}
		interval = min(2*interval, longestInterval)
	}
}
