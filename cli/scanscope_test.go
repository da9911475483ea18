package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/git/gittest"
)

const deploymentFormat = `apiVersion: apps/v1
kind: Deployment
metadata: {name: a%d, namespace: n%d}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec:
      containers:
      - {name: c, image: "registry.example.com/c:%d"}
`

// bigRepository has 20,000 files, a thousand overlays and bases among them, and
// three staged changes.
func bigRepository(b *testing.B) string {
	r := gittest.New(b)
	files := map[string]string{}
	for team := range 500 {
		dir := fmt.Sprintf("apps/team%d/", team)
		for i := range 36 {
			name := fmt.Sprintf("%sd%d.yaml", dir, i)
			if i < 6 {
				name = fmt.Sprintf("%sbase/d%d.yaml", dir, i)
			}
			files[name] = fmt.Sprintf(deploymentFormat, i, team, 1)
		}
		files[dir+"base/kustomization.yaml"] = "resources: [d0.yaml, d1.yaml, d2.yaml, d3.yaml, d4.yaml, d5.yaml]\n"
		files[dir+"prod/kustomization.yaml"] = "resources: [../base]\nnamespace: prod\n"
		files[dir+"README.md"], files[dir+"main.go"] = "text", "package main"
	}
	r.Commit("base", files)
	for team := range 3 {
		r.Write(map[string]string{fmt.Sprintf("apps/team%d/d20.yaml", team): fmt.Sprintf(deploymentFormat, 20, team, 2)})
	}
	r.Git("add", "--all")
	if err := os.WriteFile(r.Path(".git"), []byte("gitdir: "+r.GitDir()+"\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	return r.Path(".")
}

// BenchmarkStaged is `holdfast scan --staged` of 3 changed files of 20,000, all in
// one process, so without its start.
func BenchmarkStaged(b *testing.B) {
	dir := bigRepository(b)
	for b.Loop() {
		var out, errs bytes.Buffer
		code := cli.Main(b.Context(), []string{"scan", filepath.Join(dir, "."), "--staged"}, cli.Streams{Out: &out, Err: &errs})
		if code != cli.ExitOK {
			b.Fatalf("exit code %d\n%s%s", code, out.String(), errs.String())
		}
	}
}
