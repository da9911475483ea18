package remote

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

// fromGit returns the files of a pack in a repository, and the commit that they
// are from.
func (s *Store) fromGit(ctx context.Context, ref Ref) (files []*source.File, commit string, err error) {
	dir, err := os.MkdirTemp("", "holdfast-pack-")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(dir)
	options := git.Options{Dir: filepath.Join(dir, "mirror.git"), URL: ref.Git, MaxFetch: mostFetched}
	if u, err := url.Parse(ref.Git); err == nil {
		options.AllowProtocols = []string{u.Scheme}
	}
	if len(ref.Name) == 64 && ref.immutable() {
		options.ObjectFormat = "sha256"
	}
	m, err := git.OpenMirror(ctx, options)
	if err != nil {
		return nil, "", err
	}
	defer m.Close()
	if commit, err = fetchCommit(ctx, m, ref); err != nil {
		return nil, "", err
	}
	tree, err := m.Tree(ctx, commit)
	if err != nil {
		return nil, "", err
	}
	in := newFiles()
	err = in.AddTree(tree, ref.Dir) // links are not followed in packs on disk either
	return in.List, commit, err
}

// fetchCommit fetches what a reference names, and returns the id of the commit.
func fetchCommit(ctx context.Context, m *git.Mirror, ref Ref) (string, error) {
	if ref.immutable() {
		return ref.Name, m.FetchCommit(ctx, ref.Name)
	}
	branch, tag := "refs/heads/"+ref.Name, "refs/tags/"+ref.Name
	found, err := m.Fetch(ctx, branch, tag)
	if err != nil {
		return "", err
	}
	if id := found[branch]; id != "" {
		return id, nil
	}
	id := found[tag]
	if id == "" {
		return "", fmt.Errorf("the repository has no branch and no tag %q", ref.Name)
	}
	if annotated, err := m.Tag(ctx, id); err == nil {
		return annotated.Object, nil
	}
	return id, nil
}
