package resource

import (
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// IsKubernetes reports whether root is a Kubernetes object, that is whether
// apiVersion and kind are strings, and returns its ID. Name and namespace are
// empty where the metadata lack them.
func IsKubernetes(root *Value) (ID, bool) {
	version, kind := root.Get("apiVersion").Text(), root.Get("kind").Text()
	if version == "" || kind == "" {
		return ID{}, false
	}
	metadata := root.Get("metadata")
	id := ID{Kind: kind, Version: version, Name: metadata.Get("name").Text(), Namespace: metadata.Get("namespace").Text()}
	if group, v, ok := strings.Cut(version, "/"); ok {
		id.Group, id.Version = group, v
	}
	return id, true
}

// Object is a Kubernetes object of a document.
type Object struct {
	ID   ID
	Root *Value
	Span source.Span // of Root in the text
	Path Path        // from the document's root; empty when the object is the document
}

// Objects returns the Kubernetes objects of a document: the document itself, or
// the items of a list such as List or ConfigMapList, which are taken out of it
// however deep they are. Items of a list of one kind that do not say what they
// are get apiVersion and kind from the list. Items that are no Kubernetes
// objects, and documents that are none, are left out.
func Objects(doc Document) []Object {
	return appendObjects(nil, doc.Root, nil)
}

func appendObjects(all []Object, root *Value, path Path) []Object {
	id, ok := IsKubernetes(root)
	if !ok {
		return all
	}
	items := root.Get("items")
	if !strings.HasSuffix(id.Kind, "List") || items == nil || items.Kind != List {
		return append(all, Object{ID: id, Root: root, Span: root.Span, Path: path})
	}
	for i, item := range items.Items {
		all = appendObjects(all, typed(item, root, strings.TrimSuffix(id.Kind, "List")), path.Append(Key("items")).Append(Index(i)))
	}
	return all
}

// typed returns item with the kind and the apiVersion of its list where it lacks
// them.
func typed(item, list *Value, kind string) *Value {
	if item.Kind != Map || kind == "" || item.Get("kind") != nil && item.Get("apiVersion") != nil {
		return item
	}
	of := *item
	of.Fields = make([]Field, 0, len(item.Fields)+2)
	if item.Get("apiVersion") == nil {
		of.Fields = append(of.Fields, inherited(list, "apiVersion", list.Get("apiVersion").Str))
	}
	if item.Get("kind") == nil {
		of.Fields = append(of.Fields, inherited(list, "kind", kind))
	}
	of.Fields = append(of.Fields, item.Fields...)
	return &of
}

// inherited returns a field with the place of the list's field that it is from.
func inherited(list *Value, key, value string) Field {
	from := *list.Get(key)
	from.Str = value
	return Field{Key: key, KeySpan: list.keySpan(key), Value: &from}
}
