package azure

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// pipeline returns the tree of the resource.
func (r *reader) pipeline(base string) *resource.Value {
	raw := r.flat(r.root)
	from := in{file: r.files.Paths()[0]}
	out := resource.NewMap(raw.Span)
	at := source.Span{Start: raw.Span.Start, End: raw.Span.Start}
	if len(raw.Fields) > 0 {
		at = raw.Fields[0].KeySpan
	}
	template := !isPipeline(strings.ToLower(base)) && !hasAny(raw, []string{"trigger", "pr", "schedules", "resources", "extends", "pool"})
	out.Put("template", resource.NewBool(template, at))
	pr := raw.Get("pr")
	requests := pr != nil && pr.Kind != resource.Null && pr.Str != "none"
	if pr != nil {
		out.Put("requests", resource.NewBool(requests, pr.Span))
	} else {
		out.Put("requests", resource.NewBool(false, at))
	}
	r.variables = r.settings(raw.Get("variables"), from)
	r.free = freeParameters(raw.Get("parameters"), template)
	for _, f := range raw.Fields {
		switch f.Key {
		case "variables":
			put(out, f, r.variables)
		case "resources":
			put(out, f, r.resources(f.Value))
		case "trigger", "pr", "schedules", "parameters", "lockBehavior", "extends", "name":
			put(out, f, f.Value)
		}
	}
	jobs := resource.NewMap(raw.Span)
	r.stages(raw, from, jobs)
	if extends := raw.Get("extends"); isMap(extends) {
		if name := extends.Get("template"); name.Text() != "" {
			found, to := r.template(name, "stages", from)
			if found != nil {
				r.stages(resource.NewMap(found.Span).Put("stages", found), to, jobs)
			}
		}
		if given := r.flat(extends.Get("parameters")); isMap(given) {
			r.stages(given, from, jobs)
		}
	}
	if len(r.templates) > 0 {
		out.Put("templates", resource.NewList(source.Span{}, r.templates...))
		out.Fields[len(out.Fields)-1].Value.Span = raw.Span
	}
	return out.Put("jobs", jobs)
}

// freeParameters are the parameters of a run in which all text is allowed. Those
// of a template are chosen by the pipelines that use it.
func freeParameters(v *resource.Value, template bool) map[string]bool {
	free := map[string]bool{}
	if template || v == nil || v.Kind != resource.List {
		return free
	}
	for _, p := range v.Items {
		if kind := p.Get("type").Text(); (kind == "" || kind == "string" || kind == "object") && p.Get("values") == nil {
			free[p.Get("name").Text()] = true
		}
	}
	return free
}

// stages adds the jobs of stages, those beside them and those of bare steps.
func (r *reader) stages(of *resource.Value, from in, jobs *resource.Value) {
	r.each(of.Get("stages"), "stages", from, func(stage *resource.Value, from in) {
		r.each(stage.Get("jobs"), "jobs", from, func(job *resource.Value, from in) {
			r.job(job, stage, of, from, jobs)
		})
	})
	r.each(of.Get("jobs"), "jobs", from, func(job *resource.Value, from in) {
		r.job(job, nil, of, from, jobs)
	})
	if steps := of.Get("steps"); steps != nil && steps.Kind == resource.List {
		r.job(of, nil, of, from, jobs)
	}
}

// job adds the normal form of a job.
func (r *reader) job(job, stage, of *resource.Value, from in, jobs *resource.Value) {
	if !isMap(job) {
		return
	}
	name, deployment := job.Get("job"), false
	if d := job.Get("deployment"); d != nil {
		name, deployment = d, true
	}
	at := job.Span
	key := "Job"
	if name != nil {
		at = name.Span
		if name.Str != "" {
			key = name.Str
		}
	} else if steps := job.Get("steps"); steps != nil {
		at = steps.Span
	}
	if s := stage.Get("stage"); s.Text() != "" {
		key = s.Str + "/" + key
	}
	for n, base := 2, key; jobs.Get(key) != nil; n++ {
		if n > 1000 {
			return
		}
		key = base + strconv.Itoa(n)
	}
	out := resource.NewMap(job.Span)
	if s := stage.Get("stage"); s.Text() != "" {
		out.Put("stage", s)
	}
	out.Put("deployment", resource.NewBool(deployment, at))
	own := resource.NewList(at)
	if job != of { // those of the pipeline are its own
		own = r.settings(job.Get("variables"), from)
	}
	if v := stage.Get("variables"); v != nil {
		own.Items = append(own.Items, r.settings(v, from).Items...)
	}
	out.Put("variables", own)
	pool := job.Get("pool")
	for _, outer := range []*resource.Value{stage, of} {
		if pool == nil {
			pool = outer.Get("pool")
		}
	}
	out.Put("pool", r.pool(pool))
	out.Put("container", r.container(job.Get("container")))
	services := resource.NewList(at)
	for _, f := range r.fields(job.Get("services")) {
		services.Items = append(services.Items, r.container(f.Value))
	}
	out.Put("services", services)
	for _, f := range r.fields(job) {
		switch f.Key {
		case "environment":
			if f.Value.Kind == resource.String {
				f.Value = resource.NewMap(f.Value.Span).Put("name", f.Value)
			}
			put(out, f, f.Value)
		case "condition", "continueOnError", "timeoutInMinutes", "cancelTimeoutInMinutes", "workspace", "uses", "dependsOn", "displayName":
			put(out, f, f.Value)
		}
	}
	steps := resource.NewList(at)
	add := func(step *resource.Value, from in) {
		if isMap(step) {
			steps.Items = append(steps.Items, r.step(step, own, out.Get("pool"), from))
		}
	}
	r.each(job.Get("steps"), "steps", from, add)
	for _, strategy := range r.fields(job.Get("strategy")) {
		for _, phase := range r.fields(strategy.Value) {
			r.each(phase.Value.Get("steps"), "steps", from, add)
			for _, result := range r.fields(phase.Value) { // of `on`
				r.each(result.Value.Get("steps"), "steps", from, add)
			}
		}
	}
	out.Put("steps", steps)
	out.Put("deploys", deploys(steps, at))
	jobs.Fields = append(jobs.Fields, resource.Field{Key: key, KeySpan: at, Value: out})
}

// pool says where a job runs.
func (r *reader) pool(v *resource.Value) *resource.Value {
	if v == nil || v.Kind == resource.Null {
		return nil
	}
	if v.Kind == resource.String {
		v = resource.NewMap(v.Span).Put("name", v)
	}
	v = r.flat(v)
	if !isMap(v) {
		return nil
	}
	out := *v
	out.Fields = append([]resource.Field{}, v.Fields...)
	name := v.Get("name")
	switch {
	case name == nil || name.Str == "Azure Pipelines" || v.Get("vmImage") != nil:
		out.Put("selfHosted", resource.NewBool(false, v.Span))
	case strings.Contains(name.Str, "$"):
		out.Put("selfHosted", resource.NewUnknown("the pool depends on a variable or a parameter", name.Span))
	default:
		out.Put("selfHosted", resource.NewBool(true, name.Span))
	}
	return &out
}

// deploying are commands and tasks that change something outside.
var deploying = sync.OnceValue(func() (p struct{ command, task *regexp.Regexp }) {
	p.command = regexp.MustCompile(`^(?:kubectl|oc) .*\b(?:apply|create|replace|patch|delete|rollout|set|scale)\b` +
		`|^helm .*\b(?:upgrade|install|rollback)\b|^(?:terraform|tofu|terragrunt) .*\b(?:apply|destroy)\b|^pulumi .*\bup\b` +
		`|^az (?:deployment|webapp|functionapp|containerapp|aks) .*\b(?:create|deploy|up|update|config-zip)\b|^ansible-playbook `)
	p.task = regexp.MustCompile(`^(?:AzureWebApp|AzureFunctionApp|AzureRmWebAppDeployment|AzureRmWebAppDeploy|KubernetesManifest|HelmDeploy|AzureResourceManagerTemplateDeployment|AzureContainerApps|AzureKeyVaultDeploy|SqlAzureDacpacDeployment|AzureStaticWebApp|IISWebAppDeploymentOnMachineGroup)@`)
	return p
})

// deploys says whether a step changes something outside, and which.
func deploys(steps *resource.Value, at source.Span) *resource.Value {
	for _, s := range steps.Items {
		if text := s.Get("task").Get("text"); text != nil && deploying().task.MatchString(text.Str) {
			return resource.NewBool(true, text.Span)
		}
		for _, c := range entries(s.Get("script").Get("commands")) {
			line := c.Get("name").Text()
			for _, word := range entries(c.Get("args")) {
				line += " " + word.Str
			}
			if deploying().command.MatchString(line) && !strings.Contains(line, "--dry-run") {
				return resource.NewBool(true, c.Span)
			}
		}
	}
	return resource.NewBool(false, at)
}
