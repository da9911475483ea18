package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/source"
)

type verifyCommand struct {
	*app
	policies policyFlags
	signers  string
	ref      string
	output   string
	dryRun   bool
}

func newVerify(a *app) *cobra.Command {
	o := &verifyCommand{app: a}
	cmd := &cobra.Command{
		Use:   "verify BASE..TIP",
		Short: "Verify who signed the commits of a branch, and what they take away from safeguards",
		Long: `Verify the commits of a branch since a commit that is trusted: who signed each of
them and whether they might change what they change, that nothing was rewritten, and
that no safeguard was taken away. Whom to trust is read from BASE, never from what is
to be verified; a change of trust counts from the next commit on. TIP is HEAD if it
is left out.

With --signers the whole history is verified, from a signers file of your own on.
With --dry-run nothing fails: it shows what would have been refused, and why.

Exit codes: 0 all may be deployed, 1 something is refused or held, 2 something could
not be found out, 3 there was nothing to verify.`,
		Example: "  holdfast verify origin/main..HEAD\n  holdfast verify --dry-run v1.0..main\n  holdfast verify --signers ~/allowed_signers main",
		Args:    takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			revisions := ""
			if len(args) > 0 {
				revisions = args[0]
			}
			return o.run(cmd.Context(), revisions)
		},
	}
	f := cmd.Flags()
	o.policies.register(cmd)
	f.StringVar(&o.signers, "signers", "", "`file` with the signers that count where the repository names none yet")
	f.StringVar(&o.ref, "ref", "", "full `name` of the branch, whose rules of the trust file hold, such as refs/heads/main")
	f.StringVarP(&o.output, "output", "o", "text", "format: text or json")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be refused, and exit with 0")
	return cmd
}

func (o *verifyCommand) run(ctx context.Context, revisions string) (err error) {
	if o.output != "text" && o.output != "json" {
		return withHint(fmt.Errorf("there is no output format %q", o.output), "use text or json")
	}
	root := workTree(mustAbs("."))
	if root == "" {
		return errors.New("this is no work tree of Git")
	}
	repo, err := git.OpenLocal(git.LocalOptions{WorkTree: root})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	base, name, isRange := strings.Cut(revisions, "..")
	if !isRange {
		base, name = "", revisions
	}
	if base == "" && o.signers == "" {
		return withHint(errors.New("nothing says where trust begins"), "name a commit that is trusted, as in origin/main..HEAD, or your own list of signers with --signers")
	}
	trusted := integrity.Trust{Ref: o.ref}
	if base != "" {
		if trusted.Root, err = resolveOne(ctx, repo, base); err != nil {
			return withHint(err, "fetch it first: without it nothing can be trusted")
		}
	}
	if trusted.Bootstrap, err = o.bootstrap(); err != nil {
		return err
	}
	tip, err := resolveOne(ctx, repo, cmp.Or(name, "HEAD"))
	if err != nil {
		return err
	}
	if tip == trusted.Root {
		o.printer().Printf("There is nothing to verify: the range begins and ends with %.12s.", tip)
		return exitWith(ExitNothing)
	}
	result, err := integrity.Check(ctx, repo, trusted, "", tip, nil)
	if err != nil {
		return err
	}
	if err := o.safeguards(ctx, repo, trusted.Root, tip, &result); err != nil {
		return err
	}
	if err := o.tell(result, trusted.Root, tip); err != nil {
		return err
	}
	switch {
	case o.dryRun || result.Decision.Passes():
		return nil
	case result.Retry:
		return exitWith(ExitUndecided)
	}
	return exitWith(ExitProblems)
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

// bootstrap reads the signers that the user names.
func (o *verifyCommand) bootstrap() (*integrity.Signers, error) {
	if o.signers == "" {
		return nil, nil
	}
	tree, err := source.Disk(filepath.Dir(o.signers), source.DiskOptions{})
	if err != nil {
		return nil, err
	}
	return integrity.LoadSigners(tree, filepath.Base(o.signers), "gpg")
}

// safeguards adds what the commits take away from what protects. What cannot be found
// out is held.
func (o *verifyCommand) safeguards(ctx context.Context, repo *git.Local, from, tip string, result *integrity.Result) error {
	policies, err := loadPolicies(o.policies.PolicyOptions)
	if err != nil {
		return err
	}
	if result.Accepted == "" && result.Decision == integrity.Hold {
		return nil // not even the history is known
	}
	err = safeguard.Range(ctx, repo, policies, from, tip, result.Verified, false, func(step safeguard.Judged) bool {
		for _, p := range step.Problems {
			result.Problems = append(result.Problems, p)
			result.Decision = max(result.Decision, p.Decision)
		}
		return true
	})
	if err != nil && ctx.Err() == nil {
		result.Retry, result.Decision = true, max(result.Decision, integrity.Hold)
		result.Problems = append(result.Problems, integrity.Problem{
			Code: integrity.Unverified, Decision: integrity.Hold,
			Message: fmt.Sprintf("what is taken away from safeguards could not be found out: %v", err),
		})
	}
	return ctx.Err()
}

// verification is the JSON output.
type verification struct {
	Decision string         `json:"decision"`
	From     string         `json:"from,omitempty"`
	Tip      string         `json:"tip"`
	Accepted string         `json:"accepted,omitempty"` // the newest commit that may be deployed
	Problems []problemFound `json:"problems"`
	Verified []signedBy     `json:"verified"`
	Lost     []string       `json:"lost,omitempty"`
}

type problemFound struct {
	Code     string `json:"code"`
	Decision string `json:"decision"`
	Commit   string `json:"commit,omitempty"`
	Message  string `json:"message"`
	Hint     string `json:"hint,omitempty"`
}

type signedBy struct {
	Commit   string `json:"commit"`
	Identity string `json:"identity"`
	Key      string `json:"key"`
	Payload  string `json:"payload,omitempty"` // SHA-256 of what is signed
}

func (o *verifyCommand) tell(result integrity.Result, from, tip string) error {
	if o.output == "json" {
		out := verification{
			Decision: result.Decision.String(), From: from, Tip: tip, Accepted: result.Accepted,
			Problems: []problemFound{}, Verified: []signedBy{}, Lost: result.Lost,
		}
		for _, p := range result.Problems {
			out.Problems = append(out.Problems, problemFound{string(p.Code), p.Decision.String(), p.Commit, p.Message, p.Hint})
		}
		for _, v := range result.Verified {
			out.Verified = append(out.Verified, signedBy{v.Commit, v.Signer.Identity, v.Signer.Key, v.Payload})
		}
		return report.WriteJSON(o.Out, out, true)
	}
	p := o.printer()
	who := map[string]int{}
	for _, v := range result.Verified {
		who[v.Signer.Identity]++
	}
	for _, problem := range result.Problems {
		style := report.Red
		if problem.Decision.Passes() {
			style = report.Yellow
		}
		head := problem.Decision.String() + " " + string(problem.Code)
		if problem.Commit != "" {
			head += fmt.Sprintf(" %.12s", problem.Commit)
		}
		p.Printf("%s: %s", p.Paint(head, report.Bold, style), report.Plain(problem.Message))
		if problem.Hint != "" {
			p.Printf("  %s", report.Plain(problem.Hint))
		}
	}
	if len(result.Problems) > 0 {
		p.Printf("")
	}
	p.Printf("%s of %s proven; the decision is %s.", report.Plural(len(result.Verified), "signature", "signatures"),
		report.Plural(len(who), "person", "people"), p.Paint(result.Decision.String(), report.Bold))
	if !result.Decision.Passes() && result.Accepted != "" {
		p.Printf("What is up to %.12s may be deployed.", result.Accepted)
	}
	return p.Err()
}

func mustAbs(name string) string {
	abs, err := realPath(name)
	if err != nil {
		return name
	}
	return abs
}
