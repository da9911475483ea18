package git

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// Options says what to mirror, where, and how much of it is too much. Zero
// values mean the default.
type Options struct {
	Dir string // of the bare repository, made if it does not exist
	URL string // https://host/path, ssh://host/path or user@host:path

	Username, Password string   // for HTTP; a password in URL is used, too
	CAFile             string   // certificates to trust for HTTPS instead of the system's
	Proxy              string   // for HTTP
	SSHCommand         string   // default: ssh with SSHKeyFile and SSHKnownHosts, and no other configuration
	SSHKeyFile         string   // private key
	SSHKnownHosts      string   // file of the host keys to accept
	AllowProtocols     []string // default https and ssh

	Git          string // the git program; default: from PATH
	ObjectFormat string // sha1 (default) or sha256

	Timeout     time.Duration // of one git process; default 5 minutes
	MaxFileSize int64         // bytes of a file that is read; default source.DefaultMaxFileSize
	MaxEntries  int           // files and directories of a tree; default 500,000
	MaxDepth    int           // of directories; default 100
	MaxPath     int           // bytes of a path; default 4,096
	MaxCommits  int           // that Range and FirstParents list; default 100,000
	MaxFetch    int64         // bytes that one fetch may add; default 4 GiB
}

func (o Options) withDefaults() (Options, error) {
	if o.Git == "" {
		git, err := exec.LookPath("git")
		if err != nil {
			return o, fmt.Errorf("git is not installed, or not in PATH: %w", err)
		}
		o.Git = git
	}
	var err error
	if o.Git, err = filepath.Abs(o.Git); err != nil {
		return o, err
	}
	if o.Dir == "" {
		return o, errors.New("a mirror needs a directory")
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return o, err
	}
	if o.AllowProtocols == nil {
		o.AllowProtocols = []string{"https", "ssh"}
	}
	if o.SSHCommand == "" {
		o.SSHCommand = "ssh -F " + os.DevNull + " -oBatchMode=yes -oStrictHostKeyChecking=yes -oIdentitiesOnly=yes -oConnectTimeout=30 -oForwardAgent=no -oClearAllForwardings=yes"
		if o.SSHKeyFile != "" {
			o.SSHCommand += " -i " + shellQuote(o.SSHKeyFile)
		}
		if o.SSHKnownHosts != "" {
			o.SSHCommand += " -oUserKnownHostsFile=" + shellQuote(o.SSHKnownHosts) + " -oGlobalKnownHostsFile=" + os.DevNull
		}
	}
	o.ObjectFormat = cmp.Or(o.ObjectFormat, "sha1")
	if _, ok := configs[o.ObjectFormat]; !ok {
		return o, fmt.Errorf("object format %q is neither sha1 nor sha256", o.ObjectFormat)
	}
	o.Timeout = cmp.Or(o.Timeout, 5*time.Minute)
	o.MaxFileSize = cmp.Or(o.MaxFileSize, source.DefaultMaxFileSize)
	o.MaxEntries = cmp.Or(o.MaxEntries, 500_000)
	o.MaxDepth = cmp.Or(o.MaxDepth, 100)
	o.MaxPath = cmp.Or(o.MaxPath, 4096)
	o.MaxCommits = cmp.Or(o.MaxCommits, 100_000)
	o.MaxFetch = cmp.Or(o.MaxFetch, 4<<30)
	return o, nil
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Mirror is a bare repository that follows a remote one. It is safe for
// concurrent use; no other process may use its directory.
type Mirror struct {
	opts   Options
	git    string
	remote *remote
	batch  *batch
	trees  *treeCache
	close  context.CancelFunc

	workTree, indexFile string // of somebody's own repository: see Local
	bare                bool   // somebody's own as well, without a work tree
	quarantine          Quarantine

	lastSpan lastSpan

	refs sync.Mutex // held by what writes to the repository
}

// configs are the only contents that a mirror's configuration file ever has.
var configs = map[string]string{
	"sha1":   "# Written by Holdfast. Any change makes the mirror be refused.\n[core]\n\trepositoryformatversion = 0\n\tbare = true\n",
	"sha256": "# Written by Holdfast. Any change makes the mirror be refused.\n[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectformat = sha256\n",
}

// OpenMirror opens the mirror in opts.Dir, or makes an empty one. It fetches
// nothing. A URL that is not used gives a URLError, a directory that holds
// anything but a mirror of ours a CorruptError.
func OpenMirror(ctx context.Context, opts Options) (*Mirror, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	remote, err := parseRemote(opts.URL, opts.Username, opts.Password, opts.AllowProtocols)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := makeRepository(opts.Dir, configs[opts.ObjectFormat]); err != nil {
		return nil, err
	}
	m := &Mirror{opts: opts, git: opts.Git, remote: remote}
	if err := m.checkRepository(); err != nil {
		return nil, err
	}
	m.sweep()
	life, cancel := context.WithCancel(context.Background())
	m.close = cancel
	m.batch = newBatch(m, life)
	m.trees = newTreeCache(m)
	return m, nil
}

// Close ends the process that reads objects. The mirror must not be used after.
func (m *Mirror) Close() error {
	m.close()
	m.batch.stop()
	return nil
}

// URL returns what is mirrored, without credentials.
func (m *Mirror) URL() string { return m.remote.url }

// makeRepository makes an empty bare repository in a directory that is absent,
// empty, or left by an earlier attempt. The configuration is written last, so
// that what has one is whole.
func makeRepository(dir, config string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	names, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !slices.Contains([]string{"objects", "refs", "info", "HEAD", "config.new", "lost+found"}, name.Name()) {
			return nil // not ours to fill; checkRepository tells
		}
	}
	for _, sub := range []string{"objects/pack", "objects/info", "refs", "info"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "HEAD"), []byte("ref: refs/heads/none\n"), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "config.new"), []byte(config), 0o644); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "config.new"), filepath.Join(dir, "config"))
}

// checkRepository refuses a directory whose configuration is not ours, or that
// shows other objects than those fetched.
func (m *Mirror) checkRepository() error {
	config, err := os.ReadFile(filepath.Join(m.opts.Dir, "config"))
	if err != nil || string(config) != configs[m.opts.ObjectFormat] {
		return m.corrupt("its config is not the one that Holdfast writes")
	}
	for _, name := range []string{"shallow", "commondir", "config.worktree", "objects/info/alternates", "objects/info/http-alternates"} {
		if _, err := os.Lstat(filepath.Join(m.opts.Dir, name)); !source.IsNotExist(err) {
			return m.corrupt("it has a file " + name)
		}
	}
	return nil
}

// Fetch gets the refs, given in full such as refs/heads/main, and everything
// below them. It returns the object id of each; a ref that the remote does not
// have is absent from the result. Annotated tags give the tag object's id. No
// other ref is fetched. Errors are a RemoteError, a MalformedError for objects
// that git refuses, or a LimitError; nothing has changed then.
func (m *Mirror) Fetch(ctx context.Context, refs ...string) (map[string]string, error) {
	for _, ref := range refs {
		if err := checkRef(ref); err != nil {
			return nil, err
		}
	}
	m.refs.Lock()
	defer m.refs.Unlock()
	if err := m.checkRepository(); err != nil {
		return nil, err
	}
	wanted := slices.Compact(slices.Sorted(slices.Values(refs)))
	// A fetch of several refs fails as a whole when the remote lacks one, and
	// names it. That is rare, so it is cheaper to leave it out and try again than
	// to ask for all names first; and there is no time in between for a change.
	for len(wanted) > 0 {
		absent, err := m.fetch(ctx, m.opts.MaxFetch, wanted)
		if err != nil {
			return nil, err
		}
		if absent == "" {
			break
		}
		wanted = slices.DeleteFunc(wanted, func(ref string) bool { return ref == absent })
	}
	return m.tracked(ctx, wanted)
}

func (m *Mirror) fetch(ctx context.Context, limit int64, refs []string) (absent string, err error) {
	args := []string{
		"fetch", "--quiet", "--no-progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules",
		"--no-auto-maintenance", "--no-write-commit-graph", "--no-show-forced-updates", "--atomic", "--force",
		"--end-of-options", m.remote.url,
	}
	for _, ref := range refs {
		args = append(args, "+"+ref+":"+trackingRef(ref))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer m.watchFetch(limit, cancel)()
	var extra []setting
	if limit < m.opts.MaxFetch {
		extra = append(extra, setting{"fetch.unpackLimit", "1"}) // only packs are watched
	}
	_, err = m.run(ctx, m.remoteEnvironment(extra...), args...)
	if err != nil {
		m.sweep()
	}
	if limit, ok := errors.AsType[*LimitError](context.Cause(ctx)); ok {
		return "", limit
	}
	failure, ok := errors.AsType[*runError](err)
	if !ok {
		return "", m.remoteFailure(ctx, err)
	}
	for line := range strings.Lines(failure.stderr) {
		line = strings.TrimSpace(line)
		if ref, ok := strings.CutPrefix(line, "fatal: couldn't find remote ref "); ok && slices.Contains(refs, ref) {
			return ref, nil
		}
		if strings.HasPrefix(line, "fatal: fsck error") {
			return "", &MalformedError{Reason: failure.text}
		}
	}
	return "", m.remoteFailure(ctx, err)
}

// watchFetch ends a fetch whose packs grow beyond the limit.
func (m *Mirror) watchFetch(limit int64, cancel context.CancelCauseFunc) (stop func()) {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(200 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			var size int64
			packs, _ := filepath.Glob(filepath.Join(m.opts.Dir, "objects/pack/tmp_*"))
			for _, pack := range packs {
				if info, err := os.Lstat(pack); err == nil {
					size += info.Size()
				}
			}
			if size > limit {
				cancel(&LimitError{What: "bytes in one fetch", Limit: limit})
				return
			}
		}
	}()
	return func() { close(done) }
}

// remoteFailure makes a RemoteError of what went wrong, unless the caller
// wanted it to stop.
func (m *Mirror) remoteFailure(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if _, ok := errors.AsType[*LimitError](err); ok {
		return err
	}
	message := m.remote.clean(err.Error())
	if failure, ok := errors.AsType[*runError](err); ok {
		message = cmp.Or(failure.text, message)
	}
	return &RemoteError{URL: m.remote.url, Message: message, Err: err}
}

func (m *Mirror) remoteEnvironment(extra ...setting) []string {
	if m.remote.header != "" {
		extra = append(extra, setting{"http." + m.remote.url + ".extraHeader", m.remote.header})
	}
	if m.opts.CAFile != "" {
		extra = append(extra, setting{"http.sslCAInfo", m.opts.CAFile})
	}
	if m.opts.Proxy != "" {
		extra = append(extra, setting{"http.proxy", m.opts.Proxy})
	}
	return m.environment(extra...)
}

// tracked returns where our refs for the remote's refs are.
func (m *Mirror) tracked(ctx context.Context, refs []string) (map[string]string, error) {
	ids := map[string]string{}
	if len(refs) == 0 {
		return ids, nil
	}
	args := []string{"for-each-ref", "--format=%(refname) %(objectname)"}
	for _, ref := range refs {
		args = append(args, trackingRef(ref))
	}
	out, err := m.run(ctx, m.environment(), args...)
	if err != nil {
		return nil, m.localFailure(err)
	}
	byName := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		byName[name] = id
	}
	for _, ref := range refs {
		id := byName[trackingRef(ref)]
		if !isID(id) {
			return nil, m.corrupt("it lost ref " + ref + " right after a fetch")
		}
		ids[ref] = id
	}
	return ids, nil
}

// trackingRef is our name for a remote's ref: a hash, so that it is short and
// that refs/heads/a and refs/heads/a/b, at different times, do not collide.
func trackingRef(ref string) string {
	sum := sha256.Sum256([]byte(ref))
	return "refs/holdfast/remote/" + hex.EncodeToString(sum[:20])
}

// ListRemote returns the remote's refs whose full names match a pattern, in
// which * stands for any characters, and their ids. For annotated tags, the
// name followed by ^{} has the id of what the tag points to. Nothing is fetched.
func (m *Mirror) ListRemote(ctx context.Context, patterns ...string) (map[string]string, error) {
	args := []string{"ls-remote", "--quiet"}
	if !slices.ContainsFunc(patterns, func(p string) bool { return !strings.HasPrefix(p, "refs/tags/") }) {
		args = append(args, "--tags") // less for the server to send
	}
	out, err := m.run(ctx, m.remoteEnvironment(), append(args, "--end-of-options", m.remote.url)...)
	if err != nil {
		return nil, m.remoteFailure(ctx, err)
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		base := strings.TrimSuffix(name, "^{}")
		if !ok || !isID(id) || checkRef(base) != nil {
			continue // HEAD, or what could not be fetched anyway
		}
		if slices.ContainsFunc(patterns, func(p string) bool { return matchRef(p, base) }) {
			refs[name] = id
		}
	}
	return refs, nil
}

// Keep makes sure that a commit, and all it depends on, stays in the mirror
// whatever the remote does to its refs.
func (m *Mirror) Keep(ctx context.Context, id string) error {
	if err := m.expect(ctx, id, "commit"); err != nil {
		return err
	}
	m.refs.Lock()
	defer m.refs.Unlock()
	return m.write(ctx, "update-ref", "--end-of-options", "refs/holdfast/keep/"+id, id)
}

// localFailure makes a CorruptError of a git process that failed on the mirror
// itself.
func (m *Mirror) localFailure(err error) error {
	if failure, ok := errors.AsType[*runError](err); ok {
		return m.corrupt(failure.Error())
	}
	return err
}
