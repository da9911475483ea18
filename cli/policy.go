package cli

import (
	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
)

func newPolicy(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Test policies by their own examples"}
	cmd.AddCommand(newPolicyTest(a))
	return cmd
}

func newPolicyTest(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test [directory...]",
		Short: "Run the examples of the policies in directories, or of the built-in ones",
		Long: `Run the examples that each policy carries: every one must get the verdict, and
every failing one the marks, that it states. Without a directory the built-in
packs are tested.

Exit codes: 0 all hold, 1 an example does not hold, 2 a policy cannot be read.`,
		RunE: func(_ *cobra.Command, args []string) error {
			policies, err := setup.LoadPolicies(setup.PolicyOptions{NoBuiltin: len(args) > 0, Packs: args})
			if err != nil {
				return err
			}
			return a.policyTest(policies)
		},
	}
}

func (a *app) policyTest(policies *setup.Policies) error {
	p := a.printer()
	failed, examples := 0, 0
	for _, pack := range policies.Packs {
		for _, f := range policy.Test(policies, pack) {
			failed++
			p.Printf("%s  %s", p.Paint("FAIL", report.Bold, report.Red), f)
		}
		for _, one := range pack.Policies {
			examples += len(one.Examples)
		}
	}
	p.Printf("%s of %s, %d failed.", report.Plural(examples, "example", "examples"),
		report.Plural(policies.Number(), "policy", "policies"), failed)
	if failed > 0 {
		return exitError{ExitProblems}
	}
	return p.Err()
}
