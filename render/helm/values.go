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
	actions := []call{{File: p.File, Offset: p.Offset}}
	for i := p.Call; i > 0 && i <= len(l.c.res.Calls); {
		actions = append(actions, l.c.res.Calls[i-1])
		i = l.c.res.Calls[i-1].Outer
	}
	for _, action := range actions {
		for _, layer := range l.layersOf(action) {
			if at, exact, ok := want.find(layer.root, layer.chain); ok {
				loc := layer.locate(at)
				loc.Exact = loc.Exact && exact
				return loc, true
			}
		}
	}
	if !whole || v.Kind != resource.String {
		return resource.Location{}, false
	}
	return l.partOf(v.Str, actions)
}

// partOf finds the value that the last part of a text comes from, such as the tag
// of an image that an action put together.
func (l *located) partOf(text string, actions []call) (loc resource.Location, ok bool) {
	last := 0
	for _, action := range actions {
		for _, layer := range l.layersOf(action) {
			for _, base := range expand(layer.root, layer.chain) {
				for _, at := range scalars(layer.root, base, 2) {
					if end := endOfPart(text, layer.root.At(at).Str); end > last {
						last, loc, ok = end, layer.locate(at), true
						loc.Exact = false
					}
				}
			}
		}
	}
	return loc, ok
}

// scalars returns the paths of the scalars at and below a path.
func scalars(root *resource.Value, at resource.Path, depth int) (all []resource.Path) {
	v := root.At(at)
	if len(at) == 0 || depth < 0 {
		return nil // all values are the source of nothing
	}
	if isScalar(v) {
		return []resource.Path{at}
	}
	for _, f := range v.Fields {
		all = append(all, scalars(root, at.Append(resource.Key(f.Key)), depth-1)...)
	}
	return all
}

// endOfPart returns where a part of a text ends that stands between marks, or 0.
func endOfPart(text, part string) int {
	i := strings.LastIndex(text, part)
	end := i + len(part)
	isMark := func(at int) bool { return at < 0 || at >= len(text) || strings.IndexByte(":/@-_.,= ", text[at]) >= 0 }
	if i < 0 || len(part) < 2 || !isMark(end) || !isMark(i-1) && !(text[i-1] == 'v' && isMark(i-2)) {
		return 0
	}
	return end
}

// layersOf returns the places of what an action mentions.
func (l *located) layersOf(action call) (all []layer) {
	t := l.c.res.Templates[action.File]
	if t.Place.Archived {
		return nil
	}
	known := l.c.files.actions(t.Place.Path)
	i := sort.Search(len(known), func(i int) bool { return known[i].start >= action.Offset })
	if i == len(known) || known[i].start != action.Offset {
		return nil
	}
	for _, chain := range chains(known[i].body, known[i].scope) {
		all = append(all, l.layers(chain)...)
	}
	return all
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
