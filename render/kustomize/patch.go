package kustomize

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// patch is one patch of a kustomization: a file, or text in place.
type patch struct {
	file   *source.File
	docs   []resource.Document
	target *resource.Value // nil if the documents name what they change
	inline *resource.Value // the scalar that holds the text, if it is in place
	owner  *source.File    // the kustomization file
}

// readPatches returns patches in the order in which kustomize applies them.
func (g *graph) readPatches(k *kustomization) []*patch {
	var all []*patch
	add := func(p *patch) {
		if p != nil {
			all = append(all, p)
		}
	}
	for _, item := range items(k.root.Get("patchesStrategicMerge")) {
		add(g.readPatch(k, item, item, nil))
	}
	for _, key := range []string{"patches", "patchesJson6902"} {
		for _, item := range items(k.root.Get(key)) {
			add(g.readPatch(k, item.Get("path"), item.Get("patch"), item.Get("target")))
		}
	}
	return all
}

func (g *graph) readPatch(k *kustomization, entry, text, target *resource.Value) *patch {
	if at, isDir, ok := g.locate(k.dir, entry.Text()); ok && !isDir {
		if p := g.parse(at); p != nil {
			return &patch{file: p.file, docs: p.docs, target: target, owner: k.file}
		}
	}
	if text.Text() == "" {
		return nil
	}
	file := source.NewFile(k.file.Path, []byte(text.Str))
	docs, _ := resource.ParseYAML(file)
	return &patch{file: file, docs: docs, target: target, inline: text, owner: k.file}
}

// find looks for the value that a patch gives to the path of a resource.
func (p *patch) find(r *rendered, path resource.Path) hit {
	if p.target != nil && !selects(p.target, r) {
		return hit{}
	}
	for _, doc := range slices.Backward(p.docs) {
		if doc.Root.Kind == resource.List {
			if at := findInOperations(doc.Root, r.root, path); at.value != nil {
				return at
			}
			continue
		}
		for _, o := range patchObjects(doc) {
			if p.target == nil && !(o.Get("kind").Text() == r.id.Kind && r.wasCalled(o.Get("metadata").Get("name").Text())) {
				continue
			}
			if at := follow(o, r.root, nil, path); at.value != nil {
				return at
			}
		}
	}
	return hit{}
}

// patchObjects are the objects of a document. One with a target may lack its
// apiVersion and kind.
func patchObjects(doc resource.Document) []*resource.Value {
	objects := resource.Objects(doc)
	if len(objects) == 0 {
		return []*resource.Value{doc.Root}
	}
	var all []*resource.Value
	for _, o := range objects {
		all = append(all, o.Root)
	}
	return all
}

// selects reports whether a target may mean the resource. Labels are not looked
// at: the value decides in the end.
func selects(target *resource.Value, r *rendered) bool {
	if kind := target.Get("kind").Text(); kind != "" && !matches(kind, r.id.Kind) {
		return false
	}
	name := target.Get("name").Text()
	return name == "" || matches(name, r.id.Name) || matches(name, r.name)
}

func matches(pattern, text string) bool {
	re, err := regexp.Compile("^(?:" + pattern + ")$")
	return err == nil && re.MatchString(text)
}

// findInOperations looks for the value in a JSON patch.
func findInOperations(list, root *resource.Value, path resource.Path) hit {
	for _, op := range slices.Backward(items(list)) {
		switch op.Get("op").Text() {
		case "add", "replace":
		default:
			continue
		}
		n, ok := prefixOf(op.Get("path").Text(), path)
		if !ok {
			continue
		}
		if at := follow(op.Get("value"), root, path[:n], path[n:]); at.value != nil {
			return at
		}
	}
	return hit{}
}

// prefixOf reports whether a JSON pointer leads to the path or to a part of it,
// and how long that part is. Indexes may have changed since: any will do.
func prefixOf(pointer string, path resource.Path) (int, bool) {
	tokens := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	if !strings.HasPrefix(pointer, "/") || len(tokens) > len(path) {
		return 0, false
	}
	unescape := strings.NewReplacer("~1", "/", "~0", "~")
	for i, token := range tokens {
		if !path[i].IsIndex() && path[i].Name != unescape.Replace(token) {
			return 0, false
		}
	}
	return len(tokens), true
}

// hit is a value that was looked for, and the span that stands for it: its own,
// or that of its key if it has several lines.
type hit struct {
	value *resource.Value
	span  source.Span
}

// follow walks rest from v. Items of lists are recognised by what identifies
// them in the rendered root, at the end of done. The hit's value is nil if there
// is none.
func follow(v, root *resource.Value, done, rest resource.Path) hit {
	if v == nil {
		return hit{}
	}
	at := hit{v, v.Span}
	for _, step := range rest {
		next := done.Append(step)
		if step.IsIndex() {
			at = sameItem(at.value, root.At(done), root.At(next), step.Index())
		} else {
			at = field(at.value, step.Name)
		}
		if at.value == nil {
			return hit{}
		}
		done = next
	}
	return at
}

func field(v *resource.Value, key string) hit {
	for _, f := range v.Fields {
		if f.Key != key {
			continue
		}
		if f.Value.Kind == resource.Map || f.Value.Kind == resource.List {
			return hit{f.Value, f.KeySpan}
		}
		return hit{f.Value, f.Value.Span}
	}
	return hit{}
}

// sameItem returns the item of list that is the item of the rendered list.
func sameItem(list, renderedList, item *resource.Value, index int) hit {
	if list.Kind != resource.List || renderedList == nil {
		return hit{}
	}
	want := renderedList.Stable(resource.Path{resource.Index(index)})
	for i, candidate := range list.Items {
		if list.Stable(resource.Path{resource.Index(i)}) == want && candidate.Kind == item.Kind {
			return hit{candidate, candidate.Span}
		}
	}
	return hit{}
}

// place returns the place of a span of the patch in a file of the tree, and false
// if it is only near. The text of a block in place is found again by its line,
// for it is indented there.
func (p *patch) place(span source.Span) (resource.Location, bool) {
	if p.inline == nil {
		return resource.Location{File: p.file, Span: span}, true
	}
	nearest := resource.Location{File: p.owner, Span: p.inline.Span}
	number := p.file.Position(span.Start).Line
	line := p.file.Line(number)
	outer := p.owner.Line(p.owner.Position(p.inline.Span.Start).Line + number)
	indent := bytes.Index(p.owner.Content[outer.Start:outer.End], p.file.Content[line.Start:line.End])
	if indent < 0 {
		return nearest, false
	}
	start := outer.Start + indent + span.Start - line.Start
	end := start + span.End - span.Start
	if end > len(p.owner.Content) || !bytes.Equal(p.owner.Content[start:end], p.file.Content[span.Start:span.End]) {
		return nearest, false
	}
	return resource.Location{File: p.owner, Span: source.Span{Start: start, End: end}}, true
}
