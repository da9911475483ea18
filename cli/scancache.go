package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/holdfast-dev/holdfast/cache"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// cacheFlags say where a scan keeps what it found out.
type cacheFlags struct {
	none bool
	dir  string
}

func (o *cacheFlags) register(f *pflag.FlagSet) {
	f.BoolVar(&o.none, "no-cache", false, "judge everything, also if nothing has changed since the last scan")
	f.StringVar(&o.dir, "cache-dir", "", "`directory` for what scans keep; default: HOLDFAST_CACHE, or holdfast in the user's cache directory")
}

// find returns the directory, or "" for none. What is scanned may be anybody's, and
// must not be able to say what is found in it: one inside of the root is refused.
func (o *cacheFlags) find(root string) (string, error) {
	if o.none {
		return "", nil
	}
	dir := o.dir
	if dir == "" {
		dir = os.Getenv("HOLDFAST_CACHE")
	}
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil || !filepath.IsAbs(user) {
			return "", nil //nolint:nilerr // a scan needs none
		}
		dir = filepath.Join(user, "holdfast")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if inside(root, dir) {
		if o.dir != "" {
			return "", withHint(errors.New("--cache-dir: the directory is in what is scanned, which could say by it what is found"), "name one elsewhere, or use --no-cache")
		}
		return "", nil
	}
	return dir, nil
}

// inside reports whether a directory is below a root, by whatever links.
func inside(root, dir string) bool {
	for at := dir; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return isInside(root, real)
		}
		if at == filepath.Dir(at) {
			return isInside(root, dir)
		}
	}
}

// renderers returns those of a scan.
func renderers(dir string) []render.Renderer {
	kept := cache.Open(filepath.Join(dir, "renders"))
	if dir == "" || kept.Dir == "" {
		return setup.Renderers()
	}
	return setup.CachedRenderers(kept, program())
}

// program tells apart builds, also those of one version.
func program() string {
	name, err := os.Executable()
	if err != nil {
		return Version()
	}
	info, err := os.Stat(name)
	if err != nil {
		return Version()
	}
	return fmt.Sprintf("%s %d %d", Version(), info.Size(), info.ModTime().UnixNano())
}

// scanCache is the question that a scan answers, for the cache.
type scanCache struct {
	cache.Cache
	key     string
	start   time.Time
	root    string // of the tree
	inside  string
	seen    *source.Seen
	packs   cache.Facts
	git     cache.Stamps
	outputs []*capture
}

// isReplayable reports whether the answer hangs on the files of the tree, rather
// than on versions in the repository.
func (o *scanCommand) isReplayable() bool {
	return !o.cache.none && !o.modules.any() && o.secrets.history == "" && o.scope.newFrom == "" && !o.scope.staged && !o.scope.changed && os.Getenv("GIT_INDEX_FILE") == ""
}

// openCache returns nil if there is none.
func (o *scanCommand) openCache(dir, root, inside, path string, seen *source.Seen, start time.Time) *scanCache {
	if dir == "" || seen == nil {
		return nil
	}
	c := &scanCache{Cache: cache.Open(filepath.Join(dir, "scans")), start: start, root: root, inside: inside, seen: seen, packs: cache.Facts{}}
	if c.Dir == "" {
		return nil
	}
	here, _ := os.Getwd() // outputs are written from there, and packs read
	c.key = cache.Key("scan", program(), root, inside, path, here,
		fmt.Sprintf("%#v %#v %#v %q %q %q", o.policies, o.scope, o.secrets, o.outputs, o.failOn, o.vars),
		fmt.Sprint(o.exitZero, o.quiet, o.verbose, o.limit, o.width(), o.colored(), o.terminal()),
		start.UTC().Format(time.DateOnly)) // waivers end with a day
	return c
}

// load returns the answer of the last time, if nothing has changed.
func (c *scanCache) load() (*cache.Answer, bool) {
	if c == nil {
		return nil, false
	}
	return c.Load(c.key, c.start)
}

// prepare looks at what is not in the tree, before anything else does. It returns
// nil if the answer is not to be kept.
func (c *scanCache) prepare(packs []string) *scanCache {
	if c == nil || !c.addPacks(packs) {
		return nil
	}
	var err error
	if c.git, err = c.gitStamps(); err != nil {
		return nil
	}
	return c
}

// addPacks notes all files of the packs that are directories.
func (c *scanCache) addPacks(packs []string) bool {
	for _, dir := range packs {
		if policy.IsRemote(dir) { // its name has its digest in it
			continue
		}
		real, err := realPath(dir)
		if err != nil {
			return false
		}
		seen := source.NewSeen()
		tree, err := source.Disk(real, source.DiskOptions{Seen: seen})
		if err != nil {
			return false
		}
		err = source.Walk(tree, ".", func(name string, e source.Entry) error {
			if e.Mode.Regular() {
				_, err = tree.ReadFile(name)
			}
			return err
		})
		facts, complete := seen.Facts()
		if err != nil || !complete {
			return false
		}
		c.packs[real] = facts
	}
	return true
}

// gitStamps returns the stamps of what tells the commit, what is ignored, and whose
// repository it is.
func (c *scanCache) gitStamps() (cache.Stamps, error) {
	git := filepath.Join(c.root, ".git")
	names := []string{git}
	if info, err := os.Lstat(git); err == nil && info.IsDir() {
		names = nil
		files := []string{"HEAD", "packed-refs", "reftable/tables.list", "config", "config.worktree", "index", "info/exclude"}
		if head, err := os.ReadFile(filepath.Join(git, "HEAD")); err == nil {
			if ref, ok := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: "); ok && filepath.IsLocal(ref) {
				files = append(files, ref)
			}
		}
		for _, name := range files {
			names = append(names, filepath.Join(git, filepath.FromSlash(name)))
		}
	}
	for dir := c.inside; dir != "."; {
		dir = path.Dir(dir)
		names = append(names, filepath.Join(c.root, filepath.FromSlash(dir), ".gitignore"))
	}
	stamper, err := source.NewStamper("")
	if err != nil {
		return nil, err
	}
	all := cache.Stamps{}
	for _, name := range names {
		if all[name], err = stamper.Stamp(name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readsElsewhere reports whether what git does is said in files that nobody looked
// at: the repository of a linked work tree, or included settings.
func (c *scanCache) readsElsewhere() bool {
	git := filepath.Join(c.root, ".git")
	if info, err := os.Lstat(git); err == nil && !info.IsDir() {
		return true
	}
	config, err := os.ReadFile(filepath.Join(git, "config"))
	text := strings.ToLower(string(config))
	return err != nil && !os.IsNotExist(err) || strings.Contains(text, "[include") || strings.Contains(text, "excludesfile")
}

// capture returns a writer that also keeps what is written.
func (c *scanCache) capture(w io.Writer) io.Writer {
	if c == nil {
		return w
	}
	kept := &capture{}
	c.outputs = append(c.outputs, kept)
	return io.MultiWriter(w, kept)
}

// save keeps the answer for the next time. It says so if it cannot; an answer that
// is not to be kept is no error.
func (c *scanCache) save(ctx context.Context, code int, s *scope) error {
	if c == nil || s.unsure.Load() {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	facts, complete := c.seen.Facts()
	if !complete {
		return nil
	}
	e := &cache.Entry{Facts: cache.Facts{c.root: facts}, Stamps: cache.Stamps{}, Answer: &cache.Answer{Code: code}}
	if s.repo != nil || s.asked.Load() {
		if c.readsElsewhere() {
			return nil
		}
		e.Stamps = c.git
	} else if name := filepath.Join(c.root, ".git"); c.git[name] == source.Absent {
		e.Stamps[name] = source.Absent
	}
	for root, pack := range c.packs {
		if root != c.root {
			e.Facts[root] = pack
			continue
		}
		for name, fact := range pack { // a pack may be the tree
			if other, ok := facts[name]; ok && other.Stamp != fact.Stamp {
				return nil
			} else if !ok || other.Sum == "" {
				facts[name] = fact
			}
		}
	}
	if slices.ContainsFunc(c.outputs, func(out *capture) bool { return out.over }) {
		return nil
	}
	for _, out := range c.outputs {
		e.Answer.Outputs = append(e.Answer.Outputs, out.Bytes())
	}
	return c.Save(c.key, c.start, e)
}

// capture keeps what is written to it, unless that is very much.
type capture struct {
	bytes.Buffer
	over bool
}

const mostCaptured = 16 << 20

func (c *capture) Write(p []byte) (int, error) {
	if c.over = c.over || c.Len()+len(p) > mostCaptured; c.over {
		c.Reset()
		return len(p), nil
	}
	return c.Buffer.Write(p)
}

// hasRego reports whether there are policies that can look at the clock.
func hasRego(policies *setup.Policies) bool {
	return slices.ContainsFunc(policies.Packs, func(p *policy.Pack) bool { return len(p.Modules)+len(p.Templates) > 0 })
}
