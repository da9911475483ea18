// Package workflow reads GitHub Actions: workflows, actions and the configuration
// of Dependabot, as YAML 1.2.
//
// A file is one resource, whose tree is that of the file. What can be written in
// several ways is written in one:
//
//	on           a map of events; their branches, tags, types and paths are lists
//	permissions  a map of scopes; read-all and write-all are {all: read} and {all: write}
//	runs-on      {labels, group, selfHosted}
//	needs        a list
//	environment, concurrency, container, services.*
//	             a map; containers have pinned
//	uses         {text, kind, name, owner, repo, path, ref, version, pinned, comment};
//	             kind is action, workflow, local or docker, and version is sha,
//	             short, number or name: what the ref looks like
//	run          {text, shell, lines, commands}; a line is what the shell takes for
//	             one, and commands are those of package shell
//	if           {text, outside, comparisons, contains}
//
// What follows from the file stands beside it, each with the place of the words
// that it follows from:
//
//	expressions  of the workflow, a job or a step: every reference in a ${{ }},
//	             as {name, field, sink, taint, via}
//	sink         what reads it, also in a local action or workflow that it is handed to: shell, javascript, code, condition, env, with or ""
//	taint        the context by which outsiders choose its value, at first or at
//	             last hand; "" if none do
//	via          the variable, output or input through which it gets here
//	events       of a job or step: those for which its conditions can hold
//	exposure     what the worst of them is: privileged, public, called or internal
//	privileged   whether outsiders can start it with secrets and a token that writes
//	checkout     of a step: {head, mutable, persist, path}; head is what outsiders'
//	             files are fetched by
//	untrusted    of a step: what runs code after such files were fetched
//	writes       of a step: to GITHUB_ENV, GITHUB_PATH and GITHUB_OUTPUT
//
// What only a caller, a matrix or a run can tell is unknown.
package workflow

import (
	"bytes"
	"cmp"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// The kinds of resources.
const (
	Workflow   = "Workflow"
	Action     = "Action"
	Dependabot = "Dependabot"
)

// Claims reports whether a file is one of GitHub Actions. Where its directories do
// not tell, because an action can be anywhere, or because they are above the root
// of the tree, its content does.
func Claims(tree source.Tree, name string) bool {
	kind := kindOf(name)
	dir := "/" + path.Dir(name)
	switch {
	case kind == "":
		return false
	case strings.HasSuffix(dir, "/.github/workflows"), kind == Dependabot && strings.HasSuffix(dir, "/.github"):
		return true
	case kind != Action && dir != "/." && dir != "/workflows":
		return false
	}
	content, err := tree.ReadFile(name)
	return err == nil && looksLike(kind, content)
}

// kindOf says what a file is, if it is one of GitHub Actions.
func kindOf(name string) string {
	base := path.Base(name)
	extension := path.Ext(base)
	switch {
	case extension != ".yml" && extension != ".yaml":
		return ""
	case strings.HasSuffix("/"+path.Dir(name), "/.github/workflows"):
		return Workflow
	}
	switch strings.TrimSuffix(base, extension) {
	case "dependabot":
		return Dependabot
	case "action":
		return Action
	}
	return Workflow
}

func looksLike(kind string, content []byte) bool {
	text := append([]byte("\n"), content...)
	switch kind {
	case Action:
		return bytes.Contains(text, []byte("\nruns:")) && bytes.Contains(text, []byte("using"))
	case Dependabot:
		return bytes.Contains(text, []byte("\nupdates:")) && bytes.Contains(text, []byte("package-ecosystem"))
	}
	return bytes.Contains(text, []byte("\non:")) && bytes.Contains(text, []byte("\njobs:")) && !bytes.Contains(text, []byte("\napiVersion:"))
}

// Parse reads a file, and those of the tree that it calls. Mistakes in expressions
// are resource.SyntaxErrors; what is around them is read.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	r := newReader(tree, file)
	root, err := r.read()
	if err != nil {
		return nil, err
	}
	all := []*resource.Resource{{
		ID: resource.ID{Platform: resource.GitHubActions, Kind: r.kind, Name: file.Path}, Root: root,
		Origin: resource.Origin{Renderer: resource.GitHubActions.String(), File: file, Span: r.root.Span},
	}}
	return all, errors.Join(r.mistakes()...)
}

func newReader(tree source.Tree, file *source.File) *reader {
	return &reader{
		tree: tree, base: baseOf(file.Path), file: file, kind: cmp.Or(kindOf(file.Path), Workflow), templates: map[*resource.Value]*template{},
		known: map[string]flow{}, callees: map[string]map[string]string{}, sinks: map[string]string{},
	}
}

// read returns the tree of the resource.
func (r *reader) read() (*resource.Value, error) {
	docs, err := resource.ParseDialect(r.file, resource.YAML12)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 || docs[0].Root.Kind != resource.Map {
		return nil, render.ErrOtherFormat
	}
	r.root = docs[0].Root
	switch {
	case r.kind == Workflow && isMap(r.root.Get("jobs")):
		return r.workflow(), nil
	case r.kind == Action && isMap(r.root.Get("runs")):
		return r.action(), nil
	case r.kind == Dependabot && r.root.Get("updates") != nil:
		return r.root, nil
	}
	return nil, render.ErrOtherFormat
}

// reader turns the tree of a file into that of a resource. It shares what is the
// same, and changes nothing.
type reader struct {
	tree      source.Tree
	base      string // directory of the repository
	file      *source.File
	kind      string
	root      *resource.Value
	events    []string
	jobs      []*job
	templates map[*resource.Value]*template
	known     map[string]flow              // of variables and outputs
	callees   map[string]map[string]string // sinks of local actions and workflows
	sinks     map[string]string            // of the inputs of this one
	calls     int                          // how many files have called this one
	errs      []error
}

// job is one job of a workflow, or the steps of a composite action.
type job struct {
	id    string
	raw   *resource.Value
	needs []string
	uses  *resource.Value
	steps []*step
	gate  gate
	state uint8 // of gate: 0, being computed, known

	writers map[string][]int // steps that write a variable
}

// step is one step of a job.
type step struct {
	raw     *resource.Value
	id      string
	uses    *resource.Value
	script  *script // of run
	gate    gate
	fetched *resource.Value // checkout
}

func (r *reader) mistake(offset int, message string) {
	r.errs = append(r.errs, &resource.SyntaxError{Path: r.file.Path, Position: r.file.Position(offset), Message: message})
}

func (r *reader) mistakes() []error {
	slices.SortStableFunc(r.errs, func(a, b error) int {
		x, _ := errors.AsType[*resource.SyntaxError](a)
		y, _ := errors.AsType[*resource.SyntaxError](b)
		return cmp.Or(cmp.Compare(x.Position.Line, y.Position.Line), cmp.Compare(x.Position.Column, y.Position.Column))
	})
	return r.errs
}

// template returns the expressions of a text, or nil when it has none.
func (r *reader) template(v *resource.Value) *template {
	if v == nil || v.Kind != resource.String || !strings.Contains(v.Str, open) {
		return nil
	}
	return r.parsed(v, parseTemplate)
}

// condition returns the expressions of an `if`, or nil when there is none.
func (r *reader) condition(v *resource.Value) *template {
	if v == nil || v.Kind == resource.Null || v.Kind >= resource.List || v.Str == "" {
		return nil
	}
	return r.parsed(v, parseCondition)
}

func (r *reader) parsed(v *resource.Value, parse func(*source.File, *resource.Value) (*template, error)) *template {
	t, ok := r.templates[v]
	if !ok {
		var err error
		t, err = parse(r.file, v)
		r.templates[v] = t
		if err != nil {
			r.errs = append(r.errs, err)
		}
	}
	return t
}

func (r *reader) workflow() *resource.Value {
	on := events(r.root)
	for _, f := range on.fields() {
		r.events = append(r.events, f.Key)
	}
	for _, f := range fields(r.root.Get("jobs")) {
		if !isMap(f.Value) {
			r.mistake(f.KeySpan.Start, "a job must be a map with `runs-on` and `steps`, or `uses`")
			f.Value = resource.NewMap(f.Value.Span)
		}
		j := &job{id: f.Key, raw: f.Value, needs: texts(f.Value.Get("needs"))}
		r.jobs = append(r.jobs, j)
		r.addSteps(j, f.Value.Get("steps"))
	}
	out := newTree(r.root)
	maps(out, "env", "defaults")
	out.set("on", on.Value)
	out.set("permissions", permissions(r.root.Get("permissions")))
	out.set("concurrency", named(r.root.Get("concurrency"), "group"))
	out.set("expressions", r.expressions(&scope{}, r.root, "on", "jobs", "permissions", "name"))
	jobs := newTree(r.root.Get("jobs"))
	for _, j := range r.jobs {
		jobs.set(j.id, r.job(j))
	}
	out.set("jobs", jobs.Value)
	return out.Value
}

func (r *reader) action() *resource.Value {
	r.events = []string{called}
	runs := newTree(r.root.Get("runs"))
	j := &job{raw: runs.Value, state: gateKnown, gate: gate{events: r.events}}
	r.jobs = []*job{j}
	r.addSteps(j, runs.Get("steps"))
	if len(j.steps) > 0 {
		runs.set("steps", r.stepList(j))
	}
	if image := runs.Get("image"); image.Text() != "" {
		runs.set("pinned", r.pinned(image))
	}
	out := newTree(r.root)
	out.set("runs", runs.Value)
	return out.Value
}

func (r *reader) addSteps(j *job, list *resource.Value) {
	if list == nil {
		return
	}
	for _, raw := range list.Items {
		if !isMap(raw) {
			r.mistake(raw.Span.Start, "a step must be a map with `uses` or `run`")
			raw = resource.NewMap(raw.Span)
		}
		s := &step{raw: raw, id: raw.Get("id").Text()}
		if uses := raw.Get("uses"); uses.Text() != "" {
			s.uses = r.uses(uses)
		}
		j.steps = append(j.steps, s)
	}
}

func (r *reader) job(j *job) *resource.Value {
	g := r.gateOf(j)
	out := newTree(j.raw)
	maps(out, "env", "with", "outputs", "strategy", "services", "defaults")
	out.set("secrets", inherited(j.raw.Get("secrets")))
	out.set("needs", list(j.raw.Get("needs")))
	out.set("permissions", permissions(j.raw.Get("permissions")))
	out.set("runs-on", r.runner(j))
	out.set("if", r.conditionValue(j.raw.Get("if")))
	out.set("environment", named(j.raw.Get("environment"), "name"))
	out.set("concurrency", named(j.raw.Get("concurrency"), "group"))
	out.set("container", r.container(j.raw.Get("container")))
	if services := j.raw.Get("services"); isMap(services) {
		all := newTree(services)
		for _, f := range services.Fields {
			all.set(f.Key, r.container(f.Value))
		}
		out.set("services", all.Value)
	}
	if uses := j.raw.Get("uses"); uses.Text() != "" {
		j.uses = r.uses(uses)
		out.set("uses", j.uses)
	}
	at := r.keySpan("jobs", j.id)
	r.exposed(out, g, at)
	out.set("expressions", r.expressions(&scope{job: j, uses: j.uses}, j.raw, "steps"))
	if len(j.steps) > 0 {
		out.set("steps", r.stepList(j))
	}
	return out.Value
}

// exposed says who can start a job or step.
func (r *reader) exposed(out *tree, g gate, at source.Span) {
	var all []*resource.Value
	for _, e := range g.events {
		all = append(all, resource.NewText(e, at))
	}
	out.set("events", resource.NewList(at, all...))
	out.set("exposure", resource.NewText(g.exposure(), at))
	out.set("privileged", g.privileged(at))
}

func (r *reader) keySpan(list, key string) source.Span {
	for _, f := range fields(r.root.Get(list)) {
		if f.Key == key {
			return f.KeySpan
		}
	}
	return r.root.Span
}

func (r *reader) stepList(j *job) *resource.Value {
	out := &resource.Value{Kind: resource.List, Span: j.raw.Get("steps").Span}
	for i := range j.steps {
		out.Items = append(out.Items, r.step(j, i))
	}
	return out
}

func (r *reader) step(j *job, i int) *resource.Value {
	s := j.steps[i]
	s.gate = r.gateOf(j).and(r.conditionGate(s.raw.Get("if")))
	out := newTree(s.raw)
	maps(out, "env", "with")
	in := &scope{job: j, step: i, own: true, uses: s.uses}
	out.set("uses", s.uses)
	out.set("if", r.conditionValue(s.raw.Get("if")))
	if run := s.raw.Get("run"); run != nil {
		out.set("run", r.run(j, i))
		out.set("writes", r.writes(in))
	}
	at := firstSpan(s.raw)
	r.exposed(out, s.gate, at)
	out.set("expressions", r.expressions(in, s.raw))
	s.fetched = r.checkout(in)
	out.set("checkout", s.fetched)
	out.set("untrusted", r.untrusted(in))
	return out.Value
}
