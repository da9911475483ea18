package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/holdfast-dev/holdfast/cli"
	"github.com/holdfast-dev/holdfast/ledger"
	"github.com/holdfast-dev/holdfast/state"
)

// call runs one command line like a program.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = cli.Main(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	return out.String(), errs.String(), code
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// commands returns the command lines of all commands that do something, as the
// help texts list them.
func commands(t *testing.T) (all [][]string) {
	var walk func(prefix []string)
	walk = func(prefix []string) {
		help, _, _ := call(t, append(prefix, "--help")...)
		found := false
		for line := range strings.Lines(help) {
			name, described := strings.CutPrefix(line, "  ")
			fields := strings.Fields(name)
			if strings.HasPrefix(line, "Flags:") {
				break
			}
			if !described || len(fields) < 2 || !strings.HasPrefix(name, fields[0]+" ") || fields[0] == "holdfast" || unicode.IsDigit(rune(fields[0][0])) {
				continue
			}
			if fields[0] == "help" || fields[0] == "completion" || !strings.Contains(help, "Use \"holdfast") {
				continue
			}
			found = true
			walk(append(append([]string{}, prefix...), fields[0]))
		}
		if !found {
			all = append(all, prefix)
		}
	}
	walk(nil)
	return all
}

func TestHelpListsExitCodes(t *testing.T) {
	all := commands(t)
	if len(all) < 14 {
		t.Fatalf("only %d commands were found: %q", len(all), all)
	}
	for _, command := range all {
		help, _, code := call(t, append(command, "--help")...)
		if code != cli.ExitOK {
			t.Errorf("holdfast %s --help exits with %d", strings.Join(command, " "), code)
		}
		if command[0] != "version" && !strings.Contains(help, "Exit codes: 0 ") {
			t.Errorf("the help of holdfast %s does not list its exit codes:\n%s", strings.Join(command, " "), help)
		}
	}
}

const hostileConfig = `apiVersion: holdfast.dev/v1alpha1
kind: Config
sources: [{name: fleet, url: "https://git.example/fleet.git", branch: main, verify: {disabled: true}}]
clusters: [{name: prod}]
applications:
- {name: web, source: fleet, cluster: prod, path: apps/web}
- {name: shop, source: fleet, cluster: prod, path: apps/shop}
`

// hostile clears the screen, sets the title, hides text, reorders it, and adds
// lines that look like ours, in 7-bit and in 8-bit controls.
const hostile = "\x1b[2J\x1b]0;pwned\x07\x1b[8m\u202e\u2066\u200b\u009b31m\u009dx\r\nFAKE  ok\b\x00\x7f\u2028"

func hostileTexts() texts {
	return texts{
		path: "apps/" + hostile + ".yaml", signer: hostile + "@example.com", reason: "because " + hostile,
		manager: "kubectl" + hostile, value: hostile, object: "web" + hostile,
	}
}

func assertPlain(t *testing.T, what, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			t.Errorf("%s: %U reaches the terminal:\n%q", what, r, text)
			return
		}
	}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "FAKE") {
			t.Errorf("%s: untrusted text begins a line:\n%q", what, text)
		}
	}
}

// TestHostileTextStaysText shows every command what an attacker can write into
// Git, files, a cluster or the ledger.
func TestHostileTextStaysText(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "holdfast.yaml")
	write(t, config, hostileConfig)
	if err := writeLoop(dir, hostileTexts()); err != nil {
		t.Fatal(err)
	}
	badConfig := filepath.Join(dir, "bad.yaml")
	write(t, badConfig, hostileConfig+"\"\\e[2J\\u202e\\x9b31m\\nFAKE\": 1\n")
	files := filepath.Join(dir, "files")
	write(t, files+"/a\x1b[2J\u202e.yaml", `apiVersion: v1
kind: Pod
metadata: {name: "web\e[31m\u202e", namespace: shop}
spec:
  containers: [{name: "c\e]0;pwned\a", image: "i\x9b2J"}]
`)
	write(t, files+"/b\x1b[2J.yaml", "apiVersion: v1\nkind: [\x1b[2J\n")
	pack := filepath.Join(dir, "pack")
	write(t, filepath.Join(pack, "p.yaml"), `apiVersion: holdfast.dev/v1alpha1
kind: Policy
metadata: {name: ACME-ESC-001}
spec:
  title: "title\e[2J\u202e"
  severity: high
  why: "why\e[2J\u202e\nFAKE"
  remediation: "fix\e[2J\u202e"
  controls: ["c\e[2J\u202e"]
  references: ["https://example.com/\e[2J\u202e"]
  match: {kinds: [Pod]}
  validations: [{expression: "false", message: "message\e[2J\u202e\nFAKE"}]
  examples:
  - {name: "example\e[2J\u202e\nFAKE", pass: "kind: Pod\napiVersion: v1\n# \e[2J\u202e"}
`)
	c := "--config=" + config
	for _, args := range [][]string{
		{"status", c}, {"status", c, "web"}, {"status", c, "--json"},
		{"drift", c, "--all"}, {"drift", c, "--all", "--json"},
		{"why", c, "deployment/web" + hostile}, {"why", c, "deployment/" + hostile}, {"why", c, hostile},
		{"history", c}, {"history", c, "--json"}, {"history", c, hostile}, {"history", c, "--kind", hostile},
		{"rollback", c, "web"}, {"rollback", c, "web", "--to", hostile},
		{"ledger", "verify", c}, {"ledger", "verify", hostile}, {"doctor", c}, {"doctor", "-c", hostile},
		{"status", "--config=" + badConfig}, {"doctor", "--config=" + badConfig},
		{"scan", files}, {"scan", files, "-v", "-o", "concise"}, {"scan", files, "-o", "json"}, {"scan", files, "-o", "sarif"},
		{"scan", hostile}, {"scan", files, "--pack", pack, "--no-builtin"}, {"scan", "-o", hostile}, {"scan", files, "-o", "json=" + hostile + "/x"}, {"status", "-c", hostile}, {"ledger", "verify", c, "--checkpoint", hostile}, {hostile}, {"--" + hostile},
		{"explain", "--pack", pack, "ACME-ESC-001"}, {"explain", "--pack", pack}, {"explain", hostile},
		{"policy", "test", pack}, {"policy", "docs", pack}, {"policy", hostile},
	} {
		stdout, stderr, _ := call(t, args...)
		name := "holdfast " + strings.Join(args, " ")
		assertPlain(t, name, stdout)
		assertPlain(t, name+" (stderr)", stderr)
		if stdout+stderr == "" {
			t.Errorf("%q wrote nothing", args)
		}
	}
	replaceIn(t, filepath.Join(dir, "state", "ledger", "entries.jsonl"), `"kind":"start"`, `"kind":"\u001b[2J"`)
	for _, args := range [][]string{{"history", c}, {"ledger", "verify", c}, {"doctor", c}} {
		stdout, stderr, _ := call(t, args...)
		assertPlain(t, "of a forged ledger, "+args[0], stdout+stderr)
	}
}

func replaceIn(t *testing.T, path, before, after string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(data, []byte(before)) {
		t.Fatalf("%s has no %s", path, before)
	}
	write(t, path, strings.Replace(string(data), before, after, 1))
}

func TestAnInterruptIsNoDecision(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n")
	var out, errs bytes.Buffer
	code := cli.Main(ctx, []string{"scan", dir}, cli.Streams{Out: &out, Err: &errs})
	if code != cli.ExitUndecided || errs.String() != "holdfast: interrupted before the end\n" || out.Len() > 0 {
		t.Errorf("exits with %d and says %q, %q", code, out.String(), errs.String())
	}
}

// TestPolicyReferenceIsCurrent keeps docs/policies at what the policies say.
func TestPolicyReferenceIsCurrent(t *testing.T) {
	want := t.TempDir()
	if _, errs, code := call(t, "policy", "docs", "--into", want); code != cli.ExitOK {
		t.Fatalf("policy docs exits with %d: %s", code, errs)
	}
	if !maps.Equal(readAll(t, want), readAll(t, filepath.Join("..", "docs", "policies"))) {
		t.Error("docs/policies is not what the policies say: run `make docs`")
	}
}

// readAll returns the files below a directory.
func readAll(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		all[rel] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatalf("%s is empty", dir)
	}
	return all
}

func TestTwoLoopsKeepOutOfEachOthersState(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "holdfast.yaml")
	write(t, config, hostileConfig)
	log, err := ledger.Open(filepath.Join(dir, "state", "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	_, stderr, code := call(t, "run", "-c", config)
	if code != cli.ExitUndecided || !strings.Contains(stderr, "another `holdfast run` uses "+filepath.Join(dir, "state")) {
		t.Errorf("exits with %d and says %q", code, stderr)
	}
}

// TestStaleStateIsToldToBeSo keeps an old answer from looking like a new one.
func TestStaleStateIsToldToBeSo(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "holdfast.yaml")
	write(t, config, hostileConfig)
	store, err := state.Open(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const note = "note: nothing was fetched since "
	for _, test := range []struct {
		reason string
		source state.Source
		told   bool
	}{
		{"a source that is fetched as often as it should", state.Source{Status: state.Ready, Fetched: time.Now()}, false},
		{"a source that nobody fetches", state.Source{Status: state.Ready, Fetched: time.Now().Add(-time.Hour)}, true},
		{"a source that does not answer says so itself", state.Source{Status: state.Unreachable, Fetched: time.Now().Add(-time.Hour)}, false},
	} {
		test.source.Name = "fleet"
		if err := store.PutSource(t.Context(), test.source); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"status", "drift"} {
			stdout, _, _ := call(t, command, "-c", config)
			if strings.Contains(stdout, note) != test.told {
				t.Errorf("%s: holdfast %s says\n%s", test.reason, command, stdout)
			}
		}
	}
}

// TestPlanKnowsWhatRuns: the gate of a plan is that of the loop, for which
// findings that are live already do not block.
func TestPlanKnowsWhatRuns(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "holdfast.yaml")
	write(t, config, strings.Replace(hostileConfig, "{name: prod}", "{name: prod, kubeconfig: none}", 1))
	write(t, filepath.Join(dir, "apps", "web", "pod.yaml"), `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: web, image: "web:1", securityContext: {privileged: true}}]}
`)
	var found struct {
		Findings []struct{ Fingerprint string }
	}
	stdout, _, _ := call(t, "scan", dir+"/apps", "-o", "json")
	if err := json.Unmarshal([]byte(stdout), &found); err != nil || len(found.Findings) == 0 {
		t.Fatalf("%v: %s", err, stdout)
	}
	plan := func() string {
		stdout, _, _ := call(t, "plan", "web", "-c", config, "--from", dir)
		first, _, _ := strings.Cut(stdout, "\n")
		return first
	}
	if got := plan(); got != "BLOCKED" {
		t.Errorf("before anything runs, the plan says %q", got)
	}
	app := state.Application{Name: "web", Status: state.Ready}
	for _, f := range found.Findings {
		app.Known = append(app.Known, f.Fingerprint)
	}
	store, err := state.Open(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if got := plan(); got != "ALLOWED" {
		t.Errorf("with the same findings live, the plan says %q", got)
	}
}
