package safeguard

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Report is what was found out about a step.
type Report struct {
	Changes  []Change
	Findings []*finding.Finding  // the worst first
	Problems []integrity.Problem // one for each finding, in the same order
}

// Check compares two trees and judges what was lost by the policies for changes.
// Who changes them must not choose them: the evaluator is that of the one who
// verifies, or of the earlier tree. An error means that nothing is known: hold.
func Check(ctx context.Context, evaluator policy.Evaluator, before, after source.Tree, changed []string, step Step) (Report, error) {
	changes, err := Compare(ctx, before, after, changed)
	if err != nil {
		return Report{}, err
	}
	changes = guarded(changes, after, step)
	found, err := Judge(ctx, evaluator, changes, step)
	if err != nil {
		return Report{Changes: changes}, err
	}
	paths := map[string]string{}
	for i, r := range Resources(changes, step) {
		paths[r.ID.Key()] = changes[i].Path
	}
	report := Report{Changes: changes, Findings: found}
	for _, f := range found {
		report.Problems = append(report.Problems, problem(f, paths[f.Subject.Key()], step))
	}
	return report, nil
}

// guarded adds the loss of files that the trust file lists as safeguards and that
// nothing is known of besides.
func guarded(changes []Change, after source.Tree, step Step) []Change {
	for i := range changes {
		c := &changes[i]
		if c.Kind != File || step.Guards == nil || !step.Guards(c.Path) {
			continue
		}
		if e, err := after.Stat(c.Path); err != nil || !e.Mode.Regular() {
			c.Loss, c.Text = "removed", c.Path+", which is listed as a safeguard, is gone"
		}
	}
	slices.SortStableFunc(changes, lossFirst)
	return changes
}

// Judge asks the policies about changes. The error joins what could not be
// evaluated.
func Judge(ctx context.Context, evaluator policy.Evaluator, changes []Change, step Step) (all []*finding.Finding, err error) {
	resources := Resources(changes, step)
	set := resource.NewSet(resources)
	var errs []error
	for _, r := range resources {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		results := evaluator.Evaluate(ctx, nil, r, set, policy.Declared)
		for _, result := range results {
			switch result.Verdict {
			case policy.Error:
				errs = append(errs, fmt.Errorf("policy %s on %s: %w", result.Policy.ID, r.ID, result.Err))
			case policy.Unknown:
				errs = append(errs, fmt.Errorf("policy %s on %s depends on what is not known: %s", result.Policy.ID, r.ID, result.Reason))
			}
		}
		all = append(all, policy.Findings(r, results, policy.Declared)...)
	}
	finding.Sort(all)
	return all, errors.Join(errs...)
}

// Resources returns changes as what policies judge.
func Resources(changes []Change, step Step) []*resource.Resource {
	all := make([]*resource.Resource, len(changes))
	for i := range changes {
		all[i] = changes[i].resource(step)
	}
	return all
}

// problem says what a finding means for the commit: what is high or worse is
// refused unless enough people approved it, the rest is told.
func problem(f *finding.Finding, path string, step Step) integrity.Problem {
	p := integrity.Problem{
		Code: integrity.SafeguardRemoved, Decision: integrity.Warn, Commit: step.Commit, Path: path,
		Message: fmt.Sprintf("%s (%s)", f.Message, f.Rule.ID), Hint: f.Rule.Remediation,
	}
	if f.Subject.Kind == string(Attributes) {
		p.Code = integrity.TreeAttr
	}
	if f.Severity >= finding.High && (step.Approved == nil || !step.Approved(path)) {
		p.Decision = p.Code.Decision()
	}
	return p
}

// Worst returns the decision about a step: Allow if there are no problems.
func (r Report) Worst() integrity.Decision {
	worst := integrity.Allow
	for _, p := range r.Problems {
		worst = max(worst, p.Decision)
	}
	return worst
}

// Changed lists the paths at which two trees differ, sorted. Directories of one
// content identity are not opened.
func Changed(ctx context.Context, before, after source.Tree) (paths []string, err error) {
	if before == nil {
		before = source.Memory(nil)
	}
	err = differ(ctx, before, after, ".", &paths)
	slices.Sort(paths)
	return slices.Compact(paths), err
}

func differ(ctx context.Context, before, after source.Tree, dir string, paths *[]string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	old, err := list(before, dir)
	if err != nil {
		return err
	}
	now, err := list(after, dir)
	if err != nil {
		return err
	}
	names := map[string]bool{}
	for name := range old {
		names[name] = true
	}
	for name := range now {
		names[name] = true
	}
	for name := range names {
		a, had := old[name]
		b, has := now[name]
		full := path.Join(dir, name)
		if had && has && a.Mode == b.Mode && a.ID != "" && a.ID == b.ID {
			continue
		}
		if had && a.Mode == source.ModeDir || has && b.Mode == source.ModeDir {
			if err := differ(ctx, before, after, full, paths); err != nil {
				return err
			}
			if had && has && a.Mode == b.Mode || !had && b.Mode == source.ModeDir || !has && a.Mode == source.ModeDir {
				continue
			}
		}
		if had && has && a.ID == "" && a.Mode == b.Mode && a.Mode.Regular() && same(before, after, full) {
			continue
		}
		*paths = append(*paths, full)
	}
	return nil
}

func list(tree source.Tree, dir string) (map[string]source.Entry, error) {
	entries, err := tree.ReadDir(dir)
	var kind *source.KindError
	if source.IsNotExist(err) || errors.As(err, &kind) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := map[string]source.Entry{}
	for _, e := range entries {
		all[e.Name] = e
	}
	return all, nil
}

func same(a, b source.Tree, name string) bool {
	x, err1 := a.ReadFile(name)
	y, err2 := b.ReadFile(name)
	return err1 == nil && err2 == nil && string(x) == string(y)
}
