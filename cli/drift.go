package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/config"
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

A field manager is a name that the client chose: a hint, not a proof.

Exit codes: 0 no difference, 1 something differs, 2 there is no state to tell from.`,
		Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), optional(args, ""))
		},
		ValidArgsFunction: o.config.completeApplication,
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
	if err := checkApplication(cfg, application); err != nil {
		return err
	}
	drifts, err := store.Drifts(ctx, o.all)
	if err != nil {
		return err
	}
	drifts = slices.DeleteFunc(drifts, func(d state.Drift) bool {
		return cfg.Application(d.Application) == nil || application != "" && d.Application != application
	})
	if o.json {
		err = o.writeJSON(drifts)
	} else {
		err = o.writeText(ctx, cfg, store, drifts)
	}
	if err == nil && slices.ContainsFunc(drifts, isOpen) {
		err = exitError{ExitProblems}
	}
	return err
}

func isOpen(d state.Drift) bool { return d.Healed == nil }

type driftJSON struct {
	Application string       `json:"application"`
	Object      string       `json:"object"`
	Kind        drift.Kind   `json:"kind"`
	Seen        time.Time    `json:"seen"`
	Healed      *time.Time   `json:"healed,omitempty"`
	Note        string       `json:"note,omitempty"`
	Policies    []string     `json:"policies,omitempty"`
	Changes     []changeJSON `json:"changes,omitempty"`
	Generations *[2]int64    `json:"generations,omitempty"` // at our apply, and when it was seen
}

type changeJSON struct {
	Operation drift.Operation `json:"operation"`
	Field     string          `json:"field"`
	Declared  any             `json:"declared,omitempty"`
	Live      any             `json:"live,omitempty"`
	Manager   string          `json:"manager,omitempty"`
	Time      *time.Time      `json:"time,omitempty"`
}

func (o *driftCommand) writeJSON(drifts []state.Drift) error {
	for _, d := range drifts {
		doc := driftJSON{
			Application: d.Application, Object: d.Drift.Object.Key(), Kind: d.Drift.Kind, Seen: d.Drift.Seen,
			Healed: d.Healed, Note: d.Note, Policies: d.Policies,
		}
		if d.Drift.Generation != 0 {
			doc.Generations = &[2]int64{d.Drift.Applied, d.Drift.Generation}
		}
		for _, c := range d.Drift.Changes {
			change := changeJSON{Operation: c.Operation, Field: c.Field, Declared: c.Declared, Live: c.Live, Manager: c.Manager}
			if !c.Time.IsZero() {
				change.Time = &c.Time
			}
			doc.Changes = append(doc.Changes, change)
		}
		if err := report.WriteJSON(o.Out, doc, false); err != nil {
			return err
		}
	}
	return nil
}

func (o *driftCommand) writeText(ctx context.Context, cfg *config.Config, store *state.Store, drifts []state.Drift) error {
	p := o.printer()
	open, healed := 0, 0
	for _, d := range drifts {
		if isOpen(d) {
			open++
		} else {
			healed++
		}
		declared, err := store.Object(ctx, d.Application, d.Drift.Object.Key())
		if err != nil && !errors.Is(err, state.ErrNone) {
			return err
		}
		writeDrift(p, d, declared)
	}
	summary := report.Plural(open, "object differs from Git", "objects differ from Git")
	if open == 0 {
		summary = "No object differs from Git"
	}
	if o.all {
		summary += fmt.Sprintf("; %s", report.Plural(healed, "difference was healed", "differences were healed"))
	}
	p.Printf("%s.", summary)
	if err := noteStaleness(ctx, p, cfg, store); err != nil {
		return err
	}
	return p.Err()
}

func writeDrift(p *report.Printer, d state.Drift, declared state.Object) {
	word, is, style := "drift", "is", report.Yellow
	if !isOpen(d) {
		word, is, style = "healed", "was", report.Green
	}
	word = fmt.Sprintf("%s[%s]", word, d.Drift.Kind)
	what := "was changed outside Git"
	switch d.Drift.Kind {
	case drift.Missing:
		what = is + " in Git and not in the cluster"
	case drift.Extra:
		what = is + " in the cluster and not in Git"
	}
	p.Printf("%s: %s %s", p.Paint(report.Plain(word), report.Bold, style), p.Paint(report.Plain(d.Drift.Object.String()), report.Bold), what)
	if declared.File != "" {
		p.Printf("  --> %s:%d @ %s", report.Plain(declared.File), declared.Line, report.Plain(short(declared.Commit)))
	}
	p.Printf("  application %s, seen %s (%s)", report.Plain(d.Application), moment(d.Drift.Seen), ago(d.Drift.Seen))
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
	var text string
	switch c.Operation {
	case drift.FieldAdded:
		text = fmt.Sprintf("+ %s: %s", c.Field, value(c.Live))
	case drift.FieldRemoved:
		text = fmt.Sprintf("- %s: %s", c.Field, value(c.Declared))
	default:
		text = fmt.Sprintf("~ %s: %s, live: %s", c.Field, value(c.Declared), value(c.Live))
	}
	switch {
	case c.Manager == "":
		return text
	case c.Time.IsZero():
		return text + fmt.Sprintf("  (by %s)", c.Manager)
	}
	return text + fmt.Sprintf("  (by %s at %s)", c.Manager, moment(c.Time))
}

// value is a value of a field as JSON, cut where it gets long.
func value(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	const most = 120
	if text := []rune(string(data)); len(text) > most {
		return string(text[:most]) + "…"
	}
	return string(data)
}
