package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

func newTrust(a *app) *cobra.Command {
	return newGroup("trust", "Who may change what in a repository", newTrustInit(a), newTrustCheck(a))
}

type trustCheck struct {
	*app
	base string
}

func newTrustCheck(a *app) *cobra.Command {
	o := &trustCheck{app: a}
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Explain .holdfast/trust.yaml: who may do what",
		Long: `Explain .holdfast/trust.yaml: who may do what, and which keys count. With --base,
also what it grants and takes away compared with a commit; what takes away is held
until it is acknowledged.

Exit codes: 0 sound, 1 it may not follow the version at --base, or takes protection
away, 2 it cannot be read.`,
		Example: "  holdfast trust check\n  holdfast trust check --base origin/main",
		Args:    takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	cmd.Flags().StringVar(&o.base, "base", "", "compare with the version at a `commit`")
	return cmd
}

func (o *trustCheck) run(ctx context.Context) error {
	tree, err := source.Disk(".", source.DiskOptions{})
	if err != nil {
		return err
	}
	policy, err := policyOf(tree)
	if err != nil {
		return err
	}
	p := o.printer()
	explainTrust(p, policy, time.Now())
	if o.base != "" {
		before, err := policyAt(ctx, o.base)
		if err != nil {
			return err
		}
		d := trust.Compare(before, policy, time.Now())
		p.Printf("\nCompared with %s:", report.Plain(o.base))
		if d.String() == "" {
			p.Printf("  nothing is granted or taken away")
		}
		for _, part := range []struct {
			verb  string
			lines []string
		}{{"refused", d.Invalid}, {"held", d.Shrinks}, {"granted", d.Grants}} {
			for _, line := range part.lines {
				p.Printf("  %-8s %s", part.verb, report.Plain(line))
			}
		}
		if err := p.Err(); err != nil || len(d.Invalid)+len(d.Shrinks) == 0 {
			return err
		}
		return exitWith(ExitProblems)
	}
	return p.Err()
}

// policyOf reads the trust file of a tree, and the keys beside it.
func policyOf(tree source.Tree) (*trust.Trust, error) {
	signers, err := integrity.LoadSigners(tree, "", "")
	if err == nil && signers.Policy() == nil {
		err = fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, withHint(fmt.Errorf("there is no %s", trust.Path), "`holdfast trust init` writes one")
	}
	if err != nil {
		return nil, err
	}
	return signers.Policy(), nil
}

func policyAt(ctx context.Context, name string) (policy *trust.Trust, err error) {
	repo, err := git.OpenLocal(git.LocalOptions{WorkTree: "."})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, repo.Close()) }()
	id, err := repo.Resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	tree, err := repo.Tree(ctx, id)
	if err != nil {
		return nil, err
	}
	return policyOf(tree)
}

// explainTrust says what a trust file means.
func explainTrust(p *report.Printer, t *trust.Trust, now time.Time) {
	p.Printf("%s, version %d, of %s\n\nIdentities", t.File(), t.Version, t.Repository)
	for i := range t.Identities {
		explainIdentity(p, t, &t.Identities[i], now)
	}
	p.Printf("\nFiles (all rules that match hold)")
	for _, r := range t.Paths {
		explainRule(p, t, strings.Join(r.Match, ", "), r.Who, r.Approvals)
	}
	for _, r := range t.Rules(trust.Path) {
		if !slices.ContainsFunc(t.Paths, func(o trust.PathRule) bool { return slices.Equal(o.Match, r.Match) }) {
			explainRule(p, t, strings.Join(r.Match, ", ")+" (always)", r.Who, r.Approvals)
		}
	}
	p.Printf("  %s\n    every identity but forges and bots", "everything else")
	p.Printf("\nRefs")
	refs := t.Refs
	if len(refs) == 0 {
		refs = []trust.Ref{t.Ref("refs/heads/main")}
		refs[0].Match = "every ref (the strictest rule, since none is written)"
	}
	for _, r := range refs {
		merges := map[string]string{"clean": "must be what Git makes of their parents", "any": "may differ from what Git makes of their parents"}[r.Merges]
		unsigned := map[string]string{"deny": "are refused", "vouch": "count if a signed merge brings them"}[r.UnsignedSide]
		p.Printf("  %s\n    a rewrite is %s, merges %s, unsigned commits %s", report.Plain(r.Match),
			map[string]string{"hold": "held", "deny": "refused"}[r.Rewrite], merges, unsigned)
		p.Printf("    what is held is released by %d of %s (%s)", r.Acknowledge.Count, r.Acknowledge.Of, names(t.Members([]string{r.Acknowledge.Of})))
	}
	for i, r := range t.Revocations {
		if i == 0 {
			p.Printf("\nRevoked")
		}
		since := ""
		if !r.From.IsZero() {
			since = " from " + r.From.Format(time.DateOnly)
		}
		p.Printf("  %s%s: %s", r.Key, since, report.Plain(r.Reason))
	}
}

func explainIdentity(p *report.Printer, t *trust.Trust, id *trust.Identity, now time.Time) {
	roles := make([]string, len(id.Roles))
	for i, r := range id.Roles {
		roles[i] = string(r)
	}
	p.Printf("  %s <%s>  %s", id.Name, strings.Join(id.Emails, ">, <"), strings.Join(roles, ", "))
	switch {
	case id.Has(trust.Forge):
		p.Printf("    signs merges, and squashes what others approved; nothing else")
	case id.Bot != nil:
		p.Printf("    changes %s in %s; nothing else", strings.Join(id.Bot.Fields, ", "), strings.Join(id.Bot.Paths, ", "))
	case id.Has(trust.Applier):
		p.Printf("    may commit what somebody else wrote")
	}
	for _, k := range id.Keys {
		p.Printf("    %s%s", k.ID(), keyState(t, k, now))
	}
	if len(id.Keys) == 0 {
		p.Printf("    keys: those that %s lists for these e-mails", integrity.DefaultSignersPath)
	}
}

func keyState(t *trust.Trust, k trust.Key, now time.Time) string {
	_, revoked := t.Revoked(k.ID(), now)
	switch {
	case revoked:
		return "  revoked"
	case !k.Until.IsZero() && !now.Before(k.Until):
		return "  ended " + k.Until.Format(time.DateOnly)
	case now.Before(k.From):
		return "  counts from " + k.From.Format(time.DateOnly)
	case !k.Until.IsZero():
		return "  counts until " + k.Until.Format(time.DateOnly)
	}
	return ""
}

func explainRule(p *report.Printer, t *trust.Trust, what string, who []string, approvals int) {
	members := t.Members(who)
	text := fmt.Sprintf("    %s (%s)", strings.Join(who, ", "), names(members))
	switch {
	case approvals == 0:
	case approvals >= len(members):
		text += fmt.Sprintf(", by %d approvals: nobody approves a change of their own, so the change must be another's", approvals)
	case approvals == 1:
		text += ", and another of them has to approve"
	default:
		text += fmt.Sprintf(", and %d others of them have to approve", approvals)
	}
	p.Printf("  %s", report.Plain(what))
	p.Printf("%s", text)
}

func names(ids []*trust.Identity) string {
	if len(ids) == 0 {
		return "nobody"
	}
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.Name
	}
	return strings.Join(out, ", ")
}
