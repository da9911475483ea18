package azure_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/azure"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const name = "azure-pipelines.yml"

func TestClaims(t *testing.T) {
	for path, want := range map[string]bool{
		name: true, "a/azure-pipelines.yaml": true, "azure-pipelines-pr.yml": true, "azure-pipelines.release.yml": true,
		".azure-pipelines/build.yml": true, "x/azure-pipelines/steps/a.yaml": true,
		"pipelines.yml": false, "azure-pipelines.json": false, ".azure-pipelines/readme.md": false,
	} {
		if got := azure.Claims(nil, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func read(t *testing.T, files map[string]string) (*resource.Resource, error) {
	t.Helper()
	all, err := azure.Parse(source.Memory(files), source.NewFile(name, []byte(files[name])))
	if len(all) != 1 {
		t.Fatalf("%d resources, %v", len(all), err)
	}
	return all[0], err
}

// path splits a/0/c.
func path(text string) (out resource.Path) {
	for part := range strings.SplitSeq(text, "/") {
		if n := 0; part[0] >= '0' && part[0] <= '9' {
			_, _ = fmt.Sscan(part, &n)
			out = append(out, resource.Index(n))
			continue
		}
		out = append(out, resource.Key(strings.ReplaceAll(part, "|", "/")))
	}
	return out
}

// TestPlaces proves that templates and directives give way to what they hold, and
// that each word keeps its place.
func TestPlaces(t *testing.T) {
	r, err := read(t, map[string]string{
		name: "pool: {vmImage: ubuntu-24.04}\n" +
			"variables:\n- ${{ if eq(1, 1) }}:\n  - {name: a, value: $(Build.SourceBranch)}\n- template: ci/vars.yml\n" +
			"stages:\n- stage: test\n  jobs:\n  - job: unit\n    steps:\n    - template: ci/steps.yml\n    - template: far.yml@ci\n    - ${{ if ne(1, 2) }}:\n      - bash: echo $(a)\n" +
			"- ${{ each e in parameters.envs }}:\n  - stage: prod\n    jobs:\n    - deployment: web\n      environment: prod\n      pool: own\n      strategy:\n        runOnce:\n          deploy: {steps: [{script: one}]}\n          on: {failure: {steps: [{script: two}]}}\n",
		"ci/vars.yml":  "variables:\n  b: '2'\n",
		"ci/steps.yml": "steps:\n- task: Bash@3\n  inputs:\n    script: |\n      x\n      say \"$(Build.SourceBranchName)\" | sh\n- template: more.yml\n",
		"ci/more.yml":  "steps:\n- pwsh: gci\n",
	})
	note, ok := errors.AsType[render.Note](err)
	if !ok || render.WithoutNotes(err) != nil {
		t.Fatal(err)
	}
	want := render.Note{
		Used:    []string{"ci/vars.yml", "ci/steps.yml", "ci/more.yml"},
		Skipped: []render.Skipped{{Path: "far.yml@ci", Reason: "used by azure-pipelines.yml: it is in another repository"}},
	}
	if diff := cmp.Diff(want, note); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for at, want := range map[string]string{
		"variables/0/value":                                "azure-pipelines.yml:4:22 $(Build.SourceBranch)",
		"jobs/test|unit/pool/vmImage":                      "azure-pipelines.yml:1:17 ubuntu-24.04",
		"jobs/test|unit/steps/0/task/name":                 "ci/steps.yml:2:9 Bash",
		"jobs/test|unit/steps/0/script/commands/1/name":    "ci/steps.yml:6:7 say",
		"jobs/test|unit/steps/0/script/commands/1/args/0":  "ci/steps.yml:6:11 $(Build.SourceBranchName)",
		"jobs/test|unit/steps/0/script/commands/1/feeds/0": "ci/steps.yml:6:41 sh",
		"jobs/test|unit/steps/0/expressions/0/taint":       "ci/steps.yml:6:12 Build.SourceBranchName",
		"jobs/test|unit/steps/1/script/lines/0":            "ci/more.yml:2:9 gci",
		"jobs/test|unit/steps/2/expressions/0/taint":       "azure-pipelines.yml:14:20 Build.SourceBranch",
		"jobs/prod|web/environment/name":                   "azure-pipelines.yml:19:20 prod",
		"jobs/prod|web/pool/name":                          "azure-pipelines.yml:20:13 own",
		"jobs/prod|web/steps/0/script/text":                "azure-pipelines.yml:23:37 one",
		"jobs/prod|web/steps/1/script/text":                "azure-pipelines.yml:24:43 two",
	} {
		loc, v := r.Locate(path(at)), r.Root.At(path(at))
		if v == nil {
			t.Errorf("%s: absent", at)
			continue
		}
		p := loc.Position()
		if got := fmt.Sprintf("%s:%d:%d %s", loc.File.Path, p.Line, p.Column, v.Str); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
	// A variable that a template brings is a variable.
	if got := r.Root.Get("variables").Items; len(got) != 2 || got[1].Get("name").Str != "b" {
		t.Errorf("%d variables", len(got))
	}
}

// TestLanguages proves which language a script is in.
func TestLanguages(t *testing.T) {
	for step, want := range map[string]string{
		"{script: x}": "bash", "{pwsh: x}": "powershell", "{powershell: x}": "powershell", "{bash: x}": "bash",
		"{task: AzureCLI@2, inputs: {scriptType: bash, inlineScript: x}}":   "bash",
		"{task: AzureCLI@2, inputs: {scriptType: pscore, InlineScript: x}}": "powershell",
		"{task: AzurePowerShell@5, inputs: {Inline: x}}":                    "powershell",
		"{task: CmdLine@2, inputs: {script: x}}":                            "bash",
		"{task: Npm@1, inputs: {script: x}}":                                "",
	} {
		r, err := read(t, map[string]string{name: "steps: [" + step + "]"})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Root.Get("jobs").Get("Job").Get("steps").Items[0].Get("script").Get("language").Text(); got != want {
			t.Errorf("%s: %q, want %q", step, got, want)
		}
	}
	r, _ := read(t, map[string]string{name: "pool: {vmImage: windows-2025}\nsteps: [{script: x}]"})
	if got := r.Root.Get("jobs").Get("Job").Get("steps").Items[0].Get("script").Get("language").Text(); got != "cmd" {
		t.Errorf("Windows: %q", got)
	}
}

// TestOdd reads what people write by mistake.
func TestOdd(t *testing.T) {
	for _, text := range []string{"[a]", "a: 1", "", "apiVersion: v1\nkind: Pod\nresources: 1"} {
		if _, err := azure.Parse(nil, source.NewFile(name, []byte(text))); !errors.Is(err, render.ErrOtherFormat) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"steps: text", "steps: [null, 7, [x]]", "jobs: {a: b}", "stages: [{jobs: 7}]", "variables: 7", "extends: 7", "pr: null",
		"jobs: [{job: [a], steps: [{script: [a]}], pool: [], container: [], strategy: 7, environment: []}]",
		"extends: {template: [a], parameters: 7}", "resources: {repositories: {a: b}, containers: [7]}",
	} {
		if _, err := read(t, map[string]string{name: text}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	_, err := read(t, map[string]string{name: "steps: [{template: a.yml}]", "a.yml": "steps: [{template: a.yml}, {template: a.yml}]"})
	if render.WithoutNotes(err) != nil {
		t.Errorf("a template that uses itself: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"pr: [main]\nvariables: [{name: a, value: $(Build.SourceBranch)}, {group: g}]\nstages: [{stage: s, jobs: [{job: a, steps: [{bash: 'echo $(a) ${{ parameters.x }} | sh'}, {template: b.yml}]}]}]",
		"parameters: [{name: x}]\nsteps:\n- ${{ if eq(1,2) }}:\n  - script: |\n      a \\\n      b $(Build.SourceBranchName)\n- task: AzureCLI@2\n  inputs: {inlineScript: x}",
		"extends: {template: b.yml, parameters: {steps: [{script: x}]}}\nresources: {containers: [{container: a, image: b}]}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := map[string]string{name: text, "b.yml": text}
		all, _ := azure.Parse(source.Memory(files), source.NewFile(name, []byte(text)))
		for _, r := range all {
			walk(t, r, nil, r.Root)
		}
	})
}

// walk checks that all places are in their files.
func walk(t *testing.T, r *resource.Resource, at resource.Path, v *resource.Value) {
	if r.Origin.Locator != nil && len(at) < 5 {
		if loc := r.Locate(at); loc.Span.Start < 0 || loc.Span.End > len(loc.File.Content) {
			t.Fatalf("%s is at %v of %d bytes", at, loc.Span, len(loc.File.Content))
		}
	}
	for i, item := range v.Items {
		walk(t, r, at.Append(resource.Index(i)), item)
	}
	for _, f := range v.Fields {
		walk(t, r, at.Append(resource.Key(f.Key)), f.Value)
	}
}
