package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
)

// span is what is to be verified, and by whose trust. Ids are full.
type span struct {
	from string // empty for the whole history
	tip  string
	base string // the commit whose trust holds: from, or the tip of the branch that takes it in
	ref  string // that branch; empty if it is not known

	unknown *integrity.Problem // why it is not known what is to be verified
}

func (s *span) isEmpty() bool { return s.unknown == nil && s.tip == s.from }

// upstream is what Git calls the branch that a branch is to be merged into.
const upstream = "@{upstream}"

// span finds out what is to be verified. A base that cannot be had is no mistake of
// the user: it is held, so that a pipeline cannot be had to judge by nothing.
func (o *verifyCommand) span(ctx context.Context, repo *git.Local, revisions string) (*span, error) {
	from, name, isRange := strings.Cut(revisions, "..")
	if !isRange {
		from, name = o.root, revisions
	}
	name = cmp.Or(name, "HEAD")
	switch {
	case strings.HasPrefix(name, "."):
		return nil, withHint(fmt.Errorf("%s has three dots", report.Plain(revisions)), "write FROM..TIP, or --base FROM TIP for what TIP has since both went different ways")
	case isRange && from == "":
		return nil, errNoBeginning
	case isRange && (o.base != "" || o.root != ""):
		return nil, withHint(errors.New("a range says already where it begins"), "leave out --base and --root, or give the tip alone")
	case o.base != "" && o.root != "":
		return nil, errors.New("--base and --root both say where to begin: give one of them")
	}
	s := &span{ref: o.ref}
	var err error
	if s.tip, err = resolveOne(ctx, repo, name); err != nil {
		return nil, err
	}
	switch {
	case from != "":
		if s.from, err = resolveOne(ctx, repo, from); err != nil {
			return nil, withHint(err, "fetch it first: without it nothing can be trusted")
		}
		s.base = s.from
		return s, nil
	case o.base != "":
		return s, o.onto(ctx, repo, s, o.base)
	case o.signers != "" || o.dryRun:
		return s, nil
	}
	base := name + upstream
	if _, err := repo.Resolve(ctx, base); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, errNoBeginning
	}
	return s, o.onto(ctx, repo, s, base)
}

var errNoBeginning = withHint(errors.New("nothing says where trust begins"),
	"name a commit that is trusted, as in origin/main..HEAD, --base origin/main or --root COMMIT, or your own list of signers with --signers\n"+
		"`holdfast verify --dry-run` shows what of the whole history would be refused")

// onto sets where a range begins that another branch is to take in: where both went
// different ways.
func (o *verifyCommand) onto(ctx context.Context, repo *git.Local, s *span, name string) error {
	hold := func(code integrity.Code, hint string, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.unknown = &integrity.Problem{
			Code: code, Decision: integrity.Hold, Hint: hint,
			Message: fmt.Sprintf("whom to trust is not known without the base %s: %s", report.Plain(name), firstLine(err)),
		}
		return nil
	}
	base, err := resolveOne(ctx, repo, name)
	if err != nil {
		return hold(integrity.Unverified, "Fetch it before: git fetch origin, or fetch-depth: 0 in CI.", err)
	}
	s.base = base
	s.from, err = repo.MergeBase(ctx, base, s.tip)
	if unrelated, ok := errors.AsType[*git.UnrelatedError](err); ok {
		if unrelated.Shallow {
			return hold(integrity.RepoShallow, "Fetch the whole history: git fetch --unshallow, or fetch-depth: 0 in CI.", err)
		}
		return hold(integrity.HistRewrite, "Look at where both come from: the branch was made anew, or is of another repository.", err)
	}
	if err != nil {
		return hold(integrity.Unverified, "Fetch the whole history, and look at the repository with git fsck.", err)
	}
	if s.ref == "" {
		s.ref = branchOf(ctx, repo, name)
	}
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// branchOf returns the branch that a name is, on the server: refs/heads/main for
// origin/main. It is empty for whatever is no branch.
func branchOf(ctx context.Context, repo *git.Local, name string) string {
	name = strings.TrimPrefix(name, "refs/remotes/")
	if strings.HasPrefix(name, "refs/heads/") {
		return name
	}
	if _, err := repo.Resolve(ctx, "refs/heads/"+name); err == nil {
		return "refs/heads/" + name
	}
	if _, err := repo.Resolve(ctx, "refs/remotes/"+name); err != nil {
		return ""
	}
	_, branch, ok := strings.Cut(name, "/")
	if !ok {
		return ""
	}
	return "refs/heads/" + branch
}

// resolveOne resolves a name that only one ref has. Git would take a tag for a branch
// of the same name, and say so where nobody looks.
func resolveOne(ctx context.Context, repo *git.Local, name string) (string, error) {
	short := name
	if i := strings.IndexAny(name, "^~@:"); i >= 0 {
		short = name[:i]
	}
	var refs []string
	for _, kind := range []string{"refs/heads/", "refs/tags/", "refs/remotes/"} {
		_, err := repo.Resolve(ctx, kind+short)
		if _, missing := errors.AsType[*git.RevisionError](err); err != nil && !missing {
			return "", err
		}
		if err == nil {
			refs = append(refs, kind+short)
		}
	}
	if len(refs) > 1 {
		return "", withHint(fmt.Errorf("%s is the name of several refs", report.Plain(name)), "write one of %s", report.Plain(strings.Join(refs, ", ")))
	}
	return repo.Resolve(ctx, name)
}
