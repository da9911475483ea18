package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/triage"
)

// fullScan is a scan of everything, as what is written about findings takes it.
type fullScan struct {
	scope   *scope
	in      triage.Input
	outcome triage.Outcome
}

var errIncomplete = errors.New("something could not be judged, so that nobody knows what was found")

// scanAll scans the whole tree around the current directory. One that is not
// complete is an error, unless it is only to be looked at.
func (a *app) scanAll(ctx context.Context, flags setup.PolicyOptions, look bool) (*fullScan, error) {
	policies, err := loadPolicies(flags)
	if err != nil {
		return nil, err
	}
	s, err := (&scopeFlags{}).openScope(ctx, ".")
	if err != nil {
		return nil, err
	}
	s.inside = "."
	scanner := scan.Scanner{
		Renderers: setup.Renderers(), Evaluator: policies, Options: render.Options{IncludeCRDs: true},
		Secrets: (&secretFlags{}).detector(flags),
	}
	result, _, err := s.scan(ctx, scanner)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	full := &fullScan{scope: s}
	full.in, err = s.triage(ctx, result, nil, known(policies, flags.Disable))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if result.Partial() && !look {
		return nil, errors.Join(withHint(errIncomplete, "`holdfast scan` says what it is"), s.Close())
	}
	full.outcome = triage.Run(full.in)
	return full, nil
}

// Close closes the repository.
func (f *fullScan) Close() error { return f.scope.Close() }

// write replaces a file of the tree.
func (f *fullScan) write(name string, content []byte) error {
	full := filepath.Join(f.scope.tree.Revision().Source, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil { //nolint:gosec // as a checkout makes it
		return err
	}
	if err := os.WriteFile(full, content, 0o644); err != nil { //nolint:gosec // as a checkout makes it
		return pathError(full, err)
	}
	return nil
}

// has reports whether a file is in the tree.
func (f *fullScan) has(name string) bool {
	_, err := f.scope.tree.Stat(name)
	return !source.IsNotExist(err)
}

// say prints a line for people.
func (a *app) say(format string, args ...any) error {
	p := a.printer()
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = report.Plain(text)
		}
	}
	p.Printf(format, args...)
	return p.Err()
}
