package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/report"
)

func newLedger(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "ledger", Short: "Prove that the record was not tampered with"}
	cmd.AddCommand(newLedgerVerify(a), newLedgerCheckpoint(a))
	return cmd
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
		Use:   "verify",
		Short: "Recompute the ledger and find any changed, removed or reordered record",
		Long: `Recompute the ledger's Merkle tree from its records, and compare it with the
signed checkpoint. With --checkpoint it is also compared with one that you kept
elsewhere: then even who holds the signing key cannot have rewritten history.

Exit codes: 0 intact, 1 tampered with, 2 cannot be read.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return o.run() },
	}
	o.config.register(cmd)
	cmd.Flags().StringVar(&o.checkpoint, "checkpoint", "", "a checkpoint `file` that was kept elsewhere")
	cmd.Flags().StringVar(&o.key, "key", "", "the verifier `key` to expect; default: the ledger's own key.pub")
	return cmd
}

func (o *ledgerVerify) run() error {
	cfg, err := o.config.load()
	if err != nil {
		return err
	}
	kept := ledger.Kept{Key: o.key}
	if o.checkpoint != "" {
		if kept.Checkpoint, err = os.ReadFile(o.checkpoint); err != nil {
			return err
		}
	}
	result, err := ledger.Verify(cfg.LedgerDir(), kept)
	if err != nil {
		return err
	}
	p := o.printer()
	if len(result.Problems) > 0 {
		p.Printf("%s  the ledger was tampered with:", p.Paint("FAIL", report.Bold, report.Red))
		for _, problem := range result.Problems {
			p.Printf("  %s", report.Plain(problem))
		}
		return exitError{ExitProblems}
	}
	p.Printf("%s    %s, root %v", p.Paint("ok", report.Bold, report.Green), report.Plural(int(result.Records), "record", "records"), result.Root)
	p.Printf("      signed by %s", strings.SplitN(result.Key, "+", 3)[0]+"+"+strings.SplitN(result.Key, "+", 3)[1])
	if o.checkpoint != "" {
		p.Printf("      continues the checkpoint in %s", o.checkpoint)
	}
	return p.Err()
}

func newLedgerCheckpoint(a *app) *cobra.Command {
	var config configFlag
	cmd := &cobra.Command{
		Use:   "checkpoint",
		Short: "Print the latest signed checkpoint, to be kept elsewhere",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, err := config.load()
			if err != nil {
				return err
			}
			data, err := os.ReadFile(filepath.Join(cfg.LedgerDir(), "checkpoint"))
			if err != nil {
				return fmt.Errorf("there is no ledger in %s", cfg.LedgerDir())
			}
			_, err = a.Out.Write(data)
			return err
		},
	}
	config.register(cmd)
	return cmd
}
