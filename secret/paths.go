package secret

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// class is what the path of a file tells about the texts in it.
type class struct {
	fixture bool // made up for tests: only tokens of known formats count
	locked  bool // written by a package manager, full of digests
	prose   bool // documentation: names beside values prove nothing
	code    bool // values without quotes are expressions
}

// exempts reports whether secrets of a kind are not looked for in such files.
func (c class) exempts(k *kind) bool {
	if c.fixture {
		return k.guessable || k.rule == privateKeys || k.rule == bearerTokens
	}
	return k.guessable && (c.locked || c.prose && k.rule != urlPasswords)
}

var (
	fixtureDirs = []string{"testdata", "test_data", "test-data", "fixtures", "fixture", "__fixtures__", "__tests__", "__mocks__", "mocks"}
	lockFiles   = []string{
		"package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "go.sum", "go.work.sum", "cargo.lock", "composer.lock",
		"gemfile.lock", "poetry.lock", "uv.lock", "pipfile.lock", "pdm.lock", "chart.lock", "flake.lock", "packages.lock.json", ".terraform.lock.hcl",
		"gradle.lockfile", "verification-metadata.xml", "modules.txt", "mix.lock", "pubspec.lock", "podfile.lock",
	}
	proseEnds = []string{".md", ".markdown", ".rst", ".adoc", ".asciidoc", ".html", ".htm", ".txtar"}
	codeEnds  = []string{
		".go", ".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".java", ".kt", ".kts", ".scala", ".groovy", ".rb", ".php", ".cs", ".fs", ".c",
		".h", ".cc", ".cpp", ".hpp", ".rs", ".swift", ".m", ".lua", ".pl", ".pm", ".dart", ".ex", ".exs", ".erl", ".clj", ".hs", ".r", ".jl", ".sql",
		".jsonnet", ".libsonnet", ".cue", ".vue", ".svelte", ".tf", ".hcl", ".bicep", ".ps1", ".proto", ".graphql", ".map", ".css", ".scss",
	}
)

func classify(name string, content []byte) class {
	dir, base := path.Split(strings.ToLower(name))
	ext := path.Ext(base)
	c := class{
		locked: slices.Contains(lockFiles, base) || strings.Contains(base, ".min."),
		prose:  slices.Contains(proseEnds, ext),
		code:   slices.Contains(codeEnds, ext),

		fixture: isPolicy(content),
	}
	// A folder "test" is one of fixtures for programs; for manifests it may be a stage.
	for _, part := range strings.Split(strings.TrimSuffix(dir, "/"), "/") {
		c.fixture = c.fixture || slices.Contains(fixtureDirs, part) || c.code && (part == "spec" || strings.HasPrefix(part, "test"))
		c.locked = c.locked || part == "vendor" || part == "node_modules"
	}
	stem := strings.TrimSuffix(base, ext)
	if c.code && (strings.HasPrefix(stem, "test_") || hasAnySuffix(stem, "_test", "_test_data", ".test", ".spec", "_spec", "-test", "-spec", "tests")) {
		c.fixture = true
	}
	return c
}

// isPolicy reports whether a file is a policy of ours, whose failing examples
// hold what is not to be held.
func isPolicy(content []byte) bool {
	head := content[:min(len(content), 100)]
	return bytes.HasPrefix(head, []byte("apiVersion: holdfast.dev/")) && bytes.Contains(head, []byte("\nkind: Policy\n"))
}

func hasAnySuffix(s string, ends ...string) bool {
	return slices.ContainsFunc(ends, func(end string) bool { return strings.HasSuffix(s, end) })
}
