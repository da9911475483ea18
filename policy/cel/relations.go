package cel

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// index finds the resources of a set that relations lead to. What it finds for a
// relation and a namespace it keeps.
type index struct {
	byKind []*sameKind // in the order of the set

	mu      sync.RWMutex
	groups  map[groupKey]*group
	members map[*resource.Resource]*member
}

type sameKind struct {
	kindOf
	all         []*resource.Resource
	byNamespace map[string][]*resource.Resource
}

type groupKey struct {
	relation  *policy.Relation
	namespace string // of the one that is judged, if only that counts
}

// relation returns the one of all policies that leads to the same, whatever its name.
func (e *Engine) relation(r *policy.Relation) *policy.Relation {
	key := strings.Join([]string{
		strings.Join(r.Groups, " "), strings.Join(r.Kinds, " "), strings.Join(r.Resources, " "),
		strconv.FormatBool(r.SameNamespace), string(r.Link), strings.Join(r.Paths, " "),
	}, "|")
	first, _ := e.relations.LoadOrStore(key, r)
	return first.(*policy.Relation)
}

// led is what a relation of a resource leads to.
type led struct {
	by       *policy.Relation
	to       ref.Val
	unknowns bool
}

// member is a resource that a relation may lead to, as policies see it.
type member struct {
	*resource.Resource
	tree     *resource.Value
	unknowns bool // whether it has values that are not known
}

// index returns the index of a set.
func (e *Engine) index(set *resource.Set) *index {
	return set.Note(e, func() any { return newIndex(set) }).(*index)
}

func newIndex(set *resource.Set) *index {
	in := &index{groups: map[groupKey]*group{}, members: map[*resource.Resource]*member{}}
	byKind := map[kindOf]*sameKind{}
	for _, r := range set.All {
		key := kindOf{r.ID.Platform, r.ID.Group, r.ID.Kind}
		k := byKind[key]
		if k == nil {
			k = &sameKind{kindOf: key, byNamespace: map[string][]*resource.Resource{}}
			byKind[key] = k
			in.byKind = append(in.byKind, k)
		}
		k.all = append(k.all, r)
		k.byNamespace[r.ID.Namespace] = append(k.byNamespace[r.ID.Namespace], r)
	}
	return in
}

// related returns the list of what a relation of r leads to, and whether any of it has
// unknown values. If it hangs on something that is not known, the list itself is
// unknown.
func (in *index) related(to *policy.Relation, r *resource.Resource) (found ref.Val, unknowns bool) {
	g := in.group(to, r.ID)
	if to.Link == "" {
		if to.Matches(r.ID.Group, r.ID.Kind) { // it may be among them
			return listOf(g.all, r), g.unknowns
		}
		return g.list(), g.unknowns
	}
	linked, open := g.linked(to, r)
	if open != "" {
		return types.NewUnknown(1, types.NewAttributeTrail(open)), true
	}
	return listOf(linked, r), anyUnknown(linked)
}

// listOf returns the resources as a list, without r itself.
func listOf(all []*member, r *resource.Resource) ref.Val {
	if len(all) == 0 {
		return noMembers
	}
	trees := make([]*resource.Value, 0, len(all))
	for _, one := range all {
		if one.Resource != r {
			trees = append(trees, one.tree)
		}
	}
	return (*list)(&resource.Value{Kind: resource.List, Items: trees})
}

var noMembers = &list{Kind: resource.List}

func anyUnknown(all []*member) bool {
	return slices.ContainsFunc(all, func(m *member) bool { return m.unknowns })
}

// group returns the resources of the kinds of a relation.
func (in *index) group(to *policy.Relation, of resource.ID) *group {
	key := groupKey{relation: to}
	if to.SameNamespace {
		key.namespace = namespaceOf(of)
	}
	in.mu.RLock()
	g := in.groups[key]
	in.mu.RUnlock()
	if g != nil {
		return g
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if g = in.groups[key]; g == nil {
		g = newGroup(in.find(to, of))
		in.groups[key] = g
	}
	return g
}

// member returns what is known of a resource that several relations may lead to.
func (in *index) member(r *resource.Resource) *member {
	m := in.members[r]
	if m == nil {
		m = &member{Resource: r, tree: withoutNulls(r.Root), unknowns: hasUnknown(r.Root)}
		in.members[r] = m
	}
	return m
}

// namespaceOf returns the namespace of a resource. A Namespace counts as in itself.
func namespaceOf(id resource.ID) string {
	if id.Kind == "Namespace" && id.Group == "" {
		return id.Name
	}
	return id.Namespace
}

func (in *index) find(to *policy.Relation, of resource.ID) (found []*member) {
	for _, k := range in.byKind {
		if k.platform != of.Platform || !to.Matches(k.group, k.kind) {
			continue
		}
		all := k.all
		if to.SameNamespace {
			all = k.byNamespace[namespaceOf(of)]
		}
		for _, r := range all {
			found = append(found, in.member(r))
		}
	}
	return found
}

// group are the resources that a relation may lead to, with what links them to
// others. A link is found by one key, then verified.
type group struct {
	all      []*member
	unknowns bool
	list     func() ref.Val

	once  sync.Once
	links linkIndex
}

func newGroup(all []*member) *group {
	return &group{all: all, unknowns: anyUnknown(all), list: sync.OnceValue(func() ref.Val { return listOf(all, nil) })}
}

// linkIndex finds resources of a group by the key that they are linked by: a name,
// or a label as key=value. Those without a key are candidates for everything.
type linkIndex struct {
	byKey  map[string][]*member
	others []*member
	open   string // why it may lack some: their key is not known
}

// index returns the link index of a group, which is made by the keys of its resources.
func (g *group) index(keys func(*resource.Resource) ([]string, string)) *linkIndex {
	g.once.Do(func() {
		x := &g.links
		x.byKey = make(map[string][]*member, len(g.all))
		for _, m := range g.all {
			found, open := keys(m.Resource)
			x.open = firstOf(x.open, open)
			if len(found) == 0 {
				x.others = append(x.others, m)
			}
			for _, key := range found {
				x.byKey[key] = append(x.byKey[key], m)
			}
		}
	})
	return &g.links
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// linked returns the resources of the group that are linked to r, or why that is
// not known.
func (g *group) linked(relation *policy.Relation, r *resource.Resource) (found []*member, open string) {
	switch relation.Link {
	case policy.References:
		names, open := texts(r, relation.Paths)
		x := g.index(nameOf)
		for _, name := range names {
			for _, one := range x.byKey[name] {
				if !slices.Contains(found, one) {
					found = append(found, one)
				}
			}
		}
		return found, open
	case policy.ReferencedBy:
		x := g.index(func(r *resource.Resource) ([]string, string) { return texts(r, relation.Paths) })
		for _, name := range namesOf(r) {
			for _, one := range x.byKey[name] {
				if !slices.Contains(found, one) {
					found = append(found, one)
				}
			}
		}
		return found, x.open
	case policy.Selects:
		x := g.index(labelKeys)
		for _, path := range relation.Paths {
			s, unknown := selectorAt(r, path)
			open = firstOf(open, unknown)
			candidates := g.all
			if key := s.key(); key != "" {
				candidates = x.byKey[key]
			}
			for _, one := range candidates {
				if s.matches(labelsOf(one.Resource)) && (len(relation.Paths) == 1 || !slices.Contains(found, one)) {
					found = append(found, one)
				}
			}
		}
		return found, firstOf(open, x.open)
	default: // policy.SelectedBy
		labels := labelsOf(r)
		x := g.index(func(r *resource.Resource) (keys []string, open string) {
			for _, path := range relation.Paths {
				s, unknown := selectorAt(r, path)
				open = firstOf(open, unknown)
				if s.key() == "" {
					return nil, open
				}
				keys = append(keys, s.key())
			}
			return keys, open
		})
		candidates := slices.Clone(x.others)
		keys, open := labelKeys(r)
		for _, key := range keys {
			candidates = append(candidates, x.byKey[key]...)
		}
		for _, one := range candidates {
			selects := func(path string) bool {
				s, _ := selectorAt(one.Resource, path)
				return s.matches(labels)
			}
			if slices.ContainsFunc(relation.Paths, selects) && !slices.Contains(found, one) {
				found = append(found, one)
			}
		}
		return found, firstOf(open, x.open)
	}
}

func nameOf(r *resource.Resource) ([]string, string) {
	name := r.Root.Get("metadata").Get("name")
	if name != nil && name.Unknown() != "" {
		return nil, name.Unknown()
	}
	return namesOf(r), ""
}

// givenNames are the arguments that give a resource of Terraform the name by which
// others know it that do not refer to its address.
var givenNames = []string{"name", "bucket", "function_name"}

// namesOf returns the names of a resource: that of its object or its address, and
// the one that is given in the cloud.
func namesOf(r *resource.Resource) []string {
	names := []string{r.ID.Name}
	if r.ID.Platform != resource.Terraform {
		return names
	}
	for _, key := range givenNames {
		if given := r.Root.Get(key); given.Text() != "" && len(given.Refs()) == 0 {
			names = append(names, given.Text())
		}
	}
	return names
}

// texts returns the texts at paths of keys, through all items of lists, and why not
// all are known. What refers to a resource by an expression has its name, whether or
// not the value is known.
func texts(r *resource.Resource, paths []string) (found []string, open string) {
	for _, path := range paths {
		from := r.Root
		if rest, ok := strings.CutPrefix(path, "pod."); ok {
			from, path = podOf(r), rest
		}
		var unknown string
		found, unknown = appendTexts(found, from, path)
		open = firstOf(open, unknown)
	}
	return found, open
}

func appendTexts(found []string, v *resource.Value, path string) (_ []string, open string) {
	refs := v.Refs()
	found = append(found, refs...)
	switch {
	case v == nil || v.Unknown() != "" && len(refs) > 0:
	case v.Unknown() != "":
		open = v.Unknown()
	case v.Kind == resource.List:
		for _, item := range v.Items {
			var unknown string
			found, unknown = appendTexts(found, item, path)
			open = firstOf(open, unknown)
		}
	case path != "":
		key, rest, _ := strings.Cut(path, ".")
		return appendTexts(found, v.Get(key), rest)
	case v.Text() != "":
		found = append(found, v.Text())
	}
	return found, open
}
