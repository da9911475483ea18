package terraform

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
)

// calls are the instances of a module that a block calls.
type calls struct {
	*expansion
	scopes map[*instance]*scope // nil is the key of the only one
}

// calls returns the instances that a block calls.
func (s *scope) calls(b *block) *calls {
	name := b.label(0)
	if c, ok := s.called[name]; ok {
		return c
	}
	c := &calls{expansion: &expansion{block: b}, scopes: map[*instance]*scope{}}
	s.called[name] = c
	m, reason := s.find(b)
	if m == nil {
		c.reason = reason
		return c
	}
	c.expansion = s.expand(b)
	for _, i := range c.all {
		one := newScope(s.run, m)
		one.prefix = s.prefix + "module." + name + i.suffix + "."
		one.parent, one.call, one.caller = s, b, i.frame
		one.key = strings.TrimPrefix(s.key+"."+name, ".")
		one.via = append([]string{b.file.Path}, s.via...)
		c.scopes[i] = one
		if c.single != nil {
			c.scopes[nil] = one
		}
	}
	return c
}

// each calls do for the instances in their order.
func (c *calls) each(do func(*scope)) {
	for _, i := range c.all {
		if one := c.scopes[i]; one != nil {
			do(one)
		}
	}
}

// find returns the module that a block calls, or why it cannot be had.
func (s *scope) find(b *block) (*module, string) {
	e := b.attr("source")
	if e == nil {
		return nil, "the call of the module has no source"
	}
	v, _ := s.frame().eval(e).Unmark()
	if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
		return nil, "the source of the module is not known"
	}
	src := v.AsString()
	missing := func(reason string) (*module, string) {
		s.skip(spanOf(b.DefRange()), reason)
		return nil, reason
	}
	depth := 0
	for p := s; p != nil; p = p.parent {
		depth++
	}
	if depth > maxNesting || len(s.modules) > maxModules {
		return missing("modules call each other too deeply")
	}
	dir := ""
	if isLocal(src) {
		dir = path.Join(s.mod.dir, src)
		if strings.HasPrefix(dir, "..") {
			return missing("module not present: " + src + " leads out of the tree")
		}
		if s.tree.packageOf(dir) != s.tree.packageOf(s.mod.dir) {
			return missing("module not present: " + src + " leads out of the package")
		}
		for p := s; p != nil; p = p.parent {
			if p.mod.dir == dir {
				return missing("the module " + src + " calls itself")
			}
		}
	} else if dir = s.installedAt(strings.TrimPrefix(s.key+"."+b.label(0), ".")); dir == "" {
		var err error
		if dir, err = s.fetched(b, src); err != nil {
			return missing("module not present: " + src + ": " + err.Error())
		}
		if dir == "" {
			return missing("module not present: " + src + "; `terraform init` installs it, --fetch-modules fetches it")
		}
		for p := s; p != nil; p = p.parent {
			if p.mod.dir == dir {
				return missing("the module " + src + " calls itself")
			}
		}
	}
	m := s.module(dir)
	if m == nil {
		return missing("module not present: " + src + " has no configuration")
	}
	return m, ""
}

// fetched returns the directory of a module that is had from elsewhere, or "" if
// nothing is.
func (s *scope) fetched(b *block, src string) (string, error) {
	if s.options.Modules == nil {
		return "", nil
	}
	version := ""
	if e := b.attr("version"); e != nil {
		v, _ := s.frame().eval(e).Unmark()
		if !v.IsKnown() || v.IsNull() || v.Type() != cty.String {
			return "", errors.New("its version is not known")
		}
		version = v.AsString()
	}
	found, err := s.options.Modules.Module(s.ctx, src, version)
	if err != nil {
		return "", err
	}
	return s.tree.mount(found), nil
}

// manifest is where `init` notes what it installed.
const manifest = ".terraform/modules/modules.json"

// installedAt returns the directory to which `init` has installed the module of a
// call, or "".
func (r *run) installedAt(key string) string {
	if r.installed == nil {
		r.installed = map[string]string{}
		var known struct {
			Modules []struct{ Key, Dir string }
		}
		content, err := r.tree.ReadFile(path.Join(r.dir, manifest))
		if err == nil && json.Unmarshal(content, &known) == nil {
			for _, m := range known.Modules {
				if dir := path.Join(r.dir, m.Dir); m.Key != "" && !slices.Contains(strings.Split(dir, "/"), "..") && !path.IsAbs(m.Dir) {
					r.installed[m.Key] = dir
				}
			}
		}
	}
	return r.installed[key]
}
