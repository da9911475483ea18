package source_test

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/source/sourcetest"
)

func TestDisk(t *testing.T) {
	sourcetest.Run(t, sourcetest.Features{Modes: true, Limit: true}, disk)
}

func TestMemory(t *testing.T) {
	sourcetest.Run(t, sourcetest.Features{}, func(_ *testing.T, files []sourcetest.File) source.Tree {
		return source.Memory(contents(files))
	})
}

func TestOverlay(t *testing.T) {
	t.Run("all in the overlay", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Features{}, func(_ *testing.T, files []sourcetest.File) source.Tree {
			over := map[string][]byte{"was/here": nil}
			for _, f := range files {
				over[f.Path] = []byte(f.Content)
			}
			return source.Overlay(source.Memory(map[string]string{}), over)
		})
	})
	t.Run("all in the base", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Features{Modes: true, Limit: true}, func(t *testing.T, files []sourcetest.File) source.Tree {
			return source.Overlay(disk(t, files), nil)
		})
	})
	t.Run("both", func(t *testing.T) {
		sourcetest.Run(t, sourcetest.Features{Modes: true}, func(t *testing.T, files []sourcetest.File) source.Tree {
			over, base := map[string][]byte{}, []sourcetest.File{}
			for i, f := range files {
				switch {
				case f.Mode == source.ModeFile && i%2 == 0:
					over[f.Path] = []byte(f.Content)
				case f.Mode == source.ModeFile:
					over[f.Path] = []byte(f.Content)
					f.Content = "old"
					base = append(base, f)
				default:
					base = append(base, f)
				}
			}
			return source.Overlay(disk(t, base), over)
		})
	})
}

func TestRecorder(t *testing.T) {
	sourcetest.Run(t, sourcetest.Features{Modes: true, Limit: true}, func(t *testing.T, files []sourcetest.File) source.Tree {
		return source.Record(disk(t, files))
	})
}

// disk writes the files, and beside them what must not be read.
func disk(t *testing.T, files []sourcetest.File) source.Tree {
	t.Helper()
	dir := t.TempDir()
	root := filepath.Join(dir, "root")
	write := func(p, content string, mode os.FileMode) {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "secret"), "secret", 0o644)
	write(filepath.Join(root, ".git", "config"), "secret", 0o644)
	for _, f := range files {
		p := filepath.Join(root, filepath.FromSlash(f.Path))
		switch f.Mode {
		case source.ModeSymlink:
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(f.Content, p); err != nil {
				t.Fatal(err)
			}
		case source.ModeExecutable:
			write(p, f.Content, 0o755)
		default:
			write(p, f.Content, 0o644)
		}
	}
	tree, err := source.Disk(root, source.DiskOptions{MaxFileSize: sourcetest.MaxFileSize})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func contents(files []sourcetest.File) map[string]string {
	m := map[string]string{}
	for _, f := range files {
		m[f.Path] = f.Content
	}
	return m
}

func TestDiskWithoutRoot(t *testing.T) {
	if _, err := source.Disk(filepath.Join(t.TempDir(), "absent"), source.DiskOptions{}); !source.IsNotExist(err) {
		t.Errorf("Disk of an absent directory: %v", err)
	}
}

func TestOverlayDeletesAndReplaces(t *testing.T) {
	base := disk(t, []sourcetest.File{
		{Path: "a", Content: "a"}, {Path: "dir/b", Content: "b"}, {Path: "dir/sub/c", Content: "c"},
		{Path: "link", Content: "a", Mode: source.ModeSymlink}, {Path: "x.sh", Content: "x", Mode: source.ModeExecutable},
		{Path: "kind", Content: "file"},
	})
	tree := source.Overlay(base, map[string][]byte{
		"link": []byte("through the link"), "dir/sub": nil, "x.sh": []byte("y"), "kind/below": []byte("now a directory"),
	})
	got, err := sourcetest.Describe(tree)
	if err != nil {
		t.Fatal(err)
	}
	want := `file a "through the link"
directory dir
file dir/b "b"
directory kind
file kind/below "now a directory"
symbolic link link
executable file x.sh "y"`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if _, err := tree.ReadFile("dir/sub/c"); !source.IsNotExist(err) {
		t.Errorf("a file below a deleted directory: %v", err)
	}
	if tree := source.Overlay(base, map[string][]byte{"link": nil}); true {
		if _, err := tree.Stat("link"); !source.IsNotExist(err) {
			t.Errorf("a deleted link: %v", err)
		}
		if _, err := tree.ReadFile("a"); err != nil {
			t.Errorf("the target of a deleted link: %v", err)
		}
	}
}

// TestDiskListsLargeDirectories holds that a directory is listed whole however often the
// system has to be asked.
func TestDiskListsLargeDirectories(t *testing.T) {
	var files []sourcetest.File
	want := map[string]source.Mode{}
	for i := range 500 {
		base := fmt.Sprintf("%03d%s", i, strings.Repeat("n", i%200))
		switch i % 4 {
		case 0:
			files = append(files, sourcetest.File{Path: path.Join("all", base, "below")})
			want[base] = source.ModeDir
		case 1:
			files = append(files, sourcetest.File{Path: path.Join("all", base), Content: "000", Mode: source.ModeSymlink})
			want[base] = source.ModeSymlink
		case 2:
			files = append(files, sourcetest.File{Path: path.Join("all", base), Mode: source.ModeExecutable})
			want[base] = source.ModeExecutable
		default:
			files = append(files, sourcetest.File{Path: path.Join("all", base)})
			want[base] = source.ModeFile
		}
	}
	entries, err := disk(t, files).ReadDir("all")
	if err != nil || len(entries) != len(want) {
		t.Fatalf("%d entries instead of %d: %v", len(entries), len(want), err)
	}
	for _, e := range entries {
		if mode, ok := want[e.Name]; !ok || e.Mode != mode || (e.Size == -1) != (mode == source.ModeDir) {
			t.Errorf("%q is a %s of %d bytes", e.Name, e.Mode, e.Size)
		}
	}
}

func TestDiskSpecialFilesAreNotRead(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /dev/null below a root")
	}
	tree, err := source.Disk("/dev", source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := tree.Stat("null"); err != nil || e.Mode != source.ModeOther {
		t.Errorf("Stat(null) = %v, %v", e, err)
	}
	if _, err := tree.ReadFile("null"); err == nil {
		t.Error("a device was read")
	}
}
