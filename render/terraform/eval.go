package terraform

import (
	"maps"
	"slices"
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
func (f frame) eval(e hclsyntax.Expression) cty.Value {
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
	defer func() { f.depth-- }()
	vars, marks, ok := f.variables(e)
	if !ok {
		return unknown(tooBigReason)
	}
	ctx := &hcl.EvalContext{Variables: vars, Functions: f.run.functions()}
	v, diags := e.Value(ctx)
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
	free := e.Variables()
	if len(free) == 0 {
		return nil, nil, true
	}
	var roots node
	marks := cty.ValueMarks{}
	work, largest := 0, 0
	attrs := map[string][]string{} // of resources, by address
	for _, t := range free {
		f.wanted(t, attrs, e)
	}
	for _, t := range free {
		value, rest := f.resolve(t, attrs)
		n := size(value, maxWork)
		work, largest = work+n, max(largest, n)
		if work >= maxWork {
			return nil, nil, false
		}
		for m := range valueMarks(value) {
			marks[m] = struct{}{}
		}
		roots.put(t[:len(t)-len(rest)], value)
	}
	if !withinLoops(e, largest) {
		return nil, nil, false
	}
	vars := make(map[string]cty.Value, len(roots.children))
	for name, child := range roots.children {
		vars[name] = child.object()
	}
	return vars, marks, true
}

func valueMarks(v cty.Value) cty.ValueMarks {
	if v.IsMarked() {
		_, marks := v.Unmark()
		return marks
	}
	return nil
}

// withinLoops reports whether the loops of an expression, in each other, over
// values of a size end in time.
func withinLoops(e hclsyntax.Expression, largest int) bool {
	deepest, depth := 0, 0
	_ = hclsyntax.Walk(e, &loops{func(in int) { depth += in; deepest = max(deepest, depth) }})
	steps := 1
	for range deepest {
		if steps *= max(largest/16, 1); steps > maxWork {
			return false
		}
	}
	return true
}

type loops struct{ step func(int) }

func (l *loops) Enter(n hclsyntax.Node) hcl.Diagnostics { l.count(n, 1); return nil }
func (l *loops) Exit(n hclsyntax.Node) hcl.Diagnostics  { l.count(n, -1); return nil }

func (l *loops) count(n hclsyntax.Node, by int) {
	switch n.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
		l.step(by)
	}
}

// node is an object that is put together from parts.
type node struct {
	value    cty.Value
	is       bool
	children map[string]*node
}

func (n *node) put(path hcl.Traversal, value cty.Value) {
	for _, step := range path {
		name := stepName(step)
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

// wanted notes which attributes of a resource an expression asks for: the one that
// follows, or all that are named anywhere in it.
func (f frame) wanted(t hcl.Traversal, attrs map[string][]string, e hclsyntax.Expression) {
	address, n := resourceAddress(t)
	if address == "" {
		return
	}
	if len(t) > n {
		if name, ok := t[n].(hcl.TraverseAttr); ok && !slices.Contains(attrs[address], everything) {
			attrs[address] = append(attrs[address], name.Name)
			return
		}
	}
	attrs[address] = append([]string{everything}, namesIn(e)...)
}

// everything stands for all attributes of a resource that are written.
const everything = "*"

// namesIn returns the names of all attributes that an expression mentions.
func namesIn(e hclsyntax.Expression) (names []string) {
	add := func(t hcl.Traversal) {
		for _, step := range t {
			switch step.(type) {
			case hcl.TraverseAttr, hcl.TraverseIndex:
				if name := stepName(step); name != "" && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
	}
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n := n.(type) {
		case *hclsyntax.ScopeTraversalExpr:
			add(n.Traversal)
		case *hclsyntax.RelativeTraversalExpr:
			add(n.Traversal)
		}
		return nil
	})
	return names
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
