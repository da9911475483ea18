package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/state"
)

type statusCommand struct {
	*app
	config configFlag
	json   bool
}

func newStatus(a *app) *cobra.Command {
	o := &statusCommand{app: a}
	cmd := &cobra.Command{
		Use:   "status [application]",
		Short: "Tell what runs, at which revision, and why something does not",
		Long: `Tell what runs, at which revision, and why something does not.

Exit codes: 0 everything is as Git says, 1 something is blocked, held, failed,
rolled back or drifted.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), append(args, "")[0])
		},
	}
	o.config.register(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "write JSON")
	return cmd
}

func (o *statusCommand) run(ctx context.Context, name string) error {
	cfg, store, err := o.config.open()
	if err != nil {
		return err
	}
	defer store.Close()
	if name != "" && cfg.Application(name) == nil {
		return unknownApplication(cfg, name)
	}
	sources, err := store.Sources(ctx)
	if err != nil {
		return err
	}
	apps, err := store.Applications(ctx)
	if err != nil {
		return err
	}
	if err := markDrifted(ctx, store, apps); err != nil {
		return err
	}
	if name != "" {
		apps = slices.DeleteFunc(apps, func(a state.Application) bool { return a.Name != name })
	}
	if o.json {
		err = o.writeJSON(sources, apps)
	} else {
		err = o.writeText(sources, apps, name != "")
	}
	if err == nil && !allGood(sources, apps) {
		err = exitError{ExitProblems}
	}
	return err
}

// markDrifted shows applications that are ready and have open drifts as drifted.
func markDrifted(ctx context.Context, store *state.Store, apps []state.Application) error {
	drifts, err := store.Drifts(ctx, false)
	if err != nil {
		return err
	}
	open := map[string][]string{}
	for _, d := range drifts {
		open[d.Application] = append(open[d.Application], fmt.Sprintf("%s %s", d.Drift.Object, d.Drift.Kind))
	}
	for i := range apps {
		if objects := open[apps[i].Name]; len(objects) > 0 && apps[i].Status == state.Ready {
			apps[i].Status = state.Drifted
			apps[i].Reason = report.Plural(len(objects), "object differs", "objects differ") + " from Git: holdfast drift"
			apps[i].Details = objects
		}
	}
	return nil
}

func allGood(sources []state.Source, apps []state.Application) bool {
	for _, s := range sources {
		if isBad(s.Status) {
			return false
		}
	}
	for _, a := range apps {
		if isBad(a.Status) {
			return false
		}
	}
	return true
}

func isBad(s state.Status) bool {
	switch s {
	case state.Ready, state.Progressing, state.Pending, state.Waiting:
		return false
	}
	return true
}

func (o *statusCommand) writeJSON(sources []state.Source, apps []state.Application) error {
	for i := range apps {
		apps[i].Deps, apps[i].Known = nil, nil
	}
	enc := json.NewEncoder(o.Out)
	enc.SetIndent("", "  ")
	return enc.Encode(struct {
		Sources      []state.Source
		Applications []state.Application
	}{sources, apps})
}

func (o *statusCommand) writeText(sources []state.Source, apps []state.Application, details bool) error {
	p := o.printer()
	p.Printf("%s", p.Paint(fmt.Sprintf("%-16s %-12s %-9s %-9s  %s", "SOURCE", "STATUS", "ACCEPTED", "SEEN", "FETCHED"), report.Bold))
	for _, s := range sources {
		p.Printf("%-16s %s %-9s %-9s  %s", s.Name, statusWord(p, s.Status), short(s.Accepted), short(s.Seen), ago(s.Fetched))
		o.reason(p, s.Reason, s.Problems, isBad(s.Status))
	}
	p.Printf("")
	p.Printf("%s", p.Paint(fmt.Sprintf("%-16s %-12s %-9s %-9s %7s  %s", "APPLICATION", "STATUS", "LIVE", "HEALTHY", "OBJECTS", "SIGNED BY"), report.Bold))
	for _, a := range apps {
		p.Printf("%-16s %s %-9s %-9s %7d  %s", a.Name, statusWord(p, a.Status), short(a.Revision), short(a.Healthy), a.Objects, report.Plain(a.Signer))
		o.reason(p, a.Reason, a.Details, details || isBad(a.Status))
	}
	return p.Err()
}

func (o *statusCommand) reason(p *report.Printer, reason string, details []string, all bool) {
	if reason == "" {
		return
	}
	p.Printf("    %s", report.Plain(reason))
	if !all {
		return
	}
	for i, d := range details {
		if i == 10 {
			p.Printf("      … and %d more: --json shows all", len(details)-i)
			break
		}
		for line := range strings.Lines(d) {
			p.Printf("      %s", report.Plain(line))
		}
	}
}

func statusWord(p *report.Printer, s state.Status) string {
	word := fmt.Sprintf("%-12s", s)
	switch {
	case s == state.Ready:
		return p.Paint(word, report.Green)
	case isBad(s):
		return p.Paint(word, report.Red)
	}
	return p.Paint(word, report.Yellow)
}

// ago tells how long ago something was, as kubectl does.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := time.Since(t)
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh ago", int(d.Hours()))
	}
	return fmt.Sprintf("%dd ago", int(d.Hours()/24))
}

func unknownApplication(cfg *config.Config, name string) error {
	var names []string
	for _, a := range cfg.Applications {
		names = append(names, a.Name)
	}
	return withHint(fmt.Errorf("there is no application %q in %s", name, cfg.File.Path), "known: %s", strings.Join(names, ", "))
}
