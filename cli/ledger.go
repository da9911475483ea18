package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/report"
)

func newLedger(a *app) *cobra.Command {
	return newGroup("ledger", "Prove that the record was not tampered with", newLedgerVerify(a), newLedgerCheckpoint(a))
}

type ledgerVerify struct {
	*app
	config     configFlag
	checkpoint string
	key        string
}

func newLedgerVerify(a *app) *cobra.Command {
	o := &ledgerVerify{app: a}
	cmd := &cobra.Command{
		Use:   "verify [directory]",
		Short: "Recompute the ledger and find any changed, removed or reordered record",
		Long: `Recompute the Merkle tree of a ledger from its records, and compare it with the
signed checkpoint. The ledger is that of the configuration, or a copy of it in a
directory. With --checkpoint it is also compared with one that you kept
elsewhere: then even who holds the signing key cannot have rewritten history.

Exit codes: 0 intact, 1 tampered with, 2 cannot be read.`,
		Example: "  holdfast ledger verify\n  holdfast ledger verify --checkpoint checkpoint.1",
		Args:    takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			return o.run(optional(args, ""))
		},
	}
	o.config.register(cmd)
	cmd.Flags().StringVar(&o.checkpoint, "checkpoint", "", "a checkpoint `file` that was kept elsewhere")
	cmd.Flags().StringVar(&o.key, "key", "", "the verifier `key` to expect; default: the ledger's own key.pub")
	return cmd
}

func (o *ledgerVerify) run(dir string) (err error) {
	if dir == "" {
		dir, err = o.config.ledgerDir()
	} else if _, statErr := os.Stat(dir); statErr != nil {
		err = fmt.Errorf("there is no ledger in %s", report.Plain(dir))
	}
	if err != nil {
		return err
	}
	kept := ledger.Kept{Key: o.key}
	if o.checkpoint != "" {
		if kept.Checkpoint, err = os.ReadFile(o.checkpoint); err != nil {
			return pathError(o.checkpoint, err)
		}
	}
	result, err := ledger.Verify(dir, kept)
	if err != nil {
		return err
	}
	p := o.printer()
	if len(result.Problems) > 0 {
		p.Printf("%s  the ledger was tampered with:", p.Paint("FAIL", report.Bold, report.Red))
		for _, problem := range result.Problems {
			p.Printf("      %s", report.Plain(problem))
		}
		return exitError{ExitProblems}
	}
	p.Printf("%s    %s, root %v", p.Paint("ok", report.Bold, report.Green), report.Plural(int(result.Records), "record", "records"), result.Root)
	p.Printf("      signed by %s", report.Plain(keyName(result.Key)))
	if o.checkpoint != "" {
		p.Printf("      continues the checkpoint in %s", report.Plain(o.checkpoint))
	}
	return p.Err()
}

// keyName returns the first two parts of a verifier key: name, hash and key.
func keyName(key string) string {
	parts := strings.SplitN(key, "+", 3)
	return strings.Join(parts[:min(len(parts), 2)], "+")
}

func newLedgerCheckpoint(a *app) *cobra.Command {
	var config configFlag
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print the latest signed checkpoint, to be kept elsewhere",
		Long: `Print the latest signed checkpoint. Kept where nobody who runs the loop can
change it, it convicts whoever writes another history: see ledger verify.

Exit codes: 0 printed, 2 there is no ledger.`,
		Example: "  holdfast ledger checkpoint > checkpoint.1",
		Args:    takes(0, 0),
		RunE: func(*cobra.Command, []string) error {
			dir, err := config.ledgerDir()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
			if errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("there is no checkpoint in %s", dir)
			}
			if err != nil {
				return err
			}
			_, err = a.Out.Write(data)
			return err
		},
	}
	config.register(cmd)
	return cmd
}
