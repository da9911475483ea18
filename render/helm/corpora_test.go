package helm_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/source"
)

// Charts of real repositories, where the environment names a directory of them.
func TestCorpora(t *testing.T) {
	dir := os.Getenv("HOLDFAST_CORPORA")
	if dir == "" {
		t.Skip("HOLDFAST_CORPORA is not set")
	}
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var dirs []string
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() == "Chart.yaml" {
			rel, _ := filepath.Rel(dir, filepath.Dir(name))
			dirs = append(dirs, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	exact, all := 0, 0
	for _, dir := range dirs {
		if _, err := inProcess().Render(t.Context(), tree, dir, render.Options{}); err != nil {
			t.Logf("%s: %v", dir, err)
			continue
		}
		result := rendertest.Run(t, inProcess(), tree, dir, render.Options{})
		e, n := rendertest.Exact(result)
		exact, all = exact+e, all+n
		t.Logf("%s: %d resources, %d of %d values located exactly", dir, len(result.Resources), e, n)
	}
	t.Logf("%d of %d values of %d charts are located exactly (%.1f %%)", exact, all, len(dirs), 100*float64(exact)/float64(max(all, 1)))
}
