package terraform

import (
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

func (s *scope) newVariable(name string) cty.Value {
	b := s.mod.variables[name]
	if b == nil {
		return unknown("the variable " + name + " is not declared")
	}
	v := cty.NilVal
	if s.parent != nil {
		if e := s.call.attr(name); e != nil {
			v = s.caller.eval(e)
		}
	} else if given, ok := s.given[name]; ok {
		v = given
	}
	def := b.attr("default")
	if v != cty.NilVal && v.IsNull() && def != nil && s.isFalse(b.attr("nullable")) {
		v = cty.NilVal
	}
	if v == cty.NilVal {
		if def == nil {
			if s.parent != nil {
				return unknown("variable `" + name + "` is not given")
			}
			reason := "variable `" + name + "` has no default"
			s.skip(spanOf(b.DefRange()), reason+"; --var and terraform.tfvars give it a value")
			return unknown(reason)
		}
		v = s.frame().eval(def)
	}
	v = s.typed(b, v)
	s.validate(b, v)
	return v
}

// validate notes values that a variable refuses.
func (s *scope) validate(b *block, v cty.Value) {
	for _, one := range b.Body.Blocks {
		condition := one.Body.Attributes["condition"]
		if one.Type != "validation" || condition == nil {
			continue
		}
		own := cty.ObjectVal(map[string]cty.Value{b.label(0): v})
		is, _ := s.frame().with("var", own).eval(condition.Expr).Unmark()
		if is.IsKnown() && !is.IsNull() && is.Type() == cty.Bool && is.False() {
			s.skip(spanOf(b.DefRange()), "variable `"+b.label(0)+"` refuses its value, so that nothing can be planned")
		}
	}
}

func (s *scope) isFalse(e hclsyntax.Expression) bool {
	if e == nil {
		return false
	}
	v, _ := s.frame().eval(e).Unmark()
	return v.IsKnown() && !v.IsNull() && v.Type() == cty.Bool && v.False()
}

// typed converts a value to the type of a variable.
func (s *scope) typed(b *block, v cty.Value) cty.Value {
	e := b.attr("type")
	if e == nil {
		return v
	}
	t, defaults, diags := typeexpr.TypeConstraintWithDefaults(e)
	if diags.HasErrors() {
		return v // as it was written before there were types: "list"
	}
	if defaults != nil && !v.IsNull() {
		v = defaults.Apply(v)
	}
	if t == cty.DynamicPseudoType {
		return v
	}
	out, err := convert.Convert(v, t)
	if err != nil {
		return unknown("the value of the variable " + b.label(0) + " is not of its type: " + err.Error())
	}
	return out
}

// values returns what files give to the variables of a root module, the last ones
// first heard: terraform.tfvars, terraform.tfvars.json, then *.auto.tfvars.
func (r *run) values(m *module) map[string]cty.Value {
	entries, err := r.tree.ReadDir(m.dir)
	if err != nil {
		return nil
	}
	var first, auto []string
	for _, e := range entries {
		switch {
		case e.Mode == source.ModeDir:
		case e.Name == "terraform.tfvars" || e.Name == "terraform.tfvars.json":
			first = append(first, e.Name)
		case strings.HasSuffix(e.Name, ".auto.tfvars") || strings.HasSuffix(e.Name, ".auto.tfvars.json"):
			auto = append(auto, e.Name)
		}
	}
	given := map[string]cty.Value{}
	s := newScope(r, m)
	for _, name := range slices.Concat(first, auto) {
		name = path.Join(m.dir, name)
		content, err := r.tree.ReadFile(name)
		if err != nil {
			r.problems = append(r.problems, render.AsProblem(name, err))
			continue
		}
		var p parsed
		f, body := r.parse(&p, text{name, content})
		r.know(f)
		r.problems = append(r.problems, p.problems...)
		if body == nil {
			continue
		}
		for _, a := range body.Attributes {
			if len(a.Expr.Variables()) == 0 {
				given[a.Name] = s.frame().eval(a.Expr)
			}
		}
	}
	for _, one := range r.options.Variables {
		name, value, _ := strings.Cut(one, "=")
		if b := m.variables[name]; b != nil {
			given[name] = s.argument(b, value)
		}
	}
	return given
}

// argument returns the value that a text on the command line gives to a variable: as
// it is to one for a text, else as an expression.
func (s *scope) argument(b *block, text string) cty.Value {
	if e := b.attr("type"); e == nil || hcl.ExprAsKeyword(e) == "string" {
		return cty.StringVal(text)
	}
	e, diags := hclsyntax.ParseExpression([]byte(text), "--var", hcl.InitialPos)
	if diags.HasErrors() || len(e.Variables()) > 0 || tooDeep([]byte(text)) != "" {
		return unknown("the value that --var gives to " + b.label(0) + " is no literal")
	}
	return s.frame().eval(e)
}
