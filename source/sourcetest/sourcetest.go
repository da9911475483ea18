// Package sourcetest holds the behaviour that every source.Tree must have, as
// tests. An implementation calls Run with a function that builds its tree.
package sourcetest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/source"
)

// MaxFileSize is the limit, in bytes, with which trees that have one are built.
const MaxFileSize = 1 << 16

// File is what a tree under test is built from. For a symbolic link, Content is
// its target.
type File struct {
	Path, Content string
	Mode          source.Mode // ModeFile, ModeExecutable or ModeSymlink
}

// Features says what a tree can hold beyond plain files.
type Features struct {
	Modes bool // executable files and symbolic links
	Limit bool // a largest file
}

// Run tests the trees that build makes. build is called several times.
func Run(t *testing.T, has Features, build func(t *testing.T, files []File) source.Tree) {
	plain := []File{
		{Path: "README.md", Content: "hello\n"},
		{Path: "apps/web/deploy.yaml", Content: "kind: Deployment\n"},
		{Path: "apps/web/empty.yaml"},
		{Path: "apps/web.yaml", Content: "a: 1\n"},
		{Path: "apps/über/ñ.yaml", Content: "b: 2\r\n\x00\xff"},
		{Path: "Apps-upper", Content: "x"},
		{Path: "z", Content: "last"},
	}
	t.Run("plain", func(t *testing.T) { testPlain(t, build(t, plain)) })
	t.Run("concurrent", func(t *testing.T) { testConcurrent(t, build(t, plain)) })
	t.Run("recorder", func(t *testing.T) { testRecorder(t, build(t, plain)) })
	t.Run("empty", func(t *testing.T) {
		tree := build(t, nil)
		if entries, err := tree.ReadDir("."); err != nil || len(entries) != 0 {
			t.Errorf("ReadDir(.) of an empty tree = %v, %v", entries, err)
		}
	})
	if has.Limit {
		t.Run("limit", func(t *testing.T) { testLimit(t, build) })
	}
	if has.Modes {
		t.Run("links", func(t *testing.T) { testLinks(t, build) })
	}
}

func testPlain(t *testing.T, tree source.Tree) {
	for name, want := range map[string]string{
		"README.md": "hello\n", "apps/web/empty.yaml": "", "apps/über/ñ.yaml": "b: 2\r\n\x00\xff",
	} {
		if got, err := tree.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("ReadFile(%q) = %q, %v; want %q", name, got, err, want)
		}
		e, err := tree.Stat(name)
		if err != nil || e.Mode != source.ModeFile || e.Name != name[strings.LastIndex(name, "/")+1:] {
			t.Errorf("Stat(%q) = %+v, %v", name, e, err)
		}
		if e.Size != -1 && e.Size != int64(len(want)) {
			t.Errorf("Stat(%q).Size = %d, want %d or -1", name, e.Size, len(want))
		}
	}
	if e, err := tree.Stat("apps"); err != nil || e.Mode != source.ModeDir || e.Name != "apps" {
		t.Errorf("Stat(apps) = %+v, %v", e, err)
	}
	if e, err := tree.Stat("."); err != nil || e.Mode != source.ModeDir {
		t.Errorf("Stat(.) = %+v, %v", e, err)
	}
	for dir, want := range map[string]string{
		".":        "Apps-upper README.md apps z",
		"apps":     "web web.yaml über", // by name, though Git sorts web/ after web.yaml
		"apps/web": "deploy.yaml empty.yaml",
	} {
		entries, err := tree.ReadDir(dir)
		if got := names(entries); err != nil || got != want {
			t.Errorf("ReadDir(%q) = %q, %v; want %q", dir, got, err, want)
		}
	}
	for _, name := range []string{"absent", "apps/absent", "absent/x", "README.md/x", "apps/we", "readme.md", ".git", ".git/config", "apps/.git"} {
		checkError(t, tree, name, "absent", source.IsNotExist)
	}
	for _, name := range []string{"", "/", "/etc/passwd", "../x", "apps/../z", "./z", "apps/", "apps//web", "a\x00b", `apps\web.yaml`, "\xff"} {
		checkError(t, tree, name, "unclean", func(err error) bool { return errors.Is(err, fs.ErrInvalid) })
	}
	isKind := func(err error) bool {
		_, ok := errors.AsType[*source.KindError](err)
		return ok && !source.IsNotExist(err)
	}
	if _, err := tree.ReadFile("apps"); !isKind(err) {
		t.Errorf("ReadFile of a directory: %v, want a KindError", err)
	}
	if _, err := tree.ReadDir("z"); !isKind(err) {
		t.Errorf("ReadDir of a file: %v, want a KindError", err)
	}
	var walked []string
	if err := source.Walk(tree, ".", func(p string, e source.Entry) error {
		if p == "apps/über" {
			return fs.SkipDir
		}
		walked = append(walked, p)
		return nil
	}); err != nil {
		t.Error(err)
	}
	want := []string{"Apps-upper", "README.md", "apps", "apps/web", "apps/web/deploy.yaml", "apps/web/empty.yaml", "apps/web.yaml", "z"}
	if diff := cmp.Diff(want, walked); diff != "" {
		t.Errorf("Walk (-want +got):\n%s", diff)
	}
}

func testConcurrent(t *testing.T, tree source.Tree) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if got, err := tree.ReadFile("apps/web.yaml"); err != nil || string(got) != "a: 1\n" {
					t.Errorf("ReadFile = %q, %v", got, err)
				}
				if _, err := tree.ReadFile("apps/absent"); !source.IsNotExist(err) {
					t.Errorf("ReadFile of an absent file: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func testRecorder(t *testing.T, tree source.Tree) {
	r := source.Record(tree)
	_, _ = r.ReadFile("README.md")
	_, _ = r.ReadFile("nowhere")
	_, _ = r.ReadDir("apps")
	deps := r.Deps()
	if len(deps) < 3 || !deps.Match(tree) || deps.Key() != source.Record(tree).Deps().Merge(deps).Key() {
		t.Errorf("deps %+v do not match the tree they are from", deps)
	}
	if !deps.Match(source.Overlay(tree, map[string][]byte{"z": []byte("new"), "README.md": []byte("hello\n")})) {
		t.Error("deps do not match a tree that differs elsewhere only")
	}
	for _, changed := range []string{"README.md", "nowhere", "apps/new"} {
		if deps.Match(source.Overlay(tree, map[string][]byte{changed: []byte("new")})) {
			t.Errorf("deps match a tree in which %s changed", changed)
		}
	}
}

func testLimit(t *testing.T, build func(*testing.T, []File) source.Tree) {
	fits := strings.Repeat("x", MaxFileSize)
	tree := build(t, []File{{Path: "fits", Content: fits}, {Path: "large", Content: fits + "x"}})
	if got, err := tree.ReadFile("fits"); err != nil || !bytes.Equal(got, []byte(fits)) {
		t.Errorf("ReadFile(fits): %d bytes, %v", len(got), err)
	}
	_, err := tree.ReadFile("large")
	want := source.TooLargeError{Path: "large", Size: MaxFileSize + 1, Limit: MaxFileSize}
	if large, ok := errors.AsType[*source.TooLargeError](err); !ok || *large != want {
		t.Errorf("ReadFile(large): %v, want %v", err, &want)
	}
	if got, err := tree.ReadFile("fits"); err != nil || len(got) != len(fits) {
		t.Errorf("ReadFile(fits) after a refusal: %d bytes, %v", len(got), err)
	}
}

func testLinks(t *testing.T, build func(*testing.T, []File) source.Tree) {
	link := func(p, target string) File { return File{Path: p, Content: target, Mode: source.ModeSymlink} }
	tree := build(t, []File{
		{Path: "real/file", Content: "content"},
		{Path: "run.sh", Content: "#!/bin/sh\n", Mode: source.ModeExecutable},
		link("to-file", "real/file"),
		link("to-dir", "real"),
		link("real/up", "../run.sh"),
		link("chain", "to-dir/up"),
		link("dotted", "./real/./../real//file"),
		link("to-root", "."),
		link("dangling", "real/nothing"),
		link("out", "../secret"),
		link("sly", "to-dir/../../secret"),
		link("absolute", "/etc/passwd"),
		link("loop-a", "loop-b"),
		link("loop-b", "loop-a"),
		link("self", "self/x"),
		link("git", ".git/config"),
	})
	for name, want := range map[string]string{
		"to-file": "content", "to-dir/file": "content", "chain": "#!/bin/sh\n", "dotted": "content", "to-root/to-root/real/file": "content",
	} {
		if got, err := tree.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("ReadFile(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
	for name, want := range map[string]source.Mode{
		"to-file": source.ModeSymlink, "out": source.ModeSymlink, "to-dir/up": source.ModeSymlink,
		"run.sh": source.ModeExecutable, "to-dir/file": source.ModeFile, "to-root/real": source.ModeDir,
	} {
		if e, err := tree.Stat(name); err != nil || e.Mode != want {
			t.Errorf("Stat(%q) = %v, %v; want %v", name, e.Mode, err, want)
		}
	}
	if entries, err := tree.ReadDir("to-dir"); err != nil || names(entries) != "file up" {
		t.Errorf("ReadDir(to-dir) = %q, %v", names(entries), err)
	}
	for _, name := range []string{"out", "sly", "absolute"} {
		for _, read := range []string{name, name + "/below"} {
			_, err := tree.ReadFile(read)
			if escape, ok := errors.AsType[*source.EscapeError](err); !ok || source.IsNotExist(err) {
				t.Errorf("ReadFile(%q): %v, want an EscapeError", read, err)
			} else if escape.Path != read {
				t.Errorf("ReadFile(%q): error is about %q", read, escape.Path)
			}
		}
	}
	for _, name := range []string{"loop-a", "loop-b", "self"} {
		_, err := tree.ReadFile(name)
		if _, ok := errors.AsType[*source.LinkLoopError](err); !ok {
			t.Errorf("ReadFile(%q): %v, want a LinkLoopError", name, err)
		}
	}
	for _, name := range []string{"dangling", "git"} {
		if _, err := tree.ReadFile(name); !source.IsNotExist(err) {
			t.Errorf("ReadFile(%q): %v, want absence", name, err)
		}
	}
	linker, ok := tree.(source.Linker)
	if !ok {
		t.Fatal("a tree with symbolic links must be a Linker")
	}
	if got, err := linker.Readlink("to-dir/up"); err != nil || got != "../run.sh" {
		t.Errorf("Readlink(to-dir/up) = %q, %v", got, err)
	}
	if _, err := linker.Readlink("run.sh"); err == nil {
		t.Error("Readlink of a file gives no error")
	}
	r := source.Record(tree)
	for _, name := range []string{"to-file", "out", "loop-a", "dangling", "to-dir"} {
		_, _ = r.ReadFile(name)
		_, _ = r.ReadDir(name)
		_, _ = r.Stat(name)
		_, _ = r.Readlink(name)
	}
	if deps := r.Deps(); !deps.Match(tree) {
		t.Errorf("deps %v do not match the tree they are from", deps)
	}
}

func checkError(t *testing.T, tree source.Tree, name, what string, ok func(error) bool) {
	t.Helper()
	_, statErr := tree.Stat(name)
	_, readErr := tree.ReadFile(name)
	_, listErr := tree.ReadDir(name)
	for op, err := range map[string]error{"Stat": statErr, "ReadFile": readErr, "ReadDir": listErr} {
		if !ok(err) {
			t.Errorf("%s(%q): %v; want the error of an %s path", op, name, err, what)
		}
	}
}

func names(entries []source.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

// Describe lists everything below a tree's root as mode, path and content, for
// comparison of trees in tests.
func Describe(tree source.Tree) ([]string, error) {
	var all []string
	err := source.Walk(tree, ".", func(p string, e source.Entry) error {
		line := fmt.Sprintf("%s %s", e.Mode, p)
		if e.Mode.Regular() {
			content, err := tree.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %q", content)
		}
		all = append(all, line)
		return nil
	})
	return all, err
}
