package packs_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// eachPlace calls do for every place below the root of what the examples of the
// Kubernetes policies judge, but for those without which nothing is an object.
func eachPlace(t *testing.T, do func(engine policy.Evaluator, example string, resources []*resource.Resource, at resource.Path)) {
	t.Helper()
	all, engine := builtin(t)
	for _, p := range named(t, all, "kubernetes").Policies {
		for _, e := range p.Examples {
			resources, err := e.Resources()
			if err != nil {
				t.Fatal(err)
			}
			for _, at := range placesIn(resources[0].Root, nil) {
				if name := at.String(); name != "apiVersion" && name != "kind" {
					do(engine, p.ID+" "+e.Name, resources, at)
				}
			}
		}
	}
}

func placesIn(v *resource.Value, at resource.Path) (all []resource.Path) {
	for _, f := range v.Fields {
		path := at.Append(resource.Key(f.Key))
		all = append(append(all, path), placesIn(f.Value, path)...)
	}
	for i, item := range v.Items {
		path := at.Append(resource.Index(i))
		all = append(append(all, path), placesIn(item, path)...)
	}
	return all
}

// with judges the first resource with another value at a place, and returns the
// errors, each once.
func with(engine policy.Evaluator, resources []*resource.Resource, at resource.Path, value resource.Value) (errs []string) {
	place := resources[0].Root.At(at)
	was := *place
	*place = value
	defer func() { *place = was }()
	for _, result := range engine.Evaluate(context.Background(), nil, resources[0], resource.NewSet(resources), policy.Declared) {
		if result.Verdict == policy.Error && !slices.Contains(errs, result.Err.Error()) {
			errs = append(errs, result.Err.Error())
		}
	}
	return errs
}

// TestNulls proves that a null is read as API servers read it: as nothing.
func TestNulls(t *testing.T) {
	eachPlace(t, func(engine policy.Evaluator, example string, resources []*resource.Resource, at resource.Path) {
		for _, err := range with(engine, resources, at, resource.Value{}) {
			t.Errorf("%s: null at %s: %s", example, at, err)
		}
	})
}

// TestWrongForms proves that one error names a value that no API server accepts,
// however many policies look at it.
func TestWrongForms(t *testing.T) {
	list := resource.NewList(source.Span{}, &resource.Value{Kind: resource.Int, Int: 3})
	forms := []resource.Value{
		{Kind: resource.Bool, Bool: true}, {Kind: resource.Int, Int: 3}, {Kind: resource.String, Str: "a"}, *resource.NewMap(source.Span{}), *list,
	}
	tried, wrong, several, elsewhere := 0, 0, 0, 0
	eachPlace(t, func(engine policy.Evaluator, _ string, resources []*resource.Resource, at resource.Path) {
		errs := with(engine, resources, at, forms[tried%len(forms)])
		tried++
		if len(errs) > 0 {
			wrong++
		}
		if len(errs) > 1 {
			several++
		}
		if len(errs) > 0 && !strings.HasPrefix(errs[0], "the value of "+at.String()) && resources[0].ID.Kind != "Secret" {
			elsewhere++
		}
	})
	t.Logf("%d of %d values cannot be evaluated: %d have several errors, %d of which the place is not known", wrong, tried, several, elsewhere)
	if wrong < 1000 || several*100 > wrong || elsewhere*20 > wrong {
		t.Error("policies do not say what is wrong")
	}
}
