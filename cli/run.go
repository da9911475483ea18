package cli

import (
	"context"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/operator"
	"github.com/holdfast-dev/holdfast/setup"
)

type runCommand struct {
	*app
	config  configFlag
	jobs    int
	logJSON bool
}

func newRun(a *app) *cobra.Command {
	o := &runCommand{app: a}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the guarded loop: fetch, verify, render, scan, decide, apply, watch, heal, record",
		Long: `Run the guarded loop until interrupted. State is kept in the configuration's
state directory; it is safe to kill the process at any moment and start it again.

Exit codes: 0 interrupted, 2 the configuration or the state cannot be used.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	o.config.register(cmd)
	cmd.Flags().IntVar(&o.jobs, "jobs", 4, "applications to reconcile at a time")
	cmd.Flags().BoolVar(&o.logJSON, "log-json", false, "write the log as JSON")
	return cmd
}

func (o *runCommand) run(ctx context.Context) error {
	cfg, err := o.config.load()
	if err != nil {
		return err
	}
	policies, err := loadPolicies(cfg)
	if err != nil {
		return err
	}
	op, err := operator.New(ctx, operator.Options{
		Config: cfg, Renderers: setup.Renderers(), Evaluator: policies, Policies: policies.Digest,
		Version: Version(), Log: o.log(), Jobs: o.jobs,
	})
	if err != nil {
		return err
	}
	defer op.Close()
	return op.Run(ctx)
}

func loadPolicies(cfg *config.Config) (*setup.Policies, error) {
	return setup.LoadPolicies(setup.PolicyOptions{
		NoBuiltin: cfg.Policies.Builtin != nil && !*cfg.Policies.Builtin,
		Packs:     cfg.Policies.Packs, Disable: cfg.Policies.Disable,
	})
}

func (o *runCommand) log() *slog.Logger {
	if o.logJSON {
		return slog.New(slog.NewJSONHandler(o.Err, nil))
	}
	return slog.New(slog.NewTextHandler(o.Err, nil))
}
