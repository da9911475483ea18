package resource

import (
	"strconv"

	"github.com/holdfast-dev/holdfast/source"
)

// Kind is the type of a Value.
type Kind uint8

// The kinds of values: those of JSON, with whole numbers told apart.
const (
	Null Kind = iota
	Bool
	Int
	Float
	String
	List
	Map
)

// Value is one node of a resource. Numbers, strings and booleans carry their
// Go value; Span covers the whole of the value in its text, quotes and block
// indicators included. A Value is never changed after parsing.
type Value struct {
	Kind   Kind
	Quoted bool // a string that was written in quotes or as a block
	Bool   bool
	Int    int64
	Str    string // the string; for numbers and booleans, their spelling in the text
	Items  []*Value
	Fields []Field
	Span   source.Span
	Extra  *Extra // nil for most
}

// Extra is what few values have: there are millions of values, and what all have takes
// memory, and time, of each.
type Extra struct {
	Float   float64 // of a Float
	Unknown string  // why the value is not known; empty for known ones

	// Decoded is what a string holds as JSON, if that has places of its own, as an
	// expression jsonencode(...) has. Paths lead on into it. It may be there for a
	// value that is not known, since parts of it may be.
	Decoded *Value

	// Refs are the names of the resources that the expression refers to of which the
	// value comes, each once. A value that is not known may have them too.
	Refs []string

	// Prefix is what a text begins with that is not known as a whole.
	Prefix string
}

// Amend returns the Extra of a value that is being made, to be changed. It is the value's
// own, even if that is a copy of another.
func (v *Value) Amend() *Extra {
	var own Extra
	if v.Extra != nil {
		own = *v.Extra
	}
	v.Extra = &own
	return v.Extra
}

// Float returns the number that a Float is.
func (v *Value) Float() float64 {
	if v.Extra == nil {
		return 0
	}
	return v.Extra.Float
}

// Unknown says why the value is not known, and is empty for known ones.
func (v *Value) Unknown() string {
	if v.Extra == nil {
		return ""
	}
	return v.Extra.Unknown
}

// Prefix returns what is known of the beginning of a text that is not known.
func (v *Value) Prefix() string {
	if v == nil || v.Extra == nil {
		return ""
	}
	return v.Extra.Prefix
}

// Refs returns the names of the resources that the value comes from.
func (v *Value) Refs() []string {
	if v == nil || v.Extra == nil {
		return nil
	}
	return v.Extra.Refs
}

// Decoded returns what a string holds as JSON, or nil if that is not known.
func (v *Value) Decoded() *Value {
	if v == nil || v.Extra == nil {
		return nil
	}
	return v.Extra.Decoded
}

// Field is one entry of a map, in the order of the text.
type Field struct {
	Key     string
	KeySpan source.Span
	Value   *Value
}

// Get returns the value of a key, or nil when v is not a map or has no such key.
func (v *Value) Get(key string) *Value {
	if v == nil {
		return nil
	}
	for i := range v.Fields {
		if v.Fields[i].Key == key {
			return v.Fields[i].Value
		}
	}
	return nil
}

// At follows a path and returns the value there, or nil.
func (v *Value) At(path Path) *Value {
	for _, s := range path {
		if v = v.step(s); v == nil {
			return nil
		}
	}
	return v
}

// Find returns the path of the value at a span, or of the one whose key is there.
func (v *Value) Find(span source.Span) (Path, bool) { return v.find(span, nil) }

func (v *Value) find(span source.Span, at Path) (Path, bool) {
	if v.Span == span {
		return at, true
	}
	for i := range v.Fields {
		f := &v.Fields[i]
		if f.KeySpan == span {
			return at.Append(Key(f.Key)), true
		}
		if found, ok := f.Value.find(span, at.Append(Key(f.Key))); ok {
			return found, true
		}
	}
	for i, item := range v.Items {
		if found, ok := item.find(span, at.Append(Index(i))); ok {
			return found, true
		}
	}
	return nil, false
}

// Text returns the string of a string value, and "" for everything else.
func (v *Value) Text() string {
	if v == nil || v.Kind != String {
		return ""
	}
	return v.Str
}

func (v *Value) step(s Step) *Value {
	if v == nil {
		return nil
	}
	v = v.inside()
	if !s.IsIndex() {
		return v.Get(s.Name)
	}
	if i := s.Index(); v.Kind == List && i < len(v.Items) {
		return v.Items[i]
	}
	return nil
}

// inside returns what paths lead into: for a string what it holds.
func (v *Value) inside() *Value {
	if decoded := v.Decoded(); decoded != nil {
		return decoded
	}
	return v
}

func (v *Value) keySpan(key string) source.Span {
	for i := range v.Fields {
		if v.Fields[i].Key == key {
			return v.Fields[i].KeySpan
		}
	}
	return source.Span{}
}

// Step is one element of a Path: a key or an index.
type Step struct {
	Name  string // the key; of an index, the identity of the item if it has one
	index int    // index + 1; 0 for a key
}

// Key returns the step into a map.
func Key(name string) Step { return Step{Name: name} }

// Index returns the step into a list.
func Index(i int) Step { return Step{index: i + 1} }

// IsIndex reports whether the step goes into a list.
func (s Step) IsIndex() bool { return s.index > 0 }

// Index returns the position in the list, from 0.
func (s Step) Index() int { return s.index - 1 }

// Path leads from a resource's root to a value.
type Path []Step

// String returns the path as kubectl writes it: spec.containers[0].image.
// Keys that contain a dot or a bracket are quoted: labels["app.kubernetes.io/name"].
func (p Path) String() string {
	var room [128]byte
	return string(p.AppendTo(room[:0]))
}

// AppendTo appends what String returns to b.
func (p Path) AppendTo(b []byte) []byte {
	for i, s := range p {
		switch {
		case s.IsIndex():
			b = append(strconv.AppendInt(append(b, '['), int64(s.Index()), 10), ']')
		case !isBare(s.Name):
			b = append(strconv.AppendQuote(append(b, '['), s.Name), ']')
		default:
			if i > 0 {
				b = append(b, '.')
			}
			b = append(b, s.Name...)
		}
	}
	return b
}

// isBare reports whether a key is written without quotes.
func isBare(key string) bool {
	for i := range len(key) {
		switch key[i] {
		case '.', '[', ']', '"', ' ':
			return false
		}
	}
	return key != ""
}

// Append returns a new path that is one step longer.
func (p Path) Append(s Step) Path {
	return append(append(make(Path, 0, len(p)+1), p...), s)
}

// listKeys are the fields by which items of Kubernetes lists are told apart,
// in order of preference.
var listKeys = []string{"name", "key", "mountPath", "containerPort", "port", "ip", "type", "uid", "Sid"}

func itemName(item *Value, index int) string {
	for _, key := range listKeys {
		if id := item.Get(key); id != nil && (id.Kind == String || id.Kind == Int) && id.Str != "" {
			return id.Str
		}
	}
	if item != nil && item.Kind == String && len(item.Str) <= 64 {
		return item.Str
	}
	return strconv.Itoa(index)
}
