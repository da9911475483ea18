package integrity

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// History is what is asked of a repository. Ids are full object ids. Ranges
// are like Git's from..to: what to reaches and from does not; an empty from
// excludes nothing. Errors are those of git.Mirror, which is one.
type History interface {
	Commit(ctx context.Context, id string) (*git.Commit, error)
	// Commits reads many commits, and gives each, or what is wrong with it.
	Commits(ctx context.Context, ids []string, each func(id string, c *git.Commit, err error) error) error
	// Range lists the commits of from..to in any order.
	Range(ctx context.Context, from, to string) ([]string, error)
	// FirstParents lists those commits of from..to that lie on the line of
	// first parents of to, oldest first.
	FirstParents(ctx context.Context, from, to string) ([]string, error)
	IsAncestor(ctx context.Context, ancestor, of string) (bool, error)
	// Weigh fails with a git.LimitError if the commits of from..to have more bytes.
	Weigh(ctx context.Context, from, to string, limit int64) error
	// MergeBases returns the best common ancestors of two commits.
	MergeBases(ctx context.Context, a, b string) ([]string, error)
	Tree(ctx context.Context, commit string) (source.Tree, error)
	// Ahead tells which commits' trees and changes are asked for next.
	Ahead(ctx context.Context, commits []*git.Commit)
	// Changes lists what differs between the trees of two commits, by path.
	Changes(ctx context.Context, from, to string) ([]git.Change, error)
	// Blobs reads many files, and gives the size of each, or what is wrong with it.
	Blobs(ctx context.Context, ids []string, each func(id string, size int64, err error) error) error
	TreeSize(ctx context.Context, commit string) (git.TreeSize, error)
	// PatchID is equal for commits that change the same lines, and empty if that is
	// not known.
	PatchID(ctx context.Context, commit string) (string, error)
	// Merged compares a merge with what comes of making it again.
	Merged(ctx context.Context, merge git.Merge) (git.Merged, error)
}

// Trust is where trust starts. At least one of Root and Bootstrap is needed:
// there is no trust on first use.
type Trust struct {
	SignersPath string // the signers file in the repository; DefaultSignersPath if empty
	KeysDir     string // the directory of OpenPGP key files; DefaultKeysDir if empty
	// RevokedPath is the revocation list in the repository, without which nothing
	// passes. If empty, revoked.krl beside the signers file counts if it is there.
	RevokedPath string
	// Revoked counts as well, for all that was not accepted before.
	Revoked *Revocations
	// Denied are commits that are refused whatever their id, by the SHA-256 of
	// what is signed in hexadecimal digits: one signed content can have many ids.
	Denied []string

	// Root is the full id of a commit that is accepted as it is, with all
	// before it. Verification starts after it.
	Root string
	// Bootstrap counts as long as the repository has no signers file of its
	// own. Without Root, the whole history is verified.
	Bootstrap *Signers

	// Base is a commit whose signers are in force throughout, instead of those of
	// Root: the tip of the branch that is to take in what is checked, and that may have
	// gone on since Root. As for a merge, nothing that is checked changes who counts
	// then, and who puts it on the branch is not known yet.
	Base string
	// Survey is for histories that nobody has verified yet, to learn what would be
	// refused: no number of commits or problems ends it, and each commit is judged by
	// the trust before it, even if that was refused.
	Survey bool

	// Ref is the full name of the branch that is checked. The trust file may have
	// rules for it, and signed statements name it. Repository is what the trust file
	// must call the repository. Both may be empty.
	Ref, Repository string
	// Approvals finds signed statements; nil if there are none to be had.
	Approvals Approvals

	// Logged are other commits that are known to have been accepted, as by a ledger
	// that knows more than the state does: the tip must contain them as well. Each
	// takes a process or two.
	Logged []string
	// Branches are the last known tips of other branches, by ref. They serve
	// to tell a branch that was replaced by another from one that was rewritten.
	Branches map[string]string
	// MaxCommits bounds how many commits one Check verifies; DefaultMaxCommits if 0.
	MaxCommits int
}

// DefaultMaxCommits is what one core verifies in about twenty seconds.
const DefaultMaxCommits = 100_000

// maxDenied is how many problems that deny are listed before Check gives up:
// a flood of bad commits is refused as surely by the first of them.
const maxDenied = 200

// ErrNoAnchor says that Trust names nothing to start from.
var ErrNoAnchor = errors.New("neither a root commit nor bootstrap signers are configured: " +
	"pin the commit that you have reviewed, or list the first signers on the operator's disk; the first commit seen is never trusted as such")

// Result is what Check found out about a branch.
type Result struct {
	Decision Decision // about the tip
	// Accepted is the newest mainline commit that may be deployed, as may all
	// before it: where the next Check starts. It is the tip if Decision passes,
	// and empty if nothing was ever accepted.
	Accepted string
	Problems []Problem  // oldest commit first
	Verified []Verified // oldest first; commits with problems as well, if their signature proves a signer
	Lost     []string   // newest first: commits that a rewrite removes, at most maxLost
	Rewrite  *Rewrite   // what is known of a rewrite; nil if there is none, or if nothing is known
	// Retry is set if a later Check may decide otherwise though nothing changed
	// in the repository: a time-out, an object not yet there.
	Retry bool
}

// Verified says who signed a commit.
type Verified struct {
	Commit  string
	Signer  Signer
	Payload string // SHA-256 of what is signed, in hexadecimal digits
	// AuthorUnverified is set if the signer committed what somebody else is said to
	// have written, as appliers may: nothing proves the author.
	AuthorUnverified bool
}

// Check judges what happened to a branch since the commit that was accepted
// last (empty at first). Seen tells when a commit was first seen; if it is nil
// or gives zero, that is now. An error means that trust is misconfigured; what
// goes wrong on the way is held, and told as an Unverified problem.
func Check(ctx context.Context, h History, t Trust, accepted, tip string, seen func(commit string) time.Time) (Result, error) {
	if t.Root == "" && t.Bootstrap == nil {
		return Result{Decision: Hold, Accepted: accepted}, ErrNoAnchor
	}
	t.SignersPath = cmp.Or(t.SignersPath, DefaultSignersPath)
	t.KeysDir = cmp.Or(t.KeysDir, DefaultKeysDir)
	t.MaxCommits = cmp.Or(t.MaxCommits, DefaultMaxCommits)
	now := time.Now()
	c := &checker{h: h, trust: t}
	c.known = func(commit string) time.Time {
		if seen == nil {
			return time.Time{}
		}
		return seen(commit)
	}
	c.seen = func(commit string) time.Time {
		if at := c.known(commit); !at.IsZero() {
			return at
		}
		return now
	}
	c.result.Accepted = accepted
	if err := c.run(ctx, tip); err != nil {
		c.internal(err)
	}
	c.result.Decision = worst(c.result.Problems)
	c.result.Retry = slices.ContainsFunc(c.result.Problems, func(p Problem) bool { return p.Code == Unverified })
	return c.result, nil
}

// checker is one run of Check.
type checker struct {
	h      History
	trust  Trust
	seen   func(string) time.Time
	known  func(string) time.Time // as seen, but zero if nobody knows
	result Result

	signers  *Signers            // in force: those of the last accepted mainline commit
	files    []signerFile        // where they are from; nil if they are the bootstrap list
	adopted  string              // the mainline commit whose signers they are; empty for the bootstrap list
	footing  map[string]*Signers // those of other commits
	byFiles  map[string]*Signers // the same by what they were read from
	listed   []signerFile        // the files of the directory listedIn, which the last tree had
	listedIn string
	mailmap  string      // content id of .mailmap at the last mainline commit
	base     *git.Commit // where the range starts; nil for the whole history
	denied   int

	span    span
	commits map[string]loaded // the range
	order   []string          // the same in the order in which they are verified: parents before children
	graph   *graph
	next    int                  // in order: what prepare did not look at yet
	changes map[string]changeSet // of the window that is verified
	sizes   map[string]int64     // bytes of the files that are new in it
}

func (c *checker) add(problems ...Problem) {
	for _, p := range problems {
		if p.Decision == Deny {
			c.denied++
		}
	}
	c.result.Problems = append(c.result.Problems, problems...)
}

// internal records that something could not be found out.
func (c *checker) internal(err error) {
	if p := collision(err); p != nil {
		c.add(*p)
		return
	}
	var limit *git.LimitError
	switch {
	case errors.As(err, &limit):
		c.add(problem(HistLimit, hintLimit, "too much to verify: %s", err))
		return
	case isShallow(err):
		c.add(problem(RepoShallow, hintShallow, "the history could not be verified: %s", err))
		return
	}
	c.add(problem(Unverified, hintUnverified, "the history could not be verified: %s", err))
}

const (
	hintLimit      = "Verify it in parts by pinning a reviewed commit as root, or raise the limit."
	hintShallow    = "Fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in CI."
	hintUnverified = "It is tried again; if it stays, look at the repository with git fsck."
)

func (c *checker) run(ctx context.Context, tip string) error {
	from := cmp.Or(c.result.Accepted, c.trust.Root)
	if err := c.weigh(ctx, from, tip); err != nil {
		return err
	}
	if c.result.Accepted == "" && c.trust.Root != "" {
		if ok, err := c.rooted(ctx, tip); !ok || err != nil {
			return err
		}
	}
	accepted := c.trust.Logged
	if c.result.Accepted != "" {
		accepted = append([]string{c.result.Accepted}, accepted...)
	}
	if grew, err := c.grew(ctx, accepted, tip); !grew || err != nil || c.result.Accepted == tip {
		return err
	}
	return c.since(ctx, from, from, tip)
}

// since verifies the commits that tip has and from has not, by the signers of from.
// The first of the line has the parent part, which is from unless it was rewritten.
func (c *checker) since(ctx context.Context, from, part, tip string) error {
	ids, err := c.h.Range(ctx, from, tip)
	if err != nil {
		return err
	}
	if len(ids) > c.trust.MaxCommits && !c.trust.Survey {
		c.add(problem(HistLimit, hintLimit,
			"%d commits are to be verified, more than the limit of %d", len(ids), c.trust.MaxCommits))
		return nil
	}
	if err := c.startList(ctx, from); err != nil {
		return err
	}
	if c.signers == nil {
		return nil // startList has told why
	}
	if p := c.policy(); p != nil && p.Limits.Commits > 0 && len(ids) > p.Limits.Commits && !c.trust.Survey {
		c.add(problem(HistLimit, hintLimit,
			"%d commits are to be verified, more than the limit of %d in %s", len(ids), p.Limits.Commits, p.File()))
		return nil
	}
	c.result.Accepted = from
	if from == tip {
		return nil // the tip is the root
	}
	commits, err := c.read(ctx, from, tip, ids)
	if err != nil {
		return err
	}
	if err := c.complete(ctx, from, tip, commits); err != nil {
		return err
	}
	steps, err := c.steps(ctx, from, part, tip, ids, commits)
	if err != nil {
		return err
	}
	c.commits = commits
	for _, s := range steps {
		c.order = append(c.order, s.commits...)
	}
	c.graph = newGraph(c.order, commits)
	return c.walk(ctx, steps)
}

// rooted checks that the pinned root is part of the tip's history.
func (c *checker) rooted(ctx context.Context, tip string) (bool, error) {
	root := c.trust.Root
	ok := root == tip
	var err error
	if !ok {
		ok, err = c.h.IsAncestor(ctx, root, tip)
	}
	if err != nil && !isShallow(err) {
		if _, missing := c.h.Commit(ctx, root); isGone(missing) {
			ok, err = false, nil
		}
	}
	if err == nil && !ok {
		c.add(problem(HistRewrite, "Compare with a clone that you trust; pin another root only after you have reviewed that commit.",
			"the pinned root %s is not part of the history of %s", short(root), short(tip)))
	}
	return ok, err
}

// walk verifies step after step, and accepts steps until one does not pass.
// What comes after that is verified as well, against the same list, so that
// all problems are told at once.
func (c *checker) walk(ctx context.Context, steps []step) error {
	blocked := false
	for _, s := range steps {
		before := len(c.result.Problems)
		for _, id := range s.commits {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.verify(ctx, s, id); err != nil {
				return err
			}
			if c.denied > maxDenied && !c.trust.Survey {
				c.add(problem(HistLimit, "Repair the commits that are listed first.",
					"more than %d problems; what follows was not looked at", maxDenied))
				return nil
			}
		}
		if s.foxtrot {
			c.add(about(s.tip, []Problem{problem(MergeShape, "Merge the other way round: check out the branch and merge into it.",
				"the merge makes the accepted history a side branch")})...)
		}
		c.add(c.mayMove(s)...)
		if mailmap := c.mailmapAt(ctx, s.tip); mailmap != c.mailmap {
			c.mailmap = mailmap
			c.add(about(s.tip, []Problem{problem(IDConfusable, "Read names with --no-mailmap.",
				"the .mailmap was changed: git log shows other names than the commits carry")})...)
		}
		blocked = blocked || !worst(c.result.Problems[before:]).Passes()
		if blocked && !c.trust.Survey {
			continue
		}
		p, err := c.follow(ctx, s.tip)
		if err != nil {
			return err
		}
		if p != nil {
			c.add(*p)
			blocked = true
		}
		if !blocked {
			c.result.Accepted = s.tip
		}
	}
	return nil
}

// verify judges one commit by the list in force.
func (c *checker) verify(ctx context.Context, s step, id string) error {
	commit, err := c.commits[id].parse(id)
	if p := collision(err); p != nil {
		c.add(*p)
		return nil
	}
	if err != nil {
		p := problem(ObjMalformed, "Find out which tool made it, and remove it from the branch.", "%s", err)
		p.Commit = id
		c.add(p)
		return nil // the commit is at fault, and it is told
	}
	payload := PayloadDigest(commit.Payload)
	at := c.seen(id)
	signer, problems := VerifyCommit(commit, c.signers, at)
	j := &judged{step: s, commit: commit, at: at, commits: c.commits}
	if signer.Identity == "" && id != s.tip {
		j.signer, j.voucher, problems = c.vouched(s, problems)
	} else {
		j.signer = signer
	}
	if signer.Identity != "" {
		c.result.Verified = append(c.result.Verified, Verified{Commit: id, Signer: signer, Payload: payload})
	}
	if slices.Contains(c.trust.Denied, payload) {
		problems = append(problems, about(id, []Problem{problem(PayloadDenied, "Remove the commit from the branch.",
			"its content %s is on the list of what is denied", short(payload))})...)
	}
	for _, parent := range commit.Parents {
		before, known := c.commits[parent]
		when := before.when
		if c.base != nil && c.base.ID == parent {
			when, known = c.base.Committer.When, true
		}
		if known && before.err == nil && commit.Committer.When.Before(when.Add(-maxSkew)) {
			problems = append(problems, about(id, []Problem{problem(TimeAnomaly, "Check the clock of the machine that made the commit.",
				"the commit is dated %s, before its parent %s of %s", stamp(commit.Committer.When), short(parent), stamp(when))})...)
			break
		}
	}
	more, err := c.content(ctx, j)
	if err != nil {
		return err
	}
	problems, err = c.authorise(ctx, j, append(problems, more...))
	c.add(problems...)
	return err
}

// content judges what a commit changes by what it is, whoever signed it.
func (c *checker) content(ctx context.Context, j *judged) ([]Problem, error) {
	set, err := c.changed(ctx, j.commit.ID)
	if err != nil {
		return nil, err
	}
	if set.err != nil {
		p, err := c.fault(j.commit.ID, ObjMalformed, "the commit's tree is not accepted", set.err)
		return asList(p), err
	}
	j.changes = set.own
	problems, err := c.treeRules(ctx, j, set)
	if err != nil {
		p, err := c.fault(j.commit.ID, ObjMalformed, "the commit's tree is not accepted", err)
		return asList(p), err
	}
	if len(j.commit.Parents) < 2 {
		return problems, nil
	}
	more, err := c.merged(ctx, j.commit)
	return append(problems, more...), err
}

// isMalformed reports whether an object was read but is not in canonical form.
func isMalformed(err error) bool {
	var malformed *git.MalformedError
	return errors.As(err, &malformed)
}

// collision tells of an object that shares its id with another, if that is the
// error. It is the repository's fault, whatever was being looked at.
func collision(err error) *Problem {
	var found *git.CollisionError
	if !errors.As(err, &found) {
		return nil
	}
	p := problem(HashCollision, "This is an attack: find out who pushed the object, and keep a copy of it. Move to a repository of SHA-256.", "%s", found)
	p.Commit = found.ID
	return &p
}

// isShallow reports whether the answer lies in what a shallow clone lacks.
func isShallow(err error) bool {
	var shallow *git.ShallowError
	return errors.As(err, &shallow)
}

// isGone reports whether an object is not in the repository.
func isGone(err error) bool {
	var missing *git.MissingError
	return errors.As(err, &missing)
}
