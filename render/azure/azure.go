// Package azure reads Azure Pipelines: pipelines and their templates, as YAML 1.2.
//
// A file becomes one resource. Templates of the same repository are put in where
// they are used, and keep their places; `${{ if }}` and `${{ each }}` give way to
// what they hold, since any of it may run. Templates of other repositories are out
// of reach, and are listed as passed over. The tree has
//
//	template   whether the file is a part of pipelines, and no pipeline itself
//	requests   whether it says that pull requests start it
//	trigger, pr, schedules, parameters, extends, lockBehavior
//	           as they are written
//	resources  lists of repositories, containers and others
//	variables  a list of {name, value, group, template}; so have jobs
//	templates  all that are used: {text, file, repository}
//	jobs       a map of jobs, by stage and name
//
// and a job
//
//	stage, deployment
//	           the name of its stage, and whether it is a deployment job
//	pool       {name, vmImage, selfHosted, …}
//	container  what the reference is made of (see package image), and more;
//	           services are a list of such
//	environment
//	           {name, …}
//	deploys    whether a command or task of it changes something outside
//	steps      all steps, those of all phases of a deployment included
//
// and a step
//
//	kind       script, bash, pwsh, powershell, task, checkout, download and others
//	name       its displayName
//	task       {text, name, version}
//	inputs, env
//	           maps
//	script     {text, language, lines, commands}; that of a task, too
//	expressions
//	           {name, taint, free, via} for each $(macro) and ${{ expression }} in
//	           the script, which are put in before a shell reads it. Taint is the
//	           variable that others choose, "" if they choose none; free says that
//	           it is a parameter in which all text is allowed
//	checkout   {repository, persistCredentials, …}
package azure

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/joined"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Kind is the kind of the resource of a file.
const Kind = "Pipeline"

// Claims reports whether the file has the name of a pipeline, azure-pipelines.yml
// with or without something in between, or is in a directory of pipelines.
func Claims(_ source.Tree, name string) bool {
	base := strings.ToLower(path.Base(name))
	if ext := path.Ext(base); ext != ".yml" && ext != ".yaml" {
		return false
	}
	if isPipeline(base) {
		return true
	}
	for dir := range strings.SplitSeq(path.Dir(name), "/") {
		if dir == ".azure-pipelines" || dir == "azure-pipelines" {
			return true
		}
	}
	return false
}

func isPipeline(base string) bool {
	return strings.HasPrefix(base, "azure-pipelines.") || strings.HasPrefix(base, "azure-pipelines-") || strings.HasPrefix(base, ".azure-pipelines.")
}

// parts are the keys by which a pipeline or a template is known.
var parts = []string{"stages", "jobs", "steps", "extends", "trigger", "pr", "resources", "schedules", "variables"}

// Parse reads a file of a tree, which may be nil.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	docs, err := resource.ParseDialect(file, resource.YAML12)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 || !isMap(docs[0].Root) || !hasAny(docs[0].Root, parts) || docs[0].Root.Get("apiVersion") != nil {
		return nil, fmt.Errorf("%w: a pipeline", render.ErrOtherFormat)
	}
	r := &reader{
		tree: tree, files: &joined.Files{}, root: docs[0].Root, budget: maxValues,
		read: map[string]*resource.Value{}, skipped: map[string]bool{},
	}
	r.files.Add(file)
	root := r.pipeline(path.Base(file.Path))
	if len(r.note.Used) > 0 || len(r.note.Skipped) > 0 {
		r.errs = append(r.errs, r.note)
	}
	return []*resource.Resource{{
		ID: resource.ID{Platform: resource.AzurePipelines, Kind: Kind, Name: file.Path}, Root: root,
		Origin: resource.Origin{
			Renderer: resource.AzurePipelines.String(), File: file, Span: docs[0].Span, Locator: r.files.Locator(root),
		},
	}}, errors.Join(r.errs...)
}

func hasAny(v *resource.Value, keys []string) bool {
	for _, key := range keys {
		if v.Get(key) != nil {
			return true
		}
	}
	return false
}

const (
	maxValues    = 100_000 // that templates may repeat
	maxTemplates = 50      // in each other, half of what Azure Pipelines has
)

// reader reads one file and the templates that it uses.
type reader struct {
	tree      source.Tree
	files     *joined.Files
	root      *resource.Value
	read      map[string]*resource.Value // templates, by path
	skipped   map[string]bool
	templates []*resource.Value
	variables *resource.Value // of the pipeline
	free      map[string]bool // parameters in which all text is allowed
	budget    int
	errs      []error
	note      render.Note
}

// in is where something is read: the file, and how deep in templates.
type in struct {
	file  string
	depth int
}

// template returns what a template has for a key: steps, jobs, stages or
// variables. The path is relative to the file that uses it.
func (r *reader) template(at *resource.Value, key string, from in) (*resource.Value, in) {
	file, repository, foreign := strings.Cut(at.Text(), "@")
	one := resource.NewMap(at.Span).Put("text", at).Put("file", resource.NewText(file, at.Span))
	if foreign {
		one.Put("repository", resource.NewText(repository, at.Span))
	}
	r.templates = append(r.templates, one)
	name := path.Join(path.Dir(from.file), file)
	if strings.HasPrefix(file, "/") {
		name = strings.TrimPrefix(path.Clean(file), "/")
	}
	to := in{name, from.depth + 1}
	doc, ok := r.read[name]
	switch {
	case foreign && repository != "self":
		r.skip(at.Text(), from, "it is in another repository")
		return nil, to
	case from.depth >= maxTemplates || r.budget < 0 || r.tree == nil || file == "":
		return nil, to
	case strings.Contains(file, "${{"):
		r.skip(file, from, "its name is an expression")
		return nil, to
	case !ok:
		doc = r.load(name, from)
		r.read[name] = doc
	}
	return doc.Get(key), to
}

func (r *reader) load(name string, from in) *resource.Value {
	content, err := r.tree.ReadFile(name)
	if err != nil {
		r.skip(name, from, "not found")
		return nil
	}
	file := source.NewFile(name, content)
	docs, err := resource.ParseDialect(file, resource.YAML12)
	if err != nil {
		r.errs = append(r.errs, err)
		return nil
	}
	if len(docs) == 0 {
		return nil
	}
	r.note.Used = append(r.note.Used, name)
	return joined.Shift(docs[0].Root, r.files.Add(file))
}

func (r *reader) skip(name string, from in, reason string) {
	if !r.skipped[name] {
		r.skipped[name] = true
		r.note.Skipped = append(r.note.Skipped, render.Skipped{Path: name, Reason: "used by " + from.file + ": " + reason})
	}
}
