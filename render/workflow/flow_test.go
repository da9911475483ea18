package workflow

import (
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/source"
)

// TestGates looks at who can start a job whose `if` is given.
func TestGates(t *testing.T) {
	const target = "pull_request_target"
	for _, test := range []struct{ on, condition, events, exposure, privileged, reason string }{
		{"push", "", "[push]", "internal", "false", "people who may push"},
		{"pull_request", "", "[pull_request]", "public", "false", "anybody, without secrets"},
		{target, "", "[pull_request_target]", "privileged", "true", "anybody, with secrets"},
		{"workflow_call", "", "[workflow_call]", "called", "unknown", "whoever calls"},
		{"[push, issues]", "", "[push issues]", "privileged", "true", "the worst counts"},
		{"[push, issues]", "github.event_name == 'push'", "[push]", "internal", "false", "one event"},
		{"[push, issues]", "${{ 'issues' != github.event_name }}", "[push]", "internal", "false", "not one event, the other way round"},
		{"[push, issues]", "${{ github.event_name == 'push' }} && true", "[push issues]", "privileged", "true", "text outside always holds"},
		{"[push, issues]", "!(github.event_name == 'push' || failure())", "[issues]", "privileged", "true", "not one of two"},
		{"[push, issues]", "contains(fromJSON('[\"push\"]'), github.event_name)", "[push]", "internal", "false", "a list of events"},
		{"[push, issues]", "false", "[]", "internal", "false", "never"},
		{target, "github.event.pull_request.head.repo.full_name == github.repository", "[pull_request_target]", "internal", "false", "the same repository"},
		{target, "github.repository != github.event.pull_request.head.repo.full_name", "[pull_request_target]", "privileged", "true", "another repository"},
		{target, "github.event.pull_request.head.repo.fork == false", "[pull_request_target]", "internal", "false", "no fork"},
		{target, "!github.event.pull_request.head.repo.fork", "[pull_request_target]", "internal", "false", "no fork, negated"},
		{target, "github.event.pull_request.head.repo.fork", "[pull_request_target]", "privileged", "true", "a fork"},
		{"[push, " + target + "]", "github.event_name == 'push' || github.event.pull_request.head.repo.full_name == github.repository",
			"[push pull_request_target]", "internal", "false", "either of two"},
		{target, "github.actor == 'octocat'", "[pull_request_target]", "privileged", "false", "one person"},
		{target, "github.actor == 'dependabot[bot]'", "[pull_request_target]", "privileged", "true", "a bot, which others can make act"},
		{target, "github.event.pull_request.user.login == 'dependabot[bot]'", "[pull_request_target]", "privileged", "false", "the author"},
		{target, "needs.check.outputs.ok == 'true'", "[pull_request_target]", "privileged", "unknown", "an outcome"},
		{target, "needs.check.result == 'success'", "[pull_request_target]", "privileged", "true", "a status"},
		{target, "contains(github.event.pull_request.labels.*.name, 'safe')", "[pull_request_target]", "privileged", "true", "a label, which stays for later pushes"},
		{"issue_comment", "github.event.comment.author_association == 'MEMBER'", "[issue_comment]", "privileged", "false", "a member"},
		{"issue_comment", "github.event.comment.author_association == 'NONE'", "[issue_comment]", "privileged", "true", "anybody"},
		{"issue_comment", "github.event.comment.author_association != 'MEMBER'", "[issue_comment]", "privileged", "true", "no member"},
		{"issue_comment", "contains('OWNER,MEMBER', github.event.comment.author_association)", "[issue_comment]", "privileged", "false", "members, in a text"},
		{"issue_comment", "contains(fromJSON('[\"OWNER\",\"CONTRIBUTOR\"]'), github.event.comment.author_association)", "[issue_comment]", "privileged", "true", "not only members"},
		{"workflow_run", "github.event.workflow_run.event == 'push'", "[workflow_run]", "internal", "false", "a run for a push"},
		{"workflow_run", "github.event.workflow_run.event != 'pull_request'", "[workflow_run]", "internal", "false", "no run for a pull request"},
		{"workflow_run", "github.event.workflow_run.event == 'pull_request'", "[workflow_run]", "privileged", "true", "a run for a pull request"},
		{"[push, pull_request]", "github.ref == 'refs/heads/main'", "[push]", "internal", "false", "a branch"},
		{"[push, pull_request]", "startsWith(github.ref, 'refs/tags/')", "[push]", "internal", "false", "a tag"},
		{"[push, pull_request]", "github.event.pull_request", "[pull_request]", "public", "false", "there is a pull request"},
		{"[push, pull_request]", "!github.event.pull_request", "[push]", "internal", "false", "there is none"},
	} {
		text := "on: " + test.on + "\njobs:\n  check: {runs-on: x}\n  a:\n    runs-on: x\n"
		if test.condition != "" {
			text += "    if: \"" + strings.ReplaceAll(test.condition, `"`, `\"`) + "\"\n"
		}
		root := parse(t, usual, text)
		for field, want := range map[string]string{"events": test.events, "exposure": test.exposure, "privileged": test.privileged} {
			if got := show(at(root, "jobs/a/"+field)); got != want {
				t.Errorf("%s: %s is %s, want %s\n%s", test.reason, field, got, want, text)
			}
		}
	}
}

func TestGatesOfNeededJobs(t *testing.T) {
	root := parse(t, usual, `
on: [push, issues]
jobs:
  a: {if: github.event_name == 'push', runs-on: x}
  b: {needs: a, runs-on: x, steps: [{run: x}, {if: github.actor == 'me', run: x}]}
  c: {needs: [b], if: always(), runs-on: x}
  d: {needs: d, runs-on: x}
`)
	for path, want := range map[string]string{
		"jobs/b/events": "[push]", "jobs/b/steps/0/events": "[push]", "jobs/c/events": "[push issues]", "jobs/d/events": "[push issues]",
	} {
		if got := show(at(root, path)); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// TestFlows looks at the taint of the last reference of the last step of job a.
func TestFlows(t *testing.T) {
	const title = "${{ github.event.issue.title }}"
	for _, test := range []struct{ before, expression, want, reason string }{
		{"", "github.event.issue.title", "github.event.issue.title", "at first hand"},
		{"", "github.event.issue.number", "", "a number"},
		{"", "github.event.issue", "", "an object is no text"},
		{"", "toJSON(github.event.issue)", "github.event.issue", "but its JSON is"},
		{"", "github.event[env.X].body", "github.event.*.body", "any of several"},
		{"", "github.event.client_payload.x", "unknown", "a dispatch"},
		{"", "secrets.X || vars.Y", "", "what the repository chooses"},
		{"    env: {T: '" + title + "'}\n", "env.T", "github.event.issue.title", "a variable"},
		{"    env: {T: '" + title + "'}\n", "env.t", "github.event.issue.title", "names of variables do not tell cases apart here"},
		{"    env: {T: '${{ env.T }}'}\n", "env.T", "", "a circle"},
		{"    strategy: {matrix: {x: [a, '" + title + "']}}\n", "matrix.x", "github.event.issue.title", "a matrix"},
		{"    strategy: {matrix: {x: [a], include: [{y: '" + title + "'}]}}\n", "matrix.y", "github.event.issue.title", "a matrix that is extended"},
		{"    strategy: {matrix: {x: [a, b]}}\n", "matrix.x", "", "a matrix of words"},
		{"    strategy: {matrix: '${{ fromJSON(needs.o.outputs.a) }}'}\n", "matrix.x", "unknown", "a matrix that an action gives"},
		{"", "needs.o.outputs.t", "github.event.issue.title", "another job"},
		{"", "needs.o.outputs.s", "", "another job, its own text"},
		{"", "needs.o.result", "", "the result of another job"},
		{"", "needs.w.outputs.x", "unknown", "a called workflow"},
		{"", "inputs.x", "", "a dispatch by people who may write"},
	} {
		text := `
on: {issues: {}, workflow_dispatch: {inputs: {x: {}}}}
jobs:
  o:
    outputs: {t: "${{ steps.s.outputs.t }}", s: "${{ steps.s.outputs.s }}", a: "${{ steps.a.outputs.x }}"}
    steps:
    - {id: a, uses: example/a@v1}
    - {id: s, env: {T: '` + title + `'}, run: "echo t=$T >> $GITHUB_OUTPUT\necho s=1 >> $GITHUB_OUTPUT"}
  w: {uses: ./.github/workflows/w.yml}
  a:
    needs: [o, w]
` + test.before + `    steps:
    - run: echo ${{ ` + test.expression + " }}\n"
		all := at(parse(t, usual, text), "jobs/a/steps/0/expressions").Items
		last := all[len(all)-1]
		if test.expression == "github.event[env.X].body" || test.expression == "secrets.X || vars.Y" {
			last = all[0]
		}
		if got := show(last.Get("taint")); got != test.want {
			t.Errorf("%s: got %q, want %q", test.reason, got, test.want)
		}
	}
}

// TestWrites looks at what the step after a script gets by an output and a
// variable, both named x.
func TestWrites(t *testing.T) {
	for _, test := range []struct{ script, want, reason string }{
		{`echo "x=$T" >> $FILE`, "github.event.issue.title", "a variable"},
		{`echo x=${T} >> "$FILE"`, "github.event.issue.title", "in braces"},
		{`echo "x=${{ github.event.issue.title }}" >>"${FILE}"`, "github.event.issue.title", "an expression"},
		{"name=\"a-$T\"\necho \"x=$name\" >> $FILE", "github.event.issue.title", "a variable of the script"},
		{"name=$(echo \"$T\" | tr -cd a-z)\necho \"x=$name\" >> $FILE", "", "reduced"},
		{"echo \"x<<EOF\" >> $FILE\necho \"$T\" >> $FILE\necho EOF >> $FILE\necho y=1 >> $FILE", "github.event.issue.title", "several lines"},
		{"{\n  echo 'x<<EOF'\n  echo \"$T\"\n  echo EOF\n} >> \"$FILE\"", "github.event.issue.title", "a group"},
		{`printf 'x=%s\n' "$T" | tee -a "$FILE"`, "github.event.issue.title", "tee"},
		{"echo \"$T\"\necho x=1 >> $FILE", "", "printed only"},
		{"echo \"y=$T\" >> $FILE\necho x=1 >> $FILE", "", "another name"},
		{`echo "x=$GITHUB_HEAD_REF" >> $FILE`, "github.head_ref", "a variable of the runner"},
		{"b=$(jq -r .issue.body \"$GITHUB_EVENT_PATH\")\necho \"x=$b\" >> $FILE", "github.event", "the event file"},
		{"n=$(jq -r .issue.number \"$GITHUB_EVENT_PATH\")\necho \"x=$n\" >> $FILE", "", "a number of the event file"},
		{`echo "x=$HOME" >> $FILE`, "", "a path"},
	} {
		for file, reference := range map[string]string{"GITHUB_OUTPUT": "steps.s.outputs.x", "GITHUB_ENV": "env.x"} {
			script := strings.ReplaceAll(strings.ReplaceAll(test.script, "FILE", file), "\n", "\n        ")
			text := "on: issues\njobs:\n  a:\n    steps:\n    - id: s\n      env: {T: '${{ github.event.issue.title }}'}\n      run: |\n        " +
				script + "\n    - run: echo ${{ " + reference + " }}\n"
			if got := show(at(parse(t, usual, text), "jobs/a/steps/1/expressions/0/taint")); got != test.want {
				t.Errorf("%s by %s: got %q, want %q", test.reason, file, got, test.want)
			}
		}
	}
}

// TestCheckouts looks at what is fetched by the first step, and run by the second.
func TestCheckouts(t *testing.T) {
	head := "{uses: actions/checkout@v5, with: {ref: '${{ github.event.pull_request.head.sha }}'}}"
	for _, test := range []struct{ first, second, head, mutable, runs, reason string }{
		{"{uses: actions/checkout@v5}", "{run: make}", "", "false", "none", "the base"},
		{head, "{run: make}", "github.event.pull_request.head.sha", "false", "[make]", "the head"},
		{head, "{run: 'ls; cat x'}", "github.event.pull_request.head.sha", "false", "[]", "what runs nothing"},
		{head, "{run: 'cd x && npm test'}", "github.event.pull_request.head.sha", "false", "[cd x && npm test]", "in the middle of a line"},
		{head, "{uses: ./tool}", "github.event.pull_request.head.sha", "false", "[./tool]", "a local action"},
		{head, "{uses: actions/checkout@v5}", "github.event.pull_request.head.sha", "false", "[]", "another checkout"},
		{"{uses: actions/checkout@v5, with: {ref: '${{ github.head_ref }}'}}", "{run: make}", "github.head_ref", "true", "[make]", "a branch"},
		{"{uses: actions/checkout@v5, with: {ref: 'refs/pull/${{ github.event.number }}/merge'}}", "{run: make}", "a number", "true", "[make]", "a number"},
		{"{uses: actions/checkout@v5, with: {ref: '${{ github.event.pull_request.head.sha }}', path: pr}}", "{run: make}", "github.event.pull_request.head.sha", "false", "[]", "another directory"},
		{"{uses: actions/checkout@v5, with: {ref: '${{ github.event.pull_request.head.sha }}', path: pr}}", "{run: make, working-directory: pr/app}",
			"github.event.pull_request.head.sha", "false", "[make]", "another directory, and run there"},
		{"{uses: actions/checkout@v5, with: {repository: '${{ github.event.pull_request.head.repo.full_name }}'}}", "{run: make}",
			"github.event.pull_request.head.repo.full_name", "true", "[make]", "the repository of the fork"},
		{"{run: 'gh pr checkout 1'}", "{run: ./x.sh}", "a number", "true", "[./x.sh]", "a command"},
		{"{run: 'git fetch origin ${{ github.event.pull_request.head.sha }}'}", "{run: make}", "github.event.pull_request.head.sha", "false", "[make]", "git"},
		{"{uses: actions/checkout@v5, with: {ref: '${{ needs.x.outputs.ref }}'}}", "{run: make}", "", "false", "none", "a job that is not there"},
	} {
		text := "on: pull_request_target\njobs:\n  a:\n    steps:\n    - " + test.first + "\n    - " + test.second + "\n"
		root := parse(t, usual, text)
		for path, want := range map[string]string{
			"jobs/a/steps/0/checkout/head": test.head, "jobs/a/steps/0/checkout/mutable": test.mutable, "jobs/a/steps/1/untrusted": test.runs,
		} {
			if got := show(at(root, path)); got != want {
				t.Errorf("%s: %s is %q, want %q", test.reason, path, got, want)
			}
		}
	}
}

func TestUntrustedContexts(t *testing.T) {
	for _, ref := range untrusted {
		if !matches(untrusted, ref, false) || !matches(untrusted, "github.event.*", true) && strings.HasPrefix(ref, "github.event.") {
			t.Errorf("%s does not match itself", ref)
		}
	}
	for _, ref := range []string{"github", "github.event", "github.event.issue", "github.event.issue.title.x", "github.event.issue.number", "secrets.x"} {
		if matches(untrusted, ref, false) {
			t.Errorf("%s is not chosen by outsiders", ref)
		}
	}
}

// TestCallees follows texts into local actions and workflows.
func TestCallees(t *testing.T) {
	tree := source.Memory(map[string]string{
		"sub/tool/action.yml":            "inputs: {a: {}, b: {}, c: {}}\nruns:\n  using: composite\n  steps:\n  - {run: 'echo ${{ inputs.a }}', env: {B: '${{ inputs.b }}'}}\n  - {run: 'echo $B'}\n  - {env: {X: '${{ inputs.c }}'}, run: 'echo ${{ env.X }}'}\n",
		"sub/outer/action.yaml":          "inputs: {z: {}}\nruns: {using: composite, steps: [{uses: ./tool, with: {a: '${{ inputs.z }}'}}]}\n",
		"sub/.github/workflows/call.yml": "on: {workflow_call: {inputs: {t: {type: string}, n: {type: number}}}}\njobs: {x: {steps: [{run: 'echo ${{ inputs.t }} ${{ inputs.n }}'}]}}\n",
		"sub/loop/action.yml":            "inputs: {a: {}}\nruns: {using: composite, steps: [{uses: ./loop, with: {a: '${{ inputs.a }}'}}]}\n",
		"sub/broken/action.yml":          "{",
	})
	text := `
on: issues
jobs:
  w:
    uses: ./.github/workflows/call.yml
    with: {t: "${{ github.event.issue.title }}", n: "${{ github.event.issue.title }}"}
  a:
    steps:
    - uses: ./tool
      with: {a: "${{ github.event.issue.title }}", B: "${{ github.event.issue.title }}", C: "${{ github.event.issue.title }}"}
    - {uses: ./outer, with: {z: "${{ github.event.issue.title }}"}}
    - {uses: ./loop, with: {a: "${{ github.event.issue.title }}"}}
    - {uses: ./broken, with: {a: "${{ github.event.issue.title }}"}}
    - {uses: ../../etc, with: {a: "${{ github.event.issue.title }}"}}
`
	all, err := Parse(tree, source.NewFile("sub/.github/workflows/ci.yml", []byte(text)))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"jobs/w/expressions/0": "shell", "jobs/w/expressions/1": "with",
		"jobs/a/steps/0/expressions/0": "shell", "jobs/a/steps/0/expressions/1": "with", "jobs/a/steps/0/expressions/2": "shell",
		"jobs/a/steps/1/expressions/0": "shell", "jobs/a/steps/2/expressions/0": "with", "jobs/a/steps/3/expressions/0": "with",
		"jobs/a/steps/4/expressions/0": "with",
	} {
		if got := show(at(all[0].Root, path+"/sink")); got != want {
			t.Errorf("%s: sink %s, want %s", path, got, want)
		}
	}
}
