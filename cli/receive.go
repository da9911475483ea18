package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// receiveCommand is the hook of a server, which decides whether a push is taken.
type receiveCommand struct {
	*app
	policies   policyFlags
	base       string
	root       string
	signers    string
	topics     []string
	allowRefs  []string
	signed     bool
	pushees    []string
	maxCommits int
	maxRefs    int
	timeout    time.Duration
}

func newReceive(a *app) *cobra.Command {
	_, cmd := receiving(a)
	return cmd
}

// receiving returns the command, and what its flags set.
func receiving(a *app) (*receiveCommand, *cobra.Command) {
	o := &receiveCommand{app: a}
	cmd := &cobra.Command{
		Use:   "receive [REF OLD NEW]",
		Short: "Judge a push on the server, as Git's pre-receive or update hook",
		Long: `Judge a push before the server takes it. As hooks/pre-receive it reads "old new ref"
lines from standard input, as hooks/update it is given one ref. Each ref is judged on
its own, and every commit that it brings; if one is refused or cannot be judged, so is
the push. ` + "`holdfast hook install --server`" + ` writes the hook.

A branch that is there grows by the trust of its last commit, and is neither rewritten
nor deleted. What is new is judged by the trust of the default branch, and in an empty
repository by --root or --signers. Tags stay as they are. Other refs are refused, but
for refs/holdfast/statements and those of --allow-ref.

Exit codes: 0 the push may be taken, 1 it is refused, 2 it could not be judged.`,
		Example: `  holdfast hook receive < refs
  holdfast hook receive --topic 'refs/heads/topic/*' --allow-ref 'refs/notes/*'
  holdfast hook receive --require-signed-push --pushee https://git.example.com/shop.git`,
		Args: func(cmd *cobra.Command, args []string) error {
			if n := len(args); n != 0 && n != 3 {
				return withHint(fmt.Errorf("there are %d arguments, not none or three", n), "usage: %s", cmd.UseLine())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	o.policies.register(cmd)
	f.StringVar(&o.base, "base", "", "`branch` by whose trust new refs are judged; by default that of HEAD")
	f.StringVar(&o.root, "root", "", "full id of the reviewed `commit` from which an empty repository begins")
	f.StringVar(&o.signers, "signers", "", "`file` with the signers that count where the repository names none yet")
	f.StringArrayVar(&o.topics, "topic", nil, "`pattern` of branches that may be rewritten and deleted, and wait for approvals (repeatable)")
	f.StringArrayVar(&o.allowRefs, "allow-ref", nil, "`pattern` of other refs that are taken as they come, such as refs/notes/* (repeatable)")
	f.BoolVar(&o.signed, "require-signed-push", false, "refuse a push without a certificate (git push --signed)")
	f.StringArrayVar(&o.pushees, "pushee", nil, "`URL` of this repository, as certificates of pushes name it (repeatable)")
	f.IntVar(&o.maxCommits, "max-commits", 10_000, "most commits that one ref may bring")
	f.IntVar(&o.maxRefs, "max-refs", 200, "most refs in one push")
	f.DurationVar(&o.timeout, "timeout", 2*time.Minute, "longest time for one push")
	return o, cmd
}

func (o *receiveCommand) run(ctx context.Context, args []string) (err error) {
	defer func() {
		if _, said := errors.AsType[exitError](err); err != nil && !said {
			err = withHint(fmt.Errorf("the push cannot be judged, and is refused: %w", err), "%s", hintOf(err, "ask whoever runs the server to look at its hook"))
		}
	}()
	if err := o.check(); err != nil {
		return err
	}
	if o.signed && len(args) > 0 {
		return withHint(errors.New("--require-signed-push needs hooks/pre-receive: Git tells hooks/update nothing of certificates"), "holdfast hook install --server")
	}
	updates, err := o.updates(args)
	if _, many := errors.AsType[*git.LimitError](err); many {
		return o.tell([]refVerdict{{name: "the push", problems: one(integrity.HistLimit, "Push them in parts, or have the limit --max-refs raised.", "it has %v", err)}})
	}
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	r, err := o.open(within, updates)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.repo.Close()) }()
	var verdicts []refVerdict
	if o.signed {
		problems, err := r.signedPush(within, updates)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, refVerdict{name: "the push", problems: problems})
	}
	found := 0
	for _, u := range updates {
		if found > maxProblems {
			verdicts = append(verdicts, refVerdict{name: "the push", problems: one(integrity.HistLimit, "Repair what is told first.",
				"there are more than %d problems; other refs were not looked at", maxProblems)})
			break
		}
		problems, err := r.judge(within, u)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			problems = append(problems, r.unverified(err))
		}
		found += len(problems)
		verdicts = append(verdicts, refVerdict{name: plainRef(u.Ref), problems: problems})
	}
	return o.tell(verdicts)
}

// hintOf returns the hint of an error, or what stands for it.
func hintOf(err error, otherwise string) string {
	if hint, ok := errors.AsType[hintError](err); ok {
		return hint.hint
	}
	return otherwise
}

// updates are what the push does, by the arguments of an update hook or the standard
// input of a pre-receive hook.
func (o *receiveCommand) updates(args []string) ([]integrity.RefUpdate, error) {
	if len(args) == 3 {
		u := integrity.RefUpdate{Ref: args[0], Old: args[1], New: args[2]}
		return []integrity.RefUpdate{u}, u.Check()
	}
	updates, err := integrity.ParseRefUpdates(o.In, o.maxRefs)
	if err == nil && len(updates) == 0 {
		err = withHint(errors.New("standard input names no ref"), "Git runs it as hooks/pre-receive: holdfast hook install --server")
	}
	return updates, err
}

// check refuses flags that contradict each other.
func (o *receiveCommand) check() error {
	if o.signed && len(o.pushees) == 0 {
		return withHint(errors.New("--require-signed-push needs to know the repository's own address"), "give it as --pushee URL, once for each that people push to")
	}
	if o.root != "" && (len(o.root) != 40 && len(o.root) != 64 || strings.Trim(o.root, "0123456789abcdef") != "") {
		return withHint(fmt.Errorf("--root %s is not the full id of a commit", report.Plain(o.root)), "git rev-parse prints it")
	}
	if o.maxCommits <= 0 || o.maxRefs <= 0 || o.timeout <= 0 {
		return errors.New("--max-commits, --max-refs and --timeout must be more than nothing")
	}
	return nil
}

// open reads what a push is judged by.
func (o *receiveCommand) open(ctx context.Context, updates []integrity.RefUpdate) (_ *receiver, err error) {
	if os.Getenv("GIT_NAMESPACE") != "" {
		return nil, withHint(errors.New("namespaces of Git (GIT_NAMESPACE) are not supported"), "give each project a repository of its own")
	}
	repo, err := git.OpenBare(git.BareOptions{
		Dir: cmp.Or(os.Getenv("GIT_DIR"), "."),
		Quarantine: git.Quarantine{
			Path: os.Getenv("GIT_QUARANTINE_PATH"), Objects: os.Getenv("GIT_OBJECT_DIRECTORY"),
			Alternates: os.Getenv("GIT_ALTERNATE_OBJECT_DIRECTORIES"),
		},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, repo.Close())
		}
	}()
	r := &receiver{receiveCommand: o, repo: repo, refs: map[string]git.Ref{}}
	if r.policies, err = loadPolicies(o.policies.PolicyOptions); err != nil {
		return nil, err
	}
	refs, err := repo.Refs(ctx)
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		r.refs[ref.Name] = ref
		r.names = append(r.names, ref.Name)
	}
	for _, u := range updates {
		if u.Creates() {
			r.names = append(r.names, u.Ref)
		}
	}
	if r.branch = o.base; r.branch == "" {
		if r.branch, err = repo.DefaultBranch(ctx); err != nil {
			return nil, err
		}
	} else if !strings.HasPrefix(r.branch, "refs/") {
		r.branch = "refs/heads/" + r.branch
	}
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	if o.signers != "" {
		tree, err := source.Disk(filepath.Dir(o.signers), source.DiskOptions{})
		if err != nil {
			return nil, err
		}
		if r.bootstrap, err = integrity.LoadSigners(tree, filepath.Base(o.signers), "gpg"); err != nil {
			return nil, err
		}
	}
	r.findStatements(ctx, updates)
	return r, nil
}

// begin finds the commit by whose trust new refs are judged. A default branch without
// the pinned root was put in place of the one that is meant.
func (r *receiver) begin(ctx context.Context) error {
	tip, root := r.refs[r.branch].ID, r.root
	if r.trusted = cmp.Or(tip, root); tip == "" || root == "" {
		return nil
	}
	rooted, err := r.repo.IsAncestor(ctx, root, tip)
	if err == nil && !rooted {
		err = withHint(fmt.Errorf("the pinned root %.12s is not part of the history of %s", report.Plain(root), report.Plain(r.branch)),
			"compare the server's repository with a clone that you trust, or pin another root in its hook")
	}
	return err
}

// refVerdict is what is wrong with one ref of a push.
type refVerdict struct {
	name     string
	problems []integrity.Problem
}

func (v refVerdict) decision() integrity.Decision {
	d := integrity.Allow
	for _, p := range v.problems {
		d = max(d, p.Decision)
	}
	return d
}

// What is told of one ref, and of one push: a terminal far away shows it.
const (
	maxToldProblems = 10
	maxToldRefs     = 20
)

// tell writes the verdicts for the pusher, and returns whether the push may be taken.
func (o *receiveCommand) tell(verdicts []refVerdict) error {
	slices.SortStableFunc(verdicts, func(a, b refVerdict) int { return cmp.Compare(b.decision(), a.decision()) })
	p := report.NewPrinter(o.Out, 0, false)
	refused, told := false, 0
	code := ""
	for _, v := range verdicts {
		if len(v.problems) == 0 {
			continue
		}
		what := "taken, but look at it"
		if !v.decision().Passes() {
			what, refused = "refused", true
		}
		if told++; told > maxToldRefs {
			continue
		}
		p.Printf("holdfast: %s: %s", v.name, what)
		slices.SortStableFunc(v.problems, func(a, b integrity.Problem) int { return cmp.Compare(b.Decision, a.Decision) })
		hint := ""
		for _, one := range v.problems[:min(len(v.problems), maxToldProblems)] {
			if one.Hint == hint {
				one.Hint = "" // told already
			} else {
				hint = one.Hint
			}
			for i, line := range plainLines(one.String()) {
				if line = "  " + strings.TrimSpace(line); i > 0 {
					line = "  " + line
				}
				p.Printf("%s", line)
			}
			code = cmp.Or(code, string(one.Code))
		}
		if n := len(v.problems) - maxToldProblems; n > 0 {
			p.Printf("  and %s", report.Plural(n, "more problem", "more problems"))
		}
	}
	if n := told - maxToldRefs; n > 0 {
		p.Printf("holdfast: and problems of %s", report.Plural(n, "more ref", "more refs"))
	}
	if refused {
		p.Printf("holdfast: nothing of the push is taken; `holdfast explain %s` tells more", code)
	}
	if err := p.Err(); err != nil {
		return err
	}
	if refused {
		return exitWith(ExitProblems)
	}
	return nil
}

// receiver judges the refs of one push.
type receiver struct {
	*receiveCommand
	repo       *git.Local
	policies   *setup.Policies
	refs       map[string]git.Ref // before the push
	names      []string           // of all refs, before and after it
	branch     string             // the default branch, in full
	trusted    string             // the commit by whose trust new refs are judged; empty if there is none
	bootstrap  *integrity.Signers
	statements *integrity.Statements
}
