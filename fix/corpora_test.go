package fix_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/edit"
	"github.com/holdfast-dev/holdfast/source"
)

// Real repositories are fixed as far as it goes: a second time changes nothing, no
// other findings come up, comments in lines of their own stay, and of the lines that
// there were only those go that say something else afterwards.
func TestCorpora(t *testing.T) {
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		t.Skip("HOLDFAST_CORPORA is not set")
	}
	for _, name := range []string{"argocd-example-apps", "flux2-kustomize-helm-example", "kube-prometheus", "kubernetes-goat", "kustomizegoat"} {
		t.Run(name, func(t *testing.T) {
			tree, err := source.Disk(filepath.Join(root, name), source.DiskOptions{})
			if err != nil {
				t.Fatal(err)
			}
			r := runner(t)
			out, err := r.Run(context.Background(), tree)
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for path, after := range out.Files {
				before, err := tree.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range edit.Lines(before, after) {
					lines += strings.Count(e.New, "\n")
					for line := range strings.Lines(string(before[e.Span.Start:e.Span.End])) {
						if strings.HasPrefix(strings.TrimSpace(line), "#") && !strings.Contains(e.New, strings.TrimSpace(line)) {
							t.Errorf("%s loses the comment %q", path, line)
						}
						if strings.HasSuffix(line, "\n") && strings.Contains(e.New, line) {
							t.Errorf("%s: the line %q is touched and does not change", path, line)
						}
					}
				}
			}
			known := map[string]bool{}
			for _, f := range out.First.All {
				known[f.Fingerprint] = true
			}
			for _, f := range out.Last.All {
				if !known[f.Fingerprint] {
					t.Errorf("new: %s %s %s", f.Rule.ID, f.Subject, f.Field)
				}
			}
			again, err := r.Run(context.Background(), source.Overlay(tree, out.Files))
			if err != nil {
				t.Fatal(err)
			}
			for path, content := range again.Files {
				t.Errorf("a second run changes\n%s", edit.Unified(path, out.Files[path], content))
			}
			automatic := 0
			for _, f := range out.First.Findings {
				if f.Fix.Automatic() {
					automatic++
				}
			}
			t.Logf("%d findings, %d with edits, %d fixed in %d files with %d new lines, %d refused when rendered again",
				len(out.First.Findings), automatic, len(out.Fixed()), len(out.Files), lines, len(out.Failed))
		})
	}
}
