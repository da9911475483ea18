package scan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/scan"
	"github.com/holdfast-dev/holdfast/secret"
	"github.com/holdfast-dev/holdfast/source"
)

// Put together here, so that this file holds none.
var (
	token = "gh" + "p_" + "Zq8Rk2VxT5mNc7LwYh3JdPf9Gs4BvUa6Xe1K"
	weak  = "Herbst" + "2026!"
)

func searching(t *testing.T) *scan.Scanner {
	s := scanner(t)
	s.Secrets = &secret.Detector{}
	return s
}

func run(t *testing.T, s *scan.Scanner, files map[string]string) *scan.Result {
	t.Helper()
	result, err := s.Run(context.Background(), source.Memory(files), ".")
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// at lists the findings about secrets as rule, path and line.
func at(all []*finding.Finding) (list []string) {
	for _, f := range all {
		if f.Sensitive {
			list = append(list, fmt.Sprintf("%s %s:%d", f.Rule.ID, f.Location.File.Path, f.Location.Position().Line))
		}
	}
	slices.Sort(list)
	return list
}

func TestSecretsAreFoundInAllFiles(t *testing.T) {
	result := run(t, searching(t), map[string]string{
		"app/.env":                "A=1\nTOKEN=" + token + "\n",
		"README.md":               "use " + token,
		"plain/pod.yaml":          privileged + "# " + token + "\n",
		"node_modules/x/index.js": token,
		"image.png":               "\x89PNG\x00" + token,
		"big.log":                 strings.Repeat("x", secret.MaxSize) + token,
	})
	want := []string{"HF-SECRET-003 README.md:1", "HF-SECRET-003 app/.env:2", "HF-SECRET-003 plain/pod.yaml:9"}
	if got := at(result.Findings); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
	reasons := map[string]string{}
	for _, s := range result.Skipped {
		reasons[s.Path] = s.Reason
	}
	for path, reason := range map[string]string{"image.png": "binary", "big.log": "larger than 1 MiB"} {
		if !strings.HasSuffix(reasons[path], "not searched for secrets: "+reason) {
			t.Errorf("%s is passed over for %q", path, reasons[path])
		}
	}
	if none := run(t, scanner(t), map[string]string{".env": token}); len(none.Findings) != 0 {
		t.Error("without a detector secrets are found")
	}
}

// TestPolicyFindingsWin: what a policy says about a secret is not said again.
func TestPolicyFindingsWin(t *testing.T) {
	pod := `apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  containers:
  - name: c
    image: registry.example/c:1
    env:
    - name: GITHUB_TOKEN
      value: ` + token + `
`
	config := "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: n}\nstringData:\n  password: " + weak + "\n"
	result := run(t, searching(t), map[string]string{"pod.yaml": pod, "secret.yaml": config})
	lines := map[string]bool{}
	for _, place := range at(result.Findings) {
		id, line, _ := strings.Cut(place, " ")
		if strings.HasPrefix(id, "HF-SECRET") {
			t.Errorf("%s is said twice", place)
		}
		lines[line] = true
	}
	if !lines["pod.yaml:10"] || !lines["secret.yaml:5"] {
		t.Errorf("no policy found %v", lines)
	}
}

// TestSecretsAreNotInOtherFindings: a policy, a problem or an error quotes what it
// is about, which may be or hold a secret.
func TestSecretsAreNotInOtherFindings(t *testing.T) {
	pod := `apiVersion: v1
kind: Pod
metadata: {name: p, namespace: n}
spec:
  hostname: ` + token + `
  containers:
  - {name: c, image: "registry.example/c:` + token + `", args: ["--login", "` + token + `"], securityContext: {privileged: true}}
`
	result := run(t, searching(t), map[string]string{
		"pod.yaml":    pod,
		"broken.yaml": "apiVersion: v1\nkind: Pod\nx: &" + token + " [*" + token + "x\n",
	})
	if len(result.Problems) == 0 {
		t.Error("the broken file is no problem")
	}
	secretLine := false
	for _, f := range result.All {
		if shown := fmt.Sprint(f.Message, f.Label, f.Field, f.Via, f.Material); strings.Contains(shown, token) {
			t.Errorf("%s shows the secret", f.Rule.ID)
		}
		if f.Location.File.Path == "pod.yaml" && f.Location.Position().Line == 7 {
			secretLine = true
			if !f.Hidden() {
				t.Errorf("%s shows the line with the secret", f.Rule.ID)
			}
		}
	}
	if !secretLine {
		t.Error("nothing is found on the line with the secret")
	}
	if shown := fmt.Sprint(result.Problems, result.Errors, result.Skipped); strings.Contains(shown, token) {
		t.Error("a problem shows the secret")
	}
}

func TestOneFileAndChangedFiles(t *testing.T) {
	files := map[string]string{"a/x.env": token, "a/y.env": token, "b/x.env": token}
	s := searching(t)
	for dir, want := range map[string][]string{
		"a/x.env": {"HF-SECRET-003 a/x.env:1"},
		"a":       {"HF-SECRET-003 a/x.env:1", "HF-SECRET-003 a/y.env:1"},
	} {
		result, err := s.Run(context.Background(), source.Memory(files), dir)
		if err != nil || !slices.Equal(at(result.All), want) {
			t.Errorf("%s: found %q, %v, want %q", dir, at(result.All), err, want)
		}
	}
	s.Changed = []string{"b/x.env", "gone"}
	if got := at(run(t, s, files).All); !slices.Equal(got, []string{"HF-SECRET-003 b/x.env:1"}) {
		t.Errorf("of what changed, found %q", got)
	}
}
