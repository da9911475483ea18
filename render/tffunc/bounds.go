package tffunc

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What functions may make, and take.
const (
	maxText     = 8 << 20 // bytes of a text
	maxElements = 100_000 // of a product of sets
	maxWidth    = 10_000  // of a column of format, or of indent
	maxPattern  = 10_000  // bytes of a regular expression
	maxDigits   = 4096    // bits of a number's exponent
	maxAliases  = 100     // of a YAML document
	maxSteps    = 1 << 20 // of all loops of a template
	maxRange    = 1024    // elements of a range
)

// ErrTooLarge is why a function refuses arguments that would make too much.
var ErrTooLarge = errors.New("the result would be too large")

// bounded makes a function that is called once check has let its arguments pass.
// They may be unknown, null or marked.
func bounded(f function.Function, check func(args []cty.Value) error) function.Function {
	return function.New(&function.Spec{
		Params: f.Params(), VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := check(args); err != nil {
				return cty.DynamicPseudoType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

// textOf returns a text, and whether it is one and known.
func textOf(v cty.Value) (string, bool) {
	v, _ = v.Unmark()
	if v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
		return "", false
	}
	return v.AsString(), true
}

// smallNumbers checks that no number in the arguments has a huge exponent: as digits
// it would fill the memory.
func smallNumbers(args []cty.Value) error {
	for _, arg := range args {
		if !small(arg) {
			return fmt.Errorf("a number has too many digits: %w", ErrTooLarge)
		}
	}
	return nil
}

func small(v cty.Value) bool {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return true
	}
	if v.Type() == cty.Number {
		f := v.AsBigFloat()
		e := f.MantExp(nil)
		return f.IsInf() || e <= maxDigits && e >= -maxDigits
	}
	if v.Type().IsPrimitiveType() || !v.CanIterateElements() {
		return true
	}
	for it := v.ElementIterator(); it.Next(); {
		if _, item := it.Element(); !small(item) {
			return false
		}
	}
	return true
}

// smallFormat checks that a format has no column that is far too wide, and that
// numbers are small.
func smallFormat(args []cty.Value) error {
	format, ok := textOf(args[0])
	if !ok {
		return nil
	}
	verb, width, total := false, 0, 0
	for _, c := range []byte(format) {
		switch {
		case c == '%':
			verb, width = !verb, 0
		case verb && c >= '0' && c <= '9':
			width = min(width*10+int(c-'0'), maxText)
		case verb && c == ']':
			width = 0 // it was the number of an argument
		case verb && c == '.':
			total, width = total+width, 0
		case verb && (c|0x20 >= 'a' && c|0x20 <= 'z'):
			total, verb = total+width, false
		}
		if max(width, total) > maxWidth {
			return function.NewArgErrorf(0, "a column is wider than %d: %w", maxWidth, ErrTooLarge)
		}
	}
	return smallNumbers(args[1:])
}

func smallIndent(args []cty.Value) error {
	spaces, _ := args[0].Unmark()
	if !spaces.IsKnown() || spaces.IsNull() {
		return nil
	}
	n, _ := spaces.AsBigFloat().Float64()
	if n > maxWidth {
		return function.NewArgErrorf(0, "more than %d spaces: %w", maxWidth, ErrTooLarge)
	}
	if text, ok := textOf(args[1]); ok && int(max(n, 0))*bytes.Count([]byte(text), []byte("\n")) > maxText {
		return function.NewArgErrorf(0, "more than %d bytes: %w", maxText, ErrTooLarge)
	}
	return nil
}

func smallJoin(args []cty.Value) error {
	separator, ok := textOf(args[0])
	if !ok {
		return nil
	}
	n := 0
	for _, list := range args[1:] {
		if list, _ = list.Unmark(); list.IsKnown() && !list.IsNull() {
			n += list.LengthInt()
		}
	}
	if n*len(separator) > maxText {
		return function.NewArgErrorf(0, "more than %d bytes: %w", maxText, ErrTooLarge)
	}
	return nil
}

func smallPattern(args []cty.Value) error {
	if pattern, ok := textOf(args[0]); ok && len(pattern) > maxPattern {
		return function.NewArgErrorf(0, "the regular expression has more than %d bytes: %w", maxPattern, ErrTooLarge)
	}
	return nil
}

func smallProduct(args []cty.Value) error {
	n := 1
	for _, arg := range args {
		arg, _ = arg.Unmark()
		if !arg.IsKnown() || arg.IsNull() || !arg.CanIterateElements() {
			return nil
		}
		if n *= arg.LengthInt(); n > maxElements {
			return fmt.Errorf("more than %d elements: %w", maxElements, ErrTooLarge)
		}
	}
	return nil
}

// fewAliases checks that a YAML document does not repeat itself through aliases,
// which can double it with each line.
func fewAliases(args []cty.Value) error {
	text, ok := textOf(args[0])
	if !ok {
		return nil
	}
	n := 0
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '*' && (i == 0 || bytes.IndexByte([]byte(" \t\n[{,:-"), text[i-1]) >= 0) && text[i+1] > ' ' && text[i+1] != '*' {
			n++
		}
	}
	if n > maxAliases || n > 8 && len(text) < n*64 {
		return function.NewArgErrorf(0, "the document has %d aliases: %w", n, ErrTooLarge)
	}
	return nil
}

// fewSteps checks how often the loops of a template would run, if each went over
// the largest thing that there is.
func fewSteps(expr hclsyntax.Expression, vars cty.Value) bool {
	loops := &loops{}
	_ = hclsyntax.Walk(expr, loops)
	if loops.deepest < 2 {
		return true
	}
	steps, each := 1, max(largest(vars), 1)
	if loops.calls {
		each = max(each, maxRange)
	}
	for range loops.deepest {
		if steps *= each; steps > maxSteps {
			return false
		}
	}
	return true
}

// loops measures how deep loops are nested.
type loops struct {
	depth, deepest int
	calls          bool // in a loop
}

func (l *loops) Enter(node hclsyntax.Node) hcl.Diagnostics {
	switch node.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
		l.depth++
		l.deepest = max(l.deepest, l.depth)
	case *hclsyntax.FunctionCallExpr:
		l.calls = l.calls || l.depth > 0
	}
	return nil
}

func (l *loops) Exit(node hclsyntax.Node) hcl.Diagnostics {
	switch node.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
		l.depth--
	}
	return nil
}

// largest returns the number of elements of the largest collection in a value.
func largest(v cty.Value) int {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return 0
	}
	if v.Type().IsPrimitiveType() || !v.CanIterateElements() {
		return 0
	}
	n := v.LengthInt()
	for it := v.ElementIterator(); it.Next(); {
		_, item := it.Element()
		n = max(n, largest(item))
	}
	return n
}
