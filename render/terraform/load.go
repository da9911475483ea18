package terraform

import (
	"bytes"
	"cmp"
	"path"
	"slices"
	"strings"

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

func (f *file) span(r hcl.Range) source.Span {
	return source.Span{Start: r.Start.Byte, End: r.End.Byte}
}

// text returns what is written at a range.
func (f *file) text(r hcl.Range) string {
	return string(f.Content[r.Start.Byte-f.base : r.End.Byte-f.base])
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

// module loads the configuration in a directory; nil if there is none.
func (r *run) module(dir string) *module {
	if m, ok := r.modules[dir]; ok {
		return m
	}
	m := &module{
		dir: dir, resources: map[string]*block{}, calls: map[string]*block{}, variables: map[string]*block{},
		outputs: map[string]*block{}, locals: map[string]*attribute{},
	}
	r.modules[dir] = nil
	entries, err := r.tree.ReadDir(dir)
	if err != nil {
		return nil
	}
	var names, overrides []string
	has := map[string]bool{}
	for _, e := range entries {
		has[e.Name] = true
	}
	for _, e := range entries {
		switch {
		case e.Mode == source.ModeDir || !isConfig(e.Name) || strings.HasPrefix(e.Name, ".") || has[tofuName(e.Name)]:
		case isOverride(e.Name):
			overrides = append(overrides, e.Name)
		default:
			names = append(names, e.Name)
		}
	}
	if len(names)+len(overrides) == 0 {
		return nil
	}
	for _, name := range names {
		if f, body := r.parse(path.Join(dir, name)); body != nil {
			m.add(f, body)
		}
	}
	for _, name := range overrides {
		if f, body := r.parse(path.Join(dir, name)); body != nil {
			m.override(f, body)
		}
	}
	r.modules[dir] = m
	return m
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

// parse reads a file. What is wrong with it is a problem, and of what it holds as
// much as can be read is taken.
func (r *run) parse(name string) (*file, *hclsyntax.Body) {
	content, err := r.tree.ReadFile(name)
	if err != nil {
		r.problems = append(r.problems, render.AsProblem(name, err))
		return nil, nil
	}
	f := r.newFile(name, content)
	if reason := tooDeep(content); reason != "" {
		r.problems = append(r.problems, render.Problem{Path: name, Message: reason})
		return f, nil
	}
	if strings.HasSuffix(name, ".json") {
		return f, r.parseJSON(f)
	}
	parsed, diags := hclsyntax.ParseConfig(content, name, hcl.Pos{Line: 1, Column: 1, Byte: f.base})
	r.report(f, diags)
	if parsed == nil {
		return f, nil
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	return f, body
}

// newFile gives a file its place among all that this program reads.
func (r *run) newFile(name string, content []byte) *file {
	size := int64(len(content)) + 1
	f := &file{source.NewFile(name, content), int(r.next.Add(size) - size)}
	r.files = append(r.files, f)
	return f
}

func (r *run) report(f *file, diags hcl.Diagnostics) {
	for _, d := range diags {
		if d.Severity != hcl.DiagError {
			continue
		}
		p := render.Problem{Path: f.Path, Message: lower(d.Summary) + ": " + strings.TrimSuffix(d.Detail, ".")}
		if d.Subject != nil {
			p.Position = f.Position(d.Subject.Start.Byte - f.base)
		}
		r.problems = append(r.problems, p)
		if len(r.problems) >= maxProblems {
			return
		}
	}
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
	if deepest > most || bytes.Count(content, []byte("?")) > 10*most {
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
