package remote

import (
	"context"
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
	if commit, err = m.FetchNamed(ctx, ref.Name); err != nil {
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
