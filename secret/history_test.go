package secret_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/secret"
)

func tokenOf(n int) string { return fmt.Sprintf("gl%s-%02dkRvT5mNc7LwYh3JdPf%02d", "pat", n, n) }

func open(t testing.TB, repo *gittest.Repo) *git.Local {
	t.Helper()
	if err := os.WriteFile(repo.Path(".git"), []byte("gitdir: "+repo.GitDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	local, err := git.OpenLocal(git.LocalOptions{WorkTree: repo.Path(".")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	return local
}

func messages(h *secret.History) string {
	var all []string
	for _, f := range h.Findings {
		all = append(all, fmt.Sprintf("%s:%d %s", f.Location.File.Path, f.Location.Position().Line, f.Message))
	}
	return strings.Join(all, "\n")
}

func TestHistory(t *testing.T) {
	ctx := context.Background()
	repo := gittest.New(t)
	first := repo.Commit("one", map[string]string{"a.env": "X=1\nT=" + tokenOf(1) + "\n", "same.env": "T=" + tokenOf(2)})
	repo.Name, repo.Email = "Bob", "bob@example.com"
	second := repo.Commit("two", map[string]string{"a.env": "X=2\n\nT=" + tokenOf(1) + "\n", "same.env": "T=" + tokenOf(3), "bin": "\x00" + tokenOf(9)})
	repo.Commit("three", map[string]string{"a.env": "X=3\n", "moved.env": "Y=1\nT=" + tokenOf(3) + "\n"})
	repo.Remove("same.env")
	third := repo.Commit("four", nil)
	// What a merge alone brings in, and what is on a branch only.
	repo.Git("checkout", "--quiet", "-b", "side", first)
	side := repo.Commit("side", map[string]string{"side.env": tokenOf(4)})
	repo.Git("checkout", "--quiet", "main")
	repo.Git("merge", "--quiet", "--no-commit", "-s", "ours", "--no-ff", side)
	repo.Write(map[string]string{"merge.env": tokenOf(5)})
	merge := repo.Commit("merge", nil)

	h, err := (&secret.Detector{}).History(ctx, open(t, repo), "", "")
	if err != nil {
		t.Fatal(err)
	}
	got := messages(h)
	for _, want := range []string{
		"a.env:2 a.env holds a GitLab token; Alice <alice@example.com> added it in commit " + first[:12] + " on 2026-03-01, and it is not at HEAD any more",
		"same.env:1 same.env holds a GitLab token; Alice <alice@example.com> added it in commit " + first[:12] + " on 2026-03-01, and it is not at HEAD any more",
		"same.env:1 same.env holds a GitLab token; Bob <bob@example.com> added it in commit " + second[:12] + " on 2026-03-01, and it is still at HEAD, in moved.env",
		"side.env:1 side.env holds a GitLab token; Bob <bob@example.com> added it in commit " + side[:12] + " on 2026-03-01, and it is not at HEAD any more",
		"merge.env:1 merge.env holds a GitLab token; Bob <bob@example.com> added it in commit " + merge[:12] + " on 2026-03-01, and it is still at HEAD",
	} {
		if !strings.Contains(got+"\n", want+"\n") {
			t.Errorf("missing: %s\nin:\n%s", want, got)
		}
	}
	if len(h.Findings) != 5 {
		t.Errorf("%d findings, want 5:\n%s", len(h.Findings), got)
	}
	if len(h.Passed) != 1 || h.Passed[0].Reason != secret.Binary || h.Passed[0].Path != "bin" {
		t.Errorf("passed over %v", h.Passed)
	}
	for _, f := range h.Findings {
		if strings.Contains(string(f.Location.File.Content)+fmt.Sprintf("%+v", *f), "pat-") {
			t.Errorf("a finding holds the secret")
		}
	}

	ranged, err := (&secret.Detector{}).History(ctx, open(t, repo), second, third)
	if err != nil || len(ranged.Findings) != 1 || !strings.HasSuffix(ranged.Findings[0].Message, "still at HEAD") {
		t.Errorf("of a range: %v, %s", err, messages(ranged))
	}
}

// TestHistoryOfARange: what is at HEAD may be older than the range.
func TestHistoryOfARange(t *testing.T) {
	repo := gittest.New(t, "--object-format=sha256")
	first := repo.Commit("one", map[string]string{"old.env": "T=" + tokenOf(1)})
	second := repo.Commit("two", map[string]string{"new.env": "U=" + tokenOf(1)})
	repo.Remove("new.env")
	repo.Commit("three", nil)
	h, err := (&secret.Detector{}).History(context.Background(), open(t, repo), first, second)
	if err != nil || len(h.Findings) != 1 || !strings.HasSuffix(h.Findings[0].Message, "still at HEAD, in old.env") {
		t.Errorf("%v, %s", err, messages(h))
	}
}

func TestHistoryIsCancelled(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", map[string]string{"a": "b"})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := (&secret.Detector{}).History(ctx, open(t, repo), "", ""); err == nil {
		t.Error("a search that was cancelled is complete")
	}
}

// TestHistorySpeed measures the history of the repository in HOLDFAST_HISTORY.
func TestHistorySpeed(t *testing.T) {
	dir := os.Getenv("HOLDFAST_HISTORY")
	if dir == "" {
		t.Skip("HOLDFAST_HISTORY is not set")
	}
	local, err := git.OpenLocal(git.LocalOptions{WorkTree: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	start := time.Now()
	h, err := (&secret.Detector{}).History(context.Background(), local, "", "")
	if err != nil {
		t.Fatal(err)
	}
	spent := time.Since(start)
	t.Logf("%d versions, %.1f MB in %s: %.1f MB/s, %d findings, %d passed over", h.Versions, float64(h.Bytes)/1e6, spent, float64(h.Bytes)/1e6/spent.Seconds(), len(h.Findings), len(h.Passed))
	for _, f := range h.Findings {
		t.Logf("%s:%d %s", f.Location.File.Path, f.Location.Position().Line, f.Message)
	}
}
