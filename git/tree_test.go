package git_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/source/sourcetest"
)

func TestTreeIsASourceTree(t *testing.T) {
	build := func(t *testing.T, files []sourcetest.File) source.Tree {
		r := gittest.New(t)
		for _, f := range files {
			if f.Mode == source.ModeSymlink {
				r.Symlink(f.Path, f.Content)
				continue
			}
			r.Write(map[string]string{f.Path: f.Content})
			if f.Mode == source.ModeExecutable {
				if err := os.Chmod(r.Path(f.Path), 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		head := r.Commit("all", nil)
		m := open(t, r.FileURL(), func(o *git.Options) { o.MaxFileSize = sourcetest.MaxFileSize })
		fetch(t, m, main)
		tree, err := m.Tree(t.Context(), head)
		if err != nil {
			t.Fatal(err)
		}
		if got := tree.Revision(); got.Commit != head || got.Source != r.FileURL() {
			t.Errorf("revision %+v", got)
		}
		return tree
	}
	t.Run("itself", func(t *testing.T) { sourcetest.Run(t, sourcetest.Features{Modes: true, Limit: true}, build) })
	t.Run("recorded below an overlay", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Features{Modes: true, Limit: true}, func(t *testing.T, files []sourcetest.File) source.Tree {
			return source.Overlay(source.Record(build(t, files)), nil)
		})
	})
}

// fetched makes a mirror of a repository's main branch.
func fetched(t testing.TB, r *gittest.Repo, change ...func(*git.Options)) *git.Mirror {
	t.Helper()
	m := open(t, r.FileURL(), change...)
	fetch(t, m, main)
	return m
}

func TestChangedAgreesWithGit(t *testing.T) {
	r := gittest.New(t)
	ids := []string{r.Commit("first", map[string]string{"a": "1", "dir/b": "1", "dir/sub/c": "1", "e": "1", "f.d/x": "1", "f": "1"})}
	r.Remove("e")
	ids = append(ids, r.Commit("file becomes a directory, and back", map[string]string{"e/x": "1", "a": "2"}))
	r.Remove("dir")
	ids = append(ids, r.Commit("directory becomes a file", map[string]string{"dir": "1", "new/a/b/c": "1"}))
	if err := os.Chmod(r.Path("a"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.Remove("f")
	r.Symlink("f", "a")
	ids = append(ids, r.Commit("only modes", nil))
	r.Git("update-index", "--add", "--cacheinfo", "160000,"+ids[0]+",module")
	r.Git("commit", "--quiet", "--message", "submodule")
	ids = append(ids, r.Head())
	m := fetched(t, r)
	empty := r.TreeObject()
	for _, from := range append([]string{""}, ids...) {
		for _, to := range ids {
			got, err := m.Changed(t.Context(), from, to)
			if err != nil {
				t.Fatal(err)
			}
			base := from
			if from == "" {
				base = empty
			}
			want := strings.FieldsFunc(r.Git("diff-tree", "-r", "-z", "--name-only", "--no-renames", base, to), func(c rune) bool { return c == 0 })
			slices.Sort(want)
			want = slices.Compact(want)
			slices.Sort(got)
			if !slices.Equal(got, slices.Compact(slices.Clone(got))) || !slices.Equal(got, want) {
				t.Errorf("Changed(%.7s, %.7s) = %q, want %q", from, to, got, want)
			}
		}
	}
	tree, err := m.Tree(t.Context(), ids[4])
	if err != nil {
		t.Fatal(err)
	}
	if e, err := tree.Stat("module"); err != nil || e.Mode != source.ModeSubmodule {
		t.Errorf("submodule: %+v, %v", e, err)
	}
	if _, err := tree.ReadDir("module"); err == nil || source.IsNotExist(err) {
		t.Errorf("ReadDir of a submodule: %v", err)
	}
	if _, err := tree.ReadFile("module/a"); !source.IsNotExist(err) {
		t.Errorf("a file in a submodule: %v", err)
	}
}

func TestFileAt(t *testing.T) {
	r := gittest.New(t)
	r.Symlink("link", "dir/file")
	r.Symlink("to-dir", "dir")
	first := r.Commit("first", map[string]string{"dir/file": "1"})
	second := r.Commit("second", map[string]string{"dir/file": "2"})
	m := fetched(t, r)
	for commit, want := range map[string]string{first: "1", second: "2"} {
		if got, err := m.FileAt(t.Context(), commit, "dir/file"); err != nil || string(got) != want {
			t.Errorf("FileAt(%.7s) = %q, %v", commit, got, err)
		}
	}
	if _, err := m.FileAt(t.Context(), first, "absent"); !source.IsNotExist(err) {
		t.Errorf("an absent file: %v", err)
	}
	for _, name := range []string{"link", "to-dir/file", "dir", "../x", ""} {
		if got, err := m.FileAt(t.Context(), first, name); err == nil {
			t.Errorf("FileAt(%q) = %q, want an error", name, got)
		}
	}
	if _, err := m.FileAt(t.Context(), r.Git("rev-parse", "HEAD^{tree}"), "dir/file"); err == nil {
		t.Error("a tree was taken for a commit")
	}
}

func TestTreeLimits(t *testing.T) {
	bomb := func(r *gittest.Repo) string {
		id, mode := r.Object("blob", []byte("boom")), "100644"
		for range 10 {
			var entries []gittest.TreeEntry
			for i := range 10 {
				entries = append(entries, gittest.TreeEntry{Mode: mode, Name: fmt.Sprint(i), ID: id})
			}
			id, mode = r.TreeObject(entries...), "40000"
		}
		return id
	}
	deep := func(depth, width int) func(r *gittest.Repo) string {
		return func(r *gittest.Repo) string {
			tree := r.TreeObject(gittest.TreeEntry{Mode: "100644", Name: "f", ID: r.Object("blob", nil)})
			for range depth {
				tree = r.TreeObject(gittest.TreeEntry{Mode: "40000", Name: strings.Repeat("d", width), ID: tree})
			}
			return tree
		}
	}
	flat := func(r *gittest.Repo) string {
		blob := r.Object("blob", nil)
		var entries []gittest.TreeEntry
		for i := range 2000 {
			entries = append(entries, gittest.TreeEntry{Mode: "100644", Name: fmt.Sprintf("%06d", i), ID: blob})
		}
		return r.TreeObject(entries...)
	}
	for _, tt := range []struct {
		reason string
		tree   func(*gittest.Repo) string
		what   string
	}{
		{"11 objects that stand for 10 billion files", bomb, "files and directories"},
		{"too many directories within each other", deep(60, 1), "directories within each other"},
		{"a path that is too long", deep(20, 200), "bytes in a path"},
		{"too many files", flat, "files and directories"},
	} {
		r := gittest.New(t)
		head := r.CommitObject(tt.tree(r), "x")
		r.SetRef(main, head)
		m := open(t, r.FileURL(), func(o *git.Options) { o.MaxEntries, o.MaxDepth, o.MaxPath = 1000, 50, 2000 })
		start := time.Now()
		fetch(t, m, main)
		_, err := m.Tree(t.Context(), head)
		t.Logf("%s: %s", tt.reason, time.Since(start)) // git itself must not be led to walk the bomb
		if limit, ok := errors.AsType[*git.LimitError](err); !ok || !strings.Contains(limit.What, tt.what) {
			t.Errorf("%s: %v, want a LimitError about %s", tt.reason, err, tt.what)
		}
	}
}

func TestLargeFileIsNotHeldInMemory(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("large", map[string]string{"large": strings.Repeat("0123456789abcdef", 100<<20/16), "small": "x"})
	m := fetched(t, r)
	tree, err := m.Tree(t.Context(), head)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = tree.ReadFile("large")
	runtime.ReadMemStats(&after)
	if large, ok := errors.AsType[*source.TooLargeError](err); !ok || large.Path != "large" || large.Size != 100<<20 {
		t.Errorf("error %v, want a TooLargeError", err)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d bytes were allocated", used)
	}
	if got, err := tree.ReadFile("small"); err != nil || string(got) != "x" {
		t.Errorf("a small file after it: %q, %v", got, err)
	}
}

func TestDamagedMirror(t *testing.T) {
	damage := map[string]func(t *testing.T, objects string, r *gittest.Repo){
		"pack cut in half": func(t *testing.T, objects string, _ *gittest.Repo) {
			each(t, filepath.Join(objects, "pack", "*.pack"), func(p string, b []byte) []byte { return b[:len(b)/2] })
		},
		"pack with flipped bits": func(t *testing.T, objects string, _ *gittest.Repo) {
			each(t, filepath.Join(objects, "pack", "*.pack"), func(p string, b []byte) []byte {
				for i := 12; i < len(b); i += 7 {
					b[i] ^= 0x55
				}
				return b
			})
		},
		"index gone": func(t *testing.T, objects string, _ *gittest.Repo) {
			names, _ := filepath.Glob(filepath.Join(objects, "pack", "*.idx"))
			for _, name := range names {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
		},
		"everything gone": func(t *testing.T, objects string, _ *gittest.Repo) {
			if err := os.RemoveAll(objects); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, hurt := range damage {
		t.Run(name, func(t *testing.T) {
			r := gittest.New(t)
			files := map[string]string{}
			for i := range 200 {
				files[fmt.Sprintf("d%d/f%d", i%10, i)] = strings.Repeat(fmt.Sprint(i*i), 50)
			}
			head := r.Commit("first", files)
			dir := filepath.Join(t.TempDir(), "m.git")
			m := fetched(t, r, func(o *git.Options) { o.Dir = dir })
			if err := m.Collect(t.Context(), time.Hour); err != nil {
				t.Fatal(err)
			}
			hurt(t, filepath.Join(dir, "objects"), r)
			tree, err := m.Tree(t.Context(), head)
			if err == nil {
				err = source.Walk(tree, ".", func(p string, e source.Entry) error {
					if !e.Mode.Regular() {
						return nil
					}
					got, err := tree.ReadFile(p)
					if err == nil && string(got) != files[p] {
						t.Errorf("%s has other content", p)
					}
					return err
				})
			}
			_, corrupt := errors.AsType[*git.CorruptError](err)
			_, missing := errors.AsType[*git.MissingError](err)
			if !corrupt && !missing {
				t.Errorf("error %v, want a CorruptError or MissingError", err)
			}
		})
	}
}

func each(t *testing.T, pattern string, change func(string, []byte) []byte) {
	t.Helper()
	names, _ := filepath.Glob(pattern)
	if len(names) == 0 {
		t.Fatalf("nothing matches %s", pattern)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, change(name, content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHistory(t *testing.T) {
	r := gittest.New(t)
	a := r.Commit("a", nil)
	r.Checkout("side")
	s1 := r.Commit("s1", nil)
	s2 := r.Commit("s2", nil)
	r.Checkout("main")
	b := r.Commit("b", nil)
	merge := r.Merge("m", "side")
	c := r.Commit("c", nil)
	r.Git("checkout", "--quiet", "--orphan", "other")
	orphan := r.Commit("orphan", nil)
	m := open(t, r.FileURL(), func(o *git.Options) { o.MaxCommits = 6 })
	fetch(t, m, main, "refs/heads/other")

	for _, tt := range []struct {
		from, to   string
		all, first []string
		ancestor   bool
	}{
		{from: a, to: c, all: []string{s1, s2, b, merge, c}, first: []string{b, merge, c}, ancestor: true},
		{from: "", to: merge, all: []string{a, s1, s2, b, merge}, first: []string{a, b, merge}},
		{from: s2, to: merge, all: []string{b, merge}, first: []string{b, merge}, ancestor: true},
		{from: c, to: c, ancestor: true},
		{from: c, to: a},
		{from: s2, to: b, all: []string{b}, first: []string{b}},
		{from: orphan, to: b, all: []string{a, b}, first: []string{a, b}},
	} {
		all, err := m.Range(t.Context(), tt.from, tt.to)
		if err != nil {
			t.Fatal(err)
		}
		for i, id := range all { // parents before children; ties are as they are
			commit, err := m.Commit(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			for _, parent := range commit.Parents {
				if slices.Contains(all[i:], parent) {
					t.Errorf("Range(%.7s, %.7s): %.7s before its parent", tt.from, tt.to, id)
				}
			}
		}
		slices.Sort(all)
		slices.Sort(tt.all)
		if !slices.Equal(all, tt.all) {
			t.Errorf("Range(%.7s, %.7s) = %v, want %v", tt.from, tt.to, all, tt.all)
		}
		first, err := m.FirstParents(t.Context(), tt.from, tt.to)
		if err != nil || !slices.Equal(first, tt.first) {
			t.Errorf("FirstParents(%.7s, %.7s) = %v, %v; want %v", tt.from, tt.to, first, err, tt.first)
		}
		if tt.from == "" {
			continue
		}
		if got, err := m.IsAncestor(t.Context(), tt.from, tt.to); err != nil || got != tt.ancestor {
			t.Errorf("IsAncestor(%.7s, %.7s) = %v, %v; want %v", tt.from, tt.to, got, err, tt.ancestor)
		}
	}

	const nowhere = "0123456789012345678901234567890123456789"
	_, rangeErr := m.Range(t.Context(), nowhere, c)
	_, rangeErr2 := m.Range(t.Context(), "", nowhere)
	_, isErr := m.IsAncestor(t.Context(), nowhere, c)
	_, isErr2 := m.IsAncestor(t.Context(), c, nowhere)
	_, treeErr := m.Tree(t.Context(), nowhere)
	for i, err := range []error{rangeErr, rangeErr2, isErr, isErr2, treeErr} {
		if missing, ok := errors.AsType[*git.MissingError](err); !ok || missing.ID != nowhere {
			t.Errorf("%d: %v, want a MissingError", i, err)
		}
	}
	for _, bad := range []string{"main", "HEAD", c[:10], "--all", c + "\n" + c, "refs/heads/main", strings.ToUpper(c)} {
		if _, err := m.Range(t.Context(), "", bad); err == nil {
			t.Errorf("Range to %q gives no error", bad)
		}
	}
	d := r.Git("rev-parse", "refs/heads/main")
	for range 3 {
		d = r.CommitObject(r.TreeObject(), "more", d)
	}
	r.SetRef(main, d)
	fetch(t, m, main)
	_, err := m.Range(t.Context(), "", d)
	if _, ok := errors.AsType[*git.LimitError](err); !ok {
		t.Errorf("nine commits where six are the limit: %v", err)
	}
	if got, err := m.Range(t.Context(), c, d); err != nil || len(got) != 3 {
		t.Errorf("three commits: %v, %v", got, err)
	}
}

func TestGapInHistoryIsAnError(t *testing.T) {
	r := gittest.New(t)
	a := r.Commit("a", nil)
	b := r.Commit("b", nil)
	c := r.Commit("c", nil)
	dir := filepath.Join(t.TempDir(), "m.git")
	m := fetched(t, r, func(o *git.Options) { o.Dir = dir })
	packs, _ := filepath.Glob(filepath.Join(dir, "objects", "pack", "*"))
	for _, pack := range packs { // as loose objects, of which one can go
		content, err := os.ReadFile(pack)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(pack); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(pack, ".pack") {
			loose := exec.Command("git", "unpack-objects", "-q")
			loose.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_DIR=" + dir}
			loose.Stdin = bytes.NewReader(content)
			if out, err := loose.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	if err := os.Remove(filepath.Join(dir, "objects", b[:2], b[2:])); err != nil {
		t.Fatal(err)
	}
	_, err1 := m.IsAncestor(t.Context(), a, c)
	_, err2 := m.Range(t.Context(), a, c)
	for _, err := range []error{err1, err2} {
		if _, ok := errors.AsType[*git.CorruptError](err); !ok {
			t.Errorf("error %v, want a CorruptError", err)
		}
	}
}

func TestUnchangedDirectoriesAreShared(t *testing.T) {
	r := gittest.New(t)
	first := r.Commit("first", map[string]string{"a/x": "1", "b/y": "1"})
	second := r.Commit("second", map[string]string{"a/x": "2"})
	m := fetched(t, r)
	one, err := m.Tree(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	two, err := m.Tree(t.Context(), second)
	if err != nil {
		t.Fatal(err)
	}
	listing := func(tree source.Tree) []string {
		all, err := sourcetest.Describe(tree)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := []string{"directory a", `file a/x "1"`, "directory b", `file b/y "1"`}
	if diff := cmp.Diff(want, listing(one)); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	want[1] = `file a/x "2"`
	if diff := cmp.Diff(want, listing(two)); diff != "" {
		t.Errorf("second (-want +got):\n%s", diff)
	}
}

// BenchmarkTree indexes 30,000 files in 5,000 directories.
func BenchmarkTree(b *testing.B) {
	r := gittest.New(b)
	files := map[string]string{}
	for i := range 30_000 {
		files[fmt.Sprintf("team%02d/app%04d/file%d.yaml", i%50, i/6, i%6)] = fmt.Sprintf("number: %d\n", i)
	}
	first := r.Commit("first", files)
	second := r.Commit("second", map[string]string{"team00/app0000/file0.yaml": "changed\n"})
	dir := filepath.Join(b.TempDir(), "m.git")
	setDir := func(o *git.Options) { o.Dir = dir }
	fetched(b, r, setDir)
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			m := open(b, r.FileURL(), setDir)
			if _, err := m.Tree(b.Context(), first); err != nil {
				b.Fatal(err)
			}
			_ = m.Close()
		}
	})
	b.Run("next", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			m := open(b, r.FileURL(), setDir)
			if _, err := m.Tree(b.Context(), first); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if changed, err := m.Changed(b.Context(), first, second); err != nil || len(changed) != 1 {
				b.Fatal(changed, err)
			}
			b.StopTimer()
			_ = m.Close()
			b.StartTimer()
		}
	})
	b.Run("read", func(b *testing.B) {
		m := open(b, r.FileURL(), setDir)
		tree, err := m.Tree(b.Context(), first)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := tree.ReadFile("team00/app0000/file0.yaml"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
