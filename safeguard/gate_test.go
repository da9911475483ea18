package safeguard_test

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/source"
)

const github = `on:
  push:
  pull_request:
    branches: [main]
jobs:
  scan:
    name: holdfast
    runs-on: ubuntu-24.04
    steps:
    - uses: actions/checkout@v4
    - name: Scan
      run: holdfast scan .
`

const gitlab = `stages: [test]
.base:
  image: holdfast/holdfast
scan:
  extends: .base
  stage: test
  script:
  - holdfast scan .
`

// losses compares two states of one file.
func losses(t testing.TB, path, before, after string) (all []string) {
	t.Helper()
	files := func(text string) source.Tree {
		if text == "" {
			return source.Memory(nil)
		}
		return source.Memory(map[string]string{path: text})
	}
	found, err := safeguard.Compare(context.Background(), files(before), files(after), []string{path})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if c.Loss != "" {
			all = append(all, c.Loss)
		}
	}
	return all
}

func TestGates(t *testing.T) {
	const gh, gl = ".github/workflows/ci.yml", ".gitlab-ci.yml"
	run := func(script string) [2]string { return [2]string{"run: holdfast scan .", "run: |\n" + script} }
	for _, test := range []struct {
		reason, path string
		replace      [2]string
		want         string // empty: nothing is lost
	}{
		{"a comment", gh, [2]string{"jobs:", "# hello\njobs:"}, ""},
		{"the layout", gh, [2]string{"[main]", "\n    - main"}, ""},
		{"a longer option", gh, [2]string{"scan .", "scan . -o sarif"}, "changed"},
		{"an event more", gh, [2]string{"  push:", "  push:\n  merge_group:"}, ""},
		{"replaced", gh, [2]string{"holdfast scan .", "true"}, "removed"},
		{"shown only", gh, [2]string{"holdfast scan .", "echo holdfast scan ."}, "removed"},
		{"commented out", gh, run("        # holdfast scan .\n        true\n"), "removed"},
		{"help", gh, [2]string{"scan .", "scan --help"}, "removed"},
		{"or true", gh, [2]string{"scan .", "scan . || true"}, "ignored"},
		{"or a colon", gh, run("        holdfast scan . || :\n"), "ignored"},
		{"or a message", gh, [2]string{"scan .", "scan . || echo bad"}, "ignored"},
		{"or exit 1", gh, run("        holdfast scan . || exit 1\n"), "changed"},
		{"a semicolon", gh, run("        set +e; holdfast scan .; exit 0\n"), "ignored"},
		{"turned around", gh, run("        ! holdfast scan .\n"), "ignored"},
		{"in the background", gh, run("        holdfast scan . &\n        wait\n"), "ignored"},
		{"an if", gh, run("        if holdfast scan .; then echo ok; fi\n"), "ignored"},
		{"under an if", gh, run("        if false; then holdfast scan .; fi\n"), "conditional"},
		{"after exit", gh, run("        exit 0\n        holdfast scan .\n"), "ignored"},
		{"a function of its name", gh, run("        holdfast() { true; }\n        holdfast scan .\n"), "ignored"},
		{"an alias", gh, run("        alias holdfast=true\n        holdfast scan .\n"), "ignored"},
		{"piped", gh, run("        holdfast scan . | tee log\n"), "ignored"},
		{"piped with pipefail", gh, run("        set -o pipefail\n        holdfast scan . | tee log\n"), "changed"},
		{"a trap", gh, run("        trap 'exit 0' EXIT\n        holdfast scan .\n"), "ignored"},
		{"a list of and", gh, run("        holdfast scan . && echo ok\n        echo done\n"), "ignored"},
		{"not called", gh, run("        f() { holdfast scan .; }\n"), "removed"},
		{"continue-on-error", gh, [2]string{"    - name: Scan", "    - name: Scan\n      continue-on-error: true"}, "ignored"},
		{"continue-on-error, computed", gh, [2]string{"    - name: Scan", "    - name: Scan\n      continue-on-error: ${{ !inputs.strict }}"}, "ignored"},
		{"continue-on-error of the job", gh, [2]string{"    runs-on", "    continue-on-error: true\n    runs-on"}, "ignored"},
		{"if false", gh, [2]string{"    - name: Scan", "    - name: Scan\n      if: false"}, "never"},
		{"if false in an expression", gh, [2]string{"    - name: Scan", "    - name: Scan\n      if: ${{ false }}"}, "never"},
		{"if false of the job", gh, [2]string{"    runs-on", "    if: ${{ false && always() }}\n    runs-on"}, "never"},
		{"always", gh, [2]string{"    - name: Scan", "    - name: Scan\n      if: always()"}, ""},
		{"a condition", gh, [2]string{"    - name: Scan", "    - name: Scan\n      if: github.actor == 'x'"}, "conditional"},
		{"another shell", gh, [2]string{"    - name: Scan", "    - name: Scan\n      shell: bash {0}"}, "changed"},
		{"an empty matrix", gh, [2]string{"    runs-on", "    strategy: {matrix: {x: []}}\n    runs-on"}, "never"},
		{"an event less", gh, [2]string{"  push:\n", ""}, "trigger"},
		{"paths-ignore", gh, [2]string{"branches: [main]", "branches: [main]\n    paths-ignore: ['apps/**']"}, "trigger"},
		{"paths", gh, [2]string{"branches: [main]", "branches: [main]\n    paths: ['docs/**']"}, "trigger"},
		{"branches", gh, [2]string{"  push:", "  push: {branches: [other]}"}, "trigger"},
		{"branches-ignore", gh, [2]string{"  push:", "  push: {branches-ignore: [main]}"}, "trigger"},
		{"tags alone", gh, [2]string{"  push:", "  push: {tags: ['v*']}"}, "trigger"},
		{"types", gh, [2]string{"branches: [main]", "branches: [main]\n    types: [labeled]"}, "trigger"},
		{"the usual types", gh, [2]string{"branches: [main]", "branches: [main]\n    types: [opened, synchronize, reopened]"}, ""},
		{"by hand", gh, [2]string{"on:\n  push:\n  pull_request:\n    branches: [main]", "on: workflow_dispatch"}, "trigger"},
		{"the name of the check", gh, [2]string{"name: holdfast", "name: other"}, "renamed"},
		{"the id of a job that has a name", gh, [2]string{"  scan:", "  check:"}, ""},
		{"another directory", gh, [2]string{"    - name: Scan", "    - name: Scan\n      working-directory: docs"}, "changed"},
		{"an environment", gh, [2]string{"    - name: Scan", "    - name: Scan\n      env: {COLUMNS: 80}"}, "inputs"},
		{"an environment in which another program is found", gh, [2]string{"    - name: Scan", "    - name: Scan\n      env: {PATH: /x}"}, "narrowed"},
		{"it waits", gh, [2]string{"    runs-on", "    needs: [flaky]\n    runs-on"}, "waits"},
		{"an environment of all jobs", gh, [2]string{"jobs:", "env: {HOLDFAST_CONFIG: x}\njobs:"}, "narrowed"},
		{"an environment of the job", gh, [2]string{"    runs-on", "    env: {BASH_ENV: x}\n    runs-on"}, "narrowed"},
		{"an environment for others", gh, [2]string{"jobs:", "env: {NODE_ENV: x}\njobs:"}, ""},
		{"a container", gh, [2]string{"    runs-on", "    container: evil/holdfast:1\n    runs-on"}, "changed"},
		{"machines of somebody", gh, [2]string{"ubuntu-24.04", "[self-hosted, x]"}, "changed"},
		{"a newer machine", gh, [2]string{"ubuntu-24.04", "ubuntu-26.04"}, ""},
		{"a directory for all jobs", gh, [2]string{"jobs:", "defaults: {run: {working-directory: docs}}\njobs:"}, "changed"},
		{"another revision", gh, [2]string{"checkout@v4", "checkout@v4\n      with: {ref: other}"}, "changed"},
		{"the whole history", gh, [2]string{"checkout@v4", "checkout@v4\n      with: {fetch-depth: 0}"}, ""},
		{"nothing is checked out", gh, [2]string{"    - uses: actions/checkout@v4\n", ""}, "changed"},
		{"files are removed before", gh, [2]string{"    - name: Scan", "    - run: rm -rf apps\n    - name: Scan"}, "changed"},
		{"a program in its place", gh, [2]string{"    - name: Scan", "    - run: ln -s /bin/true /bin/holdfast\n    - name: Scan"}, "changed"},
		{"another path", gh, [2]string{"    - name: Scan", "    - run: echo x >> $GITHUB_PATH\n    - name: Scan"}, "changed"},
		{"an action of somebody before", gh, [2]string{"    - name: Scan", "    - uses: evil/setup@v1\n    - name: Scan"}, "changed"},
		{"a build before", gh, [2]string{"    - name: Scan", "    - uses: actions/setup-node@v4\n    - run: npm ci\n    - name: Scan"}, ""},
		{"a newer action", gh, [2]string{"checkout@v4", "checkout@v5"}, ""},
		{"a matrix that is computed", gh, [2]string{"    runs-on", "    strategy: {matrix: {x: \"${{ fromJSON(vars.X) }}\"}}\n    runs-on"}, "conditional"},
		{"a matrix that excludes all", gh, [2]string{"    runs-on", "    strategy: {matrix: {x: [1], exclude: [{x: 1}]}}\n    runs-on"}, "conditional"},
		{"not YAML", gh, [2]string{"jobs:", "jobs: ["}, "removed"},

		{"of GitLab: a comment", gl, [2]string{"stages", "# hello\nstages"}, ""},
		{"of GitLab: replaced", gl, [2]string{"holdfast scan .", "true"}, "removed"},
		{"of GitLab: or true", gl, [2]string{"holdfast scan .", "holdfast scan . || true"}, "ignored"},
		{"of GitLab: allow_failure", gl, [2]string{"  stage: test", "  stage: test\n  allow_failure: true"}, "ignored"},
		{"of GitLab: allow_failure with codes", gl, [2]string{"  stage: test", "  stage: test\n  allow_failure: {exit_codes: [1]}"}, "ignored"},
		{"of GitLab: allow_failure that is inherited", gl, [2]string{".base:", ".base:\n  allow_failure: true"}, "ignored"},
		{"of GitLab: allow_failure of a rule", gl, [2]string{"  stage: test", "  stage: test\n  rules: [{when: always, allow_failure: true}]"}, "ignored"},
		{"of GitLab: never", gl, [2]string{"  stage: test", "  stage: test\n  rules: [{when: never}]"}, "never"},
		{"of GitLab: never by the workflow", gl, [2]string{"stages:", "workflow: {rules: [{when: never}]}\nstages:"}, "never"},
		{"of GitLab: when never", gl, [2]string{"  stage: test", "  stage: test\n  when: never"}, "never"},
		{"of GitLab: by hand", gl, [2]string{"  stage: test", "  stage: test\n  when: manual"}, "conditional"},
		{"of GitLab: rules", gl, [2]string{"  stage: test", "  stage: test\n  rules: [{if: $CI_COMMIT_TAG}]"}, "conditional"},
		{"of GitLab: changes", gl, [2]string{"  stage: test", "  stage: test\n  rules: [{changes: [docs/**]}]"}, "conditional"},
		{"of GitLab: rules for all", gl, [2]string{"  stage: test", "  stage: test\n  rules: [{if: $X}, {when: on_success}]"}, ""},
		{"of GitLab: only", gl, [2]string{"  stage: test", "  stage: test\n  only: [tags]"}, "conditional"},
		{"of GitLab: hidden", gl, [2]string{"\nscan:", "\n.scan:"}, "renamed"},
		{"of GitLab: variables of all jobs", gl, [2]string{"stages:", "variables: {HOLDFAST_CONFIG: x}\nstages:"}, "narrowed"},
		{"of GitLab: nothing is fetched", gl, [2]string{"stages:", "variables: {GIT_STRATEGY: none}\nstages:"}, "narrowed"},
		{"of GitLab: variables for others", gl, [2]string{"stages:", "variables: {NODE_ENV: x}\nstages:"}, ""},
		{"of GitLab: no run", gl, [2]string{"  stage: test", "  stage: test\n  parallel: {matrix: []}"}, "never"},
		{"of GitLab: machines of somebody", gl, [2]string{"  stage: test", "  stage: test\n  tags: [evil]"}, "changed"},
		{"of GitLab: another program starts the image", gl, [2]string{"image: holdfast/holdfast", "image: {name: holdfast/holdfast, entrypoint: [x]}"}, "changed"},
		{"of GitLab: what runs before all jobs, as it was written before", gl, [2]string{"stages:", "before_script: [exit 0]\nstages:"}, "ignored"},
		{"of GitLab: renamed", gl, [2]string{"\nscan:", "\nlint:"}, "renamed"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			before := github
			if test.path == gl {
				before = gitlab
			}
			after := strings.Replace(before, test.replace[0], test.replace[1], 1)
			if after == before {
				t.Fatal("nothing is replaced")
			}
			got := losses(t, test.path, before, after)
			if test.want == "" && len(got) > 0 || test.want != "" && !strings.Contains(strings.Join(got, " "), test.want) {
				t.Errorf("lost %q, want %q", got, test.want)
			}
			if back := losses(t, test.path, before, before); len(back) > 0 {
				t.Errorf("nothing changed, and %q is lost", back)
			}
		})
	}
}

func TestOtherPipelines(t *testing.T) {
	for path, before := range map[string]string{
		"azure-pipelines.yml":       "steps:\n- script: holdfast scan .\n",
		".circleci/config.yml":      "jobs: {s: {steps: [{run: {command: holdfast scan .}}]}}\n",
		"Jenkinsfile":               "stage('s') { steps { sh 'holdfast scan .' } }\n",
		".gitea/workflows/ci.yml":   github,
		".forgejo/workflows/ci.yml": github,
		"ci/scan.sh":                "#!/bin/sh\nset -e\nholdfast scan .\n",
	} {
		for text, want := range map[string]string{"true": "removed", "holdfast scan . || true": "ignored", "holdfast scan . # all": ""} {
			after := strings.Replace(before, "holdfast scan .", text, 1)
			if strings.Contains(text, "#") && !strings.HasSuffix(path, ".sh") {
				after = before + "\n"
			}
			got := strings.Join(losses(t, path, before, after), " ")
			if want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s with %q: lost %q, want %q", path, text, got, want)
			}
		}
	}
}

func TestIncludedPipeline(t *testing.T) {
	const root, gate = "include: [{local: /ci/scan.yml}]\n", "scan:\n  script: [holdfast scan .]\n"
	for reason, after := range map[string]map[string]string{
		"not included any more": {".gitlab-ci.yml": "a: {script: [x]}\n", "ci/scan.yml": gate},
		"without its gate":      {".gitlab-ci.yml": root, "ci/scan.yml": "scan:\n  script: [x]\n"},
		"removed":               {".gitlab-ci.yml": root},
	} {
		before := source.Memory(map[string]string{".gitlab-ci.yml": root, "ci/scan.yml": gate})
		found, err := safeguard.Compare(context.Background(), before, source.Memory(after), []string{".gitlab-ci.yml", "ci/scan.yml"})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 || found[0].Loss != "removed" {
			t.Errorf("%s: %v", reason, found)
		}
	}
}
