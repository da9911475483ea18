package packs_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/setup"
	"github.com/holdfast-dev/holdfast/source"
)

// TestSoundFiles judges files that follow all advice worth following: nothing
// above low may be found in them.
func TestSoundFiles(t *testing.T) {
	_, engine := builtin(t)
	for _, platform := range []resource.Platform{resource.Dockerfile, resource.Compose, resource.GitLabCI, resource.AzurePipelines, resource.HelmChart} {
		files, _ := filepath.Glob("testdata/" + platform.String() + "/*")
		for _, name := range files {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			file := source.NewFile(platform.FileName(), content)
			all, err := setup.ReadExample(platform, file)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			for _, r := range all {
				for _, result := range engine.Evaluate(context.Background(), nil, r, resource.NewSet(all), policy.Declared) {
					if result.Err != nil {
						t.Errorf("%s: %s: %v", name, result.Policy.ID, result.Err)
					}
					for _, failure := range result.Failures {
						if at := r.Locate(failure.Path).Position(); result.Policy.Severity > finding.Low {
							t.Errorf("%s:%d:%d: %s %s", name, at.Line, at.Column, result.Policy.ID, failure.Message)
						}
					}
				}
			}
		}
		if len(files) == 0 {
			t.Errorf("no files for %s", platform)
		}
	}
}

// TestOddFiles proves that no policy fails to be evaluated, whatever somebody has
// written: that would make the scan incomplete.
func TestOddFiles(t *testing.T) {
	all, engine := builtin(t)
	judge := func(platform resource.Platform, text string) {
		t.Helper()
		resources, _ := setup.ReadExample(platform, source.NewFile(platform.FileName(), []byte(text))) // what is broken is judged as far as it goes
		for _, r := range resources {
			for _, result := range engine.Evaluate(context.Background(), nil, r, resource.NewSet(resources), policy.Declared) {
				if result.Err != nil {
					t.Errorf("%s on %q: %v", result.Policy.ID, text, result.Err)
				}
			}
		}
	}
	files, _ := filepath.Glob("../../render/dockerfile/testdata/*.dockerfile")
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		judge(resource.Dockerfile, string(content))
	}
	for _, instruction := range []string{"RUN []", "RUN", "CMD []", "ENTRYPOINT ['", "EXPOSE x", "USER \"\"", "ENV A=", "ARG", "COPY a", "ADD [] x", "VOLUME []",
		"LABEL a=", "RUN x=1", "RUN >f", "RUN ()", "RUN `", "SHELL []", "HEALTHCHECK CMD", "ONBUILD", "WORKDIR \"\"", "FROM", "FROM $X", "RUN --mount= x"} {
		judge(resource.Dockerfile, "FROM a\n"+instruction+"\n")
	}
	odd := []string{"", "1", "1.5", "true", "x", "[]", "{}", "[1]", "[true]", "[[a]]", "[{a: 1}]", "[null]", "{a: }", "{a: 1}", "{a: [1]}", "{a: {b: c}}", "'${X}'"}
	for _, key := range composeKeys(all) {
		for _, value := range odd {
			judge(resource.Compose, "services: {web: {image: 'a:1', "+key+": "+value+"}}\n")
			judge(resource.Compose, "services: {web: {image: 'a:1', "+key+": [{source: "+value+", target: "+value+", published: "+value+", name: "+value+", options: "+value+"}]}}\n")
			judge(resource.Compose, "services: {web: {image: 'a:1', "+key+": {args: "+value+", resources: "+value+", options: "+value+", hard: "+value+", driver: "+value+", context: "+value+"}}}\n")
		}
	}
	for _, value := range odd {
		for _, key := range []string{"services", "networks", "volumes", "secrets", "configs", "include", "version", "name"} {
			judge(resource.Compose, "services: {web: {image: "+value+", networks: [a]}}\n"+strings.Replace(key, "services", "x", 1)+": "+value+"\n")
			judge(resource.Compose, "services: {a: {}}\nsecrets: {a: {content: "+value+", file: "+value+"}}\nconfigs: {a: {content: "+value+"}}\n")
		}
		judge(resource.Compose, "services: "+value+"\n")
		judge(resource.Compose, "services: {a: "+value+"}\n")
	}
}

// composeKeys are the fields of services that policies ask for.
func composeKeys(all []*policy.Pack) (keys []string) {
	field := regexp.MustCompile(`\bs\.\??([a-z_]+)`)
	for _, pack := range all {
		for _, p := range pack.Policies {
			for _, v := range p.Validations {
				for _, m := range field.FindAllStringSubmatch(v.Expression, -1) {
					if p.Platform == resource.Compose && m[1] != "complete" && m[1] != "name" && !slices.Contains(keys, m[1]) {
						keys = append(keys, m[1])
					}
				}
			}
		}
	}
	return keys
}
