package safeguard

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// check is something that runs on an author's machine.
type check struct {
	name    string // of the hook or target
	what    string // that runs
	tool    bool   // it is a program that checks
	ignored string
	limits  string // what narrows it
	at      *resource.Value
}

// hookFiles are the files that say what runs on the machines of authors.
var hookFiles = []struct {
	is   func(name string) bool
	read func(*source.File) []check
}{
	{func(name string) bool {
		base := path.Base(name)
		return base == ".pre-commit-config.yaml" || base == ".pre-commit-config.yml"
	}, preCommit},
	{func(name string) bool { return strings.Contains(path.Base(name), "lefthook") && isYAML(name) }, lefthook},
	{isHookScript, hookScript},
	{func(name string) bool {
		base := path.Base(name)
		return base == "Makefile" || base == "makefile" || base == "GNUmakefile" || strings.HasSuffix(base, ".mk")
	}, makefile},
	{func(name string) bool { return path.Base(name) == "package.json" }, packageScripts},
	{func(name string) bool {
		base := strings.ToLower(path.Base(name))
		return base == "taskfile.yml" || base == "taskfile.yaml"
	}, taskfile},
}

// hookNames are those of Git.
var hookNames = []string{
	"pre-commit", "pre-push", "commit-msg", "prepare-commit-msg", "pre-merge-commit", "pre-rebase", "pre-receive", "update", "post-merge", "post-checkout", "post-commit",
}

func isHookScript(name string) bool {
	dir, base := path.Base(path.Dir(name)), path.Base(name)
	return dir == ".husky" || slices.Contains(hookNames, base) && (strings.Contains(dir, "hooks") || dir == "git")
}

// isShell reports whether a file is a script by which people and pipelines may check.
func isShell(name string) bool {
	ext := path.Ext(name)
	return ext == ".sh" || ext == ".bash"
}

// hooks compares what runs before a commit or a push, and by name.
func hooks(c *comparison) error {
	for _, p := range c.pairs {
		if !isShell(p.path) || isHookScript(p.path) {
			continue
		}
		// It stays a file as any other for policies, too.
		if old := hookScript(p.old); len(old) > 0 {
			if err := c.hook(p, old, hookScript(p.new)); err != nil {
				return err
			}
		}
	}
	for _, format := range hookFiles {
		for _, p := range c.files(format.is) {
			old := format.read(p.old)
			if len(old) == 0 && !isHookScript(p.path) {
				c.kept(Hook, p)
				continue
			}
			c.kept(Hook, p)
			if err := c.hook(p, old, format.read(p.new)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *comparison) hook(p pair, old, now []check) error {
	say := func(loss string, k check, now *check, format string, args ...any) {
		change := Change{Kind: Hook, Path: p.path, Name: strings.TrimSpace(k.name + " " + k.what), Loss: loss, Text: fmt.Sprintf(format, args...),
			Old: k.value(), At: in(p.shown(), nil)}
		if now != nil {
			change.New, change.At = now.value(), in(p.new, now.at)
		}
		c.add(change)
	}
	if p.old != nil && p.new == nil && len(old) == 0 {
		say("removed", check{}, nil, "hook %s is gone", p.path)
	}
	taken := map[int]bool{}
	for _, k := range old {
		i := slices.IndexFunc(now, func(n check) bool { return n.name == k.name && n.what == k.what })
		if i < 0 && k.tool {
			for j, n := range now {
				if !taken[j] && n.name == k.name && n.tool && firstWord(n.what) == firstWord(k.what) {
					i = j
					break
				}
			}
		}
		switch {
		case i < 0 && k.ignored == "":
			say("removed", k, nil, "`%s` does not run for `%s` any more", k.what, k.name)
		case i < 0:
		default:
			taken[i] = true
			n := now[i]
			switch {
			case n.ignored != "" && k.ignored == "":
				say("ignored", k, &n, "a failure of `%s` for `%s` does not count: %s", n.what, n.name, n.ignored)
			case n.limits != k.limits && n.limits != "":
				say("narrowed", k, &n, "`%s` for `%s` checks less: %s", n.what, n.name, n.limits)
			case k.tool && n.what != k.what:
				if text := narrowedWords(strings.Fields(k.what), strings.Fields(n.what)); text != "" {
					say("narrowed", k, &n, "`%s` for `%s` checks less: %s", n.what, n.name, text)
				}
			}
		}
	}
	if isHookScript(p.path) && p.old != nil && p.new != nil {
		before, err := c.before.Stat(p.path)
		if err != nil {
			return err
		}
		after, err := c.after.Stat(p.path)
		if err != nil {
			return err
		}
		if before.Mode == source.ModeExecutable && after.Mode != source.ModeExecutable {
			say("ignored", check{name: path.Base(p.path)}, nil, "hook %s cannot be executed any more", p.path)
		}
	}
	return nil
}

func firstWord(s string) string {
	word, _, _ := strings.Cut(s, " ")
	return word
}

func (k check) value() *resource.Value {
	span := source.Span{}
	if k.at != nil {
		span = k.at.Span
	}
	return resource.NewMap(span).Put("name", resource.NewText(k.name, span)).Put("what", resource.NewText(k.what, span)).
		Put("checks", resource.NewBool(k.tool, span))
}

// isTool reports whether a word names a program that checks.
func isTool(text string) bool {
	lower := strings.ToLower(text)
	for name := range tools {
		if strings.Contains(lower, name) {
			return true
		}
	}
	return slices.ContainsFunc([]string{"detect-secrets", "detect-private-key", "detect-aws-credentials", "terraform_tfsec", "terraform_checkov", "bandit", "gosec"},
		func(s string) bool { return strings.Contains(lower, s) })
}

// preCommit reads the hooks of the program of that name.
func preCommit(file *source.File) (all []check) {
	doc := root(file)
	exclude := scalar(doc.Get("exclude"))
	for _, repo := range items(doc.Get("repos")) {
		for _, h := range items(repo.Get("hooks")) {
			k := check{name: "pre-commit", what: scalar(h.Get("id")), at: h}
			k.tool = isTool(k.what + " " + scalar(repo.Get("repo")) + " " + scalar(h.Get("entry")))
			var limits []string
			if exclude != "" && exclude != "^$" {
				limits = append(limits, "exclude: "+exclude)
			}
			for _, key := range []string{"exclude", "files", "types", "types_or", "stages", "args", "entry"} {
				if v := h.Get(key); v != nil && encoded(v) != `""` {
					limits = append(limits, key+": "+encoded(v))
				}
			}
			k.limits = strings.Join(limits, ", ")
			if slices.Equal(texts(h.Get("stages")), []string{"manual"}) {
				k.ignored = "it runs only when it is asked for"
			}
			if entry := scalar(h.Get("entry")); entry == "true" || strings.Contains(entry, "|| true") {
				k.ignored = "its command is `" + entry + "`"
			}
			all = append(all, k)
		}
	}
	return all
}

// lefthook reads the commands and jobs of each hook.
func lefthook(file *source.File) (all []check) {
	for _, hook := range fields(root(file)) {
		var runs []*resource.Value
		for _, key := range []string{"commands", "scripts"} {
			for _, command := range fields(hook.Value.Get(key)) {
				runs = append(runs, command.Value)
			}
		}
		runs = append(runs, items(hook.Value.Get("jobs"))...)
		for _, one := range runs {
			text := scalar(one.Get("run"))
			off := ""
			for _, v := range []*resource.Value{hook.Value.Get("skip"), one.Get("skip")} {
				if isTrue(v) {
					off = "it is skipped"
				}
			}
			found := scripted(hook.Key, text, one)
			if len(found) == 0 {
				found = []check{{name: hook.Key, what: text, at: one}}
			}
			for _, k := range found {
				if off != "" {
					k.ignored = off
				}
				if glob := one.Get("glob"); glob != nil {
					k.limits = "glob: " + encoded(glob)
				}
				if exclude := one.Get("exclude"); exclude != nil {
					k.limits = strings.TrimPrefix(k.limits+", exclude: "+encoded(exclude), ", ")
				}
				all = append(all, k)
			}
		}
	}
	return all
}

// scripted returns the checks that a script runs.
func scripted(name, script string, at *resource.Value) (all []check) {
	for _, c := range calls(script, false, false) {
		k := check{name: name, what: strings.Join(c.words, " "), tool: true, ignored: c.ignored, at: at}
		if c.when != "" {
			k.limits = c.when
		}
		all = append(all, k)
	}
	return all
}

func hookScript(file *source.File) []check {
	if file == nil {
		return nil
	}
	return scripted(path.Base(file.Path), string(file.Content), nil)
}

// makefile reads the recipes of targets: each line is a script of its own.
func makefile(file *source.File) (all []check) {
	if file == nil {
		return nil
	}
	target, recipe := "", ""
	flush := func() {
		text := strings.TrimLeft(strings.TrimSpace(recipe), "@+ ")
		ignored := ""
		if rest, minus := strings.CutPrefix(text, "-"); minus {
			text, ignored = strings.TrimLeft(rest, "@+ "), "`-` before it ignores its failure"
		}
		for _, k := range scripted(target, strings.ReplaceAll(text, "$$", "$"), nil) {
			if ignored != "" {
				k.ignored = ignored
			}
			all = append(all, k)
		}
		recipe = ""
	}
	for line := range strings.Lines(string(file.Content)) {
		text := strings.TrimRight(line, "\r\n")
		isRecipe := strings.HasPrefix(text, "\t")
		if isRecipe || strings.HasSuffix(recipe, "\\") {
			recipe = strings.TrimSuffix(recipe, "\\") + text
			if !strings.HasSuffix(recipe, "\\") {
				flush()
			}
			continue
		}
		if name, _, ok := strings.Cut(text, ":"); ok && !strings.HasPrefix(text, "#") && !strings.Contains(name, "=") {
			target = strings.TrimSpace(name)
			if target == ".IGNORE" {
				all = append(all, check{name: target, ignored: "all failures are ignored"})
			}
		}
	}
	flush()
	if slices.ContainsFunc(all, func(k check) bool { return k.name == ".IGNORE" }) {
		all = slices.DeleteFunc(all, func(k check) bool { return k.name == ".IGNORE" })
		for i := range all {
			all[i].ignored = "`.IGNORE` is set"
		}
	}
	return all
}

func packageScripts(file *source.File) (all []check) {
	for _, s := range fields(root(file).Get("scripts")) {
		all = append(all, scripted(s.Key, scalar(s.Value), s.Value)...)
		if s.Key == "prepare" || s.Key == "postinstall" {
			if strings.Contains(scalar(s.Value), "husky") || strings.Contains(scalar(s.Value), "lefthook") {
				all = append(all, check{name: s.Key, what: "installing hooks", at: s.Value})
			}
		}
	}
	return all
}

func taskfile(file *source.File) (all []check) {
	for _, t := range fields(root(file).Get("tasks")) {
		for _, cmd := range append(items(t.Value.Get("cmds")), items(t.Value)...) {
			found := scripted(t.Key, scalar(cmd)+scalar(cmd.Get("cmd")), cmd)
			for i := range found {
				if isTrue(cmd.Get("ignore_error")) || isTrue(t.Value.Get("ignore_error")) {
					found[i].ignored = "`ignore_error` is set"
				}
			}
			all = append(all, found...)
		}
	}
	return all
}
