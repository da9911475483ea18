package gittest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git/gittest"
)

func TestServerStopsAndStarts(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", map[string]string{"a/b": "c"})
	s := gittest.Serve(t, r)
	ls := func() (string, error) {
		out, err := exec.Command("git", "ls-remote", s.URL, "refs/heads/main").Output()
		return string(out), err
	}
	if out, err := ls(); err != nil || !strings.HasPrefix(out, head) {
		t.Fatalf("ls-remote: %q, %v", out, err)
	}
	s.Stop()
	if out, err := ls(); err == nil {
		t.Fatalf("a stopped server answers %q", out)
	}
	s.Start()
	if out, err := ls(); err != nil || !strings.HasPrefix(out, head) {
		t.Fatalf("ls-remote after a restart: %q, %v", out, err)
	}
}

func TestKeysSign(t *testing.T) {
	for name, key := range map[string]*gittest.Key{"ssh": gittest.SSHKey(t), "gpg": gittest.GPGKey(t, "Alice <alice@example.com>")} {
		r := gittest.New(t)
		r.Key = key
		commit := string(r.Raw(r.Commit("signed", nil)))
		tag := string(r.Raw(r.Tag("v1", "HEAD", "signed")))
		if !strings.Contains(commit, "\ngpgsig -----BEGIN ") || !strings.Contains(tag, "\n-----BEGIN ") {
			t.Errorf("%s: not signed:\n%s\n%s", name, commit, tag)
		}
		if key.Fingerprint == "" || key.Public == "" {
			t.Errorf("%s: key without public side: %+v", name, key)
		}
	}
}

func TestObjectsAreTheSameInEachRun(t *testing.T) {
	make := func() string {
		r := gittest.New(t)
		r.Commit("first", map[string]string{"a": "1"})
		r.Checkout("side")
		r.Commit("second", map[string]string{"b": "2"})
		r.Checkout("main")
		return r.Merge("merge", "side")
	}
	if a, b := make(), make(); a != b {
		t.Errorf("two runs give %s and %s", a, b)
	}
}
