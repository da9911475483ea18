// Package strict decodes files that people write by hand, and takes nothing that
// it does not know: a misspelt field must not be a setting that has no effect.
//
//	Decoder  fills structs from a file, and knows the place of each field
//	Error    one mistake: where, what, and what to write instead
//	Errors   all mistakes of a file, so that they can be mended at once
package strict

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Error is one mistake in a file.
type Error struct {
	Path       string
	Position   source.Position
	Message    string
	Suggestion string // what to write instead; may be empty
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%s:%d:%d: %s", e.Path, e.Position.Line, e.Position.Column, e.Message)
	if e.Suggestion != "" {
		text += "\n  " + e.Suggestion
	}
	return text
}

// Errors are all mistakes of a file, in the order of their places.
type Errors []*Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Decoder fills structs from Values and collects every mistake on the way.
type Decoder struct {
	file  *source.File
	spans map[string]source.Span // field path → place, for checks after decoding
	errs  Errors
	root  *resource.Value
}

func (d *Decoder) fail(span source.Span, suggestion, format string, args ...any) {
	d.errs = append(d.errs, &Error{
		Path: d.file.Path, Position: d.file.Position(span.Start),
		Message: fmt.Sprintf(format, args...), Suggestion: suggestion,
	})
}

// Err returns all mistakes so far in the order of their places, an Errors, or nil.
func (d *Decoder) Err() error {
	if len(d.errs) == 0 {
		return nil
	}
	slices.SortStableFunc(d.errs, func(a, b *Error) int {
		if a.Position.Line != b.Position.Line {
			return a.Position.Line - b.Position.Line
		}
		return a.Position.Column - b.Position.Column
	})
	return d.errs
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decode stores v in target. The path names the place for later checks.
func (d *Decoder) decode(v *resource.Value, target reflect.Value, path string) {
	d.spans[path] = v.Span
	switch {
	case v.Kind == resource.Null:
		if target.Kind() == reflect.Struct && len(requiredIn(target.Type())) > 0 {
			d.structure(v, target, path) // says what is missing
		}
	case target.Kind() == reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.decode(v, target.Elem(), path)
	case target.Type() == durationType:
		d.duration(v, target, path)
	case target.CanAddr() && target.Addr().Type().Implements(textType):
		d.text(v, target, path)
	case target.Kind() == reflect.Struct:
		d.structure(v, target, path)
	case target.Kind() == reflect.Slice:
		d.list(v, target, path)
	default:
		d.scalar(v, target, path)
	}
}

func (d *Decoder) structure(v *resource.Value, target reflect.Value, path string) {
	if v.Kind != resource.Map {
		d.mismatch(v, cmp.Or(path, "the file"), "a map")
		return
	}
	fields, required := fieldsOf(target.Type())
	for _, f := range v.Fields {
		index, ok := fields[f.Key]
		if !ok {
			d.fail(f.KeySpan, Suggest(f.Key, keys(fields)), "unknown field %q%s", f.Key, in(path))
			continue
		}
		d.decode(f.Value, target.Field(index), join(path, f.Key))
		if _, needed := required[f.Key]; needed && (f.Value.Kind == resource.Null || f.Value.Kind == resource.String && f.Value.Str == "") {
			d.fail(f.Value.Span, "", "field %q is empty%s", f.Key, in(path))
		}
		delete(required, f.Key)
	}
	for _, name := range keys(required) {
		d.fail(v.Span, "", "field %q is missing%s", name, in(path))
	}
}

func (d *Decoder) list(v *resource.Value, target reflect.Value, path string) {
	if v.Kind != resource.List {
		d.mismatch(v, path, "a list")
		return
	}
	out := reflect.MakeSlice(target.Type(), len(v.Items), len(v.Items))
	for i, item := range v.Items {
		d.decode(item, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	target.Set(out)
}

func (d *Decoder) scalar(v *resource.Value, target reflect.Value, path string) {
	switch target.Kind() {
	case reflect.String:
		if v.Kind == resource.List || v.Kind == resource.Map {
			d.mismatch(v, path, "a string")
			return
		}
		target.SetString(v.Str)
	case reflect.Bool:
		if v.Kind != resource.Bool {
			d.mismatch(v, path, "true or false")
			return
		}
		target.SetBool(v.Bool)
	case reflect.Int:
		if v.Kind != resource.Int {
			d.mismatch(v, path, "a whole number")
			return
		}
		target.SetInt(v.Int)
	}
}

func (d *Decoder) duration(v *resource.Value, target reflect.Value, path string) {
	duration, err := time.ParseDuration(v.Str)
	if err != nil || duration <= 0 {
		d.mismatch(v, path, "a duration such as 30s or 5m")
		return
	}
	target.SetInt(int64(duration))
}

func (d *Decoder) text(v *resource.Value, target reflect.Value, path string) {
	if err := target.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(v.Str)); err != nil {
		d.fail(v.Span, "", "%s: %v", path, err)
	}
}

func (d *Decoder) mismatch(v *resource.Value, path, want string) {
	d.fail(v.Span, "", "%s must be %s, and is %s", path, want, describe(v))
}

func describe(v *resource.Value) string {
	switch v.Kind {
	case resource.Map:
		return "a map"
	case resource.List:
		return "a list"
	case resource.Null:
		return "empty"
	}
	return fmt.Sprintf("%q", v.Str)
}

// fieldsOf returns the fields of a struct type by their names in the file, and
// the names of those that must be given.
func fieldsOf(t reflect.Type) (fields map[string]int, required map[string]int) {
	fields, required = map[string]int{}, map[string]int{}
	for i := range t.NumField() {
		name, option, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "-" || name == "" {
			continue
		}
		fields[name] = i
		if option == "required" {
			required[name] = i
		}
	}
	return fields, required
}

func requiredIn(t reflect.Type) map[string]int {
	_, required := fieldsOf(t)
	return required
}

// Decode stores the one document of a YAML or JSON file in target, a pointer to
// a struct. Fields are matched by their yaml tags; ",required" makes one
// required, and "-" leaves one out.
func Decode(file *source.File, target any) *Decoder {
	d := &Decoder{file: file, spans: map[string]source.Span{}}
	docs, err := resource.Parse(file)
	if syntax, ok := errors.AsType[*resource.SyntaxError](err); ok {
		d.errs = Errors{{Path: file.Path, Position: syntax.Position, Message: syntax.Message}}
		return d
	}
	switch {
	case err != nil:
		d.fail(source.Span{}, "", "%v", err)
	case len(docs) != 1:
		d.fail(source.Span{}, "", "the file must hold one document, and holds %d", len(docs))
	default:
		d.root = docs[0].Root
		d.decode(d.root, reflect.ValueOf(target).Elem(), "")
	}
	return d
}

// Root returns the document, or nil if the file cannot be read.
func (d *Decoder) Root() *resource.Value { return d.root }

// At reports a mistake at the nearest place that the file has for a field path.
func (d *Decoder) At(fieldPath, suggestion, format string, args ...any) {
	d.fail(d.Span(fieldPath), suggestion, format, args...)
}

// OneOf reports a value that is none of those allowed. An empty one passes: that
// a field is missing is said elsewhere.
func (d *Decoder) OneOf(fieldPath, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		d.At(fieldPath, Suggest(value, allowed), "%s is %q, and must be %s", fieldPath, value, strings.Join(allowed, " or "))
	}
}

// Span returns the nearest place that the file has for a field path, such as
// items[2].name.
func (d *Decoder) Span(fieldPath string) source.Span {
	for p := fieldPath; p != ""; {
		if span, ok := d.spans[p]; ok {
			return span
		}
		cut := strings.LastIndexAny(p, ".[")
		if cut < 0 {
			break
		}
		p = p[:cut]
	}
	return source.Span{}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func keys(m map[string]int) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// Suggest returns a sentence with the known word nearest to what was written.
func Suggest(word string, known []string) string {
	best := Nearest(word, known)
	switch {
	case best != "":
		return fmt.Sprintf("did you mean %q?", best)
	case len(known) > 0:
		return "known here: " + strings.Join(known, ", ")
	}
	return ""
}

// Nearest returns the known word that is nearest to what was written; "" if none
// is near.
func Nearest(word string, known []string) string {
	best, bestDistance := "", len(word)/2+2
	for _, k := range known {
		if d := distance(word, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	return best
}

// distance is the Levenshtein distance, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
