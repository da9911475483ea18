package identity_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/identity"
	"github.com/holdfast-dev/holdfast/source"
)

// The history is of a fleet of objects in files. Every item has a number that is
// in no file: it is who the item truly is, and what identity is measured against.
type (
	item struct {
		id    int
		name  string // of a container; rules have none
		image string
		bad   bool
	}
	object struct {
		id    int
		kind  string // Deployment or Role
		name  string
		bad   bool // the object itself
		items []*item
	}
	manifest struct {
		path    string
		indent  int // of the items
		objects []*object
	}
	fleet struct {
		random *rand.Rand
		next   int
		files  []*manifest
	}
)

func newFleet() *fleet {
	f := &fleet{random: rand.New(rand.NewPCG(7, 11))}
	for range 24 {
		m := &manifest{path: fmt.Sprintf("apps/team-%d/%s.yaml", f.random.IntN(5), f.word())}
		for range 1 + f.random.IntN(3) {
			m.objects = append(m.objects, f.object())
		}
		f.files = append(f.files, m)
	}
	return f
}

func (f *fleet) id() int      { f.next++; return f.next }
func (f *fleet) word() string { return fmt.Sprintf("n%04d", f.id()) }

func (f *fleet) object() *object {
	o := &object{id: f.id(), kind: "Deployment", name: f.word(), bad: f.random.IntN(3) == 0}
	if f.random.IntN(4) == 0 {
		o.kind = "Role"
	}
	for range 1 + f.random.IntN(4) {
		o.items = append(o.items, f.item())
	}
	return o
}

func (f *fleet) item() *item {
	return &item{id: f.id(), name: f.word(), image: fmt.Sprintf("acme/%d:1.%d", f.random.IntN(9), f.random.IntN(9)), bad: f.random.IntN(2) == 0}
}

// text writes a file, and who owns each line.
func (m *manifest) text() (string, []int) {
	var b strings.Builder
	var owners []int
	put := func(owner int, format string, args ...any) {
		fmt.Fprintf(&b, format+"\n", args...)
		owners = append(owners, owner)
	}
	pad := strings.Repeat(" ", m.indent)
	for i, o := range m.objects {
		if i > 0 {
			put(0, "---")
		}
		put(0, "apiVersion: apps/v1\nkind: %s\nmetadata:\n  name: %s\n  namespace: shop", o.kind, o.name)
		owners = append(owners, 0, 0, 0, 0)
		if o.bad {
			put(o.id, "bad: true")
		}
		put(0, "items:")
		for _, it := range o.items {
			if o.kind == "Role" {
				put(it.id, "%s- apiGroups: [apps]", pad)
				put(it.id, "%s  resources: [%s]", pad, it.image)
			} else {
				put(it.id, "%s- name: %s", pad, it.name)
				put(it.id, "%s  image: %s", pad, it.image)
			}
			put(it.id, "%s  bad: %v", pad, it.bad)
		}
	}
	return b.String(), owners
}

func (f *fleet) write() (files map[string]string, owners map[string][]int) {
	files, owners = map[string]string{}, map[string][]int{}
	for _, m := range f.files {
		files[m.path], owners[m.path] = m.text()
	}
	return files, owners
}

// edit makes one change as people make them, and says which.
func (f *fleet) edit() string {
	m := f.files[f.random.IntN(len(f.files))]
	o := m.objects[f.random.IntN(len(m.objects))]
	it := o.items[f.random.IntN(len(o.items))]
	switch n := f.random.IntN(100); {
	case n < 40:
		it.image = fmt.Sprintf("acme/%d:2.%d", f.random.IntN(9), f.random.IntN(99))
		return "bump an image"
	case n < 50:
		f.random.Shuffle(len(o.items), func(i, j int) { o.items[i], o.items[j] = o.items[j], o.items[i] })
		if o.kind == "Role" { // without names only their lines tell them apart
			return "reorder rules"
		}
		return "reorder containers"
	case n < 56:
		f.random.Shuffle(len(m.objects), func(i, j int) { m.objects[i], m.objects[j] = m.objects[j], m.objects[i] })
		return "reorder documents"
	case n < 62:
		m.indent = (m.indent + 2) % 6
		return "indent anew"
	case n < 70:
		m.path = fmt.Sprintf("apps/team-%d/%s.yaml", f.random.IntN(5), f.word())
		return "rename a file"
	case n < 74:
		m.path, m.indent = fmt.Sprintf("apps/team-%d/%s.yaml", f.random.IntN(5), f.word()), (m.indent+2)%6
		return "rename a file and indent it anew"
	case n < 78:
		it.name = f.word()
		return "rename a container"
	case n < 81:
		o.name = f.word()
		return "rename an object"
	case n < 83:
		o.name, m.path = f.word(), fmt.Sprintf("apps/team-%d/%s.yaml", f.random.IntN(5), f.word())
		return "rename an object with its file"
	case n < 88:
		o.items = slices.Insert(o.items, f.random.IntN(len(o.items)+1), f.item())
		return "add an item"
	case n < 91 && len(o.items) > 1:
		o.items = slices.DeleteFunc(o.items, func(one *item) bool { return one == it })
		return "remove an item"
	case n < 94:
		it.bad = !it.bad
		return "mend or break an item"
	case n < 96:
		m.objects = append(m.objects, f.object())
		return "add an object"
	case n < 98 && len(m.objects) > 1:
		to := f.files[f.random.IntN(len(f.files))]
		if to != m {
			m.objects = slices.DeleteFunc(m.objects, func(one *object) bool { return one == o })
			to.objects = append(to.objects, o)
		}
		return "move an object to another file"
	}
	o.bad = !o.bad
	return "mend or break an object"
}

// truth returns who each fingerprint is about.
func truth(t *testing.T, side identity.Side, owners map[string][]int) map[string]string {
	out := map[string]string{}
	for _, f := range side.Findings {
		owner := owners[f.Location.File.Path][f.Location.Position().Line-1]
		if owner == 0 || out[f.Fingerprint] != "" {
			t.Fatalf("%s at line %d has no owner, or two", f.Location.File.Path, f.Location.Position().Line)
		}
		out[f.Fingerprint] = fmt.Sprint(owner)
	}
	return out
}

// TestIdentityOverAHistory follows every finding through 400 commits, with the
// renames that the real git sees.
func TestIdentityOverAHistory(t *testing.T) {
	const commits = 400
	repo, f := gittest.New(t), newFleet()
	files, owners := f.write()
	repo.Commit("base", files)
	before := judge(t, files)
	was := truth(t, before, owners)
	kept, lost, byFingerprint, positional := 0, 0, 0, 0
	mistaken := map[string]int{}
	missed := map[string]int{}
	for range commits {
		what := f.edit()
		for range f.random.IntN(3) {
			what += ", " + f.edit()
		}
		next, owners := f.write()
		for path := range files {
			if _, ok := next[path]; !ok {
				repo.Remove(path)
			}
		}
		repo.Commit(what, next)
		files = next
		after := judge(t, files)
		is := truth(t, after, owners)
		matched := identity.Match(before, after, identity.NewMoves(changes(t, repo)))
		used := map[string]bool{}
		for now, then := range matched.Was {
			if used[then] {
				t.Fatalf("%s: two findings became one", what)
			}
			used[then] = true
			if was[then] != is[now] {
				if strings.Contains(what, "rules") || strings.Contains(what, "item") {
					positional++ // rule 2 is rule 2, whatever it says now
				} else {
					mistaken[what]++
				}
			}
		}
		earlier := map[string]string{}
		for fingerprint, owner := range was {
			earlier[owner] = fingerprint
		}
		found := map[string]bool{}
		for now := range matched.Was {
			found[is[now]] = true
		}
		for now, owner := range is {
			then, existed := earlier[owner]
			switch {
			case !existed:
			case found[owner]:
				kept++
				if then == now {
					byFingerprint++
				}
			default:
				lost++
				missed[what]++
			}
		}
		before, was = after, is
	}
	share := func(n int) float64 { return 100 * float64(n) / float64(kept+lost) }
	t.Logf("%d commits, %d findings followed: %.3f %% kept, %.3f %% by the fingerprint alone; %d positional exchanges",
		commits, kept+lost, share(kept), share(byFingerprint), positional)
	for what, n := range missed {
		t.Logf("lost %d: %s", n, what)
	}
	if share(kept) < 99.5 {
		t.Errorf("%.3f %% are kept, want 99.5 %%", share(kept))
	}
	for what, n := range mistaken {
		t.Errorf("%d mistaken for another: %s", n, what)
	}
}

// changes are those of the last commit, as git sees them.
func changes(t *testing.T, repo *gittest.Repo) (all []git.Change) {
	t.Helper()
	out := repo.Git("diff-tree", "-r", "-z", "--name-status", "--find-renames", "HEAD~1", "HEAD")
	fields := strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
	entry := func(name string) source.Entry { return source.Entry{Name: name} }
	for i := 0; i+1 < len(fields); i += 2 {
		switch fields[i][0] {
		case 'A':
			all = append(all, git.Change{After: entry(fields[i+1])})
		case 'D':
			all = append(all, git.Change{Before: entry(fields[i+1])})
		case 'M':
			all = append(all, git.Change{Before: entry(fields[i+1]), After: entry(fields[i+1])})
		case 'R':
			all = append(all, git.Change{Before: entry(fields[i+1]), After: entry(fields[i+2])})
			i++
		}
	}
	return all
}
