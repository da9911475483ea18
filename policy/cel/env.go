package cel

import (
	"math"
	"regexp"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"
)

// recorderName is a name that no expression can contain.
const recorderName = "@recorder"

// newEnv returns the environment of all expressions: what admission policies
// have of variables and libraries, as far as it concerns a single object, and
// beyond it `params`, `relations`, `stage`, and functions that recognise secrets.
func newEnv(opts ...cel.EnvOption) (*cel.Env, error) {
	opts = append(opts, policyFunctions()...)
	return cel.NewEnv(append(opts,
		cel.Variable("object", cel.DynType),
		cel.Variable("variables", cel.DynType),
		cel.Variable("params", cel.DynType),
		cel.Variable("oldObject", cel.DynType),
		cel.Variable("request", cel.DynType),
		cel.Variable("namespaceObject", cel.DynType),
		cel.Variable("relations", cel.MapType(cel.StringType, cel.ListType(cel.DynType))),
		cel.Variable("stage", cel.StringType),
		cel.Variable("item", cel.DynType),    // of fixes
		cel.Variable("current", cel.DynType), // of fixes
		cel.CustomTypeAdapter(adapter{types.DefaultTypeAdapter}),
		cel.CrossTypeNumericComparisons(true),
		cel.DefaultUTCTimeZone(true),
		cel.OptionalTypes(),
		ext.Strings(ext.StringsVersion(2)),
		ext.Sets(),
		ext.Lists(ext.ListsVersion(2)),
		ext.TwoVarComprehensions(),
		cel.Function("find", cel.MemberOverload("string_find_string",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.StringType, cel.BinaryBinding(find))),
		cel.Function("findAll", cel.MemberOverload("string_find_all_string",
			[]*cel.Type{cel.StringType, cel.StringType}, cel.ListType(cel.StringType), cel.BinaryBinding(findAll))),
		cel.Function("entropy", cel.MemberOverload("string_entropy",
			[]*cel.Type{cel.StringType}, cel.DoubleType, cel.UnaryBinding(entropy))),
		cel.Function("credential", cel.MemberOverload("string_credential",
			[]*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(credential))),
		cel.Function("placeholder", cel.MemberOverload("string_placeholder",
			[]*cel.Type{cel.StringType}, cel.BoolType, cel.UnaryBinding(func(s ref.Val) ref.Val {
				return types.Bool(placeholder(string(s.(types.String))))
			}))),
		cel.Function("fromBase64", cel.MemberOverload("string_from_base64",
			[]*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(fromBase64))),
	)...)
}

// adapter knows that most of what it is given is a CEL value already.
type adapter struct{ types.Adapter }

func (a adapter) NativeToValue(value any) ref.Val {
	if v, ok := value.(ref.Val); ok {
		return v
	}
	return a.Adapter.NativeToValue(value)
}

// find returns the first match of a pattern in a string, or "".
func find(s, pattern ref.Val) ref.Val {
	re, err := regexp.Compile(string(pattern.(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(re.FindString(string(s.(types.String))))
}

// findAll returns all matches of a pattern in a string.
func findAll(s, pattern ref.Val) ref.Val {
	re, err := regexp.Compile(string(pattern.(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.NewStringList(types.DefaultTypeAdapter, re.FindAllString(string(s.(types.String)), -1))
}

// entropy returns the bits of information in each character of a string: about
// 3 for words, 4 for random hexadecimal digits, more than 4.5 for random keys.
func entropy(s ref.Val) ref.Val { return types.Double(entropyOf(string(s.(types.String)))) }

func entropyOf(s string) float64 {
	counts, n := map[rune]int{}, 0
	for _, r := range s {
		counts[r]++
		n++
	}
	// Float additions in the order of a map would not be deterministic to the
	// last bit; sums of equal counts are.
	byCount := map[int]int{}
	for _, c := range counts {
		byCount[c]++
	}
	bits := 0.0
	for c := 1; c <= n; c++ {
		if times := byCount[c]; times > 0 {
			p := float64(c) / float64(n)
			bits -= float64(times) * p * math.Log2(p)
		}
	}
	return bits
}
