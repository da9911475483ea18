package config_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/config"
	"github.com/holdfast-dev/holdfast/source"
)

const good = `apiVersion: holdfast.dev/v1alpha1
kind: Config
sources:
- name: fleet
  url: https://git.example/fleet.git
  branch: main
  verify: {root: 0123456789012345678901234567890123456789}
clusters:
- name: prod
  kubeconfig: prod.kubeconfig
applications:
- {name: platform, source: fleet, cluster: prod, path: platform}
- name: web
  source: fleet
  cluster: prod
  path: apps/web
  dependsOn: [platform]
  gate: {mode: audit, failOn: medium}
  health: {timeout: 90s}
`

func decode(text string) (*config.Config, error) {
	return config.Decode(source.NewFile("holdfast.yaml", []byte(text)))
}

func TestGoodConfiguration(t *testing.T) {
	cfg, err := decode(good)
	if err != nil {
		t.Fatal(err)
	}
	web := cfg.Application("web")
	if web.Gate.Mode != config.Audit || web.Gate.FailOn.String() != "medium" || web.Health.Timeout.Seconds() != 90 {
		t.Errorf("web is %+v", web)
	}
	platform := cfg.Application("platform")
	if platform.Gate.Mode != config.Enforce || platform.Gate.FailOn.String() != "high" || platform.Heal != config.Auto || platform.Rollback != config.Auto {
		t.Errorf("the defaults are %+v", platform)
	}
	if cfg.Source("fleet").Interval != config.DefaultInterval || cfg.Cluster("prod").Namespace != config.DefaultNamespace {
		t.Errorf("the defaults of source and cluster are %+v, %+v", cfg.Sources, cfg.Clusters)
	}
}

func TestMistakes(t *testing.T) {
	change := func(old, replacement string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the good configuration does not hold %q", old)
		}
		return strings.Replace(good, old, replacement, 1)
	}
	tests := []struct {
		reason, text, at, want string
	}{
		{"an unknown field is named with the one that was meant", change("branch: main", "brnch: main"), ":6:3:", `did you mean "branch"?`},
		{"a missing field is said at its object", change("  url: https://git.example/fleet.git\n", ""), ":4:3:", `field "url" is missing in sources[0]`},
		{"an empty field is no field", change("url: https://git.example/fleet.git", `url: ""`), ":5:8:", `field "url" is empty in sources[0]`},
		{"nor is null", change("name: prod", "name: ~"), ":9:9:", `field "name" is empty in clusters[0]`},
		{"an empty item of a list", change("- {name: platform, source: fleet, cluster: prod, path: platform}", "-"), ":12:", "applications[0] must be a map, and is empty"},
		{"an empty file", "", ":1:1:", "the file must hold one document"},
		{"a file that is no map", "- a\n", ":1:1:", "the file must be a map"},
		{"a file of nothing", "null\n", ":1:1:", "must hold one document"},
		{"a namespace that cannot be", change("kubeconfig: prod.kubeconfig", "inventoryNamespace: Hold_Fast"), ":10:", "cannot be a namespace"},
		{"a wrong type says what was expected", change("timeout: 90s", "timeout: soon"), ":19:21:", `health.timeout must be a duration such as 30s or 5m, and is "soon"`},
		{"a source that does not exist", change("- name: web\n  source: fleet", "- name: web\n  source: fleat"), ":14:11:", `did you mean "fleet"?`},
		{"a dependency that does not exist", change("[platform]", "[platfrom]"), ":17:15:", `did you mean "platform"?`}, //nolint:misspell // the misspelling is what is tested
		{"a severity that does not exist", change("failOn: medium", "failOn: mid"), ":18:31:", `unknown severity "mid"`},
		{"a mode that does not exist", change("mode: audit", "mode: off"), ":18:16:", "must be enforce or audit"},
		{"nobody is trusted by accident", change("  verify: {root: 0123456789012345678901234567890123456789}\n", ""), ":4:3:", "does not say whom to trust first"},
		{"a short commit id pins nothing", change("0123456789012345678901234567890123456789", "abc123"), ":7:18:", "is not a full commit id"},
		{"two refs", change("branch: main", "branch: main\n  tag: v1"), ":4:3:", "exactly one of branch, tag and semver, and names 2"},
		{"a password in the file", change("https://git.example", "https://me:hunter2@git.example"), ":5:8:", "secrets do not belong in this file"},
		{"a transport without authentication", change("https://git.example", "http://git.example"), ":5:8:", "allowInsecureTransport"},
		{"a transport that runs programs", change("https://git.example/fleet.git", "ext::sh"), ":5:8:", "use"},
		{"a path out of the repository", change("path: apps/web", "path: ../web"), ":16:9:", "outside of the repository"},
		{"a name that is taken", change("- name: web", "- name: platform"), ":13:9:", "is taken already"},
		{"a duplicate key", change("branch: main", "branch: main\n  branch: dev"), ":7:3:", "branch"},
		{"a circle of dependencies", change("path: platform}", "path: platform, dependsOn: [web]}"), ":12:", "platform → web → platform"},
		{"not YAML", "a: [", ":1:", ""},
		{"another kind", change("kind: Config", "kind: Deployment"), ":2:7:", `must be Config`},
	}
	for _, test := range tests {
		t.Run(test.reason, func(t *testing.T) {
			_, err := decode(test.text)
			var mistakes config.Errors
			if !errors.As(err, &mistakes) {
				t.Fatalf("got %v, want Errors", err)
			}
			if !strings.Contains(err.Error(), "holdfast.yaml"+test.at) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got\n%v\nwant it to name %q and to say %q", err, test.at, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Error("the password is in the message")
			}
		})
	}
}

func TestAllMistakesAtOnce(t *testing.T) {
	text := strings.NewReplacer("branch: main", "brnch: main", "path: apps/web", "path: /etc", "failOn: medium", "failOn: x").Replace(good)
	_, err := decode(text)
	var mistakes config.Errors
	if !errors.As(err, &mistakes) || len(mistakes) != 4 {
		t.Errorf("got %d mistakes, want 4 (unknown field, no ref, path, severity):\n%v", len(mistakes), err)
	}
	for i := 1; i < len(mistakes); i++ {
		if mistakes[i-1].Position.Line > mistakes[i].Position.Line {
			t.Errorf("mistakes are not in the order of the file:\n%v", err)
		}
	}
}

// TestManyDependencies has layers of which each depends on the whole layer
// before: there are 2^30 ways through them.
func TestManyDependencies(t *testing.T) {
	text := good
	before := []string{"platform", "web"}
	for layer := range 30 {
		next := []string{fmt.Sprintf("a%d", layer), fmt.Sprintf("b%d", layer)}
		for _, name := range next {
			text += fmt.Sprintf("- {name: %s, source: fleet, cluster: prod, path: x, dependsOn: [%s]}\n", name, strings.Join(before, ", "))
		}
		before = next
	}
	if _, err := decode(text); err != nil {
		t.Error(err)
	}
	_, err := decode(strings.Replace(text, "path: platform}", "path: platform, dependsOn: [b29]}", 1))
	if err == nil || !strings.Contains(err.Error(), "platform depends on itself") {
		t.Errorf("the circle is not found: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(good)
	f.Add("sources: [{name: 1, verify: {disabled: yes}}]\napplications: [null]")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := decode(text)
		if (cfg == nil) == (err == nil) {
			t.Errorf("neither a configuration nor a mistake: %v, %v", cfg, err)
		}
	})
}
