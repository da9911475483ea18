package fix

import (
	"context"
	"maps"
	"slices"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// rendered makes those of some fixes whose rendered resources are as they should be
// afterwards. It tries all of them at once, and halves of what cannot be made.
func (s *state) rendered(ctx context.Context, all []*finding.Finding) (changed bool, err error) {
	for {
		var batch []*finding.Finding
		files := map[string][]source.Edit{}
		for _, f := range all {
			if name := f.Fix.File.Path; !s.tried[key(f)] && apart(files[name], f.Fix.Edits) {
				files[name] = append(files[name], f.Fix.Edits...)
				batch = append(batch, f)
			}
		}
		if changed, err = s.batch(ctx, batch); err != nil || changed || len(batch) == 0 {
			return changed, err
		}
	}
}

func (s *state) batch(ctx context.Context, all []*finding.Finding) (changed bool, err error) {
	if len(all) == 0 {
		return false, nil
	}
	files, err := edited(all)
	if err != nil {
		return false, err
	}
	why, err := s.verify(ctx, all, files)
	switch {
	case err != nil:
		return false, err
	case why == "":
		maps.Copy(s.out.Files, files)
		s.tree = source.Overlay(s.base, s.out.Files)
		return true, nil
	case len(all) == 1:
		s.tried[key(all[0])] = true
		s.out.Failed[all[0].Fingerprint] = why
		return false, nil
	}
	half := len(all) / 2
	if changed, err = s.batch(ctx, all[:half]); err != nil || changed {
		return changed, err // the other half is about files as they were before
	}
	return s.batch(ctx, all[half:])
}

// edited returns files with the fixes of some findings made.
func edited(all []*finding.Finding) (map[string][]byte, error) {
	edits, content := map[string][]source.Edit{}, map[string][]byte{}
	for _, f := range all {
		name := f.Fix.File.Path
		edits[name], content[name] = append(edits[name], f.Fix.Edits...), f.Fix.File.Content
	}
	for name := range edits {
		var err error
		if content[name], err = source.Apply(content[name], edits[name]); err != nil {
			return nil, err
		}
	}
	return content, nil
}

// verify renders what files have a part in, before and after the fixes of some
// findings, and says what is not as it should be. What the same edits are for is
// mended too; nothing else may change.
func (s *state) verify(ctx context.Context, all []*finding.Finding, files map[string][]byte) (why string, err error) {
	names := slices.Sorted(maps.Keys(files))
	before, err := s.Judge(ctx, s.tree, names)
	if err != nil {
		return "", err
	}
	after, err := s.Judge(ctx, source.Overlay(s.tree, files), names)
	if err != nil {
		return "", err
	}
	if len(before.Resources) != len(after.Resources) {
		return "it changes which objects are rendered", nil
	}
	wanted, err := s.expected(ctx, before, all)
	if err != nil {
		return "", err
	}
	for i, old := range before.Resources {
		if old.ID.Platform == resource.HelmChart {
			continue // it is the chart's own files, which are what changes
		}
		got, want := after.Resources[i], old.Root
		if expected, ok := wanted[old]; ok {
			want = expected
		}
		if old.ID.Key() != got.ID.Key() || !edit.Equal(got.Root, want) {
			return "rendered again, " + old.ID.String() + " is not as it should be", nil
		}
	}
	return objections(before, after, all), nil
}

// objections says what is found after fixes that should not be.
func objections(before, after *Judged, fixed []*finding.Finding) string {
	old, mended := map[string]bool{}, map[string]bool{}
	for _, f := range before.All {
		old[f.Fingerprint] = true
	}
	for _, f := range fixed {
		mended[f.Fingerprint] = true
	}
	for _, f := range after.All {
		switch {
		case mended[f.Fingerprint]:
			return "it does not mend the problem"
		case !old[f.Fingerprint]:
			return "it would give rise to " + f.Rule.ID
		}
	}
	return ""
}

// same reports whether two fixes are the same edits.
func same(a, b *finding.Fix) bool {
	return a.Automatic() && b.Automatic() && a.File.Path == b.File.Path && slices.Equal(a.Edits, b.Edits)
}

// expected returns what the resources should become whose findings are mended by the
// edits of some fixes.
func (s *state) expected(ctx context.Context, before *Judged, fixed []*finding.Finding) (map[*resource.Resource]*resource.Value, error) {
	wanted := map[*resource.Resource]*resource.Value{}
	for _, f := range before.All {
		if !slices.ContainsFunc(fixed, func(one *finding.Finding) bool { return same(one.Fix, f.Fix) }) {
			continue
		}
		r, set, stage := before.On(f)
		root := r.Root
		if known, ok := wanted[r]; ok {
			root = known
		}
		judged := *r
		judged.Root = root
		mends, err := s.Policies.Mends(ctx, policy.Failing{Policy: f.Rule.ID, Path: f.Path, Resource: &judged, Set: set, Stage: stage})
		if err != nil {
			return nil, err
		}
		for _, mend := range mends {
			if mend.Fix.Class != f.Fix.Class || mend.Fix.Note != f.Fix.Note {
				continue
			}
			for _, c := range mend.Changes {
				if root, err = edit.Make(root, c); err != nil {
					return nil, err
				}
			}
			break
		}
		wanted[r] = root
	}
	return wanted, nil
}
