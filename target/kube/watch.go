package kube

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
)

// WatchOptions are the hooks of a Watcher. All are called one at a time, from
// Run, and must not wait for the Watcher. Each may be nil.
type WatchOptions struct {
	// OnDrift gets an object that is not as declared, and again when it differs
	// in another way. Live is nil if it is missing. Of a Secret it is metadata
	// alone, unless ReadSecrets is set.
	OnDrift func(app string, d drift.Drift, live map[string]any)
	// OnAgree gets an object that drifted and is as declared again, or an extra
	// object that is gone.
	OnAgree func(app string, id resource.ID)
	// OnLost gets the fields of an object that agree, but that another manager
	// wrote. The next apply takes them back.
	OnLost func(app string, id resource.ID, fields []string)
	// OnTrouble gets what keeps the watches from working; they try again.
	OnTrouble func(what string, err error)

	// Rules are what controllers may add; nil for drift.KnownControllers.
	Rules []drift.Rule
	// ReadSecrets confirms a suspected drift of a Secret by reading it, with
	// its values. They are compared and forgotten.
	ReadSecrets bool
}

// Tracked is an object of an application, under the ID that the server has.
// Without a baseline (it was never applied) it cannot drift.
type Tracked struct {
	ID       resource.ID
	Baseline drift.Baseline
}

// Watcher tells what drifts, by watches alone: as long as nothing drifts, it
// makes no request but WATCH.
//
// The objects of all applications are watched by their label, one watch per
// kind; Secrets, by their metadata. Each event is reduced to a digest, and the
// object is dropped. Where an application declares a Namespace, workloads,
// Services and RBAC objects in it that nobody declares are extra objects;
// these watches carry metadata alone.
//
// What an event says of an object that is gone or lost its label is confirmed
// by reading the object, and so is what a list does not contain. Only a clear
// "not found" counts; while the API server fails, nothing is missing.
type Watcher struct {
	cluster *Cluster
	o       WatchOptions
	inbox   chan func()
	wake    chan struct{}

	mu       sync.Mutex // guards all below; held while a function of the inbox runs
	running  context.Context
	group    sync.WaitGroup
	apps     map[string]*watchedApp // by label value
	entries  map[string]*entry      // by key of ID
	extras   map[string]*extra      // by key of ID
	streams  map[streamKey]*stream
	narrowed map[groupVersionKind]bool // kinds that may not be watched in all namespaces
	confirms map[string]*confirmation
	calls    []func() // of hooks, when mu is free
	clock    int      // counts the baselines that were given
}

// watchedApp is an application, with what the watches need of it.
type watchedApp struct {
	name     string
	declared func(resource.ID) *resource.Value
	holds    int // applies that run
}

// entry is a tracked object.
type entry struct {
	Tracked
	app     *watchedApp
	digest  [16]byte // of what was judged last
	judged  string   // its resourceVersion; empty if nothing was
	drifted bool
	missing bool // as reported
	based   int  // the clock when it got its baseline
	steps   int  // events and applies so far: an answer to an older question does not count
	pending *pending
}

// pending is the last event of an object during an apply.
type pending struct {
	live  map[string]any
	gone  bool
	asked int // see judge
}

// NewWatcher prepares a Watcher. It makes no request before Run.
func (c *Cluster) NewWatcher(o WatchOptions) *Watcher {
	if o.Rules == nil {
		o.Rules = drift.KnownControllers()
	}
	return &Watcher{
		cluster: c, o: o, inbox: make(chan func()), wake: make(chan struct{}, 1),
		apps: map[string]*watchedApp{}, entries: map[string]*entry{}, extras: map[string]*extra{},
		streams: map[streamKey]*stream{}, narrowed: map[groupVersionKind]bool{}, confirms: map[string]*confirmation{},
	}
}

// Run watches until ctx is done.
func (w *Watcher) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.mu.Lock()
	w.running = ctx
	w.arrange()
	w.mu.Unlock()
	for {
		var do func()
		select {
		case <-ctx.Done():
			w.mu.Lock()
			w.running = nil
			w.mu.Unlock()
			w.group.Wait()
			return ctx.Err()
		case do = <-w.inbox:
		case <-w.wake:
			do = w.judgePending
		}
		w.mu.Lock()
		do()
		calls := w.calls
		w.calls = nil
		w.mu.Unlock()
		for _, call := range calls {
			call()
		}
	}
}

// post has a function run by Run.
func (w *Watcher) post(ctx context.Context, do func()) {
	select {
	case w.inbox <- do:
	case <-ctx.Done():
	}
}

// Track says what an application consists of, in place of what was said
// before. Declared returns the manifest of an object, for the values to show;
// it is called when there is drift, and may return nil.
func (w *Watcher) Track(app string, objects []Tracked, declared func(resource.ID) *resource.Value) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.app(app)
	a.declared = declared
	keep := make(map[string]bool, len(objects))
	for _, t := range objects {
		keep[t.ID.Key()] = true
		w.track(a, t)
	}
	for key, e := range w.entries {
		if e.app == a && !keep[key] {
			delete(w.entries, key)
		}
	}
	w.arrange()
	w.poke()
}

// Untrack forgets an application.
func (w *Watcher) Untrack(app string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.apps[labelValue(app)]
	if a == nil {
		return
	}
	delete(w.apps, labelValue(app))
	for key, e := range w.entries {
		if e.app == a {
			delete(w.entries, key)
		}
	}
	for key, x := range w.extras {
		if x.app == a {
			delete(w.extras, key)
		}
	}
	w.arrange()
}

// Hold keeps back what is seen of an application while it is being applied,
// pruned or healed. Once it is released, after the new baselines were given to
// Track or Applied, the last state of each object is judged by them. The
// function that is returned releases it, once.
func (w *Watcher) Hold(app string) (release func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a := w.app(app)
	a.holds++
	return sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		a.holds--
		w.poke()
	})
}

// Applied gives an object its new baseline, right after an apply. Events that
// are older do not count.
func (w *Watcher) Applied(app string, id resource.ID, baseline drift.Baseline) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.track(w.app(app), Tracked{id, baseline})
	w.arrange()
	w.poke()
}

func (w *Watcher) app(name string) *watchedApp {
	label := labelValue(name)
	a := w.apps[label]
	if a == nil {
		a = &watchedApp{name: name}
		w.apps[label] = a
	}
	return a
}

func (w *Watcher) track(a *watchedApp, t Tracked) {
	key := t.ID.Key()
	e := w.entries[key]
	if e == nil {
		e = &entry{}
		w.entries[key] = e
	}
	if e.app == a && e.ID == t.ID && e.Baseline.ResourceVersion == t.Baseline.ResourceVersion && e.Baseline.Values == t.Baseline.Values {
		e.Tracked = t
		return
	}
	e.app, e.Tracked = a, t
	w.clock++
	e.based = w.clock
	e.steps++
	e.judged = ""
	delete(w.extras, key)
	w.catchUp(e)
}

// catchUp asks for an object whose state a watch has seen, and dropped, before
// there was this baseline.
func (w *Watcher) catchUp(e *entry) {
	s := w.streamOf(e)
	if s == nil || !s.synced || !e.Baseline.Applied() || e.pending != nil {
		return
	}
	seen, ok := s.seen[objectKey(e.ID)]
	switch applied := e.Baseline.ResourceVersion; {
	case ok && newer(seen.version, applied), !ok && newer(s.version, applied), ok && e.drifted && seen.version == applied:
		w.confirm(e.ID)
	}
}

// poke has Run look at what was kept back.
func (w *Watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// judgePending judges what was kept back and looks for extra objects anew.
func (w *Watcher) judgePending() {
	for _, e := range w.entries {
		if p := e.pending; p != nil && e.app.holds == 0 && e.Baseline.Applied() {
			e.pending = nil
			w.judge(e, p.live, p.gone, p.asked)
		}
	}
	for _, s := range w.streams {
		for key, r := range s.seen {
			w.candidate(s.idOf(key), r)
		}
	}
}

// Idle reports whether all watches run and nothing waits to be judged.
func (w *Watcher) Idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.streams {
		if !s.synced || !s.watching {
			return false
		}
	}
	for _, e := range w.entries {
		if e.pending != nil {
			return false
		}
	}
	return w.running != nil && len(w.confirms) == 0
}

func (w *Watcher) trouble(what string, err error) {
	if w.o.OnTrouble != nil && err != nil {
		w.calls = append(w.calls, func() { w.o.OnTrouble(what, err) })
	}
}

// report notes what an object is like now, for the hooks.
func (w *Watcher) report(app string, d drift.Drift, live map[string]any) {
	d.Seen = time.Now()
	if w.o.OnDrift != nil {
		w.calls = append(w.calls, func() { w.o.OnDrift(app, d, live) })
	}
}

func (w *Watcher) agree(app string, id resource.ID) {
	if w.o.OnAgree != nil {
		w.calls = append(w.calls, func() { w.o.OnAgree(app, id) })
	}
}

// declaredNamespaces returns the namespaces that applications declare.
func (w *Watcher) declaredNamespaces() map[string]*watchedApp {
	found := map[string]*watchedApp{}
	for _, e := range w.entries {
		if isNamespace(e.ID) && e.Baseline.Applied() {
			found[e.ID.Name] = e.app
		}
	}
	return found
}

// sortedStreams returns keys in a stable order.
func sortedStreams(m map[streamKey]bool) []streamKey {
	keys := make([]streamKey, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, streamKey.compare)
	return keys
}
