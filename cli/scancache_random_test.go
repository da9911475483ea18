//go:build linux

package cli_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScanAfterAnyEdits makes edits at random, of any kind and several at a time.
// After each of them, a scan must tell what one without a cache tells, and one more
// time, and of a part of the tree too.
func TestScanAfterAnyEdits(t *testing.T) {
	dir := cachedTree(t)
	cache := t.TempDir()
	t.Setenv("HOLDFAST_CACHE", cache)
	random := rand.New(rand.NewPCG(3, 10))
	const steps = 12
	var done []string
	put(t, filepath.Join(dir, "pack", "p.yaml"), aPolicy("ACME-001"))
	for range steps {
		for range 1 + random.IntN(2) {
			done = append(done, editAtRandom(t, random, dir))
		}
		if random.IntN(8) == 0 {
			breakEntries(filepath.Join(cache, "scans"))
			breakEntries(filepath.Join(cache, "renders"))
			done = append(done, "break the cache")
		}
		for _, part := range []string{".", "over", "chart"} {
			args := []string{"-o", "json", "--pack", "pack"}
			if _, err := os.Stat(part); err != nil {
				continue
			}
			want := scanOf(t, append(args, "--no-cache", part)...)
			for range 2 {
				if got := scanOf(t, append(args, part)...); got != want {
					t.Fatalf("scan of %s after\n  %s\ngot\n%s\nwant\n%s", part, strings.Join(done, "\n  "), got.out, want.out)
				}
			}
		}
	}
}

// editAtRandom makes an edit, and says which.
func editAtRandom(t *testing.T, random *rand.Rand, dir string) string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == ".git" || e.Name() == "pack"):
			return fs.SkipDir
		case !e.IsDir():
			files = append(files, name)
		}
		return nil
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	name, other := files[random.IntN(len(files))], files[random.IntN(len(files))]
	content, _ := os.ReadFile(name)
	info, err := os.Lstat(name)
	if err != nil {
		t.Fatal(err)
	}
	short := strings.TrimPrefix(name, dir+"/")
	swap := func() string {
		for _, pair := range [][2]string{{"nginx", "httpd"}, {"httpd", "nginx"}, {"false", "true "}, {"true ", "false"}, {"1000", "root"}, {"root", "1000"}, {"main", "dev1"}} {
			if strings.Contains(string(content), pair[0]) {
				return strings.Replace(string(content), pair[0], pair[1], 1)
			}
		}
		return strings.ToUpper(string(content))
	}
	switch kind := random.IntN(10); kind {
	case 0:
		return fmt.Sprintf("write %s again: %v", short, os.WriteFile(name, content, 0o644))
	case 1, 2:
		return fmt.Sprintf("change %s: %v", short, os.WriteFile(name, []byte(swap()), 0o644))
	case 3:
		err := os.WriteFile(name, []byte(swap()), 0o644)
		return fmt.Sprintf("change %s with its size and time: %v", short, errors.Join(err, os.Chtimes(name, info.ModTime(), info.ModTime())))
	case 4:
		to := filepath.Join(filepath.Dir(other), fmt.Sprintf("n%d%s", random.IntN(100), filepath.Ext(name)))
		return fmt.Sprintf("rename %s to %s: %v", short, to, os.Rename(name, to))
	case 5:
		to := filepath.Join(filepath.Dir(other), fmt.Sprintf("c%d.yaml", random.IntN(100)))
		return fmt.Sprintf("copy %s to %s: %v", short, to, os.WriteFile(to, content, 0o644))
	case 6:
		to := filepath.Join(filepath.Dir(other), fmt.Sprintf("l%d.yaml", random.IntN(100)))
		target, err := filepath.Rel(filepath.Dir(to), name)
		return fmt.Sprintf("link %s to %s: %v", to, target, errors.Join(err, os.Symlink(target, to)))
	case 7:
		if len(files) < 10 {
			return "nothing"
		}
		return fmt.Sprintf("remove %s: %v", short, os.Remove(name))
	case 8:
		return fmt.Sprintf("swap %s and %s: %v", short, other, errors.Join(os.Rename(name, name+"~"), os.Rename(other, name), os.Rename(name+"~", other)))
	default:
		return fmt.Sprintf("chmod %s: %v", short, os.Chmod(name, info.Mode().Perm()^0o100))
	}
}

// scanOf scans what may not be judged as a whole.
func scanOf(t *testing.T, args ...string) written {
	t.Helper()
	out, errs, code := call(t, append([]string{"scan"}, args...)...)
	return written{elapsed.ReplaceAllString(out+errs, " in TIME"), code}
}
