package git

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// index lists what is staged, with the full path as name.
func (l *Local) index(ctx context.Context) ([]source.Entry, error) {
	out, err := l.m.run(ctx, l.m.environment(), "ls-files", "-z", "--stage")
	if err != nil {
		return nil, err
	}
	var entries []source.Entry
	for text := string(out); text != ""; {
		line, rest, _ := strings.Cut(text, "\x00")
		text = rest
		head, name, ok := strings.Cut(line, "\t")
		fields := strings.Split(head, " ")
		if !ok || len(fields) != 3 || !isID(fields[1]) {
			return nil, fmt.Errorf("git ls-files: unexpected line %s", quoteName(line))
		}
		if fields[2] != "0" {
			return nil, fmt.Errorf("%s is not merged yet\nresolve the conflict first", quoteName(name))
		}
		if e := rawEntry(fields[0], fields[1], name); e.Name != "" {
			entries = append(entries, e)
		}
		if len(entries) > l.m.opts.MaxEntries {
			return nil, &LimitError{What: "files in the index", Limit: int64(l.m.opts.MaxEntries)}
		}
	}
	return entries, nil
}

// listed returns a tree of files that are named by their paths, with changes
// undone. Their content is read when it is asked for.
func (l *Local) listed(entries []source.Entry, undo []Change) (source.Tree, error) {
	gone := map[string]bool{}
	for _, c := range undo {
		gone[c.After.Name] = c.After.Name != ""
	}
	b := builder{dirs: map[string]*dir{".": {}}}
	for _, e := range entries {
		if !gone[e.Name] {
			b.add(e)
		}
	}
	for _, c := range undo {
		if c.Before.Name != "" {
			b.add(c.Before)
		}
	}
	if b.err != nil {
		return nil, b.err
	}
	for _, d := range b.dirs {
		d.sort()
	}
	return &tree{mirror: l.m, root: b.dirs["."], revision: source.Revision{Source: l.m.workTree}}, nil
}

// builder makes directories of paths.
type builder struct {
	dirs map[string]*dir
	err  error
}

func (b *builder) add(e source.Entry) {
	name := e.Name
	e.Name = path.Base(name)
	parent := b.dir(path.Dir(name))
	if reason := badName(e.Name); reason != "" && b.err == nil {
		b.err = &TreeError{Name: quoteName(name), Reason: reason}
	}
	parent.entries = append(parent.entries, e)
	parent.subdirs = append(parent.subdirs, nil)
}

func (b *builder) dir(name string) *dir {
	if d := b.dirs[name]; d != nil {
		return d
	}
	d := &dir{}
	b.dirs[name] = d
	base := path.Base(name)
	if reason := badName(base); reason != "" && b.err == nil {
		b.err = &TreeError{Name: quoteName(name), Reason: reason}
	}
	parent := b.dir(path.Dir(name))
	parent.entries = append(parent.entries, source.Entry{Name: base, Mode: source.ModeDir, Size: -1})
	parent.subdirs = append(parent.subdirs, d)
	return d
}

// sort puts the entries in the order of their names.
func (d *dir) sort() {
	order := make([]int, len(d.entries))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(d.entries[a].Name, d.entries[b].Name) })
	entries, subdirs := make([]source.Entry, len(order)), make([]*dir, len(order))
	for to, from := range order {
		entries[to], subdirs[to] = d.entries[from], d.subdirs[from]
	}
	d.entries, d.subdirs = entries, subdirs
}
