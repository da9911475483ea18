package workflow

import (
	"github.com/holdfast-dev/holdfast/render/scalar"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// placer finds the places of the parts of a string in its file.
type placer struct {
	file  *source.File
	value *resource.Value

	places *scalar.Places
}

// span returns the place of the string's bytes from start to end; of the whole
// value if it cannot be told, as for aliases.
func (p *placer) span(start, end int) source.Span {
	if p.places == nil {
		p.places = scalar.New(p.file.Content, p.value)
	}
	return p.places.Span(start, end)
}
