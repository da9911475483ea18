package git_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

// TestShallowClonesDoNotKnow asks about what a shallow clone has, and about what
// it lacks, also from a linked work tree.
func TestShallowClonesDoNotKnow(t *testing.T) {
	r := gittest.New(t)
	var ids []string
	for range 4 {
		ids = append(ids, r.Commit("x", nil))
	}
	r.Git("checkout", "-q", "-b", "side", ids[0])
	side := r.Commit("side", nil)
	r.Checkout("main")
	dir := filepath.Join(t.TempDir(), "clone")
	for _, args := range [][]string{
		{"clone", "-q", "--depth=2", "--no-single-branch", r.FileURL(), dir},
		{"-C", dir, "worktree", "add", "-q", "--detach", dir + "-linked"},
	} {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	for _, dir := range []string{dir, dir + "-linked"} {
		l, err := git.OpenLocal(git.LocalOptions{WorkTree: dir})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if got, err := l.Range(t.Context(), ids[2], ids[3]); err != nil || len(got) != 1 {
			t.Errorf("what is there: %v, %v", got, err)
		}
		if yes, err := l.IsAncestor(t.Context(), ids[2], ids[3]); err != nil || !yes {
			t.Errorf("what is there: %v, %v", yes, err)
		}
		for reason, ask := range map[string]func() error{
			"a range down to the root": func() error { _, err := l.Range(t.Context(), "", ids[3]); return err },
			"first parents":            func() error { _, err := l.FirstParents(t.Context(), "", ids[3]); return err },
			"a range across the cut":   func() error { _, err := l.Range(t.Context(), side, ids[3]); return err },
			"ancestry across the cut":  func() error { _, err := l.IsAncestor(t.Context(), side, ids[3]); return err },
			"a commit before the cut":  func() error { _, err := l.IsAncestor(t.Context(), ids[1], ids[3]); return err },
			"a range from before it":   func() error { _, err := l.Range(t.Context(), ids[1], ids[3]); return err },
		} {
			if _, ok := errors.AsType[*git.ShallowError](ask()); !ok {
				t.Errorf("%s: %v", reason, ask())
			}
		}
	}
}
