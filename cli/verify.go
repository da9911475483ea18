package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/pace"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

type verifyCommand struct {
	*app
	policies policyFlags
	base     string
	root     string
	signers  string
	ref      string
	outputs  []string
	dryRun   bool
	quiet    int
	verbose  bool
	limit    int
}

func newVerify(a *app) *cobra.Command {
	o := &verifyCommand{app: a}
	cmd := &cobra.Command{
		Use:   "verify [FROM..TIP | TIP]",
		Short: "Verify who signed the commits of a branch, and what they take away from safeguards",
		Long: `Verify the commits of a branch since a commit that is trusted: who signed each of
them and whether they might change what they change, that nothing was rewritten, and
that no safeguard was taken away. Whom to trust is read from that commit, never from
what is to be verified; a change of trust counts from the next commit on.

  FROM..TIP       what TIP has since FROM, which must be part of its history
  TIP             what TIP has and its upstream has not; TIP is HEAD if left out
  --base REF      what TIP has and REF has not, as for a pull request: trust, rules
                  and --pack directories of the repository are those of REF
  --root COMMIT   all that came after a commit that you have reviewed
  --signers FILE  the whole history, from a signers file of your own on

With --dry-run nothing is refused. It sums up by code what would have been refused, of
the whole history unless a range is given, and how to begin; -v lists each problem.

Exit codes: 0 all may be deployed, 1 something is refused or held, 2 something could
not be found out, 3 there was nothing to verify.`,
		Example: `  holdfast verify
  holdfast verify origin/main..HEAD
  holdfast verify --base origin/main -o sarif=verify.sarif
  holdfast verify --root 4be1c77 main
  holdfast verify --dry-run`,
		Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), optional(args, "")) },
	}
	f := cmd.Flags()
	o.policies.register(cmd)
	f.StringVar(&o.base, "base", "", "branch or `commit` that is to take in the tip, and whose trust and rules hold")
	f.StringVar(&o.root, "root", "", "reviewed `commit` after which to verify")
	f.StringVar(&o.signers, "signers", "", "`file` with the signers that count where the repository names none yet")
	f.StringVar(&o.ref, "ref", "", "full `name` of the branch, whose rules of the trust file hold, such as refs/heads/main; by default that of --base")
	f.StringArrayVarP(&o.outputs, "output", "o", nil,
		"`format` or format=file: "+strings.Join(verifyFormats(), ", ")+" (repeatable); text is written too, unless another goes to standard output")
	f.BoolVar(&o.dryRun, "dry-run", false, "sum up what would be refused, and never exit with 1")
	f.CountVarP(&o.quiet, "quiet", "q", "the summary only; -qq for nothing on standard output")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "with --dry-run, also list each problem")
	f.IntVar(&o.limit, "limit", 20, "most problems to show on a terminal; 0 for all")
	complete(cmd, "output", verifyFormats()...)
	return cmd
}

func verifyFormats() []string {
	names := []string{"text"}
	for _, f := range report.VerificationFormats() {
		names = append(names, f.Name)
	}
	return names
}

func (o *verifyCommand) run(ctx context.Context, revisions string) (err error) {
	outputs, err := parseOutputs(o.outputs, verifyFormats())
	if err != nil {
		return err
	}
	pace.Set(pace.Wide)
	root := workTree(mustAbs("."))
	if root == "" {
		return errors.New("this is no work tree of Git")
	}
	if err := o.checkSigners(root); err != nil {
		return err
	}
	repo, err := git.OpenLocal(git.LocalOptions{WorkTree: root})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	span, err := o.span(ctx, repo, revisions)
	if err != nil {
		return err
	}
	v := &report.Verification{From: span.from, Tip: span.tip, Base: span.base, DryRun: o.dryRun, Version: Version()}
	if span.isEmpty() {
		v.Decision = integrity.Allow
	} else {
		if v.Result, err = o.judge(ctx, repo, root, span); err != nil {
			return err
		}
		if err := o.describe(ctx, repo, span, v); err != nil {
			return err
		}
	}
	var errs []error
	for _, out := range outputs {
		errs = append(errs, o.write(out, o.quiet, func(w io.Writer) error { return o.encode(w, out, v) }))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	switch {
	case span.isEmpty():
		return exitWith(ExitNothing)
	case v.Undecided():
		return exitWith(ExitUndecided)
	case o.dryRun || v.Decision.Passes():
		return nil
	}
	return exitWith(ExitProblems)
}

// checkSigners refuses a signers file that whoever is verified may have written.
func (o *verifyCommand) checkSigners(root string) error {
	if o.base == "" || o.signers == "" || !isInside(root, mustAbs(o.signers)) {
		return nil
	}
	return withHint(fmt.Errorf("--signers names %s, which is part of what is to be verified", o.signers),
		"keep the file outside of the work tree, or leave it out: the base has its own")
}

// judge verifies what lies between two commits.
func (o *verifyCommand) judge(ctx context.Context, repo *git.Local, root string, span *span) (integrity.Result, error) {
	if span.unknown != nil {
		return integrity.Result{Decision: span.unknown.Decision, Problems: []integrity.Problem{*span.unknown}}, nil
	}
	trusted := integrity.Trust{Ref: span.ref, Root: span.from, Survey: o.dryRun}
	if span.base != span.from || o.base != "" {
		trusted.Base = span.base
	}
	var err error
	if trusted.Bootstrap, err = o.bootstrap(ctx, repo, span); err != nil {
		return integrity.Result{}, err
	}
	if trusted.Approvals, err = statements(ctx, repo); err != nil {
		return integrity.Result{}, err
	}
	policies, err := o.loadPolicies(ctx, repo, root, span)
	if err != nil {
		return integrity.Result{}, err
	}
	accepted := ""
	if span.base == span.from && o.root == "" && !o.dryRun {
		accepted = span.from // so that a branch that was rewritten since is told as such
	}
	progress := o.newProgress()
	defer progress.end()
	seen := watch(ctx, repo, span, progress)
	result, err := integrity.Check(ctx, seen, trusted, accepted, span.tip, nil)
	if err != nil {
		return result, err
	}
	if result.Accepted == "" && result.Decision == integrity.Hold && !o.dryRun {
		return result, nil // not even the history is known
	}
	err = o.safeguards(ctx, seen.begin("comparing what protects, commit"), policies, span, &result)
	return result, err
}

// bootstrap reads the signers that the user names. A survey begins with those that
// the tip has, of whose history a part may be older than any list.
func (o *verifyCommand) bootstrap(ctx context.Context, repo *git.Local, span *span) (*integrity.Signers, error) {
	if o.signers == "" && o.dryRun {
		tree, err := repo.Tree(ctx, span.tip)
		if err != nil {
			return nil, err
		}
		return integrity.KeysOf(tree)
	}
	if o.signers == "" {
		return nil, nil
	}
	tree, err := source.Disk(filepath.Dir(o.signers), source.DiskOptions{})
	if err != nil {
		return nil, err
	}
	return integrity.LoadSigners(tree, filepath.Base(o.signers), "gpg")
}

// statements returns those that the repository has; there need not be any.
func statements(ctx context.Context, repo *git.Local) (*integrity.Statements, error) {
	tip, err := repo.Resolve(ctx, integrity.StatementsRef)
	if _, missing := errors.AsType[*git.RevisionError](err); err != nil && !missing {
		return nil, err
	}
	return integrity.NewStatements(repo, tip, nil), nil
}

// loadPolicies reads the policies that judge changes. Packs inside of the repository
// are those of the commit that is trusted: who is judged must not choose by what.
func (o *verifyCommand) loadPolicies(ctx context.Context, repo *git.Local, root string, span *span) (*setup.Policies, error) {
	opts := o.policies.PolicyOptions
	opts.Load = func(name string) (*policy.Pack, error) {
		dir := mustAbs(".")
		if !filepath.IsAbs(name) {
			dir = filepath.Join(dir, name)
		} else {
			dir = name
		}
		if policy.IsRemote(name) || span.base == "" || !isInside(root, dir) {
			return setup.LoadPack(name)
		}
		inside, err := filepath.Rel(root, dir)
		if err != nil {
			return nil, err
		}
		tree, err := repo.Tree(ctx, span.base)
		if err != nil {
			return nil, err
		}
		pack, err := setup.LoadPackOf(tree, filepath.ToSlash(inside))
		if source.IsNotExist(err) {
			return nil, withHint(fmt.Errorf("--pack %s: commit %.12s, whose rules hold, has no such directory", report.Plain(name), span.base),
				"merge the policies first, and then what is to be judged by them")
		}
		return pack, err
	}
	return loadPolicies(opts)
}

// maxRestarts bounds how many steps of a survey may be impossible to judge.
const maxRestarts = 20

// safeguards adds what the commits take away from what protects. What cannot be found
// out is held. A survey goes on after it.
func (o *verifyCommand) safeguards(ctx context.Context, repo *watched, policies *setup.Policies, span *span, result *integrity.Result) error {
	from := span.from
	for range maxRestarts {
		last := from
		err := safeguard.Range(ctx, repo, policies, from, span.tip, result.Verified, false, func(step safeguard.Judged) bool {
			last = step.Step.Commit
			for _, p := range step.Problems {
				result.Problems = append(result.Problems, p)
				result.Decision = max(result.Decision, p.Decision)
			}
			return true
		})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			return nil
		}
		if !refused(result, next(ctx, repo.Local, last, span.tip)) {
			result.Retry, result.Decision = true, max(result.Decision, integrity.Hold)
			result.Problems = append(result.Problems, integrity.Problem{
				Code: integrity.Unverified, Decision: integrity.Hold,
				Message: "what is taken away from safeguards could not be found out: " + strings.ReplaceAll(err.Error(), "\n", "; "),
			})
		}
		if !o.dryRun {
			return nil
		}
		if from = next(ctx, repo.Local, last, span.tip); from == "" {
			return nil
		}
	}
	return nil
}

// refused reports whether a commit is denied for what its tree is, or lies beyond what
// a shallow clone has: that it cannot be compared is then no news.
func refused(result *integrity.Result, commit string) bool {
	return slices.ContainsFunc(result.Problems, func(p integrity.Problem) bool {
		switch p.Code {
		case integrity.RepoShallow:
			return true
		case integrity.ObjMalformed, integrity.TreePath, integrity.TreeLimit, integrity.HashCollision, integrity.PolicyInvalid:
			return p.Commit == commit && p.Decision == integrity.Deny
		}
		return false
	})
}

// next returns the commit of the mainline that comes after another; "" if there is
// none, or nobody can tell.
func next(ctx context.Context, repo *git.Local, after, tip string) string {
	line, err := repo.FirstParents(ctx, after, tip)
	if err != nil || len(line) == 0 {
		return ""
	}
	return line[0]
}

func (o *verifyCommand) encode(w io.Writer, out output, v *report.Verification) error {
	for _, f := range report.VerificationFormats() {
		if f.Name == out.format {
			return f.Write(w, v)
		}
	}
	opts := report.TextOptions{Quiet: o.quiet > 0, Verbose: o.verbose}
	if out.file == "" {
		opts.Width, opts.Color = o.width(), o.colored()
		if o.terminal() {
			opts.Limit = o.limit
		}
	}
	return report.VerificationText(w, v, opts)
}

func mustAbs(name string) string {
	abs, err := realPath(name)
	if err != nil {
		return name
	}
	return abs
}
