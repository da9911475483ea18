package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/operator"
	"github.com/holdfast-dev/holdfast/report"
)

type doctorCommand struct {
	*app
	config configFlag
	failed bool
}

func newDoctor(a *app) *cobra.Command {
	o := &doctorCommand{app: a}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what Holdfast stands on: Git, the configuration, policies, clusters, the ledger",
		Long: `Check what Holdfast stands on: the version of Git and whether its safeguards
work, the configuration, the policies, the clusters and the ledger. Without a
configuration file only Git and the policies are checked.

Exit codes: 0 all is well, 1 something is not.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.Flags().Changed("config")) },
	}
	o.config.register(cmd)
	return cmd
}

func (o *doctorCommand) run(ctx context.Context, configured bool) error {
	p := o.printer()
	o.git(ctx, p)
	cfg, err := o.config.load()
	if !configured && errors.Is(err, fs.ErrNotExist) {
		cfg = &config.Config{}
	} else if o.report(p, "configuration", o.config.path, err); err != nil {
		cfg = &config.Config{}
	}
	policies, err := loadPolicies(cfg)
	if err == nil {
		o.report(p, "policies", report.Plural(policies.Number(), "policy", "policies")+" compile", nil)
	} else {
		o.report(p, "policies", "", err)
	}
	for _, c := range cfg.Clusters {
		o.cluster(ctx, p, c)
	}
	if cfg.StateDir != "" {
		o.ledger(p, cfg)
	}
	if o.failed {
		return exitError{ExitProblems}
	}
	return p.Err()
}

func (o *doctorCommand) git(ctx context.Context, p *report.Printer) {
	found, err := git.Check(ctx, "")
	if err != nil {
		o.report(p, "git", "", err)
		return
	}
	for _, probe := range found.Probes {
		switch {
		case probe.OK:
			o.report(p, "git", probe.Name+": "+probe.Detail, nil)
		default:
			o.report(p, "git", "", fmt.Errorf("%s: %s", probe.Name, probe.Detail))
		}
	}
}

func (o *doctorCommand) cluster(ctx context.Context, p *report.Printer, c config.Cluster) {
	cluster, err := operator.Connect(c, Version())
	if err != nil {
		o.report(p, "cluster "+c.Name, "", err)
		return
	}
	version, err := cluster.ServerVersion(ctx)
	o.report(p, "cluster "+c.Name, fmt.Sprintf("Kubernetes %s at %s", version, cluster.Host()), err)
}

func (o *doctorCommand) ledger(p *report.Printer, cfg *config.Config) {
	dir := cfg.LedgerDir()
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		o.report(p, "ledger", "none yet", nil)
		return
	}
	found, err := ledger.Verify(dir, ledger.Kept{})
	if err == nil && len(found.Problems) > 0 {
		err = errors.New(found.Problems[0])
	}
	o.report(p, "ledger", report.Plural(int(found.Records), "record", "records")+", intact", err)
}

func (o *doctorCommand) report(p *report.Printer, what, detail string, err error) {
	word := p.Paint("ok  ", report.Green)
	if err != nil {
		o.failed = true
		word, detail = p.Paint("FAIL", report.Bold, report.Red), err.Error()
	}
	p.Printf("%s  %-14s %s", word, what, report.Plain(detail))
}
