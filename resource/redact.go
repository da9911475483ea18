package resource

import "strings"

// Mask stands where a secret value stood.
const Mask = "••••••"

// lastApplied is where kubectl apply keeps a copy of the whole object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Sensitive reports whether the value at path in an object of id's kind is, or
// is inside of, something that must not be shown: the data of a Secret, and the
// copy of the object that kubectl keeps in an annotation. Items of a List can be
// Secrets, so that their data count as such.
func Sensitive(id ID, path Path) bool {
	for isList(id) && len(path) >= 2 && path[0].Name == "items" && path[1].IsIndex() {
		id, path = itemID(id), path[2:]
	}
	if len(path) == 0 {
		return false
	}
	if path[0].Name == "metadata" {
		return len(path) >= 3 && path[1].Name == "annotations" && path[2].Name == lastApplied
	}
	return secretField(id, path[0].Name)
}

// Redacted returns the object with Mask in the place of each sensitive value. The
// keys of a Secret stay. v itself is not changed.
func Redacted(v *Value, id ID) *Value {
	return withFields(v, func(f Field) *Value {
		switch {
		case secretField(id, f.Key):
			return masked(f.Value)
		case f.Key == "metadata":
			return redactedMetadata(f.Value)
		case f.Key == "items" && isList(id):
			return withItems(f.Value, func(item *Value) *Value {
				if own, ok := IsKubernetes(item); ok {
					return Redacted(item, own)
				}
				return Redacted(item, itemID(id))
			})
		}
		return f.Value
	})
}

func isList(id ID) bool { return strings.HasSuffix(id.Kind, "List") }

// itemID returns what is known of the items of a list: their kind, unless the
// list takes any. Then they are taken for Secrets.
func itemID(list ID) ID {
	list.Kind = strings.TrimSuffix(list.Kind, "List")
	if list.Kind == "" {
		return ID{Version: "v1", Kind: "Secret"}
	}
	return list
}

func secretField(id ID, field string) bool {
	return id.Kind == "Secret" && id.Group == "" && (field == "data" || field == "stringData")
}

func redactedMetadata(metadata *Value) *Value {
	return withFields(metadata, func(f Field) *Value {
		if f.Key != "annotations" {
			return f.Value
		}
		return withFields(f.Value, func(f Field) *Value {
			if f.Key == lastApplied {
				return masked(f.Value)
			}
			return f.Value
		})
	})
}

// masked returns v with all its scalars masked; null stays.
func masked(v *Value) *Value {
	switch v.Kind {
	case Null:
		return v
	case Map:
		return withFields(v, func(f Field) *Value { return masked(f.Value) })
	case List:
		return withItems(v, masked)
	}
	return &Value{Kind: String, Str: Mask, Span: v.Span}
}

// withFields returns a copy of a map with other values; v itself when it is no
// map.
func withFields(v *Value, value func(Field) *Value) *Value {
	if v == nil || v.Kind != Map {
		return v
	}
	out := *v
	out.Fields = make([]Field, len(v.Fields))
	for i, f := range v.Fields {
		f.Value = value(f)
		out.Fields[i] = f
	}
	return &out
}

func withItems(v *Value, value func(*Value) *Value) *Value {
	if v == nil || v.Kind != List {
		return v
	}
	out := *v
	out.Items = make([]*Value, len(v.Items))
	for i, item := range v.Items {
		out.Items[i] = value(item)
	}
	return &out
}
