package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/source"
)

const (
	branches     = "refs/heads/"
	tags         = "refs/tags/"
	replacements = "refs/replace/"
)

// judge returns what is wrong with what a push does to one ref. An error means that
// this is not known.
func (r *receiver) judge(ctx context.Context, u integrity.RefUpdate) ([]integrity.Problem, error) {
	before, there := r.refs[u.Ref]
	switch {
	case there && before.Symref != "":
		return one(integrity.RefRetarget, "Push to "+plainRef(before.Symref)+" itself.", "%s stands for %s here", plainRef(u.Ref), plainRef(before.Symref)), nil
	case there != !u.Creates() || there && before.ID != u.Old:
		return one(integrity.Unverified, "Fetch, and push again.", "%s is not at %.12s: it was moved meanwhile", plainRef(u.Ref), u.Old), nil
	}
	problems, err := r.judgeName(ctx, u)
	if err != nil {
		return nil, err
	}
	var more []integrity.Problem
	switch {
	case strings.HasPrefix(u.Ref, branches):
		more, err = r.judgeBranch(ctx, u)
	case strings.HasPrefix(u.Ref, tags):
		more, err = r.judgeTag(ctx, u)
	case u.Ref == integrity.StatementsRef:
		more, err = r.judgeStatements(ctx, u)
	case !r.isAllowed(u.Ref):
		more = one(integrity.RefName, "Push branches and tags only, or have whoever runs the server allow it by --allow-ref.",
			"%s is neither a branch nor a tag: such refs can change what others see", plainRef(u.Ref))
	}
	return append(problems, more...), err
}

// judgeName judges the name of a ref. One that is there already may at least go.
func (r *receiver) judgeName(ctx context.Context, u integrity.RefUpdate) ([]integrity.Problem, error) {
	if u.Deletes() {
		return nil, nil
	}
	if !u.Creates() {
		return integrity.RefNames(u.Ref, nil), nil
	}
	problems := integrity.RefNames(u.Ref, r.names)
	name := strings.TrimPrefix(strings.TrimPrefix(u.Ref, branches), tags)
	if len(name) < leastDigits {
		return problems, nil
	}
	taken, err := r.repo.Abbreviates(ctx, name)
	if taken {
		problems = append(problems, one(integrity.RefName, "Choose another name, and push again.",
			"the name %s is the beginning of an object id: programs would take it for that object", plainRef(u.Ref))...)
	}
	return problems, err
}

// leastDigits is how many digits of an id people write.
const leastDigits = 7

// one returns a problem about a ref as a whole.
func one(code integrity.Code, hint, format string, args ...any) []integrity.Problem {
	return []integrity.Problem{{Code: code, Decision: code.Decision(), Hint: hint, Message: fmt.Sprintf(format, args...)}}
}

// plainRef is a ref for people, escaped where letters could be taken for others.
func plainRef(ref string) string {
	quoted := strconv.QuoteToASCII(ref)
	if plain := quoted[1 : len(quoted)-1]; plain == ref && len(ref) <= maxShownRef {
		return ref
	}
	if len(quoted) > maxShownRef {
		return quoted[:maxShownRef] + "…"
	}
	return quoted
}

const maxShownRef = 200

// unverified is the problem of what could not be found out.
func (r *receiver) unverified(err error) integrity.Problem {
	if _, limit := errors.AsType[*git.LimitError](err); limit {
		return one(integrity.HistLimit, "Push it in parts.", "there is too much to judge: %s", report.Plain(firstLine(err)))[0]
	}
	hint := "Push again; if it stays, have whoever runs the server look at the repository with git fsck."
	if errors.Is(err, context.DeadlineExceeded) {
		hint = "Push it in parts, or have the limit --timeout raised."
	}
	return integrity.Problem{
		Code: integrity.Unverified, Decision: integrity.Hold, Hint: hint,
		Message: "it could not be judged: " + report.Plain(firstLine(err)),
	}
}

// isAllowed reports refs that are taken as they come. Replacements of objects have to
// be named as such: nobody means them by refs/*.
func (r *receiver) isAllowed(ref string) bool {
	return slices.ContainsFunc(r.allowRefs, func(pattern string) bool {
		return git.MatchRef(pattern, ref) && (!strings.HasPrefix(ref, replacements) || strings.HasPrefix(pattern, replacements))
	})
}

func (r *receiver) isTopic(ref string) bool {
	return ref != r.branch && slices.ContainsFunc(r.topics, func(pattern string) bool { return git.MatchRef(pattern, ref) })
}

func (r *receiver) judgeBranch(ctx context.Context, u integrity.RefUpdate) ([]integrity.Problem, error) {
	topic := r.isTopic(u.Ref)
	switch {
	case u.Deletes() && topic:
		return nil, nil
	case u.Deletes():
		return one(integrity.RefDeleted, "Keep it; if such branches may go, have whoever runs the server name them by --topic.",
			"%s, which is at %.12s, would be deleted", plainRef(u.Ref), u.Old), nil
	case topic:
		problems, err := r.sinceTrusted(ctx, u.Ref, u.Ref, u.New)
		return forTopic(problems), err
	case u.Creates():
		return r.sinceTrusted(ctx, u.Ref, u.Ref, u.New)
	}
	if err := r.repo.Weigh(ctx, u.Old, u.New, maxWeight); err != nil {
		return malformed(err)
	}
	return r.verify(ctx, integrity.Trust{Ref: u.Ref, Root: u.Old, Bootstrap: r.bootstrap, Branches: r.others(u.Ref)}, u.Old, u.Old, u.New)
}

// others are the tips of the other branches.
func (r *receiver) others(ref string) map[string]string {
	tips := map[string]string{}
	for name, other := range r.refs {
		if strings.HasPrefix(name, branches) && name != ref {
			tips[name] = other.ID
		}
	}
	return tips
}

// waiting are the codes of what may still be approved before it is merged.
var waiting = []integrity.Code{integrity.AuthzThreshold, integrity.SafeguardRemoved, integrity.TrustShrink, integrity.Regression}

// forTopic lets a branch wait for approvals: where it is merged, they are needed.
func forTopic(problems []integrity.Problem) []integrity.Problem {
	for i, p := range problems {
		if slices.Contains(waiting, p.Code) && !p.Decision.Passes() {
			problems[i].Decision = integrity.Warn
			problems[i].Hint = strings.TrimSpace(p.Hint + " It is taken here, and will be refused where it is merged.")
		}
	}
	return problems
}

// sinceTrusted judges what a commit has beyond the default branch, by the trust of
// that branch. Rules and approvals are those for the ref whose rules hold.
func (r *receiver) sinceTrusted(ctx context.Context, ref, rules, tip string) ([]integrity.Problem, error) {
	t := integrity.Trust{Ref: rules, Bootstrap: r.bootstrap}
	if r.trusted == "" {
		if r.bootstrap == nil {
			return r.noTrust(), nil
		}
		if err := r.repo.Weigh(ctx, "", tip, maxWeight); err != nil {
			return malformed(err)
		}
		return r.verify(ctx, t, "", "", tip)
	}
	commit, err := r.repo.Commit(ctx, tip)
	if err != nil {
		return malformed(err)
	}
	var missing *git.MissingError
	if _, err := r.repo.Commit(ctx, r.trusted); errors.As(err, &missing) {
		return r.noRoot(ref), nil
	}
	if err := r.repo.Weigh(ctx, r.trusted, tip, maxWeight); err != nil {
		return nil, err
	}
	if r.refs[r.branch].ID == "" && ref == r.branch { // it has to contain the root, or nothing could begin
		t.Root = r.trusted
		return r.verify(ctx, t, "", r.trusted, tip)
	}
	from, err := r.repo.MergeBase(ctx, r.trusted, tip)
	if _, unrelated := errors.AsType[*git.UnrelatedError](err); unrelated {
		return one(integrity.HistRewrite, "Look at where it comes from: the branch was made anew, or is of another repository.",
			"%s has no commit in common with %.12s, by whose trust it is judged", plainRef(ref), r.trusted), nil
	}
	if err != nil {
		return nil, err
	}
	t.Root = from
	if from != r.trusted {
		t.Base = r.trusted
	}
	var problems []integrity.Problem
	if from != tip {
		if problems, err = r.verify(ctx, t, "", from, tip); err != nil {
			return problems, err
		}
	}
	if rules != ref { // of a tag, which has rules of its own
		return problems, nil
	}
	signers, err := r.trustedSigners(ctx)
	if err != nil {
		return problems, err
	}
	return append(problems, integrity.MayMake(ref, commit, signers, time.Now())...), nil
}

// noTrust tells that there is nobody whom to trust yet.
func (r *receiver) noTrust() []integrity.Problem {
	return one(integrity.TrustMissing, "Have whoever runs the server give the hook --root COMMIT or --signers FILE; --base BRANCH if the default branch has another name.",
		"nothing says whom to trust: there is no branch %s yet", plainRef(r.branch))
}

// noRoot tells that what a repository is to begin with is not there.
func (r *receiver) noRoot(ref string) []integrity.Problem {
	if ref == r.branch {
		return one(integrity.HistRewrite, "Compare with a clone that you trust, and push that.", "the pinned root %.12s is not part of the history of %s", r.trusted, plainRef(ref))
	}
	return one(integrity.TrustMissing, "Push a branch that has it.", "the pinned root %.12s is not in the repository", r.trusted)
}

// maxWeight bounds the bytes of the commits that one ref brings: they are small to send.
const maxWeight = 256 << 20

// malformed tells of an object that is not as git writes it. Other errors stay errors.
func malformed(err error) ([]integrity.Problem, error) {
	bad, ok := errors.AsType[*git.MalformedError](err)
	if !ok {
		return nil, err
	}
	problems := one(integrity.ObjMalformed, "Find out which tool made it, and make it anew.", "%v", bad)
	problems[0].Commit = bad.ID
	return problems, nil
}

// verify judges the commits between two, and what they take away from safeguards.
func (r *receiver) verify(ctx context.Context, t integrity.Trust, accepted, from, tip string) ([]integrity.Problem, error) {
	t.MaxCommits = r.maxCommits
	if r.statements != nil {
		t.Approvals = r.statements
	}
	result, err := integrity.Check(ctx, r.repo, t, accepted, tip, nil)
	if err != nil {
		return result.Problems, err
	}
	forPusher(result.Problems)
	known := !slices.ContainsFunc(result.Problems, func(p integrity.Problem) bool {
		return p.Code == integrity.HistLimit || p.Code == integrity.Unverified || p.Code == integrity.RepoShallow
	})
	if !known || result.Decision == integrity.Hold && result.Accepted == "" {
		return result.Problems, nil
	}
	problems := result.Problems
	err = safeguard.Range(ctx, r.repo, r.policies, from, tip, result.Verified, false, func(step safeguard.Judged) bool {
		problems = append(problems, step.Problems...)
		return len(problems) <= maxProblems
	})
	if err != nil {
		return problems, fmt.Errorf("what is taken away from safeguards could not be found out: %w", err)
	}
	return problems, nil
}

// elsewhere are hints for those who verify what they have; a pusher has other ways.
var elsewhere = []struct{ says, instead string }{
	{"verify.root", "Fetch, and add what is new on top; git revert takes something back. A rewrite that is wanted has to be acknowledged (holdfast ack), by the trust file of the repository."},
	{"pinning a reviewed commit", "Push it in parts, or have the limit --max-commits raised."},
	{"It is tried again", "Push again; if it stays, have whoever runs the server look at the repository with git fsck."},
	{"git fetch --unshallow", "Have whoever runs the server fetch the whole history: the repository there is cut off."},
	{"bootstrap signers", "Have whoever runs the server name the signers that count until then: --signers FILE."},
}

// forPusher gives problems the hints that help whoever pushes.
func forPusher(problems []integrity.Problem) []integrity.Problem {
	for i, p := range problems {
		for _, e := range elsewhere {
			if strings.Contains(p.Hint, e.says) {
				problems[i].Hint = e.instead
			}
		}
	}
	return problems
}

// maxProblems bounds how many are looked for: one refuses a push.
const maxProblems = 200

// trustedSigners are those that count for new refs.
func (r *receiver) trustedSigners(ctx context.Context) (*integrity.Signers, error) {
	if r.trusted == "" {
		return r.bootstrap, nil
	}
	tree, err := r.repo.Tree(ctx, r.trusted)
	if err != nil {
		return nil, err
	}
	signers, err := integrity.LoadSigners(tree, "", "")
	if errors.Is(err, fs.ErrNotExist) && r.bootstrap != nil {
		return r.bootstrap, nil
	}
	return signers, err
}

// judgeStatements lets statements be added by those who may make some. None is taken
// away or changed.
func (r *receiver) judgeStatements(ctx context.Context, u integrity.RefUpdate) ([]integrity.Problem, error) {
	if u.Deletes() {
		return one(integrity.RefDeleted, "Keep it: approvals are found there.", "%s would be deleted", u.Ref), nil
	}
	if _, err := r.repo.Commit(ctx, u.New); err != nil {
		return malformed(err)
	}
	before := ""
	if !u.Creates() {
		before = u.Old
		if err := r.repo.Weigh(ctx, u.Old, u.New, maxWeight); err != nil {
			return nil, err
		}
		grew, err := r.repo.IsAncestor(ctx, u.Old, u.New)
		if err != nil {
			return nil, err
		}
		if !grew {
			return one(integrity.HistRewrite, hintStatements, "%s would lose statements", u.Ref), nil
		}
	}
	signers, err := r.trustedSigners(ctx)
	if err != nil {
		return nil, err
	}
	if signers == nil {
		return r.noTrust(), nil
	}
	changes, err := r.repo.Changes(ctx, before, u.New)
	if err != nil {
		return nil, err
	}
	if len(changes) > maxNewStatements {
		return one(integrity.HistLimit, "Push them in parts.", "%d statements are pushed, more than the limit of %d", len(changes), maxNewStatements), nil
	}
	var problems []integrity.Problem
	for _, c := range changes {
		if c.Before.ID != "" {
			problems = append(problems, one(integrity.HistRewrite, hintStatements, "the statement %s would be changed or taken away", report.Plain(c.Path()))...)
			continue
		}
		if err := r.isStatement(ctx, c, signers); err != nil {
			problems = append(problems, one(integrity.SigBad, "Make it by `holdfast approve` or `holdfast ack`, which publish nothing else.",
				"%s in %s would not count: %s", report.Plain(c.Path()), u.Ref, report.Plain(firstLine(err)))...)
		}
	}
	return problems, nil
}

const (
	hintStatements   = "Fetch it, and add to it: statements are never taken back."
	maxNewStatements = 500
)

// isStatement fails unless a new file is a statement of somebody who counts.
func (r *receiver) isStatement(ctx context.Context, c git.Change, signers *integrity.Signers) error {
	if c.After.Mode != source.ModeFile {
		return errors.New("it is no regular file")
	}
	blob, err := r.repo.Blob(ctx, c.After.ID, maxCertificate)
	if err != nil {
		return err
	}
	if c.Path() != integrity.StatementName(blob) {
		return errors.New("it has not the SHA-256 of its content as name")
	}
	_, err = integrity.Stated(blob, signers, time.Now())
	return err
}

// findStatements looks for approvals where they are, and among what is pushed.
func (r *receiver) findStatements(ctx context.Context, updates []integrity.RefUpdate) {
	tip := r.refs[integrity.StatementsRef].ID
	for _, u := range updates {
		if u.Ref != integrity.StatementsRef {
			continue
		}
		if problems, err := r.judge(ctx, u); err == nil && len(problems) == 0 {
			tip = u.New
		}
	}
	r.statements = integrity.NewStatements(r.repo, tip, nil)
}

// signedPush judges the certificate of a push.
func (r *receiver) signedPush(ctx context.Context, updates []integrity.RefUpdate) ([]integrity.Problem, error) {
	id := os.Getenv("GIT_PUSH_CERT")
	if strings.Trim(id, "0") == "" {
		return one(integrity.SigMissing, "Push with git push --signed; the server offers that if receive.certNonceSeed is set.", "the push is not signed"), nil
	}
	blob, err := r.repo.Blob(ctx, id, maxCertificate)
	if err != nil {
		return nil, fmt.Errorf("the push certificate: %w", err)
	}
	signers, err := r.trustedSigners(ctx)
	if err != nil {
		return nil, err
	}
	if signers == nil {
		return r.noTrust(), nil
	}
	push := integrity.SignedPush{
		Certificate: blob, Nonce: os.Getenv("GIT_PUSH_CERT_NONCE"), NonceStatus: os.Getenv("GIT_PUSH_CERT_NONCE_STATUS"),
		Pushees: r.pushees, Updates: updates,
	}
	_, problems := push.Verify(signers, time.Now())
	return problems, nil
}

// maxCertificate bounds the certificate of a push, in bytes.
const maxCertificate = 1 << 20
