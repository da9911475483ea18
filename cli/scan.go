package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

type scanCommand struct {
	*app
	policies policyFlags
	failOn   string
	outputs  []string
	exitZero bool
	quiet    int
	verbose  bool
	limit    int
	jobs     int
}

// policyFlags are the flags of all commands that judge files.
type policyFlags struct{ setup.PolicyOptions }

func (p *policyFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&p.Packs, "pack", nil, "also use the policies in this `directory` (repeatable)")
	cmd.Flags().StringSliceVar(&p.Disable, "disable", nil, "leave out the policy with this `id` (repeatable)")
	cmd.Flags().BoolVar(&p.NoBuiltin, "no-builtin", false, "leave out the built-in policies")
}

func newScan(a *app) *cobra.Command {
	o := &scanCommand{app: a}
	cmd := &cobra.Command{
		Use:   "scan [path]",
		Short: "Judge the manifests, Kustomize overlays and Helm charts below a path",
		Long: `Judge the manifests, Kustomize overlays and Helm charts below a path, which is
the current directory by default. Every file is accounted for: judged, passed
over with a reason (-v), or reported with the line that cannot be read.

Exit codes: 0 nothing blocks, 1 findings at or above --fail-on,
2 something could not be judged, 3 there was nothing to judge.`,
		Example: `  holdfast scan
  holdfast scan apps/payments --fail-on medium
  holdfast scan --output sarif=holdfast.sarif --output text`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), append(args, ".")[0])
		},
	}
	o.policies.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.failOn, "fail-on", "high", "lowest `severity` that gives exit code 1: info, low, medium, high, critical")
	f.StringArrayVarP(&o.outputs, "output", "o", []string{"text"}, "`format` or format=file: text, json, sarif (repeatable)")
	f.BoolVar(&o.exitZero, "exit-zero", false, "exit with 0 whatever was found")
	f.CountVarP(&o.quiet, "quiet", "q", "the summary only; -qq for nothing but the exit code")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "also list what was passed over, and why")
	f.IntVar(&o.limit, "limit", 20, "most findings to show on a terminal; 0 for all")
	f.IntVar(&o.jobs, "jobs", 0, "units to judge at a time; 0 for one for each processor")
	return cmd
}

func (o *scanCommand) run(ctx context.Context, path string) error {
	failOn, err := finding.ParseSeverity(o.failOn)
	if err != nil {
		return fmt.Errorf("--fail-on: %w", err)
	}
	writers, err := o.writers()
	if err != nil {
		return err
	}
	policies, err := setup.LoadPolicies(o.policies.PolicyOptions)
	if err != nil {
		return err
	}
	tree, dir, err := openPath(path)
	if err != nil {
		return err
	}
	scanner := scan.Scanner{Renderers: setup.Renderers(), Evaluator: policies, Jobs: o.jobs}
	result, err := scanner.Run(ctx, tree, dir)
	if err != nil {
		return err
	}
	s := &report.Scan{
		Result: result, Root: path, Revision: tree.Revision().Commit, FailOn: failOn,
		Policies: policies.Number(), Digest: policies.Digest, Version: Version(),
	}
	for _, write := range writers {
		if err := write(s); err != nil {
			return err
		}
	}
	return o.exit(s)
}

func (o *scanCommand) exit(s *report.Scan) error {
	switch {
	case o.exitZero:
		return nil
	case s.Partial():
		return exitError{ExitUndecided}
	case s.Blocking() > 0:
		return exitError{ExitProblems}
	case s.Objects == 0:
		return exitError{ExitNothing}
	}
	return nil
}

// openPath returns the tree that a path of this machine lies in, and the path
// inside it. A file is scanned in the tree of its directory.
func openPath(path string) (source.Tree, string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s does not exist", path)
	}
	if err != nil {
		return nil, "", err
	}
	root, base := path, "."
	if !info.IsDir() {
		root, base = filepath.Dir(path), filepath.Base(path)
	}
	tree, err := source.Disk(root, source.DiskOptions{})
	return tree, base, err
}

// writers returns one function for each --output.
func (o *scanCommand) writers() ([]func(*report.Scan) error, error) {
	var out []func(*report.Scan) error
	for _, spec := range o.outputs {
		format, file, toFile := strings.Cut(spec, "=")
		write, err := o.writer(format, toFile)
		if err != nil {
			return nil, err
		}
		if o.quiet >= 2 && !toFile {
			continue
		}
		out = append(out, func(s *report.Scan) error {
			if !toFile {
				return write(o.Out, s)
			}
			return writeFile(file, func(w io.Writer) error { return write(w, s) })
		})
	}
	return out, nil
}

func (o *scanCommand) writer(format string, toFile bool) (func(io.Writer, *report.Scan) error, error) {
	switch format {
	case "text":
		opts := report.TextOptions{Quiet: o.quiet > 0, Verbose: o.verbose}
		if !toFile {
			opts.Width, opts.Color = o.width(), o.colored()
			if o.terminal() {
				opts.Limit = o.limit
			}
		}
		return func(w io.Writer, s *report.Scan) error { return report.Text(w, s, opts) }, nil
	case "json":
		return report.JSON, nil
	case "sarif":
		return report.SARIF, nil
	}
	return nil, withHint(fmt.Errorf("there is no output format %q", format), "use text, json or sarif, with =FILE to write to a file")
}

func writeFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}
