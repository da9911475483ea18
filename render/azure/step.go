package azure

import (
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/render/script"
	"github.com/holdfast-dev/holdfast/resource"
)

// kinds are the keys by which a step says what it is.
var kinds = []string{
	"script", "bash", "pwsh", "powershell", "task", "checkout", "download", "downloadBuild", "publish", "getPackage", "reviewApp",
}

// expressions are what is put into a text before it is used.
var expressions = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_.-]*\)|\$\{\{[^}]*(?:\}[^}]+)*\}\}`)
})

// holes are those that a shell would take for something else. A $(name) without a
// dot may be a command.
var holes = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$\([A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+\)|\$\{\{[^}]*(?:\}[^}]+)*\}\}`)
})

// inner finds the variables and parameters in a ${{ expression }}.
var inner = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(variables|parameters)(?:\.([A-Za-z_][A-Za-z0-9_.-]*)|\['([^']+)'\])`)
})

// chosen are the variables whose text is chosen by whoever pushes a commit or
// opens a pull request, in small letters.
var chosen = map[string]bool{
	"build.sourcebranch": true, "build.sourcebranchname": true, "build.sourceversionmessage": true,
	"build.sourceversionauthor": true, "build.requestedfor": true, "build.queuedby": true,
	"system.pullrequest.sourcebranch": true, "system.pullrequest.sourcebranchname": true,
	"system.pullrequest.sourcerepositoryuri": true,
}

// step returns the normal form of a step.
func (r *reader) step(raw, own, pool *resource.Value, _ in) *resource.Value {
	out := resource.NewMap(raw.Span)
	if name := raw.Get("displayName"); name.Text() != "" {
		out.Put("name", name)
	} else if name := raw.Get("name"); name.Text() != "" {
		out.Put("name", name)
	}
	kind := ""
	for _, k := range kinds {
		if raw.Get(k) != nil {
			kind = k
			out.Put("kind", resource.NewText(k, raw.Get(k).Span))
			break
		}
	}
	for _, f := range r.fields(raw) {
		switch f.Key {
		case "env", "inputs":
			put(out, f, r.texts(f.Value))
		case "task":
			put(out, f, task(f.Value))
		case "checkout":
			put(out, f, r.checkout(raw, f.Value))
		case "condition", "continueOnError", "enabled", "timeoutInMinutes", "target", "retryCountOnTaskFailure":
			put(out, f, f.Value)
		}
	}
	text, language := r.scriptOf(raw, kind, pool)
	if text == nil {
		return out
	}
	t := script.New(r.files.Content())
	t.Add(text)
	one := resource.NewMap(text.Span).Put("text", text).Put("language", resource.NewText(language, text.Span))
	one.Put("lines", t.Values(t.Lines()))
	if language == "bash" {
		one.Put("commands", t.Commands(holes()))
	} else {
		one.Put("commands", resource.NewList(text.Span))
	}
	out.Put("script", one)
	found := resource.NewList(text.Span)
	for _, at := range expressions().FindAllStringIndex(text.Str, 200) {
		found.Items = append(found.Items, r.found(t, text.Str, at[0], at[1], own)...)
	}
	return out.Put("expressions", found)
}

// texts makes the values of `env` and `inputs` texts.
func (r *reader) texts(v *resource.Value) *resource.Value {
	out := resource.NewMap(v.Span)
	for _, f := range r.fields(v) {
		if f.Value.Kind < resource.List && f.Value.Kind != resource.Null {
			put(out, f, resource.NewText(f.Value.Str, f.Value.Span))
		}
	}
	return out
}

// task reads Name@version.
func task(v *resource.Value) *resource.Value {
	name, version, ok := strings.Cut(v.Str, "@")
	out := resource.NewMap(v.Span).Put("text", resource.NewText(v.Str, v.Span)).Put("name", resource.NewText(name, v.Span))
	if ok {
		out.Put("version", resource.NewText(version, v.Span))
	}
	return out
}

func (r *reader) checkout(raw, v *resource.Value) *resource.Value {
	out := resource.NewMap(v.Span).Put("repository", resource.NewText(v.Str, v.Span))
	for _, f := range r.fields(raw) {
		switch f.Key {
		case "persistCredentials", "clean", "fetchDepth", "submodules", "lfs", "path", "fetchTags":
			put(out, f, f.Value)
		}
	}
	return out
}

// scriptOf returns the script of a step and its language: bash, powershell, cmd or
// "" for what is not known.
func (r *reader) scriptOf(raw *resource.Value, kind string, pool *resource.Value) (text *resource.Value, language string) {
	image := strings.ToLower(pool.Get("vmImage").Text())
	windows := strings.HasPrefix(image, "windows") || strings.HasPrefix(image, "vs20")
	shell := "bash"
	if windows {
		shell = "cmd"
	}
	inputs := r.flat(raw.Get("inputs"))
	input := func(names ...string) *resource.Value {
		if !isMap(inputs) {
			return nil
		}
		for _, f := range inputs.Fields {
			for _, name := range names {
				if strings.EqualFold(f.Key, name) && f.Value.Kind == resource.String {
					return f.Value
				}
			}
		}
		return nil
	}
	switch kind {
	case "script":
		text, language = raw.Get("script"), shell
	case "bash":
		text, language = raw.Get("bash"), "bash"
	case "pwsh", "powershell":
		text, language = raw.Get(kind), "powershell"
	case "task":
		name, _, _ := strings.Cut(strings.ToLower(raw.Get("task").Text()), "@")
		switch name {
		case "bash":
			text, language = input("script"), "bash"
		case "cmdline":
			text, language = input("script"), shell
		case "powershell":
			text, language = input("script"), "powershell"
		case "azurepowershell":
			text, language = input("inline"), "powershell"
		case "azurecli":
			text, language = input("inlineScript"), "powershell"
			if kind := input("scriptType"); kind != nil && kind.Str == "bash" {
				language = "bash"
			} else if kind != nil && kind.Str == "batch" {
				language = "cmd"
			}
		case "ssh":
			text, language = input("inline", "commands"), "bash"
		case "pythonscript":
			text, language = input("script"), "python"
		}
	}
	if text.Text() == "" {
		return nil, ""
	}
	return text, language
}

// found returns what an expression in a script puts in.
func (r *reader) found(t *script.Text, text string, start, end int, own *resource.Value) (all []*resource.Value) {
	add := func(name string, from, to int, parameter bool) {
		span := t.Span(from, to)
		one := resource.NewMap(span).Put("name", resource.NewText(name, span))
		taint, via := "", ""
		if !parameter {
			taint, via = r.taint(name, own, 0)
		}
		one.Put("taint", resource.NewText(taint, span)).Put("free", resource.NewBool(parameter && r.free[name], span))
		if via != "" {
			one.Put("via", resource.NewText(via, span))
		}
		all = append(all, one)
	}
	if strings.HasPrefix(text[start:], "$(") {
		add(text[start+2:end-1], start, end, false)
		return all
	}
	for _, m := range inner().FindAllStringSubmatchIndex(text[start:end], 20) {
		name := m[4:6]
		if name[0] < 0 {
			name = m[6:8]
		}
		add(text[start+name[0]:start+name[1]], start+m[0], start+m[1], strings.EqualFold(text[start+m[2]:start+m[3]], "parameters"))
	}
	return all
}

// taint returns the variable by which others choose the value of a variable, at
// first or at second hand.
func (r *reader) taint(name string, own *resource.Value, depth int) (taint, via string) {
	if chosen[strings.ToLower(name)] {
		return name, ""
	}
	if depth > 5 {
		return "", ""
	}
	for _, list := range []*resource.Value{own, r.variables} {
		for _, v := range list.Items {
			value := v.Get("value").Text()
			if !strings.EqualFold(v.Get("name").Text(), name) || !strings.Contains(value, "$") {
				continue
			}
			for _, used := range references(value) {
				if taint, _ := r.taint(used, own, depth+1); taint != "" && !strings.EqualFold(used, name) {
					return taint, name
				}
			}
		}
	}
	return "", ""
}

// references are the variables in a text.
func references(text string) (all []string) {
	for _, one := range expressions().FindAllString(text, 20) {
		if strings.HasPrefix(one, "$(") {
			all = append(all, one[2:len(one)-1])
			continue
		}
		for _, m := range inner().FindAllStringSubmatch(one, 20) {
			all = append(all, m[2]+m[3])
		}
	}
	if rest, ok := strings.CutPrefix(text, "$["); ok {
		for _, m := range inner().FindAllStringSubmatch(rest, 20) {
			all = append(all, m[2]+m[3])
		}
	}
	return all
}
