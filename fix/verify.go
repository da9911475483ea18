package fix

import (
	"context"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// rendered makes the first of some fixes whose rendered resources are as they
// should be afterwards.
func (s *state) rendered(ctx context.Context, all []*finding.Finding) (changed bool, err error) {
	for _, f := range all {
		s.tried[key(f)] = true
		name := f.Fix.File.Path
		after, err := source.Apply(f.Fix.File.Content, f.Fix.Edits)
		if err != nil {
			return false, err
		}
		tree := source.Overlay(s.tree, map[string][]byte{name: after})
		why, err := s.verify(ctx, f, tree, name)
		if err != nil {
			return false, err
		}
		if why == "" {
			s.out.Files[name] = after
			s.tree = source.Overlay(s.base, s.out.Files)
			return true, nil
		}
		s.out.Failed[f.Fingerprint] = why
	}
	return false, nil
}

// verify renders what a file has a part in, before and after a fix of one finding.
// What has the same cause is mended too; nothing else may change.
func (s *state) verify(ctx context.Context, f *finding.Finding, tree source.Tree, name string) (why string, err error) {
	before, err := s.Judge(ctx, s.tree, []string{name})
	if err != nil {
		return "", err
	}
	after, err := s.Judge(ctx, tree, []string{name})
	if err != nil {
		return "", err
	}
	if len(before.Resources) != len(after.Resources) {
		return "it changes which objects are rendered", nil
	}
	wanted, err := s.expected(ctx, before, f)
	if err != nil {
		return "", err
	}
	for i, old := range before.Resources {
		got, want := after.Resources[i], old.Root
		if expected, ok := wanted[old]; ok {
			want = expected
		}
		if old.ID.Key() != got.ID.Key() || !edit.Equal(got.Root, want) {
			return "rendered again, " + old.ID.String() + " is not as it should be", nil
		}
	}
	old := map[string]bool{}
	for _, one := range before.All {
		old[one.Fingerprint] = true
	}
	for _, one := range after.All {
		if one.Fingerprint == f.Fingerprint {
			return "it does not mend the problem", nil
		}
		if !old[one.Fingerprint] {
			return "it would give rise to " + one.Rule.ID, nil
		}
	}
	return "", nil
}

// expected returns what the resources with findings of one cause should become.
func (s *state) expected(ctx context.Context, before *Judged, of *finding.Finding) (map[*resource.Resource]*resource.Value, error) {
	wanted := map[*resource.Resource]*resource.Value{}
	for _, f := range before.All {
		if f.Cause != of.Cause {
			continue
		}
		r, set, stage := before.On(f)
		mends, err := s.Policies.Mends(ctx, r, set, stage, f.Rule.ID, f.Path)
		if err != nil {
			return nil, err
		}
		root := r.Root
		if known, ok := wanted[r]; ok {
			root = known
		}
		for _, mend := range mends {
			if mend.Fix.Class != of.Fix.Class || mend.Fix.Note != of.Fix.Note {
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
