package terraform

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/zclconf/go-cty/cty/function"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const (
	maxModules   = 1000
	maxProblems  = 100
	maxInstances = 10_000  // of a resource or a module
	maxResources = 50_000  // of a root, in all
	maxDepth     = 200     // of values that hang on each other
	maxNesting   = 20      // of modules
	maxSize      = 1 << 20 // of a value: bytes of its texts, and 16 for each part
	maxWork      = 1 << 26 // of an expression: sizes of all that it reads
)

// run evaluates one root module.
type run struct {
	*renderer
	ctx  context.Context
	tree *mounts
	dir  string

	options   render.Options
	files     []*file
	modules   map[string]*module
	installed map[string]string // by key of the call: directory
	out       []*resource.Resource
	problems  []render.Problem
	skipped   map[render.Skipped]bool
	declared  map[*module]bool // modules whose declarations are resources already
	depth     int
	funcs     map[string]function.Function   // nil until one is called
	tags      map[configured]*resource.Value // that providers give to all resources
}

func newRun(r *renderer, ctx context.Context, tree source.Tree, dir string) *run {
	return &run{
		renderer: r, ctx: ctx, tree: &mounts{Tree: tree}, dir: dir, modules: map[string]*module{},
		skipped: map[render.Skipped]bool{}, declared: map[*module]bool{},
	}
}

// fileAt returns the file in which an offset is.
func (r *run) fileAt(offset int) *file {
	i := sort.Search(len(r.files), func(i int) bool { return r.files[i].base > offset }) - 1
	if i < 0 {
		return nil
	}
	return r.files[i]
}

// know takes in a file, in the order of offsets.
func (r *run) know(f *file) {
	i := sort.Search(len(r.files), func(i int) bool { return r.files[i].base > f.base })
	r.files = slices.Insert(r.files, i, f)
}

// place returns the place of a span.
func (r *run) place(span source.Span) (resource.Location, bool) {
	f := r.fileAt(span.Start)
	if f == nil || span.IsZero() {
		return resource.Location{}, false
	}
	size := len(f.Content)
	start := min(span.Start-f.base, size)
	inside := source.Span{Start: start, End: min(max(span.End-f.base, start), size)}
	return resource.Location{File: f.File, Span: inside, Exact: true}, true
}

// skip notes once what is out of reach at a place.
func (r *run) skip(span source.Span, reason string) {
	if at, ok := r.place(span); ok && len(r.skipped) < maxProblems {
		r.skipped[render.Skipped{Path: at.File.Path, Position: at.Position(), Reason: reason}] = true
	}
}

func (r *run) result() *render.Result {
	result := &render.Result{Resources: r.out, Problems: r.problems}
	for _, f := range r.files {
		if r.tree.packageOf(f.Path) == "" {
			result.Files = append(result.Files, f.Path)
		}
	}
	slices.Sort(result.Files)
	result.Files = slices.Compact(result.Files)
	for s := range r.skipped {
		result.Skipped = append(result.Skipped, s)
	}
	slices.SortFunc(result.Skipped, func(a, b render.Skipped) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Position.Line, b.Position.Line), cmp.Compare(a.Reason, b.Reason))
	})
	render.SortProblems(result.Problems)
	return result
}

// add makes a resource of a tree; nil if there are too many.
func (r *run) add(kind, name string, b *block, root *resource.Value, via []string) *resource.Resource {
	if len(r.out) >= maxResources {
		r.skip(b.span(), "there are too many resources")
		return nil
	}
	one := &resource.Resource{
		ID: resource.ID{Platform: resource.Terraform, Kind: kind, Name: name}, Root: root,
		Origin: resource.Origin{Renderer: Name, File: b.file.File, Span: b.inside(), Via: via},
	}
	one.Origin.Locator = func(path resource.Path) (resource.Location, bool) {
		plain := resource.Resource{Root: root} // whose spans are those of all files
		return r.place(plain.Locate(path).Span)
	}
	r.out = append(r.out, one)
	return one
}

// span returns the place of a block among all files.
func (b *block) span() source.Span { return spanOf(b.Range()) }

// inside returns the place of a block in its file.
func (b *block) inside() source.Span {
	s := b.span()
	return source.Span{Start: s.Start - b.file.base, End: s.End - b.file.base}
}
