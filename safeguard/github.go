package safeguard

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func isWorkflow(name string) bool {
	if !isYAML(name) {
		return false
	}
	// Nothing below a directory of its own there is run.
	return path.Dir(name) == ".github/workflows" || strings.HasPrefix(name, ".github/actions/") ||
		strings.HasSuffix(name, "/action.yml") || name == "action.yml" || name == "action.yaml"
}

// isWorkflowOf tells the workflows of Gitea and Forgejo, which run what is in directories
// of their own, in the same language.
func isWorkflowOf(dir string) func(name string) bool {
	return func(name string) bool { return isYAML(name) && path.Dir(name) == dir }
}

// actions are parts of the names of actions that check.
var actions = []string{
	"holdfast", "trivy-action", "codeql-action/analyze", "codeql-action/init", "scan-action", "checkov-action", "gitleaks-action", "snyk/actions",
	"dependency-review-action", "scorecard-action", "zizmor-action", "kubescape", "kics-github-action", "semgrep", "trufflehog", "hadolint-action",
	"actionlint", "conftest", "kube-linter-action", "tfsec-action", "osv-scanner", "cosign-verify", "govulncheck-action",
}

// workflowGates returns the gates of a workflow or a composite action.
func workflowGates(file *source.File) (all []*gate) {
	doc := root(file)
	if doc == nil {
		return nil
	}
	w := &workflow{file: file, doc: doc, events: eventsOf(doc.Get("on"))}
	for _, job := range fields(doc.Get("jobs")) {
		all = append(all, w.job(job)...)
	}
	all = append(all, w.steps(&gate{job: "action", check: "action"}, items(at(doc, "runs", "steps")), nil)...)
	return all
}

type workflow struct {
	file   *source.File
	doc    *resource.Value
	events map[string]filter
}

// job returns the gates of a job: its steps, or the workflow that it calls.
func (w *workflow) job(f resource.Field) []*gate {
	job := f.Value
	base := &gate{
		job: f.Key, check: cmp.Or(scalar(job.Get("name")), f.Key), events: w.events,
		needs: texts(job.Get("needs")), dependents: w.dependents(f.Key),
	}
	base.condition(job.Get("if"))
	base.tolerate(job.Get("continue-on-error"), "the job has `continue-on-error`")
	base.matrix(at(job, "strategy", "matrix"))
	if uses := job.Get("uses"); uses != nil && isAction(scalar(uses)) {
		g := *base
		g.file, g.at = w.file, uses
		g.take(scalar(uses))
		g.inputs = settingsOf(job.Get("with"))
		return []*gate{&g}
	}
	return w.steps(base, items(job.Get("steps")), job)
}

// dependents are the jobs that wait for one, directly or not.
func (w *workflow) dependents(name string) (all []string) {
	jobs := fields(w.doc.Get("jobs"))
	waiting := []string{name}
	for len(waiting) > 0 {
		next := waiting[0]
		waiting = waiting[1:]
		for _, job := range jobs {
			if slices.Contains(texts(job.Value.Get("needs")), next) && !slices.Contains(all, job.Key) {
				all, waiting = append(all, job.Key), append(waiting, job.Key)
			}
		}
	}
	slices.Sort(all)
	return all
}

// steps returns the gates among steps.
func (w *workflow) steps(base *gate, steps []*resource.Value, job *resource.Value) (all []*gate) {
	over := "" // what ends the job before
	surroundings := []string{machine(job)}
	var before preparation
	for _, step := range steps {
		g := *base
		g.file = w.file
		g.conditions = slices.Clone(base.conditions)
		g.step = cmp.Or(scalar(step.Get("id")), scalar(step.Get("name")))
		g.condition(step.Get("if"))
		g.tolerate(step.Get("continue-on-error"), "the step has `continue-on-error`")
		if over != "" && g.ignored == "" {
			g.ignored = over
		}
		if uses := scalar(step.Get("uses")); isAction(uses) {
			g.at = step.Get("uses")
			g.take(uses)
			g.inputs = w.inputs(g.tool, job, step.Get("with"), step.Get("env"))
			g.rest, g.before = strings.Join(surroundings, "\n"), before
			all = append(all, &g)
			continue
		}
		if from := checkedOut(step); from != "" {
			surroundings = append(surroundings, from)
		}
		run := step.Get("run")
		if run == nil {
			before.step(step)
			continue
		}
		shell := w.shell(step, job)
		for _, c := range calls(scalar(run), shell.errexit, shell.pipefail) {
			one := g
			one.at, one.tool, one.words = run, c.tool, c.words
			one.inputs = w.inputs(c.tool, job, step.Get("env"))
			one.rest = strings.Join(strings.Fields(scalar(run)), " ") + w.directory(step, job) + shell.text + "\n" + strings.Join(surroundings, "\n")
			one.before = before
			one.ignored = cmp.Or(g.ignored, c.ignored)
			if c.when != "" {
				one.conditions = append(slices.Clone(g.conditions), c.when)
			}
			all = append(all, &one)
		}
		before.step(step)
	}
	return all
}

// inputs returns the settings of a gate, and the environment that it sees.
func (w *workflow) inputs(tool string, job *resource.Value, own ...*resource.Value) map[string]string {
	all := surrounding(tool, w.doc.Get("env"), job.Get("env"))
	maps.Copy(all, settingsOf(own...))
	return all
}

// directory returns where the scripts of a step are run.
func (w *workflow) directory(step, job *resource.Value) string {
	const key = "working-directory"
	return cmp.Or(scalar(step.Get(key)), scalar(at(job, "defaults", "run", key)), scalar(at(w.doc, "defaults", "run", key)))
}

type shell struct {
	text              string
	errexit, pipefail bool
}

// shell returns how the scripts of a step are run.
func (w *workflow) shell(step, job *resource.Value) shell {
	text := cmp.Or(scalar(step.Get("shell")), scalar(at(job, "defaults", "run", "shell")), scalar(at(w.doc, "defaults", "run", "shell")))
	switch text {
	case "":
		return shell{text, true, false}
	case "bash":
		return shell{text, true, true}
	case "sh":
		return shell{text, true, false}
	}
	options := strings.Fields(text)
	errexit := slices.ContainsFunc(options, func(o string) bool {
		return strings.HasPrefix(o, "-") && !strings.HasPrefix(o, "--") && strings.Contains(o, "e")
	}) || slices.Contains(options, "errexit")
	return shell{text, errexit, strings.Contains(text, "pipefail")}
}

func isAction(uses string) bool {
	uses = strings.ToLower(uses)
	return slices.ContainsFunc(actions, func(a string) bool { return strings.Contains(uses, a) })
}

// take notes the action that a gate is.
func (g *gate) take(uses string) {
	g.uses, g.version, _ = strings.Cut(uses, "@")
	lower := strings.ToLower(g.uses)
	for _, a := range actions {
		if strings.Contains(lower, a) {
			g.tool = a
			break
		}
	}
}

// condition notes what a job or step depends on.
func (g *gate) condition(v *resource.Value) {
	if v == nil {
		return
	}
	text := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(scalar(v)), "${{"), "}}"))
	switch strings.ReplaceAll(strings.ToLower(text), " ", "") {
	case "", "true", "always()", "success()", "!cancelled()", "success()||failure()", "1":
		return
	case "false", "0", "''", "null", "!true", "!always()", "cancelled()", "1==0", "1==2", "false&&always()":
		g.never = true
		return
	}
	lower := strings.ReplaceAll(strings.ToLower(text), " ", "")
	if strings.HasPrefix(lower, "false&&") || strings.HasSuffix(lower, "&&false") {
		g.never = true
		return
	}
	g.conditions = append(g.conditions, text)
}

// tolerate notes a setting by which failures do not count. One that is computed
// may be anything.
func (g *gate) tolerate(v *resource.Value, why string) {
	if v != nil && !isFalse(v) && v.Kind != resource.Null && g.ignored == "" {
		g.ignored = why
	}
}

func settingsOf(maps ...*resource.Value) map[string]string {
	all := map[string]string{}
	for _, m := range maps {
		for _, f := range fields(m) {
			all[f.Key] = encoded(f.Value)
		}
	}
	return all
}

// eventsOf returns what starts a workflow, with its filters.
func eventsOf(on *resource.Value) map[string]filter {
	all := map[string]filter{}
	for _, name := range texts(on) {
		all[name] = filter{}
	}
	for _, event := range fields(on) {
		f := filter{only: map[string][]string{}, not: map[string][]string{}}
		for _, limit := range fields(event.Value) {
			what, ignored := strings.CutSuffix(limit.Key, "-ignore")
			switch {
			case !slices.Contains([]string{"branches", "paths", "tags", "types"}, what):
			case ignored:
				f.not[what] = texts(limit.Value)
			case event.Key == "push" && what == "tags" && event.Value.Get("branches") == nil && event.Value.Get("branches-ignore") == nil:
				f.only["branches"], f.only[what] = []string{}, texts(limit.Value) // tags alone: no branch
			case event.Key == "push" && what == "branches":
				f.only[what] = texts(limit.Value)
			default:
				f.only[what] = texts(limit.Value)
			}
		}
		if event.Key == "pull_request" && len(f.only["types"]) > 0 &&
			len(missing([]string{"opened", "synchronize", "reopened"}, f.only["types"])) == 0 {
			delete(f.only, "types") // what holds without types
		}
		all[event.Key] = f
	}
	return all
}
