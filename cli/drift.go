package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/state"
)

type driftCommand struct {
	*app
	config configFlag
	all    bool
	json   bool
}

func newDrift(a *app) *cobra.Command {
	o := &driftCommand{app: a}
	cmd := &cobra.Command{
		Use:   "drift [application]",
		Short: "Tell what differs between Git and the clusters, who changed it and when",
		Long: `Tell what differs between Git and the clusters, as the running loop sees it:
fields that were changed, removed or added, objects that are missing or extra,
which field manager wrote them and when, and what the policies say of the live
object. With --all also what was healed.

Exit codes: 0 no difference, 1 something differs.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), append(args, "")[0])
		},
	}
	o.config.register(cmd)
	cmd.Flags().BoolVar(&o.all, "all", false, "also show what was healed")
	cmd.Flags().BoolVar(&o.json, "json", false, "write JSON, one drift a line")
	return cmd
}

func (o *driftCommand) run(ctx context.Context, application string) error {
	cfg, store, err := o.config.open()
	if err != nil {
		return err
	}
	defer store.Close()
	if application != "" && cfg.Application(application) == nil {
		return unknownApplication(cfg, application)
	}
	drifts, err := store.Drifts(ctx, o.all)
	if err != nil {
		return err
	}
	p := o.printer()
	open := 0
	for _, d := range drifts {
		if application != "" && d.Application != application {
			continue
		}
		if d.Healed == nil {
			open++
		}
		if o.json {
			if err := json.NewEncoder(o.Out).Encode(d); err != nil {
				return err
			}
			continue
		}
		writeDrift(p, d)
	}
	if !o.json {
		p.Printf("%s.", report.Plural(open, "object differs from Git", "objects differ from Git"))
	}
	if open > 0 {
		return exitError{ExitProblems}
	}
	return p.Err()
}

func writeDrift(p *report.Printer, d state.Drift) {
	var what string
	switch d.Drift.Kind {
	case drift.Missing:
		what = "is in Git and not in the cluster"
	case drift.Extra:
		what = "is in the cluster and not in Git"
	default:
		what = "was changed outside Git"
	}
	p.Printf("%s: %s %s", p.Paint(fmt.Sprintf("drift[%s]", d.Drift.Kind), report.Bold, report.Yellow), report.Plain(d.Drift.Object.String()), what)
	p.Printf("  application %s, seen %s (%s)", d.Application, d.Drift.Seen.UTC().Format("2006-01-02 15:04:05Z"), ago(d.Drift.Seen))
	for _, c := range d.Drift.Changes {
		p.Printf("  %s", report.Plain(describeChange(c)))
	}
	for _, line := range d.Policies {
		p.Printf("    %s %s", p.Paint("risk:", report.Red), report.Plain(line))
	}
	if d.Note != "" {
		p.Printf("  %s", report.Plain(d.Note))
	}
	p.Printf("")
}

// describeChange returns one changed field as a sentence.
func describeChange(c drift.Change) string {
	var b strings.Builder
	switch c.Operation {
	case drift.FieldAdded:
		fmt.Fprintf(&b, "+ %s: %s", c.Field, value(c.Live))
	case drift.FieldRemoved:
		fmt.Fprintf(&b, "- %s: %s", c.Field, value(c.Declared))
	default:
		fmt.Fprintf(&b, "~ %s: %s, live: %s", c.Field, value(c.Declared), value(c.Live))
	}
	if c.Manager != "" {
		fmt.Fprintf(&b, "  (by %s", c.Manager)
		if !c.Time.IsZero() {
			fmt.Fprintf(&b, " at %s", c.Time.UTC().Format("15:04:05Z"))
		}
		b.WriteByte(')')
	}
	return b.String()
}

func value(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 120
	if len(data) > most {
		return string(data[:most]) + "…"
	}
	return string(data)
}
