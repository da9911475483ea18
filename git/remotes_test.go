package git_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/git/gittest"
)

func TestRemotes(t *testing.T) {
	r := gittest.New(t)
	l := local(t, r)
	if got, err := l.Remotes(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("without remotes: got %q, %v", got, err)
	}
	config, err := os.OpenFile(filepath.Join(r.GitDir(), "config"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.WriteString("[remote \"origin\"]\n\turl = https://example.com/a.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n[remote \"b.c\"]\n\turl = git@example.com:b/c\n[include]\n\tpath = /nonexistent\n")
	if err := config.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := l.Remotes(t.Context())
	if diff := cmp.Diff([]string{"https://example.com/a.git", "git@example.com:b/c"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
}
