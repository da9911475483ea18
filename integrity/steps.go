package integrity

import (
	"context"
	"fmt"
	"slices"
)

// step is what one mainline commit makes reachable.
type step struct {
	tip     string
	commits []string // parents before children
	foxtrot bool     // what was accepted is not its first parent's history
}

// steps cuts the range at those mainline commits that descend from what was
// accepted. The others, which only a merge "the wrong way round" brings, came
// in by the first that does.
func (c *checker) steps(ctx context.Context, from, part, tip string, ids []string, commits map[string]loaded) ([]step, error) {
	line, err := c.h.FirstParents(ctx, from, tip)
	if err != nil {
		return nil, err
	}
	if len(line) == 0 || line[len(line)-1] != tip {
		return nil, fmt.Errorf("the line of first parents does not end in %s", short(tip))
	}
	if err := isLine(line, commits); err != nil {
		return nil, err
	}
	start, err := c.firstDescendant(ctx, part, line, commits)
	if err != nil {
		return nil, err
	}
	assigned := make(map[string]bool, len(ids))
	var steps []step
	for i := start; i < len(line); i++ {
		steps = append(steps, step{
			tip: line[i], foxtrot: i == start && start > 0,
			commits: reach(line[i], commits, assigned),
		})
	}
	// Behind a commit that cannot be parsed nothing is reached: what is left
	// belongs to that step or a later one. None of them passes.
	last := &steps[len(steps)-1]
	for _, id := range ids {
		if !assigned[id] {
			last.commits = append(last.commits, id)
		}
	}
	return steps, nil
}

// firstDescendant returns the index of the oldest commit of the line that has
// from as an ancestor. All after it have it too, since each has the one before.
func (c *checker) firstDescendant(ctx context.Context, from string, line []string, commits map[string]loaded) (int, error) {
	first := commits[line[0]]
	if from == "" || first.err == nil && len(first.parents) > 0 && first.parents[0] == from {
		return 0, nil
	}
	var failed error
	i, _ := slices.BinarySearchFunc(line, true, func(id string, _ bool) int {
		ok, err := c.h.IsAncestor(ctx, from, id)
		if err != nil {
			failed = err
		}
		if ok {
			return 0
		}
		return -1
	})
	if failed == nil && i == len(line) {
		failed = fmt.Errorf("%s does not descend from %s", short(line[i-1]), short(from))
	}
	return i, failed
}

// reach lists the commits of the range that id reaches and that no earlier
// step has, parents before children.
func reach(id string, commits map[string]loaded, assigned map[string]bool) []string {
	type visit struct {
		id   string
		next int
	}
	if _, in := commits[id]; !in || assigned[id] {
		return nil
	}
	assigned[id] = true
	var order []string
	stack := []visit{{id: id}}
	for len(stack) > 0 {
		v := &stack[len(stack)-1]
		commit := commits[v.id]
		if commit.err != nil || v.next == len(commit.parents) {
			order = append(order, v.id)
			stack = stack[:len(stack)-1]
			continue
		}
		parent := commit.parents[v.next]
		v.next++
		if _, in := commits[parent]; in && !assigned[parent] {
			assigned[parent] = true
			stack = append(stack, visit{id: parent})
		}
	}
	return order
}
