//go:build linux

package cache

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// example returns a directory with a file, and what is known of it.
func example(t testing.TB) (dir string, facts Facts) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	stamps, err := source.Stamps(dir, []string{"a", "b"})
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system has no stamps")
	}
	if err != nil || stamps[0] == source.Absent || stamps[1] != source.Absent {
		t.Fatalf("%v, %v", stamps, err)
	}
	return dir, Facts{dir: {"a": stamps[0], "b": stamps[1]}}
}

var later = time.Hour // so that all stamps are old

func TestAnswersHoldAsLongAsTheirFacts(t *testing.T) {
	dir, facts := example(t)
	c := Cache{Dir: filepath.Join(t.TempDir(), "new", "cache")}
	want := &Answer{Outputs: [][]byte{[]byte("text"), {}, []byte("\x00\xff")}, Code: 1}
	if err := c.Save(Key("k"), time.Now(), facts, want); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load(Key("k")); ok {
		t.Error("an answer is kept of a file that has just changed")
	}
	save := func() {
		if err := c.Save(Key("k"), time.Now().Add(later), facts, want); err != nil {
			t.Fatal(err)
		}
	}
	save()
	if got, ok := c.Load(Key("k")); !ok || got.Code != 1 || !reflect.DeepEqual(got.Outputs, want.Outputs) {
		t.Errorf("got %v, %v", got, ok)
	}
	if _, ok := c.Load(Key("k", "")); ok {
		t.Error("another question has the same answer")
	}
	if err := os.WriteFile(filepath.Join(dir, "b"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load(Key("k")); ok {
		t.Error("a file is there that was not, and the answer holds")
	}
	if err := os.Remove(filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load(Key("k")); !ok {
		t.Error("all is as it was, and the answer does not hold")
	}
	if err := os.Chmod(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load(Key("k")); ok {
		t.Error("a file can be run now, and the answer holds")
	}
}

func TestBrokenEntriesAreNone(t *testing.T) {
	_, facts := example(t)
	c := Cache{Dir: t.TempDir()}
	if err := c.Save(Key("k"), time.Now().Add(later), facts, &Answer{Outputs: [][]byte{[]byte("text")}}); err != nil {
		t.Fatal(err)
	}
	name := c.path(Key("k"))
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the mode is %v: %v", info.Mode(), err)
	}
	for n := range whole {
		flipped := append([]byte{}, whole...)
		flipped[n] ^= 1
		for _, broken := range [][]byte{whole[:n], flipped} {
			if err := os.WriteFile(name, broken, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, ok := c.Load(Key("k")); ok {
				t.Fatalf("an entry is used that is broken at byte %d of %d", n, len(whole))
			}
		}
	}
}

func TestOldEntriesGo(t *testing.T) {
	_, facts := example(t)
	c := Cache{Dir: t.TempDir()}
	big := &Answer{Outputs: [][]byte{make([]byte, mostEntry-1<<16)}}
	if err := os.WriteFile(c.path("new-of-a-scan-that-was-killed"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"new-of-a-scan-that-was-killed", "a", "b", "c", "d", "e", "f"} {
		if i > 0 {
			if err := c.Save(key, time.Now().Add(later), facts, big); err != nil {
				t.Fatal(err)
			}
		}
		old := time.Now().Add(time.Duration(i-100) * time.Minute)
		if err := os.Chtimes(c.path(key), old, old); err != nil {
			t.Fatal(err)
		}
	}
	left, err := os.ReadDir(c.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if want := []string{"c", "d", "e", "f"}; !reflect.DeepEqual(names, want) {
		t.Errorf("left are %v, want %v", names, want)
	}
}

// TestFullDisk keeps an answer where there is no room for it.
func TestFullDisk(t *testing.T) {
	_, facts := example(t)
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=8k"); err != nil {
		t.Skipf("no file system can be made here: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	}()
	c := Cache{Dir: dir}
	if err := c.Save("k", time.Now().Add(later), facts, &Answer{Outputs: [][]byte{make([]byte, 1<<20)}}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want that no space is left", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind: %v", left, err)
	}
}

func FuzzDecode(f *testing.F) {
	_, facts := example(f)
	f.Add(encode(facts, &Answer{Outputs: [][]byte{[]byte("text")}, Code: 1}))
	f.Add([]byte("\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(_ *testing.T, data []byte) { decode(data) })
}
