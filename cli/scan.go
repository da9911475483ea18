package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/cache"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/fix"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
)

type scanCommand struct {
	*app
	policies policyFlags
	scope    scopeFlags
	secrets  secretFlags
	failOn   string
	outputs  []string
	exitZero bool
	quiet    int
	verbose  bool
	limit    int
	jobs     int
	vars     []string
	modules  moduleFlags
	cache    cacheFlags
}

func newScan(a *app) *cobra.Command {
	o := &scanCommand{app: a}
	cmd := &cobra.Command{
		Use:   "scan [path]",
		Short: "Judge the manifests, Kustomize overlays and Helm charts below a path",
		Long: `Judge the manifests, Kustomize overlays and Helm charts below a path, which is
the current directory by default. Every file is accounted for: judged, passed
over with a reason (-v), or reported with the line that cannot be read. All text
files, whatever they are, are searched for secrets.

Inside of a Git work tree, overlays and charts reach all of it, and paths are
written as Git knows them, from its root.

Exit codes: 0 nothing blocks, 1 findings at or above --fail-on,
2 something could not be judged, 3 there was nothing to judge.`,
		Example: `  holdfast scan
  holdfast scan apps/payments --fail-on medium
  holdfast scan --output sarif=holdfast.sarif
  holdfast scan --history`,
		Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), optional(args, "."))
		},
	}
	o.policies.register(cmd)
	o.scope.register(cmd)
	o.secrets.register(cmd)
	f := cmd.Flags()
	o.cache.register(f)
	f.StringVar(&o.failOn, "fail-on", "high", "lowest `severity` that gives exit code 1: info, low, medium, high, critical")
	f.StringArrayVarP(&o.outputs, "output", "o", nil,
		"`format` or format=file: "+strings.Join(formatNames(), ", ")+" (repeatable); text is written too, unless another goes to standard output")
	f.BoolVar(&o.exitZero, "exit-zero", false, "exit with 0 also when findings block; 2 and 3 stay")
	f.CountVarP(&o.quiet, "quiet", "q", "the summary only; -qq for nothing on standard output")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "also list what was passed over, and why")
	f.IntVar(&o.limit, "limit", 20, "most findings to show on a terminal; 0 for all")
	f.StringArrayVar(&o.vars, "var", nil, "give a `variable` of Terraform's root modules a value, as name=value (repeatable)")
	o.modules.register(f)
	f.IntVar(&o.jobs, "jobs", 0, "units to judge at a time, on as many processors; 0 for one for each processor")
	complete(cmd, "fail-on", "info", "low", "medium", "high", "critical")
	complete(cmd, "output", formatNames()...)
	return cmd
}

// complete offers the values of a flag to a shell.
func complete(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

func (o *scanCommand) run(ctx context.Context, path string) error {
	failOn, err := finding.ParseSeverity(o.failOn)
	if err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	outputs, err := parseOutputs(o.outputs, formatNames())
	if err != nil {
		return err
	}
	start := time.Now()
	var seen *source.Seen
	if o.isReplayable() {
		seen = source.NewSeen()
	}
	tree, inside, err := openPath(path, seen)
	if err != nil {
		return err
	}
	kept, err := o.cache.find(tree.Revision().Source)
	if err != nil {
		return err
	}
	cached := o.openCache(kept, tree.Revision().Source, inside, path, seen, start)
	if answer, ok := cached.load(); ok {
		return o.replay(answer, outputs)
	}
	cached = cached.prepare(o.policies.Packs)
	policies, err := loadPolicies(o.policies.PolicyOptions)
	if err != nil {
		return err
	}
	if policies.Number() == 0 {
		return withHint(errors.New("no policy is left to judge by"), "name a directory with --pack, or leave --no-builtin out")
	}
	scope, err := o.scope.openTree(ctx, tree, inside)
	if err != nil {
		return err
	}
	defer scope.Close()
	found, pin, err := o.modules.open(scope.tree.Revision().Source, o.Err)
	if err != nil {
		return err
	}
	scanner := scan.Scanner{
		Renderers: renderers(kept), Evaluator: policies, Jobs: o.jobs,
		Options: render.Options{IncludeCRDs: true, Variables: o.vars, Modules: found}, // custom resource definitions as the loop does
		Secrets: o.secrets.detector(o.policies.PolicyOptions),
	}
	if o.showsFixes(outputs) {
		scanner.Fixer = &fix.Fixer{Policies: policies, Read: setup.ReadExample, Tree: scope.tree}
	}
	defer limitProcessors(o.jobs)()
	progress := o.newProgress()
	scanner.Progress = progress.step
	result, matching, err := o.judge(ctx, scope, scanner)
	progress.end()
	if err := errors.Join(err, pin()); err != nil {
		return err
	}
	in, err := scope.triage(ctx, result, matching, known(policies, o.policies.Disable))
	if err != nil {
		return err
	}
	s := &report.Scan{
		Result: result, Root: path, Revision: scope.tree.Revision().Commit, FailOn: failOn,
		Policies: policies.Number(), Digest: policies.Digest, Version: Version(),
		Explain: explainFlags(policies, o.policies.PolicyOptions),
	}
	s.SetTriage(triage.Run(in), in.Now)
	var errs []error
	for _, out := range outputs {
		errs = append(errs, o.write(out, o.quiet, func(w io.Writer) error { return o.encode(cached.capture(w), out, s) }))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	code := o.exitCode(s)
	if result.Unsteady || hasRego(policies) {
		return exitWith(code)
	}
	if err := cached.save(ctx, code, scope); err != nil && o.verbose {
		fmt.Fprintf(o.Err, "holdfast: nothing is kept for the next scan of the same files: %s\n", report.Plain(err.Error()))
	}
	return exitWith(code)
}

// replay writes what the last scan wrote, of the same files and for the same
// question.
func (o *scanCommand) replay(answer *cache.Answer, outputs []output) error {
	for i, out := range outputs {
		err := o.write(out, o.quiet, func(w io.Writer) error {
			_, err := w.Write(answer.Outputs[i])
			return err
		})
		if err != nil {
			return err
		}
	}
	return exitWith(answer.Code)
}

// showsFixes reports whether an output shows how findings are mended, which takes
// longer to find out than what they are.
func (o *scanCommand) showsFixes(outputs []output) bool {
	return slices.ContainsFunc(outputs, func(out output) bool {
		return out.format == "text" && o.quiet == 0 || out.format == "json" || out.format == "jsonl" || out.format == "sarif"
	})
}

// judge scans the files of a scope, or its history.
func (o *scanCommand) judge(ctx context.Context, s *scope, scanner scan.Scanner) (*scan.Result, *identity.Matching, error) {
	if o.secrets.history == "" {
		return s.scan(ctx, scanner)
	}
	result, err := o.secrets.search(ctx, s, scanner)
	return result, nil, err
}

func (o *scanCommand) exitCode(s *report.Scan) (code int) {
	switch {
	case s.Partial():
		return ExitUndecided
	case s.Blocking() > 0 && !o.exitZero:
		return ExitProblems
	case s.Objects == 0 && len(s.All) == 0 && s.Past == nil && !o.scope.staged && !o.scope.changed: // a commit may be about other files
		return ExitNothing
	}
	return ExitOK
}

// openPath returns the tree around a path of this machine, and the path inside
// it. The tree is the Git work tree that the path lies in, so that overlays
// reach their bases; or the current directory, if the path is below it; or
// else the path itself. What is used of the tree is noted.
func openPath(name string, seen *source.Seen) (source.Tree, string, error) {
	real, err := realPath(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s does not exist", report.Plain(name))
	}
	if err != nil {
		return nil, "", pathError(name, err)
	}
	info, err := os.Stat(real)
	if err != nil {
		return nil, "", err
	}
	dir := real
	if !info.IsDir() {
		dir = filepath.Dir(real)
	}
	root := workTree(dir)
	if here, err := realPath("."); root == "" && err == nil && isInside(here, real) {
		root = here
	} else if root == "" {
		root = dir
	}
	inside, err := filepath.Rel(root, real)
	if err != nil {
		return nil, "", err
	}
	tree, err := source.Disk(root, source.DiskOptions{Seen: seen})
	return tree, filepath.ToSlash(inside), err
}

// pathError says of a path on one line what is wrong with it.
func pathError(name string, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return fmt.Errorf("%s: %w", report.Plain(name), err)
}

func realPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// workTree returns the nearest directory upwards that has a .git, or "".
func workTree(dir string) string {
	for {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

func isInside(dir, name string) bool {
	rel, err := filepath.Rel(dir, name)
	return err == nil && filepath.IsLocal(rel)
}

// limitProcessors keeps the whole program to as many processors as there are jobs, if
// that is said: the collection of garbage and what reads ahead too. It returns what
// lifts the limit.
func limitProcessors(jobs int) (lift func()) {
	if jobs <= 0 || jobs >= runtime.GOMAXPROCS(0) {
		return func() {}
	}
	before := runtime.GOMAXPROCS(jobs)
	return func() { runtime.GOMAXPROCS(before) }
}
