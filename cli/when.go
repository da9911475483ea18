package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/state"
)

// moment writes a time for people.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

// ago tells how long ago something was, as kubectl does.
func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	d := max(time.Since(t), 0)
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

// noteStaleness says so when what is told may be of old: no source was fetched
// for several intervals, though all answer. Then no loop runs.
func noteStaleness(ctx context.Context, p *report.Printer, cfg *config.Config, store *state.Store) error {
	sources, err := store.Sources(ctx)
	if err != nil {
		return err
	}
	var last time.Time
	for _, s := range sources {
		configured := cfg.Source(s.Name)
		if configured == nil {
			continue
		}
		if s.Status == state.Unreachable || time.Since(s.Fetched) < 3*configured.Interval+time.Minute {
			return nil
		}
		if s.Fetched.After(last) {
			last = s.Fetched
		}
	}
	if !last.IsZero() {
		p.Printf("%s: nothing was fetched since %s; is `holdfast run` running?", p.Paint("note", report.Bold, report.Yellow), moment(last))
	}
	return nil
}
