package helm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"unicode/utf8"

	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"

	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

// JobName is the name under which workers know Template.
const JobName = "helm"

// Template is the job that runs Helm's engine. Its messages are private to this
// package.
var Template worker.Job = runTemplates

// request and response are the messages of the job.
type request struct {
	Dir         string
	Release     string
	Namespace   string
	Values      json.RawMessage // an object, or nothing
	ValuesFiles []string
	KubeVersion string
	APIVersions []string
	IncludeCRDs bool
}

type response struct {
	Library   bool // a chart that has nothing to render
	CRDs      []output
	Outputs   []output
	Templates []templateSource
	Calls     []call
	Impure    []string
	Files     []string
	Problems  []render.Problem
	Fatal     *render.Problem // nothing was rendered
}

// output is what one file renders to.
type output struct {
	Name     string // as Helm names it: chart/charts/sub/templates/x.yaml
	Place    place
	Text     string
	Template int       // index in response.Templates
	Segments []segment // none if the origin of the text is not known
}

// templateSource is a template, as segments number them.
type templateSource struct {
	Place  place
	Chart  []string // names of the subcharts that lead to it from the root
	Values []string // paths of values.yaml of the root and of each of these; "" in archives
}

// maxOutput bounds what templates write, in bytes.
const maxOutput = 32 << 20

func runTemplates(ctx context.Context, tree source.Tree, message []byte) ([]byte, error) {
	var req request
	if err := json.Unmarshal(message, &req); err != nil {
		return nil, err
	}
	res, err := renderChart(ctx, tree, req)
	if problem, ok := errors.AsType[render.Problem](err); ok {
		res = &response{Fatal: &problem}
	} else if err != nil {
		return nil, err
	}
	return json.Marshal(res)
}

func renderChart(ctx context.Context, tree source.Tree, req request) (*response, error) {
	l, err := load(ctx, tree, req.Dir)
	if err != nil {
		return nil, err
	}
	if l.chart.Metadata.Type == "library" {
		return &response{Library: true, Files: l.files}, nil
	}
	res := &response{Files: append(l.files, req.ValuesFiles...), Problems: missingDependencies(tree, req.Dir, l.chart)}
	values, err := userValues(tree, req)
	if err != nil {
		return nil, err
	}
	top, err := renderValues(l.chart, values, req)
	if err != nil {
		return nil, err
	}
	if p, ok := validateValues(l, top); !ok {
		res.Problems = append(res.Problems, p...)
		return res, nil
	}
	if req.IncludeCRDs {
		for _, crd := range l.chart.CRDObjects() {
			res.CRDs = append(res.CRDs, output{Name: crd.Filename, Place: l.places[crd.File], Text: string(crd.File.Data)})
		}
	}
	err = execute(ctx, l, top, res)
	if problem, ok := errors.AsType[render.Problem](err); ok && len(res.Problems) > 0 {
		res.Problems = append(res.Problems, problem)
		return res, nil
	}
	return res, err
}

// userValues merges the files and the values given, as `helm template -f` does.
func userValues(tree source.Tree, req request) (map[string]any, error) {
	values := map[string]any{}
	for _, name := range req.ValuesFiles {
		content, err := tree.ReadFile(name)
		if err != nil {
			return nil, render.Problem{Path: name, Message: "cannot read the values: " + err.Error()}
		}
		more, err := loader.LoadValues(bytes.NewReader(content))
		if err != nil {
			return nil, render.Problem{Path: name, Message: err.Error()}
		}
		values = loader.MergeMaps(values, more)
	}
	if len(req.Values) > 0 {
		more := map[string]any{}
		if err := json.Unmarshal(req.Values, &more); err != nil {
			return nil, fmt.Errorf("values of the application: %w", err)
		}
		values = loader.MergeMaps(values, more)
	}
	return values, nil
}

// renderValues computes what templates see: .Values, .Release, .Capabilities.
func renderValues(c *chart.Chart, values map[string]any, req request) (common.Values, error) {
	at := path.Join(req.Dir, "Chart.yaml")
	version, err := common.ParseKubeVersion(req.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes version %q: %w", req.KubeVersion, err) //nolint:staticcheck // a name
	}
	if want := c.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, version.String()) {
		return nil, render.Problem{
			Path:    at,
			Message: fmt.Sprintf("the chart needs Kubernetes %s; it is rendered for %s", want, version.Version),
			Hint:    "Set the Kubernetes version of the cluster.",
		}
	}
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, render.Problem{Path: at, Message: err.Error()}
	}
	caps := common.DefaultCapabilities.Copy()
	caps.KubeVersion = *version
	caps.APIVersions = append(slices.Clone(caps.APIVersions), req.APIVersions...)
	top, err := commonutil.ToRenderValuesWithSchemaValidation(c, values, common.ReleaseOptions{
		Name: req.Release, Namespace: req.Namespace, Revision: 1, IsInstall: true,
	}, caps, true)
	if err != nil {
		return nil, render.Problem{Path: at, Message: err.Error()}
	}
	return top, nil
}

// missingDependencies reports charts that Chart.yaml names and charts/ lacks.
func missingDependencies(tree source.Tree, dir string, c *chart.Chart) []render.Problem {
	present := map[string]bool{}
	for _, d := range c.Dependencies() {
		present[d.Name()] = true
	}
	var problems []render.Problem
	for _, d := range c.Metadata.Dependencies {
		if d == nil || present[d.Name] {
			continue
		}
		name := path.Join(dir, "Chart.yaml")
		if c.Metadata.APIVersion == chart.APIVersionV1 {
			name = path.Join(dir, "requirements.yaml")
		}
		content, _ := tree.ReadFile(name)
		problems = append(problems, render.Problem{
			Path:     name,
			Position: dependencyPosition(content, d.Name),
			Message:  fmt.Sprintf("the dependency %s %s is not in charts/; nothing is fetched while rendering", d.Name, d.Version),
			Hint:     "Run `helm dependency build` and commit the charts directory.",
		})
	}
	return problems
}

// execute renders the templates with Helm's engine.
func execute(ctx context.Context, l *loaded, top common.Values, res *response) error {
	templates := collectTemplates(l)
	tr := &tracer{ctx: ctx, limit: maxOutput, outputs: map[int]*fragment{}}
	byName := map[string]int{}
	for i, t := range templates {
		tr.sources = append(tr.sources, string(t.file.Data))
		res.Templates = append(res.Templates, t.source)
		byName[t.name] = i
		var code string
		code, tr.nodes = instrument(i, tr.sources[i], tr.nodes)
		t.file.Data = []byte(code)
	}
	called := map[string]bool{}
	funcs := customFuncs(called)
	maps.Copy(funcs, tr.funcs())
	rendered, err := engine.Engine{CustomTemplateFuncs: funcs}.RenderWithContext(ctx, l.chart, top)
	if err != nil {
		if tr.stop != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return stopped(l.dir, tr.stop)
		}
		// The same again, for an error about the user's own text.
		for i, t := range templates {
			t.file.Data = []byte(tr.sources[i])
		}
		_, plain := engine.Engine{CustomTemplateFuncs: customFuncs(called)}.RenderWithContext(ctx, l.chart, top)
		return templateProblem(cmp.Or(plain, err), templates)
	}
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		i := byName[name]
		if !utf8.ValidString(rendered[name]) { // no YAML, and places in it would be wrong
			res.Problems = append(res.Problems, render.Problem{
				Path: templates[i].source.Place.Path, Message: "the template gives bytes that are not UTF-8",
				Hint: "Save the template, and the files that it takes in, as UTF-8.",
			})
			continue
		}
		out := output{Name: name, Place: templates[i].source.Place, Text: rendered[name], Template: i}
		if traced := tr.outputs[i]; traced != nil && traced.text.String() == out.Text {
			out.Segments = traced.segs
		}
		res.Outputs = append(res.Outputs, out)
	}
	res.Calls = tr.calls
	res.Impure = slices.Sorted(maps.Keys(called))
	return nil
}

// chartTemplate is a template under the name by which the engine knows it.
type chartTemplate struct {
	name   string
	file   *common.File
	source templateSource
}

func collectTemplates(l *loaded) []chartTemplate {
	var all []chartTemplate
	var collect func(c *chart.Chart, names, values []string)
	collect = func(c *chart.Chart, names, values []string) {
		defaults := l.fileOf(c, "values.yaml")
		if defaults.Archived {
			defaults.Path = ""
		}
		values = append(slices.Clone(values), defaults.Path)
		// An alias shares its files with the chart that it is another name for.
		own := make([]*common.File, 0, len(c.Templates))
		for _, shared := range c.Templates {
			f := &common.File{Name: shared.Name, Data: shared.Data}
			l.places[f] = l.places[shared]
			own = append(own, f)
			all = append(all, chartTemplate{
				name:   path.Join(c.ChartFullPath(), f.Name),
				file:   f,
				source: templateSource{Place: l.places[f], Chart: names, Values: values},
			})
		}
		c.Templates = own
		for _, d := range c.Dependencies() {
			collect(d, append(slices.Clone(names), d.Name()), values)
		}
	}
	collect(l.chart, nil, nil)
	return all
}
