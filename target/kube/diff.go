package kube

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/target"
)

// bookkeeping are the fields of metadata that the server writes for itself.
var bookkeeping = []string{"managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"}

// difference lists the fields by which two states of an object differ, sorted
// by path. Status and the server's bookkeeping do not count; sensitive values
// are hidden. Items of lists are matched by their identity where all have one,
// so that an inserted container does not look like a change of all that follow.
func difference(from, to map[string]any) []target.Field {
	group, kind := groupKind(to)
	d := differ{group: group, kind: kind}
	d.maps(nil, declarable(from), declarable(to))
	slices.SortFunc(d.fields, func(a, b target.Field) int { return strings.Compare(a.Path, b.Path) })
	return d.fields
}

func declarable(o map[string]any) map[string]any {
	o = maps.Clone(o)
	delete(o, "status")
	if meta, ok := o["metadata"].(map[string]any); ok {
		meta = maps.Clone(meta)
		for _, field := range bookkeeping {
			delete(meta, field)
		}
		o["metadata"] = meta
	}
	return o
}

type differ struct {
	group, kind string
	fields      []target.Field
}

// step is one element of a path: a key, or the identity of a list item.
type step struct {
	name string
	item bool
}

func (d *differ) compare(path []step, from, to any) {
	if reflect.DeepEqual(from, to) {
		return
	}
	switch to := to.(type) {
	case map[string]any:
		if from, ok := from.(map[string]any); ok {
			d.maps(path, from, to)
			return
		}
	case []any:
		if from, ok := from.([]any); ok && identified(from) && identified(to) {
			d.lists(path, from, to)
			return
		}
	}
	names := make([]string, len(path))
	for i, s := range path {
		names[i] = s.name
	}
	d.fields = append(d.fields, target.Field{Path: pathString(path), From: mask(d.group, d.kind, names, from), To: mask(d.group, d.kind, names, to)})
}

func (d *differ) maps(path []step, from, to map[string]any) {
	for key, value := range to {
		d.compare(append(path[:len(path):len(path)], step{name: key}), from[key], value)
	}
	for key, value := range from {
		if _, ok := to[key]; !ok {
			d.compare(append(path[:len(path):len(path)], step{name: key}), value, nil)
		}
	}
}

func (d *differ) lists(path []step, from, to []any) {
	byName := map[string]any{}
	for i, item := range from {
		byName[itemName(item, i)] = item
	}
	for i, item := range to {
		name := itemName(item, i)
		d.compare(append(path[:len(path):len(path)], step{name, true}), byName[name], item)
		delete(byName, name)
	}
	for name, item := range byName {
		d.compare(append(path[:len(path):len(path)], step{name, true}), item, nil)
	}
}

// identified reports whether all items of a list are maps that can be told
// apart by an identity of their own.
func identified(list []any) bool {
	seen := map[string]bool{}
	for _, item := range list {
		m, ok := item.(map[string]any)
		if !ok || !slices.ContainsFunc(itemKeys, func(key string) bool { return m[key] != nil }) {
			return false
		}
		name := itemName(item, 0)
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

func pathString(path []step) string {
	var b strings.Builder
	for i, s := range path {
		if s.item {
			b.WriteString("[" + s.name + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(s.name)
	}
	return b.String()
}
