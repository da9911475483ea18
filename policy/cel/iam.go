package cel

import (
	"maps"
	"slices"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	"github.com/holdfast-dev/holdfast/iam"
	"github.com/holdfast-dev/holdfast/resource"
)

// policyFunctions are those about policies of AWS. What they are asked about is
// what statements() gives: maps whose parts know where they are written.
func policyFunctions() []cel.EnvOption {
	ask := func(name string, about func(*resource.Value) iam.Answer) cel.EnvOption {
		return cel.Function(name, cel.Overload(name+"_dyn", []*cel.Type{cel.DynType}, cel.BoolType, cel.UnaryBinding(func(s ref.Val) ref.Val {
			in := inputOf(s)
			return in.answer(about(in.value))
		})))
	}
	return []cel.EnvOption{
		cel.Function("statements", cel.Overload("statements_dyn", []*cel.Type{cel.DynType}, cel.ListType(cel.DynType), cel.UnaryBinding(unplaced))),
		cel.Function("json", cel.Overload("json_dyn", []*cel.Type{cel.DynType}, cel.DynType, cel.UnaryBinding(unplaced))),
		ask("isPublic", iam.Public),
		ask("restricted", iam.Restricted),
		ask("everywhere", iam.Everywhere),
		cel.Function("allows", cel.Overload("allows_dyn_string", []*cel.Type{cel.DynType, cel.StringType}, cel.BoolType, cel.BinaryBinding(allows))),
		cel.Function("escalations", cel.Overload("escalations_dyn_string", []*cel.Type{cel.DynType, cel.StringType}, cel.ListType(cel.StringType), cel.BinaryBinding(escalations))),
	}
}

// unplaced stands for the functions that are evaluated with their scope.
func unplaced(ref.Val) ref.Val {
	return types.NewErr("there is no resource whose documents could be read")
}

// input is a value of the normal form, with its origin if it is recorded.
type input struct {
	value *resource.Value
	view  view
	rec   *recorder
	at    *place // of parts that the view does not know
}

func inputOf(v ref.Val) input {
	switch v := v.(type) {
	case *object:
		return input{value: v.value()}
	case *list:
		return input{value: v.value()}
	case *recordedObject:
		return input{v.value(), v.view, v.rec, v.at}
	case *recordedList:
		return input{v.value(), v.view, v.rec, v.at}
	case *types.Unknown:
		return input{value: unknownValue(v.String())}
	case traits.Lister:
		out := input{value: &resource.Value{Kind: resource.List}}
		for it := v.Iterator(); it.HasNext() == types.True; {
			one := inputOf(it.Next())
			out.value.Items = append(out.value.Items, one.value)
			if one.rec != nil {
				out.join(one)
			}
		}
		return out
	}
	return input{value: &resource.Value{}}
}

// join adds the places of another input, which may be of another document.
func (in *input) join(other input) {
	if in.rec == nil {
		in.rec, in.at, in.view = other.rec, other.at, view{}
	}
	maps.Copy(in.view, other.view)
	if len(other.view) == 0 {
		in.view.put(other.value, other.at)
	}
}

// put gives all parts of a value one place.
func (w view) put(v *resource.Value, at *place) {
	w[v] = at
	for _, item := range v.Items {
		w.put(item, at)
	}
	for i := range v.Fields {
		w.put(v.Fields[i].Value, at)
	}
}

// answer returns an answer as a CEL value, and notes what it is because of.
func (in input) answer(a iam.Answer) ref.Val {
	if a.Unknown != "" {
		return types.NewUnknown(1, types.NewAttributeTrail(a.Unknown))
	}
	in.read(a.Because)
	return types.Bool(a.Yes)
}

// read notes that a part of the value was read.
func (in input) read(part *resource.Value) {
	if in.rec != nil && part != nil {
		in.rec.last = in.place(part)
	}
}

func (in *input) place(part *resource.Value) *place {
	if at := in.view[part]; at != nil {
		return at
	}
	return in.at
}

// allows is asked about one statement, or about all of a document.
func allows(s, action ref.Val) ref.Val {
	in, what := inputOf(s), string(action.(types.String))
	if in.value.Kind == resource.List {
		return in.answer(iam.AllowedBy(in.value, what))
	}
	return in.answer(iam.Allows(in.value, what))
}

// escalations returns the names of those of a group; each is where its first action
// is written.
func escalations(statements, group ref.Val) ref.Val {
	in, out, places := inputOf(statements), &resource.Value{Kind: resource.List}, view{}
	for _, e := range iam.Escalations(in.value) {
		if e.Group != "" && e.Group != iam.Group(group.(types.String)) {
			continue
		}
		name := textOf(e.Name)
		if e.Unknown != "" {
			name.Amend().Unknown = e.Unknown
		}
		if in.rec != nil && e.Action != nil {
			places[name] = in.place(e.Action)
		}
		out.Items = append(out.Items, name)
	}
	if in.rec == nil {
		return valueOf(out)
	}
	for _, name := range slices.Backward(out.Items) {
		if at := places[name]; at != nil {
			in.rec.last = at
		}
	}
	return places.recorded(out, in.rec.last, in.rec)
}
