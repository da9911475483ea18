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

// listed returns the directories of files that are named by their paths.
func listed(entries []source.Entry) (*dir, error) {
	b := builder{dirs: map[string]*dir{".": {}}}
	for _, e := range entries {
		b.add(e)
	}
	for _, d := range b.dirs {
		d.sort()
	}
	return b.dirs["."], b.err
}

// manyChanges is from where on it is cheaper to list everything anew than to
// change directories one by one.
const manyChanges = 200

// undone returns directories with changes undone. Most of them are shared.
func undone(after *dir, entries []source.Entry, changes []Change) (*dir, error) {
	if len(changes) > manyChanges {
		gone := map[string]bool{}
		for _, c := range changes {
			gone[c.After.Name] = true
		}
		before := slices.DeleteFunc(slices.Clone(entries), func(e source.Entry) bool { return gone[e.Name] })
		for _, c := range changes {
			if c.Before.Name != "" {
				before = append(before, c.Before)
			}
		}
		return listed(before)
	}
	root := after
	for _, c := range changes {
		if c.After.Name != "" {
			root = root.with(c.After.Name, source.Entry{})
		}
	}
	for _, c := range changes {
		if c.Before.Name == "" {
			continue
		}
		for name := range strings.SplitSeq(c.Before.Name, "/") {
			if reason := badName(name); reason != "" {
				return nil, &TreeError{Name: quoteName(c.Before.Name), Reason: reason}
			}
		}
		root = root.with(c.Before.Name, c.Before)
	}
	return root, nil
}

// with returns the directory with another entry at a path below it; a zero entry
// removes what is there, and the directories that are empty then.
func (d *dir) with(name string, e source.Entry) *dir {
	name, rest, below := strings.Cut(name, "/")
	out := &dir{entries: slices.Clone(d.entries), subdirs: slices.Clone(d.subdirs)}
	i, found := slices.BinarySearchFunc(out.entries, name, func(e source.Entry, name string) int { return cmp.Compare(e.Name, name) })
	var sub *dir
	empty := e.Name == ""
	if below {
		sub = &dir{}
		if found && d.subdirs[i] != nil {
			sub = d.subdirs[i]
		}
		sub = sub.with(rest, e)
		e = source.Entry{Mode: source.ModeDir, Size: -1}
		empty = len(sub.entries) == 0
	}
	e.Name = name
	switch {
	case empty && found:
		out.entries, out.subdirs = slices.Delete(out.entries, i, i+1), slices.Delete(out.subdirs, i, i+1)
	case empty:
	case found:
		out.entries[i], out.subdirs[i] = e, sub
	default:
		out.entries, out.subdirs = slices.Insert(out.entries, i, e), slices.Insert(out.subdirs, i, sub)
	}
	return out
}

// blobs are files that were read ahead, by id.
type blobs struct{ content map[string][]byte }

func (b *blobs) get(id string) ([]byte, bool) {
	if b == nil {
		return nil, false
	}
	content, ok := b.content[id]
	return content, ok
}

const maxAhead = 64 << 10 // bytes of a file that is read ahead

// ahead reads the files that changed, and those whose names many files have, in
// one go. One that cannot be read is reported when it is asked for.
func (l *Local) ahead(ctx context.Context, entries []source.Entry, changes []Change) (*blobs, error) {
	cache := &blobs{content: map[string][]byte{}}
	var ids []string
	want := func(e source.Entry) {
		if _, known := cache.content[e.ID]; !known && e.ID != "" && e.Mode.Regular() {
			cache.content[e.ID] = nil
			ids = append(ids, e.ID)
		}
	}
	for _, e := range entries {
		if slices.Contains(l.readAhead, path.Base(e.Name)) {
			want(e)
		}
	}
	for _, c := range changes {
		want(c.Before)
		want(c.After)
	}
	clear(cache.content)
	if len(ids) == 0 {
		return cache, nil
	}
	return cache, l.m.batch.read(ctx, ids, maxAhead, func(o object) error {
		if o.kind == "blob" && o.content != nil {
			cache.content[o.id] = o.content
		}
		return nil
	})
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
