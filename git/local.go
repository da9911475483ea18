package git

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Local is a repository with a work tree, as its owner works with it. Nothing in
// it is written but by Append, and neither its configuration nor its attributes can
// make git run a program, but for Obtain and Push. It is safe for concurrent use.
type Local struct {
	m         *Mirror
	readAhead []string
}

// LocalOptions say which repository to read.
type LocalOptions struct {
	WorkTree  string   // the directory that has a .git
	IndexFile string   // instead of the index of the repository, as hooks of git are told
	Git       string   // the git program; default: from PATH
	ReadAhead []string // names of files of which many are read: those of the index are read at once
}

// OpenLocal opens the repository of a work tree.
func OpenLocal(opts LocalOptions) (*Local, error) {
	root, err := filepath.Abs(opts.WorkTree)
	if err != nil {
		return nil, err
	}
	dir, err := gitDir(filepath.Join(root, ".git"))
	if err != nil {
		return nil, err
	}
	full, err := Options{Dir: dir, Git: opts.Git, AllowProtocols: []string{}}.withDefaults()
	if err != nil {
		return nil, err
	}
	index := cmp.Or(opts.IndexFile, filepath.Join(dir, "index"))
	if index, err = filepath.Abs(index); err != nil {
		return nil, err
	}
	m := &Mirror{opts: full, git: full.Git, remote: &remote{url: root}, workTree: root, indexFile: index}
	life, cancel := context.WithCancel(context.Background())
	m.close = cancel
	m.batch = newBatch(m, life)
	m.trees = newTreeCache(m)
	return &Local{m: m, readAhead: opts.ReadAhead}, nil
}

// gitDir follows the .git file of a linked work tree or submodule.
func gitDir(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil || info.IsDir() {
		return name, err
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	target, ok := strings.CutPrefix(strings.TrimRight(string(content), "\r\n"), "gitdir: ")
	if !ok || target == "" {
		return "", fmt.Errorf("%s is neither a repository nor names one", name)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(name), target)
	}
	return target, nil
}

// Close ends the process that reads objects. The repository must not be used
// after.
func (l *Local) Close() error { return l.m.Close() }

// Commit reads a commit, as Mirror.Commit does.
func (l *Local) Commit(ctx context.Context, id string) (*Commit, error) { return l.m.Commit(ctx, id) }

// Tree returns the files of a commit, as Mirror.Tree does.
func (l *Local) Tree(ctx context.Context, commit string) (source.Tree, error) {
	return l.m.Tree(ctx, commit)
}

// Blame is as Mirror.Blame.
func (l *Local) Blame(ctx context.Context, commit, name string) ([]string, error) {
	return l.m.Blame(ctx, commit, name)
}

// RevisionError reports a name that leads to no commit.
type RevisionError struct{ Name string }

func (e *RevisionError) Error() string {
	return fmt.Sprintf("%s names no commit of this repository", quoteName(e.Name))
}

// Resolve returns the id of the commit that a name such as HEAD, main or v1.2
// leads to. A name that leads to none gives a RevisionError.
func (l *Local) Resolve(ctx context.Context, name string) (string, error) {
	out, err := l.m.run(ctx, l.m.environment(), "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if failure, ok := errors.AsType[*runError](err); ok && failure.code == 1 {
		return "", &RevisionError{name}
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(out))
	if !isID(id) {
		return "", &RevisionError{name}
	}
	return id, nil
}

// UnrelatedError reports commits without a common ancestor, as far as the
// repository has their history.
type UnrelatedError struct {
	A, B    string
	Shallow bool // the repository has only a part of its history
}

func (e *UnrelatedError) Error() string {
	text := fmt.Sprintf("%s and %s have no common ancestor here", quoteName(e.A), quoteName(e.B))
	if e.Shallow {
		text += ", for the clone is shallow\nfetch the whole history: git fetch --unshallow, or fetch-depth: 0 in a pipeline"
	}
	return text
}

// MergeBase returns the commit from which two others went different ways.
func (l *Local) MergeBase(ctx context.Context, a, b string) (string, error) {
	out, err := l.m.run(ctx, l.m.environment(), "merge-base", a, b)
	if failure, ok := errors.AsType[*runError](err); ok && failure.code == 1 {
		shallow, _ := l.m.run(ctx, l.m.environment(), "rev-parse", "--is-shallow-repository")
		return "", &UnrelatedError{A: a, B: b, Shallow: strings.TrimSpace(string(shallow)) == "true"}
	}
	if err != nil {
		return "", err
	}
	id, _, _ := strings.Cut(string(out), "\n")
	if !isID(id) {
		return "", l.m.corrupt("git merge-base gave " + quoteName(id))
	}
	return id, nil
}

// Blame returns for each line of a file at a commit the id of the commit that
// wrote it. Where the history is cut off it is "", for nobody knows.
func (m *Mirror) Blame(ctx context.Context, commit, name string) ([]string, error) {
	if !isID(commit) {
		return nil, fmt.Errorf("%s is not a full object id", quoteName(commit))
	}
	if err := source.CheckPath(name); err != nil {
		return nil, err
	}
	out, err := m.run(ctx, m.environment(), "blame", "--porcelain", "--no-textconv", commit, "--", name)
	if err != nil {
		return nil, err
	}
	return m.parseBlame(ctx, out)
}

// parseBlame reads git's porcelain format: for each line a header that begins
// with the commit, facts about the commit where it is mentioned first, and the
// line itself after a tab.
func (m *Mirror) parseBlame(ctx context.Context, out []byte) ([]string, error) {
	var lines []string
	cut := map[string]bool{}
	id := ""
	for line := range bytes.Lines(out) {
		switch text := strings.TrimSuffix(string(line), "\n"); {
		case strings.HasPrefix(text, "\t"):
			lines = append(lines, id)
			id = ""
		case id == "":
			if id, _, _ = strings.Cut(text, " "); !isID(id) {
				return nil, fmt.Errorf("git blame: unexpected line %s", quoteName(text))
			}
		case text == "boundary":
			c, err := m.Commit(ctx, id)
			if err != nil {
				return nil, err
			}
			cut[id] = len(c.Parents) > 0
		}
	}
	for i, id := range lines {
		if cut[id] {
			lines[i] = ""
		}
	}
	return lines, nil
}
