package safeguard_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/integrity"
	"github.com/holdfast-dev/holdfast/safeguard"
	"github.com/holdfast-dev/holdfast/source"
)

type files = map[string]string

const (
	scanYAML   = "on: push\njobs:\n  scan:\n    runs-on: ubuntu-24.04\n    steps: [{run: holdfast scan .}]\n"
	waiverHead = "apiVersion: holdfast.dev/v1alpha1\nkind: WaiverList\nwaivers:\n"
	waiverItem = "- {id: W-9, policy: \"*\", match: {resource: \"**\"}, reason: x, owner: bob@example.com, expires: 2099-01-01}\n"
	quota      = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: q, namespace: shop}\nspec: {hard: {pods: 10}}\n"
	network    = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: deny, namespace: shop}\nspec: {podSelector: {}, policyTypes: [Ingress]}\n"
	workload   = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\n"
)

// TestAttacks proves the decision about each way of taking a safeguard away, and
// that its positive control passes. Before is what the change is made to.
func TestAttacks(t *testing.T) {
	_, engine := load(t)
	low := func(s finding.Severity) bool { return s <= finding.Low }
	medium := func(s finding.Severity) bool { return s <= finding.Medium }
	for _, test := range []struct {
		reason        string
		before, after files
		step          safeguard.Step
		want          integrity.Decision
		code          integrity.Code
	}{
		{"B11: all of .holdfast goes", files{".holdfast/allowed_signers": "alice x\n", ".holdfast/trust.yaml": "version: 1\n", "a": "1"}, files{"a": "1"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B12: a waiver of somebody without the right", files{".holdfast/waivers.yaml": waiverHead}, files{".holdfast/waivers.yaml": waiverHead + waiverItem}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B12: by somebody with the right it is told", files{".holdfast/waivers.yaml": waiverHead}, files{".holdfast/waivers.yaml": waiverHead + waiverItem}, safeguard.Step{MayWaive: medium}, integrity.Warn, integrity.SafeguardRemoved},
		{"B13: a comment of somebody without the right", files{"a.yaml": workload}, files{"a.yaml": "# holdfast:ignore HF-K8S-012 until=2026-12-15 reason=x\n" + workload}, safeguard.Step{MayWaive: low}, integrity.Warn, integrity.SafeguardRemoved},
		{"B13: a comment of somebody with the right", files{"a.yaml": workload}, files{"a.yaml": "# holdfast:ignore HF-K8S-012 until=2026-12-15 reason=x\n" + workload}, safeguard.Step{MayWaive: medium}, integrity.Allow, ""},
		{"B13: behind the value, in another language", files{"Dockerfile": "FROM a\n"}, files{"Dockerfile": "FROM a\n# holdfast:ignore HF-DOCKER-001\n"}, safeguard.Step{}, integrity.Warn, integrity.SafeguardRemoved},
		{"B14: everything is in the baseline", files{".holdfast/baseline.json": `{"findings": []}`}, files{".holdfast/baseline.json": `{"accepted": ["*"]}`}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B15: CODEOWNERS goes", files{"CODEOWNERS": "* @a\n", "b": ""}, files{"b": ""}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B15: that of GitLab", files{".gitlab/CODEOWNERS": "[A]\n* @a\n", "b": ""}, files{"b": ""}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B15: emptied", files{"docs/CODEOWNERS": "* @a\n"}, files{"docs/CODEOWNERS": "# moved\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B15: a section that is optional now", files{"CODEOWNERS": "[A] @a\n*\n"}, files{"CODEOWNERS": "^[A] @a\n*\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B16: a line that comes again", files{"CODEOWNERS": "/apps @alice\n"}, files{"CODEOWNERS": "/apps @alice\n/apps @mallory\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B16: a line that comes again without owners", files{"CODEOWNERS": "/apps @alice\n"}, files{"CODEOWNERS": "/apps @alice\n/apps\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B17: the scan is replaced by true", files{".github/workflows/ci.yml": scanYAML}, files{".github/workflows/ci.yml": strings.Replace(scanYAML, "holdfast scan .", "true", 1)}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B17: the workflow is disabled by its name", files{".github/workflows/ci.yml": scanYAML}, files{".github/workflows/ci.yml.disabled": scanYAML}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B19: pre-commit is emptied", files{".pre-commit-config.yaml": "repos: [{repo: x, hooks: [{id: gitleaks}]}]\n"}, files{".pre-commit-config.yaml": "repos: []\n"}, safeguard.Step{}, integrity.Warn, integrity.SafeguardRemoved},
		{"B19: lefthook skips", files{"lefthook.yml": "pre-push: {jobs: [{run: holdfast scan .}]}\n"}, files{"lefthook.yml": "pre-push: {jobs: [{run: holdfast scan ., skip: true}]}\n"}, safeguard.Step{}, integrity.Warn, integrity.SafeguardRemoved},
		{"B19: a hook that goes", files{".githooks/pre-push": "#!/bin/sh\nholdfast scan .\n", "b": ""}, files{"b": ""}, safeguard.Step{}, integrity.Warn, integrity.SafeguardRemoved},
		{"B29: fewer paths", files{".holdfast/policy.yaml": "include: [apps/**, infra/**]\n"}, files{".holdfast/policy.yaml": "include: [apps/**]\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B29: more is left out", files{".holdfast/policy.yaml": "exclude: []\n"}, files{".holdfast/policy.yaml": "exclude: [apps/web]\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B29: a new file leaves out", files{"a": ""}, files{"a": "", ".holdfast/policy.yaml": "exclude: [apps/web]\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"P16: a first trust file", files{"a": ""}, files{"a": "", ".holdfast/trust.yaml": "version: 1\nrepository: x\nidentities:\n- name: a\n  emails: [a@b.c]\nrefs:\n- match: refs/**\n  rewrite: hold\n"}, safeguard.Step{}, integrity.Allow, ""},
		{"B29: a higher threshold", files{".holdfast/policy.yaml": "severity: medium\n"}, files{".holdfast/policy.yaml": "severity: critical\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"B29: more paths", files{".holdfast/policy.yaml": "include: [apps/**]\n"}, files{".holdfast/policy.yaml": "include: [apps/**, infra/**]\n"}, safeguard.Step{}, integrity.Allow, ""},
		{"E31: reviews are blind", files{".gitattributes": ""}, files{".gitattributes": "apps/** -diff\n"}, safeguard.Step{}, integrity.Warn, "TREE_ATTR"},
		{"E31: by a macro", files{".gitattributes": ""}, files{".gitattributes": "[attr]quiet -diff\napps/** quiet\n"}, safeguard.Step{}, integrity.Warn, "TREE_ATTR"},
		{"a network policy goes, and what it protects stays", files{"apps/np.yaml": network, "apps/web.yaml": workload}, files{"apps/web.yaml": workload}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"a whole application goes", files{"apps/web/np.yaml": network, "apps/web/web.yaml": workload, "x": ""}, files{"x": ""}, safeguard.Step{}, integrity.Allow, ""},
		{"it moves", files{"apps/np.yaml": network, "x": ""}, files{"base/np.yaml": network, "x": ""}, safeguard.Step{}, integrity.Allow, ""},
		{"an overlay does not take it any more",
			files{"apps/np.yaml": network, "apps/web.yaml": workload, "apps/kustomization.yaml": "resources: [np.yaml, web.yaml]\n"},
			files{"apps/np.yaml": network, "apps/web.yaml": workload, "apps/kustomization.yaml": "resources: [web.yaml]\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"a patch deletes it",
			files{"apps/np.yaml": network, "apps/kustomization.yaml": "resources: [np.yaml]\n"},
			files{"apps/np.yaml": network, "apps/kustomization.yaml": "resources: [np.yaml]\npatches: [{patch: \"apiVersion: networking.k8s.io/v1\\nkind: NetworkPolicy\\nmetadata: {name: deny}\\n$patch: delete\\n\"}]\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"the template of a chart loses it", files{"c/templates/np.yaml": "kind: NetworkPolicy\nmetadata: {name: {{ .x }}}\n"}, files{"c/templates/np.yaml": "{{/* none */}}\n"}, safeguard.Step{}, integrity.Deny, integrity.SafeguardRemoved},
		{"a quota goes", files{"q.yaml": quota, "web.yaml": workload}, files{"web.yaml": workload}, safeguard.Step{}, integrity.Warn, integrity.SafeguardRemoved},
		{"a file that the trust file lists goes", files{"tools/gate.sh": "x", "b": ""}, files{"b": ""}, safeguard.Step{Guards: func(p string) bool { return p == "tools/gate.sh" }}, integrity.Deny, integrity.SafeguardRemoved},
		{"enough people approved", files{"CODEOWNERS": "* @a\n", "b": ""}, files{"b": ""}, safeguard.Step{Approved: func(p string) bool { return p == "CODEOWNERS" }}, integrity.Warn, integrity.SafeguardRemoved},
		{"they approved another path", files{"CODEOWNERS": "* @a\n", "b": ""}, files{"b": ""}, safeguard.Step{Approved: func(p string) bool { return p == "b" }}, integrity.Deny, integrity.SafeguardRemoved},
		{"nothing that protects", files{"apps/web.yaml": workload}, files{"apps/web.yaml": workload + "# x\n"}, safeguard.Step{}, integrity.Allow, ""},
		{"a first state", nil, files{"CODEOWNERS": "* @a\n", ".github/workflows/ci.yml": scanYAML}, safeguard.Step{}, integrity.Allow, ""},
	} {
		t.Run(test.reason, func(t *testing.T) {
			before, after := source.Memory(test.before), source.Memory(test.after)
			changed, err := safeguard.Changed(t.Context(), before, after)
			if err != nil {
				t.Fatal(err)
			}
			report, err := safeguard.Check(t.Context(), engine, before, after, changed, test.step)
			if err != nil {
				t.Fatal(err)
			}
			if got := report.Worst(); got != test.want {
				t.Errorf("%s, want %s: %v", got, test.want, report.Problems)
			}
			if test.code != "" && (len(report.Problems) == 0 || report.Problems[0].Code != test.code) {
				t.Errorf("problems %v, want %s", report.Problems, test.code)
			}
		})
	}
}

// unreadable is a tree that does not answer.
type unreadable struct{ source.Tree }

var errLost = errors.New("the object is missing")

func (unreadable) ReadFile(string) ([]byte, error)          { return nil, errLost }
func (unreadable) ReadDir(string) ([]source.Entry, error)   { return nil, errLost }
func (u unreadable) Stat(name string) (source.Entry, error) { return u.Tree.Stat(name) }

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	_, engine := load(t)
	tree := source.Memory(files{"CODEOWNERS": "* @a\n"})
	lost := unreadable{tree}
	if _, err := safeguard.Check(t.Context(), engine, tree, lost, []string{"CODEOWNERS"}, safeguard.Step{}); !errors.Is(err, errLost) {
		t.Errorf("a file is missing: %v", err)
	}
	if _, err := safeguard.Changed(t.Context(), tree, lost); !errors.Is(err, errLost) {
		t.Errorf("a directory is missing: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := safeguard.Compare(ended, tree, tree, []string{"CODEOWNERS"}); !errors.Is(err, context.Canceled) {
		t.Errorf("time is up: %v", err)
	}
}

// linked is a tree in which a file became a link.
type linked struct {
	source.Tree
	name string
}

func (l linked) Stat(name string) (source.Entry, error) {
	e, err := l.Tree.Stat(name)
	if name == l.name {
		e.Mode = source.ModeSymlink
	}
	return e, err
}

func TestALinkIsNoSafeguard(t *testing.T) {
	tree := source.Memory(files{"CODEOWNERS": "* @a\n"})
	found, err := safeguard.Compare(t.Context(), tree, linked{tree, "CODEOWNERS"}, []string{"CODEOWNERS"})
	if err != nil || len(found) == 0 || found[0].Loss != "removed" {
		t.Errorf("found %v, %v", found, err)
	}
	if _, err := tree.Stat("nothing"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
}

// What is too large to be read protects nobody any more, and takes nothing else away.
func TestWhatIsTooLargeIsNoSafeguard(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"CODEOWNERS": "* @a\n", "huge.yaml": workload} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content+"#"+strings.Repeat("x", 5000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	after, err := source.Disk(dir, source.DiskOptions{MaxFileSize: 4000})
	if err != nil {
		t.Fatal(err)
	}
	before := source.Memory(files{"CODEOWNERS": "* @a\n"})
	found, err := safeguard.Compare(t.Context(), before, after, []string{"CODEOWNERS", "huge.yaml"})
	lost := slices.DeleteFunc(found, func(c safeguard.Change) bool { return c.Loss == "" })
	if err != nil || len(lost) != 1 || lost[0].Path != "CODEOWNERS" || lost[0].Loss != "removed" {
		t.Errorf("found %v, %v", lost, err)
	}
}

func BenchmarkUntouched(b *testing.B) {
	_, engine := load(b)
	before, after := source.Memory(files{"apps/web.yaml": workload}), source.Memory(files{"apps/web.yaml": workload + "# x\n"})
	for b.Loop() {
		if _, err := safeguard.Check(b.Context(), engine, before, after, []string{"apps/web.yaml"}, safeguard.Step{}); err != nil {
			b.Fatal(err)
		}
	}
}
