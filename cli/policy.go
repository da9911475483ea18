package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/fix"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
)

func newPolicy(a *app) *cobra.Command {
	return newGroup("policy", "Test policies by their own examples, document and export them", newPolicyTest(a), newPolicyDocs(a), newPolicyExport(a))
}

func newPolicyTest(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "test [directory...]",
		Short: "Run the examples of the policies in directories, or of the built-in ones",
		Long: `Run the examples that each policy carries: every one must get the verdict, and
every failing one the marks, that it states. Without a directory the built-in
packs are tested.

Exit codes: 0 all hold, 1 an example does not hold, 2 a policy cannot be read.`,
		Example: "  holdfast policy test\n  holdfast policy test policies",
		RunE: func(_ *cobra.Command, dirs []string) error {
			policies, err := loadPolicies(policiesIn(dirs))
			if err != nil {
				return err
			}
			return a.policyTest(policies, dirs)
		},
	}
}

// policiesIn are the policies in directories, or the built-in ones.
func policiesIn(dirs []string) setup.PolicyOptions {
	return setup.PolicyOptions{NoBuiltin: len(dirs) > 0, Packs: dirs, Decode: true}
}

func (a *app) policyTest(policies *setup.Policies, dirs []string) error {
	p := a.printer()
	failed, examples := 0, 0
	for i, pack := range policies.Packs {
		dir := ""
		if len(dirs) > 0 {
			dir = dirs[i]
		}
		unfixed, _ := fix.Prove(policies, pack, setup.ReadExample)
		for _, f := range append(policy.Test(policies, pack, setup.ReadExample), unfixed...) {
			failed++
			p.Printf("%s  %s", p.Paint("FAIL", report.Bold, report.Red), report.Plain(describeFailure(dir, f)))
		}
		for _, one := range pack.Policies {
			examples += len(one.Examples)
		}
	}
	outcome := "all hold"
	if failed > 0 {
		outcome = report.Plural(failed, "failure", "failures")
	}
	p.Printf("%s of %s: %s.", report.Plural(examples, "example", "examples"),
		report.Plural(policies.Number(), "policy", "policies"), outcome)
	if failed > 0 {
		return exitError{ExitProblems}
	}
	return p.Err()
}

// describeFailure says what does not hold, with the path as it leads to the
// file from here.
func describeFailure(dir string, f policy.TestFailure) string {
	span, what := f.Policy.Span, f.Policy.ID
	if f.Example != nil {
		span, what = f.Example.Span, fmt.Sprintf("%s %q", f.Policy.ID, f.Example.Name)
	}
	at := f.Policy.File.Position(span.Start)
	return fmt.Sprintf("%s:%d:%d: %s: %s", filepath.Join(dir, f.Policy.File.Path), at.Line, at.Column, what, f.Reason)
}
