package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
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
running loop does it; without one it is done when the loop starts.

Exit codes: 0 asked for, 2 there is no such revision.`,
		Example: "  holdfast rollback web --to 4be1c77\n  holdfast rollback web --resume",
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },

		ValidArgsFunction: o.config.completeApplication,
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
	if err := checkApplication(cfg, name); err != nil {
		return err
	}
	app, err := store.Application(ctx, name)
	if errors.Is(err, state.ErrNone) {
		return fmt.Errorf("%s was never deployed", name)
	}
	if err != nil {
		return err
	}
	request := state.Request{Kind: "resume", Application: name, By: caller(), Time: time.Now()}
	told := fmt.Sprintf("%s follows its source again.", name)
	if !o.resume {
		commit, err := o.commit(cfg.LedgerDir(), app)
		if err != nil {
			return err
		}
		request.Kind, request.Argument = "rollback", commit
		told = fmt.Sprintf("%s goes back from %s to %s and stays there: `holdfast rollback %s --resume` ends it.", name, short(app.Revision), short(commit), name)
		if commit == app.Revision {
			told = fmt.Sprintf("%s stays at %s: `holdfast rollback %s --resume` ends it.", name, short(commit), name)
		}
	}
	if err := store.Ask(ctx, request); err != nil {
		return err
	}
	p := o.printer()
	p.Printf("%s", told)
	p.Printf("See it happen with `holdfast status %s`.", name)
	return p.Err()
}

// commit returns the full id of the revision to go back to. It must have been
// applied and healthy: the ledger says so.
func (o *rollbackCommand) commit(ledgerDir string, app state.Application) (string, error) {
	healthy, err := healthyRevisions(ledgerDir, app.Name)
	if err != nil {
		return "", err
	}
	list := fmt.Sprintf("`holdfast history %s --kind health` lists those that were healthy", app.Name)
	if o.to == "" {
		for _, commit := range slices.Backward(healthy) {
			if commit != app.Revision {
				return commit, nil
			}
		}
		return "", fmt.Errorf("%s had no healthy revision before %s", app.Name, short(app.Revision))
	}
	found := slices.DeleteFunc(healthy, func(commit string) bool { return !strings.HasPrefix(commit, o.to) })
	switch found = slices.Compact(slices.Sorted(slices.Values(found))); len(found) {
	case 0:
		return "", withHint(fmt.Errorf("%s never was healthy at a revision %q", app.Name, o.to), "%s", list)
	case 1:
		return found[0], nil
	}
	return "", withHint(fmt.Errorf("%q is the beginning of %d revisions", o.to, len(found)), "%s", list)
}

// healthyRevisions returns the commits at which an application was healthy,
// oldest first.
func healthyRevisions(ledgerDir, name string) (all []string, err error) {
	err = ledger.Read(ledgerDir, func(r ledger.Record) error {
		if r.Kind == ledger.Health && r.Application == name && r.Outcome == "healthy" {
			all = append(all, r.Commit)
		}
		return nil
	})
	return all, err
}

func caller() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}
