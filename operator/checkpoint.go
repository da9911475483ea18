package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// A keeper has checkpoints of the ledger kept in other places, and compares: who can
// change the state directory can then not make it forget.
type keeper struct {
	ledger *ledger.Log
	places []place
}

// place is somewhere else to keep a checkpoint.
type place struct {
	name  string
	read  func(ctx context.Context) ([]byte, error) // nil if there is none yet
	write func(ctx context.Context, checkpoint []byte) error
}

// keepInterval is how often checkpoints are kept, if there is something new.
const keepInterval = time.Minute

func (o *Operator) keeper() *keeper {
	k := &keeper{ledger: o.ledger}
	name := o.Config.Checkpoints.Name
	for _, path := range o.Config.Checkpoints.Files {
		k.places = append(k.places, filePlace(path))
	}
	for _, c := range o.Config.Clusters {
		cluster := o.clusters[c.Name]
		k.places = append(k.places, place{
			name: fmt.Sprintf("ConfigMap holdfast-checkpoint-%s of cluster %s", name, c.Name),
			read: func(ctx context.Context) ([]byte, error) { return cluster.Checkpoint(ctx, name) },
			write: func(ctx context.Context, checkpoint []byte) error {
				return cluster.KeepCheckpoint(ctx, name, checkpoint)
			},
		})
	}
	return k
}

func filePlace(path string) place {
	return place{
		name: "file " + path,
		read: func(context.Context) ([]byte, error) {
			data, err := os.ReadFile(path)
			if errors.Is(err, os.ErrNotExist) {
				return nil, nil
			}
			return data, err
		},
		write: func(_ context.Context, checkpoint []byte) error {
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				return err
			}
			if err := os.WriteFile(path+".new", checkpoint, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		},
	}
}

// RollbackError reports a ledger that is not the one that ran before.
type RollbackError struct {
	Place string
	Err   error // matches ledger.ErrRolledBack
}

func (e *RollbackError) Error() string {
	return fmt.Sprintf("%v\n  by %s. What runs stays, and nothing is deployed. Restore the newest copy of the state directory. If it is lost,\n"+
		"  pin a commit that you have reviewed as verify.root of each source, and delete all kept checkpoints to begin anew.", e.Err, e.Place)
}

func (e *RollbackError) Unwrap() error { return e.Err }

// keep compares the ledger with what each place keeps, and has it keep the newest
// checkpoint. Places that do not answer are returned as an error; if one knows more than
// the ledger, that is a RollbackError, and nothing is overwritten anywhere.
func (k *keeper) keep(ctx context.Context) error {
	var errs []error
	kept := make([][]byte, len(k.places))
	for i, p := range k.places {
		var err error
		if kept[i], err = p.read(ctx); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
			continue
		}
		if kept[i] == nil {
			continue
		}
		if err := k.ledger.Follows(kept[i]); errors.Is(err, ledger.ErrRolledBack) {
			return &RollbackError{Place: p.name, Err: err}
		} else if err != nil {
			return err
		}
	}
	newest, err := k.ledger.Checkpoint()
	if err != nil {
		return err
	}
	for i, p := range k.places {
		if bytes.Equal(kept[i], newest) {
			continue
		}
		if err := p.write(ctx, newest); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return errors.Join(errs...)
}

// check compares before anything else happens. A place that does not answer is asked
// again later.
func (o *Operator) checkCheckpoints(ctx context.Context) error {
	err := o.keeper().keep(ctx)
	var rolledBack *RollbackError
	if errors.As(err, &rolledBack) {
		return errors.Join(err, o.holdSources(ctx, err))
	}
	if err != nil {
		o.Log.Warn("checkpoints cannot be kept everywhere", "error", err)
	}
	return ctx.Err()
}

// holdSources makes a status of it that nothing is followed any more.
func (o *Operator) holdSources(ctx context.Context, cause error) error {
	var errs []error
	for _, s := range o.Config.Sources {
		st, err := o.store.Source(ctx, s.Name)
		if err != nil && !errors.Is(err, state.ErrNone) {
			errs = append(errs, err)
			continue
		}
		st.Name, st.Status, st.Reason, st.Seen = s.Name, state.Held, cause.Error(), ""
		errs = append(errs, o.store.PutSource(ctx, st))
	}
	return errors.Join(errs...)
}

// keepCheckpoints keeps them until ctx ends, or the ledger turns out to be another one.
func (o *Operator) keepCheckpoints(ctx context.Context) error {
	ticker := time.NewTicker(keepInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if err := o.checkCheckpoints(ctx); err != nil {
			return err
		}
	}
}
