package workflow

import (
	"errors"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const usual = ".github/workflows/ci.yml"

func parse(t *testing.T, name, text string) *resource.Value {
	t.Helper()
	all, err := Parse(source.Memory(nil), source.NewFile(name, []byte(text)))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if len(all) != 1 {
		t.Fatalf("%d resources", len(all))
	}
	return all[0].Root
}

// at follows keys and, for numbers, positions.
func at(root *resource.Value, path string) *resource.Value {
	for _, step := range strings.Split(path, "/") {
		if root == nil {
			return nil
		}
		if root.Kind == resource.List {
			i := int(step[0] - '0')
			if i >= len(root.Items) {
				return nil
			}
			root = root.Items[i]
			continue
		}
		root = root.Get(step)
	}
	return root
}

// show writes a value in flow style.
func show(v *resource.Value) string {
	switch {
	case v == nil:
		return "none"
	case v.Unknown() != "":
		return "unknown"
	case v.Kind == resource.Bool && v.Bool:
		return "true"
	case v.Kind == resource.Bool:
		return "false"
	case v.Kind == resource.List:
		var all []string
		for _, item := range v.Items {
			all = append(all, show(item))
		}
		return "[" + strings.Join(all, " ") + "]"
	case v.Kind == resource.Map:
		var all []string
		for _, f := range v.Fields {
			all = append(all, f.Key+":"+show(f.Value))
		}
		return "{" + strings.Join(all, " ") + "}"
	}
	return v.Str
}

func TestClaims(t *testing.T) {
	const workflow = "name: x\non: push\njobs: {}\n"
	files := map[string]string{
		".github/workflows/ci.yml": "", "sub/.github/workflows/ci.yaml": "", ".github/dependabot.yml": "",
		"action.yml": "name: x\nruns:\n  using: composite\n", "deep/down/action.yaml": "runs: {using: node24}\n",
		"workflows/ci.yml": workflow, "ci.yml": workflow, "dependabot.yaml": "updates:\n- package-ecosystem: npm\n",
	}
	others := map[string]string{
		".github/workflows/ci.json": "", ".github/workflows/sub/ci.yml": workflow, ".github/FUNDING.yml": "", "deep/ci.yml": workflow,
		"deep/action.yml": "apiVersion: v1\nkind: ConfigMap\n", "pod.yml": "apiVersion: v1\n", ".gitlab-ci.yml": "stages: [build]\n",
	}
	tree := map[string]string{}
	for _, all := range []map[string]string{files, others} {
		for name, text := range all {
			tree[name] = text
		}
	}
	for name := range tree {
		_, want := files[name]
		if got := Claims(source.Memory(tree), name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestNormalised(t *testing.T) {
	for _, test := range []struct{ text, path, want, reason string }{
		{"on: push\njobs: {}", "on", "{push:{}}", "one event"},
		{"on: [push, pull_request]\njobs: {}", "on", "{push:{} pull_request:{}}", "a list of events"},
		{"on: {push: , schedule: [{cron: x}], pull_request: {branches: main, types: [opened]}}\njobs: {}", "on",
			"{push:{} schedule:[{cron:x}] pull_request:{branches:[main] types:[opened]}}", "a map of events"},
		{"on: push\npermissions: write-all\njobs: {}", "permissions", "{all:write}", "all rights"},
		{"on: push\npermissions: read-all\njobs: {}", "permissions", "{all:read}", "all to read"},
		{"on: push\npermissions:\njobs: {}", "permissions", "{}", "nothing is none"},
		{"on: push\njobs: {a: {runs-on: ubuntu-latest}}", "jobs/a/runs-on", "{labels:[ubuntu-latest] selfHosted:false}", "one label"},
		{"on: push\njobs: {a: {runs-on: [self-hosted, linux]}}", "jobs/a/runs-on", "{labels:[self-hosted linux] selfHosted:true}", "a list"},
		{"on: push\njobs: {a: {runs-on: {group: big, labels: x}}}", "jobs/a/runs-on", "{group:big labels:[x] selfHosted:unknown}", "a group"},
		{"on: push\njobs: {a: {runs-on: '${{ matrix.os }}', strategy: {matrix: {os: [ubuntu-latest, [self-hosted, x]]}}}}", "jobs/a/runs-on",
			"{labels:[ubuntu-latest self-hosted x] selfHosted:true}", "labels of a matrix"},
		{"on: push\njobs: {a: {runs-on: '${{ matrix.os }}', strategy: {matrix: '${{ fromJSON(x.y) }}'}}}", "jobs/a/runs-on", "{labels:[] selfHosted:unknown}", "a computed matrix"},
		{"on: push\njobs: {a: {needs: b}}", "jobs/a/needs", "[b]", "one job"},
		{"on: push\njobs: {a: {environment: prod, concurrency: x}}", "jobs/a/environment", "{name:prod}", "an environment by its name"},
		{"on: push\njobs: {a: {container: 'node:24'}}", "jobs/a/container", "{image:node:24 pinned:false}", "an image"},
		{"on: push\njobs: {a: {container: {image: 'node@sha256:0'}}}", "jobs/a/container/pinned", "true", "a digest"},
		{"on: push\njobs: {a: {container: '${{ matrix.x }}'}}", "jobs/a/container/pinned", "unknown", "an expression"},
		{"on: push\njobs: {a: {uses: o/r/.github/workflows/w.yml@v1, secrets: inherit}}", "jobs/a/secrets", "{inherit:true}", "all secrets"},
		{"on: push\njobs: {a: {uses: o/r/.github/workflows/w.yml@v1}}", "jobs/a/uses/kind", "workflow", "a called workflow"},
		{"on: push\njobs: {a: {steps: [{uses: Actions/Cache/restore@v4}]}}", "jobs/a/steps/0/uses",
			"{text:Actions/Cache/restore@v4 ref:v4 version:number pinned:false path:restore owner:Actions repo:Cache name:actions/cache kind:action}", "a part of an action"},
		{"on: push\njobs: {a: {steps: [{uses: a/b@08c6903cd8c0fde910a37f88322edcfb5dd907a8}]}}", "jobs/a/steps/0/uses/pinned", "true", "a hash"},
		{"on: push\njobs: {a: {steps: [{uses: a/b@08c6903}]}}", "jobs/a/steps/0/uses/version", "short", "a part of a hash"},
		{"on: push\njobs: {a: {steps: [{uses: a/b@main}]}}", "jobs/a/steps/0/uses/version", "name", "a branch"},
		{"on: push\njobs: {a: {steps: [{uses: 'docker://alpine:3'}]}}", "jobs/a/steps/0/uses", "{text:docker://alpine:3 kind:docker name:alpine:3 pinned:false}", "an image"},
		{"on: push\njobs: {a: {steps: [{uses: ./x}]}}", "jobs/a/steps/0/uses/kind", "local", "a directory"},
		{"on: push\njobs:\n  a:\n    steps:\n    - uses: a/b@1 # v1.2 \n", "jobs/a/steps/0/uses/comment", "v1.2", "a comment"},
		{"on: push\njobs: {a: {steps: [{uses: a/b@v1, with: {on: true, n: 010, x: yes, none: }}]}}", "jobs/a/steps/0/with", "{on:true n:010 x:yes none:}", "inputs are strings as they are written"},
		{"on: push\ndefaults: {run: {shell: bash}}\njobs: {a: {steps: [{run: make}]}}", "jobs/a/steps/0/run/shell", "bash", "a default shell"},
		{"on: push\njobs: {a: {steps: [{run: 'echo \"a ${{ a }}${{ b.c }}\" ${{ d }}x | ${{ e }}'}]}}", "jobs/a/steps/0/run/commands/0", "{name:echo args:[a ${{ a }}${{ b.c }} ${{ d }}x] feeds:[${{ e }}]}", "expressions in words"},
		{"on: push\nx: &env {A: '${{ github.head_ref }}'}\njobs: {a: {steps: [{env: *env, run: 'echo ${{ env.A }}'}]}}", "jobs/a/steps/0/expressions/1/taint", "github.head_ref", "an anchor"},
	} {
		if got := show(at(parse(t, usual, test.text), test.path)); got != test.want {
			t.Errorf("%s: got %s, want %s\n%s", test.reason, got, test.want, test.text)
		}
	}
}

// TestPlaces puts one word into scalars of all styles: its place is its own.
func TestPlaces(t *testing.T) {
	const word = "github.head_ref"
	for _, run := range []string{
		"echo ${{ @ }}",
		"'it''s ${{ @ }}'",
		`"\"é\t\u00e9\x41 ${{ @ }}\n"`,
		"|\n        one\n\n          two ${{ @ }}\n        three\n",
		"|+2\n          ${{ @ }}\n\n",
		"|-\n\n\n        é ${{ @ }}",
		">\n        folded\n        text ${{ @ }}\n\n        more\n",
		">-\n        folded\n          deeper ${{ @ }}\n        back ${{ env.x }}\n",
		"plain\n        text ${{ @ }}\n        more",
		"\"double\n        text\n\n        with ${{ @ }}\n        breaks\"",
		"'single\n\n        text ${{ @ }}'",
		"|\n        a\r\n        b ${{ @ }}\r\n",
	} {
		text := "on: push\njobs:\n  a:\n    steps:\n    - env: {x: y}\n      run: " + strings.ReplaceAll(run, "@", word) + "\n"
		for _, newline := range []string{"\n", "\r\n"} {
			text := strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\n", newline)
			e := at(parse(t, usual, text), "jobs/a/steps/0/expressions/0/taint")
			if e == nil {
				t.Errorf("%q: no expression", text)
				continue
			}
			if got := text[e.Span.Start:e.Span.End]; got != word || e.Str != word {
				t.Errorf("%q: the place of %s is %q", text, e.Str, got)
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	for _, test := range []struct {
		text string
		line int
	}{
		{"on: push\njobs:\n  a:\n    steps:\n    - run: |\n        one\n        ${{ a. }}\n", 7},
		{"on: push\njobs:\n  a:\n    if: a ==\n", 4},
		{"on: push\njobs:\n  a:\n    steps:\n    - run: echo ${{ a\n", 5},
		{"on: push\njobs:\n  a: text\n", 3},
		{"on: push\njobs:\n  a:\n    steps: [text]\n", 4},
	} {
		all, err := Parse(source.Memory(nil), source.NewFile(usual, []byte(test.text)))
		syntax, ok := errors.AsType[*resource.SyntaxError](err)
		if !ok || syntax.Position.Line != test.line || len(all) != 1 {
			t.Errorf("%q: %d resources, %v", test.text, len(all), err)
		}
	}
	for _, text := range []string{"", "- a", "on: push", "a: b", "jobs: []"} {
		if _, err := Parse(source.Memory(nil), source.NewFile(usual, []byte(text))); !errors.Is(err, render.ErrOtherFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"on: push\njobs: {a: {runs-on: x, steps: [{uses: a/b@c, with: {ref: '${{ github.head_ref }}'}}, {run: 'echo ${{ env.X }} >> $GITHUB_ENV'}]}}",
		"on: {workflow_call: {inputs: {a: {type: string}}}}\nenv: {X: \"${{ inputs.a }}\"}\njobs:\n  b:\n    needs: b\n    if: ${{ a }} && b\n    outputs: {x: \"${{ steps.s.outputs.x }}\"}\n    steps:\n    - id: s\n      run: |\n        {\n          echo x=$X\n        } >> $GITHUB_OUTPUT\n    - run: >-\n        echo ${{ needs.b.outputs.x }}\n         && make\n",
		"runs: {using: composite, steps: [{run: \"a\\n${{ inputs.x }}\\\n  b\", shell: bash}]}",
		"on: [issue_comment]\njobs: {a: &a {strategy: {matrix: {x: ['${{ matrix.x }}']}}, steps: [{run: gh pr checkout 1; make}]}, b: *a}",
	} {
		f.Add(text, uint8(0))
		f.Add(text, uint8(1))
	}
	f.Fuzz(func(t *testing.T, text string, kind uint8) {
		name := []string{usual, "action.yml", ".github/dependabot.yml"}[int(kind)%3]
		all, err := Parse(source.Memory(nil), source.NewFile(name, []byte(text)))
		again, _ := Parse(source.Memory(nil), source.NewFile(name, []byte(text)))
		if len(all) == 0 && err == nil {
			t.Fatal("neither a resource nor an error")
		}
		for i, r := range all {
			inside(t, text, r.Root)
			if show(r.Root) != show(again[i].Root) {
				t.Fatal("read twice, the tree differs")
			}
		}
	})
}

// inside checks that all places are in the text.
func inside(t *testing.T, text string, v *resource.Value) {
	if v.Span.Start < 0 || v.Span.End > len(text) || v.Span.Start > v.Span.End {
		t.Fatalf("%s is at %v of %d bytes", show(v), v.Span, len(text))
	}
	for _, item := range v.Items {
		inside(t, text, item)
	}
	for _, f := range v.Fields {
		inside(t, text, f.Value)
	}
}
