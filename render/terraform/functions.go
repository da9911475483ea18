package terraform

import (
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
