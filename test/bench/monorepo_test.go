package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-dev/holdfast/setup"
)

func TestMain(m *testing.M) {
	if served, err := setup.ServeWorker(os.Args); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// A commit renders exactly the applications that it concerns, whatever they
// share with others.
func TestCommitRendersWhatItConcerns(t *testing.T) {
	ctx := t.Context()
	repo, err := newMonorepo(ctx, filepath.Join(t.TempDir(), "repo.git"), 60, 6)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newFollower(ctx, repo, filepath.Join(t.TempDir(), "mirror.git"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.mirror.Close() }()
	first, err := f.follow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(first.rendered) != 60 {
		t.Errorf("the first commit rendered %d applications, want all 60", len(first.rendered))
	}
	for _, c := range repo.changes() {
		if err := repo.commit(ctx, c.files); err != nil {
			t.Fatal(err)
		}
		next, err := f.follow(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.concerns, next.rendered, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s rendered others (-want +got):\n%s", c.what, diff)
		}
	}
}
