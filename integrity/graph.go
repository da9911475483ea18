package integrity

import "container/heap"

// graph is how the commits of a range hang together. Commits are numbered, parents
// before children.
type graph struct {
	number  map[string]int32
	parents [][]int32 // outside for those that the range excludes
	ids     []string
}

const outside = -1

// newGraph takes the commits in an order in which parents come before children.
func newGraph(order []string, commits map[string]loaded) *graph {
	g := &graph{number: make(map[string]int32, len(order)), parents: make([][]int32, len(order)), ids: order}
	for i, id := range order {
		g.number[id] = int32(i) //nolint:gosec // there is a limit for commits
		commit := commits[id]
		if commit.err != nil {
			continue
		}
		for _, parent := range commit.parents {
			n, in := g.number[parent]
			if !in {
				n = outside
			}
			g.parents[i] = append(g.parents[i], n)
		}
	}
	return g
}

// relation is how two commits are related as far as the range tells.
type relation int

const (
	unclear   relation = iota // it takes more than the range to tell, or there are several bases
	based                     // they have one best common ancestor
	unrelated                 // they have no common ancestor
)

// The marks of a walk: from which side a commit was reached, and whether it lies
// behind a common ancestor.
const (
	fromOurs = 1 << iota
	fromTheirs
	behind
)

// base returns the best common ancestor of two commits, if there is exactly one and it
// is in the range. Commits are visited children before parents, so that each is looked
// at once and nothing depends on dates.
func (g *graph) base(ours, theirs string) (string, relation) {
	a, inA := g.number[ours]
	b, inB := g.number[theirs]
	w := &walk{marks: map[int32]uint8{}}
	if inA {
		w.mark(a, fromOurs)
	}
	if inB {
		w.mark(b, fromTheirs)
	}
	var left uint8 // the sides that leave the range
	if !inA {
		left |= fromOurs
	}
	if !inB {
		left |= fromTheirs
	}
	found := int32(outside)
	for w.live > 0 {
		n := heap.Pop(w).(int32) //nolint:forcetypeassert // what mark pushes
		marks := w.marks[n]
		if marks&behind == 0 {
			w.live--
			if marks == fromOurs|fromTheirs {
				if found != outside {
					return "", unclear // criss-cross
				}
				found = n
				marks |= behind
			}
		}
		for _, parent := range g.parents[n] {
			if parent != outside {
				w.mark(parent, marks)
			} else if marks&behind == 0 {
				left |= marks
			}
		}
	}
	switch {
	case left == fromOurs|fromTheirs:
		return "", unclear
	case found != outside:
		return g.ids[found], based
	}
	return "", unrelated
}

// walk is a heap of commits, the greatest number first.
type walk struct {
	queue []int32
	marks map[int32]uint8
	live  int // commits in the queue that are not behind a common ancestor
}

// mark adds marks to a commit, which it puts into the queue if it is not there.
func (w *walk) mark(n int32, marks uint8) {
	old, queued := w.marks[n]
	now := old | marks
	w.marks[n] = now
	switch {
	case !queued:
		heap.Push(w, n)
		if now&behind == 0 {
			w.live++
		}
	case old&behind == 0 && now&behind != 0:
		w.live--
	}
}

func (w *walk) Len() int           { return len(w.queue) }
func (w *walk) Less(i, j int) bool { return w.queue[i] > w.queue[j] }
func (w *walk) Swap(i, j int)      { w.queue[i], w.queue[j] = w.queue[j], w.queue[i] }
func (w *walk) Push(x any)         { w.queue = append(w.queue, x.(int32)) } //nolint:forcetypeassert // only mark pushes
func (w *walk) Pop() any {
	last := w.queue[len(w.queue)-1]
	w.queue = w.queue[:len(w.queue)-1]
	return last
}
