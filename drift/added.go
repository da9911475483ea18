package drift

import (
	"crypto/sha256"
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
)

// additions finds what managers own outside the set that we had at the apply.
// Each is reported at the highest field that was added: a container, not its
// twelve fields.
func (c *comparison) additions() {
	for i := range c.meta.managers {
		by := &c.meta.managers[i]
		c.added(by, by.set, c.owned, c.live, trail{})
	}
}

// added compares the set of a manager with ours, from the same node on.
func (c *comparison) added(by *manager, theirs, ours *fieldSet, value any, t trail) {
	find := newFinder(theirs, value)
	for _, e := range theirs.children {
		if !c.compared(t.elements, e.id) {
			continue
		}
		places := find.find(e.element)
		if len(places) == 0 {
			continue // it is gone meanwhile, or named as in another API version
		}
		below := t.to(e.element, places[0].step)
		switch own := ours.child(e.id); {
		case own == nil:
			c.collect(by, e.set, places, below)
		case len(places) == 1 && !e.set.leaf():
			c.added(by, e.set, own, places[0].value, below)
		}
	}
}

// compared reports whether additions count below a child of a node.
func (c *comparison) compared(parent []element, id string) bool {
	switch len(parent) {
	case 0:
		return id != "f:status" && id != "f:apiVersion" && id != "f:kind" && (id == "f:metadata" || !c.meta.sensitive())
	case 1:
		return parent[0].id != "f:metadata" || id == "f:labels" || id == "f:annotations" || id == "f:ownerReferences"
	}
	return true
}

// collect reports the fields of a node of which we own nothing: the node as a
// whole if the manager made it and all of it is an addition.
func (c *comparison) collect(by *manager, theirs *fieldSet, places []place, t trail) {
	value := places[0].value
	if len(places) > 1 {
		value = values(places)
	}
	whole := theirs.leaf() || theirs.member && !isOpenMap(t.elements[len(t.elements)-1])
	if whole && len(places) == 1 && !theirs.leaf() {
		allowed, news := c.tally(by, theirs, value, t.path)
		if news == 0 {
			return
		}
		whole = allowed == 0
	} else if whole && !c.isNew(by, t.path, value) {
		return
	}
	if whole {
		c.record(FieldAdded, t.path, nil, value, by)
		return
	}
	find := newFinder(theirs, value)
	for _, e := range theirs.children {
		if below := find.find(e.element); len(below) > 0 {
			c.collect(by, e.set, below, t.to(e.element, below[0].step))
		}
	}
}

// isOpenMap reports whether a field is a map to which many writers add, so that
// its entries are told one by one.
func isOpenMap(e element) bool { return e.id == "f:labels" || e.id == "f:annotations" }

// tally counts the fields below a node that a rule allows, and those that are
// neither allowed nor mean nothing.
func (c *comparison) tally(by *manager, theirs *fieldSet, value any, path resource.Path) (allowed, news int) {
	if theirs.leaf() {
		switch {
		case allows(c.rules, by, c.meta.kind, fieldName(path)):
			return 1, 0
		case c.isNew(by, path, value):
			return 0, 1
		}
		return 0, 0
	}
	find := newFinder(theirs, value)
	for _, e := range theirs.children {
		for _, p := range find.find(e.element) {
			a, n := c.tally(by, e.set, p.value, path.Append(p.step))
			allowed, news = allowed+a, news+n
		}
	}
	return allowed, news
}

// isNew reports whether a field of a manager is an addition: no rule allows it,
// and its value is neither the default nor what nobody owned at our apply.
func (c *comparison) isNew(by *manager, path resource.Path, value any) bool {
	if allows(c.rules, by, c.meta.kind, fieldName(path)) {
		return false
	}
	found := false
	eachLeaf(path, value, func(path resource.Path, value any) {
		found = found || !isDefault(path, value) && !c.base.knows(leafPrint(path, value))
	})
	return found
}

// eachLeaf visits the values that have no values below them.
func eachLeaf(path resource.Path, value any, visit func(resource.Path, any)) {
	if empty(value) {
		visit(path, value)
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range sortedKeys(v) {
			eachLeaf(path.Append(resource.Key(key)), v[key], visit)
		}
	case []any:
		for i, item := range v {
			eachLeaf(path.Append(itemStep(item, i)), item, visit)
		}
	default:
		visit(path, value)
	}
}

func leafPrint(path resource.Path, value any) []byte {
	text := append([]byte(fieldName(path)), 0)
	s := sha256.Sum256(appendCanonical(text, value))
	return s[:printSize]
}

// strays finds fields that nobody owns and that were not in the response to our
// apply. A new version of the API server adds defaults in this way, so it takes
// more to be an addition: that our own entry was erased, that somebody wrote in
// another API version, whose fields may have other names, or that the field is
// dangerous.
func (c *comparison) strays() {
	suspicious := c.ours == nil
	for _, m := range c.meta.managers {
		_, version := splitAPIVersion(m.version)
		suspicious = suspicious || m.subresource == "" && version != c.meta.version
	}
	eachUnowned(c.meta, c.owned, c.live, func(path resource.Path, value any) {
		c.stray(path, value, suspicious)
	})
}

func (c *comparison) stray(path resource.Path, value any, suspicious bool) {
	known, news := 0, 0
	eachLeaf(path, value, func(path resource.Path, value any) {
		if c.base.knows(leafPrint(path, value)) || isDefault(path, value) || allowsAny(c.rules, c.meta.kind, fieldName(path)) {
			known++
		} else {
			news++
		}
	})
	switch {
	case news == 0:
	case known == 0:
		if suspicious || dangerous(path, value) {
			c.record(FieldAdded, path, nil, value, nil)
		}
	default:
		for _, p := range childPlaces(value, nil) {
			c.stray(path.Append(p.step), p.value, suspicious)
		}
	}
}

// eachUnowned visits the highest values of an object of which no manager owns
// anything. The set of ours may be one that an object had before.
func eachUnowned(m meta, ours *fieldSet, object map[string]any, visit func(resource.Path, any)) {
	var owners []*fieldSet
	if ours != nil {
		owners = append(owners, ours)
	}
	for _, e := range m.managers {
		owners = append(owners, e.set)
	}
	var walk func(path resource.Path, value any, owners []*fieldSet)
	walk = func(path resource.Path, value any, owners []*fieldSet) {
		switch {
		case len(owners) == 0:
			visit(path, value)
		case slices.ContainsFunc(owners, (*fieldSet).leaf):
		default:
			for _, p := range childPlaces(value, owners) {
				walk(path.Append(p.step), p.value, p.owners)
			}
		}
	}
	for _, p := range childPlaces(object, owners) {
		switch p.step.Name {
		case "status", "apiVersion", "kind":
		case "metadata":
			for _, p := range childPlaces(p.value, p.owners) {
				switch p.step.Name {
				case "labels", "annotations", "ownerReferences":
					walk(resource.Path{resource.Key("metadata"), p.step}, p.value, p.owners)
				}
			}
		default:
			if !m.sensitive() {
				walk(resource.Path{p.step}, p.value, p.owners)
			}
		}
	}
}

// ownedPlace is a value with the nodes of the sets that own it or parts of it.
type ownedPlace struct {
	place
	owners []*fieldSet
}

// childPlaces returns the values right below a value.
func childPlaces(value any, owners []*fieldSet) []ownedPlace {
	switch v := value.(type) {
	case map[string]any:
		all := make([]ownedPlace, 0, len(v))
		for _, key := range sortedKeys(v) {
			p := ownedPlace{place: place{resource.Key(key), v[key]}}
			for _, s := range owners {
				if below := s.child("f:" + key); below != nil {
					p.owners = append(p.owners, below)
				}
			}
			all = append(all, p)
		}
		return all
	case []any:
		all := make([]ownedPlace, len(v))
		for i, item := range v {
			all[i].place = place{itemStep(item, i), item}
		}
		for _, s := range owners {
			find := newFinder(s, v)
			for _, e := range s.children {
				for _, p := range find.find(e.element) {
					i := p.step.Index()
					all[i].owners = append(all[i].owners, e.set)
				}
			}
		}
		return all
	}
	return nil
}
