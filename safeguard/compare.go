package safeguard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/holdfast-dev/holdfast/source"
)

// Compare returns what a step does to safeguards, those that lost something first.
// Changed are the paths that differ, as git.Mirror.Changed lists them. Before is
// nil for a first commit. An error says that something could not be read: nothing
// is known then about the whole step.
func Compare(ctx context.Context, before, after source.Tree, changed []string) ([]Change, error) {
	c := &comparison{before: before, after: after}
	if before == nil {
		c.before = source.Memory(nil)
	}
	for _, name := range changed {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := c.read(name); err != nil {
			return nil, fmt.Errorf("comparing %s: %w", name, err)
		}
	}
	for _, compare := range []func(*comparison) error{
		gates, policies, settings, waivers, baseline, ignores, owners, hooks, attributes, protections, withdrawals, others,
	} {
		if err := compare(c); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(c.found, func(a, b Change) int {
		return cmp.Or(lossFirst(a, b), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Loss, b.Loss))
	})
	return c.found, nil
}

func lossFirst(a, b Change) int {
	switch {
	case (a.Loss == "") == (b.Loss == ""):
		return 0
	case a.Loss != "":
		return -1
	}
	return 1
}

// comparison is one run of Compare.
type comparison struct {
	before, after source.Tree
	pairs         []pair
	claimed       map[string]bool
	found         []Change
}

// pair is a path that differs. A side without a regular file is nil: what became a
// link or a directory is no safeguard any more.
type pair struct {
	path     string
	old, new *source.File
}

// shown is the file to show people: the later one, if there is one.
func (p pair) shown() *source.File {
	if p.new != nil {
		return p.new
	}
	return p.old
}

func (c *comparison) read(name string) error {
	p := pair{path: name}
	var err error
	if p.old, err = regular(c.before, name); err != nil {
		return err
	}
	if p.new, err = regular(c.after, name); err != nil {
		return err
	}
	c.pairs = append(c.pairs, p)
	return nil
}

// regular returns the regular file at a path; nil if there is none, or only by a
// symbolic link on the way: forges follow none. What is too large
// to be read protects nobody: nothing that uses safeguards reads it. So a safeguard
// that grows beyond the limit is one that was taken away.
func regular(tree source.Tree, name string) (*source.File, error) {
	for i, c := range name + "/" {
		if c != '/' {
			continue
		}
		e, err := tree.Stat(name[:i])
		var kind *source.KindError
		if source.IsNotExist(err) || errors.As(err, &kind) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if i == len(name) && !e.Mode.Regular() || i < len(name) && e.Mode == source.ModeSymlink {
			return nil, nil
		}
	}
	content, err := tree.ReadFile(name)
	var large *source.TooLargeError
	if errors.As(err, &large) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return source.NewFile(name, content), nil
}

// files returns the pairs whose path is of a sort, which claims them.
func (c *comparison) files(is func(name string) bool) (all []pair) {
	for _, p := range c.pairs {
		if is(p.path) {
			c.claim(p.path)
			all = append(all, p)
		}
	}
	return all
}

func (c *comparison) claim(name string) {
	if c.claimed == nil {
		c.claimed = map[string]bool{}
	}
	c.claimed[name] = true
}

func (c *comparison) add(change Change) { c.found = append(c.found, change) }

// kept says that a file of safeguards changed, and nothing in it was lost that was
// not said already.
func (c *comparison) kept(kind Kind, p pair) {
	c.claim(p.path)
	c.add(Change{Kind: kind, Path: p.path, At: in(p.shown(), nil)})
}

// others are paths that no safeguard claims, for policies of users.
func others(c *comparison) error {
	for _, p := range c.pairs {
		if !c.claimed[p.path] {
			c.add(Change{Kind: File, Path: p.path, At: in(p.shown(), nil)})
		}
	}
	return nil
}
