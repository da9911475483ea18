package fix

import (
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// place is where a resource is written: in the document that holds the byte at an
// offset, at a path.
type place struct {
	dialect resource.Dialect
	offset  int
	path    resource.Path
	lines   bool            // it is a file of lines: values are replaced by their spans
	root    *resource.Value // the document, where it is not the resource's own tree
}

// edits returns the edits that make changes of what is written.
func (p place) edits(file *source.File, changes []edit.Change) ([]source.Edit, error) {
	if p.lines {
		return lineEdits(file, p.root, changes)
	}
	below := slices.Clone(changes)
	for i := range below {
		below[i].Path = append(slices.Clip(p.path), below[i].Path...)
	}
	return edit.Text(file, p.dialect, p.offset, below...)
}

// written returns the place of a resource.
func written(r *resource.Resource) (place, error) {
	file := r.Origin.File
	switch {
	case r.Origin.Locator != nil || file == nil:
		return place{}, nil
	case r.ID.Platform == resource.Dockerfile:
		return place{lines: true, root: r.Root}, nil
	case r.ID.Platform != resource.Kubernetes:
		dialect := resource.YAML11
		if r.ID.Platform == resource.GitHubActions {
			dialect = resource.YAML12
		}
		documents, err := resource.ParseDialect(file, dialect)
		if err != nil || len(documents) != 1 {
			return place{}, refuse("%s is not one document", file.Path)
		}
		return place{dialect: dialect, offset: documents[0].Span.Start, root: documents[0].Root}, nil
	}
	at := place{offset: r.Origin.Span.Start}
	if r.Root.Span == r.Origin.Span {
		return at, nil
	}
	documents, err := resource.Parse(file)
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

// errNotOfLines is why a file of lines is not edited.
var errNotOfLines = &edit.Refusal{Reason: "the value has no text of its own in the line"}

// lineEdits makes changes in a file of lines, such as a Dockerfile. Its tree is not
// its text: a value that is set has its text replaced, and one that is removed, an
// instruction or a word of one, goes with the space before it.
func lineEdits(file *source.File, root *resource.Value, changes []edit.Change) (edits []source.Edit, err error) {
	for _, c := range changes {
		v := root.At(c.Path)
		if v == nil || v.Span.Start >= v.Span.End || v.Span.End > len(file.Content) {
			return nil, errNotOfLines
		}
		one := source.Edit{Span: v.Span}
		if text := string(file.Content[v.Span.Start:v.Span.End]); v.Kind == resource.String && strings.Trim(text, `"'`) != v.Str {
			return nil, errNotOfLines // variables or escapes made it
		}
		switch {
		case c.Op == edit.Set && c.Value.Kind == resource.String:
			one.New = c.Value.Str
		case c.Op == edit.Remove && v.Get("instruction") != nil:
			one.Span.Start = file.Line(file.Position(v.Span.Start).Line).Start
			if one.Span.End < len(file.Content) {
				one.Span.End = lineAfter(file, one.Span.End)
			}
		case c.Op == edit.Remove && v.Kind < resource.List:
			for one.Span.Start > 0 && file.Content[one.Span.Start-1] == ' ' {
				one.Span.Start--
			}
		default:
			return nil, errNotOfLines
		}
		edits = append(edits, one)
	}
	return edits, nil
}

func lineAfter(file *source.File, at int) int {
	if next := file.Line(file.Position(at).Line + 1); !next.IsZero() {
		return next.Start
	}
	return len(file.Content)
}
