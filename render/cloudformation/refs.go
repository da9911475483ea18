package cloudformation

import (
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
)

// withRefs makes a value, which is new, lead to resources.
func withRefs(v *resource.Value, refs []string) *resource.Value {
	if len(refs) > 0 {
		v.Extra = &resource.Extra{Refs: slices.Compact(slices.Sorted(slices.Values(refs)))}
	}
	return v
}

// withDecoded makes a text, which is new, known for the value that it is the JSON of.
func withDecoded(v, decoded *resource.Value) *resource.Value {
	v.Extra = &resource.Extra{Decoded: decoded}
	return v
}
