package git

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Comparison is two states of the files of a repository, and what differs.
type Comparison struct {
	Base          string // commit of Before; empty when there is none yet
	Before, After source.Tree
	Changes       []Change
}

// The ids of the tree without files, which git knows without having it.
const (
	emptySHA1   = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
	emptySHA256 = "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"
)

// Staged compares the index with HEAD. Before shows the index with its changes
// undone, so that the trees of HEAD need not be read.
func (l *Local) Staged(ctx context.Context) (*Comparison, error) {
	base, err := l.Head(ctx)
	if err != nil {
		return nil, err
	}
	read := make(chan error, 1)
	var entries []source.Entry
	go func() {
		var err error
		entries, err = l.index(ctx)
		read <- err
	}()
	changes, err := l.diff(ctx, nil, base, "--cached")
	if err := errors.Join(err, <-read); err != nil {
		return nil, err
	}
	cache, err := l.ahead(ctx, entries, changes)
	if err != nil {
		return nil, err
	}
	after, err := listed(entries)
	if err != nil {
		return nil, err
	}
	before, err := undone(after, entries, changes)
	if err != nil {
		return nil, err
	}
	show := func(root *dir) source.Tree {
		return &tree{mirror: l.m, root: root, cache: cache, revision: source.Revision{Source: l.m.workTree}}
	}
	return &Comparison{Base: base, Before: show(before), After: show(after), Changes: changes}, nil
}

// Since compares the work tree, with the files that git does not know yet and
// does not ignore, with a commit. No commit stands for no files at all.
func (l *Local) Since(ctx context.Context, commit string) (*Comparison, error) {
	c := &Comparison{Base: commit, Before: source.Memory(nil)}
	var err error
	if commit != "" {
		if c.Before, err = l.m.Tree(ctx, commit); err != nil {
			return nil, err
		}
	}
	if c.After, err = source.Disk(l.m.workTree, source.DiskOptions{}); err != nil {
		return nil, err
	}
	unfiltered, err := l.unfiltered(ctx)
	if err != nil {
		return nil, err
	}
	if c.Changes, err = l.diff(ctx, unfiltered, commit); err != nil {
		return nil, err
	}
	out, err := l.m.run(ctx, l.m.environment(), "ls-files", "-z", "--others", "--exclude-standard")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if e, err := c.After.Stat(name); name != "" && err == nil {
			e.Name = name
			c.Changes = append(c.Changes, Change{After: e})
		}
	}
	return c, nil
}

// Head returns the commit that is checked out, "" before the first one.
func (l *Local) Head(ctx context.Context) (string, error) {
	id, err := l.Resolve(ctx, "HEAD")
	if _, none := errors.AsType[*RevisionError](err); none {
		return "", nil
	}
	return id, err
}

// orNone returns a commit, or what git calls the tree without files.
func (l *Local) orNone(ctx context.Context, commit string) (string, error) {
	if commit != "" {
		return commit, nil
	}
	out, err := l.m.run(ctx, l.m.environment(), "rev-parse", "--show-object-format")
	if strings.TrimSpace(string(out)) == "sha256" {
		return emptySHA256, err
	}
	return emptySHA1, err
}

// unfiltered are settings that keep git from running the filters which the
// configuration of the repository names, when it looks whether a file changed.
func (l *Local) unfiltered(ctx context.Context) (none []setting, err error) {
	out, err := l.m.run(ctx, l.m.environment(), "config", "--null", "--name-only", "--get-regexp", `^filter\.`)
	if failure, ok := errors.AsType[*runError](err); ok && failure.code == 1 {
		return nil, nil
	}
	for key := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		value := ""
		if strings.HasSuffix(key, ".required") {
			value = "false"
		}
		none = append(none, setting{key, value})
	}
	return none, err
}

func (l *Local) diff(ctx context.Context, settings []setting, from string, options ...string) ([]Change, error) {
	from, err := l.orNone(ctx, from)
	if err != nil {
		return nil, err
	}
	args := append([]string{
		"diff-index", "--raw", "-z", "--no-abbrev", "--find-renames", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all",
	}, options...)
	out, err := l.m.run(ctx, l.m.environment(settings...), append(args, from, "--")...)
	if err != nil {
		return nil, err
	}
	return parseRaw(string(out))
}

// parseRaw reads git's raw format with NUL after each field:
// ":mode mode id id status", then one path, or two of a rename.
func parseRaw(out string) ([]Change, error) {
	var changes []Change
	next := func() string {
		field, rest, _ := strings.Cut(out, "\x00")
		out = rest
		return field
	}
	for out != "" {
		head := next()
		fields := strings.Fields(strings.TrimPrefix(head, ":"))
		if len(fields) != 5 || !isID(fields[2]) || !isID(fields[3]) {
			return nil, fmt.Errorf("git diff: unexpected line %s", quoteName(head))
		}
		from := next()
		to := from
		if fields[4][0] == 'R' || fields[4][0] == 'C' {
			to = next()
		}
		c := Change{Before: rawEntry(fields[0], fields[2], from), After: rawEntry(fields[1], fields[3], to)}
		if fields[4][0] == 'U' {
			return nil, fmt.Errorf("%s is not merged yet\nresolve the conflict first", quoteName(to))
		}
		for _, e := range []source.Entry{c.Before, c.After} {
			if e.Name != "" && source.CheckPath(e.Name) != nil {
				return nil, &TreeError{Name: quoteName(e.Name), Reason: "not a path"}
			}
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// rawEntry is zero for what is absent. An id of zeros is one that is not known.
func rawEntry(mode, id, name string) source.Entry {
	kind, ok := treeMode(mode)
	if !ok {
		return source.Entry{}
	}
	if strings.Trim(id, "0") == "" {
		id = ""
	}
	return source.Entry{Name: name, Mode: kind, Size: -1, ID: id}
}
