package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/fix"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/policy/rego"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
)

func newPolicy(a *app) *cobra.Command {
	return newGroup("policy", "Write, test, measure, document and export policies",
		newPolicyInit(a), newPolicyTest(a), newPolicyBench(a), newPolicyPull(a), newPolicyDocs(a), newPolicyExport(a))
}

func newPolicyTest(a *app) *cobra.Command {
	coverage := false
	cmd := &cobra.Command{
		Use:   "test [directory...]",
		Short: "Run the examples of the policies in directories, or of the built-in ones",
		Long: `Run the examples that each policy carries: every one must get the verdict, and
every failing one the marks, that it states. Of packs in Rego the rules run whose
names begin with test_. Without a directory the built-in packs are tested.

With --coverage, the branches of expressions are listed that were never true, never
false or never asked in any example.

Exit codes: 0 all hold, 1 an example does not hold, 2 a policy cannot be read.`,
		Example: "  holdfast policy test\n  holdfast policy test policies --coverage",
		RunE: func(cmd *cobra.Command, dirs []string) error {
			policies, err := loadPolicies(policiesIn(dirs))
			if err != nil {
				return err
			}
			if coverage {
				err = a.policyCoverage(policies, dirs)
			}
			return errors.Join(err, a.policyTest(cmd.Context(), policies, dirs))
		},
	}
	cmd.Flags().BoolVar(&coverage, "coverage", false, "also list the branches that no example takes both ways")
	return cmd
}

// policiesIn are the policies in directories, or the built-in ones.
func policiesIn(dirs []string) setup.PolicyOptions {
	return setup.PolicyOptions{NoBuiltin: len(dirs) > 0, Packs: dirs, Decode: true}
}

func (a *app) policyTest(ctx context.Context, policies *setup.Policies, dirs []string) error {
	p := a.printer()
	failed, examples, tests := 0, 0, 0
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
		number, failures, err := rego.Test(ctx, pack)
		if err != nil {
			return describeMistakes(dirs, err)
		}
		tests += number
		for _, f := range failures {
			failed++
			p.Printf("%s  %s", p.Paint("FAIL", report.Bold, report.Red), report.Plain(describeTest(dir, f)))
		}
	}
	outcome := "all hold"
	if failed > 0 {
		outcome = report.Plural(failed, "failure", "failures")
	}
	what := report.Plural(examples, "example", "examples")
	if tests > 0 {
		what += " and " + report.Plural(tests, "test", "tests")
	}
	p.Printf("%s of %s: %s.", what, report.Plural(policies.Number(), "policy", "policies"), outcome)
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

func describeTest(dir string, f rego.TestFailure) string {
	at := f.File.Position(f.Span.Start)
	return fmt.Sprintf("%s:%d:%d: %s: %s", filepath.Join(dir, f.File.Path), at.Line, at.Column, f.Name, f.Reason)
}
