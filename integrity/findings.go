package integrity

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strconv"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Content is what places of problems are looked up in: a History is one.
type Content interface {
	Commit(ctx context.Context, id string) (*git.Commit, error)
	Tree(ctx context.Context, commit string) (source.Tree, error)
	Changes(ctx context.Context, from, to string) ([]git.Change, error)
}

// maxPlaces bounds for how many problems a place is looked up: nobody reads more
// annotations. maxShown bounds the files that are read for that, in bytes.
const (
	maxPlaces = 1000
	maxShown  = 1 << 20
)

// Findings returns problems as findings, in their order: the code is the rule, the
// commit or else the ref is the subject. The place is the file and line that the
// problem names, or the first change of the commit, so that a review shows it beside
// what it is about. Where no place can be found there is none; nothing fails.
func Findings(ctx context.Context, in Content, ref string, problems []Problem) []*finding.Finding {
	rules := map[Code]*finding.Rule{}
	seen := map[Problem]int{}
	all := make([]*finding.Finding, len(problems))
	for i, p := range problems {
		if rules[p.Code] == nil {
			rules[p.Code] = ruleOf(p.Code)
		}
		f := &finding.Finding{
			Rule: rules[p.Code], Message: p.Message, Severity: p.Severity(), Count: 1,
			Subject: resource.ID{Platform: resource.Git, Kind: "Ref", Name: cmp.Or(ref, "HEAD")},
			// What a commit changes can be anything, a password as well.
			Sensitive: true,
		}
		if p.Commit != "" {
			f.Subject.Kind, f.Subject.Name = "Commit", p.Commit
			f.Message = "commit " + short(p.Commit) + ": " + p.Message
			if i < maxPlaces {
				f.Location = place(ctx, in, p)
			}
		}
		f.Field = p.Path
		// Messages may hold the time of day, so that equal problems are told apart by
		// their number.
		same := Problem{Code: p.Code, Commit: p.Commit, Path: p.Path}
		discriminator := ""
		if n := seen[same]; n > 0 {
			discriminator = strconv.Itoa(n)
		}
		seen[same]++
		f.Identify(discriminator)
		f.Cause = f.Fingerprint[len("hf1:"):] // one problem is one thing to mend
		all[i] = f
	}
	return all
}

func ruleOf(code Code) *finding.Rule {
	if e := Explain(string(code)); e != nil {
		return &e.Rule
	}
	return &finding.Rule{ID: string(code), Title: string(code), Severity: finding.High}
}

// place finds the file and line of a problem of a commit.
func place(ctx context.Context, in Content, p Problem) resource.Location {
	commit, err := in.Commit(ctx, p.Commit)
	if err != nil {
		return named(p)
	}
	parent := ""
	if len(commit.Parents) > 0 {
		parent = commit.Parents[0]
	}
	changes, err := in.Changes(ctx, parent, p.Commit)
	if err != nil {
		return named(p)
	}
	i := slices.IndexFunc(changes, func(c git.Change) bool {
		if p.Path != "" {
			return c.Path() == p.Path
		}
		return c.After.Mode.Regular()
	})
	switch {
	case i < 0 && p.Path == "" && len(changes) > 0:
		i = 0 // what is gone
	case i < 0:
		if p.Path == "" {
			return resource.Location{}
		}
		return atLine(source.NewFile(p.Path, contentOf(ctx, in, p.Commit, p.Path)), p.Line)
	}
	name := changes[i].Path()
	after := contentOf(ctx, in, p.Commit, name)
	if p.Line == 0 && changes[i].Before.ID != "" && parent != "" {
		p.Line = firstDifference(contentOf(ctx, in, parent, changes[i].Before.Name), after)
	}
	return atLine(source.NewFile(name, after), max(p.Line, 1))
}

// named is the place of a problem whose commit cannot be read.
func named(p Problem) resource.Location {
	if p.Path == "" {
		return resource.Location{}
	}
	return resource.Location{File: source.NewFile(p.Path, nil)}
}

func contentOf(ctx context.Context, in Content, commit, name string) []byte {
	tree, err := in.Tree(ctx, commit)
	if err != nil {
		return nil
	}
	if entry, err := tree.Stat(name); err != nil || !entry.Mode.Regular() {
		return nil
	}
	content, err := tree.ReadFile(name)
	if err != nil || len(content) > maxShown || bytes.IndexByte(content, 0) >= 0 {
		return nil
	}
	return content
}

// atLine returns the text of a line as a place; the file alone if it has no such line.
func atLine(file *source.File, line int) resource.Location {
	if line < 1 || line > file.Lines() || len(file.Content) == 0 {
		return resource.Location{File: file}
	}
	span := file.Line(line)
	text := file.Content[span.Start:span.End]
	start := span.Start + len(text) - len(bytes.TrimLeft(text, " \t"))
	end := span.Start + len(bytes.TrimRight(text, " \t\r\n"))
	return resource.Location{File: file, Span: source.Span{Start: start, End: max(start, end)}, Exact: end > start}
}

// firstDifference returns the line, from 1, at which a text begins to differ from
// what it was.
func firstDifference(before, after []byte) int {
	line := 1
	for i := range min(len(before), len(after)) {
		if before[i] != after[i] {
			return line
		}
		if after[i] == '\n' {
			line++
		}
	}
	return min(line, max(bytes.Count(after, []byte("\n")), 1))
}
