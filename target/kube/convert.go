package kube

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/target"
)

// manifest returns what is sent to the API server for a declared object: its
// fields, without those that only the server writes, with its full name and the
// label of the application. stringData of a Secret becomes data, since the
// server forgets who owns stringData and would never remove a key of it.
func manifest(app App, o object) (map[string]any, error) {
	root, err := plain(nil, o.declared.Root)
	if err != nil {
		err.Op, err.Object = "apply", o.id
		return nil, err
	}
	body, ok := root.(map[string]any)
	if !ok {
		return nil, &target.Error{Kind: target.Invalid, Op: "apply", Object: o.id, Message: "it is not a map"}
	}
	if o.mapping.status {
		delete(body, "status")
	}
	meta := subMap(body, "metadata")
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "generateName"} {
		delete(meta, field)
	}
	meta["name"] = o.id.Name
	delete(meta, "namespace")
	if o.id.Namespace != "" {
		meta["namespace"] = o.id.Namespace
	}
	subMap(meta, "labels")[LabelApplication] = labelValue(app.Name)
	if secretKind(o.id.Group, o.id.Kind) {
		foldStringData(body)
	}
	return body, nil
}

func foldStringData(secret map[string]any) {
	text, ok := secret["stringData"].(map[string]any)
	delete(secret, "stringData")
	if !ok || len(text) == 0 {
		return
	}
	data := subMap(secret, "data")
	for key, value := range text {
		if s, ok := value.(string); ok {
			data[key] = base64.StdEncoding.EncodeToString([]byte(s))
		} else {
			data[key] = value // the server refuses it, and names the field
		}
	}
}

// subMap returns the map at a key, which is made where it is missing or null.
func subMap(m map[string]any, key string) map[string]any {
	if sub, ok := m[key].(map[string]any); ok {
		return sub
	}
	sub := map[string]any{}
	m[key] = sub
	return sub
}

// plain turns a value into the types that JSON has in Go. A value that is not
// known cannot be sent.
func plain(path resource.Path, v *resource.Value) (any, *target.Error) {
	if v == nil {
		return nil, nil
	}
	if v.Unknown() != "" {
		return nil, &target.Error{Kind: target.Invalid, Problems: []target.Problem{{Field: path.String(), Detail: "its value is not known: " + v.Unknown()}}}
	}
	switch v.Kind {
	case resource.Bool:
		return v.Bool, nil
	case resource.Int:
		return v.Int, nil
	case resource.Float:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			return nil, &target.Error{Kind: target.Invalid, Problems: []target.Problem{{Field: path.String(), Detail: "is not a finite number"}}}
		}
		return v.Float(), nil
	case resource.String:
		return v.Str, nil
	case resource.List:
		list := make([]any, len(v.Items))
		for i, item := range v.Items {
			value, err := plain(path.Append(resource.Index(i)), item)
			if err != nil {
				return nil, err
			}
			list[i] = value
		}
		return list, nil
	case resource.Map:
		m := make(map[string]any, len(v.Fields))
		for _, f := range v.Fields {
			value, err := plain(path.Append(resource.Key(f.Key)), f.Value)
			if err != nil {
				return nil, err
			}
			m[f.Key] = value
		}
		return m, nil
	}
	return nil, nil
}

// FromLive turns a live object into a resource, so that policies can look at
// it. Values of Secrets are hidden. It has no place in any file.
func FromLive(live map[string]any) *resource.Resource {
	id := liveID(live)
	return &resource.Resource{ID: id, Root: resource.Redacted(resource.FromAny(live), id), Origin: resource.Origin{Document: -1}}
}

// liveID returns the ID of an object as the server returns it.
func liveID(live map[string]any) resource.ID {
	group, kind := groupKind(live)
	meta, _ := live["metadata"].(map[string]any)
	return resource.ID{
		Group: group, Version: versionOf(live), Kind: kind,
		Namespace: stringAt(meta, "namespace"), Name: stringAt(meta, "name"),
	}
}

func groupKind(o map[string]any) (group, kind string) {
	if g, _, ok := strings.Cut(stringAt(o, "apiVersion"), "/"); ok {
		group = g
	}
	return group, stringAt(o, "kind")
}

func versionOf(o map[string]any) string {
	g, v, ok := strings.Cut(stringAt(o, "apiVersion"), "/")
	if !ok {
		return g
	}
	return v
}

// stringAt follows keys and returns the string there, or "".
func stringAt(o map[string]any, keys ...string) string {
	s, _ := at(o, keys...).(string)
	return s
}

// at follows keys and returns the value there, or nil.
func at(o map[string]any, keys ...string) any {
	var v any = o
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// stringMapAt follows keys and returns the strings of the map there.
func stringMapAt(o map[string]any, keys ...string) map[string]string {
	m, _ := at(o, keys...).(map[string]any)
	strs := make(map[string]string, len(m))
	for key, value := range m {
		strs[key], _ = value.(string)
	}
	return strs
}

// itemKeys are the fields by which items of lists are told apart, in the order
// that resource.Value.Stable uses.
var itemKeys = []string{"name", "key", "mountPath", "containerPort", "port", "ip", "type", "uid"}

// itemName returns the identity of a list item, or its position.
func itemName(item any, index int) string {
	if m, ok := item.(map[string]any); ok {
		for _, key := range itemKeys {
			switch id := m[key].(type) {
			case string:
				if id != "" {
					return id
				}
			case int64:
				return strconv.FormatInt(id, 10)
			}
		}
	}
	if s, ok := item.(string); ok && len(s) <= 64 {
		return s
	}
	return strconv.Itoa(index)
}
