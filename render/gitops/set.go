package gitops

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// maxListed bounds the directories and files that generators look at.
const maxListed = 20_000

func (f *finder) applicationSet(r *resource.Resource) {
	spec := r.Root.Get("spec")
	if spec.Get("templatePatch") != nil {
		f.outOfReach(r, keys("spec", "templatePatch"), "patches its template, which is not followed")
		return
	}
	goTemplate := isTrue(spec.Get("goTemplate"))
	for i, g := range items(spec.Get("generators")) {
		at := keys("spec", "generators").Append(resource.Index(i))
		all, reason := f.generate(g, goTemplate)
		if reason != "" {
			f.outOfReach(r, at, "%s", reason)
			continue
		}
		for _, params := range all {
			root, ok := fill(spec.Get("template"), params)
			if !ok {
				f.outOfReach(r, keys("spec", "template"), "has a template with more than parameters in it, which is not run")
				break
			}
			if len(f.found.Units) > MaxUnits {
				return // who renders them says so
			}
			f.application(app{r, root})
		}
	}
}

// params are what a generator gives for one Application, by the spelling in
// templates.
type params map[string]string

// generate returns the parameters that a generator gives, or why it is out of
// reach.
func (f *finder) generate(g *resource.Value, goTemplate bool) (all []params, reason string) {
	if g.Get("selector") != nil || g.Get("template") != nil && len(g.Get("template").Fields) > 0 {
		return nil, "has a generator with a selector or a template of its own, which is not followed"
	}
	if list := g.Get("list"); list != nil {
		if list.Get("elementsYaml") != nil {
			return nil, "has a list that is made of another generator"
		}
		for _, element := range items(list.Get("elements")) {
			all = append(all, flatten(element, "", goTemplate))
		}
		return all, ""
	}
	git := g.Get("git")
	switch {
	case git == nil && len(g.Fields) > 0:
		return nil, "has a generator of the kind " + g.Fields[0].Key + ", which asks more than files"
	case git == nil:
		return nil, "has a generator that is empty"
	case git.Get("pathParamPrefix").Text() != "" || git.Get("values") != nil:
		return nil, "has a git generator with parameters of its own, which is not followed"
	}
	patterns := items(git.Get("directories"))
	files := len(patterns) == 0
	if files {
		patterns = items(git.Get("files"))
	}
	if !f.knows(git.Get("repoURL").Text(), patterns) {
		return nil, "generates from a repository that is not known to be this one"
	}
	for _, name := range f.list(patterns, files) {
		if !files {
			all = append(all, pathParams(name, goTemplate))
			continue
		}
		more, ok := f.fileParams(name, goTemplate)
		if !ok {
			return nil, "generates from " + name + ", which holds no parameters"
		}
		all = append(all, more...)
	}
	return all, ""
}

// knows reports whether patterns are about the repository at hand, as far as can be
// told: where no remote is known, each must have a directory to begin with.
func (f *finder) knows(url string, patterns []*resource.Value) bool {
	if len(f.Remotes) > 0 {
		return f.here(url, ".")
	}
	return len(patterns) > 0 && !slices.ContainsFunc(patterns, func(p *resource.Value) bool {
		fixed := p.Get("path").Text()
		if i := strings.IndexAny(fixed, "*?[{"); i >= 0 {
			fixed = fixed[:i]
		}
		dir, ok := clean(".", path.Dir(fixed))
		return !isTrue(p.Get("exclude")) && (!ok || dir == "." || !f.isDir(dir))
	})
}

// list returns the directories or files that patterns match, sorted.
func (f *finder) list(patterns []*resource.Value, files bool) (all []string) {
	type pattern struct {
		text    string
		exclude bool
	}
	var matchers []pattern
	for _, p := range patterns {
		matchers = append(matchers, pattern{strings.Trim(strings.TrimPrefix(p.Get("path").Text(), "./"), "/"), isTrue(p.Get("exclude"))})
	}
	seen := 0
	_ = source.Walk(f.Tree, ".", func(name string, e source.Entry) error {
		if seen++; seen > maxListed {
			return fs.SkipAll
		}
		if e.Mode == source.ModeDir && strings.HasPrefix(e.Name, ".") {
			return fs.SkipDir
		}
		if (e.Mode == source.ModeDir) == files || name == "." {
			return nil
		}
		wanted := false
		for _, m := range matchers {
			if matches(m.text, name) {
				if m.exclude {
					return nil
				}
				wanted = true
			}
		}
		if wanted {
			all = append(all, name)
		}
		return nil
	})
	slices.Sort(all)
	return all
}

// matches compares a path with a pattern in which ** stands for any directories.
// Where a part does not match, only the last ** can have stood for too few.
func matches(pattern, name string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(name, "/")
	star, resume := -1, 0
	i, j := 0, 0
	for j < len(have) {
		switch {
		case i < len(want) && want[i] == "**":
			star, resume = i, j
			i++
			continue
		case i < len(want) && matchesPart(want[i], have[j]):
			i, j = i+1, j+1
			continue
		case star < 0:
			return false
		}
		resume++
		i, j = star+1, resume
	}
	return !slices.ContainsFunc(want[i:], func(rest string) bool { return rest != "**" })
}

func matchesPart(pattern, name string) bool {
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// pathParams are the parameters of a directory.
func pathParams(dir string, goTemplate bool) params {
	base := path.Base(dir)
	p := params{}
	prefix := "path."
	if goTemplate {
		prefix = ".path."
		p[".path.path"] = dir
	} else {
		p["path"] = dir
	}
	p[prefix+"basename"] = base
	p[prefix+"basenameNormalized"] = notOfName.ReplaceAllString(strings.ToLower(base), "-")
	for i, segment := range strings.Split(dir, "/") {
		n := strconv.Itoa(i)
		p["path["+n+"]"] = segment
		p["index .path.segments "+n] = segment
	}
	return p
}

var notOfName = regexp.MustCompile(`[^a-z0-9.-]+`)

// fileParams are the parameters that a file holds: one map, or a list of them.
func (f *finder) fileParams(name string, goTemplate bool) (all []params, ok bool) {
	content, err := f.Tree.ReadFile(name)
	if err != nil {
		return nil, false
	}
	docs, err := resource.ParseYAML(source.NewFile(name, content))
	if err != nil || len(docs) != 1 {
		return nil, false
	}
	roots := []*resource.Value{docs[0].Root}
	if docs[0].Root.Kind == resource.List {
		roots = docs[0].Root.Items
	}
	for _, root := range roots {
		one := flatten(root, "", goTemplate)
		dir := pathParams(path.Dir(name), goTemplate)
		for key, value := range dir {
			one[key] = value
		}
		prefix := "path."
		if goTemplate {
			prefix = ".path."
		}
		one[prefix+"filename"] = path.Base(name)
		all = append(all, one)
	}
	return all, true
}

// flatten returns the scalars of a map by their paths.
func flatten(v *resource.Value, prefix string, goTemplate bool) params {
	out := params{}
	for _, field := range v.Fields {
		key := field.Key
		if prefix != "" || goTemplate {
			key = prefix + "." + key
		}
		if field.Value.Kind == resource.Map {
			for k, v := range flatten(field.Value, key, goTemplate) {
				out[k] = v
			}
		} else if field.Value.Kind != resource.List {
			out[key] = field.Value.Str
		}
	}
	return out
}

// placeholder is what stands for a parameter in a template.
var placeholder = regexp.MustCompile(`\{\{-?\s*(.*?)\s*-?\}\}`)

// fill returns a template with parameters filled in. It reports false if
// something in it is no parameter.
func fill(v *resource.Value, with params) (*resource.Value, bool) {
	if v == nil {
		return nil, false
	}
	out := *v
	ok := true
	text := func(s string) string {
		return placeholder.ReplaceAllStringFunc(s, func(found string) string {
			value, known := with[placeholder.FindStringSubmatch(found)[1]]
			ok = ok && known
			return value
		})
	}
	if v.Kind == resource.String {
		out.Str = text(v.Str)
	}
	out.Items, out.Fields = nil, nil
	for _, item := range v.Items {
		one, filled := fill(item, with)
		out.Items, ok = append(out.Items, one), ok && filled
	}
	for _, field := range v.Fields {
		one, filled := fill(field.Value, with)
		field.Key, field.Value = text(field.Key), one
		out.Fields, ok = append(out.Fields, field), ok && filled
	}
	return &out, ok
}
