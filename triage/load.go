package triage

import (
	"context"
	"errors"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
	"github.com/holdfast-dev/holdfast/waiver"
)

// Context is where a triage takes waivers, the baseline and approvals from.
type Context struct {
	Judged source.Tree // has the waivers and the baseline
	// Trusted returns the tree that says who may approve, and what the baseline may
	// hold: that of the commit that others are compared with. Nil if there is none.
	Trusted func(context.Context) (source.Tree, error)
	// Authority returns who may approve, if that is not for the trusted tree to say.
	Authority func(context.Context) (Authority, error)
	Repo      Repository // nil without a history
	Commit    string     // whose history proves approvals; empty before the first one
}

// Load reads the waivers and the baseline into the input. Mistakes in the files
// are problems, and what cannot be read does not count.
func (in *Input) Load(ctx context.Context, c Context) ([]render.Problem, error) {
	var problems []render.Problem
	var err error
	if file, err := read(c.Judged, waiver.Path); err != nil {
		return nil, err
	} else if file != nil {
		if in.Waivers, err = waiver.Decode(file); err != nil {
			problems = append(problems, Problems(file.Path, err)...)
		}
	}
	if file, err := read(c.Judged, BaselinePath); err != nil {
		return nil, err
	} else if file != nil {
		if in.Baseline, err = DecodeBaseline(file); err != nil {
			problems = append(problems, Problems(file.Path, err)...)
		}
	}
	if in.Waivers == nil && in.Baseline == nil {
		return problems, nil
	}
	trusted := source.Memory(nil)
	if c.Trusted != nil {
		if trusted, err = c.Trusted(ctx); err != nil {
			return nil, err
		}
	}
	if err := in.limitBaseline(trusted, c.Trusted != nil); err != nil {
		return nil, err
	}
	if in.Waivers != nil {
		err = in.approve(ctx, c, trusted)
	}
	return problems, err
}

// limitBaseline drops what was added to the baseline. The first one of all counts
// as it is, unless there is an earlier state to compare with, which says better
// what was there before.
func (in *Input) limitBaseline(trusted source.Tree, isTrusted bool) error {
	if in.Baseline == nil || !isTrusted {
		return nil
	}
	file, err := read(trusted, BaselinePath)
	if err != nil {
		return err
	}
	var before *Baseline
	if file != nil {
		if before, err = DecodeBaseline(file); err != nil {
			before = NewBaseline(nil) // nobody knows what it held
		}
	}
	if before != nil || in.Matching != nil {
		in.Baseline = in.Baseline.Keep(before.Has)
	}
	return nil
}

func (in *Input) approve(ctx context.Context, c Context, trusted source.Tree) error {
	if c.Repo == nil {
		in.Approvals = Unproven(in.Waivers)
		return nil
	}
	if c.Authority == nil {
		c.Authority = func(context.Context) (Authority, error) { return LoadAuthority(trusted, "", "") }
	}
	who, err := c.Authority(ctx)
	if err != nil {
		return err
	}
	in.Author = Authors(ctx, c.Repo, c.Commit)
	in.Approvals, err = Approvals(ctx, c.Repo, c.Commit, in.Waivers, who)
	return err
}

// read returns a file of a tree; nil if there is none.
func read(tree source.Tree, name string) (*source.File, error) {
	content, err := tree.ReadFile(name)
	if source.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return source.NewFile(name, content), nil
}

// Problems turns the mistakes of a file into problems with their places.
func Problems(path string, err error) (all []render.Problem) {
	mistakes, ok := errors.AsType[strict.Errors](err)
	if !ok {
		return []render.Problem{render.AsProblem(path, err)}
	}
	for _, m := range mistakes {
		all = append(all, render.Problem{Path: m.Path, Position: m.Position, Message: m.Message, Hint: m.Suggestion})
	}
	return all
}

// Ignores reads the comments of files that have some.
func Ignores(files []*source.File, known func(id string) bool) (all []waiver.Ignore, problems []render.Problem) {
	for _, file := range files {
		some, mistakes := waiver.ParseIgnores(file, known)
		all = append(all, some...)
		if len(mistakes) > 0 {
			problems = append(problems, Problems(file.Path, mistakes)...)
		}
	}
	return all, problems
}
