package scan

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/source"
)

// searched is a file that was searched for secrets.
type searched struct {
	file     *source.File
	findings []*finding.Finding
	hits     []secret.Hit // one for each finding
	reason   string       // for which it was not searched
}

// search looks for secrets in all files below dir, whatever they are. Installed
// packages are not of the repository, and nobody mends them here.
func (s *Scanner) search(ctx context.Context, tree source.Tree, dir string) ([]searched, error) {
	if s.Secrets == nil {
		return nil, nil
	}
	paths, err := s.texts(tree, dir)
	if err != nil {
		return nil, err
	}
	found := make([]searched, len(paths))
	err = s.each(ctx, "searching for secrets in", len(paths), true, func(ctx context.Context, i int) error {
		found[i] = s.searchFile(tree, paths[i])
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return s.without(ctx, slices.DeleteFunc(found, func(f searched) bool { return f.findings == nil && f.reason == "" })), nil
}

// Ignored tells which of some files are not of the repository, and never will be:
// that is where secrets may be on a developer's machine.
type Ignored func(ctx context.Context, paths []string) ([]string, error)

// without forgets what was found in files that are ignored. If it cannot be told
// which are, none is.
func (s *Scanner) without(ctx context.Context, found []searched) []searched {
	var paths []string
	for _, one := range found {
		if one.hits != nil {
			paths = append(paths, one.file.Path)
		}
	}
	if s.Ignored == nil || paths == nil {
		return found
	}
	ignored, err := s.Ignored(ctx, paths)
	if err != nil {
		return found
	}
	for i, one := range found {
		if slices.Contains(ignored, one.file.Path) {
			found[i] = searched{file: one.file, reason: "ignored by Git"}
		}
	}
	return found
}

func (s *Scanner) texts(tree source.Tree, dir string) (paths []string, err error) {
	entry, err := tree.Stat(dir)
	if err != nil {
		return nil, err
	}
	only := s.Search
	if only == nil {
		only = s.Changed
	}
	if only != nil {
		for _, name := range only {
			if e, err := tree.Stat(name); err == nil && e.Mode.Regular() && (dir == "." || name == dir || strings.HasPrefix(name, dir+"/")) {
				paths = append(paths, name)
			}
		}
		slices.Sort(paths)
		return slices.Compact(paths), nil
	}
	if entry.Mode.Regular() {
		return []string{dir}, nil
	}
	err = source.Walk(tree, dir, func(name string, e source.Entry) error {
		switch {
		case e.Mode == source.ModeDir && (e.Name == ".git" || e.Name == "node_modules" || e.Name == ".terraform"):
			return fs.SkipDir
		case e.Mode.Regular():
			paths = append(paths, name)
		}
		return nil
	})
	return paths, err
}

func (s *Scanner) searchFile(tree source.Tree, name string) searched {
	if e, err := tree.Stat(name); err == nil && e.Size > secret.MaxSize {
		return searched{file: source.NewFile(name, nil), reason: secret.TooLarge}
	}
	content, err := tree.ReadFile(name)
	file := source.NewFile(name, content)
	if err != nil {
		reason := "cannot be read"
		if _, large := errors.AsType[*source.TooLargeError](err); large {
			reason = secret.TooLarge
		}
		return searched{file: file, reason: reason}
	}
	if reason := secret.Unsearchable(content); reason != "" {
		return searched{file: source.NewFile(name, nil), reason: reason}
	}
	all, hits := s.Secrets.Findings(file)
	return searched{file: file, findings: all, hits: hits}
}

// addSecrets adds what was found in files to what policies found. A policy knows
// more of a place, so that its finding about a secret there is enough. Whatever
// else is said must not show the secrets.
func (r *Result) addSecrets(found []searched) {
	told := map[string][]*finding.Finding{} // by path, about secrets
	for _, f := range r.Findings {
		if f.Sensitive && f.Location.File != nil {
			told[f.Location.File.Path] = append(told[f.Location.File.Path], f)
		}
	}
	var values []string
	secrets := map[string]searched{}
	for _, one := range found {
		if one.hits == nil {
			continue
		}
		secrets[one.file.Path] = one
		for i, h := range one.hits {
			values = append(values, string(one.file.Content[h.Span.Start:h.Span.End]))
			if !slices.ContainsFunc(told[one.file.Path], func(f *finding.Finding) bool { return sameLines(f.Location, one.findings[i].Location) }) {
				r.Findings = append(r.Findings, one.findings[i])
			}
		}
		if bytes.Contains(one.file.Content, []byte(Mark)) {
			r.Marked = append(r.Marked, one.file)
		}
	}
	if len(values) > 0 {
		r.hide(values, secrets)
	}
}

// sameLines reports whether two locations in one file have a line in common.
func sameLines(a, b resource.Location) bool {
	first := func(l resource.Location) int { return l.File.Position(l.Span.Start).Line }
	last := func(l resource.Location) int { return l.File.Position(max(l.Span.Start, l.Span.End)).Line }
	return first(a) <= last(b) && first(b) <= last(a)
}

// minHidden is how long, in bytes, a secret must be to be hidden wherever it
// occurs. A shorter one may be a word, and is hidden on its own line.
const minHidden = 8

// hide takes secrets out of all that is said of other things: a policy that
// judges an address does not know that there is a password in it.
func (r *Result) hide(values []string, secrets map[string]searched) {
	slices.SortFunc(values, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	var pairs []string
	for _, v := range slices.Compact(values) {
		if len(v) >= minHidden {
			pairs = append(pairs, v, resource.Mask)
		}
	}
	mask := strings.NewReplacer(pairs...).Replace
	for _, f := range r.Findings {
		f.Message, f.Label, f.Field, f.Subject.Name = mask(f.Message), mask(f.Label), mask(f.Field), mask(f.Subject.Name)
		if f.Location.File == nil || f.Sensitive {
			continue
		}
		one := secrets[f.Location.File.Path]
		for i, h := range one.findings {
			if sameLines(f.Location, h.Location) {
				f.Sensitive = true
				value := string(one.file.Content[one.hits[i].Span.Start:one.hits[i].Span.End])
				f.Message, f.Label = strings.ReplaceAll(f.Message, value, resource.Mask), strings.ReplaceAll(f.Label, value, resource.Mask)
			}
		}
	}
	for i := range r.Errors {
		r.Errors[i] = mask(r.Errors[i])
	}
	for i := range r.Problems {
		r.Problems[i].Message, r.Problems[i].Hint = mask(r.Problems[i].Message), mask(r.Problems[i].Hint)
	}
}

// hideFixes marks the fixes that cannot be shown without a secret. A fix is shown
// with the line above it.
func (r *Result) hideFixes(found []searched) {
	var values []string
	secrets := map[string]searched{}
	for _, one := range found {
		for _, h := range one.hits {
			values = append(values, string(one.file.Content[h.Span.Start:h.Span.End]))
		}
		if one.hits != nil {
			secrets[one.file.Path] = one
		}
	}
	for _, f := range r.Findings {
		if !f.Fix.Automatic() {
			continue
		}
		lines := resource.Location{File: f.Fix.File, Span: f.Fix.Edits[0].Span}
		for _, e := range f.Fix.Edits {
			lines.Span = source.Span{Start: min(lines.Span.Start, e.Span.Start), End: max(lines.Span.End, e.Span.End)}
			if slices.ContainsFunc(values, func(v string) bool { return len(v) >= minHidden && strings.Contains(e.New, v) }) {
				f.Fix.Sensitive = true
			}
		}
		above := f.Fix.File.Line(f.Fix.File.Position(lines.Span.Start).Line - 1)
		if !above.IsZero() {
			lines.Span.Start = above.Start
		}
		for _, h := range secrets[f.Fix.File.Path].findings {
			if sameLines(lines, h.Location) {
				f.Fix.Sensitive = true
			}
		}
	}
}

// unsearched accounts for the files in which no secret was looked for.
func (r *Result) unsearched(found []searched) {
	at := map[string]int{}
	for i, s := range r.Skipped {
		at[s.Path] = i
	}
	for _, one := range found {
		if one.reason == "" {
			continue
		}
		reason := "not searched for secrets: " + one.reason
		if i, ok := at[one.file.Path]; ok {
			r.Skipped[i].Reason += "; " + reason
		} else {
			r.Skipped = append(r.Skipped, render.Skipped{Path: one.file.Path, Reason: reason})
		}
	}
	slices.SortStableFunc(r.Skipped, func(a, b render.Skipped) int { return cmp.Compare(a.Path, b.Path) })
}
