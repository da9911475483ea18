package cli

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/gitversion"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/waiver"
)

func newExplain(a *app) *cobra.Command {
	flags := policyFlags{setup.PolicyOptions{Decode: true}}
	cmd := &cobra.Command{
		Use:   "explain [id]",
		Short: "Explain a policy or a code of verify or doctor: why it matters, what to do, with examples",
		Long: `Explain a policy, or a code of ` + "`holdfast verify` or `holdfast doctor`" + `: why it matters,
what to do, with examples. Without an id, list all of them.

Exit codes: 0 explained, 2 there is no such policy or code.`,
		Example: "  holdfast explain HF-K8S-004\n  holdfast explain SIG_MISSING\n  holdfast explain --pack policies",
		Args:    takes(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				if code := integrity.Explain(args[0]); code != nil {
					return a.explainCode(code)
				}
			}
			policies, err := loadPolicies(flags.PolicyOptions)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return a.list(policies, !flags.NoBuiltin)
			}
			one := setup.Find(policies.Documented(), args[0])
			if one == nil {
				for _, rule := range slices.Concat(waiver.Rules(), gitversion.Rules()) {
					if strings.EqualFold(rule.ID, args[0]) {
						return a.explain(&policy.Policy{Rule: *rule})
					}
				}
				return unknownID(args[0])
			}
			return a.explain(one)
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			policies, err := loadPolicies(flags.PolicyOptions)
			if err != nil || len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return append(policyIDs(policies), codeIDs()...), cobra.ShellCompDirectiveNoFileComp
		},
	}
	flags.register(cmd)
	return cmd
}

// policyIDs returns all ids with their titles, as shells show them.
func policyIDs(policies *setup.Policies) (ids []string) {
	for _, pack := range policies.Documented() {
		for _, one := range pack.Policies {
			ids = append(ids, cobra.CompletionWithDesc(one.ID, one.Title))
		}
	}
	return ids
}

// list names all that can be explained.
func (a *app) list(policies *setup.Policies, codes bool) error {
	p := a.printer()
	for _, pack := range policies.Documented() {
		head := fmt.Sprintf("%s: %s, %s", report.Plain(pack.Name), report.Plural(len(pack.Policies), "policy", "policies"), pack.Digest)
		p.Printf("%s", p.Paint(strings.TrimSuffix(head, ", "), report.Bold))
		rows := table{indent: "  "}
		for _, one := range pack.Policies {
			rows.add(row{cells: []string{one.ID, one.Severity.String(), one.Title}})
		}
		rows.print(p)
	}
	if codes {
		listCodes(p)
	}
	return p.Err()
}

// explainFlags returns what `holdfast explain` has to be given to know the policies
// of packs that are not built in.
func explainFlags(policies *setup.Policies, opts setup.PolicyOptions) map[string]string {
	flags := map[string]string{}
	packs := policies.Packs[len(policies.Packs)-len(opts.Packs):]
	for i, pack := range packs {
		text := "--pack " + shellWord(opts.Packs[i])
		if opts.NoBuiltin {
			text = "--no-builtin " + text
		}
		for _, one := range pack.Policies {
			flags[one.ID] = text
		}
	}
	return flags
}

// shellWord writes an argument as a shell reads it.
func shellWord(arg string) string {
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_./=:@%+,", r)
	}
	if arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0 {
		return arg
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}

func (a *app) explain(one *policy.Policy) error {
	p := a.printer()
	p.Printf("%s", p.Paint(one.ID+": "+report.Plain(one.Title), report.Bold))
	p.Paragraph("", strings.Join(append([]string{"severity " + one.Severity.String()}, one.Controls...), " · "))
	p.Printf("")
	p.Paragraph("", one.Why)
	p.Printf("")
	p.Paragraph("Fix: ", one.Remediation)
	for i := range one.Fixes {
		p.Paragraph(fixLabels[one.Fixes[i].Class], fixText(&one.Fixes[i]))
	}
	p.Printf("")
	if kinds := appliesTo(one); len(kinds) > 0 {
		p.Paragraph("Applies to: ", strings.Join(kinds, ", "))
	}
	for _, example := range one.Examples {
		p.Printf("\n%s (%s):", p.Paint(report.Plain(example.Name), report.Bold), verdictWord(p, example.Verdict))
		for line := range strings.Lines(strings.TrimSpace(example.Manifest)) {
			p.Printf("%s", strings.TrimRight("    "+report.Plain(strings.TrimSuffix(line, "\n")), " "))
		}
		for _, at := range example.At {
			p.Printf("    %s", p.Paint("# found at "+report.Plain(at), report.Dim))
		}
	}
	if len(one.References) > 0 {
		p.Printf("")
	}
	for _, ref := range one.References {
		p.Printf("See %s", report.Plain(ref))
	}
	return p.Err()
}

func verdictWord(p *report.Printer, v policy.Verdict) string {
	switch v {
	case policy.Pass:
		return p.Paint(v.String(), report.Green)
	case policy.Fail:
		return p.Paint(v.String(), report.Red)
	}
	return v.String()
}

// appliesTo names what a policy matches, each once.
func appliesTo(one *policy.Policy) (kinds []string) {
	for _, m := range one.Match {
		for _, kind := range slices.Concat(m.Kinds, m.Resources) {
			if kind == "*" {
				kind = "every kind"
			}
			if !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	return kinds
}
