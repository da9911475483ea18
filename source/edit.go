package source

import (
	"fmt"
	"slices"
)

// Edit replaces the bytes of a span. An empty span inserts before its start.
type Edit struct {
	Span Span
	New  string
}

// EditError reports an edit that cannot be applied.
type EditError struct {
	Edit   Edit
	Reason string
}

func (e *EditError) Error() string {
	return fmt.Sprintf("edit of bytes %d to %d: %s", e.Edit.Span.Start, e.Edit.Span.End, e.Reason)
}

// Apply returns content with all edits made, in any order given; content itself
// stays as it is. Spans refer to content before any edit. Edits that overlap, and
// two insertions at one place, give an EditError, because their order would be a
// guess; so do spans that are not within content.
func Apply(content []byte, edits []Edit) ([]byte, error) {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int {
		if a.Span.Start != b.Span.Start {
			return a.Span.Start - b.Span.Start
		}
		return a.Span.End - b.Span.End
	})
	var out []byte
	done := 0
	for i, e := range edits {
		if e.Span.Start < 0 || e.Span.End < e.Span.Start || e.Span.End > len(content) {
			return nil, &EditError{Edit: e, Reason: fmt.Sprintf("not within the %d bytes of the file", len(content))}
		}
		if e.Span.Start < done || i > 0 && e.Span == edits[i-1].Span {
			return nil, &EditError{Edit: e, Reason: "overlaps another edit"}
		}
		out = append(out, content[done:e.Span.Start]...)
		out = append(out, e.New...)
		done = e.Span.End
	}
	return append(out, content[done:]...), nil
}
