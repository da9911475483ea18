package helm

import (
	"bytes"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// fromValues finds the value that an action printed, or of which it printed a
// part, in what gives the chart its values. The highest in precedence that holds it
// counts. Of an action in a definition that leads nowhere, those that included it
// are asked.
func (l *located) fromValues(p part, at resource.Path, v *resource.Value, whole bool) (resource.Location, bool) {
	want := wanted{path: at, value: v, json: resource.EncodeJSON(v), printed: string(l.text.Content[p.at : p.at+p.Len]), whole: whole}
	if loc, ok := l.ofAction(p.File, p.Offset, want); ok {
		return loc, true
	}
	for i := p.Call; i > 0 && i <= len(l.c.res.Calls); {
		call := l.c.res.Calls[i-1]
		if loc, ok := l.ofAction(call.File, call.Offset, want); ok {
			return loc, true
		}
		i = call.Outer
	}
	return resource.Location{}, false
}

func (l *located) ofAction(file, offset int, want wanted) (resource.Location, bool) {
	t := l.c.res.Templates[file]
	if t.Place.Archived {
		return resource.Location{}, false
	}
	all := l.c.files.actions(t.Place.Path)
	i := sort.Search(len(all), func(i int) bool { return all[i].start >= offset })
	if i == len(all) || all[i].start != offset {
		return resource.Location{}, false
	}
	for _, chain := range chains(all[i].body, all[i].scope) {
		for _, layer := range l.layers(chain) {
			if at, exact, ok := want.find(layer.root, layer.chain); ok {
				loc := layer.locate(at)
				loc.Exact = loc.Exact && exact
				return loc, true
			}
		}
	}
	return resource.Location{}, false
}

// layer is some of a chart's values, and where in them a chain of the template
// leads.
type layer struct {
	root   *resource.Value
	chain  []string
	locate func(resource.Path) resource.Location
}

// layers returns the places of a chain, in falling precedence: the values of the
// application, its files, the values.yaml of the root, of its subcharts, of the
// chart.
func (l *located) layers(chain []string) []layer {
	if len(chain) > 0 && chain[0] == ofChart {
		return l.chartFile(chain[1:])
	}
	names := l.template.Chart
	below := func(prefix []string) []string {
		if len(chain) > 0 && chain[0] == "global" {
			return chain
		}
		return append(slices.Clone(prefix), chain...)
	}
	var all []layer
	for _, given := range slices.Backward(l.c.given) {
		all = append(all, layer{given.Root, below(names), given.Locate})
	}
	for _, name := range slices.Backward(l.c.req.ValuesFiles) {
		all = l.addFile(all, name, below(names))
	}
	for i, name := range l.template.Values {
		all = l.addFile(all, name, below(names[i:]))
	}
	return all
}

// chartFile is the Chart.yaml of the chart that a template is of.
func (l *located) chartFile(chain []string) []layer {
	values := l.template.Values[len(l.template.Values)-1]
	if values == "" {
		return nil // in an archive
	}
	return l.addFile(nil, path.Join(path.Dir(values), "Chart.yaml"), chain)
}

func (l *located) addFile(all []layer, name string, chain []string) []layer {
	root := l.c.files.values(name)
	if name == "" || root == nil {
		return all
	}
	file := l.c.files.get(name)
	return append(all, layer{root, chain, func(at resource.Path) resource.Location {
		return resource.Location{File: file, Span: spanIn(root, at, root.At(at)), Exact: true}
	}})
}

// wanted is a value that was rendered.
type wanted struct {
	path    resource.Path
	value   *resource.Value
	json    []byte
	printed string // what the action printed of it
	whole   bool   // that is all of it, or more
}

// find looks for the value at a chain, or below it where the action printed a
// larger value of which it is a part. It is exact if the value is there; of a
// larger value, if a part of it is.
func (w wanted) find(root *resource.Value, chain []string) (at resource.Path, exact, ok bool) {
	for _, base := range expand(root, chain) {
		v := root.At(base)
		if !w.whole {
			if isScalar(v) && v.Str == strings.Trim(w.printed, `"'`) && v.Str != "" {
				return base, false, true
			}
			continue
		}
		for n := range w.path {
			rest := w.path[n:]
			if found := v.At(rest); found != nil && (bytes.Equal(resource.EncodeJSON(found), w.json) ||
				!isScalar(found) && found.Kind == w.value.Kind && !rest[len(rest)-1].IsIndex()) {
				return append(slices.Clone(base), rest...), true, true
			}
		}
		switch {
		case len(base) == 0:
		case bytes.Equal(resource.EncodeJSON(v), w.json):
			return base, true, true
		case isScalar(v) && isScalar(w.value) && v.Str == w.value.Str && v.Str != "" && !ok:
			at, ok = base, true // the same text, of another type
		}
	}
	return at, false, ok
}

// maxExpanded bounds the values that one chain may stand for.
const maxExpanded = 1000

// expand returns the paths to which a chain may lead.
func expand(root *resource.Value, chain []string) []resource.Path {
	all := []resource.Path{nil}
	for _, step := range chain {
		var next []resource.Path
		for _, at := range all {
			v := root.At(at)
			switch {
			case step != each:
				if v.Get(step) != nil {
					next = append(next, at.Append(resource.Key(step)))
				}
			case v.Kind == resource.List:
				for i := range v.Items {
					next = append(next, at.Append(resource.Index(i)))
				}
			default:
				for _, f := range v.Fields {
					next = append(next, at.Append(resource.Key(f.Key)))
				}
			}
			if len(next) > maxExpanded {
				break
			}
		}
		all = next[:min(len(next), maxExpanded)]
	}
	return all
}

func isScalar(v *resource.Value) bool {
	return v.Kind != resource.Map && v.Kind != resource.List
}
