// Package scan runs a tree of files through renderers and policies.
//
//	Scanner    the renderers and the evaluator that a scan uses
//	Judgement  what policies say of one set of resources
//	Result     a whole scan: findings grouped by their cause, problems with
//	           files, and an account of every file that was passed over
//
// The steps are discover, render, judge, search for secrets and group. A file
// that cannot be read or rendered never hides the findings of the others; it
// makes the scan partial, and whoever reads the result is told.
package scan

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/source"
)

// Scanner holds what a scan needs besides files.
type Scanner struct {
	Renderers []render.Renderer
	Evaluator policy.Evaluator
	Options   render.Options
	Jobs      int              // units at a time; 0 for one for each processor
	Secrets   *secret.Detector // looks into all files; nil for nothing

	Fixer   Fixer    // asked about every finding; nil for nothing
	Changed []string // judge only the units that these files have a part in; nil for all
	Search  []string // search only these files for secrets; nil for all that are judged
	Ignored Ignored  // nil if no file is
	Keep    bool     // keep the resources in the result

	// Remotes returns the URLs of the repository that the files are of; nil if it
	// cannot be told. It is asked if an object of Argo CD or Flux says what to render.
	Remotes func(context.Context) []string

	// Progress is told how many of some things are done; nil for nobody. It is
	// called by several goroutines at a time.
	Progress func(what string, done, of int)
}

// Result is a whole scan.
type Result struct {
	Findings []*finding.Finding // one for each cause, worst first
	All      []*finding.Finding // each of them, sorted
	Marked   []*source.File     // files with comments for Holdfast, sorted by path
	Problems []render.Problem   // sorted by place
	Skipped  []render.Skipped   // sorted by path
	Errors   []string           // policies that could not be evaluated
	Verdicts policy.Tally
	Deferred int // verdicts that take more than the files that were judged
	Files    int // that had a part in a resource
	Objects  int
	Renders  int      // units of kustomize and Helm
	About    []string // what units are whose files do not tell, sorted
	Unsteady bool     // what could not be judged may be another time, of the same files
	Elapsed  time.Duration

	Past      *Past                     // if it is the history that was scanned
	Resources []*resource.Resource      // if the scanner keeps them
	Sites     map[*finding.Finding]Site // of findings of policies, if the scanner has a fixer
}

// Partial reports whether something could not be judged.
func (r *Result) Partial() bool { return len(r.Problems) > 0 || len(r.Errors) > 0 }

// Judgement is what policies say of one set of resources.
type Judgement struct {
	Findings []*finding.Finding // sorted
	Errors   []string
	Verdicts policy.Tally
	ByObject map[string]Counts // by resource.ID.Key

	on     map[*finding.Finding]*resource.Resource
	count  int            // of resources
	marked []*source.File // that they are written in, with comments for Holdfast
}

// Counts are the verdicts on one resource, and its findings.
type Counts struct {
	Verdicts policy.Tally
	Findings []*finding.Finding
}

// Run scans what is below dir, a directory or file of the tree. What is written in
// files is judged together, wherever it is; an overlay or a chart by itself.
func (s *Scanner) Run(ctx context.Context, tree source.Tree, dir string) (*Result, error) {
	start := time.Now()
	tree = source.Remembered(tree)
	units, skipped, err := s.discover(tree, dir)
	if err != nil {
		return nil, err
	}
	rendered := make([]*render.Result, len(units))
	early := make([]*Judgement, len(units))
	err = s.each(ctx, "rendering", len(units), little(units), func(ctx context.Context, i int) (err error) {
		if rendered[i], err = s.unit(ctx, tree, units[i]); err == nil && closed(rendered[i]) && !s.Keep {
			early[i] = s.early(ctx, units[i], rendered[i])
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, unit := range units {
		if unit.Renderer == manifestRenderer {
			withoutFragments(rendered[i])
		}
	}
	if units, rendered, err = s.apps(ctx, tree, units, rendered); err != nil {
		return nil, err
	}
	written := resource.NewSet(asWritten(units, rendered))
	judged := make([]Judgement, len(units))
	sets := make([]*resource.Set, len(units))
	err = s.each(ctx, "judging", len(units), little(units), func(ctx context.Context, i int) error {
		if i < len(early) && early[i] != nil {
			judged[i] = *early[i]
			return nil
		}
		sets[i] = written
		if units[i].Composed() || closed(rendered[i]) {
			sets[i] = resource.NewSet(rendered[i].Resources)
		}
		judged[i] = judge(ctx, s.evaluator(units[i], rendered[i]), rendered[i].Resources, sets[i], stageOf(units[i]), s.noted())
		judged[i].marked = marked(rendered[i].Resources)
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	result := &Result{Skipped: skipped}
	files := make(map[string]bool, len(units))
	for i, unit := range units {
		result.add(unit, rendered[i], judged[i])
		if s.Fixer != nil && sets[i] != nil {
			result.remember(judged[i], sets[i], stageOf(unit))
		}
		if s.Keep {
			result.Resources = append(result.Resources, rendered[i].Resources...)
		}
		for _, f := range rendered[i].Files {
			files[f] = true
		}
	}
	found, err := s.search(ctx, tree, dir) // now, when all trees of values may go
	if err != nil {
		return nil, err
	}
	result.addSecrets(found)
	if len(units) == 1 && units[0].Path != dir && units[0].Path == path.Dir(dir) { // of a configuration one file is asked for
		result.only(dir)
	}
	result.finish(files)
	result.unsearched(found)
	if err := s.propose(ctx, result); err != nil {
		return nil, err
	}
	result.hideFixes(found)
	result.Elapsed = time.Since(start)
	return result, nil
}

// noted returns a Judgement that notes what the scanner needs besides.
func (s *Scanner) noted() (j Judgement) {
	if s.Fixer != nil {
		j.on = map[*finding.Finding]*resource.Resource{}
	}
	return j
}

// early judges a unit whose relations are all within it, so that its resources need
// not be kept until everything is rendered.
func (s *Scanner) early(ctx context.Context, unit render.Unit, rendered *render.Result) *Judgement {
	set, stage := resource.NewSet(rendered.Resources), stageOf(unit)
	j := judge(ctx, s.evaluator(unit, rendered), rendered.Resources, set, stage, s.noted())
	j.marked = marked(rendered.Resources)
	if s.Fixer != nil {
		on := map[*finding.Finding]Site{}
		for f, r := range j.on {
			on[f] = Site{r, set, stageIn(stage, r)}
		}
		first := onePerCause(j.Findings)
		for _, some := range byResource(first, on) {
			s.proposeFor(ctx, some, on[some[0]])
		}
		spread(first, j.Findings)
	}
	j.on, rendered.Resources = nil, nil
	return &j
}

func (s *Scanner) discover(tree source.Tree, dir string) ([]render.Unit, []render.Skipped, error) {
	if s.Changed == nil {
		return render.Discover(tree, dir, s.Renderers)
	}
	units, err := render.DiscoverTouched(tree, dir, s.Renderers, s.Changed)
	return units, nil, err
}

const (
	manifestRenderer  = "manifest"
	terraformRenderer = "terraform"
)

// asWritten returns the resources of all units that are single files.
func asWritten(units []render.Unit, rendered []*render.Result) (out []*resource.Resource) {
	for i, unit := range units {
		if !unit.Composed() && !closed(rendered[i]) {
			out = append(out, rendered[i].Resources...)
		}
	}
	return out
}

// closed reports whether what a unit gives has its relations within it.
func closed(result *render.Result) bool {
	return len(result.Resources) > 0 && result.Resources[0].ID.Platform.Closed()
}

func (s *Scanner) jobs() int {
	if s.Jobs > 0 {
		return s.Jobs
	}
	return runtime.GOMAXPROCS(0)
}

// unit renders one unit. Only a cancelled scan is an error: a unit that gives
// nothing is a problem of its result.
func (s *Scanner) unit(ctx context.Context, tree source.Tree, unit render.Unit) (*render.Result, error) {
	rendered, err := s.render(ctx, tree, unit)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		rendered = &render.Result{Problems: []render.Problem{render.AsProblem(unit.Path, err)}, Unsteady: !render.IsSteady(err)}
	}
	if len(rendered.Resources) == 0 && len(rendered.Problems) > 0 {
		s.parts(ctx, tree, unit, rendered)
	}
	return rendered, ctx.Err()
}

// parts judges the manifests that an overlay is made of when it cannot be
// rendered, so that what is wrong with it does not hide what is wrong with them.
// What else a unit is made of is passed over with the reason.
func (s *Scanner) parts(ctx context.Context, tree source.Tree, unit render.Unit, result *render.Result) {
	patches := s.patches(tree, unit)
	for _, part := range unit.Parts() {
		entry, err := tree.Stat(part)
		switch {
		case err != nil:
		case slices.Contains(patches, part):
			result.Skipped = append(result.Skipped, render.Skipped{Path: part, Reason: "a patch of " + unit.Path + ", which cannot be rendered"})
		case entry.Mode.Regular():
			s.part(ctx, tree, unit, part, result)
		case unit.Renderer == "helm": // an overlay's directories are units of their own
			_ = source.Walk(tree, part, func(path string, e source.Entry) error {
				if e.Mode.Regular() {
					s.part(ctx, tree, unit, path, result)
				}
				return nil
			})
		}
	}
}

func (s *Scanner) part(ctx context.Context, tree source.Tree, unit render.Unit, path string, result *render.Result) {
	if unit.Renderer == "kustomize" {
		alone, err := s.render(ctx, tree, render.Unit{Path: path, Renderer: manifestRenderer})
		if err == nil && len(alone.Resources) > 0 {
			result.Resources = append(result.Resources, alone.Resources...)
			result.Files = append(result.Files, alone.Files...)
			return
		}
	}
	result.Skipped = append(result.Skipped, render.Skipped{Path: path, Reason: "part of " + unit.Path + ", which cannot be rendered"})
}

func (s *Scanner) render(ctx context.Context, tree source.Tree, unit render.Unit) (*render.Result, error) {
	for _, r := range s.Renderers {
		if r.Name() == unit.Renderer {
			opts := s.Options
			if unit.Options != nil {
				opts = *unit.Options
			}
			return r.Render(ctx, tree, unit.Path, opts)
		}
	}
	return nil, fmt.Errorf("no renderer is named %q", unit.Renderer)
}

// evaluator returns the evaluator for a unit. Where only some files are judged,
// what is written in files has not all its relations around it.
func (s *Scanner) evaluator(unit render.Unit, result *render.Result) policy.Evaluator {
	if s.Changed == nil || unit.Composed() || closed(result) {
		return s.Evaluator
	}
	return alone{s.Evaluator}
}

// alone leaves out what policies say that look at other resources.
type alone struct{ policy.Evaluator }

// deferred stands for a verdict that is left to a scan of everything.
const deferred = policy.Error + 1

func (a alone) Evaluate(ctx context.Context, results []policy.Result, r *resource.Resource, set *resource.Set, stage policy.Stage) []policy.Result {
	from := len(results)
	results = a.Evaluator.Evaluate(ctx, results, r, set, stage)
	for i := from; i < len(results); i++ {
		if results[i].Policy.Related() && results[i].Verdict != policy.Skip {
			results[i] = policy.Result{Policy: results[i].Policy, Verdict: deferred}
		}
	}
	return results
}

// stageOf returns the stage of what a unit gives. What is evaluated in place is as
// it is declared.
func stageOf(unit render.Unit) policy.Stage {
	if unit.Composed() && unit.Renderer != terraformRenderer {
		return policy.Rendered
	}
	return policy.Declared
}

// stageIn returns the stage of a resource in a unit of a stage: one that a plan
// changes is planned.
func stageIn(stage policy.Stage, r *resource.Resource) policy.Stage {
	if r.Change != nil {
		return policy.Planned
	}
	return stage
}

// Judge evaluates all policies on all resources of a set.
func Judge(ctx context.Context, evaluator policy.Evaluator, set *resource.Set, stage policy.Stage) Judgement {
	return judge(ctx, evaluator, set.All, set, stage, Judgement{ByObject: make(map[string]Counts, len(set.All))})
}

// judge evaluates all policies on some of the resources of a set. It notes of each finding
// and each object what it is on, if j has maps for that: in a large scan they weigh.
func judge(ctx context.Context, evaluator policy.Evaluator, some []*resource.Resource, set *resource.Set, stage policy.Stage, j Judgement) Judgement {
	j.count = len(some)
	memory := resultMemory.Get().(*[]policy.Result)
	results := *memory
	for _, r := range some {
		stage := stageIn(stage, r)
		results = evaluator.Evaluate(ctx, results[:0], r, set, stage)
		counts := Counts{Findings: policy.Findings(r, results, stage)}
		for i := range results {
			counts.Verdicts[results[i].Verdict]++
		}
		j.Errors = append(j.Errors, errorsOn(r, results)...)
		j.Verdicts.Add(&counts.Verdicts)
		if j.ByObject != nil {
			j.ByObject[r.ID.Key()] = counts
		}
		j.Findings = append(j.Findings, counts.Findings...)
		if j.on != nil {
			for _, f := range counts.Findings {
				j.on[f] = r
			}
		}
	}
	clear(results)
	*memory = results[:0]
	resultMemory.Put(memory)
	finding.Sort(j.Findings)
	return j
}

// resultMemory is for the results on one resource at a time: there are many policies, and
// of most results only the verdict counts.
var resultMemory = sync.Pool{New: func() any { return new([]policy.Result) }}

// errorsOn says which policies could not be evaluated on a resource, each reason once.
func errorsOn(r *resource.Resource, results []policy.Result) (all []string) {
	var reasons []string
	var ids map[string][]string
	for i := range results {
		result := &results[i]
		if result.Verdict != policy.Error {
			continue
		}
		if ids == nil {
			ids = map[string][]string{}
		}
		reason := result.Err.Error()
		if ids[reason] == nil {
			reasons = append(reasons, reason)
		}
		ids[reason] = append(ids[reason], result.Policy.ID)
	}
	for _, reason := range reasons {
		who := ids[reason][0]
		switch more := len(ids[reason]) - 1; {
		case more == 1:
			who += " and " + ids[reason][1]
		case more > 1:
			who += fmt.Sprintf(" and %d other policies", more)
		}
		all = append(all, fmt.Sprintf("%s on %s: %s", who, r.ID, reason))
	}
	return all
}

func (r *Result) add(unit render.Unit, rendered *render.Result, judged Judgement) {
	r.Findings = append(r.Findings, judged.Findings...)
	r.Errors = append(r.Errors, judged.Errors...)
	r.Problems = append(r.Problems, rendered.Problems...)
	r.Skipped = append(r.Skipped, rendered.Skipped...)
	r.Objects += judged.count
	r.Marked = append(r.Marked, judged.marked...)
	if rendered.About != "" {
		r.About = append(r.About, unit.Path+" is "+rendered.About)
	}
	r.Unsteady = r.Unsteady || rendered.Unsteady || len(judged.Errors) > 0
	if stageOf(unit) == policy.Rendered && unit.Renderer != "" { // without a renderer: what objects say that is out of reach
		r.Renders++
	}
	r.Verdicts.Add(&judged.Verdicts)
	r.Deferred += r.Verdicts[deferred]
	r.Verdicts[deferred] = 0
}

// only keeps what is found in a file.
func (r *Result) only(file string) {
	r.Findings = slices.DeleteFunc(r.Findings, func(f *finding.Finding) bool {
		return f.Location.File == nil || f.Location.File.Path != file
	})
	r.Problems = slices.DeleteFunc(r.Problems, func(p render.Problem) bool { return p.Path != file })
}

// Mark is what comments for Holdfast begin with.
const Mark = "holdfast:"

// marked returns the files of resources that hold comments for Holdfast.
func marked(resources []*resource.Resource) (files []*source.File) {
	for i, res := range resources {
		file := res.Origin.File
		if file == nil || i > 0 && resources[i-1].Origin.File == file || !bytes.Contains(file.Content, []byte(Mark)) {
			continue
		}
		files = append(files, file)
	}
	return files
}

// finish puts the result in an order that does not depend on scheduling, and
// makes every file appear once: as used, or as passed over.
func (r *Result) finish(used map[string]bool) {
	finding.Sort(r.Findings)
	r.All, r.Findings = r.Findings, finding.ByCause(r.Findings)
	slices.Sort(r.Errors)
	render.SortProblems(r.Problems)
	r.Problems = slices.CompactFunc(r.Problems, func(a, b render.Problem) bool { return a == b })
	for _, p := range r.Problems {
		delete(used, p.Path)
	}
	slices.SortStableFunc(r.Marked, func(a, b *source.File) int { return cmp.Compare(a.Path, b.Path) })
	r.Marked = slices.CompactFunc(r.Marked, func(a, b *source.File) bool { return a.Path == b.Path })
	r.Files = len(used)
	r.Skipped = unused(r.Skipped, used)
}

// unused returns what was passed over everywhere, sorted by place.
func unused(skipped []render.Skipped, used map[string]bool) []render.Skipped {
	skipped = slices.DeleteFunc(skipped, func(s render.Skipped) bool { return used[s.Path] && s.Position.Line == 0 })
	slices.SortStableFunc(skipped, compareSkipped)
	return slices.CompactFunc(skipped, func(a, b render.Skipped) bool {
		return a == b || a.Path == b.Path && a.Position == b.Position && a.Position.Line == 0
	})
}
