package integrity

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

// TestTotal breaks a real mirror, the git program or the limits in every way
// that is known, and proves that nothing of it is ever allowed: what cannot be
// found out is held, and what was accepted stays accepted.
func TestTotal(t *testing.T) {
	keys := newPeople(t, "alice", "bob")
	tests := []struct {
		reason string
		code   Code
		spoil  func(t *testing.T, b *broken)
	}{
		{"the tip is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.tip) }},
		{"a commit in between is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.middle) }},
		{"a side branch's commit is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.side) }},
		{"the tree of the tip is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev("HEAD^{tree}")) }},
		{"a new file is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev("HEAD:side")) }},
		{"a file that was there for a commit is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev(b.middle + ":apps/web/svc.yaml")) }},
		{"the directory of the signers is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev("HEAD:.holdfast")) }},
		{"the signers file in force is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev(b.accepted + ":" + DefaultSignersPath)) }},
		{"the new signers file is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev("HEAD:" + DefaultSignersPath)) }},
		{"the revocation list is missing", Unverified, func(t *testing.T, b *broken) { b.remove(b.rev("HEAD:.holdfast/revoked.krl")) }},
		{"the accepted commit is missing", HistRewrite, func(t *testing.T, b *broken) { b.remove(b.accepted) }},
		{"an object is cut short", Unverified, func(t *testing.T, b *broken) { b.rewrite(b.middle, func(d []byte) []byte { return d[:len(d)/2] }) }},
		{"an object is empty", Unverified, func(t *testing.T, b *broken) { b.rewrite(b.middle, func([]byte) []byte { return nil }) }},
		{"an object has one bit changed", Unverified, func(t *testing.T, b *broken) {
			b.rewrite(b.middle, func(d []byte) []byte { d[len(d)/2] ^= 1; return d })
		}},
		{"an object has the content of another", Unverified, func(t *testing.T, b *broken) {
			other := b.read(b.side)
			b.rewrite(b.middle, func([]byte) []byte { return other })
		}},
		{"an object cannot be read", Unverified, func(t *testing.T, b *broken) {
			b.remove(b.middle)
			b.must(os.Mkdir(b.loose(b.middle), 0o755))
		}},
		{"all objects are gone", Unverified, func(t *testing.T, b *broken) { b.must(os.RemoveAll(filepath.Join(b.dir, "objects"))) }},
		{"the whole mirror is gone", Unverified, func(t *testing.T, b *broken) { b.must(os.RemoveAll(b.dir)) }},
		{"the mirror is shallow", RepoShallow, func(t *testing.T, b *broken) {
			b.must(os.WriteFile(filepath.Join(b.dir, "shallow"), []byte(b.middle+"\n"), 0o644))
		}},
		{"the mirror is shallow at the tip", RepoShallow, func(t *testing.T, b *broken) {
			b.must(os.WriteFile(filepath.Join(b.dir, "shallow"), []byte(b.tip+"\n"), 0o644))
		}},
		{"there is no time", Unverified, func(t *testing.T, b *broken) { b.opts.Timeout = time.Nanosecond }},
		{"git hangs", Unverified, func(t *testing.T, b *broken) {
			b.opts.Timeout = 200 * time.Millisecond
			b.program("exec sleep 60")
		}},
		{"git is killed", Unverified, func(t *testing.T, b *broken) { b.program("kill -9 $$") }},
		{"git says nothing", Unverified, func(t *testing.T, b *broken) { b.program("exit 0") }},
		{"git talks nonsense", Unverified, func(t *testing.T, b *broken) { b.program("for i in 1 2 3 4 5 6 7 8 9; do echo nonsense || exit; done") }},
		{"git talks nonsense without end", Unverified, func(t *testing.T, b *broken) {
			b.opts.Timeout = 200 * time.Millisecond
			b.program("while :; do echo nonsense || exit; done")
		}},
		{"git says that all is missing", Unverified, func(t *testing.T, b *broken) {
			b.program(`case "$1" in cat-file) while read -r id; do echo "$id missing"; done;; esac`)
		}},
		{"git says yes to everything", Unverified, func(t *testing.T, b *broken) { b.program(`case "$1" in cat-file) exec git "$@";; esac; exit 0`) }},
		{"git lists fewer commits than there are", Unverified, func(t *testing.T, b *broken) {
			b.program(`case "$1" in rev-list) echo ` + b.tip + `;; *) exec git "$@";; esac`)
		}},
		{"git lists commits without their parents", Unverified, func(t *testing.T, b *broken) {
			b.program(`case "$1" in rev-list) (exec git "$@") | cut -d ' ' -f 1;; *) exec git "$@";; esac`)
		}},
		{"git lists wrong parents", Unverified, func(t *testing.T, b *broken) {
			b.program(`case "$1" in rev-list) (exec git "$@") | sed 's/ [^ ]*/ ` + b.accepted + `/';; *) exec git "$@";; esac`)
		}},
		{"git lists no commits", Unverified, func(t *testing.T, b *broken) { b.program(`case "$1" in rev-list) ;; *) exec git "$@";; esac`) }},
		{"git was removed", Unverified, func(t *testing.T, b *broken) {
			b.program("exit 0")
			b.must(os.Remove(b.opts.Git))
		}},
		{"more commits than the mirror lists", HistLimit, func(t *testing.T, b *broken) { b.opts.MaxCommits = 1 }},
		{"more commits than are verified", HistLimit, func(t *testing.T, b *broken) { b.trust.MaxCommits = 2 }},
		{"the caller has no time", Unverified, func(t *testing.T, b *broken) {
			ctx, cancel := context.WithDeadline(b.ctx, time.Now().Add(-time.Second))
			t.Cleanup(cancel)
			b.ctx = ctx
		}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			b := newBroken(t, keys)
			test.spoil(t, b)
			r := b.check()
			if r.Decision != Hold || r.Accepted == b.tip || !slices.Contains(codes(r.Problems), test.code) {
				t.Errorf("%s, accepted %s: %v; want hold %s", r.Decision, short(r.Accepted), r.Problems, test.code)
			}
			if test.code == Unverified && !r.Retry {
				t.Error("it is not tried again")
			}
		})
	}
	t.Run("nothing is broken", func(t *testing.T) {
		if r := newBroken(t, keys).check(); r.Decision != Allow {
			t.Errorf("%s %v", r.Decision, r.Problems)
		}
	})
}

// broken is a lab whose mirror holds a range with a merge, all its objects in
// files of their own.
type broken struct {
	*lab
	opts              git.Options
	tip, middle, side string
}

func newBroken(t *testing.T, keys people) *broken {
	l := newLab(t, keys)
	b := &broken{lab: l, opts: git.Options{Dir: l.dir, URL: l.FileURL(), AllowProtocols: []string{"file"}}}
	l.Checkout("side")
	b.side = l.as("bob").Commit("side", map[string]string{"side": "1\n"})
	l.Checkout("main")
	b.middle = l.as("bob").edit("x")
	l.as("alice").Commit("grant", map[string]string{
		DefaultSignersPath: keys.allowed() + "# more\n", ".holdfast/revoked.krl": gittest.SSHKey(t).Public + "\n",
	})
	b.tip = l.as("alice").Merge("merge", "side")
	l.fetch()
	packs, err := filepath.Glob(filepath.Join(l.dir, "objects/pack/*"))
	b.must(err)
	for _, pack := range packs {
		moved := filepath.Join(t.TempDir(), filepath.Base(pack))
		b.must(os.Rename(pack, moved))
		if !strings.HasSuffix(pack, ".pack") {
			continue
		}
		in, err := os.Open(moved)
		b.must(err)
		cmd := exec.Command("git", "--git-dir="+l.dir, "unpack-objects", "-q")
		cmd.Stdin = in
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b.must(in.Close())
	}
	return b
}

// check judges by a mirror that was opened before its directory was spoilt, as
// an operator's is, and by another one where the options were.
func (b *broken) check() Result {
	b.t.Helper()
	m := b.mirror
	if b.opts.Git != "" || b.opts.Timeout != 0 || b.opts.MaxCommits != 0 {
		var err error
		m, err = git.OpenMirror(b.t.Context(), b.opts)
		b.must(err)
		defer m.Close()
	}
	r, err := Check(b.ctx, m, b.trust, b.accepted, b.tip, func(string) time.Time { return b.seen })
	b.must(err)
	return r
}

func (b *broken) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *broken) rev(name string) string { return b.Git("rev-parse", name) }

func (b *broken) loose(id string) string { return filepath.Join(b.dir, "objects", id[:2], id[2:]) }

func (b *broken) remove(id string) { b.t.Helper(); b.must(os.Remove(b.loose(id))) }

func (b *broken) read(id string) []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.loose(id))
	b.must(err)
	return data
}

func (b *broken) rewrite(id string, change func([]byte) []byte) {
	b.t.Helper()
	data := change(b.read(id))
	b.remove(id)
	b.must(os.WriteFile(b.loose(id), data, 0o444))
}

// program replaces git by a shell script.
func (b *broken) program(script string) {
	b.t.Helper()
	real, err := exec.LookPath("git")
	b.must(err)
	b.opts.Git = filepath.Join(b.t.TempDir(), "git")
	script = strings.ReplaceAll(script, "exec git ", "exec '"+real+"' ")
	b.must(os.WriteFile(b.opts.Git, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
}
