package cel

import "github.com/holdfast-dev/holdfast/resource"

// withoutNulls returns a tree in which no list has an item that is null: such an item
// is as good as none, like a field that is null. It is the tree itself if there are
// none, and shares with it what has none.
func withoutNulls(v *resource.Value) *resource.Value {
	for i, item := range v.Items {
		if absent(item) || withoutNulls(item) != item {
			return listWithoutNulls(v, i)
		}
	}
	for i := range v.Fields {
		if one := v.Fields[i].Value; withoutNulls(one) != one {
			return mapWithoutNulls(v, i)
		}
	}
	return v
}

// listWithoutNulls copies a list that is sound up to an item.
func listWithoutNulls(v *resource.Value, sound int) *resource.Value {
	out := *v
	out.Items = append([]*resource.Value(nil), v.Items[:sound]...)
	for _, item := range v.Items[sound:] {
		if !absent(item) {
			out.Items = append(out.Items, withoutNulls(item))
		}
	}
	return &out
}

func mapWithoutNulls(v *resource.Value, sound int) *resource.Value {
	out := *v
	out.Fields = append([]resource.Field(nil), v.Fields...)
	for i := sound; i < len(out.Fields); i++ {
		out.Fields[i].Value = withoutNulls(out.Fields[i].Value)
	}
	return &out
}

// withNulls returns the path in a tree of what is at a path without its null items.
func withNulls(tree *resource.Value, path resource.Path) resource.Path {
	out := make(resource.Path, len(path))
	for i, step := range path {
		if step.IsIndex() && tree != nil {
			step = nth(tree.Items, step.Index())
		}
		out[i] = step
		tree = tree.At(resource.Path{step})
	}
	return out
}

// nth is the step to the nth item that is not null.
func nth(items []*resource.Value, n int) resource.Step {
	for i, item := range items {
		if absent(item) {
			continue
		}
		if n == 0 {
			return resource.Index(i)
		}
		n--
	}
	return resource.Index(len(items) + n)
}
