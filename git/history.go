package git

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Range returns the commits that are reachable from one and not from the other,
// parents before children. From may be "", for all of them. More commits than
// Options.MaxCommits give a LimitError.
func (m *Mirror) Range(ctx context.Context, from, to string) ([]string, error) {
	if s := m.lastSpan.get(); s != nil && s.from == from && s.to == to {
		return s.ids(), nil
	}
	lines, err := m.revList(ctx, from, to, "--parents")
	if err != nil {
		return nil, err
	}
	s := &span{from: from, to: to, lines: lines}
	if !s.sound() {
		return nil, m.corrupt("git rev-list does not list what leads to " + to)
	}
	ids := s.ids()
	if err := m.whole(ids); err != nil {
		return nil, err
	}
	m.lastSpan.set(s)
	return ids, nil
}

// FirstParents returns the commits of Range that are on the way from the newest
// one along first parents, oldest first: the history of the branch itself.
func (m *Mirror) FirstParents(ctx context.Context, from, to string) ([]string, error) {
	if s := m.lastSpan.get(); s != nil && s.from == from && s.to == to {
		return s.firstParents(), nil
	}
	ids, err := m.revList(ctx, from, to, "--first-parent")
	if err != nil {
		return nil, err
	}
	return ids, m.whole(ids)
}

// revList returns what git says of each commit of a range, a line each.
func (m *Mirror) revList(ctx context.Context, from, to, option string) ([]string, error) {
	if err := m.expectCommit(ctx, to); err != nil {
		return nil, err
	}
	args := []string{"rev-list", "--topo-order", "--reverse", "--max-count=" + strconv.Itoa(m.opts.MaxCommits+1), option, "--end-of-options", to}
	if from != "" {
		if err := m.expectCommit(ctx, from); err != nil {
			return nil, err
		}
		args = append(args, "^"+from)
	}
	out, err := m.run(ctx, m.environment(), args...)
	if err != nil {
		return nil, m.localFailure(err)
	}
	text := strings.TrimSuffix(string(out), "\n")
	if text == "" {
		return nil, nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) > m.opts.MaxCommits {
		return nil, &LimitError{What: "commits to look at", Limit: int64(m.opts.MaxCommits)}
	}
	return lines, nil
}

// IsAncestor reports whether b can be reached from a's children, or is a itself.
// Commits that are not in the mirror, or have gaps between them, give an error:
// what is unknown is not false.
func (m *Mirror) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	for _, id := range []string{a, b} {
		if err := m.expectCommit(ctx, id); err != nil {
			return false, err
		}
	}
	if s := m.lastSpan.get(); s != nil && s.to == b && s.descends(a) {
		return true, nil
	}
	_, err := m.run(ctx, m.environment(), "merge-base", "--is-ancestor", "--end-of-options", a, b)
	// Git says "no", too, when it could not read a commit in between; but then it
	// complains.
	if failure, ok := errors.AsType[*runError](err); ok && failure.code == 1 && failure.stderr == "" {
		return false, m.unknownIfShallow()
	}
	if err != nil {
		return false, m.localFailure(err)
	}
	return true, nil
}

// MergeBases returns the best common ancestors of two commits: those that are ancestors
// of no other one. Errors are as of IsAncestor.
func (m *Mirror) MergeBases(ctx context.Context, a, b string) ([]string, error) {
	for _, id := range []string{a, b} {
		if err := m.expectCommit(ctx, id); err != nil {
			return nil, err
		}
	}
	out, err := m.run(ctx, m.environment(), "merge-base", "--all", "--end-of-options", a, b)
	if failure, ok := errors.AsType[*runError](err); ok && failure.code == 1 && failure.stderr == "" {
		return nil, m.unknownIfShallow()
	}
	if err != nil {
		return nil, m.localFailure(err)
	}
	ids := strings.Fields(string(out))
	for _, id := range ids {
		if !isID(id) {
			return nil, m.corrupt("git merge-base gave " + quoteName(id))
		}
	}
	return ids, nil
}

// Weigh fails with a LimitError if the commits of a range have more bytes than a limit,
// not counting what they are about. Nothing but their sizes is held: other questions
// about a range have git hold all of it.
func (m *Mirror) Weigh(ctx context.Context, from, to string, limit int64) error {
	ids, err := m.Range(ctx, from, to)
	if err != nil {
		return err
	}
	total := int64(0)
	return m.batch.read(ctx, ids, 0, func(o object) error {
		if total += o.size; total > limit {
			return &LimitError{What: "bytes in the commits of a range", Limit: limit}
		}
		return nil
	})
}

// expectCommit makes sure that a commit is there, and tells one that is missing
// from one that a shallow clone left out.
func (m *Mirror) expectCommit(ctx context.Context, id string) error {
	err := m.expect(ctx, id, "commit")
	if missing, ok := errors.AsType[*MissingError](err); ok && missing.Is == "" {
		if shallow := m.unknownIfShallow(); shallow != nil {
			return shallow
		}
	}
	return err
}

// Range is that of Mirror, as are the others.
func (l *Local) Range(ctx context.Context, from, to string) ([]string, error) {
	return l.m.Range(ctx, from, to)
}

// FirstParents is that of Mirror.
func (l *Local) FirstParents(ctx context.Context, from, to string) ([]string, error) {
	return l.m.FirstParents(ctx, from, to)
}

// IsAncestor is that of Mirror.
func (l *Local) IsAncestor(ctx context.Context, a, b string) (bool, error) {
	return l.m.IsAncestor(ctx, a, b)
}

// MergeBases is that of Mirror.
func (l *Local) MergeBases(ctx context.Context, a, b string) ([]string, error) {
	return l.m.MergeBases(ctx, a, b)
}

// Weigh is that of Mirror.
func (l *Local) Weigh(ctx context.Context, from, to string, limit int64) error {
	return l.m.Weigh(ctx, from, to, limit)
}

// Tag is that of Mirror.
func (l *Local) Tag(ctx context.Context, id string) (*Tag, error) { return l.m.Tag(ctx, id) }
