// Package gitlab reads the pipelines of GitLab CI/CD. A `.gitlab-ci.yml` becomes
// one resource, together with the files of the repository that it includes; what
// else it includes is out of reach, and is listed as passed over.
//
// Jobs are as GitLab runs them: they have what they extend, what `!reference` tags
// bring, and what `default` says, and every value keeps the place where it is
// written. The tree has
//
//	variables  a list of {name, value, text, …}; so have jobs
//	include    a list of {kind, text, ref, integrity, …}; kind is local, remote,
//	           project, template or component
//	workflow, default, stages, spec
//	           as they are written
//	jobs       a map of jobs
//
// and a job
//
//	hidden       whether it is a template that nothing here extends; those that
//	             something extends are no jobs
//	bridge       whether it only starts another pipeline
//	image        what the reference is made of (see package image), and more;
//	             services are a list of such
//	lines        the lines of before_script, script and after_script
//	commands     their simple commands, see package shell
//	injections   {variable, sink}: text that others choose and that a shell reads
//	             as a script; sink is eval, shell, ssh or code, or unquoted for one
//	             that is merely split into words
//	environment  {name, action, …}
//	artifacts, trigger
//	             as they are written, with lists for what may be one text
//	cache        a list of maps
//	rules        as they are written
//	only, except {refs, …}
//	deploys      whether it changes something outside: it has an environment, or
//	             runs a command that deploys
//	requests     whether it can run for merge requests
//	narrowed     whether a condition lets it run for some branches or tags only
//
// What depends on a variable without a value in the file is unknown.
package gitlab

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

// Kind is the kind of the resource of a pipeline.
const Kind = "Pipeline"

const suffix = ".gitlab-ci"

// Claims reports whether the file has the name of a pipeline, .gitlab-ci.yml, or
// that of a template for pipelines, such as Build.gitlab-ci.yml.
func Claims(_ source.Tree, name string) bool {
	base := path.Base(name)
	stem, ok := strings.CutSuffix(base, path.Ext(base))
	return ok && (path.Ext(base) == ".yml" || path.Ext(base) == ".yaml") && strings.HasSuffix(stem, suffix)
}

// Parse reads a pipeline of a tree, which may be nil. Includes that cannot be
// read, and includes that are out of reach, come with the resource.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	r := &reader{tree: tree, files: &joined.Files{}, budget: maxValues}
	doc, err := r.document(file)
	if err != nil {
		return nil, err
	}
	if doc == nil || doc.Kind != resource.Map || doc.Get("apiVersion") != nil && doc.Get("kind") != nil {
		return nil, fmt.Errorf("%w: a pipeline", render.ErrOtherFormat)
	}
	r.included = map[string]bool{path.Clean(file.Path): true}
	r.merge(doc, 0)
	root := r.pipeline()
	if len(r.note.Used) > 0 || len(r.note.Skipped) > 0 {
		r.errs = append(r.errs, r.note)
	}
	return []*resource.Resource{{
		ID: resource.ID{Platform: resource.GitLabCI, Kind: Kind, Name: file.Path}, Root: root,
		Origin: resource.Origin{
			Renderer: resource.GitLabCI.String(), File: file, Span: doc.Span, Locator: r.files.Locator(root),
		},
	}}, errors.Join(r.errs...)
}

const (
	maxIncludes = 150     // files, as GitLab has it
	maxExtends  = 11      // jobs that extend each other, as GitLab has it
	maxNesting  = 10      // references in references, as GitLab has it
	maxValues   = 200_000 // that extending and references may repeat
)

// reader reads one pipeline.
type reader struct {
	tree     source.Tree
	files    *joined.Files
	included map[string]bool
	root     *resource.Value // all files merged
	spec     *resource.Value
	includes []*resource.Value
	budget   int
	global   map[string]string // variables of the pipeline whose value is known
	errs     []error
	note     render.Note
}

// document reads the content of a file, behind its header if it has one.
func (r *reader) document(file *source.File) (*resource.Value, error) {
	docs, err := resource.ParseDialect(file, resource.YAML12)
	if err != nil || len(docs) == 0 {
		return nil, err
	}
	base := r.files.Add(file)
	if len(docs) > 1 && docs[0].Root.Get("spec") != nil {
		if r.spec == nil {
			r.spec = joined.Shift(docs[0].Root.Get("spec"), base)
		}
		docs = docs[1:]
	}
	return joined.Shift(docs[0].Root, base), nil
}

// merge adds what a file says over what its includes say.
func (r *reader) merge(doc *resource.Value, depth int) {
	for _, one := range entries(doc.Get("include")) {
		r.include(one, depth)
	}
	if r.root == nil {
		r.root = resource.NewMap(doc.Span)
	}
	r.root = r.over(r.root, without(doc, "include"))
	r.root.Span = doc.Span
}

// include notes an entry of `include`, and reads it if it is in the repository.
func (r *reader) include(v *resource.Value, depth int) {
	entry := v
	if v.Kind == resource.String {
		kind := "local"
		if strings.Contains(v.Str, "://") {
			kind = "remote"
		}
		entry = resource.NewMap(v.Span).Put(kind, v)
	}
	for _, kind := range []string{"local", "remote", "project", "template", "component"} {
		at := entry.Get(kind)
		if at == nil {
			continue
		}
		out := resource.NewMap(entry.Span)
		out.Put("kind", resource.NewText(kind, at.Span)).Put("text", at)
		for _, f := range entry.Fields {
			if f.Key != kind {
				out.Fields = append(out.Fields, f)
			}
		}
		if kind == "component" {
			if _, version, ok := strings.Cut(at.Text(), "@"); ok {
				end := at.Span.End
				if at.Span.End-at.Span.Start == len(at.Str)+2 {
					end--
				}
				out.Put("version", resource.NewText(version, source.Span{Start: end - len(version), End: end}))
			}
		}
		r.includes = append(r.includes, out)
		if kind == "local" {
			r.local(at, depth)
			return
		}
		name := at.Str
		if kind == "project" {
			var files []string
			for _, f := range entries(entry.Get("file")) {
				files = append(files, f.Str)
			}
			name += ":" + strings.Join(files, ",")
		}
		r.note.Skipped = append(r.note.Skipped, render.Skipped{Path: name, Reason: "included by " + r.files.Paths()[0] + ", and out of reach"})
		return
	}
}

// local reads a file of the repository. One that is named by a variable or a
// pattern, or is missing, is out of reach: it may be in a tree above this one.
func (r *reader) local(at *resource.Value, depth int) {
	name := at.Text()
	skip := func(reason string) {
		r.note.Skipped = append(r.note.Skipped, render.Skipped{Path: name, Reason: "included by " + r.files.Paths()[0] + ": " + reason})
	}
	if r.tree == nil || name == "" {
		return
	}
	if strings.ContainsAny(name, "$*") {
		skip("named by a pattern or a variable")
		return
	}
	clean := path.Clean(strings.TrimPrefix(name, "/"))
	if r.included[clean] {
		return
	}
	if len(r.included) > maxIncludes || depth > maxIncludes {
		skip("too many files are included")
		return
	}
	r.included[clean] = true
	content, err := r.tree.ReadFile(clean)
	if err != nil {
		skip("not found")
		return
	}
	file := source.NewFile(clean, content)
	doc, err := r.document(file)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	r.note.Used = append(r.note.Used, clean)
	if doc != nil && doc.Kind == resource.Map {
		r.merge(doc, depth+1)
	}
}
