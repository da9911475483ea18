package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/gate"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/state"
	"github.com/holdfast-dev/holdfast/target"
	"github.com/holdfast-dev/holdfast/target/kube"
)

// Trees gives the files of commits, and tells whether one is part of another's
// history.
type Trees interface {
	Tree(ctx context.Context, commit string) (source.Tree, error)
	IsAncestor(ctx context.Context, ancestor, of string) (bool, error)
}

// Reconciler takes one application to revisions. Reconcile and Heal may run at
// the same time; two Reconciles may not.
type Reconciler struct {
	App       config.Application
	Cluster   *kube.Cluster
	Trees     Trees
	Renderers []render.Renderer
	Evaluator policy.Evaluator
	Policies  string   // digest of the packs
	Waivers   *Waivers // nil: none counts
	Store     *state.Store
	Ledger    *ledger.Log
	Log       *slog.Logger

	Watches Watches

	// writing is held while objects are written, by an apply or by a heal.
	writing  sync.Mutex
	fights   drift.Fights         // used while writing is held
	noted    map[string]time.Time // by object key: when the drift that was recorded last was seen
	halfDone bool                 // an apply was cut off: what differs is not drift until it is done again
	live     liveRevision

	said said // used by Reconcile
}

// said are the decisions about a commit that the ledger has already: one that
// is tried again and again is not news.
type said struct {
	commit  string
	records map[string]bool
}

// Watches are told what is live whenever that changes, so that they know what
// to compare with: a kube.Watcher.
type Watches interface {
	Hold(app string) (release func())
	Track(app string, objects []kube.Tracked, declared func(resource.ID) *resource.Value)
	Applied(app string, id resource.ID, baseline drift.Baseline)
}

// Resume tells the watches what was live when the process ended, so that what
// has drifted in the meantime is seen.
func (r *Reconciler) Resume(ctx context.Context) error {
	st, err := r.Store.Application(ctx, r.App.Name)
	if errors.Is(err, state.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	objects, err := r.Store.Objects(ctx, r.App.Name)
	if err != nil {
		return err
	}
	r.live.set(st.Revision, nil)
	r.halfDone = st.Status == state.Progressing || st.Outcome == state.Progressing
	r.track(objects)
	return nil
}

// track tells the watches what the application consists of.
func (r *Reconciler) track(objects []state.Object) {
	tracked := make([]kube.Tracked, len(objects))
	for i, o := range objects {
		tracked[i] = kube.Tracked{ID: o.ID, Baseline: o.Baseline}
	}
	r.Watches.Track(r.App.Name, tracked, r.declaredValue)
}

// Reconcile takes the application to a revision. The returned state says how
// that went; it is stored as well. The error is for what should be tried
// again: the cluster or the database does not answer, ErrSuperseded, or a
// LaterError with a verdict that may be another after a while.
func (r *Reconciler) Reconcile(ctx context.Context, rev Revision, waiting Waiting) (state.Application, error) {
	run, err := r.begin(ctx, rev)
	if err != nil {
		return state.Application{}, err
	}
	run.waiting = waiting
	err = run.conclude(ctx, run.steps(ctx))
	run.st.Updated = time.Now()
	// What was found out is stored even if the loop is being stopped.
	if putErr := r.Store.PutApplication(context.WithoutCancel(ctx), run.st); putErr != nil {
		err = errors.Join(err, putErr)
	}
	return run.st, err
}

// conclude notes how the steps ended, and returns what should be tried again.
func (r *run) conclude(ctx context.Context, err error) error {
	var stop *stopError
	switch {
	case errors.As(err, &stop):
		r.st.Status, r.st.Reason, r.st.Details = stop.status, stop.reason, stop.details
		r.decided(stop.status)
		r.settle()
		if stop.passing {
			r.st.Deps = nil // the files alone do not decide
			return &LaterError{passingPause}
		}
		return nil
	case err == nil:
		r.settle()
		return nil
	case ctx.Err() != nil, errors.Is(err, ErrSuperseded):
		return err
	}
	r.st.Status, r.st.Reason, r.st.Details = unavailable(err), err.Error(), nil
	if r.st.Outcome != state.Progressing { // else an earlier revision is still to be awaited
		r.st.Tried, r.st.Outcome = r.rev.Commit, state.Progressing
	}
	return err
}

// decided notes the verdict on the revision, and all that it depends on.
func (r *run) decided(outcome state.Status) {
	r.st.Tried, r.st.Outcome = r.rev.Commit, outcome
	r.st.Options, r.st.Deps = r.optionsKey(), r.rendering.Deps
}

// settle lets drift be dealt with again: no apply is half done.
func (r *run) settle() {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.halfDone = false
}

// passingPause is after how long a verdict that may pass is looked at again.
const passingPause = 20 * time.Second

// ErrSuperseded is returned when a newer revision came while one was awaited,
// which is neither healthy nor failed then.
var ErrSuperseded = errors.New("a newer revision is on its way")

// Waiting says how a reconcile waits for health. Both fields may be nil.
type Waiting struct {
	Newer   <-chan Revision // revisions that were accepted meanwhile
	Started func()          // called when there is nothing to do but wait
}

// stopError ends a reconcile with a verdict about the revision: it is blocked,
// or failed. There is no point in trying the same again, unless the verdict is
// passing: it depends on more than the files.
type stopError struct {
	status  state.Status
	reason  string
	details []string
	passing bool
}

func (e *stopError) Error() string { return e.reason }

// run is one reconcile.
type run struct {
	*Reconciler
	rev       Revision
	waiting   Waiting
	st        state.Application
	tree      source.Tree
	rendering *Rendering
	judgement scan.Judgement
	waived    gate.Waived
	decision  gate.Decision
}

func (r *Reconciler) begin(ctx context.Context, rev Revision) (*run, error) {
	st, err := r.Store.Application(ctx, r.App.Name)
	if errors.Is(err, state.ErrNone) {
		st, err = state.Application{Name: r.App.Name, Status: state.Pending}, nil
	}
	if err != nil {
		return nil, err
	}
	st.Source, st.Path, st.Cluster = r.App.Source, r.App.Path, r.App.Cluster
	return &run{Reconciler: r, rev: rev, st: st}, nil
}

// steps is the main path.
func (r *run) steps(ctx context.Context) (err error) {
	if r.tree, err = r.Trees.Tree(ctx, r.rev.Commit); err != nil {
		return err
	}
	if r.upToDate() {
		r.keep()
		return nil
	}
	if err := r.render(ctx); err != nil {
		return err
	}
	if r.sameAsLive() {
		r.decided(state.Ready)
		r.keep()
		return nil
	}
	var stop *stopError
	err = r.admit(ctx)
	if errors.As(err, &stop) {
		return r.finish(ctx, stop)
	}
	if err != nil {
		return err
	}
	err = r.deploy(ctx)
	if err == nil {
		err = r.await(ctx)
	}
	if errors.As(err, &stop) {
		return r.rollBack(ctx, stop)
	}
	return err
}

// admit finds out whether the revision may be applied. Nothing is touched.
func (r *run) admit(ctx context.Context) error {
	if err := r.judge(ctx); err != nil {
		return err
	}
	if err := r.decide(); err != nil {
		return err
	}
	return r.plan(ctx)
}

// upToDate reports whether nothing that the last attempt read has changed: its
// verdict holds for this revision as well.
func (r *run) upToDate() bool {
	if r.st.Options != r.optionsKey() || len(r.st.Deps) == 0 || !r.st.Deps.Match(r.tree) {
		return false
	}
	switch r.st.Status {
	case state.Ready, state.Blocked, state.Failed, state.RolledBack, state.Held:
		return r.st.Status == r.st.Outcome
	}
	return false
}

// sameAsLive reports whether other files gave the same objects as those that
// are live and healthy.
func (r *run) sameAsLive() bool {
	return r.st.Status == state.Ready && len(r.rendering.Problems) == 0 &&
		r.st.Digest == r.rendering.Digest && r.st.Options == r.optionsKey()
}

// keep leaves everything as it is.
func (r *run) keep() {
	if r.st.Status == state.Ready {
		r.st.Reason, r.st.Details = "", nil
	}
}

// judge runs all policies on all objects. What is cut off is no verdict.
func (r *run) judge(ctx context.Context) error {
	r.judgement = scan.Judge(ctx, r.Evaluator, resource.NewSet(r.rendering.Resources), policy.Rendered)
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.waive(ctx)
}

// Decide asks the gate about a rendering. Known are the fingerprints of the
// findings that are live already.
func Decide(app config.Application, rendering *Rendering, judged scan.Judgement, waived gate.Waived, rev Revision, known []string) gate.Decision {
	isKnown := make(map[string]bool, len(known))
	for _, fingerprint := range known {
		isKnown[fingerprint] = true
	}
	return gate.Decide(gate.Evidence{
		Signer: rev.Signer, Problems: describeProblems(rendering.Problems), Impure: rendering.Impure,
		Objects: len(rendering.Resources), Findings: judged.Findings, Verdicts: judged.Verdicts, Errors: judged.Errors,
		Known: isKnown, Waived: waived,
	}, gate.Terms{Audit: app.Gate.Mode == config.Audit, FailOn: *app.Gate.FailOn, All: app.Gate.All})
}

// decide asks the gate, and ends the reconcile if it blocks.
func (r *run) decide() error {
	r.decision = Decide(r.App, r.rendering, r.judgement, r.waived, r.rev, r.st.Known)
	if err := r.recordOnce(r.decisionRecord()); err != nil {
		return err
	}
	if r.decision.Allow {
		return r.holdRegressions()
	}
	reason := fmt.Sprintf("%s is blocked: %s", shortID(r.rev.Commit), r.failures())
	r.Log.Warn("revision blocked", "application", r.App.Name, "commit", r.rev.Commit, "reason", r.failures())
	// Whether a policy can be evaluated in time depends on the machine, too.
	passing := len(r.judgement.Errors) > 0
	return &stopError{status: state.Blocked, reason: reason, details: r.objections(), passing: passing}
}

// plan asks the server what it would refuse.
func (r *run) plan(ctx context.Context) error {
	if err := r.resolve(ctx); err != nil {
		return r.refused("resolve", err)
	}
	plan, err := r.Cluster.Plan(ctx, r.kubeApp(r.rev.Commit), r.rendering.Resources, nil)
	if err == nil {
		err = plan.Err()
	}
	return r.refused("plan", err)
}

// resolve gives objects the namespaces that the cluster gives them.
func (r *run) resolve(ctx context.Context) error {
	resolved, err := r.Cluster.Resolve(ctx, r.kubeApp(r.rev.Commit), r.rendering.Resources)
	if err == nil {
		r.rendering.Resources = resolved
	}
	return err
}

// refused turns what the target will not take into a verdict about the
// revision. Rights, namespaces and kinds that are missing may come without a
// commit, so it is looked at again. What certainly passes stays an error.
func (r *run) refused(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, target.Retryable), errors.Is(err, target.Conflict), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	reason := fmt.Sprintf("%s cannot be applied: %v", shortID(r.rev.Commit), firstLine(err))
	if err := r.recordOnce(ledger.Record{Kind: ledger.Decision, Outcome: "refused", Message: step + ": " + err.Error()}); err != nil {
		return err
	}
	return &stopError{status: state.Blocked, reason: reason, details: lines(err), passing: true}
}

// unavailable is the status of what will be tried again.
func unavailable(err error) state.Status {
	switch {
	case errors.Is(err, target.Retryable):
		return state.Unreachable
	case errors.Is(err, target.Conflict):
		return state.Progressing
	}
	return state.Failed
}

// recordOnce appends a decision, unless the ledger has the same one about this
// commit from this process.
func (r *run) recordOnce(record ledger.Record) error {
	data, err := json.Marshal(record)
	if err != nil {
		return err
	}
	if r.said.commit != r.rev.Commit {
		r.said = said{r.rev.Commit, map[string]bool{}}
	}
	if r.said.records[string(data)] {
		return nil
	}
	if err := r.record(record); err != nil {
		return err
	}
	r.said.records[string(data)] = true
	return nil
}

// record appends to the ledger what happened to this revision.
func (r *run) record(record ledger.Record) error {
	record.Source, record.Application = r.App.Source, r.App.Name
	if record.Commit == "" {
		record.Commit = r.rev.Commit
	}
	record.Signer = r.rev.Signer
	record.Policies = r.Policies
	_, err := r.Ledger.Append(record)
	return err
}

// objects returns what is to be stored of the live objects, with the baselines
// that were observed.
func (r *run) objects(previous []state.Object, baselines map[string]drift.Baseline) []state.Object {
	before := map[string]state.Object{}
	for _, o := range previous {
		before[o.ID.Key()] = o
	}
	out := make([]state.Object, 0, len(r.rendering.Resources))
	for _, res := range r.rendering.Resources {
		key := res.ID.Key()
		old, known := before[key]
		baseline, observed := baselines[key]
		if !observed {
			baseline = old.Baseline
		}
		o := r.object(res, baseline)
		if known && old.Baseline.Declared == baseline.Declared {
			o.Commit, o.Signer = old.Commit, old.Signer
		}
		out = append(out, o)
	}
	return out
}

func (r *run) object(res *resource.Resource, baseline drift.Baseline) state.Object {
	loc := res.Locate(nil)
	o := state.Object{
		ID: res.ID, Via: res.Origin.Via, Commit: r.rev.Commit, Signer: r.rev.Signer,
		Verdicts: map[string]int{}, Baseline: baseline,
	}
	if loc.File != nil {
		o.File, o.Line = loc.File.Path, loc.Position().Line
	}
	counts := r.judgement.ByObject[res.ID.Key()]
	for v, n := range counts.Verdicts.All() {
		o.Verdicts[v.String()] = n
	}
	for _, f := range counts.Findings {
		o.Findings = append(o.Findings, describeFinding(f))
	}
	return o
}
