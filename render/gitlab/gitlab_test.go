package gitlab_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/gitlab"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

const name = ".gitlab-ci.yml"

func TestClaims(t *testing.T) {
	for path, want := range map[string]bool{
		name: true, "a/.gitlab-ci.yaml": true, "templates/Build.gitlab-ci.yml": true,
		"gitlab-ci.yml": false, ".gitlab-ci.json": false, ".gitlab/ci/build.yml": false, ".gitlab-ci.yml.bak": false,
	} {
		if got := gitlab.Claims(nil, path); got != want {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func read(t *testing.T, files map[string]string) (*resource.Resource, error) {
	t.Helper()
	all, err := gitlab.Parse(source.Memory(files), source.NewFile(name, []byte(files[name])))
	if len(all) != 1 {
		t.Fatalf("%d resources, %v", len(all), err)
	}
	return all[0], err
}

// path splits a.b[0].c.
func path(text string) (out resource.Path) {
	for part := range strings.SplitSeq(text, "/") {
		if n := 0; len(part) > 0 && part[0] >= '0' && part[0] <= '9' {
			_, _ = fmt.Sscan(part, &n)
			out = append(out, resource.Index(n))
			continue
		}
		out = append(out, resource.Key(part))
	}
	return out
}

// TestPlaces proves that what a job takes from elsewhere is marked there, to the
// word.
func TestPlaces(t *testing.T) {
	r, err := read(t, map[string]string{
		name: "include: [/ci/base.yml, ci/missing.yml]\n" +
			"default: {image: 'ruby:3.4', tags: [big]}\n" +
			"build:\n  extends: [.a, .b]\n  script:\n  - !reference [.setup, script]\n  - make # all\n  - |\n    one\n    two \"$CI_COMMIT_TITLE\" $CI_COMMIT_MESSAGE\n" +
			"anchored: &x\n  image: {name: \"go:1\"}\n  script: [x]\nother:\n  <<: *x\n  script: [y]\n" +
			"bare: {inherit: {default: false}, script: [z]}\n",
		"ci/base.yml": ".setup:\n  script:\n  - curl a | sh\n  - [b, c]\n.a: {variables: {A: 1, B: 2}, cache: {key: k}}\n.b:\n  variables: {B: 3}\n  environment: prod\n",
	})
	note, ok := errors.AsType[render.Note](err)
	if !ok || render.WithoutNotes(err) != nil {
		t.Fatal(err)
	}
	want := render.Note{
		Used:    []string{"ci/base.yml"},
		Skipped: []render.Skipped{{Path: "ci/missing.yml", Reason: "included by .gitlab-ci.yml: not found"}},
	}
	if diff := cmp.Diff(want, note); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for at, want := range map[string]string{
		"jobs/build/image/tag":             ".gitlab-ci.yml:2:24 3.4",
		"jobs/build/tags/0":                ".gitlab-ci.yml:2:37 big",
		"jobs/build/environment/name":      "ci/base.yml:8:16 prod",
		"jobs/build/variables/1/value":     "ci/base.yml:7:18 3",
		"jobs/build/variables/0/value":     "ci/base.yml:5:21 1",
		"jobs/build/commands/0/feeds/0":    "ci/base.yml:3:14 sh",
		"jobs/build/lines/2":               "ci/base.yml:4:9 c",
		"jobs/build/lines/3":               ".gitlab-ci.yml:7:5 make",
		"jobs/build/commands/6/name":       ".gitlab-ci.yml:10:5 two",
		"jobs/build/injections/0/variable": ".gitlab-ci.yml:10:29 CI_COMMIT_MESSAGE",
		"jobs/other/image/tag":             ".gitlab-ci.yml:12:21 1",
		"jobs/other/lines/0":               ".gitlab-ci.yml:16:12 y",
		"include/0/text":                   ".gitlab-ci.yml:1:11 /ci/base.yml",
	} {
		loc := r.Locate(path(at))
		v := r.Root.At(path(at))
		if v == nil {
			t.Errorf("%s: absent", at)
			continue
		}
		p := loc.Position()
		got := fmt.Sprintf("%s:%d:%d %s", loc.File.Path, p.Line, p.Column, v.Str)
		text := strings.Trim(string(loc.File.Content[loc.Span.Start:loc.Span.End]), `"'`)
		if got != want || text != v.Str {
			t.Errorf("%s: got %s (%q), want %s", at, got, text, want)
		}
	}
	jobs := r.Root.Get("jobs")
	if jobs.Get("bare").Get("image") != nil {
		t.Error("a job that inherits nothing has an image")
	}
	for _, gone := range []string{".a", ".b", ".setup", "default", "include"} {
		if jobs.Get(gone) != nil {
			t.Errorf("%s is a job", gone)
		}
	}
}

// TestConditions proves who can start a job.
func TestConditions(t *testing.T) {
	for _, tt := range []struct {
		reason, job        string
		requests, narrowed string
	}{
		{"nothing", "{script: [x]}", "false", "false"},
		{"a branch", "{script: [x], rules: [{if: $CI_COMMIT_BRANCH == 'main'}]}", "false", "true"},
		{"requests", "{script: [x], rules: [{if: $CI_PIPELINE_SOURCE == 'merge_request_event'}]}", "true", "true"},
		{"never for requests", "{script: [x], rules: [{if: $CI_PIPELINE_SOURCE == 'merge_request_event', when: never}, {when: manual}]}", "false", "false"},
		{"only", "{script: [x], only: [merge_requests]}", "true", "false"},
		{"only some refs", "{script: [x], only: {refs: [main]}}", "false", "true"},
		{"rules of elsewhere", "{script: [x], rules: [!reference [.far, rules]]}", "?", "?"},
	} {
		r, err := read(t, map[string]string{name: "job: " + tt.job})
		if err != nil {
			t.Fatal(err)
		}
		job := r.Root.Get("jobs").Get("job")
		show := func(v *resource.Value) string {
			if v.Unknown() != "" {
				return "?"
			}
			return fmt.Sprint(v.Bool)
		}
		if got := show(job.Get("requests")); got != tt.requests {
			t.Errorf("%s: requests %s, want %s", tt.reason, got, tt.requests)
		}
		if got := show(job.Get("narrowed")); got != tt.narrowed {
			t.Errorf("%s: narrowed %s, want %s", tt.reason, got, tt.narrowed)
		}
	}
}

// TestInjections proves which text a shell reads as a script.
func TestInjections(t *testing.T) {
	for script, want := range map[string]string{
		`echo "$CI_COMMIT_TITLE"`:                                "",
		`echo $CI_COMMIT_TITLE`:                                  "CI_COMMIT_TITLE unquoted",
		`eval "x $CI_COMMIT_TITLE"`:                              "CI_COMMIT_TITLE eval",
		`eval "$(ssh-agent -s)"; echo "$CI_COMMIT_TITLE"`:        "",
		`bash -c "echo ${CI_COMMIT_TITLE}"`:                      "CI_COMMIT_TITLE shell",
		`bash -c "echo \$CI_COMMIT_TITLE"`:                       "",
		`bash -c 'echo "$CI_COMMIT_TITLE"'`:                      "",
		`docker exec c sh -ec "tag $CI_COMMIT_BRANCH"`:           "CI_COMMIT_BRANCH shell",
		`ssh host "deploy $MINE"`:                                "MINE ssh",
		`ssh host "deploy $CI_COMMIT_SHORT_SHA"`:                 "",
		`python3 -c "print('$CI_MERGE_REQUEST_TITLE')"`:          "CI_MERGE_REQUEST_TITLE code",
		`case $CI_COMMIT_BRANCH in main) make;; esac`:            "",
		`if [[ $CI_COMMIT_BRANCH == main ]]; then make; fi`:      "",
		`git push "https://ci:$TOKEN@host" HEAD:$CI_COMMIT_NAME`: "",
	} {
		r, err := read(t, map[string]string{name: "variables: {MINE: a $CI_COMMIT_TAG}\njob:\n  script:\n  - |\n    " + script + "\n"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, i := range r.Root.Get("jobs").Get("job").Get("injections").Items {
			got = append(got, i.Get("variable").Str+" "+i.Get("sink").Str)
		}
		if strings.Join(got, ",") != want {
			t.Errorf("%s: got %v, want %s", script, got, want)
		}
	}
}

// TestOdd reads what people write by mistake.
func TestOdd(t *testing.T) {
	if _, err := gitlab.Parse(nil, source.NewFile(name, []byte("[a]"))); !errors.Is(err, render.ErrOtherFormat) {
		t.Errorf("a list: %v", err)
	}
	var syntax *resource.SyntaxError
	if _, err := gitlab.Parse(nil, source.NewFile(name, []byte("a: ["))); !errors.As(err, &syntax) {
		t.Errorf("broken: %v", err)
	}
	files := map[string]string{
		name:    "include: [a.yml, a.yml, /b.yml, 7, {local: [x]}]\n.x: {extends: .x}\nj: {extends: [.x, 7], script: !reference [j, script], image: [], services: 7, variables: [], rules: {}, cache: 7}\nk: {script: 7, environment: null, artifacts: [], only: null}\n",
		"a.yml": "include: .gitlab-ci.yml\n",
		"b.yml": "b: [",
	}
	if _, err := read(t, files); !errors.As(err, &syntax) || syntax.Path != "b.yml" {
		t.Errorf("an include that is broken: %v", err)
	}
	header, err := read(t, map[string]string{name: "spec: {inputs: {a: {}}}\n---\njob: {script: ['echo $[[ inputs.a ]]']}\n"})
	if err != nil || header.Root.Get("jobs").Get("job").Get("commands").Items[0].Get("args").Items[0].Str != "$[[ inputs.a ]]" {
		t.Errorf("a header: %v, %v", header.Root, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"include: [b.yml, {remote: 'https://x'}, {component: a/b@1}]\nj: {extends: .a, script: [!reference [.a, script], 'eval \"$CI_COMMIT_TITLE\"']}\n.a: {script: [\"curl a | sh\"]}",
		"default: {image: a:$B}\nvariables: {B: {value: $C}, C: $B}\nj: {script: |\n  a \\\n  b\n}",
		"spec: {}\n---\nj: {trigger: a, only: [main], artifacts: {paths: [a]}, environment: prod}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		files := map[string]string{name: text, "b.yml": text}
		all, _ := gitlab.Parse(source.Memory(files), source.NewFile(name, []byte(text)))
		for _, r := range all {
			walk(t, r, nil, r.Root)
		}
	})
}

// walk checks that all places are in their files.
func walk(t *testing.T, r *resource.Resource, at resource.Path, v *resource.Value) {
	r.Origin.File = source.NewFile(name, nil)
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
