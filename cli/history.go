package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/report"
)

// recordKinds are those of the ledger, as people name them.
var recordKinds = []string{
	string(ledger.Start), string(ledger.Accept), string(ledger.Refuse), string(ledger.Decision), string(ledger.Apply),
	string(ledger.Health), string(ledger.Prune), string(ledger.Rollback), string(ledger.Drift), string(ledger.Heal),
	string(ledger.Fight), string(ledger.Request),
}

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
		Long: `Tell what was decided, applied, drifted and rolled back, and why: the records of
the ledger, oldest first. The kinds of records are
` + strings.Join(recordKinds[:6], ", ") + `,
` + strings.Join(recordKinds[6:], ", ") + `.

Exit codes: 0 told, 2 there is no ledger, or it cannot be read.`,
		Example: "  holdfast history web -n 10\n  holdfast history --kind rollback,drift",
		Args:    takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return o.run(optional(args, ""))
		},
		ValidArgsFunction: o.config.completeApplication,
	}
	o.config.register(cmd)
	cmd.Flags().IntVarP(&o.limit, "limit", "n", 50, "newest records to show; 0 for all")
	cmd.Flags().StringSliceVar(&o.kinds, "kind", nil, "only records of this `kind`, such as apply or drift (repeatable)")
	cmd.Flags().BoolVar(&o.json, "json", false, "write the records as JSON, one a line")
	complete(cmd, "kind", recordKinds...)
	return cmd
}

func (o *historyCommand) run(application string) error {
	for _, kind := range o.kinds {
		if !slices.Contains(recordKinds, kind) {
			return withHint(fmt.Errorf("there is no kind of record %q", kind), "use %s", strings.Join(recordKinds, ", "))
		}
	}
	cfg, err := o.config.load()
	if err != nil {
		return err
	}
	if err := checkApplication(cfg, application); err != nil {
		return err
	}
	records, err := o.read(cfg.LedgerDir(), application)
	if err != nil {
		return err
	}
	older := 0
	if o.limit > 0 && len(records) > o.limit {
		older = len(records) - o.limit
		records = records[older:]
	}
	if o.json {
		for _, r := range records {
			if err := report.WriteJSON(o.Out, r, false); err != nil {
				return err
			}
		}
		return nil
	}
	p := o.printer()
	if older > 0 {
		p.Printf("… %s: --limit 0 shows all", report.Plural(older, "older record", "older records"))
	}
	if len(records) == 0 {
		p.Printf("No such records yet.")
	}
	writeRecords(p, records)
	return p.Err()
}

func (o *historyCommand) read(dir, application string) (records []ledger.Record, err error) {
	if err := checkLedgerDir(dir); err != nil {
		return nil, err
	}
	err = ledger.Read(dir, func(r ledger.Record) error {
		if (application == "" || r.Application == application) && (len(o.kinds) == 0 || slices.Contains(o.kinds, string(r.Kind))) {
			records = append(records, r)
		}
		return nil
	})
	if errors.Is(err, ledger.ErrTampered) {
		err = withHint(err, "`holdfast ledger verify` tells all that is wrong")
	}
	return records, err
}

func writeRecords(p *report.Printer, records []ledger.Record) {
	var rows table
	for _, r := range records {
		who := r.Application
		if who == "" {
			who = r.Source
		}
		rows.add(row{
			cells:  []string{fmt.Sprintf("%5d", r.Index), moment(r.Time), string(r.Kind), who, short(r.Commit), r.Outcome},
			styles: map[int][]report.Style{5: outcomeStyle(r.Outcome)},
			below:  recordLines(r),
		})
	}
	rows.print(p)
}

// recordLines are the lines below a record: what one has to know. That a check
// was fine, and who signed what was decided before, is left to --json.
func recordLines(r ledger.Record) []string {
	lines := slices.DeleteFunc(slices.Clone(r.Details), func(detail string) bool {
		return strings.HasPrefix(detail, "ok ") || strings.Contains(r.Message, detail)
	})
	if r.Message != "" {
		lines = append([]string{r.Message}, lines...)
	}
	if r.Signer != "" && (r.Kind == ledger.Decision || r.Kind == ledger.Accept) {
		lines = append(lines, "signed by "+r.Signer)
	}
	lines = append(append(lines, r.Findings...), r.Objects...)
	const most = 12
	more := len(lines) - most
	if more > 0 {
		lines = lines[:most]
	}
	for i, line := range lines {
		lines[i] = "         " + report.Plain(line)
	}
	if more > 0 {
		lines = append(lines, fmt.Sprintf("         … and %d more: --json shows all", more))
	}
	return lines
}

func outcomeStyle(word string) []report.Style {
	switch word {
	case "allow", "accepted", "applied", "healthy", "healed", "restored", "pruned":
		return []report.Style{report.Green}
	case "deny", "hold", "failed", "unhealthy", "refused":
		return []report.Style{report.Red}
	}
	return nil
}

// short returns the part of a commit id that people read.
func short(commit string) string {
	if len(commit) > 8 {
		return commit[:8]
	}
	return commit
}
