package dockerfile

import (
	"strconv"
	"strings"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/render/shell"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func (c *instruction) arg() {
	var list []*resource.Value
	for _, w := range splitQuotedFrom(c.line.text, c.rest, c.escape) {
		name, _, set := strings.Cut(c.text(w), "=")
		at := word{w.start, w.start + len(name)}
		one := resource.NewMap(c.span(w)).Put("name", c.value(at, name))
		var value *expansion
		if set {
			at = word{at.end + 1, w.end}
			e := c.expand(c.text(at), c.scope)
			c.check(e, at)
			value = &e
			one.Put("value", c.expanded(e, at)).Put("text", c.value(at, unquote(c.text(at))))
		}
		c.declare(c.scope, name, value)
		list = append(list, one)
	}
	if c.stage == nil {
		c.globals = append(c.globals, list...)
		return
	}
	c.put("arg", list)
}

func (c *instruction) env() {
	list := c.pairs()
	for _, one := range list { // all of them see what was before the instruction
		value := one.Get("value")
		c.scope.set(one.Get("name").Str, variable{value: value.Str, set: true, env: true, reason: value.Unknown()})
	}
	c.put("env", list)
}

func (c *instruction) labels() { c.put("labels", c.pairs()) }

// put adds a list of things with names, the first of which tells the instruction
// from others.
func (c *instruction) put(key string, list []*resource.Value) {
	if len(list) > 0 {
		c.key += " " + list[0].Get("name").Str
	}
	c.out.Put(key, resource.NewList(source.Span{}, list...))
}

// pairs reads name=value words, or the old form of one name and a value.
func (c *instruction) pairs() (out []*resource.Value) {
	all := splitQuotedFrom(c.line.text, c.rest, c.escape)
	if len(all) > 0 && !strings.Contains(c.text(all[0]), "=") {
		value := word{all[0].end, len(c.line.text)}
		for value.start < value.end && isSpace(c.line.text[value.start]) {
			value.start++
		}
		if value.start == value.end {
			c.fail(c.span(all[0]).Start, "%s %s has no value", c.name, quote(c.text(all[0])))
			return nil
		}
		c.out.Put("legacy", resource.NewBool(true, c.out.Span))
		return []*resource.Value{c.pair(all[0], value)}
	}
	for _, w := range all {
		name, _, set := strings.Cut(c.text(w), "=")
		if !set {
			c.fail(c.span(w).Start, "%s is no name=value", quote(name))
			continue
		}
		out = append(out, c.pair(word{w.start, w.start + len(name)}, word{w.start + len(name) + 1, w.end}))
	}
	return out
}

func (c *instruction) pair(name, value word) *resource.Value {
	return resource.NewMap(c.span(word{name.start, value.end})).
		Put("name", c.value(name, unquote(c.text(name)))).
		Put("value", c.expandWord(value)).
		Put("text", c.value(value, unquote(c.text(value))))
}

// unquote removes the quotes around a text.
func unquote(s string) string {
	if n := len(s); n >= 2 && (s[0] == '"' || s[0] == '\'') && s[n-1] == s[0] {
		return s[1 : n-1]
	}
	return s
}

func (c *instruction) run() {
	if len(c.line.heredocs) > 0 && c.heredocOnly() {
		c.out.Put("form", c.value(c.whole(), "shell"))
		h := c.line.heredocs[0]
		c.script(h.text, func(start, end int) source.Span {
			return source.Span{Start: min(h.body.Start+start, h.body.End), End: min(h.body.Start+end, h.body.End)}
		})
		return
	}
	c.commands(c.rest)
}

// heredocOnly reports whether here-documents are all that an instruction holds:
// they are the script then.
func (c *instruction) heredocOnly() bool {
	for _, w := range c.words() {
		if !strings.HasPrefix(c.text(w), "<<") {
			return false
		}
	}
	return true
}

func (c *instruction) cmd() {
	c.commands(c.rest)
	if c.name == "CMD" {
		c.stage.cmd = c.out
	} else {
		c.stage.entrypoint, c.stage.cmd = c.out, nil // a new ENTRYPOINT resets what is inherited
	}
}

func (c *instruction) healthcheck() {
	w := c.whole()
	first, _ := cutWord(c.text(w))
	switch strings.ToUpper(first) {
	case "NONE":
		c.out.Put("none", resource.NewBool(true, c.span(w)))
	case "CMD":
		c.commands(w.start + len(first))
	default:
		c.fail(c.span(w).Start, "HEALTHCHECK must be `HEALTHCHECK CMD …` or `HEALTHCHECK NONE`")
	}
	c.stage.healthcheck = c.out
}

// commands reads the exec form or the shell form.
func (c *instruction) commands(from int) {
	if values, at, ok := jsonWords(c.line.text, from); ok {
		c.rest = from
		args := make([]*resource.Value, len(values))
		for i, v := range values {
			args[i] = c.value(at[i], v)
		}
		c.out.Put("form", c.value(c.whole(), "exec")).Put("args", resource.NewList(c.span(c.whole()), args...))
		if len(args) > 0 {
			c.add(shell.Call(args))
		}
		return
	}
	c.rest = from
	whole := c.whole()
	c.out.Put("form", c.value(whole, "shell"))
	if almostList(c.text(whole)) {
		c.out.Put("malformed", resource.NewBool(true, c.span(whole)))
	}
	c.script(c.parser.script(c.line, whole.start), func(start, end int) source.Span {
		return c.line.span(whole.start+start, whole.start+end)
	})
}

// almostList reports whether a text is meant to be the exec form: ['a', 'b'].
func almostList(text string) bool {
	inside, ok := strings.CutPrefix(text, "[")
	inside = strings.TrimLeft(inside, " \t")
	return ok && strings.HasSuffix(text, "]") && (strings.HasPrefix(inside, "'") || strings.HasPrefix(inside, `"`)) &&
		!strings.Contains(text, "&&") && !strings.Contains(text, "=")
}

// script adds the commands of a script. One that is broken, or in another
// language, has those that could be read: it is not for this parser to judge.
func (c *instruction) script(text string, span func(start, end int) source.Span) {
	if c.stage.noPosix || strings.HasPrefix(text, "#!") && !strings.Contains(firstLine(text), "sh") {
		return
	}
	found, err := shell.Commands(shell.Script{Text: text, Span: span, Lookup: func(name string) (string, bool) {
		v := c.variable(c.scope, name)
		return v.value, v.set && v.reason == ""
	}})
	if err != nil {
		c.out.Put("broken", resource.NewBool(true, c.out.Span))
	}
	c.add(found)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func (c *instruction) add(commands []*resource.Value) {
	for _, one := range commands {
		if name := one.Get("name"); name != nil {
			c.key += " " + name.Str
			break
		}
	}
	if len(commands) > 0 {
		c.out.Put("commands", resource.NewList(source.Span{}, commands...))
	}
}

func (c *instruction) shell() {
	values, at, ok := jsonWords(c.line.text, c.rest)
	if !ok || len(values) == 0 {
		c.fail(c.span(c.whole()).Start, `SHELL must be a list in the JSON form, such as ["/bin/bash", "-c"]`)
		return
	}
	args := make([]*resource.Value, len(values))
	for i, v := range values {
		args[i] = c.value(at[i], v)
	}
	c.out.Put("args", resource.NewList(source.Span{}, args...))
	program := strings.ToLower(values[0])
	c.stage.noPosix = !strings.HasSuffix(program, "sh") || strings.HasSuffix(program, "pwsh") || strings.HasSuffix(program, "fish")
}

// list returns the words of the arguments, in either form.
func (c *instruction) list() (values []*resource.Value, texts []string) {
	if items, at, ok := jsonWords(c.line.text, c.rest); ok {
		c.out.Put("form", c.value(c.whole(), "exec"))
		for i, item := range items {
			e := c.expand(item, c.scope)
			c.check(e, at[i])
			values, texts = append(values, c.expanded(e, at[i])), append(texts, item)
		}
		return values, texts
	}
	for _, w := range c.words() {
		values, texts = append(values, c.expandWord(w)), append(texts, c.text(w))
	}
	return values, texts
}

func (c *instruction) copy() {
	values, texts := c.list()
	if len(values) < 2 {
		c.fail(c.span(c.whole()).Start, "%s needs a source and a destination", c.name)
		c.out.Put("sources", resource.NewList(c.span(c.whole()), values...)).Put("destination", c.value(c.whole(), ""))
		return
	}
	last := len(values) - 1
	c.key += " " + texts[last]
	c.out.Put("sources", resource.NewList(source.Span{}, values[:last]...)).Put("destination", values[last])
	var files []*resource.Value
	for _, h := range c.line.heredocs {
		files = append(files, resource.NewMap(h.word).
			Put("name", resource.NewText(h.name, h.word)).Put("text", resource.NewText(h.text, h.body)))
	}
	if len(files) > 0 {
		c.out.Put("files", resource.NewList(source.Span{}, files...))
	}
	if from := c.flags.Get("from"); from != nil {
		c.copyFrom(from)
	}
}

func (c *instruction) copyFrom(from *resource.Value) {
	if i := c.parser.earlier(from.Str); i >= 0 {
		c.stage.needs = append(c.stage.needs, i)
		c.out.Put("fromStage", resource.NewInt(int64(i), from.Span))
		return
	}
	c.out.Put("fromImage", image.Value(from.Str, from.Span, from.Unknown()))
}

func (c *instruction) user() {
	w := c.whole()
	if all := c.words(); len(all) > 0 {
		w = word{all[0].start, all[len(all)-1].end}
	}
	c.stage.user = c.expandWord(w)
	c.out.Put("user", c.stage.user)
}

func (c *instruction) workdir() {
	at := c.expandWord(c.whole())
	c.out.Put("path", at)
	switch {
	case at.Unknown() != "" || isAbsolute(at.Str):
		c.stage.workdir = true
	case c.stage.workdir:
		c.out.Put("continues", resource.NewBool(true, at.Span))
	}
}

// isAbsolute knows paths of Windows too.
func isAbsolute(p string) bool {
	return strings.HasPrefix(p, "/") || strings.HasPrefix(p, `\`) || len(p) > 1 && p[1] == ':'
}

func (c *instruction) volume() {
	values, _ := c.list()
	c.out.Put("paths", resource.NewList(source.Span{}, values...))
}

func (c *instruction) expose() {
	var ports []*resource.Value
	for _, w := range c.words() {
		e := c.expand(c.text(w), c.scope)
		c.check(e, w)
		number, protocol, _ := strings.Cut(e.text, "/")
		port := c.expanded(expansion{text: number, reason: e.reason}, w)
		if n, err := strconv.ParseInt(number, 10, 32); err == nil {
			port = resource.NewInt(n, c.span(w))
		}
		one := resource.NewMap(c.span(w)).Put("port", port)
		if protocol != "" {
			one.Put("protocol", c.expanded(expansion{text: strings.ToLower(protocol), reason: e.reason}, w))
		}
		ports = append(ports, one)
	}
	c.out.Put("ports", resource.NewList(source.Span{}, ports...))
}

func (c *instruction) signal() { c.out.Put("signal", c.expandWord(c.whole())) }

func (c *instruction) maintainer() {
	c.out.Put("maintainer", c.value(c.whole(), c.text(c.whole())))
}
