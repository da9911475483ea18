// Package operator is the process that keeps everything going: it follows the
// sources, takes applications to accepted revisions, watches clusters for
// drift and does what people ask for.
//
//	Operator  all loops of one process, over one state directory
//	loop      one application: waits for a reason to act, then reconciles
//	watch     one cluster: tells loops what drifted
//
// Each source and each application has a goroutine of its own, so that nothing
// waits for what it does not depend on. An application acts when its source has
// a new accepted revision, when one it depends on became ready, when a person
// asked, or when it is time to try again; drift is healed beside that. What
// fails for a reason that may pass is tried again with growing pauses; what
// runs is left alone meanwhile.
package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/reconcile"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/target/kube"
)

// Options are the parts that an Operator is built from.
type Options struct {
	Config    *config.Config
	Renderers []render.Renderer
	Evaluator policy.Evaluator
	Policies  string // digest of the packs
	Version   string // of Holdfast
	Log       *slog.Logger
	Jobs      int // reconciles at a time, while they are not waiting; default 4
}

// Operator is one process over one state directory.
type Operator struct {
	Options
	store    *state.Store
	ledger   *ledger.Log
	sources  map[string]*followed
	clusters map[string]*cluster
	loops    map[string]*loop
	slots    chan struct{}
}

// New opens the state, the ledger and the mirrors, and connects the clusters.
// Nothing is fetched or changed before Run.
func New(ctx context.Context, opts Options) (_ *Operator, err error) {
	if opts.Jobs <= 0 {
		opts.Jobs = 4
	}
	o := &Operator{
		Options: opts, sources: map[string]*followed{}, clusters: map[string]*cluster{}, loops: map[string]*loop{},
		slots: make(chan struct{}, opts.Jobs),
	}
	defer func() {
		if err != nil {
			_ = o.Close()
		}
	}()
	if o.ledger, err = ledger.Open(opts.Config.LedgerDir()); err != nil {
		return nil, err
	}
	if o.store, err = state.Open(opts.Config.StateDir); err != nil {
		return nil, err
	}
	for _, s := range opts.Config.Sources {
		if o.sources[s.Name], err = o.follow(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, c := range opts.Config.Clusters {
		if o.clusters[c.Name], err = o.connect(c); err != nil {
			return nil, fmt.Errorf("cluster %s: %w", c.Name, err)
		}
	}
	for _, a := range opts.Config.Applications {
		o.loops[a.Name] = o.newLoop(a)
	}
	return o, nil
}

// Connect returns a connection to a cluster of the configuration.
func Connect(c config.Cluster, version string) (*kube.Cluster, error) {
	return kube.Connect(kube.Options{
		Kubeconfig: c.Kubeconfig, Context: c.Context, AllowExec: c.AllowExec,
		InventoryNamespace: c.Namespace, UserAgent: "holdfast/" + version,
	})
}

// Close releases what New opened.
func (o *Operator) Close() error {
	var errs []error
	for _, s := range o.sources {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	if o.store != nil {
		errs = append(errs, o.store.Close())
	}
	if o.ledger != nil {
		errs = append(errs, o.ledger.Close())
	}
	return errors.Join(errs...)
}

// Run runs until ctx is done. What is being written when that happens is
// finished or done again at the next start.
func (o *Operator) Run(ctx context.Context) error {
	if err := o.checkCheckpoints(ctx); err != nil {
		return stopped(err)
	}
	if _, err := o.ledger.Append(ledger.Record{
		Kind: ledger.Start, Policies: o.Policies, Message: "holdfast " + o.Version,
		Details: []string{"configuration " + o.Config.Digest},
	}); err != nil {
		return err
	}
	if err := o.resume(ctx); err != nil {
		return stopped(err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range o.sources {
		group.Go(func() error { return s.run(ctx) })
	}
	for _, c := range o.clusters {
		group.Go(func() error { return c.run(ctx) })
	}
	for _, l := range o.loops {
		group.Go(func() error { return l.run(ctx) })
		group.Go(func() error { return l.heals(ctx) })
	}
	group.Go(func() error { return o.serveRequests(ctx) })
	group.Go(func() error { return o.keepCheckpoints(ctx) })
	return stopped(group.Wait())
}

// stopped makes nothing of an error that says that the operator was told to stop.
func stopped(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// resume tells the watches what was live when the process ended.
func (o *Operator) resume(ctx context.Context) error {
	for _, l := range o.loops {
		if err := l.reconciler.Resume(ctx); err != nil {
			return err
		}
	}
	return nil
}

// requestInterval is how often the database is asked for what people want. It
// is a read of a few microseconds.
const requestInterval = 500 * time.Millisecond

func (o *Operator) serveRequests(ctx context.Context) error {
	ticker := time.NewTicker(requestInterval)
	defer ticker.Stop()
	for {
		requests, err := o.store.Requests(ctx)
		if err != nil && ctx.Err() == nil {
			o.Log.Error("requests cannot be read", "error", err)
		}
		for _, r := range requests {
			if err := o.serve(ctx, r); err != nil {
				o.Log.Error("request failed", "kind", r.Kind, "application", r.Application, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

func (o *Operator) serve(ctx context.Context, r state.Request) error {
	l := o.loops[r.Application]
	if l == nil {
		return fmt.Errorf("there is no application %q", r.Application)
	}
	if _, err := o.ledger.Append(ledger.Record{
		Kind: ledger.Request, Application: r.Application, Commit: r.Argument, Outcome: r.Kind, Message: "asked for by " + r.By,
	}); err != nil {
		return err
	}
	switch r.Kind {
	case "rollback":
		return l.pin(ctx, r.Argument)
	case "resume":
		return l.pin(ctx, "")
	}
	return fmt.Errorf("unknown request %q", r.Kind)
}

// followed is a source with the revision that it is at.
type followed struct {
	*reconcile.Follower
	operator *Operator

	mu       sync.Mutex
	revision reconcile.Revision
	trees    *treeCache
}

func (o *Operator) follow(ctx context.Context, s config.Source) (*followed, error) {
	f, err := reconcile.OpenFollower(ctx, s, o.Config.StateDir, reconcile.Follower{Store: o.store, Ledger: o.ledger, Log: o.Log, Evaluator: o.Evaluator})
	if err != nil {
		return nil, err
	}
	return &followed{Follower: f, operator: o, trees: newTreeCache(f.Mirror)}, nil
}

// current returns the accepted revision.
func (f *followed) current() reconcile.Revision {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.revision
}

func (f *followed) run(ctx context.Context) error {
	var pause backoff
	for {
		var rev reconcile.Revision
		err := guard(f.Log, func() (err error) {
			rev, err = f.Poll(ctx)
			return err
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := f.Config.Interval
		if err != nil {
			f.Log.Warn("source cannot be followed", "source", f.Config.Name, "error", err)
			wait = max(wait, pause.next())
		} else {
			pause.reset()
		}
		f.publish(ctx, rev)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// publish wakes the applications of the source if it is at another revision.
func (f *followed) publish(ctx context.Context, rev reconcile.Revision) {
	f.mu.Lock()
	changed := rev.Commit != "" && rev.Commit != f.revision.Commit
	if changed {
		f.revision = rev
	}
	f.mu.Unlock()
	if !changed {
		return
	}
	for _, l := range f.operator.loops {
		if l.app.Source == f.Config.Name {
			if err := l.look(ctx); err != nil && ctx.Err() == nil {
				f.Log.Warn("cannot follow", "application", l.app.Name, "error", err) // its loop tries again
			}
		}
	}
}

// backoff grows from one second to fifteen.
type backoff struct{ last time.Duration }

func (b *backoff) next() time.Duration {
	b.last = min(max(2*b.last, time.Second), 15*time.Second)
	return b.last
}

func (b *backoff) reset() { b.last = 0 }
