package terraform

import (
	"fmt"
	"path"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// scope is an instance of a module: its configuration with the values that a call
// gives it.
type scope struct {
	*run
	mod    *module
	prefix string   // of addresses: module.net["a"].
	via    []string // of what is in it: the files of calls, nearest first

	parent *scope // nil for the root
	call   *block
	caller frame // where the call's arguments are evaluated
	key    string

	given      map[string]cty.Value // of the root: values from files
	vars       map[string]*slot
	locals     map[string]*slot
	outputs    map[string]*slot
	expansions map[*block]*expansion
	called     map[string]*calls
}

// slot keeps a value that is evaluated once.
type slot struct {
	value cty.Value
	done  bool
}

// once evaluates a slot. One that is asked for while it is evaluated hangs on itself.
func (r *run) once(slots map[string]*slot, name string, eval func() cty.Value) cty.Value {
	if s, ok := slots[name]; ok {
		if !s.done {
			return unknown("it refers to itself: " + name)
		}
		return s.value
	}
	if r.depth >= maxDepth {
		return unknown(tooDeepReason)
	}
	s := &slot{}
	slots[name] = s
	r.depth++
	s.value = eval()
	r.depth--
	s.done = true
	return s.value
}

func newScope(r *run, m *module) *scope {
	return &scope{
		run: r, mod: m, vars: map[string]*slot{}, locals: map[string]*slot{}, outputs: map[string]*slot{},
		expansions: map[*block]*expansion{}, called: map[string]*calls{},
	}
}

// root returns the scope of a root module.
func (r *run) root(m *module) *scope {
	s := newScope(r, m)
	s.given = r.values(m)
	return s
}

func (s *scope) frame() frame { return frame{scope: s} }

// resolve evaluates the first steps of a reference, and returns the rest. With
// looks it is a part of an expression, else nothing but it is asked for.
func (f frame) resolve(t hcl.Traversal, in *looks) (cty.Value, hcl.Traversal) {
	root := t.RootName()
	if v, ok := f.bound[root]; ok {
		return v, t[1:]
	}
	name := ""
	if len(t) > 1 {
		name = stepName(t[1])
	}
	switch {
	case root == "var" && name != "":
		return f.variable(name), t[2:]
	case root == "local" && name != "":
		return f.local(name), t[2:]
	case root == "path" && name != "":
		return f.path(name), t[2:]
	case (root == "terraform" || root == "tofu") && name == "workspace":
		return cty.StringVal("default"), t[2:]
	case root == "module" && name != "":
		return f.moduleValue(t, in)
	case root == "self":
		return unknown("self is known while provisioners run"), nil
	}
	if address, n := resourceAddress(t); address != "" {
		return f.resourceValue(address, n, t, in)
	}
	return unknown("nothing is called " + root + " here"), nil
}

func (s *scope) path(name string) cty.Value {
	switch name {
	case "module":
		if s.parent == nil {
			return cty.StringVal(".")
		}
		return cty.StringVal(relative(s.dir, s.mod.dir))
	case "root":
		return cty.StringVal(".")
	}
	return unknown("path." + name + " is known when it is run")
}

// relative returns the path of a directory as it is seen from another one.
func relative(from, to string) string {
	if from == "." {
		return to
	}
	up := ""
	for base := from; ; base, up = path.Dir(base), up+"../" {
		if base == "." {
			return up + to
		}
		if to == base {
			return path.Clean("./" + up)
		}
		if len(to) > len(base) && to[:len(base)] == base && to[len(base)] == '/' {
			return up + to[len(base)+1:]
		}
	}
}

// local evaluates a local value.
func (s *scope) local(name string) cty.Value {
	return s.once(s.locals, name, func() cty.Value {
		a := s.mod.locals[name]
		if a == nil {
			return unknown("the local value " + name + " is not declared")
		}
		return s.frame().eval(a.Expr)
	})
}

// output evaluates an output for who calls the module.
func (s *scope) output(name string) cty.Value {
	return s.once(s.outputs, name, func() cty.Value {
		b := s.mod.outputs[name]
		if b == nil || b.attr("value") == nil {
			return unknown(fmt.Sprintf("the module %s has no output %s", s.mod.dir, name))
		}
		return s.frame().eval(b.attr("value"))
	})
}

// resourceValue evaluates a reference to a resource.
func (f frame) resourceValue(address string, n int, t hcl.Traversal, in *looks) (cty.Value, hcl.Traversal) {
	b := f.mod.resources[address]
	if b == nil {
		return cty.DynamicVal.WithMarks(cty.NewValueMarks(because("the resource "+address+" is not declared"), refers(f.prefix+address))), nil
	}
	x := f.expand(b)
	full := f.prefix + address
	if x.reason != "" {
		return cty.DynamicVal.WithMarks(cty.NewValueMarks(because(x.reason), refers(full+anyInstance))), nil
	}
	if in == nil { // only this one is asked for
		if i := x.index(t[n:]); i != nil {
			if x.single == nil {
				n++
			}
			if len(t) > n {
				if step, ok := t[n].(hcl.TraverseAttr); ok {
					return i.attr(step.Name), t[n+1:]
				}
			}
			return i.object(nil, true), t[n:]
		}
		return x.value(func(i *instance) cty.Value { return i.object(nil, true) }), t[n:]
	}
	names, all := in.wants(address, x.single != nil)
	if x.single != nil && len(t) > n && !all {
		if step, ok := t[n].(hcl.TraverseAttr); ok {
			return x.single.attr(step.Name), t[n+1:]
		}
	}
	return x.value(func(i *instance) cty.Value { return i.object(names, all) }), t[n:]
}

// moduleValue evaluates a reference to a module: to one output, or to all that are
// asked for.
func (f frame) moduleValue(t hcl.Traversal, in *looks) (cty.Value, hcl.Traversal) {
	name := stepName(t[1])
	b := f.mod.calls[name]
	if b == nil {
		return unknown("the module " + name + " is not declared"), nil
	}
	c := f.calls(b)
	if c.reason != "" {
		return unknown(c.reason), nil
	}
	if one, ok := c.scopes[nil]; ok && len(t) > 2 {
		if step, is := t[2].(hcl.TraverseAttr); is {
			return one.output(step.Name), t[3:]
		}
	}
	if in == nil && len(t) > 3 {
		if i := c.index(t[2:]); i != nil {
			if step, is := t[3].(hcl.TraverseAttr); is {
				return c.scopes[i].output(step.Name), t[4:]
			}
		}
	}
	var names []string
	all := true
	if in != nil {
		names, all = in.wants("module."+name, false)
	}
	return c.value(func(i *instance) cty.Value { return c.scopes[i].all(names, all) }), t[2:]
}

// all returns the outputs of a module: those that are named, or all.
func (s *scope) all(names []string, all bool) cty.Value {
	out := map[string]cty.Value{}
	for name := range s.mod.outputs {
		if all || slices.Contains(names, name) {
			out[name] = s.output(name)
		}
	}
	return cty.ObjectVal(out)
}

// variable evaluates a variable.
func (s *scope) variable(name string) cty.Value {
	return s.once(s.vars, name, func() cty.Value { return s.newVariable(name) })
}

// expression returns where a value comes from that a reference leads to as it is: a
// local value, what a call gives to a variable, or its default. False if it is
// none of these.
func (f frame) expression(e hclsyntax.Expression) (hclsyntax.Expression, frame, bool) {
	traversal, ok := e.(*hclsyntax.ScopeTraversalExpr)
	if !ok || len(traversal.Traversal) < 2 {
		return nil, f, false
	}
	t := traversal.Traversal
	name := stepName(t[1])
	if _, bound := f.bound[t.RootName()]; bound || name == "" {
		return nil, f, false
	}
	switch {
	case t.RootName() == "local" && len(t) == 2:
		if a := f.mod.locals[name]; a != nil {
			return a.Expr, f.frame(), true
		}
	case t.RootName() == "var" && len(t) == 2:
		if f.parent != nil {
			if e := f.call.attr(name); e != nil {
				return e, f.caller, true
			}
		}
		if b := f.mod.variables[name]; b != nil && b.attr("default") != nil && f.given[name] == cty.NilVal {
			return b.attr("default"), f.frame(), true
		}
	case t.RootName() == "module" && len(t) == 3:
		b := f.mod.calls[name]
		if b == nil {
			break
		}
		if one, ok := f.calls(b).scopes[nil]; ok {
			if out := one.mod.outputs[stepName(t[2])]; out != nil && out.attr("value") != nil {
				return out.attr("value"), one.frame(), true
			}
		}
	}
	return nil, f, false
}
