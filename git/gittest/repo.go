// Package gittest makes real repositories for tests with the real git.
//
//	Repo    a repository with a work tree: what people push from
//	Key     an SSH or OpenPGP key that signs commits and tags
//	Server  serves repositories over HTTP on loopback; stops and starts again
//
// Names and times are the same in each run, so that unsigned objects have the
// same ids in each run.
package gittest

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Repo is a repository with a work tree, on branch main, without commits at
// first. Every commit is one minute after the one before.
type Repo struct {
	t    testing.TB
	Dir  string // its folder: NAME.git is the repository, "work" beside it the work tree
	name string

	// Name, Email and Time are those of the next commit or tag.
	Name, Email string
	Time        time.Time
	Key         *Key // signs commits and tags if set
}

// New makes an empty repository.
func New(t testing.TB, initArgs ...string) *Repo {
	t.Helper()
	r := &Repo{
		t: t, Dir: t.TempDir(), name: "repo.git", Name: "Alice", Email: "alice@example.com",
		Time: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	if err := os.Mkdir(r.Path("."), 0o755); err != nil {
		t.Fatal(err)
	}
	r.Git(append([]string{"init", "--quiet", "--template=", "--initial-branch=main"}, initArgs...)...)
	r.Git("config", "uploadpack.hideRefs", "refs/hidden")
	return r
}

// GitDir returns the repository's own directory, and FileURL its file:// URL.
func (r *Repo) GitDir() string { return filepath.Join(r.Dir, r.name) }

// FileURL returns the repository's file:// URL.
func (r *Repo) FileURL() string { return "file://" + filepath.ToSlash(r.GitDir()) }

// Path returns where a file of the work tree is on disk.
func (r *Repo) Path(name string) string {
	return filepath.Join(r.Dir, "work", filepath.FromSlash(name))
}

// Git runs git in the work tree and returns its output without the last newline.
func (r *Repo) Git(args ...string) string {
	r.t.Helper()
	return r.GitInput(nil, args...)
}

// GitInput is Git with standard input.
func (r *Repo) GitInput(input []byte, args ...string) string {
	r.t.Helper()
	out, err := r.run(input, args...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func (r *Repo) run(input []byte, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = r.Path(".")
	cmd.Stdin = bytes.NewReader(input)
	cmd.Env = append(environment(),
		"GIT_DIR="+r.GitDir(), "GIT_WORK_TREE="+r.Path("."),
		"GIT_AUTHOR_NAME="+r.Name, "GIT_AUTHOR_EMAIL="+r.Email,
		"GIT_COMMITTER_NAME="+r.Name, "GIT_COMMITTER_EMAIL="+r.Email,
		"GIT_AUTHOR_DATE="+date(r.Time), "GIT_COMMITTER_DATE="+date(r.Time))
	if r.Key != nil {
		cmd.Env = append(cmd.Env, r.Key.environment()...)
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil {
		return stderr.String(), err
	}
	return strings.TrimSuffix(stdout.String(), "\n"), nil
}

func date(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) + " +0000" }

func environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C.UTF-8",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_TERMINAL_PROMPT=0",
	}
}

// Write writes files of the work tree, by path. It commits nothing.
func (r *Repo) Write(files map[string]string) {
	r.t.Helper()
	for name, content := range files {
		if err := os.MkdirAll(filepath.Dir(r.Path(name)), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(r.Path(name), []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

// Remove deletes a file or directory of the work tree.
func (r *Repo) Remove(name string) {
	r.t.Helper()
	if err := os.RemoveAll(r.Path(name)); err != nil {
		r.t.Fatal(err)
	}
}

// Symlink makes a symbolic link in the work tree.
func (r *Repo) Symlink(name, target string) {
	r.t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.Path(name)), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Symlink(target, r.Path(name)); err != nil {
		r.t.Fatal(err)
	}
}

// Commit writes the files, commits the whole work tree and returns the commit's
// id. It is signed if r.Key is set. A commit without changes is made too.
func (r *Repo) Commit(message string, files map[string]string) string {
	r.t.Helper()
	r.Write(files)
	r.Git("add", "--all")
	return r.commit("--message", message)
}

// Merge merges a branch into the one checked out, always with a merge commit.
func (r *Repo) Merge(message, branch string) string {
	r.t.Helper()
	args := []string{"merge", "--quiet", "--no-ff", "--message", message}
	r.Git(append(append(r.signArgs(), args...), branch)...)
	r.Time = r.Time.Add(time.Minute)
	return r.Head()
}

func (r *Repo) commit(args ...string) string {
	r.t.Helper()
	r.Git(append(append(r.signArgs(), "commit", "--quiet", "--allow-empty", "--allow-empty-message"), args...)...)
	r.Time = r.Time.Add(time.Minute)
	return r.Head()
}

// Amend replaces the branch's last commit by one with another message.
func (r *Repo) Amend(message string) string {
	r.t.Helper()
	return r.commit("--amend", "--message", message)
}

func (r *Repo) signArgs() []string {
	if r.Key == nil {
		return nil
	}
	return append(r.Key.config(), "-c", "commit.gpgSign=true")
}

// Head returns the id of the commit checked out.
func (r *Repo) Head() string {
	r.t.Helper()
	return r.Git("rev-parse", "HEAD")
}

// Checkout switches to a branch, which is made if need be.
func (r *Repo) Checkout(branch string) {
	r.t.Helper()
	if _, err := r.run(nil, "show-ref", "--verify", "--quiet", "refs/heads/"+branch); err != nil {
		r.Git("checkout", "--quiet", "-b", branch)
		return
	}
	r.Git("checkout", "--quiet", branch)
}

// Reset moves the branch checked out to a commit, with its files: what a force
// push shows to others.
func (r *Repo) Reset(commit string) {
	r.t.Helper()
	r.Git("reset", "--quiet", "--hard", commit)
}

// Tag makes or moves an annotated tag, signed if r.Key is set, and returns the
// tag object's id.
func (r *Repo) Tag(name, target, message string) string {
	r.t.Helper()
	var args []string
	sign := "--annotate"
	if r.Key != nil {
		args, sign = r.Key.config(), "--sign"
	}
	r.Git(append(args, "tag", "--force", sign, "--message", message, name, target)...)
	r.Time = r.Time.Add(time.Minute)
	return r.Git("rev-parse", "refs/tags/"+name)
}

// SetRef makes or moves any ref, given in full, and DeleteRef deletes one.
func (r *Repo) SetRef(ref, id string) {
	r.t.Helper()
	r.Git("update-ref", ref, id)
}

// DeleteRef deletes a ref, given in full.
func (r *Repo) DeleteRef(ref string) {
	r.t.Helper()
	r.Git("update-ref", "-d", ref)
}

// Object writes an object with exactly this content, well formed or not, and
// returns its id.
func (r *Repo) Object(kind string, content []byte) string {
	r.t.Helper()
	return r.GitInput(content, "hash-object", "-t", kind, "--literally", "-w", "--stdin")
}

// Raw returns an object's exact content.
func (r *Repo) Raw(id string) []byte {
	r.t.Helper()
	kind := r.Git("cat-file", "-t", id)
	cmd := exec.Command("git", "cat-file", kind, id)
	cmd.Env = append(environment(), "GIT_DIR="+r.GitDir())
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// TreeEntry is an entry of a tree object, for TreeObject.
type TreeEntry struct{ Mode, Name, ID string }

// TreeObject writes a tree object with these entries in this order, and returns
// its id. Nothing is checked.
func (r *Repo) TreeObject(entries ...TreeEntry) string {
	r.t.Helper()
	var raw []byte
	for _, e := range entries {
		raw = append(raw, e.Mode+" "+e.Name+"\x00"...)
		for i := 0; i < len(e.ID); i += 2 {
			b, err := strconv.ParseUint(e.ID[i:i+2], 16, 8)
			if err != nil {
				r.t.Fatal(err)
			}
			raw = append(raw, byte(b))
		}
	}
	return r.Object("tree", raw)
}

// CommitObject writes a commit of any tree object, unsigned, and returns its id.
func (r *Repo) CommitObject(tree, message string, parents ...string) string {
	r.t.Helper()
	raw := "tree " + tree + "\n"
	for _, p := range parents {
		raw += "parent " + p + "\n"
	}
	who := r.Name + " <" + r.Email + "> " + date(r.Time) + "\n"
	raw += "author " + who + "committer " + who + "\n" + message + "\n"
	r.Time = r.Time.Add(time.Minute)
	return r.Object("commit", []byte(raw))
}
