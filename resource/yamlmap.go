package resource

import (
	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/source"
)

// mapping converts a map, with the maps merged into it by the key <<.
func (p *fullParser) mapping(v *Value, n *yaml.Node, start, depth int) error {
	indent := -1 // a flow collection holds nothing that depends on it
	if len(n.Content) > 0 && n.Style&yaml.FlowStyle == 0 {
		// What looks like properties of the map can be those of its first key.
		start = min(start, p.at.offset(n.Content[0].Line-1, n.Content[0].Column-1))
		indent = p.at.column(start)
	}
	// A flow map without braces is the a: b of [a: b].
	braces := n.Style&yaml.FlowStyle != 0 && p.at.is(start, '{')
	m := mapBuilder{file: p.file, dialect: p.dialect, fields: make([]Field, 0, len(n.Content)/2)}
	end := start
	if braces {
		end++
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := p.value(n.Content[i], indent, depth+1)
		if err != nil {
			return err
		}
		value, err := p.value(n.Content[i+1], indent, depth+1)
		if err != nil {
			return err
		}
		if isMergeKey(n.Content[i]) {
			err = m.merge(key.Span, value, n.Content[i+1].Kind)
		} else {
			err = m.add(key, value)
		}
		if err != nil {
			return err
		}
		end = max(end, key.Span.End, value.Span.End)
	}
	if braces {
		end = p.at.closing(end, '}')
	}
	v.Span = source.Span{Start: start, End: end}
	var err error
	v.Fields, err = m.build()
	return err
}

func isMergeKey(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && n.Tag == "!!merge"
}

// mapBuilder collects the fields of a map and refuses duplicates.
type mapBuilder struct {
	file    *source.File
	dialect Dialect
	fields  []Field
	index   map[string]int // of fields, once they are many
	merged  []Field
	mergeAt int         // how many fields stand before <<
	mergeIn source.Span // where << stands
}

// fewFields is how many fields are searched one by one.
const fewFields = 16

func (m *mapBuilder) find(key string) *Field {
	if m.index != nil {
		if i, ok := m.index[key]; ok {
			return &m.fields[i]
		}
		return nil
	}
	for i := range m.fields {
		if m.fields[i].Key == key {
			return &m.fields[i]
		}
	}
	return nil
}

func (m *mapBuilder) add(key, value *Value) error {
	name, ok := m.dialect.key(key)
	if !ok {
		return syntaxError(m.file, key.Span.Start, "a key must be a string; put it in quotes%s", templateHint(m.file))
	}
	if first := m.find(name); first != nil {
		return duplicateKey(m.file, name, first.KeySpan, key.Span)
	}
	m.fields = append(m.fields, Field{Key: name, KeySpan: key.Span, Value: value})
	if m.index != nil {
		m.index[name] = len(m.fields) - 1
	} else if len(m.fields) > fewFields {
		m.index = make(map[string]int, 2*len(m.fields))
		for i := range m.fields {
			m.index[m.fields[i].Key] = i
		}
	}
	return nil
}

func duplicateKey(file *source.File, name string, first, second source.Span) error {
	return syntaxError(file, second.Start, "key %q is already set in line %d", name, file.Position(first.Start).Line)
}

// merge notes the fields of << for build.
func (m *mapBuilder) merge(key source.Span, value *Value, kind yaml.Kind) error {
	if !m.mergeIn.IsZero() {
		return duplicateKey(m.file, "<<", m.mergeIn, key)
	}
	m.mergeIn, m.mergeAt = key, len(m.fields)
	maps := []*Value{value}
	if kind == yaml.SequenceNode {
		maps = value.Items
	}
	seen := map[string]bool{}
	for _, v := range maps {
		if v.Kind != Map {
			return syntaxError(m.file, key.Start, "only maps can be merged with <<")
		}
		for _, f := range v.Fields {
			if !seen[f.Key] {
				seen[f.Key] = true
				m.merged = append(m.merged, f)
			}
		}
	}
	return nil
}

// build puts merged fields in the place of <<. Fields that follow it win over
// them. For fields before it, readers of YAML disagree: kubectl lets the merged
// field win and kustomize the other, so this is refused.
func (m *mapBuilder) build() ([]Field, error) {
	if len(m.merged) == 0 {
		return m.fields, nil
	}
	all := append(make([]Field, 0, len(m.fields)+len(m.merged)), m.fields[:m.mergeAt]...)
	before := m.fields[:m.mergeAt]
	for _, f := range m.merged {
		own := m.find(f.Key)
		if own == nil {
			all = append(all, f)
			continue
		}
		for i := range before {
			if own == &before[i] {
				return nil, syntaxError(m.file, m.mergeIn.Start,
					"<< sets key %q again, which is already set in line %d; move << above it",
					f.Key, m.file.Position(own.KeySpan.Start).Line)
			}
		}
	}
	return append(all, m.fields[m.mergeAt:]...), nil
}
