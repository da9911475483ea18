package resource

import (
	"strconv"

	"github.com/holdfast-dev/holdfast/source"
)

// Trail is a path with the values that it leads through: that from which it starts,
// and one for each step, as far as there are any.
type Trail struct {
	Path   Path
	Values []*Value
}

// Trail follows a path. The values are appended to room.
func (v *Value) Trail(path Path, room []*Value) Trail {
	return Trail{Values: append(room, v)}.Along(path)
}

// Along returns the trail of another path from the same value, in the memory of this one:
// what both have in common need not be looked for again.
func (t Trail) Along(path Path) Trail {
	same := 0
	for same < len(path) && same < len(t.Values)-1 && path[same] == t.Path[same] {
		same++
	}
	v := t.Values[same]
	t.Path, t.Values = path, t.Values[:same+1]
	for _, s := range path[same:] {
		if v = v.step(s); v == nil {
			break
		}
		t.Values = append(t.Values, v)
	}
	return t
}

// At returns the value after some steps, or nil.
func (t Trail) At(steps int) *Value {
	if steps >= len(t.Values) {
		return nil
	}
	return t.Values[steps]
}

// End returns the value that the path leads to, or nil.
func (t Trail) End() *Value { return t.At(len(t.Path)) }

// Stable returns the path with list items named by their own identity instead
// of their position, where they have one: spec.containers[api].image. It stays
// the same when items are reordered, and so identifies findings.
func (t Trail) Stable() string {
	var room [128]byte
	return string(t.AppendStable(room[:0]))
}

// AppendStable appends what Stable returns to b.
func (t Trail) AppendStable(b []byte) []byte {
	for i, s := range t.Path {
		if s.IsIndex() {
			b = append(append(append(b, '['), itemName(t.At(i+1), s.Index())...), ']')
			continue
		}
		if i > 0 {
			b = append(b, '.')
		}
		b = append(b, s.Name...)
	}
	return b
}

// Stable returns the path as its Trail names it.
func (v *Value) Stable(path Path) string {
	var room [16]*Value
	return v.Trail(path, room[:0]).Stable()
}

// ItemName returns what Stable calls the list item that the step i leads to, and whether
// that is an identity of its own and not its position.
func (t Trail) ItemName(i int) (string, bool) {
	name := itemName(t.At(i+1), t.Path[i].Index())
	return name, name != strconv.Itoa(t.Path[i].Index())
}

// span returns that of the value at the end; of the key of the deepest present
// ancestor when the value is absent.
func (t Trail) span() source.Span {
	last := len(t.Values) - 1
	v := t.Values[last]
	switch {
	case v == nil:
		return source.Span{}
	case last == 0 || t.Path[last-1].IsIndex() || v.Kind != Map && v.Kind != List:
		return v.Span
	}
	return t.Values[last-1].inside().keySpan(t.Path[last-1].Name)
}
