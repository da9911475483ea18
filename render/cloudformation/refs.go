package cloudformation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
)

// withRefs makes a value, which is new, lead to resources.
func withRefs(v *resource.Value, refs []string) *resource.Value {
	if len(refs) > 0 {
		v.Amend().Refs = slices.Compact(slices.Sorted(slices.Values(refs)))
	}
	return v
}

// withPrefix makes the beginning of a text known, which is new and not known itself.
func withPrefix(v *resource.Value, prefix string) *resource.Value {
	if prefix == "" {
		return v
	}
	v.Amend().Prefix = prefix
	return v
}

// withDecoded makes a text, which is new, known for the value that it is the JSON of.
func withDecoded(v, decoded *resource.Value) *resource.Value {
	v.Amend().Decoded = decoded
	return v
}
