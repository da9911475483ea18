package rego

import (
	"encoding/json"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// converted is the key of a resource as Rego has it, of a Subject.
type converted struct{}

type input struct {
	term *ast.Term
	err  error
}

// inputOf returns the judged resource as Rego has it.
func inputOf(s *policy.Subject) (*ast.Term, error) {
	in := s.Once(converted{}, func() any {
		known := true
		t := termOf(s.Resource.Root, &known)
		if !known {
			return input{err: policy.ErrUnknown}
		}
		return input{term: t}
	}).(input)
	return in.term, in.err
}

// termOf converts a value. It notes if some of it is not known.
func termOf(v *resource.Value, known *bool) *ast.Term {
	if v == nil {
		return ast.NullTerm()
	}
	if v.Unknown() != "" {
		*known = false
		return ast.NullTerm()
	}
	switch v.Kind {
	case resource.Bool:
		return ast.BooleanTerm(v.Bool)
	case resource.Int:
		return ast.NumberTerm(json.Number(strconv.FormatInt(v.Int, 10)))
	case resource.Float:
		return ast.NumberTerm(json.Number(resource.EncodeJSON(v)))
	case resource.String:
		return ast.StringTerm(v.Str)
	case resource.List:
		items := make([]*ast.Term, len(v.Items))
		for i, item := range v.Items {
			items[i] = termOf(item, known)
		}
		return ast.ArrayTerm(items...)
	case resource.Map:
		fields := make([][2]*ast.Term, len(v.Fields))
		for i, f := range v.Fields {
			fields[i] = ast.Item(ast.StringTerm(f.Key), termOf(f.Value, known))
		}
		return ast.ObjectTerm(fields...)
	}
	return ast.NullTerm()
}

// inventory returns resources as data.inventory has them:
// namespace[namespace][apiVersion][kind][name] and cluster[apiVersion][kind][name].
func inventory(set *resource.Set) map[string]any {
	cluster, namespaces := map[string]any{}, map[string]any{}
	for _, r := range set.All {
		if r.ID.Platform != resource.Kubernetes || r.ID.Name == "" {
			continue
		}
		in := cluster
		if r.ID.Namespace != "" {
			in = below(namespaces, r.ID.Namespace)
		}
		below(below(in, r.ID.APIVersion()), r.ID.Kind)[r.ID.Name] = resource.ToAny(r.Root)
	}
	return map[string]any{"cluster": cluster, "namespace": namespaces}
}

func below(m map[string]any, key string) map[string]any {
	if found, ok := m[key].(map[string]any); ok {
		return found
	}
	made := map[string]any{}
	m[key] = made
	return made
}

// each calls do for the items of a set or an array, and for the values of an
// object. Of another value it does for itself; of none, for nothing.
func each(v ast.Value, do func(ast.Value)) {
	switch v := v.(type) {
	case nil:
	case ast.Set:
		for _, t := range v.Slice() {
			do(t.Value)
		}
	case *ast.Array:
		v.Foreach(func(t *ast.Term) { do(t.Value) })
	case ast.Object:
		v.Foreach(func(_, t *ast.Term) { do(t.Value) })
	default:
		do(v)
	}
}
