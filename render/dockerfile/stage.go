package dockerfile

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/render/image"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// stage is a stage that is being read.
type stage struct {
	out          *resource.Value
	name         string
	scope        scope
	parent       *stage
	needs        []int // stages that it copies or mounts from, or builds upon
	instructions []*resource.Value
	base         *resource.Value // the image that the first of its parents comes from
	workdir      bool            // an absolute WORKDIR was set
	noPosix      bool            // SHELL is none whose scripts are understood

	// what holds at its end
	user, healthcheck, entrypoint, cmd *resource.Value
}

var stageName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9-_.]*$`) })

// from begins a stage.
func (p *parser) from(c *instruction) {
	w := split(c.line.text, c.rest)
	if len(w) != 1 && (len(w) != 3 || !strings.EqualFold(c.text(w[1]), "AS")) {
		p.fail(c.span(word{0, len(c.line.text)}).Start, "FROM must be `FROM image` or `FROM image AS name`")
		if len(w) == 0 {
			return
		}
		w = w[:1]
	}
	s := &stage{out: resource.NewMap(c.span(word{w[0].start, w[len(w)-1].end}))}
	if len(w) == 3 {
		s.name = c.text(w[2])
		s.out.Put("name", c.value(w[2], s.name))
		if !stageName().MatchString(strings.ToLower(s.name)) {
			p.fail(c.span(w[2]).Start, "%q is no name for a stage: use letters, digits, hyphens, dots and underscores", s.name)
		}
	}
	s.out.Put("platform", c.flags.Get("platform"))
	p.base(c, s, w[0])
	p.stages = append(p.stages, s)
}

// base notes what a stage builds upon.
func (p *parser) base(c *instruction, s *stage, at word) {
	reference := p.expand(c.text(at), &p.global)
	c.check(reference, at)
	from := c.expanded(reference, at)
	s.out.Put("from", from)
	if i := p.stage(reference.text); i >= 0 {
		s.parent = p.stages[i]
		s.needs = append(s.needs, i)
		s.scope = newScope(&s.parent.scope, "")
		s.out.Put("stage", resource.NewInt(int64(i), from.Span))
		s.base, s.workdir, s.noPosix = s.parent.base, s.parent.workdir, s.parent.noPosix
		s.user, s.healthcheck = s.parent.user, s.parent.healthcheck
		s.entrypoint, s.cmd = s.parent.entrypoint, s.parent.cmd
	} else if reference.text != "scratch" {
		s.scope = newScope(nil, reference.text)
		s.base = image.Value(reference.text, from.Span, reference.reason)
		s.out.Put("image", s.base)
	}
	if reference.text == "" {
		p.fail(from.Span.Start, "FROM %s names no image: the variable is not set before it", c.text(at))
	}
}

// stage returns the index of the latest stage with a name, or -1.
func (p *parser) stage(name string) int {
	for i := len(p.stages) - 1; i >= 0 && name != ""; i-- {
		if strings.EqualFold(p.stages[i].name, name) {
			return i
		}
	}
	return -1
}

// earlier returns the index of the stage before the current one that a name or a
// number means, or -1.
func (p *parser) earlier(name string) int {
	current := len(p.stages) - 1
	if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < current {
		return i
	}
	for i := current - 1; i >= 0 && name != ""; i-- {
		if strings.EqualFold(p.stages[i].name, name) {
			return i
		}
	}
	return -1
}

// stageList returns the stages, with what is known only at their ends.
func (p *parser) stageList() *resource.Value {
	used := make([]bool, len(p.stages))
	if n := len(p.stages); n > 0 {
		used[n-1] = true
	}
	list := resource.NewList(source.Span{})
	for i := len(p.stages) - 1; i >= 0; i-- {
		for _, needed := range p.stages[i].needs {
			used[needed] = used[needed] || used[i]
		}
	}
	for i, s := range p.stages {
		s.out.Put("user", s.user)
		s.out.Put("base", s.base)
		s.out.Put("healthcheck", s.healthcheck)
		s.out.Put("entrypoint", s.entrypoint)
		s.out.Put("cmd", s.cmd)
		s.out.Put("used", resource.NewBool(used[i], s.out.Span))
		s.out.Put("last", resource.NewBool(i == len(p.stages)-1, s.out.Span))
		s.out.Put("instructions", resource.NewList(s.span(), s.instructions...))
		list.Items = append(list.Items, s.out)
	}
	if n := len(list.Items); n > 0 {
		list.Span = source.Span{Start: list.Items[0].Span.Start, End: list.Items[n-1].Span.End}
	}
	return list
}

// span covers the instructions of a stage; where there are none, its FROM.
func (s *stage) span() source.Span {
	if n := len(s.instructions); n > 0 {
		return source.Span{Start: s.instructions[0].Span.Start, End: s.instructions[n-1].Span.End}
	}
	return s.out.Span
}
