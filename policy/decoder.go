package policy

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// FileError is one mistake in a policy file.
type FileError struct {
	File       *source.File
	Span       source.Span
	Message    string
	Suggestion string // what to do; may be empty
}

// Position returns where the mistake is.
func (e *FileError) Position() source.Position { return e.File.Position(e.Span.Start) }

func (e *FileError) Error() string {
	at := e.Position()
	text := fmt.Sprintf("%s:%d:%d: %s", e.File.Path, at.Line, at.Column, e.Message)
	if e.Suggestion != "" {
		text += "\n  " + e.Suggestion
	}
	return text
}

// fields maps the names of a map's fields to what stores their values.
type fields map[string]func(*resource.Value)

// decoder walks Values and collects every mistake on the way.
type decoder struct {
	file *source.File
	errs []error
}

func (d *decoder) fail(span source.Span, suggestion, format string, args ...any) {
	d.errs = append(d.errs, &FileError{
		File: d.file, Span: span, Message: fmt.Sprintf(format, args...), Suggestion: suggestion,
	})
}

// object gives each field of v to its function. It reports unknown fields,
// repeated ones, and required ones that are missing or null.
func (d *decoder) object(v *resource.Value, where string, known fields, required ...string) {
	if v.Kind != resource.Map {
		d.mismatch(v, where, "a map")
		return
	}
	seen := map[string]bool{}
	for _, f := range v.Fields {
		store, ok := known[f.Key]
		switch {
		case !ok:
			d.fail(f.KeySpan, suggest(f.Key, slices.Sorted(maps.Keys(known))), "unknown field %q in %s", f.Key, where)
		case seen[f.Key]:
			d.fail(f.KeySpan, "", "field %q appears twice in %s", f.Key, where)
		case f.Value.Kind != resource.Null:
			store(f.Value)
		default:
			continue
		}
		seen[f.Key] = true
	}
	for _, name := range required {
		if !seen[name] {
			d.fail(v.Span, "", "field %q is missing in %s", name, where)
		}
	}
}

func (d *decoder) mismatch(v *resource.Value, where, want string) {
	d.fail(v.Span, "", "%s must be %s, not %s", where, want, kindName(v))
}

// text returns a function that stores a string that is not empty.
func (d *decoder) text(where string, target *string) func(*resource.Value) {
	return func(v *resource.Value) {
		if v.Kind != resource.String || strings.TrimSpace(v.Str) == "" {
			d.mismatch(v, where, "a text")
			return
		}
		*target = strings.TrimSpace(v.Str)
	}
}

// expression is like text, and keeps the place and the text as it is written.
func (d *decoder) expression(where string, target *string, span *source.Span) func(*resource.Value) {
	return func(v *resource.Value) {
		var ignored string
		d.text(where, &ignored)(v)
		*target, *span = v.Text(), v.Span
	}
}

func (d *decoder) boolean(where string, target *bool) func(*resource.Value) {
	return func(v *resource.Value) {
		if v.Kind != resource.Bool {
			d.mismatch(v, where, "true or false")
			return
		}
		*target = v.Bool
	}
}

// texts returns a function that stores a list of strings.
func (d *decoder) texts(where string, target *[]string) func(*resource.Value) {
	return d.each(where, func(v *resource.Value) {
		var one string
		d.text("each of "+where, &one)(v)
		*target = append(*target, one)
	})
}

// each returns a function that gives every item of a list to do.
func (d *decoder) each(where string, do func(*resource.Value)) func(*resource.Value) {
	return func(v *resource.Value) {
		if v.Kind != resource.List {
			d.mismatch(v, where, "a list")
			return
		}
		for _, item := range v.Items {
			do(item)
		}
	}
}

// sorted returns the mistakes in the order of their places.
func (d *decoder) sorted() []error {
	slices.SortStableFunc(d.errs, func(a, b error) int {
		return cmp.Compare(start(a), start(b))
	})
	return d.errs
}

func start(err error) int {
	if e, ok := errors.AsType[*FileError](err); ok {
		return e.Span.Start
	}
	return 0
}

func kindName(v *resource.Value) string {
	switch v.Kind {
	case resource.Null:
		return "null"
	case resource.Bool:
		return "a boolean"
	case resource.Int, resource.Float:
		return "a number"
	case resource.String:
		if strings.TrimSpace(v.Str) == "" {
			return "an empty text"
		}
		return "a text"
	case resource.List:
		return "a list"
	}
	return "a map"
}

// suggest names the closest of the known words, or all when none is close.
func suggest(word string, known []string) string {
	best, distance := "", 1+len(word)/3
	for _, k := range known {
		if n := editDistance(strings.ToLower(word), strings.ToLower(k)); n <= distance {
			best, distance = k, n-1
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return "known are: " + strings.Join(known, ", ")
}

// editDistance is the number of letters to insert, delete, replace or swap with
// a neighbour that turn a into b.
func editDistance(a, b string) int {
	older, previous, current := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		current[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			current[j] = min(previous[j]+1, current[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], older[j-2]+1)
			}
		}
		older, previous, current = previous, current, older
	}
	return previous[len(b)]
}
