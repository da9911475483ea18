//go:build linux

package cache

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// example returns a directory with a file, and an entry that hangs on it: the file
// was read, another looked for, and the directory listed.
func example(t testing.TB, outputs ...[]byte) (dir string, e *Entry) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := source.NewSeen()
	tree, err := source.Disk(dir, source.DiskOptions{Seen: seen})
	if err != nil {
		t.Fatal(err)
	}
	_, err = tree.ReadFile("a")
	_, list := tree.ReadDir(".")
	_, absent := tree.Stat("b/c")
	facts, complete := seen.Facts()
	if err != nil || list != nil || !source.IsNotExist(absent) || !complete {
		t.Fatalf("%v, %v, %v, complete %t", err, list, absent, complete)
	}
	return dir, &Entry{Facts: Facts{dir: facts}, Stamps: Stamps{}, Answer: &Answer{Outputs: outputs, Code: 1}}
}

var later = time.Hour // so that all stamps are old

// TestAnswersHoldAsLongAsTheirFacts keeps an answer when its files are as young as
// can be, and when they are old: contents are compared, or stamps. Either way it
// must hold exactly as long as a reader would see the same.
func TestAnswersHoldAsLongAsTheirFacts(t *testing.T) {
	for _, test := range []struct {
		name  string
		edit  func(dir string) error
		holds bool
	}{
		{"nothing", func(string) error { return nil }, true},
		{"the file is written again", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a"), []byte("text"), 0o600) }, true},
		{"the file is another one with the same content", func(dir string) error {
			return errors.Join(os.Remove(filepath.Join(dir, "a")), os.WriteFile(filepath.Join(dir, "a"), []byte("text"), 0o600))
		}, true},
		{"its times are others", func(dir string) error { return os.Chtimes(filepath.Join(dir, "a"), time.Now(), time.Unix(1, 0)) }, true},
		{"another content of the same size and time", func(dir string) error {
			name := filepath.Join(dir, "a")
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			return errors.Join(os.WriteFile(name, []byte("tex2"), 0o600), os.Chtimes(name, info.ModTime(), info.ModTime()))
		}, false},
		{"it can be run", func(dir string) error { return os.Chmod(filepath.Join(dir, "a"), 0o700) }, false},
		{"it is gone", func(dir string) error { return os.Remove(filepath.Join(dir, "a")) }, false},
		{"it is a link", func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "a"), filepath.Join(dir, ".git")), os.Symlink(".git", filepath.Join(dir, "a")))
		}, false},
		{"a new file", func(dir string) error { return os.WriteFile(filepath.Join(dir, "z"), nil, 0o600) }, false},
		{"what was looked for", func(dir string) error { return os.Mkdir(filepath.Join(dir, "b"), 0o700) }, false},
		{"a repository, which no tree shows", func(dir string) error { return os.Mkdir(filepath.Join(dir, ".git"), 0o700) }, true},
	} {
		for _, start := range []time.Time{time.Now().Add(-later), time.Now().Add(later)} {
			want := [][]byte{[]byte("text"), {}, []byte("\x00\xff")}
			dir, e := example(t, want...)
			c := Cache{Dir: filepath.Join(t.TempDir(), "new", "cache")}
			if err := c.Save(Key("k"), start, e); err != nil {
				t.Fatal(err)
			}
			if err := test.edit(dir); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the first time renews what has another stamp
				got, ok := c.Load(Key("k"), start)
				if ok != test.holds || ok && (got.Code != 1 || !slices.EqualFunc(got.Outputs, want, bytes.Equal)) {
					t.Errorf("%s, of old files %t: the answer holds %t: %v", test.name, start.After(time.Now()), ok, got)
				}
			}
			if _, ok := c.Load(Key("k", ""), start); ok {
				t.Error("another question has the same answer")
			}
		}
	}
}

// TestStamps are for files of which nobody knows what was read.
func TestStamps(t *testing.T) {
	name := filepath.Join(t.TempDir(), "HEAD")
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	stamper, err := source.NewStamper("")
	if err != nil {
		t.Fatal(err)
	}
	stamp, err := stamper.Stamp(name)
	none, err2 := stamper.Stamp(name + "2")
	if err := errors.Join(err, err2); err != nil || stamp == source.Absent || none != source.Absent {
		t.Fatalf("%v, %v: %v", stamp, none, err)
	}
	c := Cache{Dir: t.TempDir()}
	e := &Entry{Stamps: Stamps{name: stamp, name + "2": none}, Answer: &Answer{}}
	load := func(start time.Time) bool {
		if err := c.Save("k", start, e); err != nil {
			t.Fatal(err)
		}
		_, ok := c.Load("k", start)
		return ok
	}
	if load(time.Now().Add(-later)) {
		t.Error("an answer is kept of a file in which another change might not show")
	}
	if !load(time.Now().Add(later)) {
		t.Error("no answer is kept")
	}
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load("k", time.Now()); ok {
		t.Error("the file was written, and the answer holds")
	}
}

// TestOthers has directories that somebody else can write into.
func TestOthers(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"mine": 0o700, "read": 0o755, "all": 0o777, "group": 0o770} {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.Mkdir(full, 0o700), os.Chmod(full, mode)); err != nil {
			t.Fatal(err)
		}
		if got, want := Open(full).Dir != "", mode&0o022 == 0; got != want {
			t.Errorf("%s is used: %t, want %t", name, got, want)
		}
	}
	if err := os.Symlink("mine", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if Open(filepath.Join(dir, "link")).Dir != "" {
		t.Error("a link is followed")
	}
	if Open(filepath.Join(dir, "absent")).Dir == "" {
		t.Error("none is made")
	}
}

func TestBrokenEntriesAreNone(t *testing.T) {
	_, e := example(t, []byte("text"))
	c := Cache{Dir: t.TempDir()}
	if err := c.Save(Key("k"), time.Now().Add(later), e); err != nil {
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
			if _, ok := c.Load(Key("k"), time.Now()); ok {
				t.Fatalf("an entry is used that is broken at byte %d of %d", n, len(whole))
			}
		}
	}
}

func TestOldEntriesGo(t *testing.T) {
	_, big := example(t, make([]byte, mostEntry-1<<16))
	c := Cache{Dir: t.TempDir()}
	if err := os.WriteFile(c.path("new-of-a-scan-that-was-killed"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, key := range []string{"new-of-a-scan-that-was-killed", "a", "b", "c", "d", "e", "f"} {
		if i > 0 {
			if err := c.Save(key, time.Now().Add(later), big); err != nil {
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
	_, e := example(t, make([]byte, 1<<20))
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
	if err := c.Save("k", time.Now().Add(later), e); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want that no space is left", err)
	}
	c.Put("k", make([]byte, 1<<20))
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind: %v", left, err)
	}
}

func FuzzDecode(f *testing.F) {
	_, e := example(f, []byte("text"))
	f.Add(encode(encodeFacts(e), e.Answer))
	f.Add([]byte("\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if facts, _, ok := decode(data); ok {
			settle(facts, time.Now())
		}
	})
}

// TestKilled kills a process that writes entries, again and again. What is found
// then must be whole, and go on working.
func TestKilled(t *testing.T) {
	c := Cache{Dir: os.Getenv("CACHE_TO_FILL")}
	e := &Entry{Stamps: Stamps{}, Answer: &Answer{Outputs: [][]byte{bytes.Repeat([]byte("text"), 1<<18)}}}
	if c.Dir != "" {
		for {
			_ = c.Save("k", time.Now(), e)
		}
	}
	c.Dir = filepath.Join(t.TempDir(), "cache")
	for range 20 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), "CACHE_TO_FILL="+c.Dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var before int
		all, _ := os.ReadDir(c.Dir)
		before = len(all)
		for len(all) == before || len(all) < 1 { // until it is about to write one more
			all, _ = os.ReadDir(c.Dir)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if got, ok := c.Load("k", time.Now()); ok && !bytes.Equal(got.Outputs[0], e.Answer.Outputs[0]) {
			t.Fatal("an answer is cut off")
		}
	}
	if err := c.Save("k", time.Now(), e); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Load("k", time.Now()); !ok {
		t.Error("nothing is kept any more")
	}
}
