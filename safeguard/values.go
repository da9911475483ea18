package safeguard

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// root returns the first document of a file; nil if there is none or it cannot be
// read.
func root(file *source.File) *resource.Value {
	docs := documents(file)
	if len(docs) == 0 {
		return nil
	}
	return docs[0].Root
}

func documents(file *source.File) []resource.Document {
	if file == nil {
		return nil
	}
	if strings.EqualFold(path.Ext(file.Path), ".json") {
		doc, err := resource.ParseJSON(file)
		if err != nil || doc.Root == nil {
			return nil
		}
		return []resource.Document{doc}
	}
	docs, err := resource.ParseDialect(file, resource.YAML12)
	if err != nil {
		return nil
	}
	return docs
}

// at follows keys.
func at(v *resource.Value, keys ...string) *resource.Value {
	for _, key := range keys {
		if v = v.Get(key); v == nil {
			return nil
		}
	}
	return v
}

func items(v *resource.Value) []*resource.Value {
	if v == nil || v.Kind != resource.List {
		return nil
	}
	return v.Items
}

func fields(v *resource.Value) []resource.Field {
	if v == nil || v.Kind != resource.Map {
		return nil
	}
	return v.Fields
}

// texts returns a scalar or a list of scalars as texts.
func texts(v *resource.Value) (all []string) {
	if v == nil {
		return nil
	}
	if v.Kind == resource.List {
		for _, item := range v.Items {
			all = append(all, texts(item)...)
		}
		return all
	}
	if s := scalar(v); s != "" {
		all = append(all, s)
	}
	return all
}

// scalar returns the spelling of a scalar.
func scalar(v *resource.Value) string {
	if v == nil || v.Kind == resource.Map || v.Kind == resource.List || v.Kind == resource.Null {
		return ""
	}
	if v.Kind == resource.Bool && v.Str == "" {
		if v.Bool {
			return "true"
		}
		return "false"
	}
	return v.Str
}

func isTrue(v *resource.Value) bool {
	return v != nil && (v.Kind == resource.Bool && v.Bool || v.Kind == resource.String && strings.EqualFold(v.Str, "true"))
}

func isFalse(v *resource.Value) bool {
	return v != nil && (v.Kind == resource.Bool && !v.Bool || v.Kind == resource.String && strings.EqualFold(v.Str, "false"))
}

// encoded returns the content of a value, whatever its layout.
func encoded(v *resource.Value) string {
	if v == nil {
		return ""
	}
	return string(resource.EncodeJSON(v))
}

// missing returns what of a is not in b, in the order of a.
func missing(a, b []string) (all []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			all = append(all, s)
		}
	}
	return all
}

func quote(all []string) string { return "`" + strings.Join(all, "`, `") + "`" }

func isYAML(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".yaml" || ext == ".yml"
}
