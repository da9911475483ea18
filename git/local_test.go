package git_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/source"
)

// local opens the repository of a test as its owner has it.
func local(t testing.TB, r *gittest.Repo) *git.Local {
	t.Helper()
	if err := os.WriteFile(r.Path(".git"), []byte("gitdir: "+r.GitDir()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := git.OpenLocal(git.LocalOptions{WorkTree: r.Path(".")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// summary writes changes as "before -> after", sorted.
func summary(changes []git.Change) string {
	var all []string
	for _, c := range changes {
		all = append(all, fmt.Sprintf("%s -> %s", c.Before.Name, c.After.Name))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func read(t testing.TB, tree source.Tree, name string) string {
	t.Helper()
	content, err := tree.ReadFile(name)
	if source.IsNotExist(err) {
		return "absent"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

const long = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"

func TestStagedIsTheIndexAndNotTheWorkTree(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := gittest.New(t, "--object-format="+format)
			r.Commit("base", map[string]string{"a/x.yaml": "1", "a/y.yaml": long, "b/gone.yaml": "3", "b/same.yaml": "4"})
			r.Write(map[string]string{"a/x.yaml": "staged", "c/new.yaml": "new"})
			r.Git("mv", "a/y.yaml", "a/z.yaml")
			r.Git("rm", "-q", "b/gone.yaml")
			r.Git("add", "--all")
			r.Write(map[string]string{"a/x.yaml": "not staged", "b/same.yaml": "not staged"})
			c, err := local(t, r).Staged(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := summary(c.Changes), " -> c/new.yaml\na/x.yaml -> a/x.yaml\na/y.yaml -> a/z.yaml\nb/gone.yaml -> "; got != want {
				t.Errorf("changes:\n%s\nwant:\n%s", got, want)
			}
			for name, want := range map[string][2]string{
				"a/x.yaml": {"1", "staged"}, "b/same.yaml": {"4", "4"}, "c/new.yaml": {"absent", "new"},
				"a/y.yaml": {long, "absent"}, "a/z.yaml": {"absent", long}, "b/gone.yaml": {"3", "absent"},
			} {
				if got := [2]string{read(t, c.Before, name), read(t, c.After, name)}; got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			entries, err := c.After.ReadDir("a")
			if err != nil || len(entries) != 2 || entries[0].Name != "x.yaml" || entries[1].Name != "z.yaml" {
				t.Errorf("a holds %v, %v", entries, err)
			}
		})
	}
}

func TestStagedBeforeTheFirstCommit(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		r := gittest.New(t, "--object-format="+format)
		r.Write(map[string]string{"a.yaml": "1"})
		r.Git("add", "--all")
		c, err := local(t, r).Staged(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c.Base != "" || summary(c.Changes) != " -> a.yaml" || read(t, c.Before, "a.yaml") != "absent" {
			t.Errorf("%s: base %q, changes %s", format, c.Base, summary(c.Changes))
		}
	}
}

func TestStagedUsesTheIndexOfTheHook(t *testing.T) {
	r := gittest.New(t)
	r.Commit("base", map[string]string{"a.yaml": "1"})
	r.Write(map[string]string{"a.yaml": "2"})
	other := filepath.Join(t.TempDir(), "index")
	content, err := os.ReadFile(filepath.Join(r.GitDir(), "index"))
	if err == nil {
		err = os.WriteFile(other, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.Git("add", "--all")
	local(t, r)
	l, err := git.OpenLocal(git.LocalOptions{WorkTree: r.Path("."), IndexFile: other})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if c, err := l.Staged(t.Context()); err != nil || len(c.Changes) != 0 {
		t.Errorf("changes %v, %v; want none, for nothing is staged in that index", c, err)
	}
}

func TestUnmergedIndexIsRefused(t *testing.T) {
	r := gittest.New(t)
	r.Commit("base", map[string]string{"a.yaml": "1"})
	id := r.Git("hash-object", "-w", r.Path("a.yaml"))
	r.GitInput([]byte("0 "+strings.Repeat("0", 40)+"\ta.yaml\n100644 "+id+" 2\ta.yaml\n100644 "+id+" 3\ta.yaml\n"), "update-index", "--index-info")
	if _, err := local(t, r).Staged(t.Context()); err == nil || !strings.Contains(err.Error(), "not merged") {
		t.Errorf("error %v", err)
	}
}

func TestSinceShowsTheWorkTree(t *testing.T) {
	r := gittest.New(t)
	base := r.Commit("base", map[string]string{"a.yaml": "1", "b.yaml": "2", ".gitignore": "*.log\n"})
	r.Commit("more", map[string]string{"c.yaml": "3"})
	r.Write(map[string]string{"a.yaml": "changed", "new.yaml": "4", "x.log": "5"})
	l := local(t, r)
	c, err := l.Since(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(c.Changes), " -> c.yaml\n -> new.yaml\na.yaml -> a.yaml"; got != want {
		t.Errorf("changes:\n%s\nwant:\n%s", got, want)
	}
	if read(t, c.Before, "a.yaml") != "1" || read(t, c.After, "a.yaml") != "changed" {
		t.Error("the trees are not those of the commit and the disk")
	}
	if c, err := l.Since(t.Context(), ""); err != nil || len(c.Changes) != 5 {
		t.Errorf("since nothing: %v, %v", summary(c.Changes), err)
	}
}

// TestNothingOfALocalRepositoryRuns sets everything by which a repository makes git
// run a program.
func TestNothingOfALocalRepositoryRuns(t *testing.T) {
	r := gittest.New(t)
	base := r.Commit("base", map[string]string{"a.yaml": "1", "b.yaml": long, ".gitattributes": "* filter=evil diff=evil\n"})
	ran := filepath.Join(t.TempDir(), "ran")
	script := filepath.Join(t.TempDir(), "evil")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$0 $*\" >> "+ran+"\ncat\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	l := local(t, r)
	for _, key := range []string{
		"filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "core.fsmonitor", "diff.external",
		"diff.evil.command", "diff.evil.textconv", "core.sshCommand", "credential.helper",
	} {
		r.Git("config", key, script)
	}
	r.Git("config", "filter.evil.required", "true")
	hooks := filepath.Join(r.GitDir(), "hooks")
	if err := os.MkdirAll(hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, hook := range []string{"post-index-change", "fsmonitor-watchman"} {
		if err := os.Symlink(script, filepath.Join(hooks, hook)); err != nil {
			t.Fatal(err)
		}
	}
	r.Write(map[string]string{"a.yaml": "2", "new.yaml": "3"})
	if c, err := l.Since(t.Context(), base); err != nil || summary(c.Changes) != " -> new.yaml\na.yaml -> a.yaml" {
		t.Errorf("since: %v, %v", c, err)
	}
	if _, err := l.Staged(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := l.Blame(t.Context(), base, "b.yaml"); err != nil {
		t.Error(err)
	}
	if log, err := os.ReadFile(ran); err == nil {
		t.Errorf("these ran:\n%s", log)
	}
}

func TestResolveAndMergeBase(t *testing.T) {
	r := gittest.New(t)
	l := local(t, r)
	if id, err := l.Head(t.Context()); id != "" || err != nil {
		t.Errorf("before the first commit HEAD is %q, %v", id, err)
	}
	base := r.Commit("base", map[string]string{"a": "1"})
	r.Checkout("side")
	side := r.Commit("side", map[string]string{"b": "1"})
	r.Checkout("main")
	r.Commit("main", map[string]string{"c": "1"})
	if id, err := l.Resolve(t.Context(), "side"); id != side || err != nil {
		t.Errorf("side is %q, %v", id, err)
	}
	if id, err := l.MergeBase(t.Context(), r.Head(), side); id != base || err != nil {
		t.Errorf("the merge base is %q, %v", id, err)
	}
	for _, name := range []string{"nowhere", "--all", "", "HEAD:a"} {
		_, err := l.Resolve(t.Context(), name)
		if _, ok := errors.AsType[*git.RevisionError](err); !ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	r.Git("checkout", "-q", "--orphan", "other")
	other := r.Commit("other", nil)
	_, err := l.MergeBase(t.Context(), other, side)
	if unrelated, ok := errors.AsType[*git.UnrelatedError](err); !ok || unrelated.Shallow {
		t.Errorf("unrelated: %v", err)
	}
}

func TestBlame(t *testing.T) {
	r := gittest.New(t)
	first := r.Commit("first", map[string]string{"f": "1\n2\n3\n"})
	second := r.Commit("second", map[string]string{"f": "1\n\ttwo\n3\n4\n"})
	l := local(t, r)
	got, err := l.Blame(t.Context(), second, "f")
	if err != nil || !slices.Equal(got, []string{first, second, first, second}) {
		t.Errorf("blame: %v, %v", got, err)
	}
	if _, err := l.Blame(t.Context(), second, "../f"); err == nil {
		t.Error("a path out of the repository was taken")
	}
	if err := os.WriteFile(filepath.Join(r.GitDir(), "shallow"), []byte(second+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err = l.Blame(t.Context(), second, "f")
	if err != nil || strings.Join(got, "") != "" {
		t.Errorf("a shallow clone knows who wrote the lines: %v, %v", got, err)
	}
}

func FuzzRaw(f *testing.F) {
	id := strings.Repeat("a", 40)
	f.Add(":100644 100644 " + id + " " + id + " M\x00a.yaml\x00")
	f.Add(":100644 100644 " + id + " " + id + " R100\x00a\x00b\x00")
	f.Add(":000000 100644 " + id + " " + id + " A\x00../b\x00")
	f.Fuzz(func(t *testing.T, out string) {
		changes, err := git.ParseRaw(out)
		for _, c := range changes {
			for _, e := range []source.Entry{c.Before, c.After} {
				if e.Name != "" && source.CheckPath(e.Name) != nil && err == nil {
					t.Errorf("path %q", e.Name)
				}
			}
		}
	})
}

// TestManyChangesAreUndoneAlike compares the two ways to undo changes with the
// commit itself.
func TestManyChangesAreUndoneAlike(t *testing.T) {
	for _, n := range []int{10, 150} { // files; each makes two changes
		r := gittest.New(t)
		files := map[string]string{"file": "becomes a directory", "folder/x": "becomes a file"}
		for i := range n {
			files[fmt.Sprintf("a%d/b/c%d", i%7, i)] = fmt.Sprint(i, strings.Repeat("x", i))
		}
		base := r.Commit("base", files)
		r.Remove(".")
		r.Write(map[string]string{"file/y": "1", "folder": "2"})
		for i := range n {
			r.Write(map[string]string{fmt.Sprintf("a%d/d%d", i%5, i): fmt.Sprint("other", i)})
		}
		r.Git("add", "--all")
		l := local(t, r)
		c, err := l.Staged(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		want, err := l.Commit(t.Context(), base)
		if err != nil {
			t.Fatal(err)
		}
		tree, err := l.Tree(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := listing(t, c.Before), listing(t, tree); got != want {
			t.Errorf("%d files: before is\n%s\nwant\n%s", n, got, want)
		}
		if got := read(t, c.After, "file/y") + read(t, c.After, "folder"); got != "12" {
			t.Errorf("after is %q", got)
		}
	}
}

func listing(t testing.TB, tree source.Tree) string {
	t.Helper()
	var all []string
	err := source.Walk(tree, ".", func(name string, e source.Entry) error {
		all = append(all, fmt.Sprint(name, e.Mode))
		if e.Mode.Regular() {
			all = append(all, read(t, tree, name))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
