package worker_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/holdfast-dev/holdfast/render/worker"
	"github.com/holdfast-dev/holdfast/source"
)

// memory is a worker.Store.
type memory struct {
	mu    sync.Mutex
	files map[string][]byte
}

func newMemory() *memory { return &memory{files: map[string][]byte{}} }

func (m *memory) Get(name string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.files[name]
	return data, ok
}

func (m *memory) Put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = data
}

// chart reads what its request names, as charts do: a list, a file that may be
// missing, a link, and one file that it only looks at.
func chart(_ context.Context, tree source.Tree, request []byte) ([]byte, error) {
	dir := string(request)
	entries, err := tree.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, e := range entries {
		out.WriteString(e.Name + " ")
	}
	values, err := tree.ReadFile(dir + "/values.yaml")
	if err != nil && !source.IsNotExist(err) {
		return nil, err
	}
	out.Write(values)
	if _, err := tree.Stat("shared/lock"); err == nil {
		out.WriteString(" locked")
	}
	linked, err := tree.ReadFile(dir + "/linked")
	if err == nil {
		out.Write(linked)
	}
	if links, ok := tree.(source.Linker); ok {
		target, _ := links.Readlink(dir + "/linked")
		out.WriteString(target)
	}
	if bytes.Contains(values, []byte("broken")) {
		return nil, errors.New("the values are broken")
	}
	return out.Bytes(), nil
}

// counted counts how often a job really runs.
type counted struct {
	worker.Runner
	runs int
}

func (c *counted) Run(ctx context.Context, job string, tree source.Tree, request []byte) ([]byte, error) {
	c.runs++
	return c.Runner.Run(ctx, job, tree, request)
}

func newCounted() *counted {
	return &counted{Runner: worker.InProcess(worker.Jobs{"chart": chart, "other": chart})}
}

// TestCached changes a tree step by step. After each one the answer must be that
// of a run without a cache, and the job must run only where it has to.
func TestCached(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "tree")
	put := func(name, content string) func() error {
		return func() error {
			full := filepath.Join(root, name)
			return errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, []byte(content), 0o600))
		}
	}
	remove := func(name string) func() error {
		return func() error { return os.RemoveAll(filepath.Join(root, name)) }
	}
	nothing := func() error { return nil }
	if err := errors.Join(put("app/values.yaml", "a: 1")(), put("other/x", "x")()); err != nil {
		t.Fatal(err)
	}
	store := newMemory()
	for _, step := range []struct {
		name   string
		do     func() error
		job    string
		reruns bool
	}{
		{"the first time", nothing, "chart", true},
		{"again", nothing, "chart", false},
		{"another job of the same request", nothing, "other", true},
		{"a file that it did not read", put("other/x", "y"), "chart", false},
		{"a value, of the same size", put("app/values.yaml", "a: 2"), "chart", true},
		{"the value of before: it is kept too", put("app/values.yaml", "a: 1"), "chart", false},
		{"a new name in a list", put("app/new", ""), "chart", true},
		{"its content, which is not read", put("app/new", "more"), "chart", false},
		{"a file that was looked for appears", put("shared/lock", ""), "chart", true},
		{"its content, which was only looked at", put("shared/lock", "x"), "chart", false},
		{"it is gone", remove("shared"), "chart", false},
		{"a link", func() error { return os.Symlink("../other/x", filepath.Join(root, "app/linked")) }, "chart", true},
		{"what the link leads to", put("other/x", "z"), "chart", true},
		{"another link to the same content", func() error {
			link := filepath.Join(root, "app/linked")
			return errors.Join(put("other/w", "z")(), os.Remove(link), os.Symlink("../other/w", link))
		}, "chart", true},
		{"a file that was read goes", remove("app/values.yaml"), "chart", true},
		{"nothing since", nothing, "chart", false},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		tree, err := source.Disk(root, source.DiskOptions{})
		if err != nil {
			t.Fatal(err)
		}
		run := newCounted()
		got, err := worker.Cached(run, store, "v1").Run(t.Context(), step.job, tree, []byte("app"))
		if err != nil {
			t.Fatal(err)
		}
		want, err := newCounted().Run(t.Context(), step.job, tree, []byte("app"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) || (run.runs == 1) != step.reruns {
			t.Errorf("%s: got %q after %d runs, want %q, a run %t", step.name, got, run.runs, want, step.reruns)
		}
		if run := newCounted(); step.name == "again" {
			if _, err := worker.Cached(run, store, "v2").Run(t.Context(), step.job, tree, []byte("app")); err != nil || run.runs != 1 {
				t.Errorf("another program: %d runs, %v", run.runs, err)
			}
		}
	}
}

// A failure may have been bad luck.
func TestCachedKeepsNoFailures(t *testing.T) {
	tree, store, run := source.Memory(map[string]string{"app/values.yaml": "broken"}), newMemory(), newCounted()
	for range 2 {
		if _, err := worker.Cached(run, store, "v1").Run(t.Context(), "chart", tree, []byte("app")); err == nil {
			t.Fatal("there is no error")
		}
	}
	if run.runs != 2 || len(store.files) != 0 {
		t.Errorf("%d runs, %d entries", run.runs, len(store.files))
	}
}

// Damage of any kind costs a run, and no more.
func TestCachedDamage(t *testing.T) {
	const secret = "hunter2-is-a-password"
	tree := source.Memory(map[string]string{"app/values.yaml": secret})
	good := newMemory()
	want, err := worker.Cached(newCounted(), good, "v1").Run(t.Context(), "chart", tree, []byte("app"))
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range good.files {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s: the entry shows what the file holds", name)
		}
		for i := range data {
			flipped := bytes.Clone(data)
			flipped[i] ^= 0x41
			for _, damaged := range [][]byte{data[:i], flipped} {
				store, run := newMemory(), newCounted()
				store.files[name] = damaged
				got, err := worker.Cached(run, store, "v1").Run(t.Context(), "chart", tree, []byte("app"))
				if err != nil || !bytes.Equal(got, want) || run.runs != 1 {
					t.Fatalf("damaged at %d: got %q, %v after %d runs", i, got, err, run.runs)
				}
			}
		}
	}
}

// An entry that was made of other files does not open.
func TestCachedForgery(t *testing.T) {
	harmless := source.Memory(map[string]string{"app/values.yaml": "harmless"})
	store := newMemory()
	if _, err := worker.Cached(newCounted(), store, "v1").Run(t.Context(), "chart", harmless, []byte("app")); err != nil {
		t.Fatal(err)
	}
	run := newCounted()
	other := source.Memory(map[string]string{"app/values.yaml": "something"})
	got, err := worker.Cached(run, store, "v1").Run(t.Context(), "chart", other, []byte("app"))
	if err != nil || run.runs != 1 || !bytes.Contains(got, []byte("something")) {
		t.Errorf("got %q after %d runs, %v", got, run.runs, err)
	}
}

func FuzzCached(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x02[]\x01x"))
	f.Add([]byte("\x02[]\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	tree := source.Memory(map[string]string{"app/values.yaml": "a: 1"})
	probe := newMemory()
	want, err := worker.Cached(newCounted(), probe, "v1").Run(f.Context(), "chart", tree, []byte("app"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		store := newMemory()
		for name := range probe.files {
			store.files[name] = data
		}
		got, err := worker.Cached(newCounted(), store, "v1").Run(t.Context(), "chart", tree, []byte("app"))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
	})
}
