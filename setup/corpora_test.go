package setup_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/rendertest"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

func TestMain(m *testing.M) {
	if served, err := setup.ServeWorker(os.Args); served {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// corpora returns the directories of real repositories, where the environment
// names a directory of them.
func corpora(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("HOLDFAST_CORPORA")
	if dir == "" {
		t.Skip("HOLDFAST_CORPORA is not set")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// noFixer makes a scan remember what its findings were made on.
type noFixer struct{}

func (noFixer) Propose(context.Context, []*finding.Finding, *resource.Resource, *resource.Set, policy.Stage) []*finding.Fix {
	return nil
}

func scanAll(t *testing.T, policies *setup.Policies, dir string) *scan.Result {
	t.Helper()
	tree, err := source.Disk(dir, source.DiskOptions{})
	if err != nil {
		t.Fatal(err)
	}
	scanner := scan.Scanner{
		Renderers: setup.Renderers(), Evaluator: policies, Options: render.Options{IncludeCRDs: true},
		Secrets: &secret.Detector{}, Fixer: noFixer{},
	}
	result, err := scanner.Run(t.Context(), tree, ".")
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Every finding on real repositories says where it is, down to the column, what
// it is about and what to do. The share of those that are at the exact place is
// logged by renderer.
func TestFindingsOfCorporaAreComplete(t *testing.T) {
	dirs := corpora(t)
	policies, err := setup.LoadPolicies(setup.PolicyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	exact, right, all := map[string]int{}, map[string]int{}, map[string]int{}
	for _, dir := range dirs {
		result := scanAll(t, policies, dir)
		for _, f := range result.All {
			renderer := "other"
			if site, ok := result.Sites[f]; ok {
				renderer = site.Resource.Origin.Renderer
				if site.Resource.ID.Platform == "" { // what others are made of is no value in their text
					checkHolds(t, f, site.Resource)
				}
				if onLine(f, site.Resource) {
					right[renderer]++
				}
			}
			for _, what := range lacking(f) {
				t.Errorf("%s: %s on %s at %s lacks its %s", filepath.Base(dir), f.Rule.ID, f.Subject, rendertest.Place(f.Location), what)
			}
			if _, ok := result.Sites[f]; !ok && f.Location.Exact {
				right[renderer]++
			}
			all[renderer]++
			if f.Location.Exact {
				exact[renderer]++
			} else if testing.Verbose() {
				t.Logf("nearest: %s %s %s %s: %s", filepath.Base(dir), f.Rule.ID, f.Subject, f.Path, rendertest.Place(f.Location))
			}
		}
	}
	for _, renderer := range slices.Sorted(maps.Keys(all)) {
		share := func(n int) float64 { return 100 * float64(n) / float64(all[renderer]) }
		t.Logf("%s: of %d findings %d are at the exact place (%.1f %%), %d on a line with it (%.1f %%)",
			renderer, all[renderer], exact[renderer], share(exact[renderer]), right[renderer], share(right[renderer]))
	}
}

// lacking names what a finding has to say and does not.
func lacking(f *finding.Finding) (all []string) {
	loc := f.Location
	for what, has := range map[string]bool{
		"file":        loc.File != nil,
		"line":        loc.Position().Line > 0 && loc.Position().Column > 0,
		"end":         loc.File != nil && loc.Span.Start < loc.Span.End && loc.Span.End <= len(loc.File.Content),
		"subject":     f.Subject.Kind != "",
		"field":       f.Field != "" || hasNoField(f),
		"message":     f.Message != "",
		"remediation": f.Rule.Remediation != "",
		"fingerprint": f.Fingerprint != "",
	} {
		if !has {
			all = append(all, what)
		}
	}
	slices.Sort(all)
	return all
}

// hasNoField reports whether a finding is about no field: about a text, or about a
// resource of Terraform as a whole, which is no field of it as kind is of an object.
func hasNoField(f *finding.Finding) bool {
	return f.Subject.Kind == secret.FileKind || f.Subject.Platform == resource.Terraform && len(f.Path) == 0
}

// checkHolds looks at an exact place: the scalar that was judged is there, or
// the key of the nearest value that is.
func checkHolds(t *testing.T, f *finding.Finding, r *resource.Resource) {
	v := r.Root.At(f.Path)
	if !f.Location.Exact || v == nil || v.Kind == resource.Map || v.Kind == resource.List {
		return
	}
	if !rendertest.Holds(f.Location, v) {
		t.Errorf("%s on %s %s = %s is not what is at %s", f.Rule.ID, f.Subject, f.Path, resource.EncodeJSON(v), rendertest.Place(f.Location))
	}
}

// onLine reports whether the line of a finding has what it is about: the value, a
// part of it, or the key of the nearest value that is there.
func onLine(f *finding.Finding, r *resource.Resource) bool {
	if f.Location.Exact {
		return true
	}
	line := f.Location.File.Line(f.Location.Position().Line)
	text := string(f.Location.File.Content[line.Start:line.End])
	v := r.Root.At(f.Path)
	for n := len(f.Path); n > 0; n-- {
		if r.Root.At(f.Path[:n]) == nil {
			continue
		}
		if last := f.Path[n-1]; !last.IsIndex() && strings.Contains(text, last.Name+":") {
			return true
		}
		break
	}
	marked := strings.Trim(string(f.Location.File.Content[f.Location.Span.Start:f.Location.Span.End]), `"'`)
	return v != nil && marked != "" && strings.Contains(v.Str, marked)
}
