package edit

import (
	"bytes"
	"math/rand"
	"testing"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Two trees are equal exactly if their JSON is.
func TestEqualIsThatOfJSON(t *testing.T) {
	var roots []*resource.Value
	add := func(content string) {
		docs, err := resource.ParseYAML(source.NewFile("a.yaml", []byte(content)))
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range docs {
			roots = append(roots, doc.Root)
			if c, ok := randomChange(rand.New(rand.NewSource(int64(len(roots)))), doc.Root); ok { //nolint:gosec // of a test
				changed, err := Make(doc.Root, c)
				if err != nil {
					t.Fatal(err)
				}
				roots = append(roots, changed)
			}
		}
	}
	for seed := range int64(40) {
		add(random(rand.New(rand.NewSource(seed)))) //nolint:gosec // of a test
	}
	for _, content := range []string{
		"{a: 1, b: 2}", "{b: 2, a: 1}", "{a: 1, b: 3}", "{a: 1}", "{a: 1, c: 2}", "1", "1.0", "'1'", "0x1", "null", "~", "''", "true", "yes", "'true'",
		"[]", "{}", "[1, 2]", "[2, 1]", "[1]", "[1.0, 2]", "{a: [{b: {c: d}}]}", "a:\n- b:\n    c: 'd'\n",
	} {
		add(content)
	}
	equal := 0
	for _, a := range roots {
		for _, b := range roots {
			want := bytes.Equal(resource.EncodeJSON(a), resource.EncodeJSON(b))
			if got := Equal(a, b); got != want {
				t.Errorf("%s and %s: %v, want %v", resource.EncodeJSON(a), resource.EncodeJSON(b), got, want)
			}
			if want {
				equal++
			}
		}
	}
	if equal <= len(roots) || equal == len(roots)*len(roots) {
		t.Errorf("%d of %d×%d pairs are equal: too few or too many to prove anything", equal, len(roots), len(roots))
	}
}
