// Package remote gets packs of policies from Git repositories and OCI registries.
//
//	Ref     which pack: where it is, and what pins it
//	pin     a full commit id, the digest of a manifest, or the digest of the pack
//	        itself; a name that somebody can move is none
//	Store   the packs that were fetched, in the user's cache; each is verified when
//	        it is read
//	pull    finds out what a name stands for now, and how to pin that
//
// A pack is data: only the files that packs are made of are taken, and nothing of it
// is executed. What is in the cache is used without the network.
package remote

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/bundle"
	"github.com/holdfast-dev/holdfast/source"
)

// Ref names a pack in a Git repository or an OCI registry.
type Ref struct {
	Git  string // the URL of the repository; empty for OCI
	Dir  string // of the pack in the repository; "." for all of it
	Name string // of a commit, branch or tag; for OCI a tag or the digest of a manifest

	Host, Repository string // for OCI

	Digest string // of the pack, "sha256:" and hexadecimal digits; may be empty
}

// NotPinnedError reports a reference that may mean something else tomorrow.
type NotPinnedError struct{ Ref Ref }

func (e *NotPinnedError) Error() string {
	return fmt.Sprintf("the policy pack %s is not pinned: %q can be moved", e.Ref, e.Ref.Name)
}

var (
	commitPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`) })
	digestPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^sha256:[0-9a-f]{64}$`) })
	// Of the specification of OCI distribution.
	repositoryPattern = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	})
	tagPattern = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$`) })
)

// Parse reads git+https://host/repo.git//dir?ref=name#sha256:… and
// oci://host/repository:tag or …@sha256:…
func Parse(text string) (Ref, error) {
	rest, digest, has := strings.Cut(text, "#")
	ref := Ref{Digest: digest}
	if has && !digestPattern().MatchString(digest) {
		return ref, errors.New("the policy pack has no digest behind its #: write #sha256: and 64 hexadecimal digits")
	}
	if in, ok := strings.CutPrefix(rest, "oci://"); ok {
		err := ref.parseOCI(in)
		return ref, err
	}
	if in, ok := strings.CutPrefix(rest, "git+"); ok {
		err := ref.parseGit(in)
		return ref, err
	}
	return ref, errors.New("a policy pack is fetched from git+https://, git+ssh:// or oci://")
}

func (r *Ref) parseGit(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Path == "" || u.Host == "" && u.Scheme != "file" {
		return errors.New("the URL of the policy pack cannot be parsed")
	}
	if _, has := u.User.Password(); has {
		return errors.New("the URL of the policy pack holds a password: remove it, for references are printed")
	}
	switch {
	case u.Scheme == "https", u.Scheme == "ssh", u.Scheme == "file":
	case u.Scheme == "http" && bundle.Loopback(u.Hostname()):
	default:
		return fmt.Errorf("a policy pack is not fetched by %q: use git+https:// or git+ssh://", u.Scheme)
	}
	query := u.Query()
	r.Name = query.Get("ref")
	if query.Del("ref"); len(query) > 0 || r.Name == "" {
		return errors.New("the policy pack needs ?ref= and the full id of a commit, and takes nothing else")
	}
	repo, dir, _ := strings.Cut(u.Path, "//")
	if r.Dir = "."; dir != "" {
		r.Dir = strings.TrimSuffix(dir, "/")
	}
	if r.Dir != "." && source.CheckPath(r.Dir) != nil {
		return fmt.Errorf("%q is not a directory in a repository", r.Dir)
	}
	if strings.Trim(repo, "/") == "" {
		return errors.New("the URL of the policy pack has no repository")
	}
	u.Path, u.RawPath, u.RawQuery = repo, "", ""
	r.Git = u.String()
	return nil
}

func (r *Ref) parseOCI(text string) error {
	host, rest, ok := strings.Cut(text, "/")
	r.Host = host
	if r.Repository, r.Name, _ = strings.Cut(rest, "@"); r.Name == "" {
		r.Repository, r.Name, _ = strings.Cut(rest, ":")
	} else if !digestPattern().MatchString(r.Name) {
		return errors.New("the policy pack has no digest behind its @: write @sha256: and 64 hexadecimal digits")
	}
	switch u, err := url.Parse("https://" + host); {
	case !ok || err != nil || u.Hostname() == "" || u.Host != host || u.User != nil:
		return errors.New("the policy pack has no registry: write oci://host/repository@sha256:…")
	case !repositoryPattern().MatchString(r.Repository):
		return fmt.Errorf("%q is not a repository of a registry", r.Repository)
	case r.Name == "":
		return errors.New("the policy pack has no digest: write oci://host/repository@sha256:…")
	case !digestPattern().MatchString(r.Name) && !tagPattern().MatchString(r.Name):
		return fmt.Errorf("%q is not a tag", r.Name)
	}
	return nil
}

// String is the inverse of Parse.
func (r Ref) String() string {
	text := ""
	if r.Git != "" {
		text = "git+" + r.Git
		if r.Dir != "." {
			text += (&url.URL{Path: "//" + r.Dir}).EscapedPath()
		}
		text += "?ref=" + url.QueryEscape(r.Name)
	} else {
		text = "oci://" + r.Host + "/" + r.Repository
		if digestPattern().MatchString(r.Name) {
			text += "@" + r.Name
		} else {
			text += ":" + r.Name
		}
	}
	if r.Digest != "" {
		text += "#" + r.Digest
	}
	return text
}

// Pinned reports whether the reference always means the same files.
func (r Ref) Pinned() bool {
	return r.Digest != "" || r.immutable()
}

// immutable reports whether the name itself is that of content.
func (r Ref) immutable() bool {
	if r.Git != "" {
		return commitPattern().MatchString(r.Name)
	}
	return digestPattern().MatchString(r.Name)
}

// PackName returns what the pack is called: its directory, or its repository.
func (r Ref) PackName() string {
	switch {
	case r.Git == "":
		return path.Base(r.Repository)
	case r.Dir != ".":
		return path.Base(r.Dir)
	}
	return strings.TrimSuffix(path.Base(r.Git), ".git")
}
