package resource

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-dev/holdfast/source"
)

// Document is one document of a file. Documents without a value, such as those
// that hold only comments, are left out, but counted by Index.
type Document struct {
	Index int         // position among all documents of the file, from 0
	Root  *Value      // never null
	Span  source.Span // of Root: no markers, and no comments before or after it

	// Tags are those of the application, such as !Ref, by the values that have them.
	// JSON and most YAML have none.
	Tags map[*Value]Tag
}

// Tag is a tag of YAML before a value.
type Tag struct {
	Name  string // with its exclamation mark
	Start int    // offset in the file
}

// ErrLimit is matched by the SyntaxError of a document that would need more
// depth or more copies of its anchors than any real one.
var ErrLimit = errors.New("limit exceeded")

const (
	// maxDepth is how deep values may nest. The deepest in use, definitions
	// of custom resources, have about 60 levels.
	maxDepth = 1000
	// maxAliased is how many bytes the aliases of one file may add to it.
	maxAliased = 16 << 20
)

// SyntaxError reports text that cannot be read.
type SyntaxError struct {
	Path     string
	Position source.Position
	Message  string
	Err      error // ErrLimit or nil
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Position.Line, e.Position.Column, e.Message)
}

func (e *SyntaxError) Unwrap() error { return e.Err }

func syntaxError(file *source.File, offset int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Path: file.Path, Position: file.Position(offset), Message: fmt.Sprintf(format, args...)}
}

func depthError(file *source.File, offset int) *SyntaxError {
	e := syntaxError(file, offset, "values nest deeper than %d levels", maxDepth)
	e.Err = ErrLimit
	return e
}

// Parse reads a file as JSON when its name ends in .json, and as YAML when it
// does not. Errors are as those of ParseYAML.
func Parse(file *source.File) ([]Document, error) {
	if !strings.EqualFold(path.Ext(file.Path), ".json") {
		return ParseYAML(file)
	}
	doc, err := ParseJSON(file)
	if err != nil || doc.Root.Kind == Null {
		return nil, err
	}
	return []Document{doc}, nil
}

// checkText returns an error for the first byte that no YAML text can hold, and
// its offset.
func checkText(file *source.File) (int, error) {
	text := file.Content
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case c >= 0x20 && c < 0x7f || c == '\n' || c == '\t' || c == '\r':
			i++
			continue
		case c == 0 && i < 4 || (c == 0xff || c == 0xfe) && i == 0:
			return i, syntaxError(file, i, "the file is not UTF-8 text; save it as UTF-8")
		case c < utf8.RuneSelf:
			return i, syntaxError(file, i, "control character U+%04X is not allowed; write it as an escape in double quotes", c)
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return i, syntaxError(file, i, "the text is not valid UTF-8 (byte 0x%02X); save the file as UTF-8", c)
		case r != 0x85 && r < 0xa0 || r == 0xfffe || r == 0xffff:
			return i, syntaxError(file, i, "control character U+%04X is not allowed; write it as an escape in double quotes", r)
		}
		i += size
	}
	return len(text), nil
}
