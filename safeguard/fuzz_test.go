package safeguard_test

import (
	"testing"
)

// Nothing that can be written makes a comparison fail, and nothing is lost where
// nothing changed.
func FuzzCompare(f *testing.F) {
	names := []string{"CODEOWNERS", ".gitattributes", ".github/workflows/ci.yml", ".gitlab-ci.yml", "Makefile", ".husky/pre-commit",
		"holdfast.yaml", ".holdfast/waivers.yaml", ".holdfast/baseline.json", ".pre-commit-config.yaml", "policies/a.yaml", "a.rego", "package.json", "lefthook.yml"}
	for i, text := range []string{
		"[A][2] @a\n/x\\ y @b # c\n^[B]\n* @c\n", "[attr]m -diff\n\"a b\" m\n", github, gitlab, "a: b\n\t-holdfast scan \\\n\t.\n", "holdfast scan . || true\n",
		"policies: {disable: [a]}\n", waiverHead + waiverItem, `{"findings": [{"fingerprint": "x"}]}`, "repos: [{hooks: [{id: a}]}]\n",
		"apiVersion: holdfast.dev/v1alpha1\nkind: Policy\nspec: {}\n", "package a\ndeny[x] { x }\n", `{"scripts": {"a": "trivy fs ."}}`, "pre-push: {jobs: [{run: holdfast scan}]}\n",
	} {
		f.Add(uint8(i), text, "")
		f.Add(uint8(i), text, network)
	}
	f.Fuzz(func(t *testing.T, which uint8, before, after string) {
		name := names[int(which)%len(names)]
		losses(t, name, before, after)
		if lost := losses(t, name, before, before); len(lost) > 0 {
			t.Errorf("nothing changed, and %q is lost", lost)
		}
	})
}
