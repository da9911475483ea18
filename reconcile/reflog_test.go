package reconcile

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/git/gittest"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// tells expects that the source's problems name a code.
func (f *followed) tells(code string) {
	f.t.Helper()
	st, err := f.store.Source(f.t.Context(), "fleet")
	if err != nil {
		f.t.Fatal(err)
	}
	if !strings.Contains(strings.Join(st.Problems, "\n"), code) {
		f.t.Errorf("the problems do not tell of %s: %q", code, st.Problems)
	}
}

// later lets so much time pass that the server is asked for its refs again.
func (f *followed) later() { f.now = f.now.Add(2 * observeInterval) }

func TestRefsAreRecorded(t *testing.T) {
	f := follow(t, nil)
	f.polls("the root", f.root, state.Ready, "")
	f.Checkout("feature")
	side := f.Repo.Commit("Side", nil)
	f.Checkout("main")
	tip := f.Repo.Commit("Next", nil)
	f.polls("a new commit", tip, state.Ready, "")
	f.later()
	f.DeleteRef("refs/heads/feature")
	f.polls("the same", tip, state.Ready, "")
	records := f.records(ledger.Observe)
	if len(records) != 3 {
		t.Fatalf("%d records, want 3: %+v", len(records), records)
	}
	if details := strings.Join(records[1].Details, "\n"); !strings.Contains(details, `"refs/heads/feature": none -> `+side) || !strings.Contains(details, tip) {
		t.Errorf("the second record: %s", details)
	}
	if details := strings.Join(records[2].Details, "\n"); details != `"refs/heads/feature": `+side+" -> none" {
		t.Errorf("the third record: %s", details)
	}
}

// D06: a followed branch goes.
func TestD06DeletedBranchIsHeld(t *testing.T) {
	f := follow(t, nil)
	f.polls("the root", f.root, state.Ready, "")
	f.DeleteRef("refs/heads/main")
	f.polls("the branch is gone", f.root, state.Held, "does not have the ref")
	f.tells("REF_DELETED")
	f.SetRef("refs/heads/main", f.root)
	f.polls("it is back as it was", f.root, state.Ready, "")
}

// D05b: what a tag was is remembered when it is gone.
func TestD05DeletedTagIsTold(t *testing.T) {
	f := follow(t, nil)
	f.Repo.Tag("v1.0", "main", "release")
	f.restart(func(c *config.Source) { c.Branch, c.Tag = "", "v1.0" })
	f.polls("the tag", f.root, state.Ready, "")
	f.DeleteRef("refs/tags/v1.0")
	f.polls("the tag is gone", f.root, state.Held, "does not have the ref")
	f.tells("TAG_DELETED")
	f.Repo.Commit("Other", nil)
	f.Repo.Tag("v1.0", "main", "release")
	f.polls("it comes back as something else", f.root, state.Blocked, "TAG_MOVED")
}

// D11: people and pipelines follow HEAD, and the loop does not.
func TestD11SwitchedHeadIsHeld(t *testing.T) {
	f := follow(t, nil)
	f.polls("the root", f.root, state.Ready, "")
	f.SetRef("refs/heads/dev", f.root)
	f.Git("symbolic-ref", "HEAD", "refs/heads/dev")
	f.later()
	f.polls("the default branch is another one", f.root, state.Held, "REF_RETARGET")
	next := f.CommitObject(f.Repo.Git("rev-parse", f.root+"^{tree}"), "unsigned", f.root)
	f.SetRef("refs/heads/dev", next)
	f.polls("and stays so", f.root, state.Held, "REF_RETARGET")
	f.Git("symbolic-ref", "HEAD", "refs/heads/main")
	f.later()
	f.polls("it is switched back", f.root, state.Ready, "")
}

func TestD08NamesThatMeanTwoThingsAreTold(t *testing.T) {
	f := follow(t, nil)
	f.polls("the root", f.root, state.Ready, "")
	f.SetRef("refs/tags/main", f.root)
	f.SetRef("refs/heads/-x", f.root)   // D10
	f.SetRef("refs/heads/MAIN", f.root) // D13
	f.later()
	f.polls("names that are bad, and not followed", f.root, state.Ready, "")
	f.tells("REF_RETARGET")
	f.tells("REF_NAME")
	f.tells(`refs/heads/-x`)
	f.tells(`refs/heads/MAIN`)
}

func TestF09NothingNewIsHeld(t *testing.T) {
	f := follow(t, func(c *config.Source) { c.Verify.Freshness = 24 * time.Hour })
	f.polls("the root", f.root, state.Ready, "")
	f.now = f.now.Add(25 * time.Hour)
	f.polls("nothing new for a day", f.root, state.Held, "FREEZE")
	tip := f.Repo.Commit("Heartbeat", nil)
	f.polls("something new", tip, state.Ready, "")
}

// witness is another server with the same history so far.
func (f *followed) witness() *gittest.Repo {
	f.t.Helper()
	other := gittest.New(f.t)
	other.Key, other.Time = f.Key, f.Time
	other.Git("fetch", "-q", f.FileURL(), "main")
	other.SetRef("refs/heads/main", f.root)
	other.Git("reset", "-q", "--hard", "main")
	server := gittest.Serve(f.t, other)
	f.restart(func(c *config.Source) { c.Witness = server.URL })
	return other
}

func TestF09WitnessThatIsAheadShowsAFreeze(t *testing.T) {
	f := follow(t, nil)
	other := f.witness()
	f.polls("both are the same", f.root, state.Ready, "")
	next := other.Commit("Next", nil)
	f.polls("the server is a little late", f.root, state.Ready, "")
	f.now = f.now.Add(2 * witnessGrace)
	f.polls("the server keeps it back", f.root, state.Held, "FREEZE")
	f.Repo.Git("fetch", "-q", other.FileURL(), "main")
	f.SetRef("refs/heads/main", next)
	f.polls("it serves it", next, state.Ready, "")
}

func TestF10WitnessThatHasAnotherHistoryShowsEquivocation(t *testing.T) {
	f := follow(t, nil)
	other := f.witness()
	f.polls("both are the same", f.root, state.Ready, "")
	other.Commit("Theirs", map[string]string{"a": "1"})
	tip := f.Repo.Commit("Ours", map[string]string{"b": "1"})
	f.polls("each has its own", f.root, state.Held, "EQUIVOCATION")
	other.Git("fetch", "-q", f.FileURL(), "main")
	other.SetRef("refs/heads/main", tip)
	f.polls("they agree again", tip, state.Ready, "")
}

// TestF12LostStateIsNoNewBeginning proves that a ledger that outlives the state is
// asked what was accepted.
func TestF12LostStateIsNoNewBeginning(t *testing.T) {
	f := follow(t, nil)
	tip := f.Repo.Commit("Next", nil)
	f.polls("the tip", tip, state.Ready, "")
	if err := f.store.PutSource(t.Context(), state.Source{Name: "fleet", URL: f.server.URL, Status: state.Pending}); err != nil {
		t.Fatal(err)
	}
	f.SetRef("refs/heads/main", f.root)
	f.restart(nil)
	f.polls("the state is lost, and the branch is back where it was", "", state.Held, "REF_ROLLBACK")
	f.SetRef("refs/heads/main", tip)
	f.polls("the branch is as it was accepted", tip, state.Ready, "")
}
