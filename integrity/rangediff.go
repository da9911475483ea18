package integrity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
)

// maxCompared bounds how many commits of each side of a rewrite are compared.
const maxCompared = 200

// Rewrite is a branch that did more than grow.
type Rewrite struct {
	Old, New string
	Lost     []Lost // newest first, at most maxLost

	Acknowledged []string // who released it, by name; empty if nobody did
	Reasons      []string // that they gave
}

// Fate is what became of a commit that a rewrite removes.
type Fate string

// The fates of commits.
const (
	Unknown   Fate = ""          // there is too much to compare
	Gone      Fate = "gone"      // nothing of the new history corresponds to it
	Altered   Fate = "altered"   // one of the same author and subject changes something else
	Unchanged Fate = "unchanged" // one of the same author changes the same lines
)

// Lost is a commit that a rewrite removes.
type Lost struct {
	Commit, Subject string
	Fate            Fate
	Now             string // the commit that corresponds to it, if one does
}

// rangeDiff finds out what became of lost commits among the new ones.
func (c *checker) rangeDiff(ctx context.Context, lost, added []string) ([]Lost, error) {
	out := make([]Lost, 0, min(len(lost), maxLost))
	before, err := c.sketches(ctx, lost, len(added))
	if err != nil {
		return nil, err
	}
	var after []sketch
	if len(lost) <= maxCompared && len(added) <= maxCompared {
		if after, err = c.sketches(ctx, added, len(lost)); err != nil {
			return nil, err
		}
	}
	taken := map[string]bool{}
	find := func(same func(sketch) bool) string {
		for _, s := range after {
			if !taken[s.id] && same(s) {
				taken[s.id] = true
				return s.id
			}
		}
		return ""
	}
	fates := make([]Lost, len(before))
	for i, old := range before { // what is equal first, so that nothing like it takes its place
		fates[i] = Lost{Commit: old.id, Subject: old.subject}
		if old.patch == "" {
			continue
		}
		if now := find(func(s sketch) bool { return s.patch == old.patch && s.author == old.author }); now != "" {
			fates[i].Fate, fates[i].Now = Unchanged, now
		}
	}
	for i, old := range before {
		if fates[i].Fate != Unknown || !old.compared {
			continue
		}
		fates[i].Fate = Gone
		if now := find(func(s sketch) bool { return s.subject == old.subject && s.author == old.author }); now != "" {
			fates[i].Fate, fates[i].Now = Altered, now
		}
	}
	return append(out, fates[:min(len(fates), maxLost)]...), nil
}

// sketch is what commits are compared by.
type sketch struct {
	id, subject, author, patch string
	compared                   bool
}

// sketches reads commits; what they change only if neither side has too many. What
// cannot be read has no likeness: this serves to tell, and decides nothing.
func (c *checker) sketches(ctx context.Context, ids []string, others int) ([]sketch, error) {
	compared := len(ids) <= maxCompared && others <= maxCompared
	if !compared {
		ids = ids[:min(len(ids), maxLost)]
	}
	var out []sketch
	err := c.h.Commits(ctx, ids, func(id string, commit *git.Commit, err error) error {
		s := sketch{id: id, compared: compared}
		if err == nil {
			s.subject, s.author = commit.Subject(), commit.Author.Email
		}
		out = append(out, s)
		return ctx.Err()
	})
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for _, id := range ids[min(len(out), len(ids)):] {
		out = append(out, sketch{id: id})
	}
	for i := range out {
		if !compared || out[i].subject == "" && out[i].author == "" {
			continue
		}
		patch, err := c.h.PatchID(ctx, out[i].id)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		out[i].patch = patch
	}
	return out, nil
}

// describeLost says what is lost, and what became of it: what is gone first.
func describeLost(lost []Lost, total int) string {
	shown := slices.Clone(lost)
	slices.SortStableFunc(shown, func(a, b Lost) int { return fateOrder(a.Fate) - fateOrder(b.Fate) })
	var parts []string
	for _, l := range shown[:min(len(shown), maxSubjects)] {
		text := short(l.Commit)
		if l.Subject != "" {
			text += " " + quoted(l.Subject)
		}
		switch l.Fate {
		case Gone:
			text += " (gone)"
		case Altered:
			text += " (altered, as " + short(l.Now) + ")"
		case Unchanged:
			text += " (unchanged, as " + short(l.Now) + ")"
		}
		parts = append(parts, text)
	}
	noun := "commits"
	if total == 1 {
		noun = "commit"
	}
	text := fmt.Sprintf("%d %s: %s", total, noun, strings.Join(parts, ", "))
	if total > maxSubjects {
		text += ", …"
	}
	return text
}

func fateOrder(f Fate) int { return slices.Index([]Fate{Unknown, Gone, Altered, Unchanged}, f) }
