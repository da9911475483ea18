package drift

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/resource"
)

// ErrObject is what errors about objects that cannot be compared match.
var ErrObject = errors.New("object cannot be compared")

// meta is what drift needs of metadata.
type meta struct {
	group, version, kind, uid, resourceVersion string
	generation                                 int64
	managers                                   []manager // latest first
}

// manager is one entry of managedFields.
type manager struct {
	name, verb, subresource, version string
	time                             time.Time
	set                              *fieldSet
}

func readMeta(object map[string]any) (meta, error) {
	m := meta{kind: text(object["kind"])}
	m.group, m.version = splitAPIVersion(text(object["apiVersion"]))
	metadata, _ := object["metadata"].(map[string]any)
	if m.kind == "" || metadata == nil {
		return m, fmt.Errorf("%w: it has no kind or no metadata", ErrObject)
	}
	m.uid, m.resourceVersion = text(metadata["uid"]), text(metadata["resourceVersion"])
	m.generation = integer(metadata["generation"])
	entries, _ := metadata["managedFields"].([]any)
	for i, entry := range entries {
		e, ok := entry.(map[string]any)
		if !ok {
			return m, fmt.Errorf("%w: managedFields[%d] is not a map", ErrObject, i)
		}
		fields := e["fieldsV1"]
		if fields == nil {
			fields = map[string]any{}
		}
		set, err := parseFieldSet(fields)
		if err != nil {
			return m, fmt.Errorf("%w: managedFields[%d]: %w", ErrObject, i, err)
		}
		written, _ := time.Parse(time.RFC3339, text(e["time"])) // zero if it does not say
		m.managers = append(m.managers, manager{
			name: text(e["manager"]), verb: text(e["operation"]), subresource: text(e["subresource"]),
			version: text(e["apiVersion"]), time: written, set: set,
		})
	}
	slices.SortStableFunc(m.managers, func(a, b manager) int {
		return cmp.Or(b.time.Compare(a.time), cmp.Compare(a.name, b.name), cmp.Compare(a.verb, b.verb), cmp.Compare(a.subresource, b.subresource))
	})
	return m, nil
}

// ours returns the entry of our applies, or nil.
func (m *meta) ours(name string) *manager {
	for i := range m.managers {
		if e := &m.managers[i]; e.name == name && e.verb == "Apply" && e.subresource == "" {
			return e
		}
	}
	return nil
}

func (m *meta) sensitive() bool { return m.group == "" && m.kind == "Secret" }

func splitAPIVersion(apiVersion string) (group, version string) {
	if group, version, ok := strings.Cut(apiVersion, "/"); ok {
		return group, version
	}
	return "", apiVersion
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

func integer(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

// itemFields are those by which resource.Value.Stable tells list items apart.
var itemFields = []string{"name", "key", "mountPath", "containerPort", "port", "ip", "type", "uid"}

// itemStep returns the step to a list item, with its identity as the name.
func itemStep(item any, index int) resource.Step {
	step := resource.Index(index)
	step.Name = strconv.Itoa(index)
	switch item := item.(type) {
	case map[string]any:
		for _, field := range itemFields {
			switch v := item[field].(type) {
			case string:
				if v != "" {
					step.Name = v
					return step
				}
			case int64, float64, int:
				step.Name = string(appendCanonical(nil, v))
				return step
			}
		}
	case string:
		if len(item) <= 64 && item != "" {
			step.Name = item
		}
	}
	return step
}

// fieldName returns a path with list items named by their identity, as
// resource.Value.Stable does.
func fieldName(path resource.Path) string {
	var b strings.Builder
	for i, s := range path {
		switch {
		case s.IsIndex():
			b.WriteString("[" + s.Name + "]")
		case i > 0:
			b.WriteString("." + s.Name)
		default:
			b.WriteString(s.Name)
		}
	}
	return b.String()
}

// plain returns a declared value as decoded JSON.
func plain(v *resource.Value) any {
	if v == nil {
		return nil
	}
	if v.Unknown() != "" {
		return "(not known: " + v.Unknown() + ")"
	}
	switch v.Kind {
	case resource.Bool:
		return v.Bool
	case resource.Int:
		return v.Int
	case resource.Float:
		return v.Float()
	case resource.String:
		return v.Str
	case resource.List:
		list := make([]any, len(v.Items))
		for i, item := range v.Items {
			list[i] = plain(item)
		}
		return list
	case resource.Map:
		m := make(map[string]any, len(v.Fields))
		for _, f := range v.Fields {
			m[f.Key] = plain(f.Value)
		}
		return m
	}
	return nil
}

// declaredAt returns the declared place for an element of a live object. Keys
// of list items that the manifest leaves to their defaults do not count.
func declaredAt(e element, value any) (place, bool) {
	switch list := value.(type) {
	case map[string]any:
		v, ok := list[e.name]
		return place{resource.Key(e.name), v}, ok && e.kind == 'f'
	case []any:
		for i, item := range list {
			if e.stands(item, i) {
				return place{itemStep(item, i), item}, true
			}
		}
	}
	return place{}, false
}

func (e element) stands(item any, index int) bool {
	switch e.kind {
	case 'i':
		return e.at == index
	case 'v':
		return e.id == "v:"+string(appendCanonical(nil, item))
	case 'k':
		m, ok := item.(map[string]any)
		if !ok {
			return false
		}
		matched := 0
		for key, want := range e.keys {
			if got, ok := m[key]; ok {
				if !equal(got, want) {
					return false
				}
				matched++
			}
		}
		return matched > 0
	}
	return false
}
