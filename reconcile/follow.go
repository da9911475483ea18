package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/state"
)

// Revision is a commit that was verified and accepted.
type Revision struct {
	Source  string
	Commit  string
	Signer  string // empty if signatures are off
	Subject string // first line of the message
}

// Follower follows one source. One goroutine at a time may call Poll.
type Follower struct {
	Config config.Source
	Mirror *git.Mirror
	Store  *state.Store
	Ledger *ledger.Log
	Log    *slog.Logger
	// Witness is another server's copy of the same repository; nil if there is none.
	Witness *git.Mirror
	Now     func() time.Time
	// Evaluator judges what commits take away from safeguards; nil does not ask.
	Evaluator policy.Evaluator

	// judged says that this process has verified the source: what another one
	// refused may have been by another configuration.
	judged bool
	// stated is the tip of the signed statements by which it was judged last.
	stated string
}

// OpenFollower opens the mirror of a source in the state directory. One that is
// damaged is set aside: a mirror can be lost, and everything is fetched again.
func OpenFollower(ctx context.Context, cfg config.Source, stateDir string, f Follower) (*Follower, error) {
	opts := git.Options{
		Dir: filepath.Join(stateDir, "mirrors", cfg.Name+".git"), URL: cfg.URL,
		SSHKeyFile: cfg.SSHKey, SSHKnownHosts: cfg.KnownHost,
	}
	if cfg.Insecure {
		opts.AllowProtocols = []string{"https", "ssh", "http", "git", "file"}
	}
	mirror, err := git.OpenMirror(ctx, opts)
	var corrupt *git.CorruptError
	if errors.As(err, &corrupt) {
		aside := opts.Dir + ".damaged"
		f.Log.Warn("a damaged mirror is set aside", "source", cfg.Name, "aside", aside, "reason", corrupt.Reason)
		if err := errors.Join(os.RemoveAll(aside), os.Rename(opts.Dir, aside)); err != nil {
			return nil, fmt.Errorf("source %s: %w", cfg.Name, err)
		}
		mirror, err = git.OpenMirror(ctx, opts)
	}
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", cfg.Name, err)
	}
	f.Config, f.Mirror = cfg, mirror
	if cfg.Witness != "" {
		opts.URL, opts.Dir = cfg.Witness, filepath.Join(stateDir, "mirrors", cfg.Name+".witness.git")
		if f.Witness, err = git.OpenMirror(ctx, opts); err != nil {
			return nil, errors.Join(fmt.Errorf("witness of source %s: %w", cfg.Name, err), mirror.Close())
		}
	}
	return &f, nil
}

// Close ends the processes that read the mirrors.
func (f *Follower) Close() error {
	if f.Witness == nil {
		return f.Mirror.Close()
	}
	return errors.Join(f.Mirror.Close(), f.Witness.Close())
}

// Poll fetches the source and verifies what is new. It returns the newest
// accepted revision, which is the old one if there is nothing new or what is
// new was refused; the zero Revision if there was never one, or if it cannot be
// relied upon any more. The error is for what should be tried again: a Git
// server that does not answer. Its reason is stored, too.
func (f *Follower) Poll(ctx context.Context) (Revision, error) {
	st, err := f.state(ctx)
	if err != nil {
		return Revision{}, err
	}
	ref, tip, err := f.fetch(ctx)
	if err != nil {
		return f.fetchFailed(ctx, st, err)
	}
	rev, err := f.judge(ctx, &st, ref, tip)
	if err != nil && ctx.Err() == nil {
		st.Status, st.Reason, st.Problems, st.Seen = state.Failed, err.Error(), nil, ""
		err = errors.Join(err, f.Store.PutSource(ctx, st))
	}
	return rev, err
}

// judge verifies what a ref points at, unless that was done before.
func (f *Follower) judge(ctx context.Context, st *state.Source, ref, tip string) (Revision, error) {
	if err := f.anchor(ctx, st, ref); err != nil {
		return Revision{}, err
	}
	if trusted, err := f.stillTrusted(ctx, st); !trusted || err != nil {
		return Revision{}, err
	}
	around, err := f.around(ctx, ref, tip)
	if err != nil {
		return Revision{}, err
	}
	told := strings.Join(describeIntegrity(around), "\n")
	seen := f.judged && st.Ref == ref && st.Seen == tip && st.Around == told && !f.news(ctx, *st)
	st.Ref, st.Seen, st.Around, st.Fetched = ref, tip, told, f.now()
	if !seen {
		result, tag, err := f.verify(ctx, *st, ref, tip)
		if err != nil {
			return Revision{}, err
		}
		result.Problems, result.Decision = append(result.Problems, around...), max(result.Decision, worst(around))
		if !worst(around).Passes() {
			result.Accepted = st.Accepted
		}
		if err := f.decide(ctx, st, tip, result); err != nil {
			return Revision{}, err
		}
		if result.Decision.Passes() && tag != (integrity.TagState{}) {
			if err := f.Store.PutRef(ctx, f.Config.Name, ref, formatTag(tag)); err != nil {
				return Revision{}, err
			}
		}
		f.judged = true
	}
	return f.revision(ctx, *st)
}

func (f *Follower) state(ctx context.Context) (state.Source, error) {
	st, err := f.Store.Source(ctx, f.Config.Name)
	if errors.Is(err, state.ErrNone) {
		return state.Source{Name: f.Config.Name, URL: f.Mirror.URL(), Status: state.Pending}, nil
	}
	return st, err
}

// revision returns the accepted revision of st and stores st.
func (f *Follower) revision(ctx context.Context, st state.Source) (Revision, error) {
	if err := f.Store.PutSource(ctx, st); err != nil {
		return Revision{}, err
	}
	if st.Accepted == "" {
		return Revision{}, nil
	}
	commit, err := f.Mirror.Commit(ctx, st.Accepted)
	if err != nil {
		return Revision{}, fmt.Errorf("source %s: %w", f.Config.Name, err)
	}
	return Revision{Source: f.Config.Name, Commit: st.Accepted, Signer: st.Signer, Subject: commit.Subject()}, nil
}

// fetch fetches the ref that the source follows and returns its full name and
// the id that it has now.
func (f *Follower) fetch(ctx context.Context) (ref, id string, err error) {
	if ref, err = f.ref(ctx); err != nil {
		return "", "", err
	}
	ids, err := f.Mirror.Fetch(ctx, ref)
	if err != nil {
		return ref, "", err
	}
	if id = ids[ref]; id == "" {
		return ref, "", fmt.Errorf("%w: %s", errRefGone, ref)
	}
	return ref, id, nil
}

var errRefGone = errors.New("the repository does not have the ref any more")

// ref returns the full name of the ref to follow: for a range of versions, the
// tag with the highest version in it.
func (f *Follower) ref(ctx context.Context) (string, error) {
	switch {
	case f.Config.Branch != "":
		return "refs/heads/" + f.Config.Branch, nil
	case f.Config.Tag != "":
		return "refs/tags/" + f.Config.Tag, nil
	}
	constraint, err := semver.NewConstraint(f.Config.Semver)
	if err != nil {
		return "", err
	}
	refs, err := f.Mirror.ListRemote(ctx, "refs/tags/*")
	if err != nil {
		return "", err
	}
	var best *semver.Version
	name := ""
	for ref := range refs {
		tag := strings.TrimPrefix(ref, "refs/tags/")
		v, err := semver.NewVersion(tag)
		if err != nil || !constraint.Check(v) {
			continue
		}
		if best == nil || v.GreaterThan(best) || (v.Equal(best) && ref < name) {
			best, name = v, ref
		}
	}
	if best == nil {
		return "", fmt.Errorf("%w: no tag is in the range %q", errRefGone, f.Config.Semver)
	}
	return name, nil
}

// fetchFailed keeps the accepted revision and says why there is no newer one.
func (f *Follower) fetchFailed(ctx context.Context, st state.Source, cause error) (Revision, error) {
	var malformed *git.MalformedError
	var corrupt *git.CorruptError
	var limit *git.LimitError
	status := state.Unreachable
	switch {
	case ctx.Err() != nil:
		return Revision{}, ctx.Err()
	case errors.As(cause, &malformed):
		status, cause = state.Blocked, fmt.Errorf("%s: %w", integrity.ObjMalformed, cause)
	case errors.Is(cause, errRefGone), errors.As(cause, &limit):
		status = state.Held
	case errors.As(cause, &corrupt):
		status = state.Failed
	}
	if st.Status != status || st.Reason != cause.Error() {
		f.Log.Warn("source cannot be fetched", "source", f.Config.Name, "reason", cause)
		if status != state.Unreachable {
			if err := f.record(ledger.Refuse, st, strings.ToLower(string(status)), cause.Error(), nil); err != nil {
				return Revision{}, err
			}
		}
	}
	// Without Seen, what is there when it can be fetched again is verified anew.
	st.Status, st.Reason, st.Problems, st.Seen = status, cause.Error(), nil, ""
	if errors.Is(cause, errRefGone) && st.Ref != "" {
		st.Problems = describeIntegrity(gone(st.Ref, st))
	}
	revision, err := f.revision(ctx, st)
	if err != nil {
		return Revision{}, err
	}
	if key, err := f.trustKey(); err != nil || key != st.Trust {
		revision = Revision{} // it was accepted by another configuration
	}
	if status == state.Unreachable {
		return revision, cause
	}
	return revision, nil
}

// verify judges the history up to what the ref points at. The tag is what the
// ref is, if it is one.
func (f *Follower) verify(ctx context.Context, st state.Source, ref, tip string) (result integrity.Result, tag integrity.TagState, err error) {
	commit := tip
	if strings.HasPrefix(ref, "refs/tags/") {
		var problems []integrity.Problem
		if tag, problems, err = f.tag(ctx, st, ref, tip); err != nil || !worst(problems).Passes() {
			return integrity.Result{Decision: worst(problems), Accepted: st.Accepted, Problems: problems}, tag, err
		}
		commit = tag.Target
	}
	if f.Config.Verify.Off {
		if result, err = f.unsigned(ctx, st.Accepted, commit); err == nil {
			result, err = f.safeguards(ctx, st.Accepted, result)
		}
		return result, tag, err
	}
	trust, err := f.trust()
	if err != nil {
		return integrity.Result{}, tag, err
	}
	trust.Ref, trust.Approvals = ref, f.statements(ctx)
	if trust.Logged, err = f.lastLogged(); err != nil {
		return integrity.Result{}, tag, err
	}
	result, err = integrity.Check(ctx, f.Mirror, trust, st.Accepted, commit, f.firstSeen(ctx))
	if err == nil {
		result, err = f.safeguards(ctx, st.Accepted, result)
		result = whole(result, st.Accepted, commit)
	}
	if err == nil {
		err = ctx.Err()
	}
	return result, tag, err
}

// unsigned accepts any commit that continues the accepted one.
func (f *Follower) unsigned(ctx context.Context, accepted, tip string) (integrity.Result, error) {
	if accepted == "" || accepted == tip {
		return integrity.Result{Decision: integrity.Allow, Accepted: tip}, nil
	}
	forward, err := f.Mirror.IsAncestor(ctx, accepted, tip)
	if err != nil {
		var missing *git.MissingError
		if _, gone := f.Mirror.Commit(ctx, accepted); !errors.As(gone, &missing) {
			return integrity.Result{}, err
		}
	}
	if forward {
		return integrity.Result{Decision: integrity.Allow, Accepted: tip}, nil
	}
	return integrity.Result{Decision: integrity.Hold, Accepted: accepted, Problems: []integrity.Problem{{
		Code: integrity.HistRewrite, Decision: integrity.Hold, Commit: tip,
		Message: fmt.Sprintf("the branch was rewritten: %s is no longer part of it", accepted[:12]),
		Hint:    "push a branch that continues the accepted commit, or pin the commit that is to count as verify.root",
	}}}, nil
}

func worst(problems []integrity.Problem) integrity.Decision {
	decision := integrity.Allow
	for _, p := range problems {
		decision = max(decision, p.Decision)
	}
	return decision
}

// decide stores and records what a verification found out.
func (f *Follower) decide(ctx context.Context, st *state.Source, tip string, result integrity.Result) error {
	st.Problems = describeIntegrity(result.Problems)
	if result.Accepted != "" && result.Accepted != st.Accepted {
		if err := f.accept(ctx, st, result); err != nil {
			return err
		}
	}
	switch {
	case result.Decision.Passes():
		st.Status, st.Reason, st.Refused = state.Ready, "", ""
		return nil
	case result.Retry:
		st.Seen = "" // so that the next poll verifies again
	}
	st.Status, st.Reason = state.Held, firstProblem(result)
	if result.Decision == integrity.Deny {
		st.Status = state.Blocked
	}
	return f.refuse(st, tip, result.Decision)
}

// refuse records that a commit is refused, once for each commit and reason.
func (f *Follower) refuse(st *state.Source, commit string, decision integrity.Decision) error {
	refusal := commit + " " + st.Reason
	if st.Refused == refusal {
		return nil
	}
	f.Log.Warn("revision refused", "source", f.Config.Name, "commit", commit, "decision", decision, "reason", st.Reason)
	refused := *st
	refused.Accepted = commit
	if err := f.record(ledger.Refuse, refused, decision.String(), st.Reason, st.Problems); err != nil {
		return err
	}
	st.Refused = refusal
	return nil
}

func describeIntegrity(problems []integrity.Problem) (out []string) {
	for _, p := range problems {
		out = append(out, p.String())
	}
	return out
}

func (f *Follower) accept(ctx context.Context, st *state.Source, result integrity.Result) error {
	if err := f.Mirror.Keep(ctx, result.Accepted); err != nil {
		return err
	}
	previous := st.Accepted
	st.Accepted, st.Changed, st.Signer = result.Accepted, f.now(), signerOf(result)
	if st.Signer == "" && result.Accepted == f.Config.Verify.Root {
		st.Signer = "the pinned root"
	}
	f.Log.Info("revision accepted", "source", f.Config.Name, "commit", st.Accepted, "signer", st.Signer)
	details := rewritten(result.Rewrite)
	for _, v := range result.Verified {
		details = append(details, fmt.Sprintf("%s signed by %s with %s", v.Commit, v.Signer.Identity, v.Signer.Key))
	}
	_, err := f.Ledger.Append(ledger.Record{
		Kind: ledger.Accept, Source: f.Config.Name, Commit: st.Accepted, Previous: previous, Signer: st.Signer,
		Outcome: "accepted", Details: details,
	})
	return err
}

func signerOf(result integrity.Result) string {
	for _, v := range result.Verified {
		if v.Commit == result.Accepted {
			return v.Signer.Identity
		}
	}
	return ""
}

func firstProblem(result integrity.Result) string {
	for _, p := range result.Problems {
		if p.Decision == result.Decision {
			return fmt.Sprintf("%s: %s", p.Code, p.Message)
		}
	}
	return result.Decision.String()
}

func (f *Follower) record(kind ledger.Kind, st state.Source, outcome, message string, details []string) error {
	_, err := f.Ledger.Append(ledger.Record{
		Kind: kind, Source: f.Config.Name, Commit: st.Accepted, Outcome: outcome, Message: message, Details: details,
	})
	return err
}

func (f *Follower) now() time.Time {
	if f.Now != nil {
		return f.Now()
	}
	return time.Now()
}
