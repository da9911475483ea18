package cel

import (
	"regexp"
	"slices"

	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// certainty is how much is known of a value:
//
//	known    it is certain
//	several  it is a list of so many items, or the map that has none
//	none     it is an optional without a value
//	perhaps  it is an optional that may have one
//	anything all else
type certainty uint8

const (
	anything certainty = iota
	known
	several
	none
	perhaps
)

// abstract is what is known of a value.
type abstract struct {
	certainty
	value   ref.Val    // of known
	list    []abstract // of several
	foreign bool       // from elsewhere than the object, so that the keys may be there
	fails   bool       // it may be an error instead
}

// empty reports whether it is a list or a map that has nothing in it.
func (a abstract) empty() bool { return a.certainty == several && len(a.list) == 0 }

var nothing = abstract{foreign: true, fails: true}

// typeByName are what the names of types stand for in an expression.
var typeByName = map[string]ref.Val{
	"string": types.StringType, "int": types.IntType, "double": types.DoubleType, "bool": types.BoolType,
	"list": types.ListType, "map": types.MapType, "null_type": types.NullType,
}

// textCall is what a function of texts gives.
func textCall(name string, n int, eval func(int) abstract) abstract {
	out := abstract{}
	texts := make([]string, 0, n)
	for i := range n {
		v := eval(i)
		out.fails = out.fails || v.fails
		if s, ok := v.value.(types.String); ok && v.certainty == known {
			texts = append(texts, string(s))
		}
	}
	switch {
	case name == overloads.TypeConvertType:
		v := eval(0)
		if v.certainty == known {
			if named := typeByName[v.value.Type().TypeName()]; named != nil {
				out.certainty, out.value = known, named
			}
		}
	case name == "string" && n == 1 && len(texts) == 1:
		out.certainty, out.value = known, types.String(texts[0])
	case n != 2 || len(texts) != 2:
	case name == overloads.Matches:
		matches, err := regexp.MatchString(texts[1], texts[0])
		out.certainty, out.value, out.fails = known, types.Bool(matches), out.fails || err != nil
	case textTests[name] != nil:
		out.certainty, out.value = known, types.Bool(textTests[name](texts[0], texts[1]))
	}
	return out
}

// either is what or() and orValue() give.
func either(of abstract, second func() abstract, unwrap bool) abstract {
	switch {
	case of.certainty == none:
		out := second()
		out.fails = out.fails || of.fails
		return out
	case of.certainty != perhaps:
		return nothing
	}
	other := second()
	out := abstract{certainty: perhaps, foreign: of.foreign || !plain(other), fails: of.fails || other.fails}
	if unwrap {
		out.certainty = anything
	}
	return out
}

// plain reports whether no key can be in a value that should not be there.
func plain(a abstract) bool {
	switch a.certainty {
	case known, none:
		return true
	case several:
		return !slices.ContainsFunc(a.list, func(item abstract) bool { return !plain(item) })
	}
	return !a.foreign
}

// logical is what && and || give: the deciding value, if one argument is certainly
// that, and its opposite if all are.
func logical(args []ast.Expr, eval func(int) abstract, deciding types.Bool) abstract {
	all, fails := true, false
	for i := range args {
		v := eval(i)
		if v.is(deciding) {
			return v
		}
		all = all && v.is(!deciding)
		fails = fails || v.fails
	}
	if all {
		return certainly(!deciding)
	}
	return abstract{fails: fails}
}

func choose(eval func(int) abstract) abstract {
	condition := eval(0)
	switch {
	case condition.is(types.True):
		return eval(1)
	case condition.is(types.False):
		return eval(2)
	}
	out := join(eval(1), eval(2))
	out.fails = out.fails || condition.fails
	return out
}

// join is what is known of a value that is one of two.
func join(a, b abstract) abstract {
	fails := a.fails || b.fails
	switch {
	case a.certainty == known && b.certainty == known && a.value.Equal(b.value) == types.True:
		return abstract{certainty: known, value: a.value, fails: fails}
	case a.certainty == none && b.certainty == none:
		return abstract{certainty: none, fails: fails}
	case a.empty() && b.empty():
		return abstract{certainty: several, fails: fails}
	case (a.certainty == none || a.certainty == perhaps) && (b.certainty == none || b.certainty == perhaps):
		return abstract{certainty: perhaps, foreign: a.foreign || b.foreign, fails: fails}
	}
	return abstract{foreign: !plain(a) || !plain(b), fails: fails}
}

func sum(a, b abstract) abstract {
	if a.certainty == several && b.certainty == several {
		return abstract{certainty: several, list: slices.Concat(a.list, b.list), fails: a.fails || b.fails}
	}
	return abstract{foreign: !plain(a) || !plain(b), fails: a.fails || b.fails}
}

func compareAbstract(operator string, a, b abstract) abstract {
	fails := a.fails || b.fails
	if operator == operators.In && b.certainty == several {
		found := abstract{certainty: known, value: types.False, fails: fails}
		for _, item := range b.list {
			switch equal := compareAbstract(operators.Equals, a, item); {
			case equal.certainty != known:
				return abstract{fails: fails || equal.fails}
			case equal.value == types.True:
				found.value = types.True
			}
		}
		return found
	}
	if a.certainty != known || b.certainty != known {
		return abstract{fails: fails}
	}
	equal := a.value.Equal(b.value)
	x, isInt := a.value.(types.Int)
	y, areInts := b.value.(types.Int)
	switch {
	case operator == operators.Equals && types.IsBool(equal):
		return abstract{certainty: known, value: equal, fails: fails}
	case operator == operators.NotEquals && types.IsBool(equal):
		return abstract{certainty: known, value: types.Bool(equal != types.True), fails: fails}
	case !isInt || !areInts:
		return nothing
	}
	holds := map[string]bool{operators.Less: x < y, operators.LessEquals: x <= y, operators.Greater: x > y, operators.GreaterEquals: x >= y}
	return abstract{certainty: known, value: types.Bool(holds[operator]), fails: fails}
}
