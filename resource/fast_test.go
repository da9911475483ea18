package resource

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/source"
)

// fastSeeds are texts at the borders of what the fast parser takes.
var fastSeeds = []string{
	"", "\n", "# only\n", "---\n", "---\n---\n", "a: 1\n---\n", "# c\n---\na: 1\n---\n# none\n---\nb: 2\n", "--- # c\na: 1\n", "--- a\n", "---a: 1\n", "a: 1\n...\nb: 1\n", "%YAML 1.1\n---\na: 1\n", "a: 1\n---", "a: 1\n--- \nb: 1",
	"a: 1\nb:\n  c: [1, 2]\n  d: {e: f, \"g\":1}\n", "a:\n- 1\n- 2\nb: 3\n", "a:\n  - 1\n  - b: c\n    d: e\n  -\n    f\n  - - g\n    - h\n", "- a\n- \n-\n- b:\n  - c\n", "a:\n    b: 1\n  c: 2\n", "a:\n  b: 1\n c: 2\n", "a: 1\n b: 2\n", "- a\n b\n", "- a\n-b\n",
	"a: b\n  c\n\n  d\n", "a: b\n  c: d\n", "a: b\n  # no\n  c\n", "a: b # c\n  d\n", "a: b #c\n", "a: b#c\n", "a: #c\n  b\n", "a:#c\n", "a: b:\n", "a: b:c\n", "a : b\n", "a:\tb\n", "a: b\t\n", "\ta: b\n", "a:\n\t- b\n", "a: b c\n", "a: 'b' c\n", "a: 'b'#c\n", "a: 'b' #c\n", "a: [b]#c\n", "a: [b] c\n",
	"a: \"b\\n\\u00e9\\\"\\\\\\t\"\n", "a: \"b\\\n  c\\\n\n  d\"\n", "a: \"b  \n   \\ c\n\n\n d \\\n\"\n", "a: 'b\n  c\n\n  d'\n", "a: 'it''s'\n", "'a': 1\n\"b\" : 2\n'c\n d': 3\n", "a: \"\n---\n\"\n", "a: \"b\\ \n  c\"\n", "a: 'b\n\n'\n", "a: '\n\n  b'\n", "a: \"\\/\"\n", "a: \"\\ud800\"\n", "a: \" \t b \t \n\t c\"\n",
	"a: |\n  b\n   c\n\n  d\n\nb: 1\n", "a: |-\n  b\n\n", "a: |+\n  b\n\n\nb: 1\n", "a: |2\n   b\n  c\n", "a: |\n\n  b\n", "a: |\n    \n  b\n", "a: |\n  b\n     ", "a: |\n", "a: |+\n\n", "a: |  # c\n  b", "a: |#c\n  b\n", "a: |x\n", "a: |\n\tb\n", "a: |\n  b\n\tc\n", "a: |\n  b\n c\n", "- |\n b\n-  |2-\n   c\n", "a: |\n  # b\n# c\n  d\n", "a: |0\n  b\n", "a: |1+2\n  b\n", "a:\n  - |\n   b\n  - c\n", "a: |\n  \tb\n", "a: |-2\n    b\n",
	"a: >\n  b\n  c\n\n  d\n   e\n  f\n\n\n   g\n\n  h\n", "a: >-\n  b\n", "a: >+\n  b\n\n", "a: >\n\n  b\n  \tc\n d\n", "a: >\n\n   b\n\n", "a: >\n  b\n   c\n  d", "a: >\n", "a: >+\n\n",
	"a: [b, c: d]\n", "a: [b, ]\n", "a: [b\n, c\n  d]\n", "a: {b, c}\n", "a: {b: }\n", "a: {b: c, b: d}\n", "a: {b:c}\n", "a: {b: c:d, e: http://f}\n", "a: [a?b]\n", "a: [-1, -]\n", "a: [- 1]\n", "a: {\n}\n", "a: [\n\n]\n", "[a, b]\n", "{a: [b]}\n", "{a: [b]}: c\n", "a: [b #c\n]\n", "a: [b] #c\n", "a: [&x b]\n", "a: [[], {}, [[{}]]]\n", "a: {'b':c, \"d\": 'e', 'f' : g}\n", "a: [b\nc]\n", "a: [\n--- ,b]\n", "a: {b\n: c}\n", "a: {{b}}\n", "a: {{ b }}: c\n",
	"a: &x 1\nb: *x\n", "<<: {a: 1}\n", "a: !!str 1\n", "? a\n: b\n", "a: 1\na: 2\n", strings.Repeat("a: 1\n", 20), "{" + strings.Repeat("a: 1, ", 20) + "b: 1}\n", "yes: 1\ntrue: 2\n", "~: 1\n", "on: 1\n1.5: 2\n0x10: 3\n", ": 1\n", "a: -\n", "a: - b\n", "a: ?b\n", "a: :b\n", "a: @b\n", "a: %b\n", "a: ,b\n", "a: ]\n", "-\n", "- \n  \n", "-  a: 1\n   b: 2\n", "- a: 1\n   b: 2\n", "-a: 1\n", "--: 1\n", "a: .inf\n", ".inf: a\n", "a: [.nan]\n",
	"é: ü\n\"日\": '本'\n", "a: b\r\nc: d\r\n", "\ufeffa: b\n", "a: b\u2028c\n", "a: b\u0085c\n", "a: \x00\n", "a: \xff\n", "a: b\\c\n", "scalar\n", "'scalar'\n", "|\n scalar\n", "a:\n\n\n  b:   c   \n\n\n", "a:\n  b\n  c\n", "a:\n  'b'\n", "a:\n  [b]\nc:\n  |\n  d\n", "a:\n  # c\n  b: 1 # d\n  # e\n", "a:\n  - b\n  # c\n  - d\n# e\n- f\n", "a:\n- b\n  c\n",
}

func yamlFile(text string) *source.File { return source.NewFile("test.yaml", []byte(text)) }

// sameTree compares with the spans, and without the cost of reflection on equal
// trees.
func sameTree(a, b *Value) bool {
	if a.Kind != b.Kind || a.Quoted != b.Quoted || a.Bool != b.Bool || a.Int != b.Int || a.Float() != b.Float() ||
		a.Str != b.Str || a.Span != b.Span || len(a.Items) != len(b.Items) || len(a.Fields) != len(b.Fields) {
		return false
	}
	for i := range a.Items {
		if !sameTree(a.Items[i], b.Items[i]) {
			return false
		}
	}
	for i := range a.Fields {
		x, y := a.Fields[i], b.Fields[i]
		if x.Key != y.Key || x.KeySpan != y.KeySpan || !sameTree(x.Value, y.Value) {
			return false
		}
	}
	return true
}

// checkFast fails when the fast parser takes a text and reads it differently. It
// reports whether it took it.
func checkFast(t *testing.T, text string) bool {
	t.Helper()
	core := checkDialect(t, text, YAML12)
	return checkDialect(t, text, YAML11) && core
}

func checkDialect(t *testing.T, text string, dialect Dialect) bool {
	t.Helper()
	fast, ok := parseFast(yamlFile(text), dialect)
	if !ok {
		return false
	}
	full, err := parseFull(yamlFile(text), dialect)
	if err != nil {
		t.Fatalf("the fast parser takes what the full parser refuses with %v:\n%q", err, text)
	}
	same := len(fast) == len(full)
	for i := 0; same && i < len(fast); i++ {
		same = fast[i].Index == full[i].Index && fast[i].Span == full[i].Span && sameTree(fast[i].Root, full[i].Root)
	}
	if !same {
		t.Fatalf("%q (-full +fast):\n%s", text, cmp.Diff(full, fast))
	}
	return true
}

// ended returns texts with other ends of lines.
func ended(texts ...string) (all []string) {
	for _, end := range []string{"\n", "\r\n", "\t\n", " \t \r\n"} {
		for _, text := range texts {
			all = append(all, strings.ReplaceAll(text, "\n", end))
		}
	}
	return all
}

func TestFastEqualsFull(t *testing.T) {
	taken := 0
	texts := ended(fastSeeds...)
	for _, text := range texts {
		if checkFast(t, text) {
			taken++
		}
	}
	t.Logf("%d of %d texts are for the fast parser", taken, len(texts))
}

// What manifests are made of must not fall back without notice.
func TestFastTakes(t *testing.T) {
	usual := []string{
		"a: 1\n---\n# c\n---\nb: 2 # c\n", "a:\n- b: c\n  d:\n  - e\n- - f\n", "a: b\n  c\n\n  d\n", "a: 'it''s'\nb: \"\\u00e9\\n\"\n", "a: \"b\n  c\n\n  d\"\n",
		"a: |-\n  b\n\n  c\nd: >+\n  e\n   f\n\n", "a: [b, 'c', {d: e}]\nf: {\n  \"g\":1\n}\n", "on: 1\n10: 2\n", "é: ü\n", "a: |\n  b\n  \tc\n", "{\"a\": [1, true, null]}\n",
	}
	for _, text := range usual {
		usual = append(usual, strings.ReplaceAll(text, "\n", "\r\n"))
	}
	for _, text := range append(usual, "a: \"b\\\n  c\"\n", "a:\t\n  b: c \t\r\n  d: 'e'\t\n  # f\t\n") {
		if !checkFast(t, text) {
			t.Errorf("falls back: %q", text)
		}
	}
}

func FuzzFastEqualsFull(f *testing.F) {
	for _, text := range ended(fastSeeds...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkFast(t, text) })
}

func corpusFiles(tb testing.TB) map[string]string {
	root := os.Getenv("HOLDFAST_CORPORA")
	if root == "" {
		tb.Skip("HOLDFAST_CORPORA names no folder")
	}
	files := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml" {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func TestFastEqualsFullOnCorpora(t *testing.T) {
	files := corpusFiles(t)
	taken, broken := 0, 0
	for path, text := range files {
		if checkFast(t, text) {
			taken++
			continue
		}
		if _, err := parseFull(yamlFile(text), YAML11); err != nil {
			broken++
			continue
		}
		t.Logf("falls back: %s", path)
	}
	t.Logf("%d files: %d fast, %d broken", len(files), taken, broken)
}

func TestFastErrorsComeFromFull(t *testing.T) {
	docs, err := ParseYAML(yamlFile("a: 1\n---\nb: [\n"))
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || len(docs) != 1 || !strings.HasPrefix(err.Error(), "test.yaml:") {
		t.Errorf("%v %v", docs, err)
	}
}
