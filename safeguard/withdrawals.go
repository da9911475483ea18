package safeguard

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// withdrawals finds objects that protect and are still in the tree, but that an
// overlay does not take any more.
func withdrawals(c *comparison) error {
	for _, p := range c.pairs {
		base := path.Base(p.path)
		if base != "kustomization.yaml" && base != "kustomization.yml" && base != "Kustomization" || p.old == nil || p.new == nil {
			continue
		}
		was, is := root(p.old), root(p.new)
		for _, key := range []string{"resources", "components", "bases"} {
			for _, name := range missing(texts(was.Get(key)), texts(is.Get(key))) {
				if slices.ContainsFunc([]string{"resources", "components", "bases"}, func(k string) bool { return slices.Contains(texts(is.Get(k)), name) }) {
					continue
				}
				found, err := c.protectorsAt(path.Join(path.Dir(p.path), name), 0)
				if err != nil {
					return err
				}
				for _, o := range found {
					c.claim(p.path)
					c.add(Change{Kind: Protection, Path: p.path, Name: o.String(), Loss: "removed", Old: withSort(o), At: in(p.new, is.Get(key)),
						Text: fmt.Sprintf("%s of %s is not taken any more", o, name)})
				}
			}
		}
		c.patched(p, was, is)
	}
	return nil
}

// patched finds patches of a kustomization that delete what protects.
func (c *comparison) patched(p pair, was, is *resource.Value) {
	before := encoded(was.Get("patches"))
	for _, patch := range items(is.Get("patches")) {
		text := scalar(patch.Get("patch"))
		if !strings.Contains(text, "$patch: delete") || strings.Contains(before, encoded(patch)) {
			continue
		}
		for _, o := range objectsIn(source.NewFile("patch.yaml", []byte(text))) {
			o.file = p.new
			c.claim(p.path)
			c.add(Change{Kind: Protection, Path: p.path, Name: o.String(), Loss: "removed", Old: withSort(object{o.id, o.sort, p.new, nil}), At: in(p.new, patch),
				Text: fmt.Sprintf("%s is deleted by a patch", o)})
		}
	}
}

const maxFiles = 200

// protectorsAt returns what protects in a file, or in the files of a directory,
// that did not change.
func (c *comparison) protectorsAt(name string, depth int) (all []object, err error) {
	if strings.HasPrefix(name, "..") || depth > 5 {
		return nil, nil
	}
	if c.pair(name).path != "" { // it changed, and is compared already
		return nil, nil
	}
	e, err := c.after.Stat(name)
	if source.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if e.Mode == source.ModeDir {
		entries, err := c.after.ReadDir(name)
		if err != nil {
			return nil, err
		}
		for _, entry := range entries[:min(len(entries), maxFiles)] {
			more, err := c.protectorsAt(path.Join(name, entry.Name), depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		return all, nil
	}
	if !isYAML(name) || !e.Mode.Regular() {
		return nil, nil
	}
	file, err := regular(c.after, name)
	if file == nil || err != nil {
		return nil, err
	}
	for _, o := range objectsIn(file) {
		if o.sort != "namespace" {
			all = append(all, o)
		}
	}
	return all, nil
}

// switchWords are parts of the names of values that turn protections of a chart on.
var switchWords = []string{"networkpolicy", "networkpolicies", "poddisruptionbudget", "pdb", "podsecurity", "resourcequota", "admission", "securitycontext", "mtls"}

// values compares the values of charts: switches that turn protections off.
func (c *comparison) values(p pair) {
	if p.old == nil || p.new == nil || !isYAML(p.path) || !strings.HasPrefix(path.Base(p.path), "values") {
		return
	}
	c.switches(p, nil, root(p.old), root(p.new))
}

func (c *comparison) switches(p pair, name []string, was, is *resource.Value) {
	if len(name) > maxWalk {
		return
	}
	for _, f := range fields(was) {
		at := append(slices.Clone(name), f.Key)
		now := is.Get(f.Key)
		full := strings.Join(at, ".")
		protects := slices.ContainsFunc(switchWords, func(w string) bool { return strings.Contains(strings.ToLower(full), w) })
		if protects && isTrue(f.Value) && !isTrue(now) {
			c.claim(p.path)
			c.add(Change{Kind: Protection, Path: p.path, Name: full, Loss: "removed", At: in(p.new, now), Old: resource.NewMap(f.Value.Span).Put("protects", resource.NewText("chart", f.Value.Span)),
				Text: fmt.Sprintf("the chart is told not to protect any more: `%s` is not true", full)})
			continue
		}
		c.switches(p, at, f.Value, now)
	}
}
