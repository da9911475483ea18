// Package manifest renders plain manifests: a YAML or JSON file is the resources
// that it holds.
//
// A directory is read as `kubectl apply -R` reads it: every file below it that
// ends in .yaml, .yml or .json, in the order of their paths. Unlike kubectl it
// passes over what is there for other tools: files that hold no Kubernetes
// object, kustomization files, and charts.
package manifest

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Name is the renderer's name in units and origins.
const Name = "manifest"

// New returns the renderer. A file by itself that holds no Kubernetes object is
// rendered by the first of the other formats that recognises its content.
func New(others ...render.ContentFormat) render.Format { return renderer{others} }

type renderer struct{ others []render.ContentFormat }

func (renderer) Name() string { return Name }

// Detect reports whether the directory itself holds a file that may be a
// manifest, or path is such a file.
func (renderer) Detect(tree source.Tree, dir string) bool {
	if isManifestName(dir) {
		return true
	}
	entries, err := tree.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if (e.Mode.Regular() || e.Mode == source.ModeSymlink) && isManifestName(e.Name) {
			return true
		}
	}
	return false
}

// Claims implements render.Format.
func (renderer) Claims(_ source.Tree, name string) bool {
	return isManifestName(strings.ToLower(name))
}

func isManifestName(name string) bool {
	switch path.Ext(name) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// Reasons for which files are passed over.
const (
	notManifest     = "not a Kubernetes manifest"
	kustomizeFile   = "a kustomization is no manifest; render its directory with kustomize"
	chartFile       = "part of a Helm chart; render the chart with helm"
	linkToDirectory = "symbolic link to a directory"
	submodule       = "submodule"
)

func (r renderer) Render(ctx context.Context, tree source.Tree, name string, opts render.Options) (*render.Result, error) {
	entry, err := tree.Stat(name)
	if err != nil {
		return nil, err
	}
	w := &walker{ctx: ctx, tree: tree, result: &render.Result{}}
	if entry.Mode == source.ModeDir || entry.Mode == source.ModeSymlink && !w.isFile(name) {
		err = w.dir(name)
	} else {
		w.others, w.opts = r.others, opts
		err = w.file(name)
	}
	if err != nil {
		return nil, err
	}
	return w.result, nil
}

// walker collects the manifests below a directory.
type walker struct {
	ctx    context.Context
	tree   source.Tree
	result *render.Result

	others []render.ContentFormat // of what is no manifest
	opts   render.Options
}

func (w *walker) skip(name, reason string) {
	w.result.Skipped = append(w.result.Skipped, render.Skipped{Path: name, Reason: reason})
}

func (w *walker) problem(name string, err error) {
	w.result.Problems = append(w.result.Problems, render.AsProblem(name, err))
}

// isFile reports whether a symbolic link leads to a file, or nowhere.
func (w *walker) isFile(name string) bool {
	_, err := w.tree.ReadDir(name)
	return err != nil
}

func (w *walker) dir(dir string) error {
	entries, err := w.tree.ReadDir(dir)
	if err != nil {
		return err
	}
	if has(entries, "Chart.yaml") {
		return source.Walk(w.tree, dir, func(name string, e source.Entry) error {
			if e.Mode != source.ModeDir && isManifestName(name) {
				w.skip(name, chartFile)
			}
			return w.ctx.Err()
		})
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name)
		switch {
		case e.Mode == source.ModeDir:
			err = w.dir(name)
		case e.Mode == source.ModeSubmodule:
			w.skip(name, submodule)
		case e.Mode == source.ModeSymlink && isManifestName(name) && w.isFile(name):
			err = w.file(name)
		case e.Mode == source.ModeSymlink && !isManifestName(name):
			if !w.isFile(name) {
				w.skip(name, linkToDirectory)
			}
		case e.Mode.Regular() && isManifestName(name):
			err = w.file(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func has(entries []source.Entry, name string) bool {
	for _, e := range entries {
		if e.Name == name && e.Mode != source.ModeDir {
			return true
		}
	}
	return false
}

// file adds the resources of one file. Only the context's error ends the unit.
func (w *walker) file(name string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	switch path.Base(name) {
	case "kustomization.yaml", "kustomization.yml":
		w.skip(name, kustomizeFile)
		return nil
	}
	content, err := w.tree.ReadFile(name)
	if err != nil {
		w.problem(name, err)
		return nil
	}
	if !mayHoldObjects(content) {
		return w.other(name, content)
	}
	file := source.NewFile(name, content)
	docs, err := resource.Parse(file)
	var objects []*resource.Resource
	var others []resource.Document
	for _, doc := range docs {
		if _, ok := resource.IsKubernetes(doc.Root); ok {
			objects = appendObjects(objects, file, doc)
		} else {
			others = append(others, doc)
		}
	}
	none := len(others) == len(docs)
	if none && (err == nil || w.format(content) != nil) {
		return w.other(name, content)
	}
	if err != nil {
		w.problem(name, err)
	}
	if len(others) < len(docs) {
		for _, doc := range others {
			w.stray(file, doc)
		}
	}
	w.result.Resources = append(w.result.Resources, objects...)
	w.result.Files = append(w.result.Files, name)
	return nil
}

// other renders a file that is no manifest as what else it may be.
func (w *walker) other(name string, content []byte) error {
	format := w.format(content)
	if format == nil {
		w.skip(name, notManifest)
		return nil
	}
	result, err := format.Render(w.ctx, w.tree, name, w.opts)
	if err == nil {
		w.result = result
	}
	return err
}

func (w *walker) format(content []byte) render.ContentFormat {
	for _, format := range w.others {
		if format.Recognises(content) {
			return format
		}
	}
	return nil
}

// mayHoldObjects reports whether it is worth to parse a file: whether the two
// keys that every object has can be in it, escaped perhaps.
func mayHoldObjects(content []byte) bool {
	return bytes.Contains(content, []byte("apiVersion")) && bytes.Contains(content, []byte("kind")) ||
		bytes.IndexByte(content, '\\') >= 0
}

// appendObjects appends the resources of a document.
func appendObjects(all []*resource.Resource, file *source.File, doc resource.Document) []*resource.Resource {
	for _, o := range resource.Objects(doc) {
		all = append(all, &resource.Resource{
			ID: o.ID, Root: o.Root,
			Origin: resource.Origin{Renderer: Name, File: file, Document: doc.Index, Span: doc.Span},
		})
	}
	return all
}

// stray reports a document that kubectl would refuse among those that it takes.
func (w *walker) stray(file *source.File, doc resource.Document) {
	w.result.Problems = append(w.result.Problems, render.Problem{
		Path: file.Path, Position: file.Position(doc.Span.Start),
		Message: "the document has no apiVersion and kind, unlike the others of this file",
		Hint:    "Complete it, or move it to a file of its own.",
	})
}
