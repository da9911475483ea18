package terraform

import (
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/holdfast-dev/holdfast/render/tffunc"
)

// looks is what can be told of an expression without a value.
type looks struct {
	free  []hcl.Traversal // what it refers to
	loops int             // how deep loops are in each other
	calls bool            // whether it calls functions

	functions map[string]function.Function // that it calls; nil if some may read files, or are none
	wanted    map[string][]string          // attributes that it asks for, by the address of a resource or module
	looped    map[string][]string          // names in it, by the address of a resource over whose instances it loops
}

// everything stands for all attributes of a resource that are written.
const everything = "*"

// maxLoops is how deep loops may be in each other over what is written in place.
const maxLoops = 4

// look looks at an expression, once.
func (m *module) look(e hclsyntax.Expression) *looks {
	m.mu.Lock()
	defer m.mu.Unlock()
	if in := m.looks[e]; in != nil {
		return in
	}
	in := &looks{free: e.Variables()}
	w := &walker{looks: in}
	_ = hclsyntax.Walk(e, w)
	in.want(e, w)
	if m.looks == nil {
		m.looks = map[hclsyntax.Expression]*looks{}
	}
	m.looks[e] = in
	return in
}

// walker counts loops, and notes the splats and loops that ask for some attributes.
type walker struct {
	*looks
	depth  int
	splats map[*hcl.Traverser]string   // by the first step of what is splatted
	over   map[*hcl.Traverser][]string // by the first step of what is looped over
}

func (w *walker) Enter(n hclsyntax.Node) hcl.Diagnostics {
	switch n := n.(type) {
	case *hclsyntax.FunctionCallExpr:
		w.call(n.Name)
	case *hclsyntax.ForExpr:
		w.depth++
		source, ok := n.CollExpr.(*hclsyntax.ScopeTraversalExpr)
		if !ok || w.depth > maxLoops {
			break
		}
		if names, ok := attributesOf(n.ValVar, n); ok {
			if w.over == nil {
				w.over = map[*hcl.Traverser][]string{}
			}
			w.over[&source.Traversal[0]] = names
		}
	case *hclsyntax.SplatExpr:
		w.depth++
		source, ok := n.Source.(*hclsyntax.ScopeTraversalExpr)
		each, relative := n.Each.(*hclsyntax.RelativeTraversalExpr)
		if !ok || !relative || len(each.Traversal) == 0 {
			break
		}
		if _, of := each.Source.(*hclsyntax.AnonSymbolExpr); of {
			if step, ok := each.Traversal[0].(hcl.TraverseAttr); ok {
				if w.splats == nil {
					w.splats = map[*hcl.Traverser]string{}
				}
				w.splats[&source.Traversal[0]] = step.Name
			}
		}
	}
	w.loops = max(w.loops, w.depth)
	return nil
}

func (w *walker) call(name string) {
	f, ok := tffunc.Pure(name)
	switch {
	case !ok:
		w.functions = nil
	case !w.calls:
		w.functions = map[string]function.Function{name: f}
	case w.functions != nil:
		w.functions[name] = f
	}
	w.calls = true
}

func (w *walker) Exit(n hclsyntax.Node) hcl.Diagnostics {
	switch n.(type) {
	case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
		w.depth--
	}
	return nil
}

// attributesOf returns the attributes of a loop's variable that the loop reads; false
// if it reads the variable as a whole.
func attributesOf(variable string, loop *hclsyntax.ForExpr) (names []string, ok bool) {
	ok = true
	_ = hclsyntax.VisitAll(loop, func(n hclsyntax.Node) hcl.Diagnostics {
		e, is := n.(*hclsyntax.ScopeTraversalExpr)
		if !is || e.Traversal.RootName() != variable {
			return nil
		}
		if len(e.Traversal) > 1 {
			if step, is := e.Traversal[1].(hcl.TraverseAttr); is {
				names = append(names, step.Name)
				return nil
			}
		}
		ok = false
		return nil
	})
	return names, ok
}

// want notes which attributes of resources and modules the expression asks for:
// those that follow, or all that are named anywhere in it.
func (in *looks) want(e hclsyntax.Expression, w *walker) {
	var all []string
	for _, t := range in.free {
		address, n := resourceAddress(t)
		if address == "" && t.RootName() == "module" && len(t) > 1 {
			address, n = "module."+stepName(t[1]), 2
		}
		if address == "" {
			continue
		}
		if in.wanted == nil {
			in.wanted = map[string][]string{}
		}
		if slices.Contains(in.wanted[address], everything) {
			continue
		}
		if names, ok := w.over[&t[0]]; ok && len(t) == n && t.RootName() != "module" {
			if in.looped == nil {
				in.looped = map[string][]string{}
			}
			in.looped[address] = namesIn(e)
			in.wanted[address] = append(in.wanted[address], names...)
			continue
		}
		name := w.splats[&t[0]]
		if len(t) > n {
			rest := t[n:]
			if _, index := rest[0].(hcl.TraverseIndex); index {
				rest = rest[1:]
			}
			if len(rest) > 0 {
				if step, ok := rest[0].(hcl.TraverseAttr); ok {
					name = step.Name
				}
			}
		}
		if name != "" {
			in.wanted[address] = append(in.wanted[address], name)
			continue
		}
		if all == nil {
			all = append([]string{everything}, namesIn(e)...)
		}
		in.wanted[address] = append(slices.Clone(all), in.wanted[address]...)
	}
}

// wants returns which attributes are asked for, and whether all that are written. A
// loop over a resource that has a single instance is one over its attributes.
func (in *looks) wants(address string, single bool) (names []string, all bool) {
	if looped, ok := in.looped[address]; ok && single {
		return looped, true
	}
	names = in.wanted[address]
	if len(names) > 0 && names[0] == everything {
		return names[1:], true
	}
	return names, false
}

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
