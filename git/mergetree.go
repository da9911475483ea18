package git

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Merged is how the tree of a merge differs from what git makes of its parents.
type Merged struct {
	Differs   []string // paths whose content is another one
	Conflicts []string // paths of which git cannot make anything by itself
	// Dropped are those of the conflicts in which something is missing beside what is in
	// conflict: one side changed it, and the result has it as before.
	Dropped []string
}

// Merge is a merge to be made again. All are ids of commits.
type Merge struct {
	Base         string // the only best common ancestor of the parents; "" if that is not known
	Ours, Theirs string // the parents
	Commit       string // the merge
}

// Merged makes a merge again, without attributes, drivers and configuration of the
// repository, and compares the commit's tree with it.
func (m *Mirror) Merged(ctx context.Context, merge Merge) (Merged, error) {
	if merge.Base != "" {
		clean, err := m.mergedHere(ctx, merge)
		if clean || err != nil {
			return Merged{}, err
		}
	}
	result, err := m.trees.ofCommit(ctx, merge.Commit)
	if err != nil {
		return Merged{}, err
	}
	merged, err := m.mergedByGit(ctx, merge.Ours, merge.Theirs, result.id)
	if err == nil && merge.Base != "" {
		merged.Dropped, err = m.droppedIn(ctx, merge, merged.Conflicts)
	}
	return merged, err
}

// maxConflicts bounds how many files with conflicts are looked at.
const maxConflicts = 200

// droppedIn looks for what is missing in files with conflicts.
func (m *Mirror) droppedIn(ctx context.Context, merge Merge, conflicts []string) (dropped []string, err error) {
	var trees [4]*tree
	for i, commit := range []string{merge.Base, merge.Ours, merge.Theirs, merge.Commit} {
		root, err := m.trees.ofCommit(ctx, commit)
		if err != nil {
			return nil, err
		}
		trees[i] = &tree{mirror: m, root: root}
	}
	for _, name := range conflicts[:min(len(conflicts), maxConflicts)] {
		var ids []string
		for _, t := range trees {
			if e, _, err := t.find(name); err == nil && e.Mode.Regular() {
				ids = append(ids, e.ID)
			}
		}
		if len(ids) < len(trees) {
			continue
		}
		w := &threeWay{ctx: ctx, mirror: m}
		contents, err := w.texts(ids)
		if err != nil {
			return nil, err
		}
		if len(contents) == len(trees) && dropsLines(contents[0], contents[1], contents[2], contents[3]) {
			dropped = append(dropped, name)
		}
	}
	return dropped, nil
}

func (m *Mirror) mergedHere(ctx context.Context, merge Merge) (bool, error) {
	var dirs [4]*dir
	for i, commit := range []string{merge.Base, merge.Ours, merge.Theirs, merge.Commit} {
		var err error
		if dirs[i], err = m.trees.ofCommit(ctx, commit); err != nil {
			return false, err
		}
	}
	w := &threeWay{ctx: ctx, mirror: m}
	return w.holds(dirs[0], dirs[1], dirs[2], dirs[3])
}

// mergedByGit has git make the merge. What it writes for that goes to a directory of
// its own.
func (m *Mirror) mergedByGit(ctx context.Context, ours, theirs, tree string) (Merged, error) {
	dir, err := os.MkdirTemp("", "holdfast-merge-")
	if err != nil {
		return Merged{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := m.borrow(dir, len(ours)); err != nil {
		return Merged{}, err
	}
	apart := &Mirror{opts: m.opts, git: m.git, remote: m.remote}
	apart.opts.Dir = dir
	out, err := apart.runEither(ctx, "merge-tree", "--write-tree", "--allow-unrelated-histories", "--no-messages", "--name-only", "-z", ours, theirs)
	if err != nil {
		return Merged{}, err
	}
	fields := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	if !isID(fields[0]) {
		return Merged{}, fmt.Errorf("git merge-tree gives no tree of %s and %s", ours, theirs)
	}
	merged := Merged{Conflicts: slices.Compact(slices.Sorted(slices.Values(fields[1:])))}
	if fields[0] == tree {
		return merged, nil
	}
	out, err = apart.run(ctx, apart.environment(), "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--no-ext-diff", "--no-textconv", fields[0], tree)
	if err != nil {
		return Merged{}, err
	}
	for _, name := range bytes.Split(bytes.TrimRight(out, "\x00"), []byte{0}) {
		merged.Differs = append(merged.Differs, string(name))
	}
	return merged, nil
}

// borrow makes an empty repository that reads the objects of m.
func (m *Mirror) borrow(dir string, idLength int) error {
	objects, err := filepath.Abs(m.objects())
	if err != nil {
		return err
	}
	if strings.ContainsAny(objects, "\n\"") {
		return errors.New("the path of the repository holds a line break or a quote")
	}
	alternates := objects + "\n"
	for _, dir := range append(filepath.SplitList(m.quarantine.Alternates), m.quarantine.Objects) {
		if dir != "" && dir != objects {
			alternates += dir + "\n"
		}
	}
	config := "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
	if idLength == 64 {
		config = "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n"
	}
	for name, content := range map[string]string{
		"HEAD": "ref: refs/heads/none\n", "config": config, "refs/.keep": "", "objects/info/alternates": alternates,
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// runEither is run for a command that says by exit code 1 what it found.
func (m *Mirror) runEither(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, m.opts.Timeout)
	defer cancel()
	cmd := m.command(ctx, m.environment(), args...)
	stdout, stderr := &capped{max: maxOutput, stop: cancel}, &tail{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	err := cmd.Run()
	switch {
	case stdout.over:
		return nil, &LimitError{What: "bytes of output of git " + args[0], Limit: maxOutput}
	case ctx.Err() != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], ctx.Err())
	case err != nil && (cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1):
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, m.remote.clean(stderr.String()))
	}
	return stdout.Bytes(), nil
}

// Merged is as Mirror.Merged.
func (l *Local) Merged(ctx context.Context, merge Merge) (Merged, error) {
	return l.m.Merged(ctx, merge)
}
