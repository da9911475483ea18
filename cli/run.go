package cli

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/operator"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/target/kube"
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
		Args: takes(0, 0),
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
	policies, err := configuredPolicies(cfg)
	if err != nil {
		return err
	}
	log := o.log()
	kube.LogTo(log.With("library", "client-go"))
	op, err := operator.New(ctx, operator.Options{
		Config: cfg, Renderers: setup.Renderers(), Evaluator: policies, Policies: policies.Digest,
		Version: Version(), Log: log, Jobs: o.jobs,
	})
	if errors.Is(err, ledger.ErrLocked) {
		return withHint(err, "another `holdfast run` uses %s: stop it, or give each a stateDir of its own", cfg.StateDir)
	}
	if err != nil {
		return err
	}
	defer op.Close()
	return op.Run(ctx)
}

func (o *runCommand) log() *slog.Logger {
	if o.logJSON {
		return slog.New(slog.NewJSONHandler(o.Err, nil))
	}
	return slog.New(slog.NewTextHandler(o.Err, nil))
}
