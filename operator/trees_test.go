package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

func openTrees(t *testing.T, commits int) (*treeCache, []string) {
	t.Helper()
	repo := gittest.New(t)
	ids := make([]string, commits)
	for i := range ids {
		ids[i] = repo.Commit("Next", map[string]string{"n": fmt.Sprint(i)})
	}
	mirror, err := git.OpenMirror(t.Context(), git.Options{
		Dir: filepath.Join(t.TempDir(), "m.git"), URL: repo.FileURL(), AllowProtocols: []string{"file"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = mirror.Close() })
	if _, err := mirror.Fetch(t.Context(), "refs/heads/main"); err != nil {
		t.Fatal(err)
	}
	return newTreeCache(mirror), ids
}

func TestTreesOfManyCommits(t *testing.T) {
	trees, ids := openTrees(t, 2*cachedTrees)
	var group sync.WaitGroup
	for range 3 {
		for i, id := range ids {
			group.Go(func() {
				tree, err := trees.Tree(t.Context(), id)
				if err != nil {
					t.Error(err)
					return
				}
				if content, err := tree.ReadFile("n"); err != nil || string(content) != fmt.Sprint(i) {
					t.Errorf("commit %d holds %v, %v", i, content, err)
				}
			})
		}
	}
	group.Wait()
	if n := len(trees.entries); n > cachedTrees {
		t.Errorf("%d trees are kept", n)
	}
}

func TestTreeThatFailedIsReadAgain(t *testing.T) {
	trees, ids := openTrees(t, 1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := trees.Tree(cancelled, ids[0]); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if _, err := trees.Tree(t.Context(), ids[0]); err != nil {
		t.Errorf("a cancelled reading spoils the next: %v", err)
	}
	var missing *git.MissingError
	if _, err := trees.Tree(t.Context(), strings.Repeat("ab", 20)); !errors.As(err, &missing) {
		t.Errorf("the error is %v", err)
	}
}

func TestGuard(t *testing.T) {
	var log strings.Builder
	err := guard(slog.New(slog.NewTextHandler(&log, nil)), func() error { panic("s3cret") })
	if err == nil || !strings.Contains(log.String(), "TestGuard") || strings.Contains(log.String()+err.Error(), "s3cret") {
		t.Errorf("error %v, log %s", err, log.String())
	}
	want := errors.New("as it is")
	if err := guard(slog.Default(), func() error { return want }); !errors.Is(err, want) {
		t.Errorf("the error is %v", err)
	}
}
