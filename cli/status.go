package cli

import (
	"context"
	"errors"
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

Exit codes: 0 everything is as Git says, or on its way there; 1 something is
blocked, held, failed, rolled back, drifted or out of reach; 2 there is no state.`,
		Args: takes(0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), optional(args, ""))
		},
		ValidArgsFunction: o.config.completeApplication,
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
	if err := checkApplication(cfg, name); err != nil {
		return err
	}
	s, err := readStatus(ctx, cfg, store, name)
	if err != nil {
		return err
	}
	if o.json {
		err = o.writeJSON(s)
	} else {
		err = o.writeText(s, name != "")
		if err == nil {
			err = noteStaleness(ctx, o.printer(), cfg, store)
		}
	}
	if err == nil && !s.good() {
		err = exitError{ExitProblems}
	}
	return err
}

// loopStatus is how the configured sources and applications are.
type loopStatus struct {
	sources []state.Source
	apps    []state.Application
	pins    map[string]string // application → commit that a person pinned
	removed []string          // applications that are not configured any more
}

// readStatus reads all, or one application with its source.
func readStatus(ctx context.Context, cfg *config.Config, store *state.Store, name string) (*loopStatus, error) {
	s := &loopStatus{pins: map[string]string{}}
	for _, a := range cfg.Applications {
		if name != "" && a.Name != name {
			continue
		}
		app, err := store.Application(ctx, a.Name)
		if errors.Is(err, state.ErrNone) {
			app, err = state.Application{Name: a.Name, Source: a.Source, Path: a.Path, Cluster: a.Cluster, Status: state.Pending, Reason: "nothing has been decided yet"}, nil
		}
		if err != nil {
			return nil, err
		}
		if s.pins[a.Name], err = store.Pin(ctx, a.Name); err != nil {
			return nil, err
		}
		s.apps = append(s.apps, app)
	}
	for _, c := range cfg.Sources {
		if name != "" && c.Name != s.apps[0].Source {
			continue
		}
		source, err := store.Source(ctx, c.Name)
		if errors.Is(err, state.ErrNone) {
			source, err = state.Source{Name: c.Name, URL: c.URL, Status: state.Pending, Reason: "not fetched yet"}, nil
		}
		if err != nil {
			return nil, err
		}
		s.sources = append(s.sources, source)
	}
	all, err := store.Applications(ctx)
	if err != nil {
		return nil, err
	}
	for _, a := range all {
		if name == "" && cfg.Application(a.Name) == nil {
			s.removed = append(s.removed, a.Name)
		}
	}
	return s, markDrifted(ctx, store, s.apps)
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
			apps[i].Reason = report.Plural(len(objects), "object differs", "objects differ") + " from Git: `holdfast drift` tells how"
			apps[i].Details = objects
		}
	}
	return nil
}

func (s *loopStatus) good() bool {
	return !slices.ContainsFunc(s.sources, func(x state.Source) bool { return isBad(x.Status) }) &&
		!slices.ContainsFunc(s.apps, func(x state.Application) bool { return isBad(x.Status) })
}

func isBad(s state.Status) bool {
	switch s {
	case state.Ready, state.Progressing, state.Pending, state.Waiting:
		return false
	}
	return true
}

type sourceJSON struct {
	Name     string       `json:"name"`
	URL      string       `json:"url"`
	Ref      string       `json:"ref,omitempty"`
	Status   state.Status `json:"status"`
	Reason   string       `json:"reason,omitempty"`
	Problems []string     `json:"problems,omitempty"`
	Seen     string       `json:"seen,omitempty"`
	Accepted string       `json:"accepted,omitempty"`
	Signer   string       `json:"signer,omitempty"`
	Fetched  time.Time    `json:"fetched,omitzero"`
	Changed  time.Time    `json:"changed,omitzero"`
}

type applicationJSON struct {
	Name     string         `json:"name"`
	Source   string         `json:"source"`
	Path     string         `json:"path"`
	Cluster  string         `json:"cluster"`
	Status   state.Status   `json:"status"`
	Reason   string         `json:"reason,omitempty"`
	Details  []string       `json:"details,omitempty"`
	Revision string         `json:"revision,omitempty"`
	Signer   string         `json:"signer,omitempty"`
	Healthy  string         `json:"healthy,omitempty"`
	Tried    string         `json:"tried,omitempty"`
	Outcome  state.Status   `json:"outcome,omitempty"`
	Pinned   string         `json:"pinned,omitempty"`
	Digest   string         `json:"digest,omitempty"`
	Verdicts map[string]int `json:"verdicts,omitempty"`
	Objects  int            `json:"objects"`
	Changed  time.Time      `json:"changed,omitzero"`
	Updated  time.Time      `json:"updated,omitzero"`
}

func (o *statusCommand) writeJSON(s *loopStatus) error {
	sources, apps := []sourceJSON{}, []applicationJSON{}
	for _, x := range s.sources {
		sources = append(sources, sourceJSON{x.Name, x.URL, x.Ref, x.Status, x.Reason, x.Problems, x.Seen, x.Accepted, x.Signer, x.Fetched, x.Changed})
	}
	for _, x := range s.apps {
		apps = append(apps, applicationJSON{
			x.Name, x.Source, x.Path, x.Cluster, x.Status, x.Reason, x.Details, x.Revision, x.Signer, x.Healthy,
			x.Tried, x.Outcome, s.pins[x.Name], x.Digest, x.Verdicts, x.Objects, x.Changed, x.Updated,
		})
	}
	return report.WriteJSON(o.Out, struct {
		Sources      []sourceJSON      `json:"sources"`
		Applications []applicationJSON `json:"applications"`
	}{sources, apps}, true)
}

func (o *statusCommand) writeText(s *loopStatus, details bool) error {
	p := o.printer()
	bold := []report.Style{report.Bold}
	sources := table{rows: []row{{cells: []string{"SOURCE", "STATUS", "ACCEPTED", "SEEN", "FETCHED"}, all: bold}}}
	for _, x := range s.sources {
		sources.add(row{
			cells:  []string{x.Name, string(x.Status), orDash(short(x.Accepted)), orDash(short(x.Seen)), ago(x.Fetched)},
			styles: map[int][]report.Style{1: statusStyle(x.Status)},
			below:  reasonLines(x.Reason, x.Problems, isBad(x.Status)),
		})
	}
	sources.print(p)
	p.Printf("")
	apps := table{rows: []row{{cells: []string{"APPLICATION", "STATUS", "LIVE", "HEALTHY", "OBJECTS", "SIGNED BY"}, all: bold}}}
	for _, x := range s.apps {
		below := reasonLines(x.Reason, x.Details, details || isBad(x.Status))
		if pin := s.pins[x.Name]; pin != "" {
			below = append(below, fmt.Sprintf("    pinned to %s: `holdfast rollback %s --resume` ends it", report.Plain(short(pin)), x.Name))
		}
		apps.add(row{
			cells:  []string{x.Name, string(x.Status), orDash(short(x.Revision)), orDash(short(x.Healthy)), fmt.Sprint(x.Objects), orDash(x.Signer)},
			styles: map[int][]report.Style{1: statusStyle(x.Status)},
			below:  below,
		})
	}
	apps.print(p)
	if len(s.removed) > 0 {
		p.Printf("\nNot in the configuration any more, and left as they are: %s", report.Plain(strings.Join(s.removed, ", ")))
	}
	return p.Err()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// reasonLines are the lines below a source or an application.
func reasonLines(reason string, details []string, all bool) (lines []string) {
	if reason == "" {
		return nil
	}
	for _, line := range plainLines(reason) {
		lines = append(lines, "    "+line)
	}
	if !all {
		return lines
	}
	for i, d := range details {
		if i == 10 {
			return append(lines, fmt.Sprintf("      … and %d more: --json shows all", len(details)-i))
		}
		for _, line := range plainLines(d) {
			lines = append(lines, "      "+line)
		}
	}
	return lines
}

func statusStyle(s state.Status) []report.Style {
	switch {
	case s == state.Ready:
		return []report.Style{report.Green}
	case isBad(s):
		return []report.Style{report.Red}
	}
	return []report.Style{report.Yellow}
}
