package state_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/drift"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/state"
)

func open(t *testing.T, dir string) *state.Store {
	t.Helper()
	s, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var web = resource.ID{Group: "apps", Version: "v1", Kind: "Deployment", Namespace: "web", Name: "web"}

func TestEverythingOutlivesARestart(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	source := state.Source{Name: "fleet", Accepted: "abc", Status: state.Held, Problems: []string{"SIG_MISSING: x"}}
	app := state.Application{Name: "web", Revision: "abc", Status: state.Ready, Known: []string{"hf1:1"}, Changed: time.Unix(1, 0).UTC()}
	object := state.Object{ID: web, File: "web.yaml", Line: 3, Verdicts: map[string]int{"pass": 2}}
	first := open(t, dir)
	must(t, first.PutSource(ctx, source))
	must(t, first.PutApplication(ctx, app))
	must(t, first.PutObjects(ctx, "web", []state.Object{object}))
	must(t, first.PutRef(ctx, "fleet", "refs/tags/v1", "abc"))
	must(t, first.PutPin(ctx, "web", "def"))
	must(t, first.Close())

	second := open(t, dir)
	gotSource, err := second.Source(ctx, "fleet")
	must(t, err)
	gotApp, err := second.Application(ctx, "web")
	must(t, err)
	gotObjects, err := second.Objects(ctx, "web")
	must(t, err)
	stored, err := json.Marshal([]any{source, app, []state.Object{object}})
	must(t, err)
	read, err := json.Marshal([]any{gotSource, gotApp, gotObjects})
	must(t, err)
	if diff := cmp.Diff(string(stored), string(read)); diff != "" {
		t.Errorf("(-stored +read)\n%s", diff)
	}
	ref, err := second.Ref(ctx, "fleet", "refs/tags/v1")
	must(t, err)
	pin, err := second.Pin(ctx, "web")
	must(t, err)
	if ref != "abc" || pin != "def" {
		t.Errorf("ref %q, pin %q", ref, pin)
	}
}

func TestAbsence(t *testing.T) {
	ctx, s := context.Background(), open(t, t.TempDir())
	if _, err := s.Application(ctx, "none"); !errors.Is(err, state.ErrNone) {
		t.Errorf("Application gave %v, want ErrNone", err)
	}
	if _, err := s.Source(ctx, "none"); !errors.Is(err, state.ErrNone) {
		t.Errorf("Source gave %v, want ErrNone", err)
	}
	if ref, err := s.Ref(ctx, "none", "x"); ref != "" || err != nil {
		t.Errorf("Ref gave %q, %v", ref, err)
	}
	if _, err := state.OpenReadOnly(t.TempDir()); err == nil {
		t.Error("a directory without a database opened")
	}
}

func TestDriftOpensOnceAndCloses(t *testing.T) {
	ctx, s := context.Background(), open(t, t.TempDir())
	seen := state.Drift{Application: "web", Drift: drift.Drift{Kind: drift.Changed, Object: web}}
	first, err := s.OpenDrift(ctx, seen)
	must(t, err)
	seen.Note = "again"
	second, err := s.OpenDrift(ctx, seen)
	must(t, err)
	if first != second {
		t.Errorf("one object has two open drifts: %d, %d", first, second)
	}
	must(t, s.CloseDrift(ctx, "web", web.Key(), "healed", time.Unix(5, 0).UTC()))
	must(t, s.CloseDrift(ctx, "web", web.Key(), "twice is no error", time.Unix(6, 0).UTC()))
	open, err := s.Drifts(ctx, false)
	must(t, err)
	all, err := s.Drifts(ctx, true)
	must(t, err)
	if len(open) != 0 || len(all) != 1 || all[0].Note != "healed" {
		t.Errorf("open: %+v, all: %+v", open, all)
	}
	third, err := s.OpenDrift(ctx, seen)
	must(t, err)
	if third == first {
		t.Error("a drift after a heal is not a new one")
	}
}

func TestRequestsAreTakenOnceInOrder(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	loop, command := open(t, dir), open(t, dir) // as two processes have it
	for _, name := range []string{"a", "b", "c"} {
		must(t, command.Ask(ctx, state.Request{Kind: "rollback", Application: name}))
	}
	got, err := loop.Requests(ctx)
	must(t, err)
	if len(got) != 3 || got[0].Application != "a" || got[2].Application != "c" {
		t.Errorf("got %+v", got)
	}
	if again, err := loop.Requests(ctx); err != nil || len(again) != 0 {
		t.Errorf("requests were given twice: %+v, %v", again, err)
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	open(t, dir)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "holdfast.db"): 0o600} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode().Perm(), want)
		}
	}
}
