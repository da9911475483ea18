// Package tffunc holds the functions of the language of Terraform and OpenTofu, for
// expressions that are evaluated where no provider runs.
//
//	pure     what hangs on the arguments alone; it gives what Terraform gives, to
//	         the byte
//	files    file, fileset, templatefile and their likes read the scanned tree;
//	         what lies outside of it is unknown, with the reason
//	impure   timestamp, uuid, bcrypt and their likes are unknown, with the reason
//	marks    Because tells why a value is unknown, Sensitive that it is a secret
//	bounds   what could make much from little (format, range, setproduct, join) is
//	         refused before it does
//
// Each is also known by its full name, such as core::lower. Functions of providers
// are none of this package.
package tffunc

import (
	"maps"
	"sync"

	yaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/holdfast-dev/holdfast/source"
)

// Because is the mark of an unknown value that tells why it is unknown.
type Because string

type sensitivity struct{}

// Sensitive is the mark of a value that the function sensitive has made.
var Sensitive = sensitivity{}

const prefix = "core::"

// Functions returns all functions by name, for a configuration that runs in the
// directory dir of a tree. The map is the caller's own.
func Functions(tree source.Tree, dir string) map[string]function.Function {
	out := maps.Clone(pure())
	for name, f := range (&files{tree: tree, dir: dir, functions: out}).all() {
		out[name], out[prefix+name] = f, f
	}
	return out
}

// Pure returns a function that reads no files; false if none is called so.
func Pure(name string) (function.Function, bool) {
	f, ok := pure()[name]
	return f, ok
}

// pure holds the functions that read no files. They are made at the first use.
var pure = sync.OnceValue(func() map[string]function.Function {
	out := make(map[string]function.Function, 300)
	for _, group := range []map[string]function.Function{library(), numbers(), texts(), encodings(), collections(), networks(), attempts(), impure()} {
		for name, f := range group {
			out[name], out[prefix+name] = f, f
		}
	}
	return out
})

// library returns the functions that are those of cty and HCL as they are.
func library() map[string]function.Function {
	return map[string]function.Function{
		"abs": stdlib.AbsoluteFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc, "signum": stdlib.SignumFunc, "range": stdlib.RangeFunc,

		"chomp": stdlib.ChompFunc, "lower": stdlib.LowerFunc, "upper": stdlib.UpperFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc,
		"trimprefix": stdlib.TrimPrefixFunc, "trimsuffix": stdlib.TrimSuffixFunc, "trimspace": stdlib.TrimSpaceFunc,
		"split": stdlib.SplitFunc, "substr": stdlib.SubstrFunc, "strrev": stdlib.ReverseFunc,
		"formatdate": stdlib.FormatDateFunc, "timeadd": stdlib.TimeAddFunc,

		"chunklist": stdlib.ChunklistFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc,
		"contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc, "element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc,
		"keys": stdlib.KeysFunc, "merge": stdlib.MergeFunc, "reverse": stdlib.ReverseListFunc, "slice": stdlib.SliceFunc, "sort": stdlib.SortFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		"jsondecode": stdlib.JSONDecodeFunc, "csvdecode": stdlib.CSVDecodeFunc,

		"tobool": stdlib.MakeToFunc(cty.Bool),
		"tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap":  stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)),
		"toset":  stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)),

		"jsonencode": bounded(stdlib.JSONEncodeFunc, smallNumbers), "yamlencode": bounded(yaml.YAMLEncodeFunc, smallNumbers),
		"tostring": bounded(stdlib.MakeToFunc(cty.String), smallNumbers), "tonumber": stdlib.MakeToFunc(cty.Number),
		"format": bounded(stdlib.FormatFunc, smallFormat), "formatlist": bounded(stdlib.FormatListFunc, smallFormat),
		"indent": bounded(stdlib.IndentFunc, smallIndent), "join": bounded(stdlib.JoinFunc, smallJoin),
		"regex": bounded(stdlib.RegexFunc, smallPattern), "regexall": bounded(stdlib.RegexAllFunc, smallPattern),
		"setproduct": bounded(stdlib.SetProductFunc, smallProduct),
		"yamldecode": bounded(yaml.YAMLDecodeFunc, fewAliases),
	}
}

// numbers returns the functions of cty that first need their number to be small.
func numbers() map[string]function.Function {
	return map[string]function.Function{
		"ceil": bounded(stdlib.CeilFunc, smallNumbers), "floor": bounded(stdlib.FloorFunc, smallNumbers),
		"log": bounded(stdlib.LogFunc, smallNumbers), "pow": bounded(stdlib.PowFunc, smallNumbers),
		"parseint": bounded(stdlib.ParseIntFunc, smallNumbers),
	}
}

// impure returns the functions whose result nobody can know before a plan.
func impure() map[string]function.Function {
	text := func(reason Because, f function.Spec) function.Function {
		f.Type = function.StaticReturnType(cty.String)
		f.Impl = func([]cty.Value, cty.Type) (cty.Value, error) {
			return cty.UnknownVal(cty.String).RefineNotNull().Mark(reason), nil
		}
		return function.New(&f)
	}
	return map[string]function.Function{
		"timestamp":     text("timestamp() is the time of the apply", function.Spec{}),
		"plantimestamp": text("plantimestamp() is the time of the plan", function.Spec{}),
		"uuid":          text("uuid() is made during the apply", function.Spec{}),
		"bcrypt": text("bcrypt() has a salt that is made during the apply", function.Spec{
			Params:   []function.Parameter{{Name: "str", Type: cty.String}},
			VarParam: &function.Parameter{Name: "cost", Type: cty.Number},
		}),
		"abspath": text("abspath() hangs on where the configuration runs", function.Spec{
			Params: []function.Parameter{{Name: "path", Type: cty.String}},
		}),
	}
}

// simple makes a function of arguments that are known and not null.
func simple(result cty.Type, f func(args []cty.Value) (cty.Value, error), params ...cty.Type) function.Function {
	spec := &function.Spec{
		Type: function.StaticReturnType(result),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f(args) },
	}
	if result.IsPrimitiveType() {
		spec.RefineResult = func(b *cty.RefinementBuilder) *cty.RefinementBuilder { return b.NotNull() }
	}
	for i, t := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: "argument " + string(rune('1'+i)), Type: t})
	}
	return function.New(spec)
}

// text makes a function of one text, which gives another one.
func text(f func(string) (string, error)) function.Function {
	return simple(cty.String, func(args []cty.Value) (cty.Value, error) {
		out, err := f(args[0].AsString())
		if err != nil {
			return cty.UnknownVal(cty.String), function.NewArgError(0, err)
		}
		return cty.StringVal(out), nil
	}, cty.String)
}

// test makes a function that tells something about two texts.
func test(f func(a, b string) bool) function.Function {
	return simple(cty.Bool, func(args []cty.Value) (cty.Value, error) {
		return cty.BoolVal(f(args[0].AsString(), args[1].AsString())), nil
	}, cty.String, cty.String)
}
