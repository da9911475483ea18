// Package kustomize renders overlays with the kustomize library.
//
// Building is a job for a worker process: patches can copy without end, and the
// library keeps its schema of kinds in a global. It sees the tree through a file
// system that refuses to write, and that refuses kustomization files which name
// anything remote, before kustomize reads them. No plugins, no programs, no Helm.
//
// Kustomize tells which file each resource comes from. Where a value comes from
// is found afterwards, by asking the steps that could have set it, the last one
// first: fields of the overlay, its patches, its components, the bases, the
// resource itself. The first that holds the rendered value is its source.
package kustomize

import (
	"context"
	"encoding/json"
	"path"
	"slices"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Name is the renderer's name in units and origins.
const Name = "kustomize"

// New returns the renderer. The runner must know Build as JobName.
func New(runner worker.Runner) render.Renderer { return renderer{runner} }

type renderer struct{ runner worker.Runner }

var _ render.Composer = renderer{}

func (renderer) Name() string { return Name }

// Detect reports whether the directory has a kustomization file.
func (renderer) Detect(tree source.Tree, dir string) bool {
	entries, err := tree.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e source.Entry) bool {
		return isKustomizationFile(e.Name) && e.Mode != source.ModeDir
	})
}

// Uses returns what the kustomization file names: resources, bases, components,
// patches and files of generators.
func (renderer) Uses(tree source.Tree, dir string) []string {
	name, _, _ := readKustomization(tree, dir)
	if name == "" {
		return nil
	}
	if g, k := named(tree, dir, name); k != nil {
		return g.uses(k)
	}
	return []string{name} // rendering reports what is wrong
}

// Patches returns those of the files that Uses returns which are no objects of
// their own.
func (renderer) Patches(tree source.Tree, dir string) []string {
	name, _, _ := readKustomization(tree, dir)
	if g, k := named(tree, dir, name); k != nil {
		return g.patchFiles(k)
	}
	return nil
}

// named returns the kustomization in a file, also if kustomize would refuse it;
// nil if it is none.
func named(tree source.Tree, dir, name string) (*graph, *kustomization) {
	g := newGraph(tree)
	if name == "" {
		return g, nil
	}
	p := g.parse(name)
	if p == nil || len(p.docs) == 0 {
		return g, nil
	}
	return g, &kustomization{dir: dir, file: p.file, root: p.docs[0].Root}
}

// Render builds the kustomization in a directory. Options.Namespace is not used:
// an overlay sets namespaces itself, and what is left goes to the target's.
func (r renderer) Render(ctx context.Context, tree source.Tree, dir string, _ render.Options) (*render.Result, error) {
	dir, err := resolve(tree, dir)
	if err != nil {
		return nil, err
	}
	message, err := json.Marshal(request{Dir: dir})
	if err != nil {
		return nil, err
	}
	answer, err := r.runner.Run(ctx, JobName, tree, message)
	if err != nil {
		return nil, err
	}
	var res response
	if err := json.Unmarshal(answer, &res); err != nil {
		return nil, err
	}
	if res.Problem != nil {
		return nil, *res.Problem
	}
	result := &render.Result{Files: res.Files}
	g := newGraph(tree)
	root := g.read(dir)
	if root == nil {
		return nil, render.Problem{Path: dir, Message: "the kustomization file cannot be read"}
	}
	for _, b := range res.Resources {
		one, err := g.resource(root, b)
		if err != nil {
			return nil, err
		}
		result.Resources = append(result.Resources, one)
	}
	return result, nil
}

// resource gives a built resource its origin.
func (g *graph) resource(root *kustomization, b built) (*resource.Resource, error) {
	text := source.NewFile(path.Join(root.dir, "(rendered)"), []byte(b.YAML))
	docs, err := resource.ParseYAML(text)
	if err != nil {
		return nil, render.AsProblem(root.file.Path, err)
	}
	if len(docs) != 1 {
		return nil, render.Problem{Path: root.file.Path, Message: "a rendered resource is empty"}
	}
	id, _ := resource.IsKubernetes(docs[0].Root)
	r := &rendered{id: id, root: docs[0].Root, from: b.From, file: root.file}
	from := resource.Origin{Renderer: Name, File: root.file, Document: -1, Locator: r.locate}
	switch {
	case b.From.Path != "":
		g.declared(r, &from)
	case b.From.ConfiguredIn != "":
		g.generated(r, &from)
	}
	r.lineage = g.lineage(root, from.File.Path)
	from.Via = via(r.lineage, from.File.Path)
	return &resource.Resource{ID: id, Root: r.root, Origin: from}, nil
}

// declared finds the document that declares a resource.
func (g *graph) declared(r *rendered, from *resource.Origin) {
	at, err := resolve(g.tree, r.from.Path)
	if err != nil {
		return
	}
	p := g.parse(at)
	if p == nil {
		return
	}
	from.File, r.file = p.file, p.file
	for _, doc := range p.docs {
		for _, o := range resource.Objects(doc) {
			if o.ID.Kind == r.id.Kind && r.mayBe(o.ID.Name) {
				r.name, r.object = o.ID.Name, o.Root
				from.Document, from.Span = doc.Index, o.Span
			}
		}
	}
}

// generatorFields are the fields of a kustomization by the kind of generator
// that they stand for.
var generatorFields = map[string]string{
	"ConfigMapGenerator": "configMapGenerator",
	"SecretGenerator":    "secretGenerator",
}

// generated finds the entry of the generator that made a resource.
func (g *graph) generated(r *rendered, from *resource.Origin) {
	p := g.parse(r.from.ConfiguredIn)
	if p == nil {
		return
	}
	from.File, r.file = p.file, p.file
	for _, doc := range p.docs {
		for _, entry := range items(doc.Root.Get(generatorFields[r.from.Generator])) {
			if name := entry.Get("name").Text(); r.mayBe(name) {
				r.name, r.entry = name, entry
				from.Document, from.Span = doc.Index, entry.Span
			}
		}
	}
}

// via lists kustomization files from the base up to the overlay, each followed
// by its patches.
func via(lineage []*kustomization, declared string) []string {
	var all []string
	add := func(name string) {
		if name != declared && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	for _, k := range slices.Backward(lineage) {
		add(k.file.Path)
		for _, p := range k.patches {
			add(p.file.Path)
		}
	}
	return all
}
