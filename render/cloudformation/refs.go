package cloudformation

import "github.com/holdfast-dev/holdfast/resource"

// withRefs makes a value lead to resources.
func withRefs(v *resource.Value, _ []string) *resource.Value { return v }

func refsOf(*resource.Value) []string { return nil }

// withDecoded makes a text known for the value that it is the JSON of.
func withDecoded(v, _ *resource.Value) *resource.Value { return v }

// allRefs returns the resources that a value and what is in it lead to.
func allRefs(v *resource.Value) (refs []string) {
	if v == nil {
		return nil
	}
	refs = refsOf(v)
	for _, item := range v.Items {
		refs = append(refs, allRefs(item)...)
	}
	for _, f := range v.Fields {
		refs = append(refs, allRefs(f.Value)...)
	}
	return refs
}
