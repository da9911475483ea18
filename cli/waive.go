package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
	"github.com/holdfast-dev/holdfast/waiver"
)

func newWaive(a *app) *cobra.Command {
	return newGroup("waive", "Accept a risk for a while, with a reason", newWaiveRequest(a), newWaiveSeal(a), newWaiveList(a))
}

type waiveRequest struct {
	*app
	policies  policyFlags
	until     string
	waiver    waiver.Waiver
	treatment string
}

func newWaiveRequest(a *app) *cobra.Command {
	o := &waiveRequest{app: a}
	cmd := &cobra.Command{
		Use:   "request finding",
		Short: "Add an entry for a finding to .holdfast/waivers.yaml",
		Long: `Add an entry for a finding to .holdfast/waivers.yaml. It counts once the commit
that holds it is signed by somebody whom .holdfast/approvers names; until then the
finding blocks. Findings are named by the id that ` + "`holdfast scan`" + ` shows.

Exit codes: 0 written, 2 not.`,
		Example: `  holdfast waive request 51aa-9e0f --until 2026-12-15 --reason "isolated by np-legacy" --owner team-payments`,
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd.Context(), args[0]) },
	}
	o.policies.register(cmd)
	f := cmd.Flags()
	f.StringVar(&o.until, "until", "", "the last `day` on which it holds, such as 2026-12-15")
	f.StringVar(&o.waiver.Reason, "reason", "", "why the risk is acceptable")
	f.StringVar(&o.waiver.Owner, "owner", "", "who owns the risk")
	f.StringVar(&o.waiver.Ticket, "ticket", "", "where it is worked on")
	f.StringVar(&o.treatment, "treatment", string(waiver.Accept), "accept, mitigate, false-positive or transfer")
	f.StringSliceVar(&o.waiver.Match.Environments, "environment", nil, "only in this environment (repeatable)")
	for _, name := range []string{"until", "reason", "owner"} {
		_ = cmd.MarkFlagRequired(name)
	}
	complete(cmd, "treatment", "accept", "mitigate", "false-positive", "transfer")
	return cmd
}

func (o *waiveRequest) run(ctx context.Context, id string) error {
	if err := o.waiver.Expires.UnmarshalText([]byte(o.until)); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	full, err := o.scanAll(ctx, o.policies.PolicyOptions, false)
	if err != nil {
		return err
	}
	defer full.Close()
	f, err := full.find(id)
	if err != nil {
		return err
	}
	w := &o.waiver
	w.ID, w.Policy, w.Treatment = full.nextID(), f.Rule.ID, waiver.Treatment(o.treatment)
	w.Match.Resource, w.Match.Path = strings.TrimPrefix(f.Subject.Key(), "/"), itemOf(f)
	w.Digests = full.digests(w)
	if len(w.Digests) == 0 {
		return fmt.Errorf("the finding is in none of the environments %s", strings.Join(w.Match.Environments, ", "))
	}
	switch err := w.Holds(f, full.in.Now); {
	case errors.Is(err, waiver.ErrTooLong):
		return withHint(fmt.Errorf("what is %s may be waived for %d days at most", f.Severity, waiver.Life(f.Severity)),
			"use --until %s", full.in.Now.UTC().AddDate(0, 0, waiver.Life(f.Severity)).Format("2006-01-02"))
	case err != nil:
		return fmt.Errorf("the waiver would be %w", err)
	}
	content, err := waiver.Append(full.in.Waivers, w)
	if err == nil {
		_, err = waiver.Decode(source.NewFile(waiver.Path, content))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", waiver.Path, err)
	}
	if err := full.write(waiver.Path, content); err != nil {
		return err
	}
	return o.say("Added %s to %s, for %s until %s.\nIt counts once a commit with it is signed by somebody who may approve what is %s.",
		w.ID, waiver.Path, f.Rule.ID, w.Expires.String(), f.Severity.String())
}

// find returns the finding that a person names by the form that text shows, or by
// the beginning of its fingerprint.
func (f *fullScan) find(id string) (*finding.Finding, error) {
	digits := strings.ReplaceAll(strings.TrimPrefix(id, "hf1:"), "-", "")
	var found *finding.Finding
	for _, e := range f.outcome.All {
		if len(digits) < 6 || !strings.HasPrefix(e.Fingerprint, "hf1:"+digits) {
			continue
		}
		if found != nil && found.Fingerprint != e.Fingerprint {
			return nil, withHint(fmt.Errorf("several findings begin with %s", id), "write more of the fingerprint; `--output json` has all of it")
		}
		found = e.Finding
	}
	if found == nil {
		return nil, withHint(fmt.Errorf("there is no finding %q", report.Plain(id)), "`holdfast scan` shows the ids; `--all` also those that do not count")
	}
	return found, nil
}

// nextID returns the id after the highest of the list.
func (f *fullScan) nextID() string {
	highest := 0
	if f.in.Waivers != nil {
		for _, w := range f.in.Waivers.Waivers {
			if n, err := strconv.Atoi(strings.TrimPrefix(w.ID, "W-")); err == nil {
				highest = max(highest, n)
			}
		}
	}
	return fmt.Sprintf("W-%04d", highest+1)
}

// digests returns those of all findings that a waiver covers.
func (f *fullScan) digests(w *waiver.Waiver) (all []string) {
	for _, e := range f.outcome.All {
		if w.Covers(e.Finding, triage.Environments(e.Finding)) {
			all = append(all, waiver.Digest(e.Finding))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// itemOf returns the innermost named item that a finding is in, with its list:
// containers[worker].
func itemOf(f *finding.Finding) string {
	end := strings.LastIndexByte(f.Field, ']')
	if end < 0 {
		return ""
	}
	start := strings.LastIndexByte(f.Field[:strings.LastIndexByte(f.Field[:end], '[')], '.')
	return f.Field[start+1 : end+1]
}

func newWaiveSeal(a *app) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:   "seal [id...]",
		Short: "Store in waivers what they are given for",
		Long: `Store in the entries of .holdfast/waivers.yaml the digests of what they are given
for now. An entry lapses for whatever changes afterwards. Entries for high and
critical problems count only with digests. Without an id all entries are sealed
that have none.

Exit codes: 0 sealed, 2 not.`,
		RunE: func(cmd *cobra.Command, ids []string) error { return a.seal(cmd.Context(), flags.PolicyOptions, ids) },
	}
	flags.register(cmd)
	return cmd
}

func (a *app) seal(ctx context.Context, flags setup.PolicyOptions, ids []string) error {
	full, err := a.scanAll(ctx, flags, false)
	if err != nil {
		return err
	}
	defer full.Close()
	if full.in.Waivers == nil {
		return fmt.Errorf("there is no %s", waiver.Path)
	}
	var edits []source.Edit
	var sealed []string
	left := slices.Clone(ids)
	for i := range full.in.Waivers.Waivers {
		w := &full.in.Waivers.Waivers[i]
		left = slices.DeleteFunc(left, func(id string) bool { return id == w.ID })
		if len(ids) == 0 && len(w.Digests) > 0 || len(ids) > 0 && !slices.Contains(ids, w.ID) {
			continue
		}
		digests := full.digests(w)
		if len(digests) == 0 {
			if err := a.say("%s is about nothing that was found; it stays as it is.", w.ID); err != nil {
				return err
			}
			continue
		}
		some, err := waiver.Seal(full.in.Waivers, w, digests)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", waiver.Path, w.ID, err)
		}
		if edits = append(edits, some...); len(some) > 0 {
			sealed = append(sealed, w.ID)
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%s has no entry %s", waiver.Path, strings.Join(left, ", "))
	}
	if len(sealed) == 0 {
		return a.say("Nothing changed.")
	}
	content, err := source.Apply(full.in.Waivers.File.Content, edits)
	if err != nil {
		return err
	}
	if err := full.write(waiver.Path, content); err != nil {
		return err
	}
	return a.say("Sealed %s. The change of an entry has to be approved.", strings.Join(sealed, ", "))
}

func newWaiveList(a *app) *cobra.Command {
	var flags policyFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the waivers: whether they are approved, and when they end",
		Long: `List the entries of .holdfast/waivers.yaml: what Git proves about them, how many
findings they waive, and when they end.

Exit codes: 0 listed, 2 the list cannot be read.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listWaivers(cmd.Context(), flags.PolicyOptions) },
	}
	flags.register(cmd)
	return cmd
}

func (a *app) listWaivers(ctx context.Context, flags setup.PolicyOptions) error {
	full, err := a.scanAll(ctx, flags, true)
	if err != nil {
		return err
	}
	defer full.Close()
	if full.in.Waivers == nil {
		return a.say("There are no waivers that can be read in %s.", waiver.Path)
	}
	uses := map[string]int{}
	for _, e := range full.outcome.All {
		if e.Status == triage.Waived {
			uses[e.By]++
		}
	}
	p := a.printer()
	rows := table{}
	for i := range full.in.Waivers.Waivers {
		w := &full.in.Waivers.Waivers[i]
		rows.add(row{cells: []string{w.ID, w.Policy, w.Match.Resource, proof(full.in.Approvals[w.ID]), ending(w, full.in), fmt.Sprintf("waives %d", uses[w.ID])}})
	}
	rows.print(p)
	return p.Err()
}

func proof(a triage.Approval) string {
	switch {
	case a.Unproven:
		return "unproven"
	case a.Signer.Identity != "":
		return "approved by " + a.Signer.Identity
	}
	return "requested"
}

func ending(w *waiver.Waiver, in triage.Input) string {
	if w.Expires.Over(in.Now) {
		return "expired on " + w.Expires.String()
	}
	return fmt.Sprintf("ends %s (%s)", w.Expires, report.Plural(w.Expires.Days(in.Now), "day", "days"))
}
