package fix

import (
	"context"
	"strings"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/edit/hcledit"
	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// configuration turns changes of a resource of Terraform into edits of its block. What
// others see of the resource is known only when everything is evaluated again, which
// Run does; here the policies judge the resource as it is meant to be.
func (f *Fixer) configuration(ctx context.Context, j *judged, one *finding.Finding, changes []edit.Change) (*source.File, []source.Edit, error) {
	at := j.r.Locate(nil)
	if at.File == nil || strings.HasSuffix(at.File.Path, ".json") {
		return nil, nil, refuse("it is in no block of a file")
	}
	if !at.Exact {
		return nil, nil, refuse("it is declared in a module that was fetched")
	}
	edits, err := hcledit.Edits(at.File, at.Span.Start, changes)
	if err != nil {
		return nil, nil, err
	}
	root := j.r.Root
	for _, c := range changes {
		if root, err = edit.Make(root, c); err != nil {
			return nil, nil, err
		}
	}
	after := &resource.Resource{ID: j.r.ID, Root: root, Origin: j.r.Origin}
	return at.File, edits, j.mended(ctx, after, one)
}
