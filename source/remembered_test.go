package source_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/source/sourcetest"
)

func TestRemembered(t *testing.T) {
	all := sourcetest.Features{Modes: true, Limit: true}
	t.Run("asked for the first time", func(t *testing.T) {
		sourcetest.Run(t, all, func(t *testing.T, files []sourcetest.File) source.Tree {
			return source.Remembered(disk(t, files))
		})
	})
	t.Run("asked again", func(t *testing.T) {
		sourcetest.Run(t, all, func(t *testing.T, files []sourcetest.File) source.Tree {
			tree := source.Remembered(disk(t, files))
			_ = source.Walk(tree, ".", func(name string, e source.Entry) error {
				_, _ = tree.ReadFile(name) // links may lead nowhere
				_, _ = tree.Stat(name)
				return nil
			})
			return tree
		})
	})
}

// TestRememberedShowsTheSameInEveryStep holds that a scan does not find other files when
// it looks for secrets than it found when it looked for manifests.
func TestRememberedShowsTheSameInEveryStep(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(name, []byte("a: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	on, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	tree := source.Remembered(on)
	look := func() (entries []source.Entry, content []byte, e source.Entry) {
		t.Helper()
		entries, err := tree.ReadDir(".")
		if err != nil {
			t.Fatal(err)
		}
		if content, err = tree.ReadFile("a.yaml"); err != nil {
			t.Fatal(err)
		}
		if e, err = tree.Stat("a.yaml"); err != nil {
			t.Fatal(err)
		}
		return entries, content, e
	}
	entries, content, e := look()
	if err := os.WriteFile(name, []byte("a: 22222\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b.yaml"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	entries[0].Name = "changed by whoever asked"
	again, contentAgain, eAgain := look()
	if len(again) != 1 || again[0].Name != "a.yaml" || string(contentAgain) != "a: 1\n" || eAgain != e {
		t.Errorf("then %v, %q, %v", again, contentAgain, eAgain)
	}
	runtime.KeepAlive(content) // as long as it is kept, it is what everybody gets
}

// TestRememberedHandsOnWhatIsNotOfTheHeap holds that contents may be parts of the program,
// or of a file that is mapped.
func TestRememberedHandsOnWhatIsNotOfTheHeap(t *testing.T) {
	const text = "a: 1\n"
	tree := source.Remembered(fixed{source.Memory(map[string]string{"a.yaml": text}), text})
	for range 2 {
		if content, err := tree.ReadFile("a.yaml"); err != nil || string(content) != text {
			t.Errorf("got %q, %v", content, err)
		}
	}
}

// fixed is a tree whose files are all a text of the program.
type fixed struct {
	source.Tree
	text string
}

func (f fixed) ReadFile(string) ([]byte, error) {
	return unsafe.Slice(unsafe.StringData(f.text), len(f.text)), nil
}
