package cel

import (
	"runtime"
	"weak"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// index finds the resources of a set by kind, in the order of the set.
type index []*sameKind

type sameKind struct {
	kindOf
	all         []*resource.Resource
	byNamespace map[string][]*resource.Resource
}

// index returns the index of a set. It is made once, and kept for as long as
// the set is in use.
func (e *Engine) index(set *resource.Set) index {
	key := weak.Make(set)
	if found, ok := e.indexes.Load(key); ok {
		return found.(index)
	}
	in := newIndex(set)
	if _, loaded := e.indexes.LoadOrStore(key, in); !loaded {
		runtime.AddCleanup(set, func(key weak.Pointer[resource.Set]) { e.indexes.Delete(key) }, key)
	}
	return in
}

func newIndex(set *resource.Set) index {
	var in index
	byKind := map[kindOf]*sameKind{}
	for _, r := range set.All {
		key := kindOf{r.ID.Platform, r.ID.Group, r.ID.Kind}
		k := byKind[key]
		if k == nil {
			k = &sameKind{kindOf: key, byNamespace: map[string][]*resource.Resource{}}
			byKind[key] = k
			in = append(in, k)
		}
		k.all = append(k.all, r)
		k.byNamespace[r.ID.Namespace] = append(k.byNamespace[r.ID.Namespace], r)
	}
	return in
}

// related returns what each relation of a policy leads to, and whether any of
// it has unknown values. Reads of it are not recorded: it is not what is judged.
func (s *subject) related(relations []policy.Relation) (all map[string]ref.Val, unknowns bool) {
	if len(relations) == 0 {
		return nil, false
	}
	in := s.engine.index(s.set)
	all = make(map[string]ref.Val, len(relations))
	for _, relation := range relations {
		found := []ref.Val{}
		for _, r := range in.find(relation, s.r.ID) {
			if r != s.r {
				found = append(found, valueOf(r.Root))
				unknowns = unknowns || hasUnknown(r.Root)
			}
		}
		all[relation.Name] = types.NewRefValList(types.DefaultTypeAdapter, found)
	}
	return all, unknowns
}

func (in index) find(relation policy.Relation, of resource.ID) (found []*resource.Resource) {
	for _, k := range in {
		switch {
		case k.platform != of.Platform || !relation.Matches(k.group, k.kind):
		case relation.SameNamespace:
			found = append(found, k.byNamespace[of.Namespace]...)
		default:
			found = append(found, k.all...)
		}
	}
	return found
}
