package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/source"
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
	Now    func() time.Time
}

// OpenFollower opens the mirror of a source in the state directory.
func OpenFollower(ctx context.Context, cfg config.Source, stateDir string, f Follower) (*Follower, error) {
	opts := git.Options{
		Dir: filepath.Join(stateDir, "mirrors", cfg.Name+".git"), URL: cfg.URL,
		SSHKeyFile: cfg.SSHKey, SSHKnownHosts: cfg.KnownHost,
	}
	if cfg.Insecure {
		opts.AllowProtocols = []string{"https", "ssh", "http", "git", "file"}
	}
	mirror, err := git.OpenMirror(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", cfg.Name, err)
	}
	f.Config, f.Mirror = cfg, mirror
	return &f, nil
}

// Poll fetches the source and verifies what is new. It returns the newest
// accepted revision, which is the old one if there is nothing new or what is
// new was refused; the zero Revision if there was never one. The error is for
// what should be tried again: a Git server that does not answer.
func (f *Follower) Poll(ctx context.Context) (Revision, error) {
	st, err := f.state(ctx)
	if err != nil {
		return Revision{}, err
	}
	ref, tip, err := f.fetch(ctx)
	if err != nil {
		return f.fetchFailed(ctx, st, err)
	}
	if err := f.anchor(ctx, &st); err != nil {
		return Revision{}, err
	}
	now := f.now()
	seen := st.Seen == tip && st.Status != state.Unreachable
	st.Ref, st.Seen, st.Fetched = ref, tip, now
	if seen && (st.Accepted == tip || st.Status == state.Blocked || st.Status == state.Held) {
		return f.revision(ctx, st)
	}
	result, err := f.verify(ctx, st, ref, tip)
	if err != nil {
		return Revision{}, err
	}
	if err := f.decide(ctx, &st, tip, result); err != nil {
		return Revision{}, err
	}
	return f.revision(ctx, st)
}

func (f *Follower) state(ctx context.Context) (state.Source, error) {
	st, err := f.Store.Source(ctx, f.Config.Name)
	if errors.Is(err, state.ErrNone) {
		return state.Source{Name: f.Config.Name, URL: f.Mirror.URL(), Status: state.Pending}, nil
	}
	return st, err
}

// anchor starts from another root if the operator has pinned one since: that is
// how a person accepts a history that was rewritten. A root that the accepted
// commit contains changes nothing.
func (f *Follower) anchor(ctx context.Context, st *state.Source) error {
	root := f.Config.Verify.Root
	if root == "" || root == st.Root {
		return nil
	}
	if st.Accepted != "" {
		contained, err := f.Mirror.IsAncestor(ctx, root, st.Accepted)
		if err != nil {
			return fmt.Errorf("source %s: the pinned root: %w", f.Config.Name, err)
		}
		if !contained {
			message := fmt.Sprintf("another root was pinned; what was accepted up to %s no longer counts", shortID(st.Accepted))
			if _, err := f.Ledger.Append(ledger.Record{
				Kind: ledger.Request, Source: f.Config.Name, Commit: root, Previous: st.Accepted, Outcome: "anchored", Message: message,
			}); err != nil {
				return err
			}
			f.Log.Warn(message, "source", f.Config.Name, "root", root)
			st.Accepted, st.Seen = "", ""
		}
	}
	st.Root = root
	return nil
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
	status := state.Unreachable
	switch {
	case ctx.Err() != nil:
		return Revision{}, ctx.Err()
	case errors.As(cause, &malformed):
		status, cause = state.Blocked, fmt.Errorf("%s: %w", integrity.ObjMalformed, cause)
	case errors.Is(cause, errRefGone):
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
	st.Status, st.Reason, st.Problems = status, cause.Error(), nil
	revision, err := f.revision(ctx, st)
	if err != nil {
		return Revision{}, err
	}
	if status == state.Unreachable {
		return revision, cause
	}
	return revision, nil
}

// verify judges the history up to what the ref points at.
func (f *Follower) verify(ctx context.Context, st state.Source, ref, tip string) (integrity.Result, error) {
	signers, err := f.bootstrap()
	if err != nil {
		return integrity.Result{}, err
	}
	commit, problems, err := f.tag(ctx, st, ref, tip)
	if err != nil || !worst(problems).Passes() {
		return integrity.Result{Decision: worst(problems), Accepted: st.Accepted, Problems: problems}, err
	}
	if f.Config.Verify.Off {
		return f.unsigned(ctx, st.Accepted, commit)
	}
	trust := integrity.Trust{
		SignersPath: f.Config.Verify.Signers, KeysDir: f.Config.Verify.Keys,
		Root: f.Config.Verify.Root, Bootstrap: signers,
	}
	return integrity.Check(ctx, f.Mirror, trust, st.Accepted, commit, f.firstSeen(ctx))
}

// firstSeen tells when a commit was first seen, and remembers it: whether a key
// was valid is judged at that time, however often the commit is judged again.
func (f *Follower) firstSeen(ctx context.Context) func(commit string) time.Time {
	return func(commit string) time.Time {
		seen, err := f.Store.FirstSeen(ctx, f.Config.Name, commit, f.now())
		if err != nil {
			return time.Time{}
		}
		return seen
	}
}

// bootstrap reads the signers file of the operator's own disk, and OpenPGP keys
// from the directory gpg beside it.
func (f *Follower) bootstrap() (*integrity.Signers, error) {
	path := f.Config.Verify.Bootstrap
	if path == "" {
		return nil, nil
	}
	tree, err := source.Disk(filepath.Dir(path), source.DiskOptions{})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", f.Config.Name, err)
	}
	signers, err := integrity.LoadSigners(tree, filepath.Base(path), "gpg")
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", f.Config.Name, err)
	}
	return signers, nil
}

// unsigned accepts any commit that continues the accepted one.
func (f *Follower) unsigned(ctx context.Context, accepted, tip string) (integrity.Result, error) {
	if accepted == "" || accepted == tip {
		return integrity.Result{Decision: integrity.Allow, Accepted: tip}, nil
	}
	forward, err := f.Mirror.IsAncestor(ctx, accepted, tip)
	if err != nil {
		return integrity.Result{}, err
	}
	if forward {
		return integrity.Result{Decision: integrity.Allow, Accepted: tip}, nil
	}
	return integrity.Result{Decision: integrity.Hold, Accepted: accepted, Problems: []integrity.Problem{{
		Code: integrity.HistRewrite, Decision: integrity.Hold, Commit: tip,
		Message: fmt.Sprintf("the branch was rewritten: %s is no longer part of it", accepted[:12]),
		Hint:    "push a branch that continues the accepted commit, or start over with a new state directory",
	}}}, nil
}

// tag follows a tag to its commit, and compares it with what it was before.
// For a branch, the tip is the commit.
func (f *Follower) tag(ctx context.Context, st state.Source, ref, tip string) (commit string, problems []integrity.Problem, err error) {
	if !strings.HasPrefix(ref, "refs/tags/") {
		return tip, nil, nil
	}
	now := integrity.TagState{Object: tip, Target: tip}
	tag, err := f.Mirror.Tag(ctx, tip)
	var missing *git.MissingError
	switch {
	case err == nil:
		now.Target, now.Signed = tag.Object, len(tag.Signature) > 0
	case errors.As(err, &missing): // a lightweight tag
	default:
		return "", nil, err
	}
	before, err := f.tagState(ctx, ref)
	if err != nil {
		return "", nil, err
	}
	if before != (integrity.TagState{}) {
		problems = integrity.CheckTag(ref, before, now)
	} else if err := f.Store.PutRef(ctx, f.Config.Name, ref, formatTag(now)); err != nil {
		return "", nil, err
	}
	if len(problems) > 0 || f.Config.Verify.Off {
		return now.Target, problems, nil
	}
	problems, err = f.tagSignature(ctx, st, ref, tag)
	return now.Target, problems, err
}

// tagSignature verifies a tag against the signers of the last accepted commit.
func (f *Follower) tagSignature(ctx context.Context, st state.Source, ref string, tag *git.Tag) ([]integrity.Problem, error) {
	if tag == nil {
		return nil, nil // a lightweight tag: the commit's own signature decides
	}
	base := st.Accepted
	if base == "" {
		base = f.Config.Verify.Root
	}
	signers, err := f.bootstrap()
	if err != nil {
		return nil, err
	}
	if base != "" {
		tree, err := f.Mirror.Tree(ctx, base)
		if err != nil {
			return nil, err
		}
		if signers, err = integrity.LoadSigners(tree, f.Config.Verify.Signers, f.Config.Verify.Keys); err != nil {
			return nil, err
		}
	}
	_, problems := integrity.VerifyTag(ref, tag, signers, f.now())
	return problems, nil
}

func (f *Follower) tagState(ctx context.Context, ref string) (integrity.TagState, error) {
	text, err := f.Store.Ref(ctx, f.Config.Name, ref)
	if err != nil || text == "" {
		return integrity.TagState{}, err
	}
	var t integrity.TagState
	_, err = fmt.Sscanf(text, "%s %s %t", &t.Object, &t.Target, &t.Signed)
	return t, err
}

func formatTag(t integrity.TagState) string {
	return fmt.Sprintf("%s %s %t", t.Object, t.Target, t.Signed)
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
	before := *st
	st.Problems = nil
	for _, p := range result.Problems {
		st.Problems = append(st.Problems, p.String())
	}
	if result.Accepted != "" && result.Accepted != st.Accepted {
		if err := f.accept(ctx, st, result); err != nil {
			return err
		}
	}
	switch {
	case result.Decision.Passes():
		st.Status, st.Reason = state.Ready, ""
		return nil
	case result.Retry:
		st.Seen = "" // so that the next poll verifies again
	}
	st.Status, st.Reason = state.Held, firstProblem(result)
	if result.Decision == integrity.Deny {
		st.Status = state.Blocked
	}
	if before.Status == st.Status && before.Reason == st.Reason && before.Seen == tip {
		return nil
	}
	f.Log.Warn("revision refused", "source", f.Config.Name, "commit", tip, "decision", result.Decision, "reason", st.Reason)
	refused := *st
	refused.Accepted = tip
	return f.record(ledger.Refuse, refused, result.Decision.String(), st.Reason, st.Problems)
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
	var details []string
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
