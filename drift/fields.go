package drift

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unique"
)

// errFields is what errors about malformed field sets match.
var errFields = errors.New("malformed field set")

const maxDepth = 200 // of a field set; those of real objects have about 15 levels

// fieldSet is a node of a set of fields, as managedFields has it. A node is in
// the set itself if it is a member or has no children.
type fieldSet struct {
	member   bool
	children []child // sorted by element.id
}

type child struct {
	element
	set *fieldSet
}

// element is one step in a field set.
type element struct {
	kind byte           // 'f' a key of a map, 'k' a list item by its keys, 'v' by its value, 'i' by its index
	id   string         // canonical spelling, such as f:image or k:{"name":"api"}
	name string         // of f
	keys map[string]any // of k
	at   int            // of i
}

// leaf reports whether the set owns everything at and below this node.
func (s *fieldSet) leaf() bool { return len(s.children) == 0 }

func (s *fieldSet) child(id string) *fieldSet {
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.children, id, func(c child, id string) int { return strings.Compare(c.id, id) })
	if !ok {
		return nil
	}
	return s.children[i].set
}

// keyed reports whether the children are list items with keys.
func (s *fieldSet) keyed() bool {
	return slices.ContainsFunc(s.children, func(c child) bool { return c.kind == 'k' })
}

// parseFieldSet reads FieldsV1 after it was decoded from JSON.
func parseFieldSet(decoded any) (*fieldSet, error) { return parseNode(decoded, 0) }

func parseNode(decoded any, depth int) (*fieldSet, error) {
	m, ok := decoded.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%w: a node is not a map", errFields)
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: more than %d levels", errFields, maxDepth)
	}
	s := &fieldSet{children: make([]child, 0, len(m))}
	for key, below := range m {
		if key == "." {
			s.member = true
			continue
		}
		e, err := parseElement(key)
		if err != nil {
			return nil, err
		}
		set, err := parseNode(below, depth+1)
		if err != nil {
			return nil, err
		}
		s.children = append(s.children, child{e, set})
	}
	slices.SortFunc(s.children, func(a, b child) int { return strings.Compare(a.id, b.id) })
	s.children = slices.CompactFunc(s.children, func(a, b child) bool { return a.id == b.id })
	return s, nil
}

func parseElement(key string) (element, error) {
	kind, rest, ok := strings.Cut(key, ":")
	if !ok || len(kind) != 1 {
		return element{}, fmt.Errorf("%w: element %q", errFields, key)
	}
	e := element{kind: kind[0], id: key}
	switch e.kind {
	case 'f':
		e.name = rest
		return e, nil
	case 'i':
		index, err := strconv.ParseUint(rest, 10, 31)
		if err != nil {
			return element{}, fmt.Errorf("%w: index %q", errFields, rest)
		}
		e.at, e.id = int(index), "i:"+strconv.FormatUint(index, 10)
		return e, nil
	case 'k', 'v':
		value, err := decode(rest)
		if err != nil {
			return element{}, fmt.Errorf("%w: element %q", errFields, key)
		}
		if e.kind == 'k' {
			if e.keys, ok = value.(map[string]any); !ok || len(e.keys) == 0 {
				return element{}, fmt.Errorf("%w: key %q", errFields, rest)
			}
		}
		e.id = kind + ":" + string(appendCanonical(nil, value))
		return e, nil
	}
	return element{}, fmt.Errorf("%w: element %q", errFields, key)
}

func decode(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errFields
	}
	return value, nil
}

// Fields is a set of fields in its compact form. Equal sets share their memory,
// since many objects are of the same shape. It is comparable; the zero value is
// the empty set.
type Fields struct{ text unique.Handle[string] }

func newFields(s *fieldSet) Fields { return Fields{unique.Make(string(s.append(nil)))} }

// String returns the set as FieldsV1.
func (f Fields) String() string {
	if f == (Fields{}) {
		return "{}"
	}
	return f.text.Value()
}

// MarshalJSON writes FieldsV1.
func (f Fields) MarshalJSON() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalJSON reads FieldsV1.
func (f *Fields) UnmarshalJSON(data []byte) error {
	set, err := parseText(data)
	if err != nil {
		return err
	}
	*f = newFields(set)
	return nil
}

func (f Fields) set() (*fieldSet, error) { return parseText([]byte(f.String())) }

func parseText(data []byte) (*fieldSet, error) {
	var decoded any
	if err := json.Unmarshal(data, &decoded); err != nil {
		return nil, fmt.Errorf("%w: %w", errFields, err)
	}
	return parseFieldSet(decoded)
}

func (s *fieldSet) append(b []byte) []byte {
	b = append(b, '{')
	if s.member && len(s.children) > 0 {
		b = append(b, `".":{}`...)
	}
	for _, c := range s.children {
		if b[len(b)-1] != '{' {
			b = append(b, ',')
		}
		b = appendString(b, c.id)
		b = append(b, ':')
		b = c.set.append(b)
	}
	return append(b, '}')
}

// appendCanonical writes a decoded JSON value so that equal values have equal
// texts: keys sorted, whole numbers alike whatever type they were decoded to.
func appendCanonical(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case string:
		return appendString(b, v)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return appendFloat(b, v)
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return strconv.AppendInt(b, i, 10)
		}
		f, err := v.Float64()
		if err != nil {
			return append(b, v...)
		}
		return appendFloat(b, f)
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendCanonical(b, item)
		}
		return append(b, ']')
	case map[string]any:
		b = append(b, '{')
		for i, key := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, key)
			b = append(b, ':')
			b = appendCanonical(b, v[key])
		}
		return append(b, '}')
	}
	return fmt.Appendf(b, "%T:%v", v, v) // no type that JSON decodes to
}

func appendFloat(b []byte, f float64) []byte {
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
		return strconv.AppendInt(b, i, 10)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for {
		i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' })
		if i < 0 {
			break
		}
		b = append(b, s[:i]...)
		switch c := s[i]; {
		case c < ' ':
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, '\\', c)
		}
		s = s[i+1:]
	}
	return append(append(b, s...), '"')
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func equal(a, b any) bool {
	return bytes.Equal(appendCanonical(nil, a), appendCanonical(nil, b))
}
