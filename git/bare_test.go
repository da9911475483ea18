package git_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

func TestBareRepository(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			r := gittest.New(t, "--object-format="+format)
			base := r.Commit("base", map[string]string{"a.yaml": "1"})
			tag := r.Tag("v1", base, "one")
			r.Git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
			l, err := git.OpenBare(git.BareOptions{Dir: r.GitDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			refs, err := l.Refs(t.Context())
			want := []git.Ref{{Name: "refs/heads/alias", ID: base, Symref: "refs/heads/main"}, {Name: "refs/heads/main", ID: base}, {Name: "refs/tags/v1", ID: tag}}
			if err != nil || len(refs) != 3 || refs[0] != want[0] || refs[1] != want[1] || refs[2] != want[2] {
				t.Errorf("%+v, %v; want %+v", refs, err, want)
			}
			if branch, err := l.DefaultBranch(t.Context()); branch != "refs/heads/main" || err != nil {
				t.Errorf("%s, %v", branch, err)
			}
			for id, want := range map[string]string{base: "commit", tag: "tag", r.Git("rev-parse", "main:a.yaml"): "blob"} {
				if kind, err := l.Kind(t.Context(), id); kind != want || err != nil {
					t.Errorf("%s, %v; want %s", kind, err, want)
				}
			}
			var missing *git.MissingError
			if _, err := l.Kind(t.Context(), strings.Repeat("1", len(base))); !errors.As(err, &missing) {
				t.Errorf("%v, want a MissingError", err)
			}
			for digits, want := range map[string]bool{base[:7]: true, strings.ToUpper(base[:12]): true, "feature": false, "": false} {
				if is, err := l.Abbreviates(t.Context(), digits); is != want || err != nil {
					t.Errorf("%q: %v, %v", digits, is, err)
				}
			}
			r.Git("checkout", "--quiet", "--detach")
			if branch, err := l.DefaultBranch(t.Context()); branch != "" || err != nil {
				t.Errorf("%s, %v", branch, err)
			}
		})
	}
}

func TestBareRepositoryReadsWithinQuarantine(t *testing.T) {
	server, pusher := gittest.New(t), gittest.New(t)
	base := server.Commit("base", map[string]string{"a.yaml": "1", "b.yaml": "1"})
	pusher.Git("fetch", "--quiet", server.FileURL(), "main")
	pusher.Git("reset", "--quiet", "--hard", "FETCH_HEAD")
	pusher.Checkout("side")
	pusher.Commit("side", map[string]string{"a.yaml": "side"})
	pusher.Checkout("main")
	pusher.Git("reset", "--quiet", "--hard", base)
	ours := pusher.Commit("ours", map[string]string{"a.yaml": "ours"})
	theirs := pusher.Git("rev-parse", "side")
	merge := pusher.CommitObject(pusher.Git("rev-parse", "main^{tree}"), "merge", ours, theirs)

	quarantine := filepath.Join(server.GitDir(), "objects", "tmp_objdir-incoming-1")
	if err := os.MkdirAll(filepath.Join(quarantine, "pack"), 0o755); err != nil {
		t.Fatal(err)
	}
	pack := exec.Command("sh", "-c", "printf '%s\\n' "+merge+" ^"+base+" | git --git-dir="+pusher.GitDir()+" pack-objects --revs --quiet "+quarantine+"/pack/pack")
	if out, err := pack.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}

	outside, err := git.OpenBare(git.BareOptions{Dir: server.GitDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	var missing *git.MissingError
	if _, err := outside.Commit(t.Context(), merge); !errors.As(err, &missing) {
		t.Errorf("without quarantine the commit is found: %v", err)
	}
	within, err := git.OpenBare(git.BareOptions{Dir: server.GitDir(), Quarantine: git.Quarantine{
		Path: quarantine, Objects: quarantine, Alternates: filepath.Join(server.GitDir(), "objects"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer within.Close()
	if c, err := within.Commit(t.Context(), merge); err != nil || c.Subject() != "merge" {
		t.Errorf("%v, %v", c, err)
	}
	ids, err := within.Range(t.Context(), base, merge)
	if err != nil || len(ids) != 3 {
		t.Errorf("%v, %v", ids, err)
	}
	tree, err := within.Tree(t.Context(), merge)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, tree, "a.yaml") + read(t, tree, "b.yaml"); got != "ours1" {
		t.Errorf("the files are %q", got)
	}
	merged, err := within.Merged(t.Context(), git.Merge{Ours: ours, Theirs: theirs, Commit: merge})
	if err != nil || len(merged.Conflicts) != 1 || merged.Conflicts[0] != "a.yaml" {
		t.Errorf("%+v, %v", merged, err)
	}
	left, err := filepath.Glob(filepath.Join(quarantine, "*", "*"))
	if err != nil || len(left) != 2 { // the pack and its index
		t.Errorf("something was written to the quarantine: %v, %v", left, err)
	}
}

func TestCommitsAreWeighed(t *testing.T) {
	r := gittest.New(t)
	base := r.Commit("base", map[string]string{"a.yaml": "1"})
	r.Commit(strings.Repeat("x", 40_000), nil)
	tip := r.Commit(strings.Repeat("y", 40_000), nil)
	l, err := git.OpenBare(git.BareOptions{Dir: r.GitDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var limit *git.LimitError
	if err := l.Weigh(t.Context(), base, tip, 80_000); !errors.As(err, &limit) {
		t.Errorf("%v, want a LimitError", err)
	}
	for _, from := range []string{base, ""} {
		if err := l.Weigh(t.Context(), from, tip, 90_000); err != nil {
			t.Errorf("from %q: %v", from, err)
		}
	}
	if _, err := l.Commit(t.Context(), tip); err != nil {
		t.Errorf("it cannot be read any more: %v", err)
	}
}

func TestQuarantineOfAnotherRepositoryIsRefused(t *testing.T) {
	r, other := gittest.New(t), gittest.New(t)
	objects := filepath.Join(r.GitDir(), "objects")
	elsewhere := filepath.Join(other.GitDir(), "objects")
	for reason, q := range map[string]git.Quarantine{
		"no objects":           {Path: elsewhere},
		"of another one":       {Path: elsewhere, Objects: elsewhere, Alternates: elsewhere},
		"not beside our own":   {Path: elsewhere, Objects: elsewhere},
		"a relative path":      {Path: "x", Objects: "x", Alternates: objects},
		"a quote":              {Path: "/x", Objects: "/x\"", Alternates: objects},
		"a line break":         {Path: "/x", Objects: "/x", Alternates: objects + ":/y\nz"},
		"a relative alternate": {Path: elsewhere, Objects: elsewhere, Alternates: objects + ":y"},
	} {
		if l, err := git.OpenBare(git.BareOptions{Dir: r.GitDir(), Quarantine: q}); err == nil {
			t.Errorf("%s: it is used", reason)
			_ = l.Close()
		}
	}
	if _, err := git.OpenBare(git.BareOptions{Dir: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is no Git repository") {
		t.Errorf("an empty directory is a repository: %v", err)
	}
}

func TestBareRepositoryStartsNoProgram(t *testing.T) {
	r := gittest.New(t)
	base := r.Commit("base", map[string]string{"a.yaml": "1", ".gitattributes": "*.yaml filter=x diff=x merge=x\n"})
	r.Checkout("side")
	r.Commit("side", map[string]string{"a.yaml": "2"})
	r.Checkout("main")
	r.Commit("ours", map[string]string{"b.yaml": "2"})
	merge := r.Merge("merge", "side")
	mark := filepath.Join(t.TempDir(), "started")
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho \"$0 $*\" >>'"+mark+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"core.fsmonitor", "core.sshCommand", "core.alternateRefsCommand", "core.pager", "core.editor", "diff.external", "diff.x.command",
		"diff.x.textconv", "filter.x.smudge", "filter.x.clean", "filter.x.process", "merge.x.driver", "gpg.program", "gpg.ssh.program", "credential.helper",
	} {
		r.Git("config", key, program)
	}
	for _, hook := range []string{"reference-transaction", "post-index-change"} {
		if err := os.MkdirAll(filepath.Join(r.GitDir(), "hooks"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(program, filepath.Join(r.GitDir(), "hooks", hook)); err != nil {
			t.Fatal(err)
		}
	}
	l, err := git.OpenBare(git.BareOptions{Dir: r.GitDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := t.Context()
	_, err1 := l.Refs(ctx)
	_, err2 := l.Changes(ctx, base, merge)
	_, err3 := l.Merged(ctx, git.Merge{Ours: merge, Theirs: base, Commit: merge})
	_, err4 := l.PatchID(ctx, merge)
	_, err5 := l.MergeBase(ctx, base, merge)
	_, err6 := l.Abbreviates(ctx, base[:8])
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Error(err)
	}
	if started, err := os.ReadFile(mark); err == nil {
		t.Errorf("the repository started programs:\n%s", started)
	}
}

func TestOnlyTheQuarantineIsPassedOn(t *testing.T) {
	r := gittest.New(t)
	r.Commit("base", map[string]string{"a.yaml": "1"})
	real, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(t.TempDir(), "seen")
	program := filepath.Join(t.TempDir(), "git")
	if err := os.WriteFile(program, []byte("#!/bin/sh\nenv >>'"+seen+"'\nexec "+real+" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"GIT_CONFIG_PARAMETERS", "GIT_EXTERNAL_DIFF", "GIT_SSH_COMMAND", "GIT_TRACE", "GIT_NAMESPACE", "GIT_INDEX_FILE", "GIT_SHALLOW_FILE",
		"GIT_REPLACE_REF_BASE", "GIT_PUSH_CERT", "GIT_EXEC_PATH", "LD_PRELOAD", "SECRET_TOKEN",
	} {
		t.Setenv(name, "leaked")
	}
	objects := filepath.Join(r.GitDir(), "objects")
	quarantine := filepath.Join(objects, "incoming")
	if err := os.Mkdir(quarantine, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := git.OpenBare(git.BareOptions{
		Dir: r.GitDir(), Git: program, Quarantine: git.Quarantine{Path: quarantine, Objects: quarantine, Alternates: objects},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Refs(t.Context()); err != nil {
		t.Error(err)
	}
	// What is not in the files of the repository is asked of git.
	var missing *git.MissingError
	if _, err := l.Commit(t.Context(), strings.Repeat("a", 40)); !errors.As(err, &missing) {
		t.Error(err)
	}
	env, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(env), "leaked") {
		t.Errorf("git was given:\n%s", env)
	}
	for _, want := range []string{"GIT_QUARANTINE_PATH=" + quarantine, "GIT_OBJECT_DIRECTORY=" + quarantine, "GIT_ALTERNATE_OBJECT_DIRECTORIES=" + objects} {
		if strings.Count(string(env), want+"\n") != 2 {
			t.Errorf("%s is not given to both processes:\n%s", want, env)
		}
	}
}
