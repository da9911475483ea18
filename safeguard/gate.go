package safeguard

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// gate is a step of a pipeline that checks.
type gate struct {
	file      *source.File
	job, step string
	check     string // the name by which a forge requires the check
	tool      string
	at        *resource.Value

	words   []string // of the command, from the tool on
	uses    string   // the action, image or component; without its version
	version string
	inputs  map[string]string // of an action, and the environment
	rest    string            // all else that decides what the step does
	before  preparation

	ignored    string // why its failure does not count
	conditions []string
	never      bool
	needs      []string
	dependents []string          // jobs that wait for it
	events     map[string]filter // what starts it; nil if that is not known
}

// filter limits an event. An empty list of what counts is all.
type filter struct {
	only, not map[string][]string // by what: branches, paths, tags, types
}

// gates compares the pipelines. A gate that moves from one file to another is the
// same gate, if both files are of the same forge.
func gates(c *comparison) error {
	included, err := c.includes()
	if err != nil {
		return err
	}
	for _, forge := range []struct {
		name  string
		files func(string) bool
		read  func(*source.File) []*gate
	}{
		{"GitHub Actions", isWorkflow, workflowGates},
		{"Gitea Actions", isWorkflowOf(".gitea/workflows"), workflowGates}, {"Forgejo Actions", isWorkflowOf(".forgejo/workflows"), workflowGates},
		{"GitLab CI", func(name string) bool { return isPipeline(name) || slices.Contains(included, name) }, pipelineGates},
		{"another pipeline", isOtherPipeline, scriptGates},
	} {
		pairs := c.files(forge.files)
		var old, now []*gate
		for _, p := range pairs {
			old = append(old, forge.read(p.old)...)
			now = append(now, forge.read(p.new)...)
		}
		match := matched(old, now)
		for _, g := range old {
			c.gate(g, match[g])
		}
		for _, p := range pairs {
			c.kept(Gate, p)
		}
	}
	return nil
}

// matched pairs gates, those first that are alike in most.
func matched(old, now []*gate) map[*gate]*gate {
	pairs, taken := map[*gate]*gate{}, map[*gate]bool{}
	for _, like := range []func(a, b *gate) bool{
		func(a, b *gate) bool { return a.file.Path == b.file.Path && a.job == b.job && a.step == b.step },
		func(a, b *gate) bool { return a.file.Path == b.file.Path && a.job == b.job },
		func(a, b *gate) bool { return a.check == b.check },
		func(a, b *gate) bool { return a.file.Path == b.file.Path },
		func(a, b *gate) bool { return true },
	} {
		for _, a := range old {
			for _, b := range now {
				if pairs[a] == nil && !taken[b] && a.tool == b.tool && like(a, b) {
					pairs[a], taken[b] = b, true
				}
			}
		}
	}
	return pairs
}

// gate tells what became of a gate.
func (c *comparison) gate(old, now *gate) {
	say := func(loss, format string, args ...any) {
		change := Change{
			Kind: Gate, Path: old.file.Path, Name: old.job, Loss: loss, Text: fmt.Sprintf(format, args...),
			Old: old.value(), At: in(old.file, old.at),
		}
		if now != nil {
			change.Path, change.New, change.At = now.file.Path, now.value(), in(now.file, now.at)
		} else if p := c.pair(old.file.Path); p.new != nil {
			change.At = in(p.new, nil)
		}
		c.add(change)
	}
	if now == nil {
		if old.never || old.ignored != "" {
			return // it kept nobody from anything
		}
		say("removed", "job `%s` does not run `%s` any more", old.job, old.label())
		return
	}
	before := len(c.found)
	switch {
	case now.never && !old.never:
		say("never", "`%s` in job `%s` never runs", now.label(), now.job)
	case len(missing(now.conditions, old.conditions)) > 0:
		say("conditional", "`%s` in job `%s` runs only under a condition: %s", now.label(), now.job, quote(missing(now.conditions, old.conditions)))
	}
	if now.ignored != "" && old.ignored == "" {
		say("ignored", "a failure of `%s` in job `%s` does not count: %s", now.label(), now.job, now.ignored)
	}
	if text := narrowedEvents(old.events, now.events); text != "" {
		say("trigger", "job `%s` with `%s` is started less often: %s", now.job, now.label(), text)
	}
	if old.check != now.check {
		say("renamed", "the check `%s` is now named `%s`; where the old name is required, nothing runs under it", old.check, now.check)
	}
	if old.uses != now.uses && old.uses != "" {
		say("replaced", "`%s` takes the place of `%s`", now.label(), old.uses)
	} else if pinned(old.version) && !pinned(now.version) {
		say("unpinned", "`%s` is not pinned to a commit or digest any more", now.label())
	}
	if lost := missing(old.dependents, now.dependents); len(lost) > 0 {
		say("bypassed", "what was waiting for job `%s` does not any more: %s", old.job, quote(lost))
	}
	if more := missing(now.needs, old.needs); len(more) > 0 {
		say("waits", "job `%s` now waits for %s, and is skipped when that is", now.job, quote(more))
	}
	if text := narrowedWords(old.words, now.words); text != "" {
		say("narrowed", "`%s` in job `%s` checks less: %s", old.label(), now.job, text)
	}
	if text := changedInputs(old.inputs, now.inputs); text != "" {
		loss := "inputs"
		if misled(old.inputs, now.inputs) {
			loss = "narrowed"
		}
		say(loss, "`%s` in job `%s` is told something else: %s", now.label(), now.job, text)
	}
	if more := missing(now.before.done, old.before.done); len(more) > 0 {
		say("changed", "before `%s` in job `%s` there is now: %s", now.label(), now.job, quote(more))
	}
	for _, action := range old.before.pinned {
		if slices.Contains(now.before.loose, action) && !slices.Contains(old.before.loose, action) {
			say("unpinned", "`%s`, which runs before `%s`, is not pinned to a commit any more", action, now.label())
		}
	}
	if len(c.found) == before && old.rest != now.rest {
		say("changed", "the step with `%s` in job `%s` does something else besides", now.label(), now.job)
	}
}

func (c *comparison) pair(name string) pair {
	for _, p := range c.pairs {
		if p.path == name {
			return p
		}
	}
	return pair{}
}

// label is what people know a gate by.
func (g *gate) label() string {
	if g.uses != "" {
		return strings.TrimSuffix(g.uses+"@"+g.version, "@")
	}
	return strings.Join(g.words[:min(2, len(g.words))], " ")
}

// value is what policies see of a gate.
func (g *gate) value() *resource.Value {
	span := source.Span{}
	if g.at != nil {
		span = g.at.Span
	}
	text := func(s string) *resource.Value { return resource.NewText(s, span) }
	list := func(all []string) *resource.Value {
		out := resource.NewList(span)
		for _, s := range all {
			out.Items = append(out.Items, text(s))
		}
		return out
	}
	return resource.NewMap(span).Put("job", text(g.job)).Put("check", text(g.check)).Put("tool", text(g.tool)).
		Put("uses", text(g.uses)).Put("version", text(g.version)).Put("words", list(g.words)).
		Put("conditions", list(g.conditions)).Put("needs", list(g.needs)).
		Put("events", list(slices.Sorted(maps.Keys(g.events))))
}

var commitOrDigest = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}|sha256:[0-9a-f]{64})$`)
})

func pinned(version string) bool { return commitOrDigest().MatchString(version) }

// narrowedEvents says what starts a gate no more.
func narrowedEvents(old, now map[string]filter) string {
	if old == nil {
		return ""
	}
	for _, event := range slices.Sorted(maps.Keys(old)) {
		filters, still := now[event]
		if !still {
			return fmt.Sprintf("not on `%s`", event)
		}
		if text := filters.narrower(old[event]); text != "" {
			return fmt.Sprintf("on `%s` %s", event, text)
		}
	}
	return ""
}

// narrower says what a filter lets through no more.
func (f filter) narrower(than filter) string {
	for _, what := range slices.Sorted(maps.Keys(f.only)) {
		before, had := than.only[what]
		if !had {
			return fmt.Sprintf("only with the %s %s", what, quote(f.only[what]))
		}
		if lost := missing(before, f.only[what]); len(lost) > 0 && !slices.Contains(f.only[what], "**") {
			return fmt.Sprintf("not with the %s %s", what, quote(lost))
		}
		// Later patterns that begin with ! take away from those before.
		if more := missing(f.only[what], before); slices.ContainsFunc(more, func(s string) bool { return strings.HasPrefix(s, "!") }) {
			return fmt.Sprintf("only with the %s %s", what, quote(f.only[what]))
		}
	}
	for _, what := range slices.Sorted(maps.Keys(f.not)) {
		if more := missing(f.not[what], than.not[what]); len(more) > 0 {
			return fmt.Sprintf("not with the %s %s", what, quote(more))
		}
	}
	return ""
}

// weakening are options of checks after which less is found or counts.
var weakening = []string{
	"disable", "exclude", "skip", "ignore", "soft-fail", "exit-zero", "no-fail", "exit-code", "fail-on", "severity", "threshold", "min-severity",
	"audit", "warn", "dry-run", "allow", "quiet-exit", "waive", "baseline", "no-builtin", "only", "include", "check", "policy-exclude", "continue",
}

// valued are options whose value is a word of its own.
var valued = []string{"disable", "exclude", "skip", "fail-on", "severity", "threshold", "exit-code", "pack", "param", "format", "output", "config", "baseline", "base"}

// narrowedWords says what a command checks less than another.
func narrowedWords(old, now []string) string {
	if slices.Equal(old, now) || len(old) == 0 || len(now) == 0 {
		return ""
	}
	oldOptions, oldPaths := split(old[1:])
	options, paths := split(now[1:])
	for _, option := range missing(options, oldOptions) {
		name := strings.TrimLeft(option, "-")
		name, value, _ := strings.Cut(name, "=")
		for _, w := range weakening {
			if strings.Contains(name, w) && !raised(name, value, oldOptions) {
				return "`" + option + "` was added"
			}
		}
	}
	for _, option := range missing(oldOptions, options) {
		name := optionName(option)
		if slices.ContainsFunc(options, func(o string) bool { return optionName(o) == name }) {
			continue // it has another value, which was looked at
		}
		if slices.ContainsFunc([]string{"pack", "policy", "all", "strict", "fail", "exit-code", "history", "base", "secret", "verify", "require", "config"}, func(w string) bool { return strings.Contains(name, w) }) {
			return "`" + option + "` is gone"
		}
	}
	if lost := missing(oldPaths, paths); len(lost) > 0 && !slices.Contains(paths, ".") {
		return "not " + quote(lost) + " any more"
	}
	if len(oldPaths) > 0 && len(paths) > len(oldPaths) && slices.Equal(oldPaths, paths[:len(oldPaths)]) && len(oldPaths) == 1 && oldPaths[0] != "." {
		return "only " + quote(paths[1:])
	}
	return ""
}

func optionName(option string) string {
	name, _, _ := strings.Cut(strings.TrimLeft(option, "-"), "=")
	return name
}

var severities = []string{"info", "low", "medium", "high", "critical"}

// raised reports whether an option that sets a threshold was made stricter.
func raised(name, value string, old []string) bool {
	is := slices.Index(severities, strings.ToLower(value))
	if is < 0 {
		return false
	}
	for _, o := range old {
		if oldName, oldValue, _ := strings.Cut(strings.TrimLeft(o, "-"), "="); oldName == name {
			return is <= slices.Index(severities, strings.ToLower(oldValue))
		}
	}
	return false
}

// split parts options, with their values, from what a command is about.
func split(words []string) (options, rest []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") {
			rest = append(rest, w)
			continue
		}
		name := strings.TrimLeft(w, "-")
		if slices.Contains(valued, name) && i+1 < len(words) {
			i++
			w += "=" + words[i]
		}
		options = append(options, w)
	}
	return options, rest
}

// changedInputs says which settings of a gate differ.
func changedInputs(old, now map[string]string) string {
	var all []string
	for name := range old {
		if old[name] != now[name] {
			all = append(all, name)
		}
	}
	for name := range now {
		if _, had := old[name]; !had {
			all = append(all, name)
		}
	}
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	return quote(all)
}
