package git

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Quarantine is where the objects of a push are while a hook judges it: they are no
// part of the repository yet. The zero value is none.
type Quarantine struct {
	Path       string // GIT_QUARANTINE_PATH
	Objects    string // GIT_OBJECT_DIRECTORY, absolute
	Alternates string // GIT_ALTERNATE_OBJECT_DIRECTORIES: a list of absolute directories
}

// BareOptions say which repository to read.
type BareOptions struct {
	Dir        string // the directory that has HEAD and objects: what hooks have as GIT_DIR
	Quarantine Quarantine
	Git        string // the git program; default: from PATH
	MaxCommits int    // of a range; the default is that of Options
}

// OpenBare opens a repository without regard to a work tree, such as that of a
// server. Nothing in it is written.
func OpenBare(opts BareOptions) (*Local, error) {
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"HEAD", "objects"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("%s is no Git repository: %w", dir, err)
		}
	}
	if err := opts.Quarantine.check(dir); err != nil {
		return nil, err
	}
	full, err := Options{Dir: dir, Git: opts.Git, AllowProtocols: []string{}, MaxCommits: opts.MaxCommits}.withDefaults()
	if err != nil {
		return nil, err
	}
	m := &Mirror{opts: full, git: full.Git, remote: &remote{url: dir}, bare: true, quarantine: opts.Quarantine}
	life, cancel := context.WithCancel(context.Background())
	m.close = cancel
	m.batch = newBatch(m, life)
	m.trees = newTreeCache(m)
	return &Local{m: m}, nil
}

// check refuses places for objects that git would not have chosen for this
// repository: what is judged must be what is taken in.
func (q Quarantine) check(dir string) error {
	if q == (Quarantine{}) {
		return nil
	}
	if q.Objects == "" {
		return errors.New("GIT_QUARANTINE_PATH is set, but not GIT_OBJECT_DIRECTORY: the objects of the push cannot be found")
	}
	dirs := append([]string{q.Objects}, filepath.SplitList(q.Alternates)...)
	for _, one := range dirs {
		if !filepath.IsAbs(one) || strings.ContainsAny(one, "\n\"") {
			return fmt.Errorf("%s is no plain absolute path of an object directory", quoteName(one))
		}
	}
	objects, err := filepath.EvalSymlinks(filepath.Join(dir, "objects"))
	if err != nil {
		return err
	}
	for _, one := range dirs {
		if real, err := filepath.EvalSymlinks(one); err == nil && real == objects {
			return nil
		}
	}
	return fmt.Errorf("the objects of the push are not beside those of %s: GIT_OBJECT_DIRECTORY and GIT_ALTERNATE_OBJECT_DIRECTORIES name others", dir)
}

// environment is what git needs to see the objects of the push.
func (q Quarantine) environment() []string {
	var env []string
	for _, v := range []struct{ name, value string }{
		{"GIT_QUARANTINE_PATH", q.Path}, {"GIT_OBJECT_DIRECTORY", q.Objects}, {"GIT_ALTERNATE_OBJECT_DIRECTORIES", q.Alternates},
	} {
		if v.value != "" {
			env = append(env, v.name+"="+v.value)
		}
	}
	return env
}

// Ref is a ref as the repository has it.
type Ref struct {
	Name   string // in full
	ID     string // of what it points to
	Symref string // the other ref that it stands for; empty for most
}

// Refs lists all refs but HEAD, sorted by name.
func (l *Local) Refs(ctx context.Context) ([]Ref, error) {
	out, err := l.m.run(ctx, l.m.environment(), "for-each-ref", "--format=%(objectname) %(refname) %(symref)")
	if err != nil {
		return nil, l.m.localFailure(err)
	}
	var refs []Ref
	for line := range strings.Lines(string(out)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), " ")
		if len(fields) != 3 || !isID(fields[0]) { // no name of a ref holds a blank
			return nil, l.m.corrupt("git for-each-ref gave " + quoteName(line))
		}
		refs = append(refs, Ref{Name: fields[1], ID: fields[0], Symref: fields[2]})
	}
	return refs, nil
}

// DefaultBranch returns the full name of the branch that HEAD stands for, whether it
// is there or not; empty if HEAD stands for none.
func (l *Local) DefaultBranch(ctx context.Context) (string, error) {
	out, err := l.m.run(ctx, l.m.environment(), "symbolic-ref", "--quiet", "HEAD")
	if failure, ok := errors.AsType[*runError](err); ok && failure.code == 1 {
		return "", nil
	}
	if err != nil {
		return "", l.m.localFailure(err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Kind returns what an object is: commit, tag, tree or blob. One that is not there
// gives a MissingError.
func (l *Local) Kind(ctx context.Context, id string) (string, error) {
	kind := ""
	err := l.m.batch.read(ctx, []string{id}, maxObject, func(o object) error { kind = o.kind; return nil })
	if err == nil && kind == "" {
		err = &MissingError{ID: id, Kind: "object"}
	}
	return kind, err
}

// Abbreviates reports whether git takes hexadecimal digits for the beginning of an
// object's id, of one or of several.
func (l *Local) Abbreviates(ctx context.Context, digits string) (bool, error) {
	if len(digits) < 4 || strings.Trim(digits, "0123456789abcdefABCDEF") != "" {
		return false, nil
	}
	out, err := l.m.run(ctx, l.m.environment(), "rev-parse", "--disambiguate="+digits)
	if err != nil {
		return false, l.m.localFailure(err)
	}
	return len(out) > 0, nil
}

// Blob reads the content of a blob by its id, of at most limit bytes.
func (l *Local) Blob(ctx context.Context, id string, limit int64) ([]byte, error) {
	return l.m.object(ctx, id, "blob", limit)
}

// CheckRef accepts full names of refs that git accepts, and that are text. The error
// is a RefError.
func CheckRef(ref string) error { return checkRef(ref) }

// FindServerHooks returns where git looks for the hooks of a repository that is pushed
// to, as whoever serves it has configured git. The first value is the repository's
// own directory.
func FindServerHooks(ctx context.Context, dir string) (repository string, hooks Hooks, err error) {
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", Hooks{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil { // one with a work tree
		if dir, err = gitDir(filepath.Join(dir, ".git")); err != nil {
			return "", Hooks{}, fmt.Errorf("%s is no Git repository", filepath.Dir(cmp.Or(dir, ".")))
		}
	}
	path, err := hooksCommand(ctx, dir, "--git-dir="+dir, "rev-parse", "--git-path", "hooks")
	if err != nil {
		return "", Hooks{}, err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	shared, err := isShared(hooksCommand(ctx, dir, "--git-dir="+dir, "config", "--show-scope", "--get", "core.hooksPath"))
	return dir, Hooks{Dir: path, Shared: shared}, err
}

// MatchRef matches the full name of a ref with a pattern in which * stands for any
// characters.
func MatchRef(pattern, ref string) bool { return matchRef(pattern, ref) }
