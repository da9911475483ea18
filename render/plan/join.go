package plan

import (
	"cmp"
	"context"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// refer gives values the names of the resources that their expressions refer to, as
// the plan's own copy of the configuration has them.
func (d *document) refer(all []*resource.Resource) {
	instances := map[string][]string{} // by the address without instances
	for _, r := range all {
		whole := withoutInstances(r.ID.Name)
		instances[whole] = append(instances[whole], r.ID.Name)
	}
	for _, r := range all {
		written := d.written[withoutInstances(r.ID.Name)]
		if written == nil || r.Root.Kind != resource.Map {
			continue
		}
		module := moduleOf(r.ID.Name)
		names := func(reference string) []string {
			found := instances[withoutInstances(module)+reference]
			inside := slices.DeleteFunc(slices.Clone(found), func(name string) bool { return moduleOf(name) != module })
			if own := slices.Index(inside, module+reference+keyOf(r.ID.Name)); own >= 0 {
				return inside[own : own+1]
			}
			return inside
		}
		for _, f := range r.Root.Fields {
			refer(f.Value, written.Get(f.Key), names)
		}
	}
}

// refer notes what an expression refers to at the values that it gives.
func refer(v, expression *resource.Value, names func(string) []string) {
	if v == nil || expression == nil {
		return
	}
	if expression.Kind == resource.List { // blocks
		for i, one := range items(v) {
			refer(one, item(expression, i), names)
		}
		return
	}
	if references := expression.Get("references"); references != nil && len(expression.Fields) <= 2 {
		var refs []string
		for _, one := range items(references) {
			refs = append(refs, names(one.Text())...)
		}
		note(v, refs)
		return
	}
	for _, f := range fields(v) {
		refer(f.Value, expression.Get(f.Key), names)
	}
}

// note adds names to those that a value comes from.
func note(v *resource.Value, refs []string) {
	slices.Sort(refs)
	if refs = slices.Compact(refs); len(refs) == 0 {
		return
	}
	v.Amend().Refs = refs
}

// moduleOf returns the address of the module of a resource, with a dot, or "".
func moduleOf(address string) string {
	name := strings.LastIndex(maskKeys(address), ".")
	kind := strings.LastIndex(maskKeys(address)[:max(name, 0)], ".")
	if data := address[:kind+1]; strings.HasSuffix(data, "data.") && !strings.HasSuffix(data, "module.data.") {
		kind -= len("data.")
	}
	return address[:kind+1]
}

// keyOf returns the key of the instance that an address is of, with its brackets.
func keyOf(address string) string {
	if i := strings.IndexByte(maskKeys(address[len(moduleOf(address)):]), '['); i >= 0 {
		return address[len(moduleOf(address))+i:]
	}
	return ""
}

// maskKeys returns an address of the same length without dots and brackets in keys.
func maskKeys(address string) string {
	out := []byte(address)
	quoted := false
	for i := 0; i < len(out); i++ {
		switch {
		case quoted && out[i] == '\\':
			out[i] = '_'
			if i++; i < len(out) {
				out[i] = '_'
			}
		case out[i] == '"':
			quoted = !quoted
		case quoted:
			out[i] = '_'
		}
	}
	return string(out)
}

// join gives the resources of a plan their places in the configuration.
func (f format) join(ctx context.Context, tree source.Tree, dir string, all []*resource.Resource) {
	for ; ; dir = path.Dir(dir) {
		if declared := f.declared(ctx, tree, dir); declared.join(all) {
			return
		}
		if dir == "." || dir == "/" || ctx.Err() != nil {
			break
		}
	}
	for _, dir := range elsewhere(tree) {
		if declared := f.declared(ctx, tree, dir); declared.hasAll(all) && declared.join(all) || ctx.Err() != nil {
			return
		}
	}
}

// declared are the resources of a configuration, by their keys.
type declared map[string]*resource.Resource

func (f format) declared(ctx context.Context, tree source.Tree, dir string) declared {
	out := declared{}
	for _, r := range f.configuration(ctx, tree, dir) {
		out[r.ID.Key()] = r
	}
	return out
}

// join reports whether any of the resources of a plan is declared.
func (d declared) join(all []*resource.Resource) (joined bool) {
	for _, r := range all {
		if written := d[r.ID.Key()]; written != nil {
			join(r, written)
			joined = true
		}
	}
	return joined
}

// hasAll reports whether all resources that a plan leaves are declared.
func (d declared) hasAll(all []*resource.Resource) bool {
	return len(d) > 0 && !slices.ContainsFunc(all, func(r *resource.Resource) bool {
		return r.Root.Kind == resource.Map && d[r.ID.Key()] == nil
	})
}

// How far the configuration of a plan is looked for that is not above it.
const (
	mostElsewhere = 20     // directories with configuration
	mostSeen      = 20_000 // files and directories
)

// elsewhere returns the directories of a tree that hold configuration, sorted.
func elsewhere(tree source.Tree) (dirs []string) {
	seen := 0
	_ = source.Walk(tree, ".", func(name string, e source.Entry) error {
		switch seen++; {
		case e.Mode == source.ModeDir && (strings.HasPrefix(e.Name, ".") || e.Name == "node_modules" || e.Name == "modules"):
			return fs.SkipDir
		case e.Mode.Regular() && path.Ext(name) == ".tf" && !slices.Contains(dirs, path.Dir(name)):
			dirs = append(dirs, path.Dir(name))
		}
		if len(dirs) == mostElsewhere || seen == mostSeen {
			return fs.SkipAll
		}
		return nil
	})
	return dirs
}

// join gives a resource the places, the references and the documents of what is
// written of it.
func join(r, written *resource.Resource) {
	r.Origin.File, r.Origin.Span, r.Origin.Document = written.Origin.File, written.Origin.Span, written.Origin.Document
	r.Origin.Via = written.Origin.Via
	r.Origin.Locator = func(at resource.Path) (resource.Location, bool) {
		loc := written.Locate(at)
		return loc, loc.File != nil
	}
	if r.Root.Kind == resource.Map {
		withMeta(r.Root, written.Root)
		borrow(r.Root, written.Root)
	}
}

// withMeta adds the arguments that are no attributes. Plans do not have them: without
// what is written they are unknown.
func withMeta(v, written *resource.Value) {
	for _, name := range []string{"lifecycle", "provisioner"} {
		v.Fields = slices.DeleteFunc(v.Fields, func(f resource.Field) bool { return f.Key == name })
		field := resource.Field{Key: name, KeySpan: v.Span, Value: written.Get(name)}
		if written == nil {
			field.Value = unknownAt(v.Span, notInPlans)
		}
		if field.Value != nil {
			v.Fields = append(v.Fields, field)
		}
	}
}

// borrow takes over what only the configuration knows of a value.
func borrow(v, written *resource.Value) {
	if v == nil || written == nil {
		return
	}
	if written.Extra != nil {
		extra := v.Amend()
		extra.Decoded = cmp.Or(extra.Decoded, written.Decoded())
		if refs := written.Refs(); len(refs) > 0 {
			extra.Refs = refs
		}
		if extra.Unknown == isSensitive {
			extra.Decoded = nil
		}
	}
	for _, f := range fields(v) {
		borrow(f.Value, written.Get(f.Key))
	}
	for i, one := range items(v) {
		borrow(one, item(written, i))
	}
}
