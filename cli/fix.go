package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/fix"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
)

type fixCommand struct {
	*app
	policies policyFlags
	only     []string
	review   bool
	diff     bool
	dryRun   bool
	quiet    bool
	verbose  bool
}

func newFix(a *app) *cobra.Command {
	o := &fixCommand{app: a}
	cmd := &cobra.Command{
		Use:   "fix [path]",
		Short: "Mend findings in the files that they are from",
		Long: `Mend findings in the files below a path, which is the current directory by
default. Safe fixes are made; those with a consequence that somebody has to know
only with --review. Every edit is proven: the file is read, or rendered, again, it
must hold exactly the intended change, and no other policy may object to it. Comments
and layout stay. What is waived stays too.

Exit codes: 0 the fixes were made, or there was none to make, 1 with --diff or
--dry-run: something would change, 2 something could not be judged, 3 there was
nothing to judge.`,
		Example: `  holdfast fix
  holdfast fix --diff --review apps/payments
  holdfast fix --review --policy HF-K8S-015`,
		Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), optional(args, "."))
		},
	}
	o.policies.register(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&o.only, "policy", nil, "mend the findings of the policy with this `id` only (repeatable)")
	f.BoolVar(&o.review, "review", false, "also make fixes that have a consequence")
	f.BoolVar(&o.diff, "diff", false, "write what would change as a unified diff, and change nothing")
	f.BoolVar(&o.dryRun, "dry-run", false, "say what would be mended, and change nothing")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "the summary only")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "also say what is not mended, and why")
	return cmd
}

func (o *fixCommand) run(ctx context.Context, path string) error {
	policies, err := loadPolicies(o.policies.PolicyOptions)
	if err != nil {
		return err
	}
	isKnown := known(policies, o.policies.Disable)
	for _, id := range o.only {
		if !isKnown(id) {
			return withHint(fmt.Errorf("--policy: no policy has the id %q", id), "`holdfast explain` lists all")
		}
	}
	scope, err := (&scopeFlags{}).openScope(ctx, path)
	if err != nil {
		return err
	}
	defer scope.Close()
	r := &fixRun{policies: policies, renderers: setup.Renderers(), scope: scope, disabled: o.policies.Disable, waived: map[string]bool{}}
	runner := fix.Runner{Policies: policies, Judge: r.judge, Wanted: func(f *finding.Finding) bool {
		return !r.waived[f.Fingerprint] && o.wants(f)
	}}
	out, err := runner.Run(ctx, scope.tree)
	if err != nil {
		return err
	}
	if !o.diff && !o.dryRun {
		if err := write(scope.tree, out.Files); err != nil {
			return err
		}
	}
	if err := o.report(scope.tree, r.waived, out); err != nil {
		return err
	}
	switch {
	case r.partial:
		p := report.NewPrinter(o.Err, 0, false)
		p.Printf("holdfast: something could not be judged, and is not mended; `holdfast scan` says what it is")
		if err := p.Err(); err != nil {
			return err
		}
		return exitError{ExitUndecided}
	case r.objects == 0:
		return exitError{ExitNothing}
	case len(out.Files) > 0 && (o.diff || o.dryRun):
		return exitError{ExitProblems}
	}
	return nil
}

func (o *fixCommand) wants(f *finding.Finding) bool {
	switch {
	case len(o.only) > 0 && !slices.Contains(o.only, f.Rule.ID):
		return false
	case f.Fix.Class == finding.Review:
		return o.review
	}
	return f.Fix.Class == finding.Safe
}

// fixRun scans trees for a fix.Runner.
type fixRun struct {
	policies  *setup.Policies
	renderers []render.Renderer // one set for all scans, for their workers take long to start
	scope     *scope
	disabled  []string
	waived    map[string]bool // fingerprints
	partial   bool
	objects   int
	scanned   bool
}

// judge implements fix.Judge.
func (r *fixRun) judge(ctx context.Context, tree source.Tree, changed []string) (*fix.Judged, error) {
	scanner := scan.Scanner{
		Renderers: r.renderers, Evaluator: r.policies, Options: render.Options{IncludeCRDs: true},
		Fixer: &fix.Fixer{Policies: r.policies, Read: setup.ReadExample, Tree: tree}, Keep: true, Changed: changed, Remotes: r.scope.remotes,
	}
	dir := r.scope.inside
	if changed != nil {
		dir = "."
	}
	result, err := scanner.Run(ctx, tree, dir)
	if err != nil {
		return nil, err
	}
	if !r.scanned {
		r.scanned, r.partial, r.objects = true, result.Partial(), result.Objects
		if err := r.triage(ctx, result); err != nil {
			return nil, err
		}
	}
	return &fix.Judged{
		Findings: result.Findings, All: result.All, Resources: result.Resources,
		On: func(f *finding.Finding) (*resource.Resource, *resource.Set, policy.Stage) {
			site := result.Sites[f]
			return site.Resource, site.Set, site.Stage
		},
	}, nil
}

// triage notes what is waived.
func (r *fixRun) triage(ctx context.Context, result *scan.Result) error {
	in, err := r.scope.triage(ctx, result, nil, known(r.policies, r.disabled))
	if err != nil {
		return err
	}
	for _, e := range triage.Run(in).Hidden {
		if e.Status == triage.Waived {
			r.waived[e.Fingerprint] = true
		}
	}
	return nil
}

func (o *fixCommand) report(tree source.Tree, waived map[string]bool, out *fix.Outcome) error {
	p := o.printer()
	if o.diff {
		secret := withSecrets(out.First)
		for _, name := range out.Paths() {
			before, err := tree.ReadFile(name)
			if err != nil {
				return err
			}
			diff := edit.Unified(name, before, out.Files[name])
			if secret[name] {
				diff = fmt.Sprintf("--- a/%s\n+++ b/%s\n@@ the file holds a secret, so its lines are not shown @@\n", name, name)
			}
			for _, line := range plainLines(diff) {
				p.Printf("%s", p.Paint(line, diffStyle(line)...))
			}
		}
		p = report.NewPrinter(o.Err, 0, false) // so that the diff can be piped
	}
	fixed := out.Fixed()
	if !o.quiet && !o.diff {
		for _, f := range fixed {
			p.Printf("%s: %s[%s] %s", site(f), p.Paint(o.verb(), report.Green), f.Rule.ID, report.Plain(f.Message))
		}
	}
	if o.verbose {
		o.explain(p, out)
	}
	p.Printf("%s", o.summary(len(fixed), waived, out))
	return p.Err()
}

// withSecrets returns the files that hold a Secret, or something that was found to
// be one.
func withSecrets(judged *fix.Judged) map[string]bool {
	secret := map[string]bool{}
	for _, f := range judged.All {
		if f.Hidden() && f.Location.File != nil {
			secret[f.Location.File.Path] = true
		}
	}
	for _, r := range judged.Resources {
		if r.ID.Group == "" && r.ID.Kind == "Secret" && r.Origin.File != nil {
			secret[r.Origin.File.Path] = true
		}
	}
	return secret
}

func diffStyle(line string) []report.Style {
	switch {
	case line == "":
	case line[0] == '+':
		return []report.Style{report.Green}
	case line[0] == '-':
		return []report.Style{report.Red}
	case line[0] == '@':
		return []report.Style{report.Cyan}
	}
	return nil
}

// explain says why findings that have fixes are not mended.
func (o *fixCommand) explain(p *report.Printer, out *fix.Outcome) {
	for _, f := range out.Last.Findings {
		why := stuck(f, out)
		if why == "" && f.Fix != nil && f.Fix.Class == finding.Manual {
			why = f.Fix.Note
		}
		if why != "" {
			p.Printf("%s: no automatic fix for %s: %s", site(f), f.Rule.ID, report.Plain(why))
		}
	}
}

// site is the place of a finding; without a file, its subject.
func site(f *finding.Finding) string {
	if f.Location.File == nil {
		return report.Plain(f.Subject.String())
	}
	at := f.Location.Position()
	return fmt.Sprintf("%s:%d:%d", report.Plain(f.Location.File.Path), at.Line, at.Column)
}

func (o *fixCommand) verb() string {
	if o.diff || o.dryRun {
		return "would fix"
	}
	return "fixed"
}

func (o *fixCommand) summary(fixed int, waived map[string]bool, out *fix.Outcome) string {
	left := slices.DeleteFunc(out.Left(finding.Review), func(f *finding.Finding) bool { return waived[f.Fingerprint] })
	text := fmt.Sprintf("%s %s in %s", o.verb(), report.Plural(fixed, "finding", "findings"), report.Plural(len(out.Files), "file", "files"))
	if n := len(left); n > 0 && !o.review {
		text += fmt.Sprintf("; %d %s review: holdfast fix --review", n, need(n))
	}
	if n := o.countStuck(waived, out); n > 0 && !o.verbose {
		text += fmt.Sprintf("; %d cannot be mended automatically: holdfast fix -v", n)
	}
	return text
}

// stuck says why the fix of a finding could not be made; "" if it could, or there is none.
func stuck(f *finding.Finding, out *fix.Outcome) string {
	if f.Fix == nil {
		return ""
	}
	return cmp.Or(out.Failed[f.Fingerprint], f.Fix.Reason)
}

// countStuck counts the findings that were to be fixed and could not be.
func (o *fixCommand) countStuck(waived map[string]bool, out *fix.Outcome) (n int) {
	for _, f := range out.Last.Findings {
		isAsked := len(o.only) == 0 || slices.Contains(o.only, f.Rule.ID)
		if isAsked && !waived[f.Fingerprint] && stuck(f, out) != "" {
			n++
		}
	}
	return n
}

func need(n int) string {
	if n == 1 {
		return "needs"
	}
	return "need"
}

// write replaces files, each as a whole or not at all. What has changed since it
// was read is left alone.
func write(tree source.Tree, files map[string][]byte) error {
	root := tree.Revision().Source
	for _, name := range slices.Sorted(maps.Keys(files)) {
		before, err := tree.ReadFile(name)
		if err != nil {
			return err
		}
		full, err := filepath.EvalSymlinks(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return pathError(name, err)
		}
		if !isInside(root, full) {
			return &source.EscapeError{Path: name, Target: full}
		}
		if err := writeAtomically(full, before, files[name]); err != nil {
			return pathError(name, err)
		}
	}
	return nil
}

var errChanged = errors.New("it has changed meanwhile; run `holdfast fix` again")

// writeAtomically replaces the content of a file, and keeps its mode.
func writeAtomically(name string, before, after []byte) (err error) {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if now, err := os.ReadFile(name); err != nil || !bytes.Equal(now, before) {
		return errors.Join(err, errChanged)
	}
	temporary, err := os.CreateTemp(filepath.Dir(name), ".holdfast-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreNotExist(os.Remove(temporary.Name())))
		}
	}()
	_, err = temporary.Write(after)
	err = errors.Join(err, temporary.Chmod(info.Mode().Perm()), temporary.Sync(), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), name)
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
