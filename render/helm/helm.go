// Package helm renders charts with Helm's own engine.
//
// Templates are programs, so they run as a job of a worker process. The chart is
// loaded from the tree into memory, subcharts in directories and archives
// included. There is no cluster (`lookup` finds nothing), no name server and no
// network; functions whose result is not the same every time are noted.
//
// Where a line of the output comes from is recorded while the engine runs: calls
// to tracing functions stand before each text and around each action of the
// templates (template.go), and write down what they print (trace.go). A value
// that is template text has its exact place there. For one that an action prints,
// its .Values are looked up in the values files (values.go).
//
// The resources are those of `helm template --no-hooks`, in the same order.
package helm

import (
	"cmp"
	"context"
	"encoding/json"
	"path"
	"slices"
	"strings"

	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Name is the renderer's name in units and origins.
const Name = "helm"

// DefaultKubeVersion is the version of Kubernetes that charts are rendered for
// unless Options.KubeVersion says another.
const DefaultKubeVersion = "v1.36.0"

// defaultRelease is the release name of a chart at the root of a tree.
const defaultRelease = "release-name"

// hookAnnotation marks resources that Helm runs at certain moments.
const hookAnnotation = "helm.sh/hook"

// New returns the renderer. The runner must know Template as JobName.
func New(runner worker.Runner) render.Renderer { return renderer{runner} }

type renderer struct{ runner worker.Runner }

var _ render.Composer = renderer{}

func (renderer) Name() string { return Name }

// Detect reports whether the directory has a Chart.yaml.
func (renderer) Detect(tree source.Tree, dir string) bool {
	entries, err := tree.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e source.Entry) bool {
		return e.Name == "Chart.yaml" && e.Mode != source.ModeDir
	})
}

// chartParts are what a chart consists of, besides files for its templates.
var chartParts = []string{
	".helmignore", "Chart.lock", "Chart.yaml", "charts", "crds", "requirements.lock", "requirements.yaml",
	"templates", "values.schema.json", "values.yaml",
}

// Uses returns the parts of a chart. Other files in its directory may be
// anything.
func (renderer) Uses(tree source.Tree, dir string) []string {
	entries, err := tree.ReadDir(dir)
	if err != nil {
		return nil
	}
	var all []string
	for _, e := range entries {
		if slices.Contains(chartParts, e.Name) {
			all = append(all, path.Join(dir, e.Name))
		}
	}
	return all
}

// Render renders the chart in a directory. Options.Values are read as a values
// file would be: their numbers are floating-point.
func (r renderer) Render(ctx context.Context, tree source.Tree, dir string, opts render.Options) (*render.Result, error) {
	req := request{
		Dir: dir, Release: opts.ReleaseName, Namespace: cmp.Or(opts.Namespace, "default"),
		ValuesFiles: opts.ValuesFiles, KubeVersion: cmp.Or(opts.KubeVersion, DefaultKubeVersion),
		APIVersions: opts.APIVersions, IncludeCRDs: opts.IncludeCRDs,
	}
	if req.Release == "" {
		req.Release = path.Base(dir)
		if dir == "." {
			req.Release = defaultRelease
		}
	}
	var err error
	if len(opts.Values) > 0 {
		if req.Values, err = json.Marshal(opts.Values); err != nil {
			return nil, err
		}
	}
	message, err := json.Marshal(req)
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
	if res.Fatal != nil {
		return nil, *res.Fatal
	}
	c := newCollector(tree, req, &res)
	c.given = opts.Given
	return c.collect(), nil
}

// collector makes resources of what the job gave.
type collector struct {
	req    request
	given  []render.Given
	res    *response
	files  *files
	result *render.Result
}

func newCollector(tree source.Tree, req request, res *response) *collector {
	used := slices.Clone(res.Files)
	slices.Sort(used)
	return &collector{
		req: req, res: res, files: newFiles(tree),
		result: &render.Result{Files: slices.Compact(used), Problems: res.Problems, Impure: res.Impure},
	}
}

func (c *collector) collect() *render.Result {
	if c.res.Library {
		c.skip(path.Join(c.req.Dir, "Chart.yaml"), "library chart: it renders as a part of others only")
		return c.result
	}
	for _, crd := range c.res.CRDs {
		c.definitions(crd)
	}
	first := len(c.result.Resources)
	for _, out := range c.res.Outputs {
		if !strings.HasSuffix(out.Name, "NOTES.txt") {
			c.output(out)
		}
	}
	slices.SortStableFunc(c.result.Resources[first:], func(a, b *resource.Resource) int {
		return compareKinds(a.ID.Kind, b.ID.Kind)
	})
	return c.result
}

// compareKinds is Helm's order of installation: known kinds as listed, then the
// others by name.
func compareKinds(a, b string) int {
	i, j := slices.Index(releaseutil.InstallOrder, a), slices.Index(releaseutil.InstallOrder, b)
	switch {
	case i < 0 && j < 0:
		return strings.Compare(a, b)
	case i < 0:
		return 1
	case j < 0:
		return -1
	}
	return cmp.Compare(i, j)
}

func (c *collector) skip(name, reason string) {
	c.result.Skipped = append(c.result.Skipped, render.Skipped{Path: name, Reason: reason})
}

// definitions adds a file of the crds directory, which is no template.
func (c *collector) definitions(crd output) {
	file := source.NewFile(crd.Place.Path, []byte(crd.Text))
	docs, err := resource.ParseYAML(file)
	if err != nil {
		c.result.Problems = append(c.result.Problems, render.AsProblem(crd.Place.Path, err))
	}
	for _, doc := range docs {
		for _, o := range resource.Objects(doc) {
			from := resource.Origin{Renderer: Name, File: file, Document: doc.Index, Span: doc.Span}
			if original := c.files.get(crd.Place.Path); crd.Place.Archived || string(original.Content) != crd.Text {
				from = resource.Origin{Renderer: Name, File: original, Document: -1, Locator: c.nowhere(crd.Place, original)}
			}
			c.result.Resources = append(c.result.Resources, &resource.Resource{ID: o.ID, Root: o.Root, Origin: from})
		}
	}
}

// nowhere locates every value at the start of a file, or where its archive is
// taken in.
func (c *collector) nowhere(at place, file *source.File) func(resource.Path) (resource.Location, bool) {
	loc := resource.Location{File: file}
	if at.Archived {
		loc = c.files.dependency(at.Path)
	}
	return func(resource.Path) (resource.Location, bool) { return loc, true }
}

// output adds the resources of one template's output.
func (c *collector) output(out output) {
	text := source.NewFile(out.Name, []byte(out.Text))
	docs, err := resource.ParseYAML(text)
	m := newMapping(c, out)
	if err != nil {
		c.problem(m, render.AsProblem(out.Place.Path, err))
	}
	for _, doc := range docs {
		objects := resource.Objects(doc)
		if _, ok := resource.IsKubernetes(doc.Root); !ok {
			at := text.Position(doc.Span.Start)
			c.problem(m, render.Problem{Position: at, Message: "the template renders to something without apiVersion and kind"})
		}
		for _, o := range objects {
			if hook := o.Root.Get("metadata").Get("annotations").Get(hookAnnotation); hook != nil {
				c.skip(out.Place.Path, "Helm hook "+hook.Text()+": "+o.ID.String()+" is run by Helm and is not declared by the chart")
				continue
			}
			c.result.Resources = append(c.result.Resources, c.resource(m, o, doc))
		}
	}
}

// problem adds a problem at a place of the output, as one of the template.
func (c *collector) problem(m *mapping, p render.Problem) {
	loc := m.at(p.Position)
	p.Path = loc.File.Path
	p.Position = source.Position{}
	if !loc.Span.IsZero() || loc.Exact {
		p.Position = loc.Position()
	}
	p.Hint = cmp.Or(p.Hint, "See the output with `helm template`.")
	c.result.Problems = append(c.result.Problems, p)
}

func (c *collector) resource(m *mapping, o resource.Object, doc resource.Document) *resource.Resource {
	from := resource.Origin{Renderer: Name, File: m.file, Document: doc.Index, Via: c.via(m)}
	from.Span = m.within(doc.Span)
	if m.archived {
		from.Document = -1
	}
	located := &located{mapping: m, root: o.Root}
	from.Locator = located.locate
	return &resource.Resource{ID: o.ID, Root: o.Root, Origin: from}
}

// via lists the values that had a part in a template, nearest first, and the chart.
func (c *collector) via(m *mapping) []string {
	var all []string
	for _, name := range slices.Backward(c.req.ValuesFiles) {
		all = append(all, name)
	}
	for _, name := range m.template.Values {
		if name != "" && c.files.get(name) != nil {
			all = append(all, name)
		}
	}
	return append(all, path.Join(c.req.Dir, "Chart.yaml"))
}
