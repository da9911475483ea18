package terraform

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/holdfast-dev/holdfast/render/tffunc"
)

// functions returns the functions of the language. Their files are those that the
// root module would see.
func (r *run) functions() map[string]function.Function {
	if r.funcs == nil {
		r.funcs = tffunc.Functions(r.tree, r.dir)
	}
	return r.funcs
}

// function returns a function by its name.
func (r *run) function(name string) (function.Function, bool) {
	if f, ok := tffunc.Pure(name); ok {
		return f, true
	}
	f, ok := r.functions()[name]
	return f, ok
}

// context returns what hcl evaluates an expression with.
func (f frame) context(e hclsyntax.Expression, vars map[string]cty.Value) *hcl.EvalContext {
	ctx := &hcl.EvalContext{Variables: vars}
	in := f.mod.look(e)
	if ctx.Functions = in.functions; ctx.Functions == nil && in.calls {
		ctx.Functions = f.run.functions()
	}
	return ctx
}
