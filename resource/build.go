package resource

import (
	"strconv"

	"github.com/holdfast-dev/holdfast/source"
)

// NewText returns the value of a text that stands at span.
func NewText(text string, span source.Span) *Value {
	return &Value{Kind: String, Str: text, Span: span}
}

// NewBool returns a truth value that follows from the text at span.
func NewBool(is bool, span source.Span) *Value { return &Value{Kind: Bool, Bool: is, Span: span} }

// NewInt returns a whole number that stands at span.
func NewInt(n int64, span source.Span) *Value {
	return &Value{Kind: Int, Int: n, Str: strconv.FormatInt(n, 10), Span: span}
}

// NewFloat returns a number with the text that it is written as, which stands at span.
func NewFloat(f float64, text string, span source.Span) *Value {
	return &Value{Kind: Float, Str: text, Span: span, Extra: &Extra{Float: f}}
}

// NewUnknown returns a value that stands at span and is not known, with the
// reason, which is not empty.
func NewUnknown(reason string, span source.Span) *Value {
	return &Value{Kind: String, Span: span, Extra: &Extra{Unknown: reason}}
}

// NewList returns the list of items. Without a span of its own it has that from
// its first item to its last.
func NewList(span source.Span, items ...*Value) *Value {
	if span.IsZero() && len(items) > 0 {
		first, last := items[0].Span, items[len(items)-1].Span
		span = source.Span{Start: first.Start, End: max(first.End, last.End)}
	}
	return &Value{Kind: List, Items: items, Span: span}
}

// NewMap returns an empty map that stands at span.
func NewMap(span source.Span) *Value { return &Value{Kind: Map, Span: span} }

// Put adds a field to a map that is being built, whose key has the span of the
// value, and returns the map. A nil value adds nothing.
func (v *Value) Put(key string, value *Value) *Value {
	if value != nil {
		v.Fields = append(v.Fields, Field{Key: key, KeySpan: value.Span, Value: value})
	}
	return v
}
