package edit

import (
	"bytes"

	"github.com/holdfast-dev/holdfast/resource"
)

// Equal reports whether two trees hold the same values, however they are written:
// whether their JSON is the same. Maps are equal in any order of their keys.
func Equal(a, b *resource.Value) bool {
	if a == b || a == nil || b == nil {
		return a == b
	}
	if a.Unknown() != "" || b.Unknown() != "" || a.Kind != b.Kind {
		return bytes.Equal(resource.EncodeJSON(a), resource.EncodeJSON(b))
	}
	switch a.Kind {
	case resource.List:
		return equalItems(a.Items, b.Items)
	case resource.Map:
		return equalFields(a.Fields, b)
	case resource.String:
		return a.Str == b.Str
	}
	return bytes.Equal(resource.EncodeJSON(a), resource.EncodeJSON(b))
}

func equalItems(a, b []*resource.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !Equal(a[i], b[i]) {
			return false
		}
	}
	return true
}

// equalFields compares the fields of a map, whose keys are all different, with those
// of another, which mostly are in the same order.
func equalFields(a []resource.Field, b *resource.Value) bool {
	if len(a) != len(b.Fields) {
		return false
	}
	for i := range a {
		other := b.Fields[i].Value
		if b.Fields[i].Key != a[i].Key {
			if other = b.Get(a[i].Key); other == nil {
				return false
			}
		}
		if !Equal(a[i].Value, other) {
			return false
		}
	}
	return true
}
