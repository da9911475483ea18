package git

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// addedAtOnce is how many files one process is told to add.
const addedAtOnce = 200

// Append adds files to the root of a ref by a new commit on it, beside those that it
// has, and those of another commit if one is given. The index, the work tree and other
// refs stay as they are. It returns the new commit. If the ref is moved meanwhile, that
// is an error and nothing has changed.
func (l *Local) Append(ctx context.Context, ref, with string, files map[string][]byte, message string) (string, error) {
	if err := checkRef(ref); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "holdfast-append-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	own := &Mirror{opts: l.m.opts, git: l.m.git, remote: l.m.remote, workTree: l.m.workTree, indexFile: filepath.Join(dir, "index")}
	old, err := l.Resolve(ctx, ref)
	if _, none := errors.AsType[*RevisionError](err); err != nil && !none {
		return "", err
	}
	blobs, err := own.store(ctx, dir, files)
	if err != nil {
		return "", err
	}
	args := []string{"commit-tree", "-m", message}
	for _, parent := range []string{old, with} {
		if parent == "" || slices.Contains(args, parent) {
			continue
		}
		if err := l.rootFiles(ctx, parent, blobs); err != nil {
			return "", err
		}
		args = append(args, "-p", parent)
	}
	if err := own.index(ctx, blobs); err != nil {
		return "", err
	}
	tree, err := own.run(ctx, own.environment(), "write-tree")
	if err != nil {
		return "", err
	}
	at := strconv.FormatInt(time.Now().Unix(), 10) + " +0000"
	env := own.environment()
	for _, role := range []string{"AUTHOR", "COMMITTER"} {
		env = append(env, "GIT_"+role+"_NAME=holdfast", "GIT_"+role+"_EMAIL=holdfast@localhost", "GIT_"+role+"_DATE="+at)
	}
	out, err := own.run(ctx, env, append(args, strings.TrimSpace(string(tree)))...)
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if old == "" {
		old = strings.Repeat("0", len(id))
	}
	_, err = own.run(ctx, own.environment(), "update-ref", ref, id, old)
	return id, err
}

// store writes files as objects and returns their ids by name.
func (m *Mirror) store(ctx context.Context, dir string, files map[string][]byte) (map[string]string, error) {
	blobs := map[string]string{}
	for name, content := range files {
		file := filepath.Join(dir, "content")
		if err := os.WriteFile(file, content, 0o600); err != nil {
			return nil, err
		}
		out, err := m.run(ctx, m.environment(), "hash-object", "-w", "--no-filters", "--", file)
		if err != nil {
			return nil, err
		}
		blobs[name] = strings.TrimSpace(string(out))
	}
	return blobs, nil
}

// rootFiles adds the regular files in the root of a commit that are not there yet.
func (l *Local) rootFiles(ctx context.Context, commit string, blobs map[string]string) error {
	tree, err := l.Tree(ctx, commit)
	if err != nil {
		return err
	}
	entries, err := tree.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, there := blobs[e.Name]; !there && e.Mode == source.ModeFile {
			blobs[e.Name] = e.ID
		}
	}
	return nil
}

func (m *Mirror) index(ctx context.Context, blobs map[string]string) error {
	names := make([]string, 0, len(blobs))
	for name := range blobs {
		names = append(names, name)
	}
	slices.Sort(names)
	for chunk := range slices.Chunk(names, addedAtOnce) {
		args := []string{"update-index", "--add"}
		for _, name := range chunk {
			args = append(args, "--cacheinfo", "100644,"+blobs[name]+","+name)
		}
		if _, err := m.run(ctx, m.environment(), args...); err != nil {
			return err
		}
	}
	return nil
}

// RejectedError reports a push that a server refused because it has more than we know.
type RejectedError struct{ Remote, Message string }

func (e *RejectedError) Error() string {
	return fmt.Sprintf("%s has refused it: %s", e.Remote, e.Message)
}

// Obtain fetches a ref of a remote and returns its commit; "" if the remote does not
// have it. It is kept under no name but Git's FETCH_HEAD. As with Push, the remote, its
// credentials and agents are those of the user's configuration; hooks do not run.
func (l *Local) Obtain(ctx context.Context, remote, ref string) (string, error) {
	if err := checkRemote(remote); err != nil {
		return "", err
	}
	out, err := l.asUser(ctx, "ls-remote", remote, ref)
	if err != nil {
		return "", err
	}
	id, name, _ := strings.Cut(strings.TrimSpace(out), "\t")
	if name != ref || !isID(id) {
		return "", nil
	}
	if _, err := l.asUser(ctx, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", remote, ref); err != nil {
		return "", err
	}
	_, err = l.Commit(ctx, id)
	return id, err
}

// Push pushes a ref to a remote under its own name, without force.
func (l *Local) Push(ctx context.Context, remote, ref string) error {
	if err := checkRemote(remote); err != nil {
		return err
	}
	_, err := l.asUser(ctx, "push", "--quiet", "--no-verify", remote, ref+":"+ref)
	if err != nil && (strings.Contains(err.Error(), "[rejected]") || strings.Contains(err.Error(), "cannot lock ref")) {
		return &RejectedError{Remote: quoteName(remote), Message: err.Error()}
	}
	return err
}

// SigningKey returns the file of the SSH key with which the user's configuration has
// commits signed; "" if there is none.
func (l *Local) SigningKey(ctx context.Context) string {
	format, err := l.asUser(ctx, "config", "--get", "gpg.format")
	if err != nil || strings.TrimSpace(format) != "ssh" {
		return ""
	}
	file, err := l.asUser(ctx, "config", "--type=path", "--get", "user.signingKey")
	if file = strings.TrimSpace(file); err != nil || strings.HasPrefix(file, "key::") || strings.HasPrefix(file, "ssh-") {
		return ""
	}
	return file
}

// checkRemote refuses what git would take for an option.
func checkRemote(remote string) error {
	if remote == "" || strings.HasPrefix(remote, "-") {
		return fmt.Errorf("%s is not the name of a remote", quoteName(remote))
	}
	return nil
}

// asUser runs git as the user would: it may ask on the terminal.
func (l *Local) asUser(ctx context.Context, command string, args ...string) (string, error) {
	full := []string{"-c", "core.hooksPath=" + os.DevNull, "-c", "core.fsmonitor=false", "-c", "fetch.fsckObjects=true", command}
	cmd := exec.CommandContext(ctx, l.m.git, append(full, args...)...)
	cmd.Dir = l.m.workTree
	cmd.Stdin = os.Stdin
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "GIT_NO_REPLACE_OBJECTS=1")
	var stdout strings.Builder
	stderr := &tail{}
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("git %s: %s", command, l.m.remote.clean(stderr.String()))
	}
	return stdout.String(), nil
}
