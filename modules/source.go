package modules

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

// address is where a module is: a package, and a directory in it. Exactly one of
// registry, git and archive is set.
type address struct {
	registry *registryName
	git      string // URL
	ref      string // of git: a branch, a tag or a commit; empty for the default branch
	archive  string // URL
	dir      string // of the module in the package; "." for all of it
}

// registryName is a module of a registry.
type registryName struct{ host, path string } // path: namespace/name/system

const publicRegistry = "registry.terraform.io"

var namePattern = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z_-]{0,63}$`)
})

// parse reads the source of a module call as Terraform does.
func parse(text string) (address, error) {
	rest, forced := strings.CutPrefix(text, "git::")
	if !forced {
		if scheme, _, ok := strings.Cut(text, "::"); ok && !strings.Contains(scheme, "/") {
			return address{}, fmt.Errorf("sources by %q are not fetched: only git::, registries, and archives by https", scheme)
		}
	}
	if strings.HasPrefix(rest, "/") || strings.HasPrefix(rest, "~") {
		return address{}, errors.New("directories of this machine are not fetched: put the module into the repository")
	}
	rest, dir, err := cutDir(rest)
	if err != nil {
		return address{}, err
	}
	a := address{dir: dir}
	host, tail, _ := strings.Cut(rest, "/")
	switch {
	case strings.HasPrefix(rest, "git@") && !strings.Contains(rest, "://"):
		login, in, ok := strings.Cut(rest, ":")
		if !ok {
			return a, errors.New("the source has no path behind its host")
		}
		err = a.parseGit("ssh://" + login + "/" + in)
	case forced:
		err = a.parseGit(rest)
	case (host == "github.com" || host == "gitlab.com" || host == "bitbucket.org") && tail != "":
		path, query, has := strings.Cut(rest, "?")
		if !strings.HasSuffix(path, ".git") {
			path += ".git"
		}
		if has {
			path += "?" + query
		}
		err = a.parseGit("https://" + path)
	case strings.Contains(rest, "://"):
		err = a.parseArchive(rest)
	default:
		err = a.parseRegistry(rest)
	}
	return a, err
}

// cutDir takes the directory out of package//directory?query.
func cutDir(text string) (rest, dir string, err error) {
	at := 0
	if i := strings.Index(text, "://"); i >= 0 {
		at = i + len("://")
	}
	end := len(text)
	if i := strings.IndexByte(text, '?'); i >= 0 {
		end = i
	}
	i := -1
	if at <= end {
		i = strings.Index(text[at:end], "//")
	}
	if i < 0 {
		return text, ".", nil
	}
	if dir = strings.Trim(text[at+i+2:end], "/"); dir == "" {
		dir = "."
	}
	if dir != "*" && source.CheckPath(dir) != nil {
		return "", "", fmt.Errorf("%q is not a directory in a package", dir)
	}
	return text[:at+i] + text[end:], dir, nil
}

func (a *address) parseGit(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || strings.Trim(u.Path, "/") == "" {
		return errors.New("the URL of the repository cannot be parsed")
	}
	if err := plain(u, "ssh"); err != nil {
		return err
	}
	query := u.Query()
	a.ref = query.Get("ref")
	query.Del("ref")
	query.Del("depth") // only a saving
	if len(query) > 0 {
		return errors.New("the URL of the repository takes ?ref= and nothing else")
	}
	u.RawQuery, u.Fragment = "", ""
	a.git = u.String()
	return nil
}

func (a *address) parseArchive(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return errors.New("the URL of the archive cannot be parsed")
	}
	if err := plain(u, ""); err != nil {
		return err
	}
	u.Fragment = ""
	a.archive = u.String()
	if format(u) == "" {
		return errors.New("of sources by https only archives are fetched: .tar.gz, .tgz, .zip, or with ?archive=")
	}
	return nil
}

// plain refuses URLs that are not fetched: without encryption, or with a secret.
func plain(u *url.URL, also string) error {
	if _, has := u.User.Password(); has {
		return errors.New("the URL holds a password: remove it, for sources are printed")
	}
	if u.Scheme == "https" || also != "" && u.Scheme == also || u.Scheme == "http" && bundle.Loopback(u.Hostname()) {
		return nil
	}
	return fmt.Errorf("sources by %q are not fetched", u.Scheme)
}

// format returns the kind of an archive by its URL, or "".
func format(u *url.URL) string {
	name := path.Base(u.Path)
	if as := u.Query().Get("archive"); as != "" {
		name = "." + as
	}
	for _, end := range []string{".tar.gz", ".tgz", ".zip"} {
		if strings.HasSuffix(name, end) {
			return strings.TrimPrefix(strings.Replace(end, ".tgz", ".tar.gz", 1), ".")
		}
	}
	return ""
}

func (a *address) parseRegistry(text string) error {
	parts := strings.Split(text, "/")
	host := publicRegistry
	if len(parts) == 4 {
		host, parts = strings.ToLower(parts[0]), parts[1:]
		if u, err := url.Parse("https://" + host); err != nil || u.Host != host || !strings.ContainsAny(host, ".:") {
			return fmt.Errorf("%q is no host of a registry", host)
		}
	}
	if len(parts) != 3 {
		return errors.New("it is neither a module of a registry (namespace/name/system) nor a URL")
	}
	for _, p := range parts {
		if !namePattern().MatchString(p) {
			return fmt.Errorf("%q is not part of a name in a registry", p)
		}
	}
	a.registry = &registryName{host, strings.Join(parts, "/")}
	return nil
}

// String returns the package, without the directory.
func (a address) String() string {
	switch {
	case a.registry != nil && a.registry.host == publicRegistry:
		return a.registry.path
	case a.registry != nil:
		return a.registry.host + "/" + a.registry.path
	case a.git != "" && a.ref != "":
		return "git::" + a.git + "?ref=" + url.QueryEscape(a.ref)
	case a.git != "":
		return "git::" + a.git
	}
	return a.archive
}

// name is how files of the package are called: where they are from, and as what they
// are pinned.
func (a address) name(pinned string) string {
	if len(pinned) > 12 {
		pinned = pinned[:12]
	}
	where := ""
	switch {
	case a.registry != nil:
		where = a.registry.host + "/" + a.registry.path
	default:
		u, err := url.Parse(a.git + a.archive)
		if err != nil {
			return pinned
		}
		where = u.Host + strings.TrimSuffix(path.Clean("/"+u.Path), ".git")
	}
	return strings.ReplaceAll(where, ":", "_") + "@" + pinned
}
