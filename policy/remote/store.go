package remote

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

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

// The cache has an archive for each pack, by its digest, and for each reference to
// content a file with that digest.

func (s *Store) archive(digest string) string {
	return filepath.Join(s.Dir, strings.TrimPrefix(digest, "sha256:")+".tar")
}

func (s *Store) pointer(ref Ref) string {
	sum := sha256.Sum256([]byte(ref.String()))
	return filepath.Join(s.Dir, hex.EncodeToString(sum[:])+".ref")
}

var errNotCached = errors.New("not in the cache")

// cached returns the files of a pack in the cache, if they are what they were.
func (s *Store) cached(ref Ref) ([]*source.File, error) {
	digest := ref.Digest
	if digest == "" {
		content, err := os.ReadFile(s.pointer(ref))
		if err != nil {
			return nil, errNotCached
		}
		if digest = strings.TrimSpace(string(content)); !digestPattern().MatchString(digest) {
			return nil, errNotCached
		}
	}
	file, err := os.Open(s.archive(digest))
	if err != nil {
		return nil, errNotCached
	}
	defer file.Close()
	var in collection
	if err := in.tar(file); err != nil || policy.Digest(in.files) != digest {
		return nil, errNotCached
	}
	return in.files, nil
}

// keep writes a pack to the cache.
func (s *Store) keep(files []*source.File, digest string, ref Ref) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	content, err := pack(files)
	if err != nil {
		return err
	}
	if err := replace(s.archive(digest), content); err != nil {
		return err
	}
	if !ref.immutable() {
		return nil
	}
	return replace(s.pointer(ref), []byte(digest+"\n"))
}

// replace writes a file in one step.
func replace(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
