package cel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// fix is a fix with its expressions, which see what validations see, and besides
// it `item`, the value that the edit starts from, and `current`, the one that it
// changes; both are null where there is none.
type fix struct {
	*policy.Fix
	when   *expression            // nil: always
	values map[string]*expression // by their text
}

var _ policy.Mender = (*Engine)(nil)

func (c *compiler) fixes(p *policy.Policy) ([]fix, error) {
	var errs []error
	out := make([]fix, len(p.Fixes))
	for i := range p.Fixes {
		one := fix{Fix: &p.Fixes[i], values: map[string]*expression{}}
		var err error
		if one.When != "" {
			one.when, err = c.compile(text{p.File, one.WhenSpan, one.When}, cel.BoolType)
			errs = append(errs, err)
		}
		for _, e := range one.Edits {
			if e.Expression != "" {
				one.values[e.Expression], err = c.compile(text{p.File, e.ExpressionSpan, e.Expression}, cel.DynType)
				errs = append(errs, err)
			}
		}
		out[i] = one
	}
	return out, errors.Join(errs...)
}

// Mends implements policy.Mender.
func (e *Engine) Mends(ctx context.Context, of policy.Failing) ([]policy.Mend, error) {
	matching := e.matching(of.Resource.ID).policies
	i := slices.IndexFunc(matching, func(c *compiled) bool { return c.head.ID == of.Policy })
	if i < 0 {
		return nil, fmt.Errorf("the policy %s does not apply to %s", of.Policy, of.Resource.ID)
	}
	decoded, p, err := matching[i].load()
	if err != nil || len(decoded.Fixes) == 0 {
		return nil, err
	}
	fixes, err := p.fixes()
	if err != nil {
		return nil, err
	}
	v := newScope(ctx, newSubject(e, of.Resource, of.Set, of.Stage), decoded, p)
	var out []policy.Mend
	for _, f := range fixes {
		mend := policy.Mend{Fix: f.Fix}
		if !v.wanted(f, of.Path) {
			continue
		}
		if len(f.Edits) > 0 {
			if mend.Changes, err = f.Changes(of, v.compute(f)); err != nil {
				continue // this fix is not for this place
			}
		}
		out = append(out, mend)
	}
	return out, nil
}

// wanted reports whether a fix is for a failure. There `item` is what its first
// edit starts from.
func (v *scope) wanted(f fix, failure resource.Path) bool {
	if f.when == nil {
		return true
	}
	var item *resource.Value
	if len(f.Edits) > 0 {
		anchor, ok := f.Edits[0].Anchor(failure)
		if !ok {
			return false
		}
		item = v.r.Root.At(anchor)
	}
	out, err := f.when.eval(v.with(item, v.r.Root.At(failure)))
	return err == nil && out == types.True
}

func (v *scope) with(item, current *resource.Value) *scope {
	bound := *v
	bound.bound = map[string]ref.Val{"item": orNull(item), "current": orNull(current)}
	return &bound
}

func orNull(v *resource.Value) ref.Val {
	if v == nil {
		return types.NullValue
	}
	return valueOf(v)
}

func (v *scope) compute(f fix) policy.Compute {
	return func(expression string, item, current *resource.Value) (*resource.Value, error) {
		out, err := f.values[expression].eval(v.with(item, current))
		if err != nil {
			return nil, v.redacted(err)
		}
		return plainValue(out)
	}
}

// plainValue is the inverse of valueOf.
func plainValue(v ref.Val) (*resource.Value, error) {
	switch v := v.(type) {
	case *object:
		return v.value(), nil
	case *list:
		return v.value(), nil
	case types.Null:
		return &resource.Value{}, nil
	case types.Bool:
		return &resource.Value{Kind: resource.Bool, Bool: bool(v)}, nil
	case types.Int:
		return &resource.Value{Kind: resource.Int, Int: int64(v)}, nil
	case types.Double:
		return resource.NewFloat(float64(v), "", source.Span{}), nil
	case types.String:
		return &resource.Value{Kind: resource.String, Str: string(v)}, nil
	case traits.Lister:
		out := &resource.Value{Kind: resource.List}
		for it := v.Iterator(); it.HasNext() == types.True; {
			item, err := plainValue(it.Next())
			if err != nil {
				return nil, err
			}
			out.Items = append(out.Items, item)
		}
		return out, nil
	case traits.Mapper:
		return plainMap(v)
	}
	return nil, fmt.Errorf("the expression gives a %s, which no file can hold", v.Type().TypeName())
}

func plainMap(m traits.Mapper) (*resource.Value, error) {
	out := &resource.Value{Kind: resource.Map}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key, ok := it.Next().(types.String)
		if !ok {
			return nil, errors.New("the expression gives a map whose keys are no texts")
		}
		found, _ := m.Find(key)
		value, err := plainValue(found)
		if err != nil {
			return nil, err
		}
		out.Fields = append(out.Fields, resource.Field{Key: string(key), Value: value})
	}
	// Maps of CEL have no order.
	slices.SortFunc(out.Fields, func(a, b resource.Field) int { return strings.Compare(a.Key, b.Key) })
	return out, nil
}
