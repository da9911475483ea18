package drift

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// Result is how a live object differs from what was applied.
type Result struct {
	Changes []Change // sorted by field
	// Lost are the fields whose value is still ours, but which another manager
	// wrote in the meantime. This is no drift. The next apply takes them back;
	// until then, to delete the field in Git would not delete it in the cluster.
	Lost []string
}

// Compare returns how a live object differs from its baseline. Declared is the
// manifest that was applied, for the values to show; it may be nil. What rules
// allow is no addition. A Secret may be given as metadata alone.
//
// The error matches ErrObject if the object cannot be read, or is in another
// API version than the baseline.
func Compare(b Baseline, declared *resource.Value, live map[string]any, rules []Rule) (Result, error) {
	m, err := readMeta(live)
	if err != nil {
		return Result{}, err
	}
	if m.version != b.Version {
		return Result{}, fmt.Errorf("%w: it is in version %q, its baseline in %q", ErrObject, m.version, b.Version)
	}
	owned, err := b.Owned.set()
	if err != nil {
		return Result{}, err
	}
	c := &comparison{base: b, meta: m, ours: m.ours(b.Manager), owned: owned, live: live, declared: plain(declared), rules: rules}
	c.identity()
	c.values()
	if m.sensitive() {
		c.secret()
	}
	c.additions()
	c.strays()
	c.finish()
	return Result{Changes: c.changes, Lost: c.lost()}, nil
}

type comparison struct {
	base     Baseline
	meta     meta
	ours     *manager  // today's entry of our applies, or nil
	owned    *fieldSet // what we owned at the apply
	live     map[string]any
	declared any
	rules    []Rule
	prints   []byte // of today's values
	changes  []Change
}

// trail is the way to a field, in both notations.
type trail struct {
	elements []element
	path     resource.Path
}

func (t trail) to(e element, step resource.Step) trail {
	return trail{append(slices.Clip(t.elements), e), append(slices.Clip(t.path), step)}
}

func (c *comparison) record(op Operation, path resource.Path, declared, live any, by *manager) {
	change := Change{Operation: op, Path: path, Field: fieldName(path),
		Declared: hideValue(c.meta, path, declared), Live: hideValue(c.meta, path, live)}
	if by != nil {
		change.Manager, change.Verb, change.Time, change.Subresource = by.name, by.verb, by.time, by.subresource
	}
	c.changes = append(c.changes, change)
}

// identity finds objects that were recreated, and those whose owners were erased.
func (c *comparison) identity() {
	switch metadata := (resource.Path{resource.Key("metadata")}); {
	case c.meta.uid != c.base.UID:
		c.record(FieldChanged, metadata.Append(resource.Key("uid")), c.base.UID, c.meta.uid, c.creator())
	case c.ours == nil:
		c.record(FieldRemoved, metadata.Append(resource.Key("managedFields")), "entry of "+c.base.Manager, nil, nil)
	}
}

// creator returns the manager that wrote first.
func (c *comparison) creator() *manager {
	for i := len(c.meta.managers) - 1; i >= 0; i-- {
		if c.meta.managers[i].subresource == "" {
			return &c.meta.managers[i]
		}
	}
	return nil
}

// values finds the fields that we owned and whose value differs.
func (c *comparison) values() {
	sums := project(c.owned, c.live, c.meta.sensitive())
	if total(sums) == c.base.Values {
		return
	}
	c.prints = prints(sums)
	find, at := newFinder(c.owned, c.live), 0
	for _, child := range c.owned.children {
		if !c.meta.sensitive() || child.id == "f:metadata" {
			c.value(child, find, c.declared, trail{}, at)
		}
		at += child.set.slots()
	}
	if bytes.Equal(c.prints, c.base.Prints) { // two values with the same print
		c.record(FieldChanged, nil, nil, nil, nil)
	}
}

// value looks at one child of a node; at is the index of its first print.
func (c *comparison) value(e child, find finder, declaredParent any, parent trail, at int) {
	if c.same(at, e.set.slots()) {
		return
	}
	declared, known := declaredAt(e.element, declaredParent)
	places := find.find(e.element)
	switch {
	case len(places) == 0 && !e.set.leaf() && isOpenMap(e.element): // its entries are told one by one
		places = []place{{resource.Key(e.name), map[string]any{}}}
	case len(places) == 0:
		c.record(FieldRemoved, parent.to(e.element, e.stepWithout(declared, known)).path, declared.value, nil, nil)
		return
	case len(places) > 1: // the key is there twice, and readers differ in which one counts
		last := places[len(places)-1]
		c.changed(parent.to(e.element, last.step), declared.value, values(places))
		return
	}
	t, value := parent.to(e.element, places[0].step), places[0].value
	if e.set.leaf() {
		if !c.filled(t, at, value) {
			c.changed(t, declared.value, value)
		}
		return
	}
	if e.set.keyed() {
		if !c.same(at, 1) && c.sameItems(e.set, value) {
			c.changed(t, declared.value, value)
		}
		at++
	}
	below := newFinder(e.set, value)
	for _, child := range e.set.children {
		c.value(child, below, declared.value, t, at)
		at += child.set.slots()
	}
}

func (c *comparison) changed(t trail, declared, live any) {
	c.record(FieldChanged, t.path, declared, live, c.owner(t.elements))
}

func (c *comparison) same(at, n int) bool {
	low, high := at*printSize, (at+n)*printSize
	return high <= len(c.base.Prints) && high <= len(c.prints) && bytes.Equal(c.base.Prints[low:high], c.prints[low:high])
}

// sameItems reports whether a list has each of our items once, so that only
// their order can differ.
func (c *comparison) sameItems(s *fieldSet, list any) bool {
	find := newFinder(s, list)
	return !slices.ContainsFunc(s.children, func(e child) bool { return len(find.find(e.element)) != 1 })
}

// filled reports whether a field of ours that was empty got content that has
// owners of its own. Then it is theirs to be judged, as additions.
func (c *comparison) filled(t trail, at int, value any) bool {
	if !bytes.Equal(c.base.print(at), sumEmpty[:printSize]) {
		return false
	}
	var nodes []*fieldSet
	for _, m := range c.meta.managers {
		node := m.set
		for _, e := range t.elements {
			node = node.child(e.id)
		}
		if node != nil && !node.leaf() {
			nodes = append(nodes, node)
		}
	}
	children := childPlaces(value, nodes)
	return len(children) > 0 && !slices.ContainsFunc(children, func(p ownedPlace) bool { return len(p.owners) == 0 })
}

// owner returns the manager that wrote a field last: one that is not us, if
// there is one.
func (c *comparison) owner(elements []element) *manager {
	for i := range c.meta.managers {
		if e := &c.meta.managers[i]; e != c.ours && e.set.reaches(elements) {
			return e
		}
	}
	if c.ours != nil && c.ours.set.reaches(elements) {
		return c.ours
	}
	return nil
}

// reaches reports whether the set has the field, or something above or below it.
func (s *fieldSet) reaches(elements []element) bool {
	for i, e := range elements {
		if i > 0 && s.leaf() {
			return true
		}
		if s = s.child(e.id); s == nil {
			return false
		}
	}
	return true
}

// stepWithout returns the step to a place that is not there any more.
func (e element) stepWithout(declared place, known bool) resource.Step {
	if known {
		return declared.step
	}
	if e.kind == 'f' {
		return resource.Key(e.name)
	}
	step := resource.Index(e.at)
	switch e.kind {
	case 'k':
		step.Name = itemStep(e.keys, 0).Name
	case 'v':
		step.Name = strings.Trim(e.id[len("v:"):], `"`)
	}
	return step
}

// lost returns the fields that agree and that are no longer in our set.
func (c *comparison) lost() []string {
	var all []string
	var walk func(s, now *fieldSet, find finder, t trail)
	walk = func(s, now *fieldSet, find finder, t trail) {
		for _, e := range s.children {
			places := find.find(e.element)
			if len(places) != 1 {
				continue
			}
			today, below := now.child(e.id), t.to(e.element, places[0].step)
			switch {
			case today != nil && (today.leaf() || e.set.leaf()) || c.reported(below.path):
			case e.set.leaf():
				all = append(all, fieldName(below.path))
			default:
				walk(e.set, today, newFinder(e.set, places[0].value), below)
			}
		}
	}
	var now *fieldSet
	if c.ours != nil {
		now = c.ours.set
	}
	walk(c.owned, now, newFinder(c.owned, c.live), trail{})
	slices.Sort(all)
	return all
}

// reported reports whether there is a change at a path or above it.
func (c *comparison) reported(path resource.Path) bool {
	return slices.ContainsFunc(c.changes, func(change Change) bool {
		return len(change.Path) > 0 && within(path, change.Path)
	})
}

func within(path, above resource.Path) bool {
	return len(path) >= len(above) && slices.Equal(path[:len(above)], above)
}

// finish sorts the changes, and drops those that lie below another one.
func (c *comparison) finish() {
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		if d := len(a.Path) - len(b.Path); d != 0 {
			return d
		}
		return strings.Compare(a.Field, b.Field)
	})
	all := c.changes
	c.changes = nil
	for _, change := range all {
		if !c.reported(change.Path) {
			c.changes = append(c.changes, change)
		}
	}
	slices.SortStableFunc(c.changes, func(a, b Change) int { return strings.Compare(a.Field, b.Field) })
}
