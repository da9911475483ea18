// Package holdfast_test holds the tests of the project as a whole: its layers,
// its package docs and the sizes of its files.
package holdfast_test

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/holdfast-dev/holdfast"

// layers is the static view of the architecture. A package imports packages of
// lower layers, and its own parents; never sideways, never upwards. A package
// that is not here fails the test.
var layers = map[string]int{
	"source": -1, "ledger": 0, "git/pack": 0, "pace": 0, "pace/boot": 0, "bundle": 0, "cache": 1,
	"git": 1, "resource": 0, "strict": 1,
	"finding": 2, "drift": 2, "target": 2, "trust": 2, "edit": 2, "iam": 2, "edit/hcledit": 3,
	"modules": 4, "integrity/cms": 2, "integrity/eddsa": 2,
	"policy": 3, "render": 3, "integrity": 3, "secret": 3, "gate": 4, "state": 3,
	"identity": 3, "gitversion": 3, "waiver": 3, "safeguard": 4, "triage": 4,
	"render/worker": 3, "render/image": 3, "render/shell": 2, "render/scalar": 2, "render/script": 3, "render/joined": 3, "render/gitops": 3,
	"policy/cel": 4, "policy/rego": 4, "policy/remote": 4, "policy/packs": 4, "policy/admission": 4,
	"render/manifest": 4, "render/kustomize": 4, "render/helm": 4, "render/dockerfile": 4, "render/compose": 4, "render/workflow": 4, "render/gitlab": 4, "render/azure": 4, "render/chart": 4,
	"render/tffunc": 3, "render/cloudformation": 4, "render/arm": 4, "render/terraform": 4, "render/plan": 4,
	"target/kube": 4, "scan": 4, "config": 4, "fix": 4,
	"policy/packs/check": 5,
	"report":             5, "reconcile": 5, "setup": 5,
	"operator":     6,
	"cli":          7,
	"cmd/holdfast": 8,
}

// testOnly are the packages that only tests import, and the programs of tests.
var testOnly = []string{"test/", "git/gittest", "source/sourcetest", "render/rendertest"}

type goPackage struct {
	ImportPath string
	Imports    []string
	Dir        string
	GoFiles    []string
}

func packages(t *testing.T) (out []goPackage) {
	t.Helper()
	data, err := exec.Command("go", "list", "-json=ImportPath,Imports,Dir,GoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(data)); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		out = append(out, p)
	}
	return out
}

func isTestOnly(name string) bool {
	for _, prefix := range testOnly {
		if strings.HasPrefix(name+"/", prefix) || name == prefix {
			return true
		}
	}
	return false
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if name == "" || isTestOnly(name) {
			continue
		}
		layer, ok := layers[name]
		if !ok {
			t.Errorf("%s is not in the table of layers: give it a place", name)
			continue
		}
		for _, imported := range p.Imports {
			other, ours := strings.CutPrefix(imported, module+"/")
			if !ours {
				continue
			}
			if isTestOnly(other) {
				t.Errorf("%s imports %s, which is for tests", name, other)
			} else if layers[other] >= layer && !strings.HasPrefix(name, other+"/") {
				t.Errorf("%s (layer %d) imports %s (layer %d): imports go down", name, layer, other, layers[other])
			}
		}
	}
}

func TestEveryPackageHasOneDoc(t *testing.T) {
	for _, p := range packages(t) {
		docs := 0
		for _, file := range p.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, file), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if parsed.Doc == nil {
				continue
			}
			docs++
			if strings.Contains(parsed.Doc.Text(), " provides ") {
				t.Errorf("%s/%s: a package doc is a glossary or an algorithm, not “provides”", p.ImportPath, file)
			}
		}
		if docs != 1 && len(p.GoFiles) > 0 {
			t.Errorf("%s has %d package docs, want one", p.ImportPath, docs)
		}
	}
}

// maxLines is where a file gets hard to hold in one's head.
const maxLines = 500

func TestFilesAreShort(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		if lines := bytes.Count(data, []byte("\n")); lines > maxLines {
			t.Errorf("%s has %d lines: split it by what its parts are about", path, lines)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
