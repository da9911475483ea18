package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/report"
	"github.com/holdfast-dev/holdfast/trust"
)

// describe adds to a verification what a report says of the commits, and advice.
func (o *verifyCommand) describe(ctx context.Context, repo *git.Local, span *span, v *report.Verification) error {
	v.Anchor = integrity.DefaultSignersPath
	if span.unknown != nil {
		v.Findings = integrity.Findings(ctx, repo, span.ref, v.Problems)
		return ctx.Err()
	}
	ids, err := repo.Range(ctx, span.from, span.tip)
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	v.Number = len(ids) // none, if that is not even known
	byCommit(v.Problems, ids)
	v.Findings = integrity.Findings(ctx, repo, span.ref, v.Problems)
	v.Commits = map[string]report.Commit{}
	var named []string
	for _, p := range v.Problems {
		if _, known := v.Commits[p.Commit]; p.Commit != "" && !known {
			named = append(named, p.Commit)
			v.Commits[p.Commit] = report.Commit{}
		}
	}
	err = repo.Commits(ctx, named, func(id string, c *git.Commit, err error) error {
		if err != nil {
			delete(v.Commits, id)
			return nil //nolint:nilerr // what cannot be read says nothing of itself
		}
		v.Commits[id] = report.Commit{Subject: c.Subject(), Author: c.Author.Email, When: c.Committer.When}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v.Commits = nil
	}
	return o.advise(ctx, repo, span, v)
}

// byCommit sorts problems in the order of the commits, so that what is wrong with one
// stands together. What is about none comes last.
func byCommit(problems []integrity.Problem, order []string) {
	at := make(map[string]int, len(order))
	for i, id := range order {
		at[id] = i + 1
	}
	rank := func(p integrity.Problem) int {
		if p.Commit == "" {
			return len(order) + 1
		}
		return at[p.Commit]
	}
	slices.SortStableFunc(problems, func(a, b integrity.Problem) int { return cmp.Compare(rank(a), rank(b)) })
}

// advise says what would make the repository safer, or how to begin.
func (o *verifyCommand) advise(ctx context.Context, repo *git.Local, span *span, v *report.Verification) error {
	at := span.base
	if at == "" {
		at = span.tip
	}
	tree, err := repo.Tree(ctx, at)
	if err != nil {
		return ctx.Err()
	}
	signers, err := integrity.LoadSigners(tree, "", "")
	switch {
	case err == nil && signers.Policy() != nil:
		v.Anchor = trust.Path
	case err == nil && !o.dryRun:
		v.Notes = append(v.Notes, fmt.Sprintf("No %s: whoever is listed may change everything. `holdfast trust init` writes one.", trust.Path))
	}
	if !o.dryRun || v.Decision == integrity.Allow && err == nil && signers.Policy() != nil {
		return nil
	}
	v.Notes = append(v.Notes, "Nothing is refused by a dry run. Keys are judged as of today, and before the first list by that of the tip. To begin:")
	if errors.Is(err, fs.ErrNotExist) {
		v.Notes = append(v.Notes, "  * list who may sign in "+integrity.DefaultSignersPath+", and have Git sign: git config commit.gpgsign true")
	}
	if err != nil || signers.Policy() == nil {
		v.Notes = append(v.Notes, "  * `holdfast trust init` writes "+trust.Path+": read it, and commit it with a signature")
	}
	v.Notes = append(v.Notes, "  * review the commit from which on all must be signed, and pin it: `holdfast verify --root COMMIT`, and verify.root for the loop")
	return nil
}
