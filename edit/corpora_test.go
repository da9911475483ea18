package edit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Every value of real manifests can be set, and every key but one or two can be
// removed; what is not done is refused with a reason.
func TestCorpora(t *testing.T) {
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		t.Skip("HOLDFAST_CORPORA is not set")
	}
	made, refused := 0, map[string]int{}
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(name) != ".yaml" {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil || len(content) > 20_000 {
			return err
		}
		file := source.NewFile(name, content)
		docs, err := resource.ParseYAML(file)
		if err != nil {
			return nil //nolint:nilerr // templates
		}
		for _, doc := range docs {
			for i, path := range paths(doc.Root, nil) {
				c := Change{Op: Remove, Path: path}
				if i%2 == 0 {
					c = Change{Op: Set, Path: path, Value: resource.NewText("other", source.Span{})}
				}
				_, err := Text(file, resource.YAML11, doc.Span.Start, c)
				if refusal, ok := errors.AsType[*Refusal](err); ok {
					refused[refusal.Reason]++
				} else if err != nil {
					t.Errorf("%s: %v of %s: %v", name, c.Op, path, err)
				}
				made++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d changes, refused: %v", made, refused)
	for reason, n := range refused {
		if !strings.Contains(reason, "comment") && n*1000 > made {
			t.Errorf("refused too often (%d of %d): %s", n, made, reason)
		}
	}
}

// paths returns some of the paths of a tree: every seventh.
func paths(v *resource.Value, at resource.Path) (all []resource.Path) {
	var walk func(v *resource.Value, at resource.Path)
	n := 0
	walk = func(v *resource.Value, at resource.Path) {
		if n++; len(at) > 0 && n%7 == 0 {
			all = append(all, at)
		}
		for _, f := range v.Fields {
			walk(f.Value, at.Append(resource.Key(f.Key)))
		}
		for i, item := range v.Items {
			walk(item, at.Append(resource.Index(i)))
		}
	}
	walk(v, at)
	return all
}
