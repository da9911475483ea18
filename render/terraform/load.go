package terraform

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

// file is a file whose offsets are unlike those of all others: it starts at base.
type file struct {
	*source.File
	base int
}

// text returns what is written at a range. Files with mistakes have odd ones.
func (f *file) text(r hcl.Range) string {
	s := spanOf(r)
	start := min(max(s.Start-f.base, 0), len(f.Content))
	return string(f.Content[start:min(max(s.End-f.base, start), len(f.Content))])
}

// module is the configuration in one directory.
type module struct {
	dir       string
	files     []*file
	blocks    []*block // all, in the order of files
	resources map[string]*block
	calls     map[string]*block
	variables map[string]*block
	outputs   map[string]*block
	locals    map[string]*attribute
	providers []*block

	mu    sync.Mutex
	looks map[hclsyntax.Expression]*looks
}

// block is a block at the top of a file.
type block struct {
	*hclsyntax.Block
	file *file
	mod  *module
}

// label returns a label of the block, or "".
func (b *block) label(i int) string {
	if i < len(b.Labels) {
		return b.Labels[i]
	}
	return ""
}

// attr returns the expression of an attribute, or nil.
func (b *block) attr(name string) hclsyntax.Expression {
	if a := b.Body.Attributes[name]; a != nil {
		return a.Expr
	}
	return nil
}

// address returns the address of a resource in its module.
func (b *block) address() string {
	if b.Type == "data" || b.Type == "ephemeral" {
		return b.Type + "." + b.label(0) + "." + b.label(1)
	}
	return b.label(0) + "." + b.label(1)
}

type attribute struct {
	*hclsyntax.Attribute
	file *file
}

// module loads the configuration in a directory; nil if there is none. A module that
// several roots call is parsed once.
func (r *run) module(dir string) *module {
	if m, ok := r.modules[dir]; ok {
		return m
	}
	r.modules[dir] = nil
	texts, unread := r.read(dir)
	r.problems = append(r.problems, unread...)
	if len(texts) == 0 {
		return nil
	}
	key := keyOf(texts)
	p := r.kept(dir, key)
	if p == nil {
		p = r.load(dir, texts)
		r.keep(dir, key, p)
	}
	r.problems = append(r.problems, p.problems...)
	for _, f := range p.files {
		r.know(f)
	}
	r.modules[dir] = p.module
	return p.module
}

// text is a file that is not parsed yet.
type text struct {
	name    string
	content []byte
}

// read reads the files of a module: overrides last.
func (r *run) read(dir string) (all []text, unread []render.Problem) {
	entries, err := r.tree.ReadDir(dir)
	if err != nil {
		return nil, nil
	}
	has := map[string]bool{}
	for _, e := range entries {
		has[e.Name] = true
	}
	for _, overrides := range []bool{false, true} {
		for _, e := range entries {
			if e.Mode == source.ModeDir || !IsConfig(e.Name) || strings.HasPrefix(e.Name, ".") || has[tofuName(e.Name)] || isOverride(e.Name) != overrides {
				continue
			}
			name := path.Join(dir, e.Name)
			content, err := r.tree.ReadFile(name)
			if err != nil {
				unread = append(unread, render.AsProblem(name, err))
				continue
			}
			all = append(all, text{name, content})
		}
	}
	return all, unread
}

// load parses the files of a module.
func (r *run) load(dir string, texts []text) *parsed {
	m := &module{
		dir: dir, resources: map[string]*block{}, calls: map[string]*block{}, variables: map[string]*block{},
		outputs: map[string]*block{}, locals: map[string]*attribute{},
	}
	p := &parsed{module: m}
	for _, t := range texts {
		f, body := r.parse(p, t)
		switch {
		case body == nil:
		case isOverride(path.Base(t.name)):
			m.override(f, body)
		default:
			m.add(f, body)
		}
	}
	return p
}

// tofuName returns the name of the file by which OpenTofu replaces another one.
func tofuName(name string) string {
	if base, ok := strings.CutSuffix(name, ".tf"); ok {
		return base + ".tofu"
	}
	if base, ok := strings.CutSuffix(name, ".tf.json"); ok {
		return base + ".tofu.json"
	}
	return ""
}

func isOverride(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	return base == "override" || strings.HasSuffix(base, "_override")
}

// parse parses a file. What is wrong with it is a problem, and of what it holds as
// much as can be read is taken.
func (r *renderer) parse(p *parsed, t text) (*file, *hclsyntax.Body) {
	f := r.newFile(t.name, t.content)
	p.files = append(p.files, f)
	if reason := tooDeep(t.content); reason != "" {
		p.problems = append(p.problems, render.Problem{Path: t.name, Message: reason})
		return f, nil
	}
	if strings.HasSuffix(t.name, ".json") {
		body, problems := parseJSON(f)
		p.problems = append(p.problems, problems...)
		return f, body
	}
	if body := parseFast(t.content, t.name, f.base); body != nil {
		return f, body
	}
	parsed, diags := hclsyntax.ParseConfig(t.content, t.name, hcl.Pos{Line: 1, Column: 1, Byte: f.base})
	p.problems = append(p.problems, f.mistakes(diags)...)
	if parsed == nil {
		return f, nil
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	return f, body
}

// newFile gives a file its place among all that this program reads.
func (r *renderer) newFile(name string, content []byte) *file {
	size := int64(len(content)) + 1
	return &file{source.NewFile(name, content), int(r.next.Add(size) - size)}
}

func (f *file) mistakes(diags hcl.Diagnostics) (all []render.Problem) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError || len(all) >= maxProblems {
			continue
		}
		p := render.Problem{Path: f.Path, Message: lower(d.Summary) + ": " + strings.TrimSuffix(d.Detail, ".")}
		if d.Subject != nil {
			p.Position = f.Position(d.Subject.Start.Byte - f.base)
		}
		all = append(all, p)
	}
	return all
}

func lower(text string) string {
	if len(text) > 1 && text[1] >= 'a' {
		return strings.ToLower(text[:1]) + text[1:]
	}
	return text
}

// tooDeep says why a file is not parsed: the parser calls itself for each level.
func tooDeep(content []byte) string {
	const most = 2000
	count := func(text string) int { return bytes.Count(content, []byte(text)) }
	if count("(")+count("[")+count("{") <= most && count("!") <= most && count("-") <= most && count("?") <= 10*most {
		return "" // nearly always
	}
	depth, deepest, run := 0, 0, 0
	var last byte
	for _, c := range content {
		switch c {
		case '(', '[', '{':
			depth++
			deepest = max(deepest, depth)
		case ')', ']', '}':
			depth--
		}
		if c == last && (c == '!' || c == '-') {
			run++
			if run > most {
				return "a run of operators is too long"
			}
		} else if c != ' ' {
			run, last = 0, c
		}
	}
	if deepest > most || count("?") > 10*most {
		return "expressions are nested too deeply"
	}
	return ""
}

// add takes in the blocks of a file.
func (m *module) add(f *file, body *hclsyntax.Body) {
	m.files = append(m.files, f)
	for _, one := range body.Blocks {
		b := &block{Block: one, file: f, mod: m}
		if one.Type == "locals" {
			for _, a := range one.Body.Attributes {
				m.locals[a.Name] = &attribute{a, f}
			}
			continue
		}
		if index, key := m.index(b); index != nil {
			if _, twice := index[key]; twice {
				continue // Terraform refuses it; the first counts
			}
			index[key] = b
		}
		if one.Type == "provider" {
			m.providers = append(m.providers, b)
		}
		m.blocks = append(m.blocks, b)
	}
}

// index returns where a block is found by its name.
func (m *module) index(b *block) (map[string]*block, string) {
	switch b.Type {
	case "resource", "data", "ephemeral":
		return m.resources, b.address()
	case "module":
		return m.calls, b.label(0)
	case "variable":
		return m.variables, b.label(0)
	case "output":
		return m.outputs, b.label(0)
	}
	return nil, ""
}

// override merges the blocks of an override file into those that they are for:
// attributes replace attributes, nested blocks all those of their type.
func (m *module) override(f *file, body *hclsyntax.Body) {
	m.files = append(m.files, f)
	for _, one := range body.Blocks {
		if one.Type == "locals" {
			for _, a := range one.Body.Attributes {
				m.locals[a.Name] = &attribute{a, f}
			}
			continue
		}
		b := &block{Block: one, file: f, mod: m}
		index, key := m.index(b)
		before := index[key]
		if index == nil || before == nil {
			m.blocks = append(m.blocks, b)
			if index != nil {
				index[key] = b
			}
			continue
		}
		merged := *before.Block
		merged.Body = mergeBodies(before.Body, one.Body)
		before.Block = &merged
	}
}

func mergeBodies(before, after *hclsyntax.Body) *hclsyntax.Body {
	out := *before
	out.Attributes = hclsyntax.Attributes{}
	for name, a := range before.Attributes {
		out.Attributes[name] = a
	}
	for name, a := range after.Attributes {
		out.Attributes[name] = a
	}
	replaced := map[string]bool{}
	for _, b := range after.Blocks {
		replaced[b.Type] = true
		if b.Type == "dynamic" && len(b.Labels) > 0 {
			replaced[b.Labels[0]] = true
		}
	}
	out.Blocks = slices.DeleteFunc(slices.Clone(before.Blocks), func(b *hclsyntax.Block) bool {
		return replaced[b.Type] && b.Type != "lifecycle" && b.Type != "dynamic" || b.Type == "dynamic" && len(b.Labels) > 0 && replaced[b.Labels[0]]
	})
	for _, b := range after.Blocks {
		i := slices.IndexFunc(out.Blocks, func(old *hclsyntax.Block) bool { return b.Type == "lifecycle" && old.Type == b.Type })
		if i < 0 {
			out.Blocks = append(out.Blocks, b)
			continue
		}
		merged := *out.Blocks[i]
		merged.Body = mergeBodies(out.Blocks[i].Body, b.Body)
		out.Blocks[i] = &merged
	}
	return &out
}

// sorted returns the attributes of a body as they are written.
func sorted(body *hclsyntax.Body) []*hclsyntax.Attribute {
	all := make([]*hclsyntax.Attribute, 0, len(body.Attributes))
	for _, a := range body.Attributes {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *hclsyntax.Attribute) int {
		return cmp.Compare(a.NameRange.Start.Byte, b.NameRange.Start.Byte)
	})
	return all
}
