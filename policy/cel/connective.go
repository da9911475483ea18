package cel

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/holdfast-dev/holdfast/resource"
)

// connective is a && b && …, which one False decides, or a || b || …, which one True
// decides, whatever errors and unknown values there are beside it.
type connective struct {
	terms    []node
	decisive types.Bool
}

// flat returns the terms of nested nodes of the same operator as one list.
func flat(terms []node, and bool) (all []node) {
	for _, term := range terms {
		if inner, ok := term.(*connective); ok && inner.decisive == types.Bool(!and) {
			all = append(all, inner.terms...)
		} else {
			all = append(all, term)
		}
	}
	return all
}

func (n *connective) eval(v *scope, l locals) ref.Val {
	var open undecided
	for _, term := range n.terms {
		value := term.eval(v, l)
		if decided, ok := value.(types.Bool); !ok {
			open.add(value)
		} else if decided == n.decisive {
			return value
		}
	}
	return open.or(!n.decisive)
}

// undecided is what is neither true nor false among the terms of a connective.
type undecided struct {
	unknown *types.Unknown
	err     ref.Val // the first
}

func (u *undecided) add(value ref.Val) {
	isUnknown := false
	if u.unknown, isUnknown = types.MaybeMergeUnknowns(value, u.unknown); !isUnknown && u.err == nil {
		u.err = types.MaybeNoSuchOverloadErr(value)
	}
}

// or returns what the whole is if no term decides: an unknown value, an error, or the
// given one.
func (u *undecided) or(decided types.Bool) ref.Val {
	switch {
	case u.unknown != nil:
		return u.unknown
	case u.err != nil:
		return u.err
	}
	return decided
}

type not struct{ of node }

func (n *not) eval(v *scope, l locals) ref.Val {
	value := n.of.eval(v, l)
	if is, ok := value.(types.Bool); ok {
		return !is
	}
	return types.MaybeNoSuchOverloadErr(value)
}

type conditional struct {
	condition node
	yes, no   finder
}

func (c *conditional) eval(v *scope, l locals) ref.Val {
	branch, problem := c.branch(v, l)
	if branch == nil {
		return problem
	}
	return branch.eval(v, l)
}

// find implements finder.
func (c *conditional) find(v *scope, l locals) (*resource.Value, ref.Val) {
	branch, problem := c.branch(v, l)
	if branch == nil {
		return nil, problem
	}
	return branch.find(v, l)
}

func (c *conditional) branch(v *scope, l locals) (branch finder, problem ref.Val) {
	switch condition := c.condition.eval(v, l); condition {
	case types.True:
		return c.yes, nil
	case types.False:
		return c.no, nil
	default:
		return nil, types.MaybeNoSuchOverloadErr(condition)
	}
}
