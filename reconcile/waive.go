package reconcile

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/gate"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
)

// Waivers honours what a source's waivers accept, as far as its history proves
// that they were approved.
type Waivers struct {
	repo      triage.Repository
	verify    config.Verify
	bootstrap func() (*integrity.Signers, error)
}

// Waivers returns those of the source.
func (f *Follower) Waivers() *Waivers { return &Waivers{f.Mirror, f.Config.Verify, f.bootstrap} }

// authority returns who may approve at a commit that was accepted: its own list,
// or the operator's if it has none.
func (w *Waivers) authority(tree source.Tree) (triage.Authority, error) {
	if w.verify.Off {
		return triage.Authority{}, nil
	}
	who, err := triage.LoadAuthority(tree, w.verify.Signers, w.verify.Keys)
	if err != nil || who.Signers != nil {
		return who, err
	}
	if who.Signers, err = w.bootstrap(); err != nil || who.Signers == nil {
		return triage.Authority{}, err
	}
	who.Approvers, err = integrity.LoadApprovers(tree, "")
	return who, err
}

// waive finds out which findings are waived. What was read for it is noted with
// what the verdict on the revision depends on.
func (r *run) waive(ctx context.Context) error {
	r.waived = gate.Waived{}
	if r.Waivers == nil || len(r.judgement.Findings) == 0 {
		return nil
	}
	recorder := source.Record(r.tree)
	in := triage.Input{Findings: r.judgement.Findings, Now: time.Now(), Environments: r.environments}
	var noAuthority error
	problems, err := in.Load(ctx, triage.Context{
		Judged: recorder, Repo: r.Waivers.repo, Commit: r.rev.Commit,
		Authority: func(context.Context) (who triage.Authority, err error) {
			who, noAuthority = r.Waivers.authority(recorder)
			return who, nil
		},
	})
	r.rendering.Deps = r.rendering.Deps.Merge(recorder.Deps())
	if err != nil {
		return err
	}
	if noAuthority != nil { // the files that name signers and approvers cannot be read
		in.Approvals = nil
		r.waived.Problems = append(r.waived.Problems, noAuthority.Error())
	}
	for _, p := range problems {
		r.waived.Problems = append(r.waived.Problems, p.Error())
	}
	in.Baseline = nil // what already runs is known better
	outcome := triage.Run(in)
	for _, e := range outcome.All {
		switch e.Status {
		case triage.Waived:
			r.waived.Findings = append(r.waived.Findings, e.Finding)
		case triage.Requested:
			r.waived.Requested = append(r.waived.Requested, fmt.Sprintf("%s for %s: %s", e.By, e.Rule.ID, e.Note))
		}
	}
	slices.Sort(r.waived.Requested)
	r.waived.Requested = slices.Compact(r.waived.Requested)
	for _, e := range outcome.Expiring(in.Now) {
		r.waived.Expiring = append(r.waived.Expiring, fmt.Sprintf("%s ends on %s", e.By, e.Expires))
	}
	return nil
}

// environments are the names that waivers may use for where the application runs:
// its own, that of its cluster, and those of its folders.
func (r *run) environments(f *finding.Finding) []string {
	return append([]string{r.App.Name, r.App.Cluster}, triage.Environments(f)...)
}
