package render

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Format is a Renderer of single files, which are known by their names and, where
// names say too little, by their content.
type Format interface {
	Renderer
	// Claims reports whether the file at path is written in this format. It is
	// asked for every file, so it looks at the name first.
	Claims(tree source.Tree, path string) bool
}

// ContentFormat is a Format of files that may have any name, such as those in YAML
// and JSON that hold no Kubernetes object.
type ContentFormat interface {
	Format
	// Recognises reports whether content looks like a file of this format. It does
	// not read it.
	Recognises(content []byte) bool
}

// NewContentFormat is NewTreeFormat for files that are known by their content, too.
func NewContentFormat(platform resource.Platform, claims func(source.Tree, string) bool, recognises func([]byte) bool, parse TreeParser) ContentFormat {
	return &contentFormat{format{platform, claims, parse}, recognises}
}

type contentFormat struct {
	format
	recognises func([]byte) bool
}

func (f *contentFormat) Recognises(content []byte) bool { return f.recognises(content) }

// ErrOtherFormat is matched by the error of a Parser for a file that has the name
// of its format, and is something else.
var ErrOtherFormat = errors.New("not in the format that the name of the file promises")

// Note is an error of a Parser that is none: what it has to say of other files.
type Note struct {
	Used    []string  // files that had a part in the result
	Skipped []Skipped // what the file names, and is out of reach
}

func (Note) Error() string { return "a note about other files" }

// WithoutNotes returns the errors of a Parser that are some.
func WithoutNotes(err error) error {
	return errors.Join(slices.DeleteFunc(unjoin(err), isNote)...)
}

func isNote(err error) bool {
	_, is := errors.AsType[Note](err)
	return is
}

// Parser reads one file. What could be read comes along with the error, which
// lists every mistake; those with places are a Problem or a resource.SyntaxError.
type Parser func(*source.File) ([]*resource.Resource, error)

// TreeParser is a Parser that looks at other files of the tree, too.
type TreeParser func(source.Tree, *source.File) ([]*resource.Resource, error)

// NewFormat returns the format of a platform other than Kubernetes, whose files
// are resources as they are. Its name is that of the platform.
func NewFormat(platform resource.Platform, claims func(source.Tree, string) bool, parse Parser) Format {
	return NewTreeFormat(platform, claims, func(_ source.Tree, file *source.File) ([]*resource.Resource, error) {
		return parse(file)
	})
}

// NewTreeFormat is NewFormat for a parser that looks at other files.
func NewTreeFormat(platform resource.Platform, claims func(source.Tree, string) bool, parse TreeParser) Format {
	return &format{platform, claims, parse}
}

// Companion is a Format that reads one file of each unit of a Composer as what it
// is written as, besides what the unit renders to.
type Companion interface {
	Format
	// Beside returns the path of that file, or "".
	Beside(unit Unit) string
}

// NewCompanion returns the companion of the units of a renderer, which reads the
// file of their directories that has the given name. Its own name is that of what
// it reads.
func NewCompanion(name, renderer, file string, platform resource.Platform, parse TreeParser) Companion {
	never := func(source.Tree, string) bool { return false }
	return &companion{format{platform, never, parse}, name, renderer, file}
}

type companion struct {
	format
	name, renderer, file string
}

func (c *companion) Name() string { return c.name }

func (c *companion) Beside(unit Unit) string {
	if unit.Renderer != c.renderer {
		return ""
	}
	return path.Join(unit.Path, c.file)
}

// Render implements Renderer.
func (c *companion) Render(ctx context.Context, tree source.Tree, path string, opts Options) (*Result, error) {
	result, err := c.format.Render(ctx, tree, path, opts)
	if err != nil {
		return nil, err
	}
	for _, r := range result.Resources {
		r.Origin.Renderer = c.name
	}
	return result, nil
}

type format struct {
	platform resource.Platform
	claims   func(source.Tree, string) bool
	parse    TreeParser
}

func (f *format) Name() string                              { return f.platform.String() }
func (f *format) Claims(tree source.Tree, path string) bool { return f.claims(tree, path) }

// Detect implements Renderer: no directory is an application of such a format.
func (f *format) Detect(source.Tree, string) bool { return false }

// Render implements Renderer.
func (f *format) Render(_ context.Context, tree source.Tree, path string, _ Options) (*Result, error) {
	content, err := tree.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file := source.NewFile(path, content)
	resources, err := f.parse(tree, file)
	if errors.Is(err, ErrOtherFormat) {
		return &Result{Skipped: []Skipped{{Path: path, Reason: err.Error()}}}, nil
	}
	result := &Result{Resources: resources}
	if len(resources) > 0 {
		result.Files = []string{path}
	}
	for _, one := range unjoin(err) {
		if note, ok := errors.AsType[Note](one); ok {
			result.Files = append(result.Files, note.Used...)
			result.Skipped = append(result.Skipped, note.Skipped...)
			continue
		}
		result.Problems = append(result.Problems, AsProblem(path, one))
	}
	for _, r := range resources {
		r.ID.Platform = f.platform
		r.Origin.Renderer, r.Origin.File = f.Name(), cmp.Or(r.Origin.File, file)
	}
	return result, nil
}

// unjoin returns the errors that errors.Join has put together.
func unjoin(err error) []error {
	if err == nil {
		return nil
	}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return slices.Clone(all.Unwrap())
	}
	return []error{err}
}
