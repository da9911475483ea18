package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/report"
)

// formatNames returns those of --output.
func formatNames() []string {
	names := []string{"text"}
	for _, f := range report.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// output is one --output: a format, and the file that it goes to; "" is
// standard output.
type output struct{ format, file string }

// parseOutputs reads --output flags, of the formats that there are. Text goes to
// standard output if nothing else does.
func parseOutputs(specs, formats []string) ([]output, error) {
	var all []output
	for _, spec := range specs {
		format, file, toFile := strings.Cut(spec, "=")
		switch {
		case !slices.Contains(formats, format):
			return nil, withHint(fmt.Errorf("there is no output format %q", format), "use one of %s, with =FILE to write to a file", strings.Join(formats, ", "))
		case toFile && file == "":
			return nil, fmt.Errorf("--output %s names no file", spec)
		}
		all = append(all, output{format, file})
	}
	toOut := slices.DeleteFunc(slices.Clone(all), func(out output) bool { return out.file != "" })
	switch len(toOut) {
	case 0:
		all = append([]output{{format: "text"}}, all...)
	case 1:
	default:
		return nil, withHint(fmt.Errorf("%s and %s cannot both go to standard output", toOut[0].format, toOut[1].format),
			"write one to a file: --output %s=FILE", toOut[1].format)
	}
	return all, nil
}

// write has an output written to where it goes; twice quiet, standard output gets
// nothing.
func (a *app) write(out output, quiet int, do func(io.Writer) error) error {
	switch {
	case out.file != "":
		f, err := os.Create(out.file)
		if err != nil {
			return fmt.Errorf("--output %s: %w", out.format, pathError(out.file, err))
		}
		return errors.Join(do(f), f.Close())
	case quiet >= 2:
		return do(io.Discard)
	}
	return do(a.Out)
}

func (o *scanCommand) encode(w io.Writer, out output, s *report.Scan) error {
	for _, f := range report.Formats() {
		if f.Name == out.format {
			return f.Write(w, s)
		}
	}
	opts := report.TextOptions{Quiet: o.quiet > 0, Verbose: o.verbose, All: o.scope.all}
	if out.file == "" {
		opts.Width, opts.Color = o.width(), o.colored()
		if o.terminal() {
			opts.Limit = o.limit
		}
	}
	return report.Text(w, s, opts)
}
