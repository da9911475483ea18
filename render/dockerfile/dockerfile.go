// Package dockerfile reads Dockerfiles as the Dockerfile reference describes
// them. A file becomes one resource, whose tree is made for policies:
//
//	syntax, escape, check   parser directives that are set
//	args         arguments before the first FROM: {name, value, text}
//	dockerignore whether a file says what of the context is left out; absent
//	             when the tree is not known
//	stages       one for each FROM
//
// A stage has
//
//	name         after AS; absent for one without
//	from         the image or stage as it is written, with arguments put in
//	stage        the index of the earlier stage that it builds upon, or
//	image        what the reference to an image is made of; see package image.
//	             Neither for scratch
//	platform     of --platform
//	user         who runs what the stage builds: the last USER, of the stages it
//	             builds upon too; absent when the image decides
//	used         whether the last stage needs it; true for the last stage
//	last         whether it is the last
//	instructions in order
//
// An instruction has its name in upper case (instruction), a key by which people
// know it, flags, and what its kind is made of:
//
//	RUN, CMD, ENTRYPOINT   form ("shell" or "exec"), args of the exec form,
//	                       commands (see package shell); malformed if it is
//	                       almost the exec form
//	HEALTHCHECK            the same, or none: true
//	ENV, ARG, LABEL        env, arg, labels: {name, value, text}
//	COPY, ADD              sources, destination, files (here-documents);
//	                       fromStage or fromImage of --from
//	USER, WORKDIR, ...     user, path, signal, maintainer
//	VOLUME, EXPOSE, SHELL  paths; ports {port, protocol}; args
//
// That of ONBUILD is the instruction it triggers, with onbuild: true.
//
// Arguments with a default have this value. What depends on one without, on the
// platform of the build or on the environment of the base image is unknown. A
// text stays as it is written, whatever is known of it. In shell commands, what
// is not known stays as it is written too, for it is the shell that expands it.
package dockerfile

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Kind is the kind of the resource of a file.
const Kind = "Dockerfile"

// otherExtensions are those of files that are about Dockerfiles, or made into
// them.
var otherExtensions = map[string]bool{
	".md": true, ".rst": true, ".html": true, ".dockerignore": true, ".gitignore": true, ".yaml": true, ".yml": true, ".json": true,
	".toml": true, ".xml": true, ".go": true, ".py": true, ".rb": true, ".js": true, ".ts": true, ".java": true, ".cs": true, ".php": true,
	".rs": true, ".sh": true, ".ps1": true, ".vim": true, ".tmlanguage": true, ".snap": true, ".svg": true, ".png": true,
	".j2": true, ".jinja": true, ".jinja2": true, ".tmpl": true, ".tpl": true, ".template": true, ".erb": true, ".mustache": true, ".hbs": true,
	".orig": true, ".bak": true, ".patch": true, ".diff": true, ".lock": true,
}

// Claims reports whether the file has the name of a Dockerfile, in any case:
// Dockerfile, Containerfile, with a suffix such as Dockerfile.dev, or as an
// extension such as web.dockerfile.
func Claims(_ source.Tree, name string) bool {
	base := strings.ToLower(path.Base(name))
	if otherExtensions[path.Ext(base)] {
		return false
	}
	for _, kind := range []string{"dockerfile", "containerfile"} {
		rest, ok := strings.CutPrefix(base, kind)
		if ok && (rest == "" || strings.IndexByte(".-_", rest[0]) >= 0) || strings.HasSuffix(base, "."+kind) {
			return true
		}
	}
	return false
}

// plain reports whether the name says that the file is a Dockerfile and no file
// about one.
func plain(name string) bool {
	base := strings.ToLower(path.Base(name))
	return base == "dockerfile" || base == "containerfile"
}

// Parse reads a Dockerfile of a tree, which may be nil. The error joins a
// resource.SyntaxError for each line that cannot be read; what the other lines
// say is in the resource.
func Parse(tree source.Tree, file *source.File) ([]*resource.Resource, error) {
	p := &parser{file: file, budget: maxExpanded}
	lines := p.lines()
	if other := p.other(lines); other != nil {
		return nil, other
	}
	root := resource.NewMap(source.Span{Start: 0, End: len(file.Content)})
	for _, d := range p.directives {
		root.Put(d.name, resource.NewText(d.value, d.span))
	}
	p.instructions(lines)
	if len(p.globals) > 0 {
		root.Put("args", resource.NewList(source.Span{}, p.globals...))
	}
	if tree != nil {
		root.Put("dockerignore", resource.NewBool(hasIgnore(tree, file.Path), source.Span{}))
	}
	if len(p.stages) == 0 && len(p.errs) == 0 {
		p.fail(0, "there is no FROM instruction")
	}
	root.Put("stages", p.stageList())
	r := &resource.Resource{
		ID: resource.ID{Platform: resource.Dockerfile, Kind: Kind, Name: file.Path}, Root: root,
		Origin: resource.Origin{Renderer: resource.Dockerfile.String(), File: file, Span: root.Span},
	}
	return []*resource.Resource{r}, errors.Join(p.errs...)
}

// other returns an error if the file is no Dockerfile although it has the name of
// one: a template, or something else whose name begins alike.
func (p *parser) other(lines []line) error {
	if len(lines) > 0 {
		text := lines[0].text
		if strings.HasPrefix(text, "{{") || strings.HasPrefix(text, "{%") {
			return fmt.Errorf("%w: a template of a Dockerfile", render.ErrOtherFormat)
		}
		word, _ := cutWord(text)
		if _, known := parsers[strings.ToUpper(word)]; known {
			return nil
		}
	}
	if plain(p.file.Path) {
		return nil
	}
	return fmt.Errorf("%w: a Dockerfile", render.ErrOtherFormat)
}

// hasIgnore reports whether a file says what of the build context is left out:
// one for this Dockerfile, or one in its directory or above, for each of them
// may be the context.
func hasIgnore(tree source.Tree, name string) bool {
	candidates := []string{name + ".dockerignore"}
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		candidates = append(candidates, path.Join(dir, ".dockerignore"))
		if dir == "." || dir == "/" {
			break
		}
	}
	for _, c := range candidates {
		if _, err := tree.Stat(c); err == nil {
			return true
		}
	}
	return false
}

type parser struct {
	file       *source.File
	escape     byte
	directives []directive
	globals    []*resource.Value
	global     scope
	stages     []*stage
	budget     int // bytes that variables may still expand to
	errs       []error
}

type directive struct {
	name, value string
	span        source.Span
}

const (
	maxErrors   = 100
	maxExpanded = 8 << 20 // bytes of what all variables of a file expand to
	maxValue    = 64 << 10
)

func (p *parser) fail(offset int, format string, args ...any) {
	if len(p.errs) < maxErrors {
		p.errs = append(p.errs, &resource.SyntaxError{
			Path: p.file.Path, Position: p.file.Position(offset), Message: fmt.Sprintf(format, args...),
		})
	}
}
