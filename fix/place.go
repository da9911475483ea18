package fix

import (
	"slices"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
)

// place is where the root of a resource is written: in the document that holds the
// byte at an offset, at a path.
type place struct {
	dialect resource.Dialect
	offset  int
	path    resource.Path
}

// below returns changes of the resource as those of its document.
func (p place) below(changes []edit.Change) []edit.Change {
	out := slices.Clone(changes)
	for i := range out {
		out[i].Path = append(slices.Clip(p.path), out[i].Path...)
	}
	return out
}

// written returns the place of a resource that is a part of a file as it stands.
func written(r *resource.Resource) (place, error) {
	if r.ID.Platform != resource.Kubernetes {
		return place{}, refuse("files of %s are not edited", r.ID.Platform)
	}
	at := place{offset: r.Origin.Span.Start}
	if r.Root.Span == r.Origin.Span {
		return at, nil
	}
	documents, err := resource.Parse(r.Origin.File)
	if err != nil {
		return place{}, err
	}
	for _, doc := range documents {
		for _, o := range resource.Objects(doc) {
			if doc.Index == r.Origin.Document && o.Span == r.Root.Span {
				at.path = o.Path
				return at, nil
			}
		}
	}
	return place{}, refuse("the object is not found in its document")
}
