package git_test

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/source"
)

// script writes a program that leaves a mark when it runs.
func script(t *testing.T, name, mark string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\necho ran >>'"+mark+"'\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func mustNotExist(t *testing.T, mark string) {
	t.Helper()
	if content, err := os.ReadFile(mark); !source.IsNotExist(err) {
		t.Errorf("a program ran that must not: %s %v", content, err)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReplacementsAndGraftsAreIgnored(t *testing.T) {
	r := gittest.New(t)
	base := r.Commit("base", map[string]string{"f": "good"})
	good := r.Commit("good", map[string]string{"f": "better"})
	goodBlob := r.Git("rev-parse", "HEAD:f")
	r.Checkout("evil")
	evil := r.Commit("evil", map[string]string{"f": "evil"})
	evilBlob := r.Git("rev-parse", "HEAD:f")
	r.Checkout("main")
	r.SetRef("refs/replace/"+good, evil)
	r.SetRef("refs/replace/"+goodBlob, evilBlob)
	dir := filepath.Join(t.TempDir(), "m.git")
	m := open(t, gittest.Serve(t, r).URL, func(o *git.Options) { o.Dir = dir })
	fetch(t, m, main, "refs/heads/evil")
	if names, _ := filepath.Glob(filepath.Join(dir, "refs", "replace", "*")); len(names) != 0 {
		t.Errorf("replacements were fetched: %v", names)
	}

	// Even where somebody puts them into the mirror:
	write(t, filepath.Join(dir, "refs/replace", good), evil+"\n")
	write(t, filepath.Join(dir, "refs/replace", goodBlob), evilBlob+"\n")
	write(t, filepath.Join(dir, "info/grafts"), good+"\n")
	c, err := m.Commit(t.Context(), good)
	if err != nil || c.Subject() != "good" {
		t.Errorf("commit %+v, %v", c, err)
	}
	if got, err := m.FileAt(t.Context(), good, "f"); err != nil || string(got) != "better" {
		t.Errorf("FileAt = %q, %v", got, err)
	}
	if ok, err := m.IsAncestor(t.Context(), base, good); err != nil || !ok {
		t.Errorf("IsAncestor with a graft = %v, %v", ok, err)
	}
	if ids, err := m.Range(t.Context(), "", good); err != nil || len(ids) != 2 {
		t.Errorf("Range with a graft = %v, %v", ids, err)
	}
}

func TestNothingOfTheRepositoryRuns(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	script(t, evil, mark)
	r := gittest.New(t)
	head := r.Commit("first", map[string]string{
		".gitattributes": "*.yaml filter=x diff=x merge=x text eol=crlf ident export-subst\n",
		"a.yaml":         "$Id$ \n$Format:%an$\n",
		".gitmodules":    "[submodule \"x\"]\n\tpath = x\n\turl = https://example.com/x\n",
	})
	dir := filepath.Join(t.TempDir(), "m.git")
	m := open(t, r.FileURL(), func(o *git.Options) { o.Dir = dir })
	for _, hook := range []string{"reference-transaction", "post-checkout", "pre-auto-gc", "post-rewrite", "proc-receive", "fsmonitor-watchman"} {
		script(t, filepath.Join(dir, "hooks", hook), mark)
	}
	home := t.TempDir()
	write(t, filepath.Join(home, ".gitconfig"), fmt.Sprintf(
		"[core]\n\tfsmonitor = %[1]s\n\tsshCommand = %[1]s\n\thooksPath = %[2]s\n[credential]\n\thelper = !%[1]s\n[diff]\n\texternal = %[1]s\n[url \"ext::%[1]s\"]\n\tinsteadOf = file://\n",
		evil, filepath.Join(dir, "hooks")))
	for name, value := range map[string]string{
		"HOME": home, "XDG_CONFIG_HOME": home, "GIT_CONFIG_GLOBAL": filepath.Join(home, ".gitconfig"), "GIT_CONFIG_SYSTEM": filepath.Join(home, ".gitconfig"),
		"GIT_DIR": t.TempDir(), "GIT_WORK_TREE": home, "GIT_OBJECT_DIRECTORY": t.TempDir(), "GIT_SSH_COMMAND": evil, "GIT_EXTERNAL_DIFF": evil,
		"GIT_ASKPASS": evil, "GIT_PAGER": evil, "GIT_EXEC_PATH": filepath.Dir(evil), "GIT_ALLOW_PROTOCOL": "ext", "GIT_TRACE": mark,
		"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.hooksPath", "GIT_CONFIG_VALUE_0": filepath.Join(dir, "hooks"),
	} {
		t.Setenv(name, value)
	}
	if got := fetch(t, m, main); got[main] != head {
		t.Errorf("fetched %v", got)
	}
	if got, err := m.FileAt(t.Context(), head, "a.yaml"); err != nil || string(got) != "$Id$ \n$Format:%an$\n" {
		t.Errorf("FileAt = %q, %v", got, err)
	}
	if _, err := m.Changed(t.Context(), "", head); err != nil {
		t.Error(err)
	}
	if err := m.Keep(t.Context(), head); err != nil {
		t.Error(err)
	}
	if err := m.Collect(t.Context(), 0); err != nil {
		t.Error(err)
	}
	mustNotExist(t, mark)
}

func TestProtocolsThatRunProgramsAreRefused(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "ran")
	evil := filepath.Join(t.TempDir(), "evil")
	script(t, evil, mark)
	for _, url := range []string{"ext::" + evil, "ext::sh -c " + evil, "--upload-pack=" + evil, "ssh://-oProxyCommand=" + evil + "/x", "file:///none"} {
		_, err := git.OpenMirror(t.Context(), git.Options{Dir: filepath.Join(t.TempDir(), "m"), URL: url})
		if _, ok := errors.AsType[*git.URLError](err); !ok {
			t.Errorf("%q: %v, want a URLError", url, err)
		}
	}
	// Should a URL get past our parser, git refuses it.
	m := open(t, "file:///none", func(o *git.Options) { o.AllowProtocols = []string{"file"} })
	if _, err := m.Fetch(t.Context(), main); err == nil {
		t.Error("a repository that does not exist was fetched")
	}
	mustNotExist(t, mark)
}

func TestForgedCommitGraphIsNotBelieved(t *testing.T) {
	r := gittest.New(t)
	a := r.Commit("a", nil)
	b := r.Commit("b", nil)
	c := r.Commit("c", nil)     // whose parent is said to be a
	tip := r.Commit("tip", nil) // git reads the commits it is given without the graph
	dir := filepath.Join(t.TempDir(), "m.git")
	m := fetched(t, r, func(o *git.Options) { o.Dir = dir })

	r.Git("commit-graph", "write", "--reachable")
	graph, err := os.ReadFile(filepath.Join(r.GitDir(), "objects/info/commit-graph"))
	if err != nil {
		t.Fatal(err)
	}
	ids := []string{a, b, c, tip}
	slices.Sort(ids)
	chunk := bytes.Index(graph, []byte("CDAT"))
	data := graph[binary.BigEndian.Uint64(graph[chunk+4:]):]
	const entry, tree = 20 + 16, 20 // a tree's id, two parents, generation and date
	position := slices.Index(ids, c)
	binary.BigEndian.PutUint32(data[position*entry+tree:], uint32(slices.Index(ids, a)))
	body := graph[:len(graph)-sha1.Size]
	sum := sha1.Sum(body)
	write(t, filepath.Join(dir, "objects/info/commit-graph"), string(body)+string(sum[:]))

	believes := exec.Command("git", "merge-base", "--is-ancestor", b, tip)
	believes.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_DIR=" + dir, "GIT_CONFIG_GLOBAL=/dev/null"}
	if err := believes.Run(); err == nil {
		t.Error("git sees through the forgery by default: this test proves nothing")
	}
	if ok, err := m.IsAncestor(t.Context(), b, tip); err != nil || !ok {
		t.Errorf("IsAncestor = %v, %v", ok, err)
	}
	if got, err := m.FirstParents(t.Context(), a, tip); err != nil || !slices.Equal(got, []string{b, c, tip}) {
		t.Errorf("FirstParents = %v, %v", got, err)
	}
}

func TestMovedNamesAreNotFollowed(t *testing.T) {
	r := gittest.New(t)
	first := r.Commit("first", nil)
	second := r.Commit("second", nil)
	r.SetRef("refs/heads/"+first, second) // a branch that is called like a commit
	r.SetRef("refs/tags/main", first)
	m := open(t, r.FileURL())
	got := fetch(t, m, main, "refs/heads/"+first, "refs/tags/main")
	if got[main] != second || got["refs/heads/"+first] != second || got["refs/tags/main"] != first {
		t.Errorf("fetched %v", got)
	}
	if c, err := m.Commit(t.Context(), first); err != nil || c.Subject() != "first" {
		t.Errorf("commit %+v, %v", c, err)
	}
}

func TestKilledFetchLeavesNoLocks(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", nil)
	dir := filepath.Join(t.TempDir(), "m.git")
	m := fetched(t, r, func(o *git.Options) { o.Dir = dir })
	var tracking string
	err := filepath.WalkDir(filepath.Join(dir, "refs"), func(p string, d os.DirEntry, err error) error {
		if !d.IsDir() {
			tracking = p
		}
		return err
	})
	if err != nil || tracking == "" {
		t.Fatal("no ref was written", err)
	}
	next := r.Commit("second", nil)
	write(t, tracking+".lock", "")
	write(t, filepath.Join(dir, "packed-refs.lock"), "")
	if _, err := m.Fetch(t.Context(), main); err == nil {
		t.Fatal("a lock does not stop git: this test proves nothing")
	}
	if got := fetch(t, m, main); got[main] != next {
		t.Errorf("after a failure that a lock caused: %v", got)
	}
	write(t, tracking+".lock", "")
	r.Reset(head)
	again := open(t, r.FileURL(), func(o *git.Options) { o.Dir = dir })
	if got := fetch(t, again, main); got[main] != head {
		t.Errorf("after a restart: %v", got)
	}
}

func TestSSHCommand(t *testing.T) {
	r := gittest.New(t)
	head := r.Commit("first", nil)
	log := filepath.Join(t.TempDir(), "log")
	ssh := filepath.Join(t.TempDir(), "ssh")
	program := "#!/bin/sh\necho \"$@\" >>'" + log + "'\nfor last; do :; done\nunset GIT_DIR\nexec sh -c \"$last\"\n"
	if err := os.WriteFile(ssh, []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	m := open(t, "ssh://git@example.com:2222"+r.GitDir(), func(o *git.Options) { o.SSHCommand = ssh + " -oBatchMode=yes" })
	if got := fetch(t, m, main); got[main] != head {
		t.Errorf("fetched %v", got)
	}
	args, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(args), "-oBatchMode=yes") || !strings.Contains(string(args), "-p 2222 git@example.com git-upload-pack") {
		t.Errorf("ssh was called with %q, %v", args, err)
	}
}
