package git

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Fixes tells by the id of a CVE what probes prove of a git program: true if it does
// what only a fixed one does, false if it does what only one without the fix does.
// What no probe can tell is not in it.
type Fixes map[string]bool

// ProbeFixes has the program at a path do harmless work in a temporary directory,
// where it behaves in another way since a vulnerability was fixed. No configuration
// but Git's own defaults counts, nothing is fetched, and nothing of a repository runs.
func ProbeFixes(ctx context.Context, program string) (Fixes, error) {
	dir, err := os.MkdirTemp("", "holdfast-probe-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	w := &workbench{program: program, dir: dir, repo: filepath.Join(dir, "repo")}
	if _, err := w.run(ctx, nil, "", "init", "--quiet", w.repo); err != nil {
		return nil, err
	}
	found := Fixes{}
	for _, probe := range fixProbes {
		fixed, open, err := probe.run(ctx, w)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err == nil && fixed != open { // what is neither proves nothing
			found[probe.cve] = fixed
		}
	}
	w.fsck(ctx, found)
	return found, nil
}

// workbench is where the program is tried.
type workbench struct{ program, dir, repo string }

// probeTime is how long one process of a probe may take.
const probeTime = 10 * time.Second

// run returns all that the program writes, to standard output and error. Its failure
// is an error too.
func (w *workbench) run(ctx context.Context, env []string, stdin string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.program, args...)
	cmd.Env = append([]string{
		"PATH=" + filepath.Dir(w.program) + string(os.PathListSeparator) + "/usr/local/bin:/usr/bin:/bin",
		"HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", "GIT_CEILING_DIRECTORIES=" + filepath.Dir(w.repo),
	}, env...)
	cmd.Dir = w.dir
	if _, err := os.Stat(w.repo); err == nil {
		cmd.Dir = w.repo
	}
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	cmd.Stdin = strings.NewReader(stdin)
	out := &capped{max: 1 << 20, stop: cancel}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	return out.String(), err
}

// fixProbe tells whether one CVE is fixed: by what only a program with the fix does,
// and what only one without it does.
type fixProbe struct {
	cve string
	run func(ctx context.Context, w *workbench) (fixed, open bool, err error)
}

var fixProbes = []fixProbe{
	{"CVE-2021-40330", func(ctx context.Context, w *workbench) (bool, bool, error) {
		out, _ := w.run(ctx, []string{"GIT_ALLOW_PROTOCOL=git"}, "", "ls-remote", "git://127.0.0.1:1/a\nb")
		return strings.Contains(out, "newline is forbidden"), strings.Contains(out, "unable to connect"), nil
	}},
	// The variable is one of Git's own tests; releases that do not know it prove nothing.
	{"CVE-2022-24765", func(ctx context.Context, w *workbench) (bool, bool, error) {
		out, _ := w.run(ctx, []string{"GIT_TEST_ASSUME_DIFFERENT_OWNER=1"}, "", "rev-parse", "--git-dir")
		return refusesOwner(out), false, nil
	}},
	{"CVE-2024-32004", func(ctx context.Context, w *workbench) (bool, bool, error) {
		out, _ := w.run(ctx, []string{"GIT_TEST_ASSUME_DIFFERENT_OWNER=1"}, "", "upload-pack", "--advertise-refs", filepath.Join(w.repo, ".git"))
		return refusesOwner(out), false, nil
	}},
	{"CVE-2022-39253", func(ctx context.Context, w *workbench) (bool, bool, error) {
		out, err := w.run(ctx, []string{"GIT_PROTOCOL_FROM_USER=0"}, "", "ls-remote", "file://"+filepath.ToSlash(w.repo))
		return strings.Contains(out, "transport 'file' not allowed"), err == nil && out == "", nil
	}},
	{"CVE-2022-23521", func(ctx context.Context, w *workbench) (bool, bool, error) {
		file := filepath.Join(w.repo, ".gitattributes")
		if err := os.WriteFile(file, []byte(strings.Repeat("a", 3000)+" x\n"), 0o600); err != nil {
			return false, false, err
		}
		defer os.Remove(file)
		out, err := w.run(ctx, nil, "", "check-attr", "x", "f")
		return strings.Contains(out, "overly long attributes line"), err == nil && out == "f: x: unspecified\n", nil
	}},
	{"CVE-2023-25652", func(ctx context.Context, w *workbench) (bool, bool, error) {
		const patch = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-other\n+new\n"
		err := os.WriteFile(filepath.Join(w.repo, "f"), []byte("old\n"), 0o600)
		if err = errors.Join(err, os.Symlink("outside", filepath.Join(w.repo, "f.rej"))); err != nil {
			return false, false, err
		}
		out, _ := w.run(ctx, nil, patch, "apply", "--reject")
		_, through := os.Lstat(filepath.Join(w.repo, "outside"))
		link, err := os.Lstat(filepath.Join(w.repo, "f.rej"))
		return strings.Contains(out, "Rejected hunk") && err == nil && link.Mode().IsRegular() && through != nil, through == nil, nil
	}},
	{"CVE-2023-29007", func(ctx context.Context, w *workbench) (bool, bool, error) {
		file := filepath.Join(w.dir, "long")
		if err := os.WriteFile(file, []byte("[a]\n\tx = "+strings.Repeat("a", 600_000)+"\n"), 0o600); err != nil {
			return false, false, err
		}
		out, err := w.run(ctx, nil, "", "config", "--file", file, "--rename-section", "a", "b")
		head, readErr := os.ReadFile(file)
		return strings.Contains(out, "overly long line"), err == nil && bytes.HasPrefix(head, []byte("[b]")), readErr
	}},
	{"CVE-2024-50349", func(ctx context.Context, w *workbench) (bool, bool, error) {
		out, _ := w.run(ctx, nil, "protocol=https\nhost=a\x1b[31mb\n\n", "-c", "credential.helper=", "credential", "fill")
		return strings.Contains(strings.ToUpper(out), "A%1B[31MB"), strings.Contains(out, "a?[31mb") || strings.Contains(out, "a\x1b[31mb"), nil
	}},
	{"CVE-2024-52006", func(ctx context.Context, w *workbench) (bool, bool, error) {
		out, _ := w.run(ctx, nil, "protocol=https\nhost=a\rb\nusername=u\npassword=p\n\n", "-c", "credential.helper=", "credential", "fill")
		return strings.Contains(out, "contains carriage return"), strings.Contains(out, "host=a\rb\n"), nil
	}},
	{"CVE-2025-48384", func(ctx context.Context, w *workbench) (bool, bool, error) {
		file := filepath.Join(w.dir, "return")
		if out, err := w.run(ctx, nil, "", "config", "--file", file, "probe.value", "x\r"); err != nil {
			return false, false, errors.New(out)
		}
		out, err := w.run(ctx, nil, "", "config", "--file", file, "--null", "probe.value")
		return out == "x\r\x00", out == "x\x00", err
	}},
}

func refusesOwner(out string) bool {
	return strings.Contains(out, "dubious ownership") || strings.Contains(out, "unsafe repository")
}

// hostileModules are .gitmodules files that fsck refuses since a CVE was fixed, and
// what it says of them.
var hostileModules = []struct{ cve, content, says string }{
	{"CVE-2018-11235", "[submodule \"../x\"]\n\tpath = x\n\turl = https://example.com/x\n", "submodule name: ../x"},
	{"CVE-2018-17456", "[submodule \"x\"]\n\tpath = x\n\turl = -x\n", "submodule url: -x"},
	{"CVE-2019-19604", "[submodule \"x\"]\n\tpath = x\n\turl = https://example.com/x\n\tupdate = !false\n", "update setting: !false"},
	{"CVE-2020-5260", "[submodule \"x\"]\n\tpath = x\n\turl = https://example.com/x%0ahost=y\n", "submodule url: https://example.com/x%0ahost=y"},
	{"CVE-2020-11008", "[submodule \"x\"]\n\tpath = x\n\turl = https:///x\n", "submodule url: https:///x"},
}

// fsck has trees examined that no program should take. They are stored as data; none
// of them is checked out.
func (w *workbench) fsck(ctx context.Context, found Fixes) {
	for _, m := range hostileModules {
		blob, err := w.run(ctx, nil, m.content, "hash-object", "-w", "--stdin")
		if err != nil {
			return
		}
		if _, err := w.run(ctx, nil, "100644 blob "+strings.TrimSpace(blob)+"\t.gitmodules\n", "mktree"); err != nil {
			return
		}
	}
	out, _ := w.run(ctx, nil, "", "fsck", "--strict", "--no-progress")
	if !strings.Contains(out, "dangling tree ") {
		return // it did not look at them
	}
	for _, m := range hostileModules {
		found[m.cve] = strings.Contains(out, m.says)
	}
}
