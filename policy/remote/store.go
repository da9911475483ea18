package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/bundle"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// Store holds the packs that were fetched.
type Store struct {
	Dir     string // of the cache
	Offline bool   // fetch nothing

	DockerConfig string // the file with logins to registries; empty for none
}

// Limits of a pack, and of what is fetched for it.
const (
	mostFiles   = 10_000
	mostBytes   = 64 << 20
	mostFetched = 512 << 20 // of a repository
	mostTime    = 2 * time.Minute
)

// UserStore returns the store in the user's cache directory.
func UserStore() (*Store, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("policy packs from elsewhere need a cache directory: %w", err)
	}
	return &Store{Dir: filepath.Join(cache, "holdfast", "packs"), DockerConfig: dockerConfig()}, nil
}

// Files returns the files of a pinned pack: from the cache, or from where it is.
func (s *Store) Files(ctx context.Context, ref Ref) ([]*source.File, error) {
	if !ref.Pinned() {
		return nil, &NotPinnedError{ref}
	}
	files, err := s.cached(ref)
	if err == nil {
		return files, nil
	}
	if s.Offline {
		return nil, fmt.Errorf("the policy pack %s is not in the cache, and nothing is fetched", ref)
	}
	files, _, err = s.fetch(ctx, ref)
	return files, err
}

// Pull fetches a pack, and returns the reference that pins what it is now.
func (s *Store) Pull(ctx context.Context, ref Ref) (Ref, error) {
	_, pinned, err := s.fetch(ctx, ref)
	return pinned, err
}

// fetch gets a pack, checks it, and keeps it.
func (s *Store) fetch(ctx context.Context, ref Ref) ([]*source.File, Ref, error) {
	ctx, done := context.WithTimeout(ctx, mostTime)
	defer done()
	get := s.fromGit
	if ref.Git == "" {
		get = s.fromRegistry
	}
	files, name, err := get(ctx, ref)
	if err != nil {
		return nil, ref, fmt.Errorf("policy pack %s: %w", ref, err)
	}
	if len(files) == 0 {
		return nil, ref, fmt.Errorf("policy pack %s: no YAML file is in it, and none of Rego", ref)
	}
	digest := policy.Digest(files)
	if ref.Digest != "" && ref.Digest != digest {
		return nil, ref, &DigestError{ref, digest}
	}
	pinned := ref
	pinned.Name, pinned.Digest = name, digest
	// What is asked for by a commit or a manifest is found by that, too.
	asked := ref
	asked.Digest = ""
	return files, pinned, s.keep(files, digest, asked)
}

// DigestError reports that a pack is not the one that a reference pins.
type DigestError struct {
	Ref Ref
	Got string
}

func (e *DigestError) Error() string {
	return fmt.Sprintf("the policy pack %s has the digest %s: it is not the one that was pinned", e.Ref, e.Got)
}

// newFiles returns a pack that nothing has come in of. Links are refused in it, for
// what they lead to would be judged by under another name.
func newFiles() *bundle.Files {
	return &bundle.Files{Kind: "pack", Accept: policy.IsFile, MaxFiles: mostFiles, MaxBytes: mostBytes}
}

// cache has an archive for each pack, and beside it for each reference to content a
// file with the digest of that.
func (s *Store) cache() *bundle.Cache { return &bundle.Cache{Dir: s.Dir, Digest: policy.Digest} }

func (s *Store) pointer(ref Ref) string {
	sum := sha256.Sum256([]byte(ref.String()))
	return filepath.Join(s.Dir, hex.EncodeToString(sum[:])+".ref")
}

// cached returns the files of a pack in the cache, if they are what they were.
func (s *Store) cached(ref Ref) ([]*source.File, error) {
	digest := ref.Digest
	if digest == "" {
		content, err := os.ReadFile(s.pointer(ref))
		if err != nil {
			return nil, bundle.ErrNotCached
		}
		if digest = strings.TrimSpace(string(content)); !digestPattern().MatchString(digest) {
			return nil, bundle.ErrNotCached
		}
	}
	in := newFiles()
	if err := s.cache().Load(digest, in); err != nil {
		return nil, err
	}
	return in.List, nil
}

// keep writes a pack to the cache.
func (s *Store) keep(files []*source.File, digest string, ref Ref) error {
	if err := s.cache().Keep(files, digest); err != nil {
		return err
	}
	if !ref.immutable() {
		return nil
	}
	return bundle.Replace(s.pointer(ref), []byte(digest+"\n"))
}
