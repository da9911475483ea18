package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
)

func newExplain(a *app) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:     "explain [id]",
		Short:   "Explain a policy: why it matters, how to fix it, with examples",
		Long:    "Explain a policy: why it matters, how to fix it, with examples. Without an id,\nlist all policies.",
		Example: "  holdfast explain HF-K8S-004",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			policies, err := setup.LoadPolicies(flags.PolicyOptions)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.listPolicies(policies)
			}
			p := policies.Find(args[0])
			if p == nil {
				return withHint(fmt.Errorf("there is no policy %q", args[0]), "`holdfast explain` lists them all")
			}
			return a.explain(p)
		},
	}
	flags.register(cmd)
	return cmd
}

func (a *app) listPolicies(policies *setup.Policies) error {
	p := a.printer()
	for _, pack := range policies.Packs {
		p.Printf("%s", p.Paint(fmt.Sprintf("%s: %s, %s", pack.Name, report.Plural(len(pack.Policies), "policy", "policies"), pack.Digest), report.Bold))
		for _, one := range pack.Policies {
			p.Printf("  %-12s %-8s  %s", one.ID, one.Severity, one.Title)
		}
	}
	return p.Err()
}

func (a *app) explain(one *policy.Policy) error {
	p := a.printer()
	p.Printf("%s", p.Paint(one.ID+": "+one.Title, report.Bold))
	p.Printf("severity %s · %s\n", one.Severity, strings.Join(one.Controls, " · "))
	p.Paragraph("", one.Why)
	p.Printf("")
	p.Paragraph("Fix: ", one.Remediation)
	for _, example := range one.Examples {
		p.Printf("\n%s (%s):", p.Paint(example.Name, report.Bold), example.Verdict)
		for line := range strings.Lines(strings.TrimSpace(example.Manifest)) {
			p.Printf("    %s", strings.TrimRight(line, "\n"))
		}
		for _, at := range example.At {
			p.Printf("    %s", p.Paint("# found at "+at, report.Dim))
		}
	}
	if len(one.References) > 0 {
		p.Printf("")
	}
	for _, ref := range one.References {
		p.Printf("See %s", ref)
	}
	return p.Err()
}
