package dockerfile

import (
	"strings"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// instruction is an instruction that is being read.
type instruction struct {
	*parser
	line  *line
	stage *stage // nil before the first FROM
	scope *scope
	name  string
	rest  int // where in the line's text its arguments start, after the flags
	flags *resource.Value
	out   *resource.Value
	key   string
}

type instructionParser struct {
	parse func(c *instruction)
	flags string // that it takes
}

// parsers are the instructions. They are reached through known, since ONBUILD
// holds another.
var parsers = map[string]instructionParser{
	"FROM":        {nil, "platform"},
	"ARG":         {(*instruction).arg, ""},
	"ENV":         {(*instruction).env, ""},
	"LABEL":       {(*instruction).labels, ""},
	"RUN":         {(*instruction).run, "mount network security device"},
	"CMD":         {(*instruction).cmd, ""},
	"ENTRYPOINT":  {(*instruction).cmd, ""},
	"HEALTHCHECK": {(*instruction).healthcheck, "interval timeout start-period start-interval retries"},
	"SHELL":       {(*instruction).shell, ""},
	"COPY":        {(*instruction).copy, "from chown chmod link parents exclude"},
	"ADD":         {(*instruction).copy, "chown chmod link keep-git-dir checksum exclude unpack"},
	"USER":        {(*instruction).user, ""},
	"WORKDIR":     {(*instruction).workdir, ""},
	"VOLUME":      {(*instruction).volume, ""},
	"EXPOSE":      {(*instruction).expose, ""},
	"STOPSIGNAL":  {(*instruction).signal, ""},
	"MAINTAINER":  {(*instruction).maintainer, ""},
	"ONBUILD":     {nil, ""},
}

// instructions reads all lines.
func (p *parser) instructions(lines []line) {
	for _, name := range builderArguments {
		p.declare(&p.global, name, nil)
	}
	for i := range lines {
		p.instruction(&lines[i])
	}
}

func (p *parser) instruction(l *line) {
	first, _ := cutWord(l.text)
	c := &instruction{parser: p, line: l, name: strings.ToUpper(first), rest: len(first), scope: &p.global}
	if n := len(p.stages); n > 0 {
		c.stage, c.scope = p.stages[n-1], &p.stages[n-1].scope
	}
	kind, known := parsers[c.name]
	at := word{0, len(first)}
	switch {
	case !known:
		p.fail(c.span(at).Start, "%s is no instruction of a Dockerfile", quote(first))
	case strings.TrimSpace(l.text[c.rest:]) == "":
		p.fail(c.span(at).Start, "%s needs an argument", c.name)
	case c.name == "FROM":
		c.readFlags(kind.flags)
		p.from(c)
	case c.stage == nil && c.name != "ARG":
		p.fail(c.span(at).Start, "%s stands before the first FROM, where only ARG is allowed", c.name)
	case c.name == "ONBUILD":
		c.trigger()
	default:
		c.read(kind, at, false)
	}
}

// trigger reads the instruction of ONBUILD. It has no effect on the stage it is
// written in.
func (c *instruction) trigger() {
	for c.rest < len(c.line.text) && isSpace(c.line.text[c.rest]) {
		c.rest++
	}
	at := word{start: c.rest}
	first, _ := cutWord(c.line.text[c.rest:])
	at.end = c.rest + len(first)
	c.name, c.rest = strings.ToUpper(first), at.end
	kind, known := parsers[c.name]
	if !known || c.name == "ONBUILD" || c.name == "FROM" || c.name == "MAINTAINER" {
		c.fail(c.span(at).Start, "%s cannot be triggered by ONBUILD", quote(first))
		return
	}
	triggered := *c.stage
	triggered.scope = newScope(&c.stage.scope, "")
	triggered.instructions = nil
	own := c.stage
	c.stage, c.scope = &triggered, &triggered.scope
	c.read(kind, at, true)
	own.instructions = append(own.instructions, triggered.instructions...)
	own.needs = triggered.needs
}

// read reads an instruction, and adds it to its stage.
func (c *instruction) read(kind instructionParser, at word, triggered bool) {
	c.out = resource.NewMap(c.span(word{at.start, len(c.line.text)}))
	c.out.Put("instruction", c.value(at, c.name))
	c.key = c.name
	c.readFlags(kind.flags)
	if c.stage == nil {
		kind.parse(c)
		return
	}
	i := len(c.out.Fields)
	c.out.Put("key", resource.NewText("", c.span(at)))
	if c.flags != nil {
		c.out.Put("flags", c.flags)
	}
	if triggered {
		c.out.Put("onbuild", resource.NewBool(true, c.out.Span))
	}
	kind.parse(c)
	c.out.Fields[i].Value.Str = c.key
	c.stage.instructions = append(c.stage.instructions, c.out)
}

// readFlags reads the words that begin with two hyphens.
func (c *instruction) readFlags(allowed string) {
	for _, w := range c.flagWords() {
		c.rest = w.end
		text := c.text(w)
		if text == "--" {
			return
		}
		name, value, set := strings.Cut(text[2:], "=")
		if !hasWord(allowed, name) {
			c.fail(c.span(w).Start, "%s has no flag --%s", c.name, name)
			continue
		}
		if c.flags == nil {
			c.flags = resource.NewMap(c.span(w))
		}
		at := word{w.start + 2 + len(name) + 1, w.end}
		if !set {
			value, at = "true", w
		}
		e := expansion{text: value}
		if name != "from" && set {
			e = c.expand(value, c.scope)
			c.check(e, at)
		}
		c.putFlag(name, w, at, e)
	}
}

// flagWords returns the flags, without splitting the rest of a long line.
func (c *instruction) flagWords() (out words) {
	text := c.line.text
	for at := c.rest; ; {
		for at < len(text) && isSpace(text[at]) {
			at++
		}
		if !strings.HasPrefix(text[at:], "--") {
			return out
		}
		w := firstQuoted(text, at, c.escape)
		out = append(out, w)
		at = w.end
	}
}

func (c *instruction) putFlag(name string, w, at word, e expansion) {
	value := c.expanded(e, at)
	switch name {
	case "mount":
		value = c.mount(e, at)
	case "exclude":
	default:
		field := resource.Field{Key: name, KeySpan: c.span(w), Value: value}
		c.flags.Fields = append(c.flags.Fields, field)
		return
	}
	if list := c.flags.Get(name); list != nil {
		list.Items = append(list.Items, value)
		list.Span.End = value.Span.End
		return
	}
	c.flags.Put(name, resource.NewList(source.Span{}, value))
}

// mount reads type=secret,id=x of a mount. Words stand as they are if nothing was
// put into them.
func (c *instruction) mount(e expansion, at word) *resource.Value {
	whole := c.span(at)
	out := resource.NewMap(whole)
	exact := e.text == c.text(at)
	for start := 0; start <= len(e.text); {
		end := start + strings.IndexByte(e.text[start:]+",", ',')
		name, value, set := strings.Cut(e.text[start:end], "=")
		span, keySpan := whole, whole
		if exact {
			keySpan = c.span(word{at.start + start, at.start + start + len(name)})
			span = c.span(word{at.start + end - len(value), at.start + end})
		}
		start = end + 1
		key := canonicalMount(name)
		if key == "" || out.Get(key) != nil {
			continue
		}
		if !set {
			value, span = "true", keySpan
		}
		out.Fields = append(out.Fields, resource.Field{Key: key, KeySpan: keySpan, Value: textOrUnknown(value, e.reason, span)})
		if key == "from" && c.stage != nil {
			if i := c.parser.earlier(value); i >= 0 {
				c.stage.needs = append(c.stage.needs, i)
				out.Put("fromStage", resource.NewInt(int64(i), span))
			}
		}
	}
	if out.Get("type") == nil {
		out.Put("type", resource.NewText("bind", whole))
	}
	return out
}

func canonicalMount(key string) string {
	switch key = strings.ToLower(key); key {
	case "dst", "destination":
		return "target"
	case "src":
		return "source"
	case "ro":
		return "readonly"
	case "rw":
		return "readwrite"
	}
	return key
}

// Helpers of all instructions.

func (c *instruction) text(w word) string { return c.line.text[w.start:min(w.end, len(c.line.text))] }

func (c *instruction) span(w word) source.Span { return c.line.span(w.start, w.end) }

func (c *instruction) value(w word, text string) *resource.Value {
	return resource.NewText(text, c.span(w))
}

// words are those of the arguments, which blanks separate.
func (c *instruction) words() words { return split(c.line.text, c.rest) }

// whole is all of the arguments.
func (c *instruction) whole() word {
	start := c.rest
	for start < len(c.line.text) && isSpace(c.line.text[start]) {
		start++
	}
	return word{start, len(c.line.text)}
}

// expandWord returns a word with its variables put in.
func (c *instruction) expandWord(w word) *resource.Value {
	e := c.expand(c.text(w), c.scope)
	c.check(e, w)
	return c.expanded(e, w)
}

func (c *instruction) expanded(e expansion, w word) *resource.Value {
	return textOrUnknown(e.text, e.reason, c.span(w))
}

func textOrUnknown(text, reason string, span source.Span) *resource.Value {
	if strings.Contains(text, image.Unknown) {
		return resource.NewUnknown(reason, span)
	}
	return resource.NewText(text, span)
}

// check reports what is wrong with a word.
func (c *instruction) check(e expansion, w word) {
	if e.err != "" {
		c.fail(c.span(w).Start, "%s", e.err)
	}
}

func hasWord(list, one string) bool {
	for len(list) > 0 {
		first, rest, _ := strings.Cut(list, " ")
		if first == one {
			return true
		}
		list = rest
	}
	return false
}

// quote returns a word for an error, cut when it is long.
func quote(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "…"
	}
	return "`" + strings.ToValidUTF8(s, "?") + "`"
}
