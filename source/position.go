package source

import (
	"sort"
	"sync"
	"unicode/utf8"
)

// Span is the half-open range of bytes [Start, End) in a file's content. The
// zero Span means "no position known".
type Span struct{ Start, End int }

// IsZero reports whether the span is unknown.
func (s Span) IsZero() bool { return s == Span{} }

// Position is a place as people and other tools write it.
type Position struct {
	Line   int // from 1
	Column int // from 1, in Unicode code points
}

// File is a file's path and content, and converts offsets to positions.
type File struct {
	Path    string // relative to the tree's root
	Content []byte

	once  sync.Once
	lines []int // offset of each line's first byte
}

// NewFile returns a File. The content must not change afterwards.
func NewFile(path string, content []byte) *File {
	return &File{Path: path, Content: content}
}

// Position converts a byte offset to a line and column. Offsets outside the
// content are clamped to it.
func (f *File) Position(offset int) Position {
	offset = min(max(offset, 0), len(f.Content))
	lines := f.lineStarts()
	line := sort.SearchInts(lines, offset+1) - 1
	return Position{Line: line + 1, Column: utf8.RuneCount(f.Content[lines[line]:offset]) + 1}
}

// Line returns the span of a line, counted from 1, without its line ending. A
// line that does not exist gives the zero Span.
func (f *File) Line(line int) Span {
	lines := f.lineStarts()
	if line < 1 || line > len(lines) {
		return Span{}
	}
	s := Span{Start: lines[line-1], End: len(f.Content)}
	if line < len(lines) {
		s.End = lines[line] - 1
	}
	if s.End > s.Start && f.Content[s.End-1] == '\r' {
		s.End--
	}
	return s
}

// Lines returns the number of lines; a final line ending starts another.
func (f *File) Lines() int { return len(f.lineStarts()) }

func (f *File) lineStarts() []int {
	f.once.Do(func() {
		f.lines = append(f.lines, 0)
		for i, b := range f.Content {
			if b == '\n' {
				f.lines = append(f.lines, i+1)
			}
		}
	})
	return f.lines
}
