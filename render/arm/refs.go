package arm

import "github.com/holdfast-dev/holdfast/resource"

// withRefs makes a value, which is new, lead to resources.
func withRefs(v *resource.Value, refs []string) *resource.Value {
	v.Amend().Refs = refs
	return v
}
