package operator

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/ledger"
)

// kept is a ledger whose checkpoints two files keep.
func kept(t *testing.T) (*keeper, string, []string) {
	t.Helper()
	dir, elsewhere := t.TempDir(), t.TempDir()
	files := []string{filepath.Join(elsewhere, "a", "checkpoint"), filepath.Join(elsewhere, "b", "checkpoint")}
	return keeperOf(t, dir, files), dir, files
}

func keeperOf(t *testing.T, dir string, files []string) *keeper {
	t.Helper()
	log, err := ledger.Open(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = log.Close() })
	k := &keeper{ledger: log}
	for _, file := range files {
		k.places = append(k.places, filePlace(file))
	}
	return k
}

func (k *keeper) records(t *testing.T, n int) {
	t.Helper()
	for range n {
		if _, err := k.ledger.Append(ledger.Record{Kind: ledger.Accept, Source: "fleet"}); err != nil {
			t.Fatal(err)
		}
	}
}

func (k *keeper) expect(t *testing.T, why string, rolledBack bool) {
	t.Helper()
	err := k.keep(t.Context())
	var e *RollbackError
	if errors.As(err, &e) != rolledBack || !rolledBack && err != nil {
		t.Errorf("%s: %v", why, err)
	}
	if rolledBack && !errors.Is(err, ledger.ErrRolledBack) {
		t.Errorf("%s: %v is no rollback", why, err)
	}
}

func TestCheckpointsAreKept(t *testing.T) {
	k, _, files := kept(t)
	k.expect(t, "an empty ledger", false)
	k.records(t, 3)
	k.expect(t, "a ledger that grew", false)
	newest, err := k.ledger.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if have, err := os.ReadFile(file); err != nil || string(have) != string(newest) {
			t.Errorf("%s: %q, %v", file, have, err)
		}
	}
}

// TestF12LostStateIsSeen deletes the state directory, as an attacker does to have the
// first commit trusted again.
func TestF12LostStateIsSeen(t *testing.T) {
	k, _, files := kept(t)
	k.records(t, 2)
	k.expect(t, "before", false)
	anew := keeperOf(t, t.TempDir(), files)
	anew.records(t, 5)
	anew.expect(t, "a new ledger, even one with more records", true)
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	anew.expect(t, "a person has decided to begin anew", false)
}

// TestF11OlderCopyIsSeen restores an older copy of the ledger.
func TestF11OlderCopyIsSeen(t *testing.T) {
	k, dir, files := kept(t)
	k.records(t, 2)
	older := t.TempDir()
	if err := os.CopyFS(filepath.Join(older, "ledger"), os.DirFS(filepath.Join(dir, "ledger"))); err != nil {
		t.Fatal(err)
	}
	k.records(t, 2)
	k.expect(t, "the newer one", false)
	restored := keeperOf(t, older, files)
	restored.expect(t, "fewer records than were kept", true)
	restored.records(t, 3)
	restored.expect(t, "as many records, and others", true)
	if have, err := os.ReadFile(files[0]); err != nil || k.ledger.Follows(have) != nil {
		t.Errorf("what was kept is overwritten: %v", err)
	}
}

func TestOnePlaceIsEnough(t *testing.T) {
	k, _, files := kept(t)
	k.records(t, 2)
	k.expect(t, "before", false)
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	anew := keeperOf(t, t.TempDir(), files)
	anew.expect(t, "one copy was deleted with the state", true)
}

func TestPlaceThatDoesNotAnswer(t *testing.T) {
	k, _, files := kept(t)
	k.records(t, 1)
	down := errors.New("the cluster is down")
	k.places = append([]place{{
		name:  "cluster",
		read:  func(context.Context) ([]byte, error) { return nil, down },
		write: func(context.Context, []byte) error { return down },
	}}, k.places...)
	if err := k.keep(t.Context()); !errors.Is(err, down) {
		t.Errorf("it is not told: %v", err)
	}
	if _, err := os.Stat(files[1]); err != nil {
		t.Errorf("the others keep nothing: %v", err)
	}
	if err := os.WriteFile(files[1], []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	k.expect(t, "a copy that cannot be read is no reason to forget", true)
}
