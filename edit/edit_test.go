package edit

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// at builds a path of keys and indexes.
func at(steps ...any) (p resource.Path) {
	for _, s := range steps {
		switch s := s.(type) {
		case int:
			p = append(p, resource.Index(s))
		case string:
			p = append(p, resource.Key(s))
		}
	}
	return p
}

func value(t testing.TB, text string) *resource.Value {
	t.Helper()
	v, err := parse("value.yaml", []byte(text), resource.YAML11)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

type editCase struct {
	name, file, before string
	op                 Op
	path               resource.Path
	value              string
	key                string
	after              string
	refused            string // part of the reason
}

func (c editCase) run(t *testing.T) {
	t.Helper()
	if c.file == "" {
		c.file = "a.yaml"
	}
	file := source.NewFile(c.file, []byte(c.before))
	change := Change{Op: c.op, Path: c.path, Key: c.key}
	if c.op == Set {
		docs, err := resource.Parse(file)
		if err != nil {
			t.Fatal(err)
		}
		if change, err = SetAt(docs[0].Root, c.path, value(t, c.value)); err != nil {
			t.Fatal(err)
		}
	}
	edits, err := Text(file, resource.YAML11, 0, change)
	if c.refused != "" {
		if refusal, ok := errors.AsType[*Refusal](err); !ok || !strings.Contains(refusal.Reason, c.refused) {
			t.Errorf("err = %v, want a refusal with %q", err, c.refused)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	after, err := source.Apply(file.Content, edits)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.after, string(after)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestSet(t *testing.T) {
	for _, c := range []editCase{
		{name: "a scalar", before: "a: true # why\nb: 2\n", path: at("a"), value: "false", after: "a: false # why\nb: 2\n"},
		{name: "double quotes stay", before: `a: "x" # why`, path: at("a"), value: "z", after: `a: "z" # why`},
		{name: "single quotes stay", before: `a: 'x'`, path: at("a"), value: "it's", after: `a: 'it''s'`},
		{name: "a text that looks like a number", before: "a: x\n", path: at("a"), value: `"1"`, after: "a: \"1\"\n"},
		{name: "a text that is a boolean to kubectl", before: "a: x\n", path: at("a"), value: `"yes"`, after: "a: \"yes\"\n"},
		{name: "a key after the last one", before: "a: 1\nb: 2 # two\n# end\n", path: at("c"), value: "3", after: "a: 1\nb: 2 # two\nc: 3\n# end\n"},
		{name: "no final newline", before: "a: 1", path: at("b"), value: "2", after: "a: 1\nb: 2"},
		{name: "CRLF", before: "a: 1\r\nb:\r\n  c: 1\r\nd: 1\r\n", path: at("b", "x", "w"), value: "2", after: "a: 1\r\nb:\r\n  c: 1\r\n  x:\r\n    w: 2\r\nd: 1\r\n"},
		{name: "missing parents, in the file's own indentation", before: "a:\n    b:\n        c: 1\n", path: at("a", "x", "w", "z"), value: "1", after: "a:\n    b:\n        c: 1\n    x:\n        w:\n            z: 1\n"},
		{name: "a null parent", before: "a: # why\nb: 1\n", path: at("a", "x"), value: "1", after: "a: # why\n  x: 1\nb: 1\n"},
		{name: "a tilde", before: "a: ~ # why\n", path: at("a", "x"), value: "1", after: "a: # why\n  x: 1\n"},
		{name: "a null value", before: "a:\nb: 1\n", path: at("a"), value: "1", after: "a: 1\nb: 1\n"},
		{name: "an empty map", before: "a: {} # why\n", path: at("a", "x"), value: "1", after: "a: {x: 1} # why\n"},
		{name: "a flow map", before: "a: {b: 1, c: [x, y]} # why\n", path: at("a", "d"), value: "{e: [f]}", after: "a: {b: 1, c: [x, y], d: {e: [f]}} # why\n"},
		{name: "a flow map with spaces", before: "a: { b: 1 }\n", path: at("a", "c"), value: "1", after: "a: { b: 1, c: 1 }\n"},
		{name: "a flow map over lines", before: "a: {\n  b: 1,\n  c: 2\n}\n", path: at("a", "d"), value: "1", after: "a: {\n  b: 1,\n  c: 2,\n  d: 1\n}\n"},
		{name: "a comma at the end", before: "a: {\n  b: 1,\n}\n", path: at("a", "d"), value: "1", after: "a: {\n  b: 1,\n  d: 1,\n}\n"},
		{name: "flow in flow", before: "a: [{b: {}}]\n", path: at("a", 0, "b", "c", "d"), value: "1", after: "a: [{b: {c: {d: 1}}}]\n"},
		{name: "quoted keys in flow", before: "a: {\"b\": 1}\n", path: at("a", "c"), value: "x", after: "a: {\"b\": 1, \"c\": \"x\"}\n"},
		{name: "an item of a list", before: "c:\n- name: x\n  image: y # why\n\n# next\n- name: z\n", path: at("c", 0, "s", "t"), value: "true",
			after: "c:\n- name: x\n  image: y # why\n  s:\n    t: true\n\n# next\n- name: z\n"},
		{name: "lists are not indented here", before: "a:\n- b\n", path: at("c"), value: "[{d: 1, e: 2}]", after: "a:\n- b\nc:\n- d: 1\n  e: 2\n"},
		{name: "lists are indented here", before: "a:\n    - b\n", path: at("c"), value: "[{d: 1, e: [f]}]", after: "a:\n    - b\nc:\n    - d: 1\n      e:\n          - f\n"},
		{name: "lists are in rows here", before: "a: [b]\n", path: at("c", "d"), value: "[e]", after: "a: [b]\nc:\n  d: [e]\n"},
		{name: "one more item", before: "a:\n  - b # why\n  # end\nc: 1\n", path: at("a", 1), value: "{x: 1, w: 2}", after: "a:\n  - b # why\n  - x: 1\n    w: 2\n  # end\nc: 1\n"},
		{name: "one more in a row", before: "a: [b]\n", path: at("a", 1), value: "c", after: "a: [b, c]\n"},
		{name: "the first of a row", before: "a: []\n", path: at("a", 0), value: "c", after: "a: [c]\n"},
		{name: "a list in the place of a list", before: "a:\n- b\n- c\nd: 1\n", path: at("a"), value: "[x]", after: "a:\n- x\nd: 1\n"},
		{name: "a row in the place of a row", before: "a: [b, c] # why\n", path: at("a"), value: "[x]", after: "a: [x] # why\n"},
		{name: "a scalar in the place of a block", before: "a: # why\n  b: 1\nc: 1\n", path: at("a"), value: "x", after: "a: x # why\nc: 1\n"},
		{name: "a map in the place of a scalar", before: "a: x # why\n", path: at("a"), value: "{b: {c: 1}}", after: "a: # why\n  b:\n    c: 1\n"},
		{name: "a block text before", before: "a: |\n  text\n\nb: 1\n", path: at("a"), value: "x", after: "a: x\n\nb: 1\n"},
		{name: "after a block text", before: "b: 1\na: |\n  text\n", path: at("c"), value: "x", after: "b: 1\na: |\n  text\nc: x\n"},
		{name: "after a block text that keeps its blank lines", before: "b: 1\na: |+\n  text\n\n", path: at("c"), value: "x", after: "b: 1\nc: x\na: |+\n  text\n\n"},
		{name: "a value of several lines", before: "a: x\n  y\nb: 1\n", path: at("a"), value: "z", after: "a: z\nb: 1\n"},
		{name: "a key with dots", before: "a:\n  b: 1\n", path: at("a", "x.y/z", "- q"), value: "1", after: "a:\n  b: 1\n  x.y/z:\n    \"- q\": 1\n"},
		{name: "JSON", file: "a.json", before: "{\n  \"a\": {\n    \"b\": 1\n  }\n}\n", path: at("a", "c"), value: "{d: [e, 1, true]}",
			after: "{\n  \"a\": {\n    \"b\": 1,\n    \"c\": {\"d\": [\"e\", 1, true]}\n  }\n}\n"},
		{name: "JSON in YAML", before: "{\"a\": {}}\n", path: at("a", "c"), value: "x", after: "{\"a\": {\"c\": \"x\"}}\n"},
		{name: "an alias is replaced itself", before: "a: &x 1\nb: *x\n", path: at("b"), value: "2", after: "a: &x 1\nb: 2\n"},
		{name: "below an alias", before: "a: &x {w: 1}\nb: *x\n", path: at("b", "w"), value: "2", refused: "`b` is an alias"},
		{name: "an anchor that others use", before: "a: &x {w: 1}\nb: *x\n", path: at("a", "w"), value: "2", refused: "anchors"},
		{name: "an anchor that nobody uses", before: "a: &x\n  w: 1\n", path: at("a", "w"), value: "2", after: "a: &x\n  w: 2\n"},
		{name: "a merged value", before: "a: &x {w: 1}\nb:\n  <<: *x\n  z: 1\n", path: at("b", "w"), value: "2", refused: "merged"},
		{name: "beside merged values", before: "a: &x {w: 1}\nb:\n  <<: *x\n  z: 1\n", path: at("b", "q"), value: "2", after: "a: &x {w: 1}\nb:\n  <<: *x\n  z: 1\n  q: 2\n"},
		{name: "a comment within", before: "a:\n- b # why\n- c\n", path: at("a"), value: "[x]", refused: "comment"},
		{name: "a list within a list", before: "a:\n- - b\n  - c\n", path: at("a", 0, 2), value: "d", after: "a:\n- - b\n  - c\n  - d\n"},
	} {
		t.Run(c.name, c.run)
	}
}

func TestRemove(t *testing.T) {
	for _, c := range []editCase{
		{name: "a line", before: "a: 1\n# about b\nb: 2 # two\n# end\nc: 3\n", path: at("b"), after: "a: 1\n# about b\n# end\nc: 3\n"},
		{name: "the last line, without a line ending", before: "a: 1\nb: 2", path: at("b"), after: "a: 1"},
		{name: "CRLF", before: "a: 1\r\nb: 2\r\nc: 3\r\n", path: at("b"), after: "a: 1\r\nc: 3\r\n"},
		{name: "a block", before: "a:\n  b:\n    c: 1\n    d: |\n      text\n\n  e: 1\n", path: at("a", "b"), after: "a:\n\n  e: 1\n"},
		{name: "the first key of an item", before: "a:\n- b: 1\n  c: 2 # two\n", path: at("a", 0, "b"), after: "a:\n- c: 2 # two\n"},
		{name: "the only key", before: "a:\n  b: 1\nc: 1\n", path: at("a", "b"), after: "a: {}\nc: 1\n"},
		{name: "the only key, with a comment above", before: "a: # why\n  b: 1\nc: 1\n", path: at("a", "b"), after: "a: {} # why\nc: 1\n"},
		{name: "the only key of an item", before: "- b: 1\n- c: 1\n", path: at(0, "b"), after: "- {}\n- c: 1\n"},
		{name: "an item", before: "a:\n  - b\n  - c: 1\n    d: 2\n  - e # why\n", path: at("a", 1), after: "a:\n  - b\n  - e # why\n"},
		{name: "the first item of a list in a list", before: "- - a\n  - b\n", path: at(0, 0), after: "- - b\n"},
		{name: "the only item", before: "a:\n  - b\nc: 1\n", path: at("a", 0), after: "a: []\nc: 1\n"},
		{name: "an empty item", before: "a:\n-\n- b\n", path: at("a", 0), after: "a:\n- b\n"},
		{name: "in a row", before: "a: {b: 1, c: 2, d: 3}\n", path: at("a", "c"), after: "a: {b: 1, d: 3}\n"},
		{name: "the last in a row", before: "a: [b, c]\n", path: at("a", 1), after: "a: [b]\n"},
		{name: "the only one in a row", before: "a: [ b ]\n", path: at("a", 0), after: "a: []\n"},
		{name: "JSON over lines", file: "a.json", before: "{\n  \"a\": 1,\n  \"b\": 2\n}", path: at("b"), after: "{\n  \"a\": 1\n}"},
		{name: "an anchor that others use", before: "a: &x 1\nb: *x\n", path: at("a"), refused: "anchors"},
	} {
		c.op = Remove
		t.Run(c.name, c.run)
	}
}

func TestRename(t *testing.T) {
	editCase{op: Rename, before: "a: # why\n  \"b\": 1\n", path: at("a", "b"), key: "c", after: "a: # why\n  c: 1\n"}.run(t)
	editCase{op: Rename, before: "{\"a\": 1}", file: "a.json", path: at("a"), key: "b", after: "{\"b\": 1}"}.run(t)
	editCase{op: Rename, before: "a: 1\nb: 1\n", path: at("a"), key: "b", refused: "already"}.run(t)
}

// Of several documents only the one at the offset is read and changed.
func TestDocuments(t *testing.T) {
	content := "# one\na: &x 1\n---\na: 1 # two\n--- # three\na: [\n"
	edits, err := Text(source.NewFile("a.yaml", []byte(content)), resource.YAML11, strings.Index(content, "a: 1 #"),
		Change{Op: Set, Path: at("a"), Value: value(t, "2")}, Change{Op: Set, Path: at("b"), Value: value(t, "3")})
	if err != nil {
		t.Fatal(err)
	}
	after, err := source.Apply([]byte(content), edits)
	if err != nil {
		t.Fatal(err)
	}
	want := "# one\na: &x 1\n---\na: 2 # two\nb: 3\n--- # three\na: [\n"
	if string(after) != want {
		t.Errorf("%s", cmp.Diff(want, string(after)))
	}
}

func TestUnified(t *testing.T) {
	before := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16"
	after := "1\n2\nx\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n15\n16\n17"
	want := `--- a/f
+++ b/f
@@ -1,6 +1,6 @@
 1
 2
-3
+x
 4
 5
 6
@@ -11,6 +11,6 @@
 11
 12
 13
-14
 15
-16
\ No newline at end of file
+16
+17
\ No newline at end of file
`
	if diff := cmp.Diff(want, Unified("f", []byte(before), []byte(after))); diff != "" {
		t.Error(diff)
	}
	if got := Unified("f", []byte(before), []byte(before)); got != "" {
		t.Errorf("a diff of nothing: %s", got)
	}
}
