package kustomize

import (
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// kustomization is one kustomization file, with its values and their places.
type kustomization struct {
	dir        string
	file       *source.File
	root       *resource.Value
	files      []string         // resources that are files
	bases      []*kustomization // resources that are directories
	components []*kustomization
	patches    []*patch // in the order in which they are applied
}

// graph is a kustomization with all that it builds upon.
type graph struct {
	tree source.Tree
	all  map[string]*kustomization // by directory; nil while one is read
	docs map[string]*parsed        // by path
}

// parsed is a file and its documents, as far as they can be read.
type parsed struct {
	file *source.File
	docs []resource.Document
}

func newGraph(tree source.Tree) *graph {
	return &graph{tree: tree, all: map[string]*kustomization{}, docs: map[string]*parsed{}}
}

// parse returns the documents of a file, or nil if it cannot be read.
func (g *graph) parse(name string) *parsed {
	if p, ok := g.docs[name]; ok {
		return p
	}
	g.docs[name] = nil
	content, err := g.tree.ReadFile(name)
	if err != nil {
		return nil
	}
	p := &parsed{file: source.NewFile(name, content)}
	p.docs, _ = resource.ParseYAML(p.file)
	g.docs[name] = p
	return p
}

// read returns the kustomization of a directory, or nil if there is none. What
// is wrong with it is for kustomize to say.
func (g *graph) read(dir string) *kustomization {
	if k, ok := g.all[dir]; ok {
		return k
	}
	g.all[dir] = nil
	name, _, err := readKustomization(g.tree, dir)
	if err != nil {
		return nil
	}
	p := g.parse(name)
	if p == nil || len(p.docs) == 0 {
		return nil
	}
	k := &kustomization{dir: dir, file: p.file, root: p.docs[0].Root}
	for _, key := range []string{"resources", "bases"} {
		for _, entry := range texts(k.root.Get(key)) {
			if at, isDir, ok := g.locate(dir, entry); ok && !isDir {
				k.files = append(k.files, at)
			} else if base := g.readIf(isDir, at); base != nil {
				k.bases = append(k.bases, base)
			}
		}
	}
	for _, entry := range texts(k.root.Get("components")) {
		at, isDir, _ := g.locate(dir, entry)
		if c := g.readIf(isDir, at); c != nil {
			k.components = append(k.components, c)
		}
	}
	k.patches = g.readPatches(k)
	g.all[dir] = k
	return k
}

func (g *graph) readIf(isDir bool, dir string) *kustomization {
	if !isDir {
		return nil
	}
	return g.read(dir)
}

// locate returns what an entry of a kustomization leads to.
func (g *graph) locate(dir, entry string) (at string, isDir, ok bool) {
	if entry == "" || strings.Contains(entry, "\n") || isRemote(entry) {
		return "", false, false
	}
	name := path.Join(dir, entry)
	if path.IsAbs(entry) || name == ".." || strings.HasPrefix(name, "../") {
		return "", false, false
	}
	name, err := resolve(g.tree, name)
	if err != nil {
		return "", false, false
	}
	if name == "." {
		return name, true, true
	}
	e, err := g.tree.Stat(name)
	return name, err == nil && e.Mode == source.ModeDir, err == nil
}

// texts returns the strings of a list.
func texts(list *resource.Value) []string {
	var all []string
	for _, item := range items(list) {
		if item.Kind == resource.String {
			all = append(all, item.Str)
		}
	}
	return all
}

// items returns the items of a list, and of nothing none.
func items(list *resource.Value) []*resource.Value {
	if list == nil {
		return nil
	}
	return list.Items
}

// lineage returns the kustomizations that had a part in the resources of a file,
// the last to act first: the overlay, its components, the bases down to the
// kustomization that names the file.
func (g *graph) lineage(root *kustomization, file string) []*kustomization {
	known := map[*kustomization][]*kustomization{}
	var visit func(k *kustomization) []*kustomization
	visit = func(k *kustomization) []*kustomization {
		if out, ok := known[k]; ok {
			return out
		}
		known[k] = nil // a cycle has no part in anything
		found := slices.Contains(k.files, file) || k.file.Path == file
		out := []*kustomization{k}
		for _, c := range slices.Backward(k.components) {
			inside := visit(c)
			found = found || inside != nil
			out = append(append(out, c), inside...) // it may change what it does not declare
		}
		for _, base := range k.bases {
			inside := visit(base)
			found = found || inside != nil
			out = append(out, inside...)
		}
		if !found {
			return nil
		}
		known[k] = unique(out)
		return known[k]
	}
	if out := visit(root); out != nil {
		return out
	}
	return []*kustomization{root}
}

func unique(all []*kustomization) []*kustomization {
	var out []*kustomization
	for _, k := range all {
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// patchFiles returns the files that a kustomization names as patches.
func (g *graph) patchFiles(k *kustomization) []string {
	names := texts(k.root.Get("patchesStrategicMerge"))
	for _, key := range []string{"patches", "patchesJson6902"} {
		for _, item := range items(k.root.Get(key)) {
			names = append(names, item.Get("path").Text(), item.Text())
		}
	}
	var all []string
	for _, name := range names {
		if at, isDir, ok := g.locate(k.dir, name); ok && !isDir {
			all = append(all, at)
		}
	}
	return all
}

// uses returns the files and directories that a kustomization names.
func (g *graph) uses(k *kustomization) []string {
	all := []string{k.file.Path}
	add := func(entries ...string) {
		for _, entry := range entries {
			if at, isDir, ok := g.locate(k.dir, entry); ok && at != k.dir {
				if _, _, err := readKustomization(g.tree, at); !isDir || err == nil {
					all = append(all, at)
				}
			}
		}
	}
	for _, key := range []string{
		"resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators", "patchesStrategicMerge",
	} {
		add(texts(k.root.Get(key))...)
	}
	for _, key := range []string{"patches", "patchesJson6902", "replacements"} {
		for _, item := range items(k.root.Get(key)) {
			add(item.Get("path").Text(), item.Text()) // the latter is a mistake for the former
		}
	}
	add(k.root.Get("openapi").Get("path").Text())
	for _, key := range []string{"configMapGenerator", "secretGenerator"} {
		for _, item := range items(k.root.Get(key)) {
			add(item.Get("env").Text())
			add(texts(item.Get("envs"))...)
			for _, entry := range texts(item.Get("files")) {
				_, file, ok := strings.Cut(entry, "=")
				if !ok {
					file = entry
				}
				add(file)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
