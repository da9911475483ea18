package tffunc

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/holdfast-dev/holdfast/source"
)

// ErrOutside is why a file is not read: it is not in the tree.
var ErrOutside = errors.New("it is outside of the scanned files")

const (
	maxFiles    = 10_000 // that fileset gives
	maxTemplate = 1 << 20
)

// files are the functions that read a tree.
type files struct {
	tree      source.Tree
	dir       string
	functions map[string]function.Function // for templates
}

func (f *files) all() map[string]function.Function {
	out := map[string]function.Function{
		"file": f.reading(func(content []byte) (string, error) {
			if !utf8.Valid(content) {
				return "", errNotUTF8
			}
			return string(content), nil
		}),
		"filebase64":     f.reading(func(content []byte) (string, error) { return base64.StdEncoding.EncodeToString(content), nil }),
		"fileexists":     simple(cty.Bool, f.exists, cty.String),
		"fileset":        simple(cty.Set(cty.String), f.set, cty.String, cty.String),
		"templatefile":   f.templateFile(),
		"templatestring": f.templateString(),
	}
	for _, d := range digests {
		name := "file" + d.name
		out[name] = f.reading(func(content []byte) (string, error) {
			h := d.new()
			h.Write(content)
			return d.encode(h.Sum(nil)), nil
		})
	}
	return out
}

// locate returns a path of the tree, for one as configuration writes it.
func (f *files) locate(name string) (string, error) {
	full := path.Join(f.dir, name)
	if path.IsAbs(name) || strings.HasPrefix(name, "~") || full == ".." || strings.HasPrefix(full, "../") {
		return "", fmt.Errorf("%s cannot be read: %w", name, ErrOutside)
	}
	return full, nil
}

func (f *files) read(name string) ([]byte, error) {
	full, err := f.locate(name)
	if err != nil {
		return nil, err
	}
	content, err := f.tree.ReadFile(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s", full)
	}
	return content, err
}

// unreadable returns what a function gives that cannot read a file: what is outside
// may well be there, so it is unknown and no error.
func unreadable(t cty.Type, err error) (cty.Value, error) {
	if errors.Is(err, ErrOutside) {
		return cty.UnknownVal(t).Mark(Because(err.Error())), nil
	}
	return cty.UnknownVal(t), function.NewArgError(0, err)
}

// reading makes a function that makes a text of a file's content.
func (f *files) reading(encode func([]byte) (string, error)) function.Function {
	return simple(cty.String, func(args []cty.Value) (cty.Value, error) {
		content, err := f.read(args[0].AsString())
		if err != nil {
			return unreadable(cty.String, err)
		}
		out, err := encode(content)
		if err != nil {
			return cty.UnknownVal(cty.String), function.NewArgError(0, fmt.Errorf("%s: %w", args[0].AsString(), err))
		}
		return cty.StringVal(out), nil
	}, cty.String)
}

func (f *files) exists(args []cty.Value) (cty.Value, error) {
	full, err := f.locate(args[0].AsString())
	if err != nil {
		return unreadable(cty.Bool, err)
	}
	entry, err := f.tree.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cty.False, nil
	case err != nil:
		return unreadable(cty.Bool, err)
	case entry.Mode == source.ModeDir:
		return cty.UnknownVal(cty.Bool), function.NewArgErrorf(0, "%s is a directory", full)
	}
	return cty.True, nil
}

// set gives the files below a directory whose path from there matches a pattern.
func (f *files) set(args []cty.Value) (cty.Value, error) {
	t := cty.Set(cty.String)
	base, err := f.locate(args[0].AsString())
	if err != nil {
		return unreadable(t, err)
	}
	// A pattern may itself lead up, which moves the directory.
	pattern, up := path.Clean(args[1].AsString()), ""
	for strings.HasPrefix(pattern, "../") {
		pattern, up = strings.TrimPrefix(pattern, "../"), up+"../"
	}
	if up != "" {
		if base, err = f.locate(path.Join(args[0].AsString(), up)); err != nil {
			return unreadable(t, err)
		}
	}
	if !doublestar.ValidatePattern(pattern) {
		return cty.UnknownVal(t), function.NewArgErrorf(1, "not a pattern of files: %q", pattern)
	}
	deep := strings.Contains(pattern, "**") || strings.Contains(pattern, "{")
	levels := strings.Count(pattern, "/")
	var out []cty.Value
	err = source.Walk(f.tree, base, func(name string, e source.Entry) error {
		rest := name
		if base != "." {
			rest = strings.TrimPrefix(name, base+"/")
		}
		if e.Mode == source.ModeDir {
			if !deep && strings.Count(rest, "/") >= levels {
				return fs.SkipDir
			}
			return nil
		}
		if e.Mode == source.ModeFile || e.Mode == source.ModeExecutable {
			if ok, _ := doublestar.Match(pattern, rest); ok {
				if len(out) == maxFiles {
					return fmt.Errorf("more than %d files match: %w", maxFiles, ErrTooLarge)
				}
				out = append(out, cty.StringVal(up+rest))
			}
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return cty.UnknownVal(t), err
	case len(out) == 0:
		return cty.SetValEmpty(cty.String), nil
	}
	return cty.SetVal(out), nil
}

var templateParams = []function.Parameter{{Name: "path", Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}}

func (f *files) templateFile() function.Function {
	render := func(args []cty.Value) (cty.Value, error) {
		name := args[0].AsString()
		content, err := f.read(name)
		if err != nil {
			return unreadable(cty.DynamicPseudoType, err)
		}
		return f.render(string(content), name, args[1])
	}
	return function.New(&function.Spec{
		Params: templateParams,
		// A template that is one expression has the type of that.
		Type: func(args []cty.Value) (cty.Type, error) {
			if !args[0].IsKnown() || !args[1].IsKnown() {
				return cty.DynamicPseudoType, nil
			}
			v, err := render(args)
			return v.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

func (f *files) templateString() function.Function {
	return function.New(&function.Spec{
		Params: templateParams,
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			v, err := f.render(args[0].AsString(), "template", args[1])
			if err != nil {
				return cty.UnknownVal(cty.String), err
			}
			return convert.Convert(v, cty.String)
		},
	})
}

// render evaluates a template with its variables. It cannot render others.
func (f *files) render(text, name string, vars cty.Value) (cty.Value, error) {
	if len(text) > maxTemplate {
		return cty.DynamicVal, fmt.Errorf("a template of more than %d bytes: %w", maxTemplate, ErrTooLarge)
	}
	if t := vars.Type(); !t.IsObjectType() && !t.IsMapType() {
		return cty.DynamicVal, function.NewArgErrorf(1, "the variables of a template must be a map or an object")
	}
	expr, diags := hclsyntax.ParseTemplate([]byte(text), name, hcl.InitialPos)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	if !fewSteps(expr, vars) {
		return cty.DynamicVal, fmt.Errorf("the loops of the template take too long: %w", ErrTooLarge)
	}
	ctx := &hcl.EvalContext{Variables: map[string]cty.Value{}, Functions: f.flat()}
	for it := vars.ElementIterator(); it.Next(); {
		key, v := it.Element()
		if !hclsyntax.ValidIdentifier(key.AsString()) {
			return cty.DynamicVal, function.NewArgErrorf(1, "%q cannot be the name of a variable", key.AsString())
		}
		ctx.Variables[key.AsString()] = v
	}
	for _, t := range expr.Variables() {
		if _, ok := ctx.Variables[t.RootName()]; !ok {
			return cty.DynamicVal, function.NewArgErrorf(1, "the variables hold no %q, which %s:%d reads", t.RootName(), name, t[0].SourceRange().Start.Line)
		}
	}
	v, diags := expr.Value(ctx)
	if diags.HasErrors() {
		return cty.DynamicVal, diags
	}
	return v, nil
}

// flat returns the functions without those that render templates.
func (f *files) flat() map[string]function.Function {
	out := maps.Clone(f.functions)
	maps.DeleteFunc(out, func(name string, _ function.Function) bool {
		return strings.HasPrefix(strings.TrimPrefix(name, prefix), "template")
	})
	return out
}
