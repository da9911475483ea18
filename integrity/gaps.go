package integrity

import (
	"context"
	"fmt"
)

// complete checks what git listed against what the commits themselves say: that
// the tip is there, and that each parent is as well, or belongs to what was
// accepted. A commit that is not listed would not be verified.
func (c *checker) complete(ctx context.Context, from, tip string, commits map[string]loaded) error {
	if _, listed := commits[tip]; !listed {
		return fmt.Errorf("git does not list %s among the commits since %s", short(tip), short(from))
	}
	known := map[string]bool{from: true}
	for id, commit := range commits {
		if commit.err != nil {
			continue // it is denied, and so is what comes after it
		}
		for _, parent := range commit.parents {
			if _, listed := commits[parent]; listed || known[parent] {
				continue
			}
			if from == "" {
				return fmt.Errorf("git does not list %s, a parent of %s", short(parent), short(id))
			}
			old, err := c.h.IsAncestor(ctx, parent, from)
			if err != nil {
				return err
			}
			if !old {
				return fmt.Errorf("git does not list %s, a parent of %s, which is not part of %s", short(parent), short(id), short(from))
			}
			known[parent] = true
		}
	}
	return nil
}

// isLine checks that each commit of a line is the first parent of the next, and
// that the line begins where the range does.
func isLine(line []string, commits map[string]loaded) error {
	for i, id := range line {
		commit, listed := commits[id]
		if !listed {
			return fmt.Errorf("the line of first parents has %s, which git does not list otherwise", short(id))
		}
		if commit.err != nil {
			continue
		}
		var first string
		if len(commit.parents) > 0 {
			first = commit.parents[0]
		}
		_, more := commits[first]
		if i == 0 && more || i > 0 && first != line[i-1] {
			return fmt.Errorf("git leaves out the first parent of %s", short(id))
		}
	}
	return nil
}
