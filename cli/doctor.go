package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/operator"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/report"
)

// patience is how long a cluster may take to answer the doctor.
const patience = 10 * time.Second

type doctorCommand struct {
	*app
	config  configFlag
	outputs []string
	remote  string
	clients string
	timeout time.Duration
	verbose bool
	failed  bool
	nothing bool // there was nothing to judge

	findings []*finding.Finding
	problems []render.Problem // what is not well beside findings, for machines
}

func newDoctor(a *app) *cobra.Command {
	o := &doctorCommand{app: a}
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what Holdfast stands on: Git, the configuration, policies, clusters, the ledger",
		Long: `Check what Holdfast stands on: the Git of this machine, by its version and by probes
that tell whether vulnerabilities are fixed, the user's settings of Git, the
configuration, the policies, the clusters and the ledger. Without a configuration file
only Git and the policies are checked.

How sure a vulnerability is: certain (a probe proved it), likely (the version has it),
unknown (the version has it, and a distribution may have mended it).

With --remote only a server is asked, by https, http, ssh or git: what it says it is,
and what it offers. With --clients only a server's log is read for the versions of
those who clone and push: an access log of nginx or Apache, lines of JSON as Gitea,
GitLab and Gitaly write them, a trace of Git, or any text with agent=git/… in it.

Exit codes: 0 all is well, 1 something is not, 2 it could not be found out, 3 the log
names no version.`,
		Example: `  holdfast doctor
  holdfast doctor --remote https://git.example.com/shop.git
  holdfast doctor --remote git@git.example.com:shop.git
  holdfast doctor --clients /var/log/nginx/access.log -o json=clients.json
  zcat access.log.*.gz | holdfast doctor --clients -`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context(), cmd.Flags().Changed("config")) },
	}
	o.config.register(cmd)
	cmd.Flags().StringArrayVarP(&o.outputs, "output", "o", nil,
		"`format` or format=file: "+strings.Join(formatNames(), ", ")+" (repeatable); text is written too, unless another goes to standard output")
	complete(cmd, "output", formatNames()...)
	f := cmd.Flags()
	f.StringVar(&o.remote, "remote", "", "ask the server of a repository's `URL`, and nothing else")
	f.StringVar(&o.clients, "clients", "", "read the versions of clients from a log `file`, or from standard input (-), and nothing else")
	f.DurationVar(&o.timeout, "timeout", 20*time.Second, "longest time for --remote")
	f.BoolVarP(&o.verbose, "verbose", "v", false, "list each vulnerability")
	cmd.MarkFlagsMutuallyExclusive("remote", "clients")
	cmd.MarkFlagsMutuallyExclusive("remote", "config")
	cmd.MarkFlagsMutuallyExclusive("clients", "config")
	return cmd
}

func (o *doctorCommand) run(ctx context.Context, configured bool) error {
	switch {
	case o.remote != "":
		return o.printing(func(p *report.Printer) error { return o.askRemote(ctx, p) })
	case o.clients != "":
		return o.printing(o.readClients)
	}
	return o.printing(func(p *report.Printer) error { return o.check(ctx, p, configured) })
}

// check looks at all that Holdfast stands on.
func (o *doctorCommand) check(ctx context.Context, p *report.Printer, configured bool) error {
	o.git(ctx, p)
	cfg := o.configuration(p, configured)
	policies, err := configuredPolicies(cfg)
	if err == nil {
		o.report(p, "policies", report.Plural(policies.Number(), "policy compiles", "policies compile"), nil)
	} else {
		o.report(p, "policies", "", err)
	}
	for _, c := range cfg.Clusters {
		o.cluster(ctx, p, c)
	}
	if cfg.StateDir != "" {
		o.ledger(p, cfg)
	}
	return nil
}

// configuration returns an empty one if there is none.
func (o *doctorCommand) configuration(p *report.Printer, configured bool) *config.Config {
	cfg, err := o.config.load()
	switch {
	case err == nil:
		o.report(p, "configuration", fmt.Sprintf("%s: %s, %s, %s", o.config.path, report.Plural(len(cfg.Sources), "source", "sources"),
			report.Plural(len(cfg.Clusters), "cluster", "clusters"), report.Plural(len(cfg.Applications), "application", "applications")), nil)
		return cfg
	case errors.Is(err, errNoConfig) && !configured:
		o.line(p, p.Paint("skip", report.Dim), "configuration", "there is none at "+o.config.path+"; clusters and the ledger are not checked")
	default:
		o.report(p, "configuration", "", err)
	}
	return &config.Config{}
}

func (o *doctorCommand) cluster(ctx context.Context, p *report.Printer, c config.Cluster) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
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
		o.report(p, "ledger", "none yet: `holdfast run` begins it", nil)
		return
	}
	found, err := ledger.Verify(dir, ledger.Kept{})
	if err == nil && len(found.Problems) > 0 {
		err = fmt.Errorf("%s\n`holdfast ledger verify` tells all", found.Problems[0])
	}
	o.report(p, "ledger", report.Plural(int(found.Records), "record", "records")+", intact", err)
}

func (o *doctorCommand) report(p *report.Printer, what, detail string, err error) {
	word := p.Paint("ok  ", report.Green)
	if err != nil {
		o.failed = true
		o.problems = append(o.problems, render.Problem{Message: what + ": " + err.Error()})
		word, detail = p.Paint("FAIL", report.Bold, report.Red), err.Error()
	}
	o.line(p, word, what, detail)
}

// line writes one outcome; more lines of it are indented below.
func (o *doctorCommand) line(p *report.Printer, word, what, detail string) {
	lines := plainLines(detail)
	p.Printf("%s  %-14s %s", word, report.Plain(what), lines[0])
	for _, line := range lines[1:] {
		p.Printf("      %s", line)
	}
}
