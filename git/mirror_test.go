package git_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

const main = "refs/heads/main"

// open opens a mirror of a URL in a new directory.
func open(t testing.TB, url string, change ...func(*git.Options)) *git.Mirror {
	t.Helper()
	opts := git.Options{
		Dir: filepath.Join(t.TempDir(), "mirror.git"), URL: url,
		AllowProtocols: []string{"https", "ssh", "http", "file"}, Timeout: time.Minute,
	}
	for _, c := range change {
		c(&opts)
	}
	m, err := git.OpenMirror(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func fetch(t testing.TB, m *git.Mirror, refs ...string) map[string]string {
	t.Helper()
	ids, err := m.Fetch(t.Context(), refs...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestFetchFollowsTheRemote(t *testing.T) {
	r := gittest.New(t)
	first := r.Commit("first", map[string]string{"a": "1"})
	second := r.Commit("second", map[string]string{"a": "2"})
	tag := r.Tag("v1", first, "one")
	r.SetRef("refs/heads/dir/branch", second)
	m := open(t, gittest.Serve(t, r).URL)

	steps := []struct {
		reason string
		do     func()
		want   map[string]string
	}{
		{"only what is named, in full", func() {}, map[string]string{main: second, "refs/tags/v1": tag}},
		{"nothing new", func() {}, map[string]string{main: second, "refs/tags/v1": tag}},
		{"forced back", func() { r.SetRef(main, first) }, map[string]string{main: first, "refs/tags/v1": tag}},
		{"tag moved and made lightweight", func() { r.SetRef("refs/tags/v1", second) }, map[string]string{main: first, "refs/tags/v1": second}},
		{"tag deleted", func() { r.DeleteRef("refs/tags/v1") }, map[string]string{main: first}},
		{"branch deleted, too", func() { r.DeleteRef(main) }, map[string]string{}},
		{"back again", func() { r.SetRef(main, second) }, map[string]string{main: second}},
	}
	for _, step := range steps {
		step.do()
		if diff := cmp.Diff(step.want, fetch(t, m, main, "refs/tags/v1", "refs/heads/never")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.reason, diff)
		}
	}
	// refs/heads/dir is a directory on the remote first, and a branch later.
	if got := fetch(t, m, "refs/heads/dir/branch"); got["refs/heads/dir/branch"] != second {
		t.Errorf("dir/branch = %v", got)
	}
	r.DeleteRef("refs/heads/dir/branch")
	r.SetRef("refs/heads/dir", first)
	if got := fetch(t, m, "refs/heads/dir", "refs/heads/dir/branch"); got["refs/heads/dir"] != first || len(got) != 1 {
		t.Errorf("dir = %v", got)
	}
}

func TestFetchRefusesNames(t *testing.T) {
	m := open(t, gittest.New(t).FileURL())
	for _, ref := range []string{
		"main", "HEAD", "-x", "--upload-pack=touch /tmp/x", "refs/heads/*", "refs/heads/a:refs/heads/b", "refs/heads/", "refs/heads/a..b",
		"refs/heads/a\nb", "refs/heads/a b", "+refs/heads/main", "^refs/heads/main", "refs/heads/a.lock", "refs/main", "", "refs/heads/\xff",
	} {
		_, err := m.Fetch(t.Context(), ref)
		if _, ok := errors.AsType[*git.RefError](err); !ok {
			t.Errorf("Fetch(%q): %v, want a RefError", ref, err)
		}
	}
}

func TestServerDownAndUpAgain(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", nil)
	s := gittest.Serve(t, r)
	m := open(t, s.URL)
	s.Stop()
	for range 2 {
		_, fetchErr := m.Fetch(t.Context(), main)
		_, listErr := m.ListRemote(t.Context(), main)
		for _, err := range []error{fetchErr, listErr} {
			if remote, ok := errors.AsType[*git.RemoteError](err); !ok || remote.URL != s.URL {
				t.Errorf("a stopped server: %v, want a RemoteError", err)
			}
		}
	}
	s.Start()
	if got := fetch(t, m, main); got[main] != head {
		t.Errorf("after a restart: %v", got)
	}
	s.Stop()
	if _, err := m.Commit(t.Context(), head); err != nil {
		t.Errorf("what was fetched is not readable without the server: %v", err)
	}
}

func TestCredentialsAndControlCharactersAreNotShown(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", nil)
	s := gittest.Serve(t, r)
	s.RequirePassword("bot", "s3cr%t/word")
	withPassword := strings.Replace(s.URL, "http://", "http://bot:s3cr%25t%2Fword@", 1)
	m := open(t, withPassword)
	if got := fetch(t, m, main); got[main] != head {
		t.Fatalf("password in the URL: %v", got)
	}
	other := open(t, s.URL, func(o *git.Options) { o.Username, o.Password = "bot", "s3cr%t/word" })
	if got := fetch(t, other, main); got[main] != head {
		t.Fatalf("password in the options: %v", got)
	}
	s.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write([]byte("\x1b[2Jno, bot:s3cr%t/word \u202egnp.exe\r\nmore\x00"))
		return true
	})
	wrong := open(t, withPassword)
	_, err := wrong.Fetch(t.Context(), main)
	if err == nil {
		t.Fatal("a broken server gives no error")
	}
	text := err.Error() + m.URL()
	if strings.Contains(text, "s3cr") || strings.ContainsAny(text, "\x1b\x00\n\r\u202e") {
		t.Errorf("error shows what it must not: %q", text)
	}
	s.RequirePassword("bot", "s3cr%t/word")
	if _, err := open(t, s.URL).Fetch(t.Context(), main); err == nil {
		t.Error("fetched without the password")
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", nil)
	target := gittest.Serve(t, r)
	s := gittest.Serve(t, r)
	s.Before(func(w http.ResponseWriter, req *http.Request) bool {
		http.Redirect(w, req, strings.Replace(target.URL, "/repo.git", "", 1)+req.URL.String(), http.StatusFound)
		return true
	})
	_, err := open(t, s.URL).Fetch(t.Context(), main)
	if _, ok := errors.AsType[*git.RemoteError](err); !ok {
		t.Errorf("a redirect: %v, want a RemoteError", err)
	}
}

func TestListRemote(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", nil)
	tag := r.Tag("v1.0.0", head, "one")
	r.SetRef("refs/tags/v1.1.0", head)
	r.SetRef("refs/tags/app/v2", head)
	r.SetRef("refs/replace/"+head, head)
	m := open(t, gittest.Serve(t, r).URL)
	for _, tt := range []struct {
		patterns []string
		want     map[string]string
	}{
		{[]string{"refs/tags/v*"}, map[string]string{"refs/tags/v1.0.0": tag, "refs/tags/v1.0.0^{}": head, "refs/tags/v1.1.0": head}},
		{[]string{"refs/tags/*/v*", main}, map[string]string{"refs/tags/app/v2": head, main: head}},
		{[]string{"main", "v1.0.0", "HEAD"}, map[string]string{}},
	} {
		got, err := m.ListRemote(t.Context(), tt.patterns...)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.patterns, diff)
		}
	}
}

func TestCancelEndsAFetch(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", nil)
	s := gittest.Serve(t, r)
	asked := make(chan struct{}, 10)
	s.Before(func(_ http.ResponseWriter, req *http.Request) bool {
		asked <- struct{}{}
		<-req.Context().Done()
		return true
	})
	m := open(t, s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked // the transport waits for an answer that never comes
		cancel()
	}()
	if _, err := m.Fetch(ctx, main); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled fetch: %v", err)
	}
	s.Before(nil)
	fetch(t, m, main)
}

func TestKeepSurvivesForcePushAndCollection(t *testing.T) {
	r := gittest.New(t)
	first := r.Commit("first", nil)
	kept := r.Commit("accepted", map[string]string{"a": "1"})
	dir := filepath.Join(t.TempDir(), "m.git")
	m := open(t, gittest.Serve(t, r).URL, func(o *git.Options) { o.Dir = dir })
	fetch(t, m, main)
	if err := m.Keep(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	r.Reset(first)
	lost := r.Commit("never accepted", nil)
	fetch(t, m, main)
	r.Reset(first)
	fetch(t, m, main)
	if err := m.Collect(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if c, err := m.Commit(t.Context(), kept); err != nil || c.Subject() != "accepted" {
		t.Errorf("the kept commit: %v", err)
	}
	_, err := m.Commit(t.Context(), lost)
	if missing, ok := errors.AsType[*git.MissingError](err); !ok || missing.ID != lost {
		t.Errorf("the other commit: %v, want a MissingError", err)
	}
	if err := m.Keep(t.Context(), lost); err == nil {
		t.Error("an absent commit was kept")
	}
}

func TestMirrorOfAnotherKindIsRefused(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", nil)
	for name, dir := range map[string]func() string{
		"somebody's repository": func() string { return r.GitDir() },
		"a directory with files": func() string {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "x"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"a mirror with another configuration": func() string { return tamper(t, r, "config", "[core]\n\tbare = true\n\tfsmonitor = touch /tmp/x\n") },
		"a shallow mirror":                    func() string { return tamper(t, r, "shallow", r.Head()+"\n") },
		"a mirror with alternates":            func() string { return tamper(t, r, "objects/info/alternates", r.GitDir()+"/objects\n") },
	} {
		_, err := git.OpenMirror(t.Context(), git.Options{Dir: dir(), URL: "https://example.com/x"})
		if _, ok := errors.AsType[*git.CorruptError](err); !ok {
			t.Errorf("%s: %v, want a CorruptError", name, err)
		}
	}
	if m := open(t, r.FileURL(), func(o *git.Options) { o.Dir = t.TempDir() }); len(fetch(t, m, main)) != 1 {
		t.Error("an empty directory does not become a mirror")
	}
}

func tamper(t *testing.T, r *gittest.Repo, name, content string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "m.git")
	m := open(t, r.FileURL(), func(o *git.Options) { o.Dir = dir })
	fetch(t, m, main)
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMalformedObjectsAreNotFetched(t *testing.T) {
	for name, commit := range map[string]func(r *gittest.Repo, blob string) string{
		"tree with .git": func(r *gittest.Repo, blob string) string {
			return r.CommitObject(r.TreeObject(gittest.TreeEntry{Mode: "100644", Name: ".git", ID: blob}), "x")
		},
		"two entries of one name": func(r *gittest.Repo, blob string) string {
			return r.CommitObject(r.TreeObject(gittest.TreeEntry{Mode: "100644", Name: "a", ID: blob}, gittest.TreeEntry{Mode: "100644", Name: "a", ID: blob}), "x")
		},
		"odd mode": func(r *gittest.Repo, blob string) string {
			return r.CommitObject(r.TreeObject(gittest.TreeEntry{Mode: "100664", Name: "a", ID: blob}), "x")
		},
		"commit without author": func(r *gittest.Repo, blob string) string {
			return r.Object("commit", []byte("tree "+r.TreeObject()+"\n\nx\n"))
		},
	} {
		r := gittest.New(t)
		head := r.Commit("good", nil)
		s := gittest.Serve(t, r)
		m := open(t, s.URL)
		fetch(t, m, main)
		// update-ref refuses what is no commit it can parse, so write the file
		if err := os.WriteFile(filepath.Join(r.GitDir(), main), []byte(commit(r, r.Object("blob", nil))+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := m.Fetch(t.Context(), main)
		if _, ok := errors.AsType[*git.MalformedError](err); !ok {
			t.Errorf("%s: %v, want a MalformedError", name, err)
		}
		r.SetRef(main, head)
		if got := fetch(t, m, main); got[main] != head {
			t.Errorf("%s: a good fetch after it gives %v", name, got)
		}
	}
}

func TestFetchLimit(t *testing.T) {
	r := gittest.New(t)
	r.Commit("first", nil)
	m := open(t, gittest.Serve(t, r).URL, func(o *git.Options) { o.MaxFetch = 1 << 20 })
	fetch(t, m, main)
	noise := make([]byte, 64<<20)
	for i, x := 0, uint32(1); i < len(noise); i++ {
		x = x*1664525 + 1013904223
		noise[i] = byte(x >> 24)
	}
	r.Commit("noise", map[string]string{"noise": string(noise)})
	_, err := m.Fetch(t.Context(), main)
	if _, ok := errors.AsType[*git.LimitError](err); !ok {
		t.Errorf("a fetch above the limit: %v, want a LimitError", err)
	}
}
