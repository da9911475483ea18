// Package modules fetches the modules of Terraform and OpenTofu that a repository
// calls and does not have.
//
//	source   what a call names: a module of a registry, a Git repository, an archive
//	package  all files that come together; modules are directories of it
//	pin      what a package was when it was fetched first: a full commit id or a URL,
//	         and a digest of all files, kept in the repository's lock file
//	cache    packages by their digests, in the user's cache directory
//
// A package that is pinned is taken from the cache, or fetched again and compared:
// what is not as it was is not used. Nothing of a package is executed. Connections are
// encrypted; a registry on this machine may do without.
package modules

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/bundle"
	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/source"
)

// Limits of packages, and of what is fetched for them.
const (
	mostPackages = 200
	mostFiles    = 10_000
	mostBytes    = 64 << 20
	mostFetched  = 512 << 20 // of a repository
	mostTime     = 2 * time.Minute
)

// Fetcher finds modules, each once. It may be used by many at once.
type Fetcher struct {
	root   string // of the repository
	update bool
	cache  *bundle.Cache
	client *client

	mu      sync.Mutex
	lock    *lock
	changed bool
	known   map[string]*found // by source and constraint
}

// found is what became of a package.
type found struct {
	name string
	tree source.Tree
	err  error
}

var _ render.Modules = (*Fetcher)(nil)

// Open returns a fetcher for the repository in a directory, with the user's cache.
// With update it looks for newer versions than those of the lock file. Mistakes of
// that file are strict.Errors.
func Open(root string, update bool) (*Fetcher, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("modules from elsewhere need a cache directory: %w", err)
	}
	lock, err := readLock(root)
	if err != nil {
		return nil, err
	}
	return &Fetcher{
		root: root, update: update, lock: lock, client: newClient(), known: map[string]*found{},
		cache: &bundle.Cache{Dir: filepath.Join(dir, "holdfast", "modules"), Digest: bundle.Digest},
	}, nil
}

// Save writes the lock file, if there is more to write than there was. It returns
// whether it did.
func (f *Fetcher) Save() (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.changed {
		return false, nil
	}
	f.changed = false
	return true, f.lock.write(f.root)
}

// Module implements render.Modules.
func (f *Fetcher) Module(ctx context.Context, from, version string) (render.Module, error) {
	at, err := parse(from)
	if err != nil {
		return render.Module{}, err
	}
	if version != "" && at.registry == nil {
		return render.Module{}, fmt.Errorf("only modules of a registry have versions")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := at.String() + " " + version
	one := f.known[key]
	if one == nil {
		if len(f.known) >= mostPackages {
			return render.Module{}, fmt.Errorf("more than %d packages are not fetched", mostPackages)
		}
		one = &found{}
		one.name, one.tree, one.err = f.fetch(ctx, at, version)
		f.known[key] = one
	}
	if one.err != nil {
		return render.Module{}, one.err
	}
	return render.Module{Package: one.name, Files: one.tree, Dir: at.dir}, nil
}

// fetch gets a package as it is pinned, or pins it.
func (f *Fetcher) fetch(ctx context.Context, at address, version string) (name string, tree source.Tree, err error) {
	ctx, done := context.WithTimeout(ctx, mostTime)
	defer done()
	old := f.lock.find(at.String(), version)
	if old != nil && !f.update {
		files, err := f.pinned(ctx, *old)
		if err != nil {
			return "", nil, err
		}
		return at.name(old.called()), treeOf(files), nil
	}
	p := pin{Source: at.String(), Version: version}
	exact := at
	exact.dir = "."
	if at.registry != nil {
		if p.Resolved, exact, err = f.client.resolve(ctx, at.registry, version); err != nil {
			return "", nil, err
		}
	}
	files, exact, err := f.get(ctx, exact)
	if err != nil {
		return "", nil, err
	}
	p.From, p.Digest = exact.pinnedTo(), bundle.Digest(files)
	if err := f.cache.Keep(files, p.Digest); err != nil {
		return "", nil, err
	}
	if old == nil || *old != p {
		f.lock.put(p)
		f.changed = true
	}
	return at.name(p.called()), treeOf(files), nil
}

// called is what a pin is called in the names of files.
func (p pin) called() string {
	if p.Resolved != "" {
		return p.Resolved
	}
	if _, commit, ok := strings.Cut(p.From, "?ref="); ok {
		return commit
	}
	return strings.TrimPrefix(p.Digest, "sha256:")
}

// pinned returns the files of a pin: from the cache, or from where they were.
func (f *Fetcher) pinned(ctx context.Context, p pin) ([]*source.File, error) {
	in := newFiles()
	if f.cache.Load(p.Digest, in) == nil {
		return in.List, nil
	}
	at, err := parse(p.From)
	if err != nil || at.registry != nil {
		return nil, fmt.Errorf("%s does not say where %s is from: delete the entry", LockPath, p.Source)
	}
	files, _, err := f.get(ctx, at)
	if err != nil {
		return nil, err
	}
	if got := bundle.Digest(files); got != p.Digest {
		return nil, fmt.Errorf("it is not what %s pins: its digest is %s. Find out who changed it; --update-modules takes what is there now", LockPath, got)
	}
	return files, f.cache.Keep(files, p.Digest)
}

func newFiles() *bundle.Files {
	return &bundle.Files{Kind: "module", SkipLinks: true, MaxFiles: mostFiles, MaxBytes: mostBytes}
}

func treeOf(files []*source.File) source.Tree {
	contents := make(map[string]string, len(files))
	for _, f := range files {
		contents[f.Path] = string(f.Content)
	}
	return source.Memory(contents)
}

// get fetches the files of a package, and returns the address that pins them. The
// directory of the address is that of the package in what is fetched.
func (f *Fetcher) get(ctx context.Context, at address) ([]*source.File, address, error) {
	if at.git != "" {
		return f.fromGit(ctx, at)
	}
	return f.fromArchive(ctx, at)
}

// pinnedTo is the source of exactly these files.
func (a address) pinnedTo() string {
	base, query, has := strings.Cut(a.String(), "?")
	if a.dir != "." {
		base += "//" + a.dir
	}
	if has {
		base += "?" + query
	}
	return base
}

func (f *Fetcher) fromGit(ctx context.Context, at address) ([]*source.File, address, error) {
	dir, err := os.MkdirTemp("", "holdfast-module-")
	if err != nil {
		return nil, at, err
	}
	defer os.RemoveAll(dir)
	scheme, _, _ := strings.Cut(at.git, "://")
	options := git.Options{Dir: filepath.Join(dir, "mirror.git"), URL: at.git, MaxFetch: mostFetched, AllowProtocols: []string{scheme}}
	if git.IsID(at.ref) && len(at.ref) == 64 {
		options.ObjectFormat = "sha256"
	}
	m, err := git.OpenMirror(ctx, options)
	if err != nil {
		return nil, at, err
	}
	defer m.Close()
	if at.ref, err = m.FetchNamed(ctx, at.ref); err != nil {
		return nil, at, err
	}
	tree, err := m.Tree(ctx, at.ref)
	if err != nil {
		return nil, at, err
	}
	in := newFiles()
	err = in.AddTree(tree, at.dir)
	return in.List, at, err
}

func (f *Fetcher) fromArchive(ctx context.Context, at address) ([]*source.File, address, error) {
	u, err := url.Parse(at.archive)
	if err != nil {
		return nil, at, err
	}
	kind := format(u)
	query := u.Query()
	query.Del("archive") // is for whoever fetches
	u.RawQuery = query.Encode()
	body, _, err := f.client.get(ctx, u, mostArchive)
	if err != nil {
		return nil, at, err
	}
	in := newFiles()
	if kind == "zip" {
		err = in.AddZip(body)
	} else {
		err = in.AddTarGz(bytes.NewReader(body))
	}
	if err != nil {
		return nil, at, err
	}
	files, err := below(in.List, at.dir)
	return files, at, err
}

// below returns the files in a directory of an archive, with their paths from there.
// The directory "*" is the one that all files are in.
func below(files []*source.File, dir string) ([]*source.File, error) {
	if dir == "." {
		return files, nil
	}
	if dir == "*" {
		for i, f := range files {
			top, _, ok := strings.Cut(f.Path, "/")
			if !ok || i > 0 && top != dir {
				return nil, fmt.Errorf("the archive has more than one directory")
			}
			dir = top
		}
	}
	var out []*source.File
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.Path, dir+"/"); ok {
			out = append(out, source.NewFile(name, f.Content))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the archive has no directory %s", dir)
	}
	return out, nil
}
