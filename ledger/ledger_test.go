package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/ledger"
)

func newLog(t *testing.T, records int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ledger")
	log := open(t, dir)
	for i := range records {
		r, err := log.Append(ledger.Record{Kind: ledger.Apply, Application: fmt.Sprintf("app-%d", i), Commit: strings.Repeat("a", 40)})
		if err != nil {
			t.Fatal(err)
		}
		if r.Index != int64(i) {
			t.Fatalf("record %d got the index %d", i, r.Index)
		}
	}
	closeLog(t, log)
	return dir
}

func open(t *testing.T, dir string) *ledger.Log {
	t.Helper()
	log, err := ledger.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func closeLog(t *testing.T, log *ledger.Log) {
	t.Helper()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path string, change func(lines []string) []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(data), "\n"), "\n")
	if err := os.WriteFile(path, []byte(strings.Join(change(lines), "")), 0o600); err != nil {
		t.Fatal(err)
	}
}

func problems(t *testing.T, dir string, kept ledger.Kept) []string {
	t.Helper()
	report, err := ledger.Verify(dir, kept)
	if err != nil {
		t.Fatal(err)
	}
	return report.Problems
}

func TestIntactLogVerifies(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 7, 8, 100} {
		dir := newLog(t, n)
		report, err := ledger.Verify(dir, ledger.Kept{})
		if err != nil || len(report.Problems) > 0 || report.Records != int64(n) {
			t.Errorf("%d records: %+v, %v", n, report, err)
		}
	}
}

func TestTamperingIsFound(t *testing.T) {
	tests := []struct {
		reason, want string
		change       func(lines []string) []string
	}{
		{"a record that was changed is named", "record 3 ", func(l []string) []string {
			l[3] = strings.Replace(l[3], "app-3", "app-x", 1)
			return l
		}},
		{"white space counts as well", "record 0 ", func(l []string) []string {
			l[0] = strings.Replace(l[0], `{"index"`, `{ "index"`, 1)
			return l
		}},
		{"a record that was removed shifts the others", "record 6 stands in the place of record 5", func(l []string) []string {
			return append(l[:5:5], l[6:]...)
		}},
		{"two that changed places are seen", "record 7 stands in the place of record 6", func(l []string) []string {
			l[6], l[7] = l[7], l[6]
			return l
		}},
		{"a truncated log is shorter than its checkpoint", "records were removed", func(l []string) []string {
			return l[:8]
		}},
		{"a record that was put in is out of order", "record 4 stands in the place of record 5", func(l []string) []string {
			return append(l[:5:5], l[4:]...)
		}},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			dir := newLog(t, 10)
			edit(t, filepath.Join(dir, "entries.jsonl"), test.change)
			got := strings.Join(problems(t, dir, ledger.Kept{}), "\n")
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q, want it to say %q", got, test.want)
			}
		})
	}
}

func TestEveryByteCounts(t *testing.T) {
	dir := newLog(t, 3)
	path := filepath.Join(dir, "entries.jsonl")
	intact, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range intact {
		changed := bytes.Clone(intact)
		changed[i] ^= 1
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if len(problems(t, dir, ledger.Kept{})) == 0 {
			t.Fatalf("flipping a bit of byte %d was not found", i)
		}
	}
}

func TestForgedHashesDoNotHelp(t *testing.T) {
	dir, other := newLog(t, 10), newLog(t, 10)
	for _, name := range []string{"entries.jsonl", "hashes"} {
		data, err := os.ReadFile(filepath.Join(other, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := problems(t, dir, ledger.Kept{}); len(got) == 0 {
		t.Error("another log's records and hashes verified under this log's checkpoint")
	}
	if _, err := ledger.Open(dir); !errors.Is(err, ledger.ErrTampered) {
		t.Errorf("Open gave %v, want ErrTampered", err)
	}
}

func TestRewrittenHistoryIsConvictedByAKeptCheckpoint(t *testing.T) {
	dir := newLog(t, 5)
	kept, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	log := open(t, dir)
	if _, err := log.Append(ledger.Record{Kind: ledger.Drift}); err != nil {
		t.Fatal(err)
	}
	closeLog(t, log)
	if got := problems(t, dir, ledger.Kept{Checkpoint: kept}); len(got) > 0 {
		t.Errorf("a log that grew does not verify: %q", got)
	}

	// The holder of the key starts over with the same key.
	for _, name := range []string{"entries.jsonl", "hashes", "checkpoint"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	key, err := os.ReadFile(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	fresh := t.TempDir()
	if err := os.WriteFile(filepath.Join(fresh, "key"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "key.pub"), filepath.Join(fresh, "key.pub")); err != nil {
		t.Fatal(err)
	}
	forged := open(t, fresh)
	for range 6 {
		if _, err := forged.Append(ledger.Record{Kind: ledger.Apply}); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, forged)
	if got := problems(t, fresh, ledger.Kept{}); len(got) > 0 {
		t.Errorf("the forged log should be consistent in itself: %q", got)
	}
	if got := problems(t, fresh, ledger.Kept{Checkpoint: kept}); len(got) == 0 {
		t.Error("the kept checkpoint did not convict the forged log")
	}
}

func TestCrashLeavesOnlyAcknowledgedRecords(t *testing.T) {
	tails := map[string]string{
		"half a line":              `{"index":5,"ti`,
		"a line without its proof": `{"index":5,"time":"2026-01-02T03:04:05Z","kind":"apply"}` + "\n",
	}
	for reason, tail := range tails {
		t.Run(reason, func(t *testing.T) {
			dir := newLog(t, 5)
			path := filepath.Join(dir, "entries.jsonl")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, append(data, tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			log := open(t, dir)
			r, err := log.Append(ledger.Record{Kind: ledger.Health, Outcome: "healthy"})
			if err != nil || r.Index != 5 {
				t.Fatalf("Append after the crash gave index %d, %v", r.Index, err)
			}
			closeLog(t, log)
			if got := problems(t, dir, ledger.Kept{}); len(got) > 0 {
				t.Errorf("after recovery: %q", got)
			}
			aside, err := os.ReadFile(filepath.Join(dir, "unacknowledged.jsonl"))
			if err != nil || !strings.HasPrefix(string(aside), tail) {
				t.Errorf("what was dropped is not kept aside: %q, %v", aside, err)
			}
		})
	}
}

func TestRemovedFilesAreFound(t *testing.T) {
	for _, name := range []string{"checkpoint", "key.pub"} {
		dir := newLog(t, 3)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if len(problems(t, dir, ledger.Kept{})) == 0 {
			t.Errorf("a log without its %s verified", name)
		}
	}
}

func TestOneWriter(t *testing.T) {
	dir := newLog(t, 1)
	log := open(t, dir)
	defer closeLog(t, log)
	if _, err := ledger.Open(dir); !errors.Is(err, ledger.ErrLocked) {
		t.Errorf("a second writer got %v, want ErrLocked", err)
	}
	count := 0
	if err := ledger.Read(dir, func(ledger.Record) error { count++; return nil }); err != nil || count != 1 {
		t.Errorf("a reader beside the writer saw %d records, %v", count, err)
	}
}

func TestKeyIsPrivate(t *testing.T) {
	dir := newLog(t, 1)
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the signing key has mode %v", info.Mode().Perm())
	}
	if err := os.Remove(filepath.Join(dir, "key")); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Open(dir); err == nil || !strings.Contains(err.Error(), "signing key") {
		t.Errorf("a log without its key opened: %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	log, err := ledger.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := log.Append(ledger.Record{Kind: ledger.Apply, Application: "web"}); err != nil {
			b.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		b.Fatal(err)
	}
}
