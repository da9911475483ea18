//go:build linux

package cli_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/report"
)

// cachedTree is a repository with a file of each kind that a scan reads.
func cachedTree(t *testing.T) string {
	t.Helper()
	for name, value := range map[string]string{
		"HOLDFAST_CACHE": "", "XDG_CACHE_HOME": t.TempDir(), "XDG_CONFIG_HOME": t.TempDir(), "HOME": t.TempDir(),
	} {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pod.yaml":                  "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: c, image: nginx}\n",
		"Dockerfile":                "FROM alpine:3.20\nCOPY . /src\nRUN make\nUSER 1000\n",
		".dockerignore":             ".git\n",
		"compose.yaml":              "services:\n  web:\n    image: nginx:${TAG}\n    privileged: true\n",
		".env":                      "TAG=1.27\n",
		".gitlab-ci.yml":            "include: [{local: ci.yml}]\nbuild: {script: [make]}\n",
		"ci.yml":                    "test: {script: ['curl http://example.com/x | sh']}\n",
		".github/workflows/ci.yaml": "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps: [{uses: actions/checkout@main}]\n",
		"base/kustomization.yaml":   "resources: [deploy.yaml]\n",
		"base/deploy.yaml":          "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n      - {name: c, image: nginx}\n",
		"over/kustomization.yaml":   "resources: [../base]\nnamePrefix: x-\n",
		"chart/Chart.yaml":          "apiVersion: v2\nname: c\nversion: 1.0.0\n",
		"chart/values.yaml":         "host: false\n",
		"chart/templates/pod.yaml":  "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\nspec:\n  hostNetwork: {{ .Values.host }}\n  containers:\n  - {name: c, image: nginx}\n",
		"notes.txt":                 "nothing\n",
		".holdfast/waivers.yaml":    "apiVersion: holdfast.dev/v1alpha1\nkind: WaiverList\nwaivers: []\n",
	} {
		put(t, filepath.Join(dir, name), text)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "-A"}, {"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "all"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %s", args, out)
		}
	}
	t.Chdir(dir)
	return dir
}

func put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

var elapsed = regexp.MustCompile(` in [0-9.]+ m?s\b`)

type written struct {
	out  string
	code int
}

func runScan(t *testing.T, args ...string) written {
	t.Helper()
	var out, errs bytes.Buffer
	code := cli.Main(t.Context(), append([]string{"scan"}, args...), cli.Streams{Out: &out, Err: &errs})
	if code == cli.ExitUndecided {
		t.Fatalf("scan %q: %s%s", args, out.String(), errs.String())
	}
	return written{elapsed.ReplaceAllString(out.String(), " in TIME"), code}
}

// age makes the entries of the cache so old that it is noted when they are used.
func age(t *testing.T) {
	t.Helper()
	old := time.Now().Add(-24 * time.Hour)
	dir := entriesDir(t)
	all, _ := os.ReadDir(dir)
	for _, e := range all {
		if err := os.Chtimes(filepath.Join(dir, e.Name()), old, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func entriesDir(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(cache, "holdfast", "scans")
}

// entries returns when the entries of the cache were last used, by their inodes. One
// that is used keeps its inode, and one that is made anew has another.
func entries(t *testing.T) map[uint64]time.Time {
	t.Helper()
	found := map[uint64]time.Time{}
	all, _ := os.ReadDir(entriesDir(t))
	for _, e := range all {
		if info, err := e.Info(); err == nil {
			found[info.Sys().(*syscall.Stat_t).Ino] = info.ModTime()
		}
	}
	return found
}

// replayed scans, and reports whether an answer was used that was there before.
func replayed(t *testing.T, args ...string) (written, bool) {
	t.Helper()
	age(t)
	before := entries(t)
	got := runScan(t, args...)
	for inode, used := range entries(t) {
		if last, ok := before[inode]; ok && used.After(last) {
			return got, true
		}
	}
	return got, false
}

// warm scans until an answer is used again, which takes until the files are old
// enough for one to be kept.
func warm(t *testing.T, args ...string) written {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		if got, ok := replayed(t, args...); ok {
			return got
		}
	}
	t.Fatal("no answer was kept")
	return written{}
}

func TestScanIsReplayed(t *testing.T) {
	cachedTree(t)
	formats := []string{"text"}
	for _, f := range report.Formats() {
		formats = append(formats, f.Name)
	}
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			want := runScan(t, "--no-cache", "-o", format)
			if !strings.Contains(want.out, "HF-") || want.code != cli.ExitProblems {
				t.Fatalf("exit code %d, %s", want.code, want.out)
			}
			if got := warm(t, "-o", format); got != want {
				t.Errorf("the last answer is\n%s\nwithout a cache it is\n%s", got.out, want.out)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "report.sarif")
	warm(t, "-o", "sarif="+file)
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	runScan(t, "-o", "sarif="+file)
	if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file is not written again: %v", err)
	}
}

func aPolicy(id string) string {
	return `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata: {name: ` + id + `}
spec:
  title: Pods have an owner
  severity: low
  why: Somebody has to be asked.
  remediation: Name one.
  match: {kinds: [Pod]}
  validations: [{expression: "has(object.metadata.annotations)"}]
  examples:
  - {name: with, pass: "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {owner: b}}}"}
  - {name: without, fail: "{apiVersion: v1, kind: Pod, metadata: {name: a}}", at: [metadata.annotations]}
`
}

// TestScanSeesEdits edits what a kept answer was made from. None may hide what a
// scan without a cache tells.
func TestScanSeesEdits(t *testing.T) {
	dir := cachedTree(t)
	pack := t.TempDir()
	put(t, filepath.Join(pack, "p.yaml"), aPolicy("ACME-001"))
	replace := func(name, old, text string) func(*testing.T) {
		return func(t *testing.T) {
			t.Helper()
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil || !bytes.Contains(content, []byte(old)) {
				t.Fatalf("%s does not hold %q: %v", name, old, err)
			}
			put(t, filepath.Join(dir, name), strings.Replace(string(content), old, text, 1))
		}
	}
	for _, edit := range []struct {
		name string
		do   func(*testing.T)
	}{
		{"a manifest", replace("pod.yaml", "image: nginx", "image: nginx:1.27")},
		{"a base", replace("base/deploy.yaml", "image: nginx", "image: nginx:1.27")},
		{"an overlay", replace("over/kustomization.yaml", "namePrefix: x-", "namePrefix: y-")},
		{"values of a chart", replace("chart/values.yaml", "false", "true")},
		{"a template", replace("chart/templates/pod.yaml", "image: nginx", "image: nginx:1.27")},
		{"what a Dockerfile may copy", func(t *testing.T) {
			if err := os.Remove(filepath.Join(dir, ".dockerignore")); err != nil {
				t.Fatal(err)
			}
		}},
		{"the variables of a Compose file", replace(".env", "TAG=1.27", "TAG=latest")},
		{"what a pipeline takes in", replace("ci.yml", "| sh", "-o x")},
		{"a workflow", replace(".github/workflows/ci.yaml", "push", "pull_request_target")},
		{"a secret in a text", func(t *testing.T) { put(t, filepath.Join(dir, "local.txt"), "key = AKIAQ3EGRIWTZ7DKM2VL\n") }},
		{"a new file", func(t *testing.T) {
			put(t, filepath.Join(dir, "more", "svc.yaml"), "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: LoadBalancer, ports: [{port: 22}]}\n")
		}},
		{"another name", func(t *testing.T) {
			if err := os.Rename(filepath.Join(dir, "pod.yaml"), filepath.Join(dir, "pod2.yaml")); err != nil {
				t.Fatal(err)
			}
		}},
		{"a file that goes", func(t *testing.T) {
			if err := os.Remove(filepath.Join(dir, "pod2.yaml")); err != nil {
				t.Fatal(err)
			}
		}},
		{"the same size and time", func(t *testing.T) {
			name := filepath.Join(dir, "Dockerfile")
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			replace("Dockerfile", "USER 1000", "USER root")(t)
			if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}},
		{"the policies", func(t *testing.T) {
			put(t, filepath.Join(pack, "p.yaml"), aPolicy("ACME-002"))
		}},
		{"what is ignored", func(t *testing.T) { put(t, filepath.Join(dir, ".git", "info", "exclude"), "local.txt\n") }},
		{"a baseline", func(t *testing.T) {
			if code := cli.Main(t.Context(), []string{"baseline", "create"}, cli.Streams{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}}); code != cli.ExitOK {
				t.Fatalf("baseline: exit code %d", code)
			}
		}},
	} {
		t.Run(edit.name, func(t *testing.T) {
			before := warm(t, "--pack", pack, "-o", "json")
			edit.do(t)
			want := runScan(t, "--pack", pack, "-o", "json", "--no-cache")
			if got := runScan(t, "--pack", pack, "-o", "json"); got != want {
				t.Errorf("got\n%s\nwant\n%s", got.out, want.out)
			}
			if want == before {
				t.Error("the edit changes nothing, so that it tests nothing")
			}
		})
	}
}

func TestScansAtOnceShareTheCache(t *testing.T) {
	cachedTree(t)
	want := warm(t)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	got := make([]written, 8)
	for i := range got {
		all.Go(func() {
			if i%2 == 0 { // one more breaks the entries meanwhile
				breakEntries(filepath.Join(cache, "holdfast", "scans"))
			}
			got[i] = runScan(t)
		})
	}
	all.Wait()
	if slices.ContainsFunc(got, func(w written) bool { return w != want }) {
		t.Errorf("not all scans tell the same")
	}
}

func breakEntries(dir string) {
	_ = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			_ = os.Truncate(name, 100)
		}
		return nil
	})
}

// TestScanWithoutCache has a cache directory that is none.
func TestScanWithoutCache(t *testing.T) {
	cachedTree(t)
	want := runScan(t, "--no-cache")
	file := filepath.Join(t.TempDir(), "file")
	put(t, file, "")
	t.Setenv("XDG_CACHE_HOME", file)
	if got := runScan(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got.out, want.out)
	}
	t.Setenv("XDG_CACHE_HOME", ".") // of the repository, where anybody may write
	if got := runScan(t); got != want {
		t.Errorf("got\n%s\nwant\n%s", got.out, want.out)
	}
	if _, err := os.Lstat("holdfast"); err == nil {
		t.Error("the cache is in the repository")
	}
}

// TestPartialScansAreReplayed has a file that cannot be read, which stays so.
func TestPartialScansAreReplayed(t *testing.T) {
	dir := cachedTree(t)
	put(t, filepath.Join(dir, "broken.yaml"), "apiVersion: v1\nkind: [\n")
	scanned := func(args ...string) (string, int) {
		var out bytes.Buffer
		code := cli.Main(t.Context(), append([]string{"scan", "-o", "json"}, args...), cli.Streams{Out: &out, Err: &bytes.Buffer{}})
		return out.String(), code
	}
	want, code := scanned("--no-cache")
	before := entries(t)
	for range 3 {
		if got, other := scanned(); got != want || code != cli.ExitUndecided || other != code {
			t.Errorf("exit code %d, got\n%s\nwant\n%s", other, got, want)
		}
	}
	if len(entries(t)) != len(before)+1 {
		t.Error("nothing is kept")
	}
	put(t, filepath.Join(dir, "broken.yaml"), "a: b\n")
	if got := runScan(t, "-o", "json"); got != runScan(t, "-o", "json", "--no-cache") {
		t.Errorf("the file is mended: got\n%s", got.out)
	}
}

// TestRendersAreKept edits a chart and other files: what it does not read must not
// have it rendered again.
func TestRendersAreKept(t *testing.T) {
	dir := cachedTree(t)
	cache := t.TempDir()
	t.Setenv("HOLDFAST_CACHE", cache)
	renders := func() map[string]int64 {
		found := map[string]int64{}
		all, _ := os.ReadDir(filepath.Join(cache, "renders"))
		for _, e := range all {
			info, err := e.Info()
			if err != nil {
				t.Fatal(err)
			}
			found[e.Name()] = int64(info.Sys().(*syscall.Stat_t).Ino) // a new entry is another file
		}
		return found
	}
	changed := func(before map[string]int64) (n int) {
		for name, inode := range renders() {
			if before[name] != inode {
				n++
			}
		}
		return n
	}
	same := func(name string) {
		t.Helper()
		if got, want := runScan(t, "-o", "json"), runScan(t, "-o", "json", "--no-cache"); got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got.out, want.out)
		}
	}
	same("the first time")
	first := renders()
	if len(first) != 3 {
		t.Errorf("%d renders are kept, want those of the base, the overlay and the chart", len(first))
	}
	put(t, filepath.Join(dir, "pod.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: c, image: nginx}]}\n")
	same("a manifest")
	if n := changed(first); n != 0 {
		t.Errorf("a manifest: %d units are rendered again", n)
	}
	put(t, filepath.Join(dir, "chart", "values.yaml"), "host: true\n")
	same("values")
	if n := changed(first); n != 1 {
		t.Errorf("values: %d units are rendered again, want 1", n)
	}
	put(t, filepath.Join(dir, "base", "deploy.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: c, image: nginx}]}\n")
	same("a base")
	if n := changed(first); n != 3 {
		t.Errorf("a base: %d units were rendered again since, want 3", n)
	}
}

// TestNoSecretsAreKept looks for secrets in all that scans keep.
func TestNoSecretsAreKept(t *testing.T) {
	dir := cachedTree(t)
	cache := t.TempDir()
	t.Setenv("HOLDFAST_CACHE", cache)
	const secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
	put(t, filepath.Join(dir, "chart", "values.yaml"), "host: true\npassword: "+secret+"\n")
	put(t, filepath.Join(dir, "chart", "templates", "secret.yaml"), "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: {{ .Values.password }}}\n")
	put(t, filepath.Join(dir, "env.txt"), "TOKEN="+secret+"\n")
	for _, format := range []string{"text", "json", "sarif"} {
		runScan(t, "-o", format, "-v")
	}
	files := 0
	err := filepath.WalkDir(cache, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(name)
		if bytes.Contains(content, []byte(secret)) {
			t.Errorf("%s holds the secret", name)
		}
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v: %v", name, info.Mode(), err)
		}
		return err
	})
	if err != nil || files < 4 {
		t.Errorf("%d files are kept: %v", files, err)
	}
}

// TestCacheIsNotInTheTree has a repository in which somebody keeps answers ready.
func TestCacheIsNotInTheTree(t *testing.T) {
	dir := cachedTree(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	want := runScan(t, "--no-cache")
	for _, at := range []string{dir, filepath.Join(dir, "a", "b"), filepath.Join(link, "a")} {
		t.Setenv("HOLDFAST_CACHE", at)
		if got := runScan(t); got != want {
			t.Errorf("%s: got\n%s", at, got.out)
		}
		for _, kept := range []string{"scans", "renders"} {
			if _, err := os.Lstat(filepath.Join(at, kept)); err == nil {
				t.Errorf("%s/%s was made", at, kept)
			}
		}
		var errs bytes.Buffer
		code := cli.Main(t.Context(), []string{"scan", "--cache-dir", at}, cli.Streams{Out: &bytes.Buffer{}, Err: &errs})
		if code != cli.ExitUndecided || !strings.Contains(errs.String(), "--cache-dir: the directory is in what is scanned") {
			t.Errorf("--cache-dir %s: exit code %d, %s", at, code, errs.String())
		}
	}
}
