package reconcile

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// followed is a repository with a follower of it.
type followed struct {
	*gittest.Repo
	t      *testing.T
	server *gittest.Server
	dir    string
	root   string
	cfg    config.Source
	store  *state.Store
	ledger *ledger.Log
	now    time.Time
	*Follower
}

// follow begins a repository whose root alice signed and that lists her, and
// follows main from there unless with changes that.
func follow(t *testing.T, with func(*config.Source)) *followed {
	t.Helper()
	f := &followed{Repo: gittest.New(t), t: t, dir: t.TempDir(), now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}
	f.Key = gittest.SSHKey(t)
	f.server = gittest.Serve(t, f.Repo)
	f.root = f.Repo.Commit("Begin", map[string]string{config.DefaultSigners: f.signers("")})
	var err error
	if f.store, err = state.Open(f.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.store.Close() })
	if f.ledger, err = ledger.Open(filepath.Join(f.dir, "ledger")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.ledger.Close() })
	f.cfg = config.Source{
		Name: "fleet", URL: f.server.URL, Branch: "main", Insecure: true,
		Verify: config.Verify{Signers: config.DefaultSigners, Keys: config.DefaultKeys, Root: f.root},
	}
	f.restart(with)
	return f
}

// signers is a signers file that lists alice, with further options.
func (f *followed) signers(options string) string {
	return `alice@example.com namespaces="git"` + options + " " + f.Key.Public + "\n"
}

// restart opens the follower as another process would, with a configuration
// that with has changed.
func (f *followed) restart(with func(*config.Source)) {
	f.t.Helper()
	if with != nil {
		with(&f.cfg)
	}
	follower, err := OpenFollower(f.t.Context(), f.cfg, f.dir, Follower{
		Store: f.store, Ledger: f.ledger, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return f.now },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = follower.Mirror.Close() })
	f.Follower = follower
}

// polls polls and expects a revision, a status and the beginning of its reason.
func (f *followed) polls(why, commit string, status state.Status, reason string) {
	f.t.Helper()
	rev, err := f.Poll(f.t.Context())
	if again := status == state.Unreachable || status == state.Failed; (err != nil) != again {
		f.t.Fatalf("%s: the error is %v", why, err)
	}
	if rev.Commit != commit {
		f.t.Errorf("%s: the revision is %.8q, want %.8q", why, rev.Commit, commit)
	}
	st, err := f.store.Source(f.t.Context(), "fleet")
	if err != nil {
		f.t.Fatal(err)
	}
	if st.Status != status || !strings.Contains(st.Reason, reason) {
		f.t.Errorf("%s: the source is %s, %q; want %s, %q", why, st.Status, st.Reason, status, reason)
	}
}

func (f *followed) unsigned(message string) string {
	key := f.Key
	f.Key = nil
	defer func() { f.Key = key }()
	return f.Repo.Commit(message, nil)
}

func (f *followed) lightweight(tag, commit string) { f.SetRef("refs/tags/"+tag, commit) }

func (f *followed) records(kind ledger.Kind) (out []ledger.Record) {
	f.t.Helper()
	err := ledger.Read(filepath.Join(f.dir, "ledger"), func(r ledger.Record) error {
		if r.Kind == kind {
			out = append(out, r)
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

func TestSignedCommitsAreAccepted(t *testing.T) {
	f := follow(t, nil)
	f.polls("the root is pinned", f.root, state.Ready, "")
	first := f.Repo.Commit("First", nil)
	second := f.Repo.Commit("Second", nil)
	f.polls("both are signed", second, state.Ready, "")
	f.polls("nothing is new", second, state.Ready, "")
	accepted := f.records(ledger.Accept)
	if len(accepted) != 2 || accepted[1].Commit != second || accepted[1].Signer != "alice@example.com" || len(accepted[1].Details) != 2 {
		t.Errorf("the ledger says %+v", accepted)
	}
	_ = first
}

func TestRefusedCommits(t *testing.T) {
	f := follow(t, nil)
	good := f.Repo.Commit("Good", nil)
	bad := f.unsigned("Unsigned")
	f.polls("what comes before it is accepted", good, state.Blocked, "SIG_MISSING")
	f.polls("it is not news", good, state.Blocked, "SIG_MISSING")
	f.restart(nil)
	f.polls("nor for the next process", good, state.Blocked, "SIG_MISSING")
	f.Repo.Commit("On top of it", nil)
	f.polls("it is part of the history", good, state.Blocked, "SIG_MISSING")
	if got := f.records(ledger.Refuse); len(got) != 2 || got[0].Commit != bad || got[1].Commit != f.Head() {
		t.Errorf("each refused commit must be recorded once: %+v", got)
	}
	f.Reset(good)
	mended := f.Repo.Commit("Signed", nil)
	f.polls("what was never accepted may be rewritten", mended, state.Ready, "")
}

func TestRewriteIsHeld(t *testing.T) {
	for _, verify := range []string{"signatures", "disabled"} {
		t.Run(verify, func(t *testing.T) {
			f := follow(t, func(c *config.Source) {
				if verify == "disabled" {
					c.Verify = config.Verify{Off: true}
				}
			})
			accepted := f.Repo.Commit("A fix", nil)
			f.polls("it is accepted", accepted, state.Ready, "")
			f.Amend("Not the fix")
			f.polls("the fix is gone", accepted, state.Held, "HIST_REWRITE")
			f.Reset(accepted)
			f.polls("it is back", accepted, state.Ready, "")
		})
	}
}

func TestSourceRecovers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status state.Status
		reason string
		spoil  func(f *followed)
		mend   func(f *followed)
	}{
		{"server down", state.Unreachable, "", func(f *followed) { f.server.Stop() }, func(f *followed) { f.server.Start() }},
		{"branch deleted", state.Held, "refs/heads/main", func(f *followed) { f.DeleteRef("refs/heads/main") }, func(f *followed) { f.SetRef("refs/heads/main", f.root) }},
		{
			"malformed object", state.Blocked, "OBJ_MALFORMED",
			func(f *followed) {
				tree := f.Git("rev-parse", f.root+"^{tree}")
				f.SetRef("refs/heads/main", f.Object("commit", []byte("tree "+tree+"\nparent "+f.root+"\nauthor nobody\n\nx\n")))
			},
			func(f *followed) { f.SetRef("refs/heads/main", f.root) },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := follow(t, nil)
			f.polls("it begins", f.root, state.Ready, "")
			c.spoil(f)
			f.polls("what was accepted stays", f.root, c.status, c.reason)
			f.polls("and again", f.root, c.status, c.reason)
			c.mend(f)
			f.polls("the same commit is back", f.root, state.Ready, "")
			if n := len(f.records(ledger.Refuse)); n > 1 {
				t.Errorf("the ledger has %d records of one trouble", n)
			}
		})
	}
}

func TestChangedTrust(t *testing.T) {
	t.Run("a blocked source is verified by the new configuration", func(t *testing.T) {
		f := follow(t, nil)
		tip := f.unsigned("Unsigned")
		f.polls("it is not signed", f.root, state.Blocked, "SIG_MISSING")
		f.restart(func(c *config.Source) { c.Verify.Root = tip })
		f.polls("it was pinned", tip, state.Ready, "")
	})
	t.Run("what was accepted unsigned does not count once signatures do", func(t *testing.T) {
		f := follow(t, func(c *config.Source) { c.Verify = config.Verify{Off: true} })
		tip := f.unsigned("Unsigned")
		f.polls("signatures are off", tip, state.Ready, "")
		f.restart(func(c *config.Source) {
			c.Verify = config.Verify{Signers: config.DefaultSigners, Keys: config.DefaultKeys, Root: f.root}
		})
		f.polls("nothing is offered, older revisions neither", "", state.Held, "SIG_MISSING")
		f.polls("and again", "", state.Held, "SIG_MISSING")
		f.server.Stop()
		f.polls("nor without the server", "", state.Unreachable, "")
		f.server.Start()
		f.restart(nil)
		f.polls("nor by the next process", "", state.Held, "SIG_MISSING")
		if got := f.records(ledger.Refuse); len(got) != 1 || got[0].Commit != tip {
			t.Errorf("the ledger says %+v", got)
		}
		f.restart(func(c *config.Source) { c.Verify.Root = tip })
		f.polls("a person has reviewed it", tip, state.Ready, "")
	})
	t.Run("signers on this machine are withdrawn", func(t *testing.T) {
		dir := t.TempDir()
		file := filepath.Join(dir, "signers")
		f := follow(t, func(c *config.Source) { c.Branch = "bare" })
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f.Git("checkout", "--quiet", "--orphan", "bare")
		f.Git("rm", "-rf", "--quiet", ".")
		tip := f.Repo.Commit("No signers file", map[string]string{"a": "b"})
		write(f.signers(""))
		f.restart(func(c *config.Source) { c.Verify.Root, c.Verify.Bootstrap = "", file })
		f.polls("alice is listed", tip, state.Ready, "")
		write(`bob@example.com namespaces="git" ` + gittest.SSHKey(t).Public + "\n")
		f.polls("she no longer is", "", state.Held, "KEY_UNKNOWN")
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
		f.polls("the status tells what is missing", "", state.Failed, "no such file")
	})
	t.Run("a root that does not exist is told", func(t *testing.T) {
		f := follow(t, nil)
		f.polls("it begins", f.root, state.Ready, "")
		f.restart(func(c *config.Source) { c.Verify.Root = strings.Repeat("0123", 10) })
		f.polls("nobody has it", "", state.Failed, "pinned root")
		f.restart(func(c *config.Source) { c.Verify.Root = f.root })
		f.polls("corrected", f.root, state.Ready, "")
	})
}

func TestTags(t *testing.T) {
	t.Run("the highest version in the range counts", func(t *testing.T) {
		f := follow(t, func(c *config.Source) { c.Branch, c.Semver = "", ">=1.2 <2" })
		f.polls("there is none", "", state.Held, "no tag is in the range")
		f.Tag("v1.2.0", "HEAD", "One")
		f.polls("the first", f.root, state.Ready, "")
		next := f.Repo.Commit("Next", nil)
		f.Tag("v1.10.0", "HEAD", "Ten")
		f.Tag("v2.0.0", "HEAD", "Out of range")
		f.Tag("v1.11.0-rc1", "HEAD", "A candidate")
		f.polls("ten is more than two", next, state.Ready, "")
		f.DeleteRef("refs/tags/v1.10.0")
		f.polls("going back is for a person", next, state.Held, "REF_ROLLBACK")
	})
	t.Run("a tag that moves is refused", func(t *testing.T) {
		f := follow(t, func(c *config.Source) { c.Branch, c.Tag = "", "v1" })
		f.Tag("v1", "HEAD", "One")
		object := f.Git("rev-parse", "refs/tags/v1")
		f.polls("it is signed", f.root, state.Ready, "")
		next := f.Repo.Commit("Next", nil)
		f.Tag("v1", "HEAD", "Moved")
		f.polls("it moved", f.root, state.Blocked, "TAG_MOVED")
		f.lightweight("v1", next)
		f.polls("nor may it lose its signature", f.root, state.Blocked, "TAG_DOWNGRADE")
		f.SetRef("refs/tags/v1", object)
		f.polls("it is restored", f.root, state.Ready, "")
		f.Tag("v1", next, "Moved again")
		f.polls("it moved", f.root, state.Blocked, "TAG_MOVED")
		f.restart(func(c *config.Source) { c.Verify.Root = next })
		f.polls("a person has accepted that", next, state.Ready, "")
	})
	t.Run("a tag that was never accepted may be made anew", func(t *testing.T) {
		f := follow(t, func(c *config.Source) { c.Branch, c.Tag = "", "v1" })
		key := f.Key
		f.Key = nil
		f.Tag("v1", "HEAD", "Not signed")
		f.polls("it is not signed", "", state.Blocked, "SIG_MISSING")
		f.Key = key
		f.Tag("v1", "HEAD", "Signed")
		f.polls("now it is", f.root, state.Ready, "")
	})
	t.Run("a tag of a file", func(t *testing.T) {
		f := follow(t, func(c *config.Source) { c.Branch, c.Tag, c.Verify = "", "v1", config.Verify{Off: true} })
		f.lightweight("v1", f.Git("rev-parse", "HEAD:"+config.DefaultSigners))
		f.polls("there is nothing to deploy", "", state.Blocked, "TAG_TARGET")
	})
}

func TestKeyThatExpired(t *testing.T) {
	f := follow(t, func(c *config.Source) { c.Branch, c.Tag = "", "v1" })
	limited := f.Repo.Commit("Alice leaves", map[string]string{config.DefaultSigners: f.signers(`,valid-before="20260701Z"`)})
	f.Tag("v1", limited, "The last by her")
	f.polls("she may still sign", limited, state.Ready, "")
	f.now = f.now.AddDate(1, 0, 0)
	f.restart(nil)
	f.polls("it is judged by when it was first seen", limited, state.Ready, "")
	f.restart(func(c *config.Source) { c.Tag, c.Branch = "", "main" })
	f.Repo.Commit("Too late", nil)
	f.polls("she no longer may", limited, state.Blocked, "KEY_EXPIRED")
}

func TestMirrorIsLost(t *testing.T) {
	f := follow(t, nil)
	next := f.Repo.Commit("Next", nil)
	f.polls("it is accepted", next, state.Ready, "")
	_ = f.Follower.Mirror.Close()
	if err := os.RemoveAll(filepath.Join(f.dir, "mirrors")); err != nil {
		t.Fatal(err)
	}
	f.restart(nil)
	f.polls("everything is fetched again", next, state.Ready, "")
	if err := os.WriteFile(filepath.Join(f.dir, "mirrors", "fleet.git", "config"), []byte("[core]\n\tfsmonitor = evil\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rev, err := f.Poll(t.Context()); err != nil || rev.Commit != next {
		t.Errorf("what was accepted stays: %+v, %v", rev, err)
	}
	if st, err := f.store.Source(t.Context(), "fleet"); err != nil || st.Status != state.Failed || !strings.Contains(st.Reason, "damaged") {
		t.Errorf("the status does not tell of the damage: %+v, %v", st, err)
	}
	f.restart(nil)
	f.polls("and set aside by the next process", next, state.Ready, "")
	if rev, err := f.Poll(context.Background()); err != nil || rev.Subject != "Next" || rev.Signer != "alice@example.com" {
		t.Errorf("the revision is %+v, %v", rev, err)
	}
}
