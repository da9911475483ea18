package rego

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// text is Rego in a file: all of it, or a value of YAML.
type text struct {
	name    string // by which the compiler knows it
	file    *source.File
	content string
	value   source.Span // of the value; zero for the whole file
}

// loader parses and compiles the modules of a unit, and collects mistakes.
type loader struct {
	texts     map[string]text
	modules   map[string]*ast.Module
	templates []*constraint
	inventory bool // some module asks for it
	errs      []error
}

func newLoader() *loader {
	return &loader{texts: map[string]text{}, modules: map[string]*ast.Module{}}
}

// whole returns a file as text.
func whole(file *source.File) text {
	return text{name: file.Path, file: file, content: string(file.Content)}
}

// forbidden are functions that reach out of the evaluation, or give another answer
// each time.
var forbidden = map[string]bool{
	"http.send": true, "net.lookup_ip_addr": true, "opa.runtime": true, "rand.intn": true,
	"uuid.rfc4122": true, "providers.aws.sign_req": true,
}

// capabilities are what modules may use.
var capabilities = sync.OnceValue(func() *ast.Capabilities {
	all := ast.CapabilitiesForThisVersion()
	all.Builtins = slices.DeleteFunc(all.Builtins, func(b *ast.Builtin) bool { return forbidden[b.Name] })
	all.AllowNet = []string{} // schemas may not be fetched either
	return all
})

// parse adds a module, or its mistakes.
func (l *loader) parse(t text) *ast.Module {
	options := ast.ParserOptions{ProcessAnnotation: true, Capabilities: capabilities(), RegoVersion: ast.RegoV1}
	module, err := ast.ParseModuleWithOpts(t.name, t.content, options)
	if err != nil {
		options.RegoVersion = ast.RegoV0
		older, olderErr := ast.ParseModuleWithOpts(t.name, t.content, options)
		if module = older; olderErr == nil {
			err = nil
		} else if further(olderErr, err) {
			err = olderErr
		}
	}
	l.texts[t.name] = t
	switch {
	case err != nil:
		l.fail(t, err)
		return nil
	case module == nil:
		l.errs = append(l.errs, &policy.FileError{File: t.file, Span: t.value, Message: "there is no Rego here"})
		return nil
	}
	l.inventory = l.inventory || bytes.Contains([]byte(t.content), []byte("inventory"))
	l.modules[t.name] = module
	return module
}

// further reports whether a parser got further than another before it gave up: it
// is the one that the text was meant for.
func further(a, b error) bool {
	return first(a) > first(b)
}

func first(err error) int {
	all, _ := errors.AsType[ast.Errors](err)
	least := 0
	for _, e := range all {
		if e.Location != nil && (least == 0 || e.Location.Row < least) {
			least = e.Location.Row
		}
	}
	return least
}

// compile compiles all modules.
func (l *loader) compile() *ast.Compiler {
	c := ast.NewCompiler().WithCapabilities(capabilities()).WithDefaultRegoVersion(ast.RegoV1).SetErrorLimit(0)
	c.Compile(l.modules)
	if c.Failed() {
		l.fail(text{}, c.Errors)
	}
	return c
}

// fail adds the mistakes of an error, at their places.
func (l *loader) fail(in text, err error) {
	all, ok := errors.AsType[ast.Errors](err)
	if !ok {
		if one, isOne := errors.AsType[*ast.Error](err); isOne {
			all = ast.Errors{one}
		} else {
			all = ast.Errors{{Message: err.Error()}}
		}
	}
	for _, e := range all {
		at, span := in, in.value
		if e.Location != nil {
			if found, ok := l.texts[e.Location.File]; ok {
				at = found
			}
			span = at.span(e.Location)
		}
		if at.file == nil { // of a module that is not the pack's
			l.errs = append(l.errs, e)
			continue
		}
		l.errs = append(l.errs, &policy.FileError{File: at.file, Span: span, Message: plain(e), Suggestion: suggestion(e)})
	}
}

// plain is the message of an error in one line.
func plain(e *ast.Error) string {
	message, _, _ := strings.Cut(strings.TrimSpace(e.Message), "\n")
	return strings.TrimSuffix(message, ":")
}

func suggestion(e *ast.Error) string {
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok && forbidden[strings.TrimSpace(name)] {
		return "a policy sees the object and nothing else; write into the pack what it has to know"
	}
	return ""
}

// span returns where in the file something of the text is written.
func (t text) span(at *ast.Location) source.Span {
	lines := source.NewFile("", []byte(t.content))
	line := lines.Line(at.Row)
	offset := min(line.Start+max(at.Col-1, 0), len(t.content))
	end := min(offset+len(at.Text), len(t.content))
	if newline := strings.IndexByte(t.content[offset:end], '\n'); newline >= 0 {
		end = offset + newline
	}
	if t.value.IsZero() {
		return source.Span{Start: offset, End: end}
	}
	start := policy.Offset(t.file, t.value, t.content, offset)
	return source.Span{Start: start, End: start + end - offset}
}
