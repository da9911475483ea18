package cel

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/google/cel-go/common/types"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/resource"
)

// mostFaults is how many values are tried as the one that is at fault.
const mostFaults = 32

// located returns an error that names the value because of which an expression of the
// program cannot be evaluated: one without which it can. Policies of others keep the
// error as it is, for those who write them.
func (v *scope) located(x *expression, err error) error {
	if x.limited != nil || v.ctx.Err() != nil || v.tree != v.r.Root {
		return err
	}
	if v.fault != nil && v.holdsWithout(x, v.fault) {
		return v.faultAt(v.fault)
	}
	if v.searched { // the search takes time, and most policies fail for the same value
		return err
	}
	v.searched = true
	for _, at := range v.reads(x) {
		if v.holdsWithout(x, at) {
			v.fault = at
			return v.faultAt(at)
		}
	}
	return err
}

// faultAt says what a value is that is not of the form that policies expect.
func (v *scope) faultAt(at resource.Path) error {
	return fmt.Errorf("the value of %s (a %s) is not of the form that it has to have", at, kindNames[v.tree.At(at).Kind])
}

var kindNames = map[resource.Kind]string{
	resource.Null: "null", resource.Bool: "boolean", resource.Int: "number", resource.Float: "number",
	resource.String: "text", resource.List: "list", resource.Map: "map",
}

// reads returns the values that an expression reads, the deepest first.
func (v *scope) reads(x *expression) []resource.Path {
	v.recorded = nil // variables that are known already are not read again
	again := v.recording()
	again.rec.all = []*place{}
	_, _ = x.eval(again)
	var paths []resource.Path
	for _, at := range again.rec.all {
		if path := at.path(); v.tree.At(path) != nil && !slices.ContainsFunc(paths, func(p resource.Path) bool { return slices.Equal(p, path) }) {
			paths = append(paths, path)
		}
	}
	again.rec.all = nil
	slices.SortStableFunc(paths, func(a, b resource.Path) int { return cmp.Compare(len(b), len(a)) })
	return paths[:min(len(paths), mostFaults)]
}

// holdsWithout reports whether an expression can be evaluated if a value is left out.
func (v *scope) holdsWithout(x *expression, at resource.Path) bool {
	tree, err := edit.Make(v.tree, edit.Change{Op: edit.Remove, Path: at})
	if err != nil {
		return false
	}
	r := *v.r
	r.Root = tree
	out, err := x.eval(newScope(v.ctx, newSubject(v.engine, &r, v.set, v.stage), v.policy, v.of))
	return err == nil && !types.IsUnknownOrError(out)
}
