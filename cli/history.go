package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/report"
)

type historyCommand struct {
	*app
	config configFlag
	limit  int
	kinds  []string
	json   bool
}

func newHistory(a *app) *cobra.Command {
	o := &historyCommand{app: a}
	cmd := &cobra.Command{
		Use:   "history [application]",
		Short: "Tell what was decided, applied, drifted and rolled back, and why",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return o.run(append(args, "")[0])
		},
	}
	o.config.register(cmd)
	cmd.Flags().IntVarP(&o.limit, "limit", "n", 50, "newest records to show; 0 for all")
	cmd.Flags().StringSliceVar(&o.kinds, "kind", nil, "only records of this `kind`, such as apply or drift (repeatable)")
	cmd.Flags().BoolVar(&o.json, "json", false, "write the records as JSON, one a line")
	return cmd
}

func (o *historyCommand) run(application string) error {
	cfg, err := o.config.load()
	if err != nil {
		return err
	}
	if application != "" && cfg.Application(application) == nil {
		return unknownApplication(cfg, application)
	}
	var records []ledger.Record
	err = ledger.Read(cfg.LedgerDir(), func(r ledger.Record) error {
		if (application == "" || r.Application == application) && (len(o.kinds) == 0 || slices.Contains(o.kinds, string(r.Kind))) {
			records = append(records, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if o.limit > 0 && len(records) > o.limit {
		records = records[len(records)-o.limit:]
	}
	if o.json {
		enc := json.NewEncoder(o.Out)
		for _, r := range records {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	p := o.printer()
	for _, r := range records {
		writeRecord(p, r)
	}
	return p.Err()
}

func writeRecord(p *report.Printer, r ledger.Record) {
	who := r.Application
	if who == "" {
		who = r.Source
	}
	head := fmt.Sprintf("%5d  %s  %-9s %-12s %-9s %s", r.Index, r.Time.Format("2006-01-02 15:04:05Z"), r.Kind, who, short(r.Commit), outcome(p, r.Outcome))
	p.Printf("%s", strings.TrimRight(head, " "))
	lines := r.Details
	if r.Message != "" {
		lines = append([]string{r.Message}, lines...)
	}
	if r.Signer != "" {
		lines = append(lines, "signed by "+r.Signer)
	}
	lines = append(lines, r.Findings...)
	lines = append(lines, r.Objects...)
	for i, line := range lines {
		if i == 12 {
			p.Printf("         … and %d more: --json shows all", len(lines)-i)
			break
		}
		p.Printf("         %s", report.Plain(line))
	}
}

func outcome(p *report.Printer, word string) string {
	switch word {
	case "allow", "accepted", "applied", "healthy", "healed", "restored", "pruned":
		return p.Paint(word, report.Green)
	case "":
		return ""
	}
	return p.Paint(word, report.Red)
}

// short returns the part of a commit id that people read.
func short(commit string) string {
	if len(commit) > 8 {
		return commit[:8]
	}
	return commit
}
