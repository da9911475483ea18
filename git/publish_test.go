package git_test

import (
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

const notes = "refs/holdfast/statements"

// clone makes a repository with a work tree whose remote "origin" is another one.
func clone(t *testing.T, of *gittest.Repo, args ...string) (string, *git.Local) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "clone")
	run(t, "", append([]string{"clone", "-q", of.GitDir(), dir}, args...)...)
	return dir, openLocal(t, dir)
}

func openLocal(t *testing.T, dir string) *git.Local {
	t.Helper()
	l, err := git.OpenLocal(git.LocalOptions{WorkTree: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestAppend(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := gittest.New(t, "--object-format="+format)
			r.Commit("first", map[string]string{"a": "1"})
			dir, l := clone(t, r)
			marker := filepath.Join(dir, "ran")
			for _, hook := range []string{"reference-transaction", "pre-push", "post-index-change"} {
				if err := os.WriteFile(filepath.Join(dir, ".git/hooks", hook), []byte("#!/bin/sh\ntouch '"+marker+"'\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			run(t, dir, "config", "commit.gpgSign", "true")
			first, err := l.Append(t.Context(), notes, "", map[string][]byte{"one": []byte("1\r\n")}, "one")
			if err != nil {
				t.Fatal(err)
			}
			second, err := l.Append(t.Context(), notes, "", map[string][]byte{"two": []byte("2")}, "two")
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Push(t.Context(), "origin", notes); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(marker); err == nil {
				t.Error("a hook ran")
			}
			if got := run(t, dir, "ls-tree", "--name-only", notes); got != "one\ntwo" {
				t.Errorf("%q", got)
			}
			if got := run(t, dir, "cat-file", "blob", notes+":one"); got != "1" {
				t.Errorf("%q", got)
			}
			if got := run(t, dir, "rev-list", notes); got != second+"\n"+first {
				t.Errorf("%q", got)
			}
			if got := run(t, dir, "status", "--porcelain"); got != "" {
				t.Errorf("the work tree has changed: %s", got)
			}
			if got := r.Git("rev-parse", notes); got != second {
				t.Errorf("%s", got)
			}
		})
	}
}

func TestAppendBesideOthers(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", map[string]string{"a": "1"})
	_, alice := clone(t, r)
	bobDir, bob := clone(t, r)
	ctx := t.Context()
	if id, err := bob.Obtain(ctx, "origin", notes); id != "" || err != nil {
		t.Fatalf("%q, %v", id, err)
	}
	for _, who := range []struct {
		repo *git.Local
		name string
	}{{alice, "alice"}, {bob, "bob"}} {
		if _, err := who.repo.Append(ctx, notes, "", map[string][]byte{who.name: []byte(who.name)}, who.name); err != nil {
			t.Fatal(err)
		}
	}
	if err := alice.Push(ctx, "origin", notes); err != nil {
		t.Fatal(err)
	}
	err := bob.Push(ctx, "origin", notes)
	if _, rejected := errors.AsType[*git.RejectedError](err); !rejected {
		t.Fatalf("%v", err)
	}
	theirs, err := bob.Obtain(ctx, "origin", notes)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Append(ctx, notes, theirs, nil, "both"); err != nil {
		t.Fatal(err)
	}
	if err := bob.Push(ctx, "origin", notes); err != nil {
		t.Fatal(err)
	}
	if got := run(t, bobDir, "ls-tree", "--name-only", notes); got != "alice\nbob" {
		t.Errorf("%q", got)
	}
}

func TestPublishRefuses(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", map[string]string{"a": "1"})
	dir, l := clone(t, r)
	ctx := t.Context()
	marker := filepath.Join(dir, "ran")
	for _, remote := range []string{"", "--upload-pack=touch " + marker, "-x", "ext::touch " + marker, "nowhere"} {
		if _, err := l.Obtain(ctx, remote, notes); err == nil {
			t.Errorf("obtained from %q", remote)
		}
		if err := l.Push(ctx, remote, notes); err == nil {
			t.Errorf("pushed to %q", remote)
		}
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a program ran")
	}
	if _, err := l.Append(ctx, "main", "", nil, "x"); err == nil {
		t.Error("a short name is no ref")
	}
	if _, err := l.Append(ctx, notes, strings.Repeat("1", 40), nil, "x"); err == nil {
		t.Error("a commit that does not exist")
	}
}

func TestFetchSmall(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", map[string]string{"a": "1"})
	m, err := git.OpenMirror(t.Context(), git.Options{Dir: filepath.Join(t.TempDir(), "m.git"), URL: r.FileURL(), AllowProtocols: []string{"file"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if id, err := m.FetchSmall(t.Context(), notes, 1<<20); id != "" || err != nil {
		t.Errorf("an absent ref: %q, %v", id, err)
	}
	small := r.Commit("small", map[string]string{"one": "1"})
	r.SetRef(notes, small)
	if id, err := m.FetchSmall(t.Context(), notes, 1<<20); id != small || err != nil {
		t.Errorf("%q, %v", id, err)
	}
	huge := make([]byte, 40<<20)
	_, _ = rand.Read(huge)
	r.SetRef(notes, r.Commit("huge", map[string]string{"huge": string(huge)}))
	_, err = m.FetchSmall(t.Context(), notes, 1<<20)
	if _, ok := errors.AsType[*git.LimitError](err); !ok {
		t.Errorf("%v", err)
	}
	if id, err := m.FetchSmall(t.Context(), "main", 1); err == nil {
		t.Errorf("a short name gives %q", id)
	}
}

func TestPatchID(t *testing.T) {
	r := gittest.New(t)
	long := strings.Repeat("line\n", 20)
	at := func(before string, commit map[string]string) string {
		r.Commit("base", map[string]string{"f": before, "unrelated": r.Head()})
		return r.Commit("change", commit)
	}
	r.Commit("first", map[string]string{"f": "x"})
	ids := []string{
		at(long+"end\n", map[string]string{"f": long + "more\nend\n"}),
		at("top\n"+long+"end\n", map[string]string{"f": "top\n" + long + "more\nend\n"}), // elsewhere in the file
		at(long+"other\n", map[string]string{"f": long + "more\nother\n"}),               // in other surroundings
		at(long+"end\n", map[string]string{"f": long + "less\nend\n"}),                   // other lines
		at(long+"end\n", map[string]string{"g": long + "more\nend\n"}),                   // another file
		at("\x00a", map[string]string{"f": "\x00b"}),
		at("\x00c", map[string]string{"f": "\x00b"}), // the same from another beginning
		at("z", nil),
	}
	m, err := git.OpenMirror(t.Context(), git.Options{Dir: filepath.Join(t.TempDir(), "m.git"), URL: r.FileURL(), AllowProtocols: []string{"file"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	if _, err := m.Fetch(t.Context(), "refs/heads/main"); err != nil {
		t.Fatal(err)
	}
	var patches []string
	for _, id := range ids {
		patch, err := m.PatchID(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		patches = append(patches, patch)
	}
	if patches[0] != patches[1] {
		t.Error("the same change elsewhere in the file is another one")
	}
	seen := map[string]int{}
	for i, p := range patches[1:] {
		if j, twice := seen[p]; twice {
			t.Errorf("%d and %d are the same", i+1, j)
		}
		seen[p] = i + 1
	}
	if patches[7] != "" {
		t.Error("a commit that changes nothing has a patch")
	}
}
