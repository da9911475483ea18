package resource

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

// EncodeJSON returns the value as JSON without white space and with sorted keys,
// so that equal values give equal bytes. Values that are not known become null.
func EncodeJSON(v *Value) []byte { return AppendJSON(nil, v) }

// AppendJSON appends what EncodeJSON returns to b.
func AppendJSON(b []byte, v *Value) []byte {
	if v == nil || v.Unknown() != "" {
		return append(b, "null"...)
	}
	switch v.Kind {
	case Bool:
		return strconv.AppendBool(b, v.Bool)
	case Int:
		return strconv.AppendInt(b, v.Int, 10)
	case Float:
		return appendFloat(b, v.Float())
	case String:
		return appendString(b, v.Str)
	case List:
		b = append(b, '[')
		for i, item := range v.Items {
			if i > 0 {
				b = append(b, ',')
			}
			b = AppendJSON(b, item)
		}
		return append(b, ']')
	case Map:
		b = append(b, '{')
		for i, f := range sortedFields(v.Fields) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, f.Key), ':')
			b = AppendJSON(b, f.Value)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

func sortedFields(fields []Field) []Field {
	byKey := func(x, y Field) int { return cmp.Compare(x.Key, y.Key) }
	if slices.IsSortedFunc(fields, byKey) {
		return fields
	}
	return slices.SortedFunc(slices.Values(fields), byKey)
}

// appendFloat writes floats as other Go programs do, among them the API server.
func appendFloat(b []byte, f float64) []byte {
	if notFinite(f) {
		return append(b, "null"...)
	}
	text, _ := json.Marshal(f) // cannot fail for finite numbers
	return append(b, text...)
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		b = append(b, s[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			b = append(b, "\uFFFD"...)
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, '\\', 'n')
		case c == '\t':
			b = append(b, '\\', 't')
		case c == '\r':
			b = append(b, '\\', 'r')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += size
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// ToAny returns the value as Kubernetes libraries hold it: map[string]any, []any,
// string, int64, float64, bool and nil. Values that are not known become nil.
func ToAny(v *Value) any {
	if v == nil || v.Unknown() != "" {
		return nil
	}
	switch v.Kind {
	case Bool:
		return v.Bool
	case Int:
		return v.Int
	case Float:
		return v.Float()
	case String:
		return v.Str
	case List:
		items := make([]any, len(v.Items))
		for i, item := range v.Items {
			items[i] = ToAny(item)
		}
		return items
	case Map:
		m := make(map[string]any, len(v.Fields))
		for _, f := range v.Fields {
			m[f.Key] = ToAny(f.Value)
		}
		return m
	}
	return nil
}

// FromAny is the inverse of ToAny, with sorted keys and without spans. It also
// takes the other integers, json.Number, []string and map[string]string;
// everything else becomes an unknown value.
func FromAny(x any) *Value {
	b := anyBuilder{slab: newSlab(50)}
	return b.value(x)
}

type anyBuilder struct{ slab slab }

func (b *anyBuilder) value(x any) *Value {
	v := b.slab.value()
	switch x := x.(type) {
	case nil:
	case bool:
		v.Kind, v.Bool, v.Str = Bool, x, strconv.FormatBool(x)
	case string:
		v.Kind, v.Str = String, x
	case int64:
		v.setInt(x)
	case int:
		v.setInt(int64(x))
	case int32:
		v.setInt(int64(x))
	case uint64:
		if v.setInt(int64(x)); x > math.MaxInt64 {
			*v = *NewFloat(float64(x), strconv.FormatUint(x, 10), v.Span)
		}
	case float64:
		v.setFloat(x)
		v.Str = string(appendFloat(nil, x))
	case float32:
		return b.value(float64(x))
	case json.Number:
		return b.number(v, x)
	case []any:
		v.Kind, v.Items = List, make([]*Value, len(x))
		for i := range x {
			v.Items[i] = b.value(x[i])
		}
	case []string:
		v.Kind, v.Items = List, make([]*Value, len(x))
		for i := range x {
			v.Items[i] = b.value(x[i])
		}
	case map[string]any:
		v.Kind, v.Fields = Map, sortedMap(b, x)
	case map[string]string:
		v.Kind, v.Fields = Map, sortedMap(b, x)
	default:
		v.Amend().Unknown = "its type has no notation in JSON"
	}
	return v
}

func (b *anyBuilder) number(v *Value, n json.Number) *Value {
	if i, err := n.Int64(); err == nil {
		v.setInt(i)
	} else if f, err := n.Float64(); err == nil {
		v.setFloat(f)
		v.Str = n.String()
	} else {
		v.Amend().Unknown = "the number is out of range"
	}
	return v
}

func (v *Value) setInt(n int64) { v.Kind, v.Int, v.Str = Int, n, strconv.FormatInt(n, 10) }

func sortedMap[T any](b *anyBuilder, m map[string]T) []Field {
	fields := make([]Field, 0, len(m))
	for key, x := range m {
		fields = append(fields, Field{Key: key, Value: b.value(x)})
	}
	slices.SortFunc(fields, func(x, y Field) int { return cmp.Compare(x.Key, y.Key) })
	return fields
}
