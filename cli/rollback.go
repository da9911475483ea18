package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/state"
)

type rollbackCommand struct {
	*app
	config configFlag
	to     string
	resume bool
}

func newRollback(a *app) *cobra.Command {
	o := &rollbackCommand{app: a}
	cmd := &cobra.Command{
		Use:   "rollback <application>",
		Short: "Take an application back to a revision that it had, and pin it there",
		Long: `Take an application back to a revision that was healthy before, and pin it
there until --resume. The revision goes through the same gate as any other. The
running loop does it; without one it is done when the loop starts.`,
		Example: "  holdfast rollback web --to 4be1c77\n  holdfast rollback web --resume",
		Args:    cobra.ExactArgs(1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.config.register(cmd)
	cmd.Flags().StringVar(&o.to, "to", "", "`commit`, or the beginning of its id; default: the healthy one before the live one")
	cmd.Flags().BoolVar(&o.resume, "resume", false, "follow the source again")
	return cmd
}

func (o *rollbackCommand) run(ctx context.Context, name string) error {
	if o.resume && o.to != "" {
		return errors.New("--resume and --to exclude each other")
	}
	cfg, store, err := o.config.open()
	if err != nil {
		return err
	}
	defer store.Close()
	if cfg.Application(name) == nil {
		return unknownApplication(cfg, name)
	}
	app, err := store.Application(ctx, name)
	if err != nil {
		return fmt.Errorf("%s was never deployed", name)
	}
	request := state.Request{Kind: "resume", Application: name, By: caller(), Time: time.Now()}
	p := o.printer()
	if !o.resume {
		commit, err := o.commit(cfg.LedgerDir(), app)
		if err != nil {
			return err
		}
		request.Kind, request.Argument = "rollback", commit
		p.Printf("%s goes back from %s to %s and stays there: `holdfast rollback %s --resume` ends it.", name, short(app.Revision), short(commit), name)
	} else {
		p.Printf("%s follows its source again.", name)
	}
	if err := store.Ask(ctx, request); err != nil {
		return err
	}
	p.Printf("See it happen with `holdfast status %s`.", name)
	return p.Err()
}

// commit returns the full id of the revision to go back to. It must have been
// applied and healthy: the ledger says so.
func (o *rollbackCommand) commit(ledgerDir string, app state.Application) (string, error) {
	var healthy []string
	err := ledger.Read(ledgerDir, func(r ledger.Record) error {
		if r.Kind == ledger.Health && r.Application == app.Name && r.Outcome == "healthy" {
			healthy = append(healthy, r.Commit)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	for i := len(healthy) - 1; i >= 0; i-- {
		commit := healthy[i]
		if o.to == "" && commit != app.Revision || o.to != "" && len(o.to) >= 4 && len(commit) >= len(o.to) && commit[:len(o.to)] == o.to {
			return commit, nil
		}
	}
	if o.to == "" {
		return "", fmt.Errorf("%s had no healthy revision before %s", app.Name, short(app.Revision))
	}
	return "", withHint(fmt.Errorf("%s never was healthy at a revision %q", app.Name, report.Plain(o.to)), "`holdfast history %s --kind health` lists those that were", app.Name)
}

func caller() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
