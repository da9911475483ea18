// Package render turns files into resources. Parsing a plain manifest is
// rendering too: what reads resources does not care how they came about.
//
//	Unit      a directory or file that renders on its own, and how
//	Renderer  one way to render: manifest, kustomize, helm, or a Format
//	Format    a renderer of single files: manifests, Dockerfiles, pipelines
//	Options   what a renderer may know besides the files
//	Result    resources with their origins, problems with their places, and
//	          what was passed over with the reason
//	Composer  a renderer whose units take in other files and units
//	Discover  all units of a tree, with an account of every file
//	App       the one unit at a path
//
// A renderer reads files through a source.Tree only. It never opens a connection
// or asks a cluster, and runs no program but its own, as a worker.
package render

import (
	"context"
	"fmt"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Options are what a renderer may know besides the files.
type Options struct {
	Namespace   string         // for Helm's .Release.Namespace and kustomize's default
	ReleaseName string         // Helm; the unit's base name by default
	Values      map[string]any // Helm; over the chart's own values
	ValuesFiles []string       // Helm; paths in the tree, in rising precedence
	KubeVersion string         // Helm's .Capabilities.KubeVersion, such as "v1.36.3"
	APIVersions []string       // Helm's .Capabilities.APIVersions, besides the built-in ones
	IncludeCRDs bool           // Helm: the crds directory
	Given       []Given        // Helm; where Values are written, in rising precedence
	Variables   []string       // Terraform; name=value, of root modules that declare it
	Modules     Modules        // Terraform; has modules that the tree lacks; may be nil
}

// Modules has modules of Terraform that are called and not in the tree. The error says
// why one is not to be had.
type Modules interface {
	Module(ctx context.Context, from, version string) (Module, error)
}

// Module is a directory of a package.
type Module struct {
	Package string      // what it is called
	Files   source.Tree // of the package
	Dir     string
}

// Given tells where some of Options.Values are written.
type Given struct {
	Root *resource.Value // the values
	// Locate returns the place of a value below Root, or the nearest.
	Locate func(resource.Path) resource.Location
}

// Unit is something that renders on its own.
type Unit struct {
	Path     string   // directory or file, relative to the tree's root
	Renderer string   // manifest, kustomize, helm, or the name of a format
	UsedBy   []string // other units that build upon this one; what it declares shows in them again
	Options  *Options // instead of those of everything, if an object says so
	Via      []string // files of the objects that say to render it, nearest first

	composed bool
	uses     []string // what it takes in
}

// NewUnit returns a unit that an object says to render, besides those that are
// discovered.
func NewUnit(path, renderer string, opts *Options, via []string) Unit {
	return Unit{Path: path, Renderer: renderer, Options: opts, Via: via, composed: true}
}

// Composed reports whether a Composer renders the unit, so that its resources are
// not what is written in one file.
func (u Unit) Composed() bool { return u.composed }

// Parts returns the files and directories that the unit is made of, as far as
// they are known without rendering it.
func (u Unit) Parts() []string { return u.uses }

// Renderer is one way to turn files into resources.
type Renderer interface {
	// Name is what Unit.Renderer and Origin.Renderer say.
	Name() string
	// Detect reports whether the directory is a unit of this renderer.
	Detect(tree source.Tree, dir string) bool
	// Render renders the directory or file at path. What is wrong with single
	// files is in Result.Problems; the error is for a unit that gives nothing.
	Render(ctx context.Context, tree source.Tree, path string, opts Options) (*Result, error)
}

// Result is what a unit renders to.
type Result struct {
	Resources []*resource.Resource
	Problems  []Problem
	Skipped   []Skipped
	Files     []string // every file that had a part in the result, sorted
	About     string   // what the unit is, if its files do not tell: a plan of Terraform 1.11, which creates 3
	Unsteady  bool     // what went wrong may not the next time: a limit was met, or a process died
	Impure    []string // functions of templates whose result depends on more than the files: lookup, randAlphaNum, now
}

// Problem is an error at a place: a file that cannot be parsed, a template
// that fails, a base that is missing.
type Problem struct {
	Path     string
	Position source.Position // zero when only the file is known
	Message  string
	Hint     string // what to do about it
}

func (p Problem) Error() string {
	at := p.Path
	if p.Position.Line > 0 {
		at = fmt.Sprintf("%s:%d:%d", p.Path, p.Position.Line, p.Position.Column)
	}
	return at + ": " + p.Message
}

// Skipped is a file that was passed over on purpose, or something that a place in
// a file names and that is out of reach.
type Skipped struct {
	Path, Reason string
	Position     source.Position // zero for the whole file
}
