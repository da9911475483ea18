package terraform

import (
	"maps"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// frame is where an expression is evaluated: a module's instance, and what is bound
// to each, count and the iterators of dynamic blocks.
type frame struct {
	*scope
	bound map[string]cty.Value
}

func (f frame) with(name string, value cty.Value) frame {
	bound := make(map[string]cty.Value, len(f.bound)+1)
	maps.Copy(bound, f.bound)
	bound[name] = value
	return frame{f.scope, bound}
}

const (
	tooDeepReason = "values hang on each other too deeply"
	tooBigReason  = "the expression makes too much"
)

// eval returns the value of an expression. What cannot be evaluated is unknown,
// with the reason.
func (f frame) eval(e hclsyntax.Expression) (v cty.Value) {
	switch e := e.(type) {
	case *hclsyntax.LiteralValueExpr:
		return e.Val
	case *hclsyntax.TemplateExpr:
		if e.IsStringLiteral() {
			return e.Parts[0].(*hclsyntax.LiteralValueExpr).Val
		}
	case *hclsyntax.ParenthesesExpr:
		return f.eval(e.Expression)
	case *hclsyntax.TemplateWrapExpr:
		return f.eval(e.Wrapped)
	case *hclsyntax.ScopeTraversalExpr:
		return f.traverse(e)
	}
	if f.depth >= maxDepth {
		return unknown(tooDeepReason)
	}
	f.depth++
	defer func(depth int) {
		f.depth = depth
		if recover() != nil { // some functions panic on what no provider would give them
			v = unknown("it cannot be evaluated")
		}
	}(f.depth - 1)
	if out, ok := f.direct(e); ok {
		if size(out, maxSize) >= maxSize {
			return unknown(tooBigReason)
		}
		return out
	}
	vars, marks, ok := f.variables(e)
	if !ok {
		return unknown(tooBigReason)
	}
	v, diags := e.Value(f.context(e, vars))
	if diags.HasErrors() {
		return failed(diags, marks)
	}
	if size(v, maxSize) >= maxSize {
		return unknown(tooBigReason)
	}
	return v
}

// failed is what an expression is that cannot be evaluated. It comes from what it
// was about to read.
func failed(diags hcl.Diagnostics, marks cty.ValueMarks) cty.Value {
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			out := cty.ValueMarks{}
			for m := range marks {
				if _, is := m.(refers); is {
					out[m] = struct{}{}
				}
			}
			text := strings.TrimSuffix(lower(d.Summary), ".")
			if d.Detail != "" {
				text += ": " + strings.TrimSuffix(d.Detail, ".")
			}
			out[because("it cannot be evaluated: "+text)] = struct{}{}
			return cty.DynamicVal.WithMarks(out)
		}
	}
	return unknown("it cannot be evaluated")
}

// traverse evaluates a reference, such as var.name or aws_s3_bucket.logs.id.
func (f frame) traverse(e *hclsyntax.ScopeTraversalExpr) cty.Value {
	value, rest := f.resolve(e.Traversal, nil)
	if len(rest) == 0 {
		return value
	}
	out, diags := rest.TraverseRel(value)
	if diags.HasErrors() {
		_, marks := value.Unmark()
		return failed(diags, marks)
	}
	return out
}

// variables returns what an expression reads, as the variables of its context,
// with the marks of all of it; and whether it is not too much.
func (f frame) variables(e hclsyntax.Expression) (map[string]cty.Value, cty.ValueMarks, bool) {
	in := f.mod.look(e)
	if len(in.free) == 0 {
		return nil, nil, in.loops <= maxLoops
	}
	var roots node
	var marks cty.ValueMarks
	work, largest := 0, 0
	for _, t := range in.free {
		value, rest := f.resolve(t, in)
		n := size(value, maxWork)
		work, largest = work+n, max(largest, n)
		if work >= maxWork {
			return nil, nil, false
		}
		if value.IsMarked() {
			_, more := value.Unmark()
			if marks == nil {
				marks = cty.ValueMarks{}
			}
			maps.Copy(marks, more)
		}
		roots.put(t[:len(t)-len(rest)], value)
	}
	steps := 1
	for range in.loops {
		if steps *= max(largest/16, 1); steps > maxWork {
			return nil, nil, false
		}
	}
	vars := make(map[string]cty.Value, len(roots.children))
	for name, child := range roots.children {
		vars[name] = child.object()
	}
	return vars, marks, true
}

// node is an object that is put together from parts.
type node struct {
	value    cty.Value
	is       bool
	children map[string]*node
}

// put puts a value at a path; one that stands for what is not known begins before an
// index.
func (n *node) put(path hcl.Traversal, value cty.Value) {
	for _, step := range path {
		name := stepName(step)
		if name == "" {
			break
		}
		if n.children == nil {
			n.children = map[string]*node{}
		}
		if n.children[name] == nil {
			n.children[name] = &node{}
		}
		n = n.children[name]
	}
	n.value, n.is = value, true
}

func (n *node) object() cty.Value {
	if n.is {
		return n.value
	}
	parts := make(map[string]cty.Value, len(n.children))
	for name, child := range n.children {
		parts[name] = child.object()
	}
	return cty.ObjectVal(parts)
}

func stepName(step hcl.Traverser) string {
	switch s := step.(type) {
	case hcl.TraverseRoot:
		return s.Name
	case hcl.TraverseAttr:
		return s.Name
	case hcl.TraverseIndex:
		if s.Key.Type() == cty.String && s.Key.IsKnown() && !s.Key.IsNull() {
			return s.Key.AsString()
		}
	}
	return ""
}

// resourceAddress returns the address of the resource that a reference begins with,
// and how many steps that takes; "" if it begins with something else.
func resourceAddress(t hcl.Traversal) (string, int) {
	root := t.RootName()
	switch root {
	case "var", "local", "module", "each", "count", "path", "terraform", "self", "tofu":
		return "", 0
	case "data", "ephemeral":
		if len(t) >= 3 {
			return root + "." + stepName(t[1]) + "." + stepName(t[2]), 3
		}
		return "", 0
	}
	if len(t) >= 2 {
		if name := stepName(t[1]); name != "" {
			return root + "." + name, 2
		}
	}
	return "", 0
}
