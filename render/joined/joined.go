// Package joined reads several files as one, for formats in which files include
// others or belong together. The files stand one behind the other in one text:
//
//	offset  0            len(a)+1
//	        [ file a ] \n [ file b ] …
//
// The spans of values are those in the joined text, so that whatever is made of
// them keeps its place, also in lists and maps that take from more than one file.
// Locate leads back to the file.
package joined

import (
	"sort"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Files are files that are read as one. The zero value has none.
type Files struct {
	files   []*source.File
	bases   []int
	content []byte
}

// Add puts a file behind the others, and returns where it starts.
func (f *Files) Add(file *source.File) (base int) {
	if len(f.files) == 0 {
		f.content = file.Content[:len(file.Content):len(file.Content)]
	} else {
		f.content = append(f.content, '\n')
		base = len(f.content)
		f.content = append(f.content, file.Content...)
	}
	f.files = append(f.files, file)
	f.bases = append(f.bases, base)
	return base
}

// Content returns the joined text.
func (f *Files) Content() []byte { return f.content }

// Paths returns the paths of all files, in the order in which they were added.
func (f *Files) Paths() (all []string) {
	for _, file := range f.files {
		all = append(all, file.Path)
	}
	return all
}

// Shift returns a copy of a value of the file that starts at base, with its spans
// in the joined text.
func Shift(v *resource.Value, base int) *resource.Value {
	if v == nil || base == 0 {
		return v
	}
	out := *v
	out.Span = shifted(v.Span, base)
	if len(v.Items) > 0 {
		out.Items = make([]*resource.Value, len(v.Items))
		for i, item := range v.Items {
			out.Items[i] = Shift(item, base)
		}
	}
	if len(v.Fields) > 0 {
		out.Fields = make([]resource.Field, len(v.Fields))
		for i, field := range v.Fields {
			out.Fields[i] = resource.Field{Key: field.Key, KeySpan: shifted(field.KeySpan, base), Value: Shift(field.Value, base)}
		}
	}
	return &out
}

func shifted(s source.Span, by int) source.Span {
	return source.Span{Start: s.Start + by, End: s.End + by}
}

// Locate returns the file in which a span of the joined text is, and the span
// there.
func (f *Files) Locate(span source.Span) (*source.File, source.Span) {
	if len(f.files) == 0 {
		return nil, span
	}
	i := sort.SearchInts(f.bases, span.Start+1) - 1
	i = max(i, 0)
	span = shifted(span, -f.bases[i])
	size := len(f.files[i].Content)
	// What takes from more than one file ends with the first.
	return f.files[i], source.Span{Start: min(span.Start, size), End: min(span.End, size)}
}

// Locator returns what finds the places of a resource whose tree has spans in the
// joined text. With one file there is nothing to find, and it is nil.
func (f *Files) Locator(root *resource.Value) func(resource.Path) (resource.Location, bool) {
	if len(f.files) < 2 {
		return nil
	}
	whole := &resource.Resource{Root: root}
	return func(path resource.Path) (resource.Location, bool) {
		file, span := f.Locate(whole.Locate(path).Span)
		return resource.Location{File: file, Span: span, Exact: true}, true
	}
}
