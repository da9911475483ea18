package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/cache"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// scanCache is the question that a scan answers, for the cache.
type scanCache struct {
	cache.Cache
	key     string
	start   time.Time
	root    string // of the tree
	seen    *source.Seen
	facts   cache.Facts // about what is not in the tree
	outputs []*capture
}

// openCache returns nil if the answer hangs on more than files.
func (o *scanCommand) openCache(root, inside, path string, seen *source.Seen, start time.Time) *scanCache {
	if o.noCache || o.secrets.history != "" || o.scope.newFrom != "" || o.scope.staged || o.scope.changed {
		return nil
	}
	dir, err := os.UserCacheDir()
	if err != nil || !filepath.IsAbs(dir) {
		return nil
	}
	if dir = filepath.Join(dir, "holdfast", "scans"); isInside(root, dir) { // nobody but the user may write there
		return nil
	}
	c := &scanCache{Cache: cache.Cache{Dir: dir}, start: start, root: root, seen: seen, facts: cache.Facts{}}
	if !c.addProgram() || !c.addGit() || !c.addPacks(o.policies.Packs) {
		return nil
	}
	here, _ := os.Getwd() // outputs are written from there
	c.key = cache.Key("scan", Version(), root, inside, path, here,
		fmt.Sprintf("%#v %#v %#v %q %q", o.policies, o.scope, o.secrets, o.outputs, o.failOn),
		fmt.Sprint(o.exitZero, o.quiet, o.verbose, o.limit, o.width(), o.colored(), o.terminal()),
		start.UTC().Format("2006-01-02T15")) // waivers end
	return c
}

// addProgram notes this program, since builds of one version may differ.
func (c *scanCache) addProgram() bool {
	name, err := os.Executable()
	return err == nil && c.add(name)
}

// add notes files by their absolute names.
func (c *scanCache) add(names ...string) bool {
	for i, name := range names {
		names[i] = strings.TrimPrefix(filepath.ToSlash(name), "/")
	}
	stamps, err := source.Stamps("/", names)
	if err != nil {
		return false
	}
	if c.facts["/"] == nil {
		c.facts["/"] = map[string]source.Stamp{}
	}
	for i, name := range names {
		c.facts["/"][name] = stamps[i]
	}
	return true
}

// addGit notes what tells the commit, what is ignored, and whose repository it is.
func (c *scanCache) addGit() bool {
	git := filepath.Join(c.root, ".git")
	info, err := os.Lstat(git)
	switch {
	case err != nil:
		return os.IsNotExist(err) && c.add(git)
	case !info.IsDir(): // the repository is elsewhere
		return false
	}
	names := []string{"HEAD", "packed-refs", "config", "index", "info/exclude"}
	if head, err := os.ReadFile(filepath.Join(git, "HEAD")); err == nil {
		if ref, ok := strings.CutPrefix(strings.TrimSpace(string(head)), "ref: "); ok && filepath.IsLocal(ref) {
			names = append(names, ref)
		}
	}
	for i, name := range names {
		names[i] = filepath.Join(git, name)
	}
	if home, err := os.UserHomeDir(); err == nil && filepath.IsAbs(home) {
		names = append(names, filepath.Join(home, ".gitconfig"))
	}
	if dir, err := os.UserConfigDir(); err == nil && filepath.IsAbs(dir) {
		names = append(names, filepath.Join(dir, "git", "config"), filepath.Join(dir, "git", "ignore"))
	}
	return c.add(names...)
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
		if err != nil || source.Walk(tree, ".", func(string, source.Entry) error { return nil }) != nil {
			return false
		}
		stamps, complete := seen.Stamps()
		if !complete {
			return false
		}
		c.facts[real] = stamps
	}
	return true
}

// load returns the answer of the last time, if nothing has changed.
func (c *scanCache) load() (*cache.Answer, bool) {
	if c == nil {
		return nil, false
	}
	return c.Load(c.key)
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

// save keeps the answer for the next time.
func (c *scanCache) save(code int) error {
	if c == nil || code == ExitUndecided { // what went wrong may not be in the files
		return nil
	}
	stamps, complete := c.seen.Stamps()
	if !complete {
		return nil
	}
	answer := &cache.Answer{Code: code}
	for _, out := range c.outputs {
		if out.over {
			return nil
		}
		answer.Outputs = append(answer.Outputs, out.Bytes())
	}
	for name, stamp := range c.facts[c.root] { // a pack may be the tree
		if other, ok := stamps[name]; ok && other != stamp {
			return nil
		}
		stamps[name] = stamp
	}
	c.facts[c.root] = stamps
	return c.Save(c.key, c.start, c.facts, answer)
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
