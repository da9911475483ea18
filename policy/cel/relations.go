package cel

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"weak"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// index finds the resources of a set that relations lead to. What it finds for a
// relation and a namespace it keeps.
type index struct {
	byKind []*sameKind // in the order of the set

	mu     sync.Mutex
	groups map[groupKey]*group
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

// index returns the index of a set. It is made once, and kept for as long as
// the set is in use.
func (e *Engine) index(set *resource.Set) *index {
	key := weak.Make(set)
	if found, ok := e.indexes.Load(key); ok {
		return found.(*index)
	}
	in := newIndex(set)
	found, loaded := e.indexes.LoadOrStore(key, in)
	if !loaded {
		runtime.AddCleanup(set, func(key weak.Pointer[resource.Set]) { e.indexes.Delete(key) }, key)
	}
	return found.(*index)
}

func newIndex(set *resource.Set) *index {
	in := &index{groups: map[groupKey]*group{}}
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

// related returns the list of what a relation of r leads to. If it hangs on
// something that is not known, the list itself is unknown.
func (in *index) related(relation *policy.Relation, r *resource.Resource) (found ref.Val, unknowns bool) {
	g := in.group(relation, r.ID)
	if relation.Link == "" {
		if relation.Matches(r.ID.Group, r.ID.Kind) { // it may be among them
			return listOf(g.all, r), g.unknowns()
		}
		return g.list(), g.unknowns()
	}
	linked, open := g.linked(relation, r)
	if open != "" {
		return types.NewUnknown(1, types.NewAttributeTrail(open)), true
	}
	return listOf(linked, r), slices.ContainsFunc(linked, func(r *resource.Resource) bool { return hasUnknown(r.Root) })
}

// listOf returns the resources as a list, without r itself.
func listOf(all []*resource.Resource, r *resource.Resource) ref.Val {
	roots := make([]*resource.Value, 0, len(all))
	for _, one := range all {
		if one != r {
			roots = append(roots, withoutNulls(one.Root))
		}
	}
	return (*list)(&resource.Value{Kind: resource.List, Items: roots})
}

// group returns the resources of the kinds of a relation.
func (in *index) group(relation *policy.Relation, of resource.ID) *group {
	key := groupKey{relation: relation}
	if relation.SameNamespace {
		key.namespace = namespaceOf(of)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	g := in.groups[key]
	if g == nil {
		g = newGroup(in.find(relation, of))
		in.groups[key] = g
	}
	return g
}

// namespaceOf returns the namespace of a resource. A Namespace counts as in itself.
func namespaceOf(id resource.ID) string {
	if id.Kind == "Namespace" && id.Group == "" {
		return id.Name
	}
	return id.Namespace
}

func (in *index) find(relation *policy.Relation, of resource.ID) (found []*resource.Resource) {
	for _, k := range in.byKind {
		switch {
		case k.platform != of.Platform || !relation.Matches(k.group, k.kind):
		case relation.SameNamespace:
			found = append(found, k.byNamespace[namespaceOf(of)]...)
		default:
			found = append(found, k.all...)
		}
	}
	return found
}

// group are the resources that a relation may lead to, with what links them to
// others. A link is found by one key, then verified.
type group struct {
	all      []*resource.Resource
	list     func() ref.Val
	unknowns func() bool

	links sync.Map // policy.Link and path → func() *linkIndex
}

func newGroup(all []*resource.Resource) *group {
	return &group{
		all:  all,
		list: sync.OnceValue(func() ref.Val { return listOf(all, nil) }),
		unknowns: sync.OnceValue(func() bool {
			return slices.ContainsFunc(all, func(r *resource.Resource) bool { return hasUnknown(r.Root) })
		}),
	}
}

// linkIndex finds resources of a group by the key that they are linked by: a name,
// or a label as key=value. Those without a key are candidates for everything.
type linkIndex struct {
	byKey  map[string][]*resource.Resource
	others []*resource.Resource
	open   string // why it may lack some: their key is not known
}

func (g *group) index(relation *policy.Relation, keys func(*resource.Resource) ([]string, string)) *linkIndex {
	made, _ := g.links.LoadOrStore(string(relation.Link)+" "+strings.Join(relation.Paths, " "), sync.OnceValue(func() *linkIndex {
		x := &linkIndex{byKey: map[string][]*resource.Resource{}}
		for _, r := range g.all {
			found, open := keys(r)
			x.open = firstOf(x.open, open)
			if len(found) == 0 {
				x.others = append(x.others, r)
			}
			for _, key := range found {
				x.byKey[key] = append(x.byKey[key], r)
			}
		}
		return x
	}))
	return made.(func() *linkIndex)()
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// linked returns the resources of the group that are linked to r, or why that is
// not known.
func (g *group) linked(relation *policy.Relation, r *resource.Resource) (found []*resource.Resource, open string) {
	switch relation.Link {
	case policy.References:
		names, open := texts(r, relation.Paths)
		x := g.index(relation, nameOf)
		for _, name := range names {
			for _, one := range x.byKey[name] {
				if !slices.Contains(found, one) {
					found = append(found, one)
				}
			}
		}
		return found, open
	case policy.ReferencedBy:
		x := g.index(relation, func(r *resource.Resource) ([]string, string) { return texts(r, relation.Paths) })
		for _, name := range namesOf(r) {
			for _, one := range x.byKey[name] {
				if !slices.Contains(found, one) {
					found = append(found, one)
				}
			}
		}
		return found, x.open
	case policy.Selects:
		x := g.index(relation, labelKeys)
		for _, path := range relation.Paths {
			s, unknown := selectorAt(r, path)
			open = firstOf(open, unknown)
			candidates := g.all
			if key := s.key(); key != "" {
				candidates = x.byKey[key]
			}
			for _, one := range candidates {
				if s.matches(labelsOf(one)) && (len(relation.Paths) == 1 || !slices.Contains(found, one)) {
					found = append(found, one)
				}
			}
		}
		return found, firstOf(open, x.open)
	default: // policy.SelectedBy
		labels := labelsOf(r)
		x := g.index(relation, func(r *resource.Resource) (keys []string, open string) {
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
				s, _ := selectorAt(one, path)
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
	if name != nil && name.Unknown != "" {
		return nil, name.Unknown
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
	var walk func(v *resource.Value, keys []string)
	walk = func(v *resource.Value, keys []string) {
		refs := v.Refs()
		found = append(found, refs...)
		switch {
		case v == nil || v.Unknown != "" && len(refs) > 0:
		case v.Unknown != "":
			open = firstOf(open, v.Unknown)
		case v.Kind == resource.List:
			for _, item := range v.Items {
				walk(item, keys)
			}
		case len(keys) > 0:
			walk(v.Get(keys[0]), keys[1:])
		case v.Text() != "":
			found = append(found, v.Text())
		}
	}
	for _, path := range paths {
		if rest, ok := strings.CutPrefix(path, "pod."); ok {
			walk(podOf(r), strings.Split(rest, "."))
		} else {
			walk(r.Root, strings.Split(path, "."))
		}
	}
	return found, open
}
