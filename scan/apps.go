package scan

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/gitops"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// maxAppDepth bounds applications that render applications.
const maxAppDepth = 5

// apps renders what objects of Argo CD and Flux among the resources say to render,
// and what those say that they render. What is rendered already, and in the same
// way, is only marked with the object.
func (s *Scanner) apps(ctx context.Context, tree source.Tree, units []render.Unit, rendered []*render.Result) ([]render.Unit, []*render.Result, error) {
	reach := gitops.Reach{Tree: tree}
	known := map[string]bool{}
	for fresh, depth := 0, 0; ; depth++ {
		var all, some []*resource.Resource
		for i, result := range rendered {
			all = append(all, result.Resources...)
			if i >= fresh {
				some = append(some, result.Resources...)
			}
		}
		some = slices.DeleteFunc(some, func(r *resource.Resource) bool { return !gitops.Is(r) })
		if len(some) == 0 {
			return units, rendered, nil
		}
		if reach.Remotes == nil && s.Remotes != nil {
			reach.Remotes = s.Remotes(ctx)
		}
		found := gitops.Find(reach, some, all)
		rendered = append(rendered, &render.Result{Skipped: found.Skipped})
		units = append(units, render.NewUnit("", "", nil, nil))
		fresh = len(units)
		for _, u := range found.Units {
			key := fmt.Sprintf("%s %s %+v", u.Path, u.Renderer, optionsKey(u.Options))
			switch same := sameUnit(units, u); {
			case known[key]:
			case same >= 0:
				comeBy(rendered[same], u.Via)
			case depth >= maxAppDepth || len(known) >= gitops.MaxUnits:
				rendered[fresh-1].Problems = []render.Problem{{
					Path: u.Via[0], Message: fmt.Sprintf("there are more than %d applications, or more than %d that render each other", gitops.MaxUnits, maxAppDepth),
					Hint: "Scan the parts of the tree one by one.",
				}}
			default:
				units = append(units, u)
			}
			known[key] = true
		}
		results := make([]*render.Result, len(units)-fresh)
		err := s.each(ctx, "rendering", len(results), false, func(ctx context.Context, i int) (err error) {
			results[i], err = s.unit(ctx, tree, units[fresh+i])
			if err == nil {
				comeBy(results[i], units[fresh+i].Via)
			}
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		rendered = append(rendered, results...)
	}
}

// optionsKey is what tells options apart.
func optionsKey(opts *render.Options) render.Options {
	if opts == nil {
		return render.Options{}
	}
	key := *opts
	key.Given = nil
	return key
}

// sameUnit returns the index of the unit that renders to the same, or -1.
func sameUnit(units []render.Unit, u render.Unit) int {
	return slices.IndexFunc(units, func(other render.Unit) bool {
		return u.Options == nil && other.Options == nil && other.Path == u.Path && other.Renderer == u.Renderer
	})
}

// comeBy adds files to those by way of which the resources of a result came.
func comeBy(result *render.Result, files []string) {
	for _, r := range result.Resources {
		via := slices.Clone(r.Origin.Via)
		for _, name := range files {
			if !slices.Contains(via, name) {
				via = append(via, name)
			}
		}
		r.Origin.Via = via
	}
}

// compareSkipped orders what was passed over by place.
func compareSkipped(a, b render.Skipped) int {
	return cmp.Or(
		cmp.Compare(a.Path, b.Path), cmp.Compare(a.Position.Line, b.Position.Line),
		cmp.Compare(a.Position.Column, b.Position.Column), cmp.Compare(a.Reason, b.Reason),
	)
}
