package workflow

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
)

// flow is what is known of where a value comes from.
type flow struct {
	taint   string // the context by which outsiders choose it
	via     string // the last variable, output or input that it came through
	head    string // the context by which it names what outsiders have pushed
	mutable bool   // head can be pushed to again
	unknown string // why neither can be told
	inputs  string // names of inputs that are in it
}

// join returns a flow of two values that become one.
func (f flow) join(other flow) flow {
	if f.taint == "" {
		f.taint, f.via = other.taint, other.via
	}
	f.via = cmp.Or(f.via, other.via)
	if f.head == "" {
		f.head, f.mutable = other.head, other.mutable
	}
	f.unknown = cmp.Or(f.unknown, other.unknown)
	if f.inputs == "" {
		f.inputs = other.inputs
	} else if !strings.Contains(f.inputs, other.inputs) {
		f.inputs += " " + other.inputs
	}
	return f
}

func (f flow) through(via string) flow {
	if f != (flow{}) {
		f.via = via
	}
	return f
}

// scope is where an expression stands.
type scope struct {
	job  *job
	step int  // steps before it are seen
	own  bool // whether the env of the step itself is seen
	uses *resource.Value
}

func (in *scope) of() *step {
	if in.job == nil || in.step >= len(in.job.steps) {
		return nil
	}
	return in.job.steps[in.step]
}

// flowOf joins the flows of all values that a text can hold.
func (r *reader) flowOf(v *resource.Value, in *scope) (out flow) {
	if v == nil {
		return out
	}
	for _, item := range v.Items {
		out = out.join(r.flowOf(item, in))
	}
	for _, f := range v.Fields {
		out = out.join(r.flowOf(f.Value, in))
	}
	if t := r.template(v); t != nil {
		out = out.join(r.flowBetween(t, 0, len(t.text), in))
	}
	return out
}

// flowBetween joins the flows of the expressions in a range of a text.
func (r *reader) flowBetween(t *template, start, end int, in *scope) (out flow) {
	for _, e := range t.exprs {
		if e.start >= start && e.end <= end {
			e.uses(true, false, func(u use) {
				if u.flow {
					out = out.join(r.flowOfUse(u, in))
				}
			})
		}
	}
	return out
}

func (r *reader) flowOfUse(u use, in *scope) flow {
	context, rest, _ := strings.Cut(u.name, ".")
	switch context {
	case "github":
		return r.githubFlow(u)
	case "env":
		return r.variable(rest, in).through(u.name)
	case "inputs":
		return r.inputFlow(rest)
	case "matrix":
		return r.matrixFlow(rest, in).through(u.name)
	case "steps":
		id, output, _ := strings.Cut(rest, ".")
		return r.stepFlow(id, strings.TrimPrefix(output, "outputs."), in).through(u.name)
	case "needs":
		id, output, _ := strings.Cut(rest, ".")
		if output == "result" {
			return flow{}
		}
		return r.needFlow(id, strings.TrimPrefix(output, "outputs."), in).through(u.name)
	}
	return flow{}
}

func (r *reader) githubFlow(u use) (out flow) {
	if matches(untrusted, u.name, u.json) {
		out.taint = u.name
	}
	if matches(heads, u.name, false) {
		out.head = u.name
		out.mutable = !strings.HasSuffix(u.name, "sha") && !strings.HasSuffix(u.name, "head_commit.id")
	}
	if strings.HasPrefix(u.name, "github.event.client_payload.") {
		out.unknown = "who dispatches the event chooses " + u.name
	}
	return out
}

// once computes a flow that others may ask for again. While it is computed it is
// empty, so that circles end.
func (r *reader) once(compute func() flow, key ...string) flow {
	k := strings.Join(key, "\x00")
	if known, ok := r.known[k]; ok {
		return known
	}
	r.known[k] = flow{}
	out := compute()
	r.known[k] = out
	return out
}

// variable returns the flow of an environment variable. The nearest counts: that
// of the step, one that a step before has written, that of the job or workflow.
// An empty name or * stands for all.
func (r *reader) variable(variable string, in *scope) flow {
	key := []string{"variable", variable}
	if in.job != nil {
		key = append(key, in.job.id, strconv.Itoa(in.step), strconv.FormatBool(in.own))
	}
	return r.once(func() flow { return r.nearest(variable, in) }, key...)
}

func (r *reader) nearest(variable string, in *scope) flow {
	if s := in.of(); s != nil && in.own {
		if v := lookup(s.raw.Get("env"), variable); v != nil {
			return r.flowOf(v, &scope{job: in.job, step: in.step})
		}
	}
	if in.job != nil {
		if out, ok := r.written("GITHUB_ENV", variable, in); ok {
			return out
		}
		if v := lookup(in.job.raw.Get("env"), variable); v != nil {
			return r.flowOf(v, &scope{job: in.job})
		}
	}
	return r.flowOf(lookup(r.root.Get("env"), variable), &scope{})
}

// lookup finds a field without regard to case.
func lookup(v *resource.Value, key string) *resource.Value {
	if key == "" || key == "*" {
		return v
	}
	for _, f := range fields(v) {
		if strings.EqualFold(f.Key, key) {
			return f.Value
		}
	}
	return nil
}

// written returns what the last of the steps before has written for a variable.
func (r *reader) written(file, variable string, in *scope) (out flow, ok bool) {
	before := r.writers(in.job)[file+" "+strings.ToLower(variable)]
	n, _ := slices.BinarySearch(before, in.step)
	if n == 0 {
		return out, false
	}
	i := before[n-1]
	for _, w := range r.scriptOf(in.job, i).writes {
		if w.file == file && strings.EqualFold(w.variable, variable) {
			out = out.join(r.writeFlow(w, &scope{job: in.job, step: i, own: true}))
		}
	}
	return out, true
}

// writers returns the steps that write a variable, by file and name.
func (r *reader) writers(j *job) map[string][]int {
	if j.writers == nil {
		j.writers = map[string][]int{}
		for i := range j.steps {
			for _, w := range r.scriptOf(j, i).writes {
				key := w.file + " " + strings.ToLower(w.variable)
				if all := j.writers[key]; len(all) == 0 || all[len(all)-1] != i {
					j.writers[key] = append(all, i)
				}
			}
		}
	}
	return j.writers
}

// inputFlow is about the inputs of actions and workflows. People who may write
// give those of a dispatch; callers give the others.
func (r *reader) inputFlow(input string) flow {
	unknown := flow{unknown: "who calls it chooses inputs." + input, via: "inputs." + input, inputs: input}
	if r.root.Get("runs") != nil {
		return unknown
	}
	on := r.root.Get("on")
	declared := on.Get(called)
	if declared == nil && !contains(texts(on), called) {
		return flow{}
	}
	switch lookup(declared.Get("inputs"), input).Get("type").Text() {
	case "boolean", "number":
		return flow{}
	}
	return unknown
}

func contains(all []string, s string) bool {
	for _, one := range all {
		if one == s {
			return true
		}
	}
	return false
}

func (r *reader) matrixFlow(key string, in *scope) flow {
	if in.job == nil {
		return flow{}
	}
	return r.once(func() flow {
		at := &scope{job: in.job}
		matrix := in.job.raw.Get("strategy").Get("matrix")
		if r.template(matrix) != nil {
			return r.flowOf(matrix, at)
		}
		first, rest, _ := strings.Cut(key, ".")
		out := r.flowOf(lookup(matrix, first), at)
		for _, set := range []string{"include"} {
			of := matrix.Get(set)
			if r.template(of) != nil {
				out = out.join(r.flowOf(of, at))
			} else if of != nil {
				for _, one := range of.Items {
					out = out.join(r.flowOf(lookup(one, cmp.Or(first, rest)), at))
				}
			}
		}
		return out
	}, "matrix", in.job.id, key)
}

func (r *reader) needFlow(id, output string, in *scope) flow {
	j := r.jobOf(id)
	if j == nil {
		return flow{}
	}
	return r.once(func() flow {
		if j.raw.Get("uses") != nil {
			return flow{unknown: "the called workflow of job " + j.id + " gives it"}
		}
		return r.flowOf(lookup(j.raw.Get("outputs"), output), &scope{job: j, step: len(j.steps)})
	}, "need", j.id, output)
}

// stepFlow returns the flow of a step's output.
func (r *reader) stepFlow(id, output string, in *scope) flow {
	if in.job == nil {
		return flow{}
	}
	for i := range min(in.step, len(in.job.steps)) {
		if s := in.job.steps[i]; strings.EqualFold(s.id, id) && id != "" {
			return r.once(func() flow { return r.outputFlow(in.job, i, output) }, "step", in.job.id, id, output)
		}
	}
	return flow{}
}

func (r *reader) outputFlow(j *job, i int, output string) (out flow) {
	s := j.steps[i]
	if s.uses != nil {
		return actionOutput(s.uses, output)
	}
	at := &scope{job: j, step: i, own: true}
	script := r.scriptOf(j, i)
	found, followed := false, false
	for _, w := range script.writes {
		if w.file != "GITHUB_OUTPUT" {
			continue
		}
		followed = true
		if output == "" || output == "*" || strings.EqualFold(w.variable, output) {
			out, found = out.join(r.writeFlow(w, at)), true
		}
	}
	if found {
		return out
	}
	if !followed || r.scriptFlow(j, i) != (flow{}) {
		return flow{unknown: "what step " + s.id + " runs gives it"}
	}
	return flow{}
}

// makers are owners whose actions give outputs that outsiders do not choose.
var makers = []string{"actions", "docker", "github", "google-github-actions", "aws-actions", "azure", "hashicorp", "sigstore"}

// actionOutput returns the flow of an action's output: a list of changed files or
// a branch name is chosen by who opened the pull request.
func actionOutput(uses *resource.Value, output string) flow {
	action := uses.Get("name").Text()
	chosen := false
	switch action {
	case "tj-actions/changed-files", "jitterbit/get-changed-files", "trilom/file-changes-action", "lots0logs/gh-action-get-changed-files":
		chosen = !strings.HasPrefix(output, "any_") && !strings.HasPrefix(output, "only_") && !strings.HasSuffix(output, "_count")
	case "dorny/paths-filter":
		chosen = strings.HasSuffix(output, "_files")
	case "tj-actions/branch-names":
		chosen = !strings.HasPrefix(output, "is_") && output != "default_branch"
	case "xt0rted/pull-request-comment-branch", "alessbell/pull-request-comment-branch":
		if strings.HasPrefix(output, "head_") {
			out := flow{head: action + " " + output, mutable: output != "head_sha"}
			if output == "head_ref" {
				out.taint = action + " " + output
			}
			return out
		}
		return flow{}
	case "peter-evans/find-comment", "khan/pull-request-comment-trigger":
		chosen = strings.Contains(output, "body")
	default:
		if contains(makers, strings.ToLower(uses.Get("owner").Text())) && action != "actions/github-script" {
			return flow{}
		}
		return flow{unknown: "what " + uses.Get("text").Text() + " gives is not known"}
	}
	if chosen {
		return flow{taint: action + " " + output}
	}
	return flow{}
}
