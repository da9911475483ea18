package admission

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
)

// expression is what an export needs to know of a text.
type expression struct {
	text      string
	names     []name   // where `object` and `params` are, in order
	typed     bool     // whether fields are read that not all kinds have
	variables []string // that it reads
	through   string   // for all() over a list: the last name of what it goes through
}

// name is one place in which a variable is named.
type name struct {
	at   int // byte
	text string
}

func (x *exporter) expressions() PolicySpec {
	used := map[string]bool{}
	var spec PolicySpec
	// Who removes a finalizer must not be stopped by a policy that is newer than
	// the object.
	spec.MatchConditions = []Named{{"not-being-deleted", "!has(object.metadata.deletionTimestamp)"}}
	var own []Named
	unless := ""
	for i, c := range x.policy.Conditions {
		text := x.rewritten(c.Expression)
		e := x.parse(text)
		if len(e.variables) == 0 {
			spec.MatchConditions = append(spec.MatchConditions, Named{slug(c.Name, i), text})
			continue
		}
		// Match conditions come before variables.
		e.use(used)
		name := fmt.Sprintf("condition%d", i+1)
		own = append(own, Named{name, text})
		unless += "!variables." + name + " || "
	}
	for _, v := range x.policy.Validations {
		text := x.rewritten(v.Expression)
		x.parse(text).use(used)
		subject := x.subject(x.parse(v.Expression).through)
		out := Validation{Expression: text, Message: x.message(v, subject), MessageExpression: x.messageExpression(v, subject)}
		if unless != "" {
			out.Expression = unless + "(" + text + ")"
		}
		if out.MessageExpression != "" {
			x.parse(out.MessageExpression).use(used)
		}
		spec.Validations = append(spec.Validations, out)
	}
	spec.Variables = append(x.variables(used), own...)
	return spec
}

// roleRules is a variable of exports. An aggregated ClusterRole has null for its
// rules, and in an API server null is a value.
const (
	roleRules     = "roleRules"
	roleRulesText = "dyn(object).?rules.orValue(null) == null ? [] : object.rules"
	rulesText     = "object.?rules.orValue([])"
)

// rewritten returns an expression as an API server needs it.
func (x *exporter) rewritten(text string) string {
	text = strings.TrimSpace(text)
	if slices.Contains(x.kinds, "Role") || slices.Contains(x.kinds, "ClusterRole") {
		text = strings.ReplaceAll(text, rulesText, "variables."+roleRules)
	}
	e := x.parse(text)
	return e.with(e.typed && x.mixed())
}

// with returns the expression with the values of its params in a variable and,
// if it is dynamic, with an object of whose type nothing is known.
func (e expression) with(dynamic bool) string {
	text := e.text
	for _, n := range slices.Backward(e.names) {
		switch {
		case n.text == "params":
			text = text[:n.at] + "variables.params" + text[n.at+len(n.text):]
		case dynamic:
			text = text[:n.at] + "dyn(object)" + text[n.at+len(n.text):]
		}
	}
	if dynamic {
		return oneLine(text)
	}
	return text
}

// variables returns those that are used, each after those that it reads.
func (x *exporter) variables(used map[string]bool) (all []Named) {
	declared := append(slices.Clone(policy.Prelude(resource.Kubernetes)),
		policy.Variable{Name: roleRules, Expression: roleRulesText},
		policy.Variable{Name: "params", Expression: literal(x.policy.ParamValues())})
	shared := len(declared)
	declared = append(declared, x.policy.Variables...)
	for i, v := range slices.Backward(declared) {
		if !used[v.Name] {
			continue
		}
		text := v.Expression
		switch {
		case i >= shared:
			text = x.rewritten(text)
		case v.Name == "pod" && slices.Equal(x.kinds, []string{"Pod"}) && len(x.custom) == 0:
			text = "dyn(object)"
		case v.Name == "pod": // it is in different places of different types
			text = x.parse(text).with(true)
		}
		x.parse(text).use(used)
		all = append(all, Named{v.Name, text})
	}
	slices.Reverse(all)
	return all
}

// literal returns a value as an expression. In API servers all values of a list
// or a map must have one type.
func literal(v *resource.Value) string {
	var all []string
	switch v.Kind {
	case resource.Null:
		return "null"
	case resource.String:
		return strconv.Quote(v.Str)
	case resource.List:
		for _, item := range v.Items {
			all = append(all, literal(item))
		}
		if slices.ContainsFunc(v.Items, func(item *resource.Value) bool { return item.Kind != v.Items[0].Kind }) {
			for i := range all {
				all[i] = "dyn(" + all[i] + ")"
			}
		}
		return "[" + strings.Join(all, ", ") + "]"
	case resource.Map:
		for _, f := range v.Fields {
			all = append(all, strconv.Quote(f.Key)+": dyn("+literal(f.Value)+")")
		}
		return "{" + strings.Join(all, ", ") + "}"
	case resource.Bool:
		return strconv.FormatBool(v.Bool)
	case resource.Int:
		return strconv.FormatInt(v.Int, 10)
	}
	return strconv.FormatFloat(v.Float(), 'e', -1, 64)
}

func (e expression) use(used map[string]bool) {
	for _, name := range e.variables {
		used[name] = true
	}
}

// parser reads expressions; what is not in API servers is found in the tree.
var parser = sync.OnceValues(func() (*cel.Env, error) {
	return cel.NewEnv(cel.OptionalTypes(), ext.Bindings(), ext.TwoVarComprehensions(), ext.Lists(), cel.EnableMacroCallTracking())
})

func (x *exporter) parse(text string) expression {
	out := expression{text: text}
	env, err := parser()
	if err != nil {
		x.refuse("%v", err)
		return out
	}
	parsed, issues := env.Parse(text)
	if issues.Err() != nil {
		x.refuse("an expression cannot be read: %s", oneLine(issues.Err().Error()))
		return out
	}
	a := parsed.NativeRep()
	for _, macro := range a.SourceInfo().MacroCalls() {
		x.macro(macro.AsCall())
	}
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) { x.visit(e, a, &out) }))
	slices.SortFunc(out.names, func(a, b name) int { return cmp.Compare(a.at, b.at) })
	if macro, ok := a.SourceInfo().GetMacroCall(a.Expr().ID()); ok && macro.AsCall().FunctionName() == "all" {
		out.through = lastName(macro.AsCall().Target())
	}
	return out
}

// visit looks for what an API server does not have.
func (x *exporter) visit(e ast.Expr, a *ast.AST, out *expression) {
	switch e.Kind() {
	case ast.IdentKind:
		switch ident := e.AsIdent(); ident {
		case "object", "params":
			at := a.SourceInfo().GetStartLocation(e.ID())
			out.names = append(out.names, name{offset(out.text, at.Line(), at.Column()), ident})
		case "stage":
			x.refuse("it reads `stage`, which an API server does not have")
		}
	case ast.SelectKind:
		x.selected(e.AsSelect().Operand(), e.AsSelect().FieldName(), out)
	case ast.CallKind:
		call := e.AsCall()
		name := call.FunctionName()
		switch name {
		case operators.OptSelect, operators.Index, operators.OptIndex:
			if field, ok := call.Args()[1].AsLiteral().(types.String); ok && call.Args()[1].Kind() == ast.LiteralKind {
				x.selected(call.Args()[0], string(field), out)
			}
		}
		if _, isOperator := operators.FindReverse(name); !isOperator && !strings.ContainsAny(name, "@_") {
			x.function(name)
		}
	}
}

func (x *exporter) selected(of ast.Expr, field string, out *expression) {
	if of.Kind() != ast.IdentKind {
		return
	}
	switch of.AsIdent() {
	case "variables":
		out.variables = append(out.variables, field)
	case "object":
		if field == "apiVersion" && !x.anyVersion() {
			x.refuse("it judges the API version, and an API server converts objects to its own before a policy sees them")
		}
		out.typed = out.typed || !slices.Contains([]string{"apiVersion", "kind", "metadata"}, field)
	}
}

// anyVersion reports whether objects are shown in the version in which they come.
func (x *exporter) anyVersion() bool {
	return slices.ContainsFunc(x.policy.Match, func(m policy.Match) bool { return slices.Contains(m.Kinds, "*") })
}

// lastName is the name of a list, in variables.containers or
// object.?spec.?rules.orValue([]).
func lastName(e ast.Expr) string {
	switch e.Kind() {
	case ast.SelectKind:
		return e.AsSelect().FieldName()
	case ast.CallKind:
		call := e.AsCall()
		switch {
		case call.FunctionName() == operators.OptSelect:
			name, _ := call.Args()[1].AsLiteral().(types.String)
			return string(name)
		case call.IsMemberFunction() && call.FunctionName() == "orValue":
			return lastName(call.Target())
		}
	}
	return ""
}

// offset converts a line from 1 and a column from 0, in characters, to bytes.
func offset(text string, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		at += strings.IndexByte(text[at:], '\n') + 1
	}
	for i := range text[at:] {
		if column == 0 {
			return at + i
		}
		column--
	}
	return len(text)
}

// slug makes a name for a condition: a qualified name of at most 63 characters.
func slug(name string, i int) string {
	words := strings.FieldsFunc(strings.ReplaceAll(name, "'", ""), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if name = strings.Join(words, "-"); name == "" || len(name) > 63 {
		return fmt.Sprintf("condition-%d", i+1)
	}
	return name
}
