package helm

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// scoped is an action with what its dot and its variables stand for.
type scoped struct {
	start, end int
	body       string
	scope      *scope
}

// scope is an enclosing with or range.
type scope struct {
	outer  *scope
	dots   [][]string // chains of .Values that the dot may be
	holder string     // the variable that is declared for it, if any
}

// each is the step of a chain to every item of a list or value of a map.
const each = "*"

// chainPattern finds what an expression takes its value from: a field chain,
// which begins at the dot, at $ or at a variable.
var (
	chainPattern = regexp.MustCompile(`(\$\w*)?((?:\.[A-Za-z_]\w*)+)|(\$\w+)|(?:^|[\s(])(\.)(?:$|[\s)])`)
	quotedText   = regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|`[^`]*`")
	rangeVars    = regexp.MustCompile(`^\s*(?:\$\w+\s*,\s*)?(\$\w+)\s*:=`)
)

// scopes returns the actions of a template, each with its scope.
func scopes(src string) []scoped {
	tokens, _ := lex(src)
	var all []scoped
	var open []*scope // the scope outside of each open block
	var now *scope
	for _, t := range tokens {
		if !t.action || t.comment {
			continue
		}
		all = append(all, scoped{start: t.start, end: t.end, body: t.body, scope: now})
		switch word := t.keyword(); word {
		case "with", "range":
			open = append(open, now)
			now = enter(now, strings.TrimLeft(t.body, spaces)[len(word):], word == "range")
		case "define", "block":
			open = append(open, now)
			now = nil // its dot is whatever it is called with
		case "if":
			open = append(open, now)
		case "end":
			if n := len(open); n > 0 {
				now, open = open[n-1], open[:n-1]
			}
		}
	}
	return all
}

func enter(outer *scope, body string, loop bool) *scope {
	s := &scope{outer: outer}
	if m := rangeVars.FindStringSubmatch(body); m != nil {
		s.holder = m[1]
		body = body[len(m[0]):]
	}
	for _, chain := range chains(body, outer) {
		if loop {
			chain = append(slices.Clone(chain), each)
		}
		s.dots = append(s.dots, chain)
	}
	if len(s.dots) == 0 {
		s.dots = [][]string{nil} // a dot that is not known
	}
	return s
}

// chains returns the chains below .Values that an expression mentions.
func chains(body string, in *scope) [][]string {
	body = quotedText.ReplaceAllString(body, `""`)
	var all [][]string
	for _, m := range chainPattern.FindAllStringSubmatch(body, -1) {
		fields := strings.Split(strings.TrimPrefix(m[2], "."), ".")
		if m[2] == "" {
			fields = nil
		}
		switch base := m[1] + m[3]; {
		case len(fields) > 0 && fields[0] == "Values" && (base == "" || base == "$"):
			all = append(all, fields[1:])
		case base == "$":
		case base == "":
			if in != nil {
				all = append(all, below(in.dots, fields)...)
			}
		default:
			for s := in; s != nil; s = s.outer {
				if s.holder == base {
					all = append(all, below(s.dots, fields)...)
					break
				}
			}
		}
	}
	return all
}

func below(dots [][]string, fields []string) [][]string {
	var all [][]string
	for _, dot := range dots {
		if dot != nil {
			all = append(all, append(slices.Clone(dot), fields...))
		}
	}
	return all
}

// fromValues finds the value that an action printed, or of which it printed a
// part, in the values files. The highest in precedence that holds it counts.
func (l *located) fromValues(p part, path resource.Path, v *resource.Value, whole bool) (resource.Location, bool) {
	t := l.c.res.Templates[p.File]
	var action *scoped
	for _, a := range l.c.files.actions(t.Place.Path) {
		if a.start == p.Offset {
			action = &a
			break
		}
	}
	if action == nil || t.Place.Archived {
		return resource.Location{}, false
	}
	printed := string(l.text.Content[p.at : p.at+p.Len])
	for _, chain := range chains(action.body, action.scope) {
		for _, layer := range l.layers(chain) {
			root := l.c.files.values(layer.file)
			if root == nil {
				continue
			}
			if loc, ok := l.inLayer(root, layer, path, v, printed, whole); ok {
				return loc, true
			}
		}
	}
	return resource.Location{}, false
}

// layer is a values file, and where in it a chain of the template leads.
type layer struct {
	file  string
	chain []string
}

// layers returns the places of a chain, in falling precedence: the files of the
// application, the values.yaml of the root, of its subcharts, of the chart.
func (l *located) layers(chain []string) []layer {
	names := l.template.Chart
	in := func(file string, prefix []string) layer {
		if len(chain) > 0 && chain[0] == "global" {
			return layer{file, chain}
		}
		return layer{file, append(slices.Clone(prefix), chain...)}
	}
	var all []layer
	for _, file := range slices.Backward(l.c.req.ValuesFiles) {
		all = append(all, in(file, names))
	}
	for i, file := range l.template.Values {
		if file != "" {
			all = append(all, in(file, names[i:]))
		}
	}
	return all
}

// inLayer looks for a value at the chain, or below it where the action printed a
// larger value of which the one at path is a part.
func (l *located) inLayer(root *resource.Value, at layer, path resource.Path, v *resource.Value, printed string, whole bool) (resource.Location, bool) {
	file := l.c.files.get(at.file)
	want := resource.EncodeJSON(v)
	var near *resource.Value
	for _, base := range expand(root, at.chain) {
		if !whole {
			if isScalar(base) && base.Str == strings.Trim(printed, `"'`) && base.Str != "" {
				return resource.Location{File: file, Span: base.Span}, true
			}
			continue
		}
		for n := range path {
			if found := base.At(path[n:]); found != nil && bytes.Equal(resource.EncodeJSON(found), want) {
				return resource.Location{File: file, Span: spanIn(base, path[n:], found), Exact: isScalar(found)}, true
			}
		}
		switch {
		case !isScalar(base):
		case bytes.Equal(resource.EncodeJSON(base), want):
			return resource.Location{File: file, Span: base.Span, Exact: true}, true
		case isScalar(v) && base.Str == v.Str && base.Str != "":
			near = base // the same text, of another type
		}
	}
	if near != nil {
		return resource.Location{File: file, Span: near.Span}, true
	}
	return resource.Location{}, false
}

// maxExpanded bounds the values that one chain may stand for.
const maxExpanded = 1000

// expand returns the values to which a chain may lead.
func expand(root *resource.Value, chain []string) []*resource.Value {
	all := []*resource.Value{root}
	for _, step := range chain {
		var next []*resource.Value
		for _, v := range all {
			switch {
			case step != each:
				if v = v.Get(step); v != nil {
					next = append(next, v)
				}
			case v.Kind == resource.List:
				next = append(next, v.Items...)
			default:
				for _, f := range v.Fields {
					next = append(next, f.Value)
				}
			}
		}
		all = next[:min(len(next), maxExpanded)]
	}
	return all
}

func isScalar(v *resource.Value) bool {
	return v.Kind != resource.Map && v.Kind != resource.List
}
