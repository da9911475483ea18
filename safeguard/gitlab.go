package safeguard

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func isPipeline(name string) bool {
	return isYAML(name) && (strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(name, ".yml"), ".yaml"), ".gitlab-ci") ||
		strings.HasPrefix(name, ".gitlab/ci/") || strings.HasPrefix(name, ".gitlab-ci/") || strings.HasPrefix(name, "templates/"))
}

// notJobs are the keys of a pipeline that are no jobs.
var notJobs = []string{"image", "services", "stages", "types", "before_script", "after_script", "variables", "cache", "include", "default", "workflow", "spec", "pages:deploy"}

// pipelineGates returns the gates of a file of GitLab CI.
func pipelineGates(file *source.File) (all []*gate) {
	docs := documents(file)
	if len(docs) == 0 {
		return nil
	}
	p := &pipeline{file: file, doc: docs[len(docs)-1].Root} // a component begins with its inputs
	workflow := &gate{}
	workflow.rules(at(p.doc, "workflow", "rules"))
	for _, include := range includes(p.doc.Get("include")) {
		name := cmp.Or(scalar(include.Get("component")), scalar(include.Get("template")), scalar(include.Get("project")), scalar(include.Get("remote")))
		if !checks(name) {
			continue
		}
		g := p.base(workflow, "include", include)
		g.at = include
		g.take(name)
		g.version = cmp.Or(g.version, scalar(include.Get("ref")))
		g.tool = cmp.Or(g.tool, "include")
		g.inputs = settingsOf(include.Get("inputs"))
		all = append(all, g)
	}
	for _, job := range fields(p.doc) {
		if slices.Contains(notJobs, job.Key) || job.Value.Kind != resource.Map {
			continue
		}
		all = append(all, p.job(workflow, job)...)
	}
	return all
}

type pipeline struct {
	file *source.File
	doc  *resource.Value
}

// includes returns the entries of include, as maps.
func includes(v *resource.Value) []*resource.Value {
	if v != nil && v.Kind == resource.Map {
		return []*resource.Value{v}
	}
	return items(v)
}

// checks reports whether what is included is named after a check.
func checks(name string) bool {
	lower := strings.ToLower(name)
	if strings.HasPrefix(name, "Security/") || strings.HasPrefix(name, "Jobs/") {
		return strings.Contains(lower, "sast") || strings.Contains(lower, "secret-detection") || strings.Contains(lower, "scanning")
	}
	return slices.ContainsFunc(actions, func(a string) bool { return strings.Contains(lower, a) })
}

func (p *pipeline) base(workflow *gate, name string, job *resource.Value) *gate {
	g := &gate{
		file: p.file, job: name, check: name,
		conditions: slices.Clone(workflow.conditions), never: workflow.never,
		dependents: p.dependents(name),
	}
	g.rules(p.lookup(job, "rules", 0))
	for _, key := range []string{"only", "except"} {
		if v := p.lookup(job, key, 0); v != nil {
			g.conditions = append(g.conditions, key+": "+encoded(v))
		}
	}
	switch scalar(p.lookup(job, "when", 0)) {
	case "never":
		g.never = true
	case "manual":
		g.conditions = append(g.conditions, "when: manual")
	case "on_failure":
		g.conditions = append(g.conditions, "when: on_failure")
	case "delayed":
		g.conditions = append(g.conditions, "when: delayed")
	}
	g.tolerate(p.lookup(job, "allow_failure", 0), "the job has `allow_failure`")
	if list := at(p.lookup(job, "parallel", 0), "matrix"); list != nil && list.Kind == resource.List && len(list.Items) == 0 {
		g.never = true
	}
	for _, need := range items(p.lookup(job, "needs", 0)) {
		g.needs = append(g.needs, cmp.Or(scalar(need), scalar(need.Get("job"))))
	}
	return g
}

// rules notes conditions of a list of rules. That a rule has one is no loss if one
// without stands in the list too, and nothing before it says never.
func (g *gate) rules(rules *resource.Value) {
	if rules == nil {
		return
	}
	all := items(rules)
	open, runs := false, false
	var conditions []string
	for _, rule := range all {
		when := scalar(rule.Get("when"))
		bare := rule.Get("if") == nil && rule.Get("changes") == nil && rule.Get("exists") == nil
		if when != "never" {
			runs = true
			g.tolerate(rule.Get("allow_failure"), "a rule has `allow_failure`")
		}
		switch {
		case bare && when == "never":
		case bare && when != "manual":
			open = true
		default:
			conditions = append(conditions, strings.TrimSpace(strings.Join(texts(rule.Get("if")), " ")+" "+encoded(rule.Get("changes"))+encoded(rule.Get("exists"))+" "+when))
		}
		if bare {
			break
		}
	}
	if !runs {
		g.never = true
		return
	}
	// With a rule for all others, only what those before it exclude is lost.
	for _, c := range conditions {
		if !open || strings.HasSuffix(c, " never") || strings.HasSuffix(c, " manual") {
			g.conditions = append(g.conditions, c)
		}
	}
}

const maxExtends = 10

// lookup returns a key of a job, of what it extends, or of the defaults.
func (p *pipeline) lookup(job *resource.Value, key string, depth int) *resource.Value {
	if v := job.Get(key); v != nil {
		return v
	}
	if depth < maxExtends {
		parents := texts(job.Get("extends"))
		slices.Reverse(parents)
		for _, name := range parents {
			if parent := p.doc.Get(name); parent != nil {
				if v := p.lookup(parent, key, depth+1); v != nil {
					return v
				}
			}
		}
	}
	if depth == 0 {
		if v := at(p.doc, "default", key); v != nil || !slices.Contains([]string{"image", "before_script"}, key) {
			return v
		}
		return p.doc.Get(key) // as it was written before there was default
	}
	return nil
}

func (p *pipeline) dependents(name string) (all []string) {
	for _, job := range fields(p.doc) {
		for _, need := range items(job.Value.Get("needs")) {
			if cmp.Or(scalar(need), scalar(need.Get("job"))) == name && !isTrue(need.Get("optional")) {
				all = append(all, job.Key)
			}
		}
	}
	slices.Sort(all)
	return all
}

// job returns the gates of a job.
func (p *pipeline) job(workflow *gate, f resource.Field) (all []*gate) {
	base := p.base(workflow, f.Key, f.Value)
	if strings.HasPrefix(f.Key, ".") && len(texts(f.Value.Get("script"))) == 0 {
		return nil
	}
	lines := texts(p.lookup(f.Value, "before_script", 0))
	script := p.lookup(f.Value, "script", 0)
	if script == nil {
		script = p.lookup(f.Value, "run", 0)
	}
	lines = append(lines, texts(script)...)
	text := strings.Join(lines, "\n")
	for _, c := range calls(text, true, true) {
		g := *base
		g.at, g.tool, g.words, g.ignored = script, c.tool, c.words, cmp.Or(base.ignored, c.ignored)
		if g.at == nil {
			g.at = f.Value
		}
		g.conditions = slices.Clone(base.conditions)
		if c.when != "" {
			g.conditions = append(g.conditions, c.when)
		}
		g.inputs = surrounding(c.tool, p.doc.Get("variables"))
		maps.Copy(g.inputs, settingsOf(p.lookup(f.Value, "variables", 0)))
		g.rest = strings.Join(strings.Fields(text), " ") + scalar(p.lookup(f.Value, "image", 0)) + encoded(at(p.lookup(f.Value, "image", 0), "name")) +
			encoded(at(p.lookup(f.Value, "image", 0), "entrypoint")) + strings.Join(texts(p.lookup(f.Value, "tags", 0)), " ") + encoded(p.lookup(f.Value, "hooks", 0))
		all = append(all, &g)
	}
	return all
}
