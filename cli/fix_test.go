package cli

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/source"
)

// Files are replaced as a whole: they keep their mode, links stay links, and what
// somebody has changed meanwhile is left alone.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		full := filepath.Join(dir, name)
		if err := os.WriteFile(full, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return full
	}
	a, b := file("a.yaml", "a: 1\n", 0o640), file("b.yaml", "b: 1\n", 0o755)
	if err := os.Symlink("b.yaml", filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := write(tree, map[string][]byte{"a.yaml": []byte("a: 2\n"), "link.yaml": []byte("b: 2\n")}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		content string
		mode    os.FileMode
	}{a: {"a: 2\n", 0o640}, b: {"b: 2\n", 0o755}} {
		content, err := os.ReadFile(name)
		info, statErr := os.Lstat(name)
		if err := errors.Join(err, statErr); err != nil {
			t.Fatal(err)
		}
		if string(content) != want.content || info.Mode() != want.mode {
			t.Errorf("%s is %q with mode %v, want %q with %v", name, content, info.Mode(), want.content, want.mode)
		}
	}
	if info, err := os.Lstat(filepath.Join(dir, "link.yaml")); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
	if err := writeAtomically(a, []byte("a: 1\n"), []byte("a: 3\n")); !errors.Is(err, errChanged) {
		t.Errorf("err = %v, want errChanged", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("%d files are left, want 3: %v", len(left), err)
	}
}
