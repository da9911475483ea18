package packs_test

import (
	"context"
	"os"
	"path/filepath"
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
	for _, platform := range []resource.Platform{resource.Dockerfile, resource.Compose} {
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
				for _, result := range engine.Evaluate(context.Background(), r, resource.NewSet(all), policy.Declared) {
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
