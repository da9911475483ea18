package cel

import (
	"slices"
	"sync/atomic"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// shape is what settled policies may ask about beside their keys: of what makes pods,
// how many containers there are of each sort.
type shape uint8

const (
	noPod         shape = 255
	mostOfShape         = 4               // containers of a sort
	shapesOfLists       = mostOfShape + 2 // of a sort, which may not be there at all
)

var containerLists = []string{"containers", "initContainers", "ephemeralContainers"}

// shapeOf returns the shape of a subject, if it is one that outcomes are kept for.
func shapeOf(s *subject) (shape, bool) {
	if s.gone() || s.r.Change != nil || s.tree != s.r.Root || s.tree.Kind != resource.Map {
		return 0, false
	}
	if s.r.ID.Platform != resource.Kubernetes {
		return noPod, true
	}
	template, makesPods := templates[s.r.ID.Kind]
	if makesPods = makesPods || s.r.ID.Kind == "Pod"; !makesPods {
		template = templates["Deployment"] // as the prelude does
	}
	at := s.tree
	for _, key := range template {
		if at = at.Get(key); absent(at) && !makesPods {
			return noPod, true
		} else if absent(at) || at.Kind != resource.Map {
			return 0, false
		}
	}
	return shapeOfLists(at.Get("spec"))
}

func shapeOfLists(podSpec *resource.Value) (all shape, ok bool) {
	if absent(podSpec) || podSpec.Kind != resource.Map {
		return 0, false
	}
	for _, key := range containerLists {
		list, n := podSpec.Get(key), 0
		switch {
		case absent(list):
		case list.Kind != resource.List || len(list.Items) > mostOfShape || slices.ContainsFunc(list.Items, notMap):
			return 0, false
		default:
			n = 1 + len(list.Items)
		}
		all = all*shapesOfLists + shape(n)
	}
	return all, true
}

func notMap(v *resource.Value) bool { return v.Kind != resource.Map }

// outcomes are what settled policies said of a shape, by their places among those
// that apply to a kind.
type outcomes []atomic.Pointer[policy.Result]

// keep keeps a result, unless something went wrong.
func (o outcomes) keep(i int, r policy.Result) {
	if r.Verdict == policy.Pass || r.Verdict == policy.Fail || r.Verdict == policy.Skip {
		r.Failures = slices.Clip(r.Failures)
		o[i].Store(&r)
	}
}

// outcomes returns those for the shape of a subject, nil if there can be none.
func (a *applicable) outcomes(s *subject) outcomes {
	shape, ok := shapeOf(s)
	if !ok {
		return nil
	}
	found, ok := a.byShape.Load(shape)
	if !ok {
		found, _ = a.byShape.LoadOrStore(shape, make(outcomes, len(a.policies)))
	}
	return found.(outcomes)
}
