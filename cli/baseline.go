package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/triage"
)

func newBaseline(a *app) *cobra.Command {
	return newGroup("baseline", "Keep what was there before Holdfast from blocking", newBaselineCreate(a), newBaselineUpdate(a))
}

func newBaselineCreate(a *app) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Write all findings of the tree to .holdfast/baseline.json",
		Long: `Write all findings of the tree to .holdfast/baseline.json, so that only others
block. It is made once: a baseline may only shrink. To compare with the merge base
(` + "`holdfast scan --new-from main`" + `) takes no file at all, and is better where it can be done.

Exit codes: 0 written, 2 not.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.createBaseline(cmd.Context(), flags.PolicyOptions)
		},
	}
	flags.register(cmd)
	return cmd
}

func (a *app) createBaseline(ctx context.Context, flags setup.PolicyOptions) error {
	full, err := a.scanAll(ctx, flags, false)
	if err != nil {
		return err
	}
	defer full.Close()
	if full.has(triage.BaselinePath) {
		return withHint(fmt.Errorf("there is a baseline already: %s", triage.BaselinePath),
			"it may only shrink: `holdfast baseline update` removes what is mended")
	}
	var all []*finding.Finding
	for _, e := range full.outcome.All {
		if e.Status != triage.Waived { // it comes back when the waiver ends
			all = append(all, e.Finding)
		}
	}
	baseline := triage.NewBaseline(all)
	return a.writeBaseline(full, baseline, fmt.Sprintf("Wrote %s to %s.", report.Plural(len(baseline.Findings), "finding", "findings"), triage.BaselinePath))
}

func newBaselineUpdate(a *app) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:   "update",
		Short: "Remove from the baseline what is not found any more",
		Long: `Remove from .holdfast/baseline.json what is not found any more. Nothing is ever
added to it.

Exit codes: 0 written, 2 not.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.updateBaseline(cmd.Context(), flags.PolicyOptions)
		},
	}
	flags.register(cmd)
	return cmd
}

func (a *app) updateBaseline(ctx context.Context, flags setup.PolicyOptions) error {
	full, err := a.scanAll(ctx, flags, false)
	if err != nil {
		return err
	}
	defer full.Close()
	if full.in.Baseline == nil {
		return withHint(fmt.Errorf("there is no baseline: %s", triage.BaselinePath), "`holdfast baseline create` writes one")
	}
	found := map[string]bool{}
	for _, e := range full.outcome.All {
		found[e.Fingerprint] = true
	}
	before := len(full.in.Baseline.Findings)
	after := full.in.Baseline.Keep(func(fingerprint string) bool { return found[fingerprint] })
	return a.writeBaseline(full, after, fmt.Sprintf("Removed %s from %s; %s left.",
		report.Plural(before-len(after.Findings), "entry", "entries"), triage.BaselinePath, report.Plural(len(after.Findings), "is", "are")))
}

func (a *app) writeBaseline(full *fullScan, b *triage.Baseline, said string) error {
	content, err := b.Encode()
	if err != nil {
		return err
	}
	if err := full.write(triage.BaselinePath, content); err != nil {
		return err
	}
	return a.say("%s", said)
}
