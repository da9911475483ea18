package git_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/source"
)

func TestParseAttributes(t *testing.T) {
	tests := []struct {
		reason, text string
		want         []string
	}{
		{"a line", "*.yaml -diff  text\n", []string{"*.yaml -diff", "*.yaml text"}},
		{"comments and blank lines", "# x y\n\n  \t\n*.a b", []string{"*.a b"}},
		{"a pattern in quotes", `"a b\"c" ident`, []string{`a b"c ident`}},
		{"a pattern alone sets nothing", "*.yaml\n", nil},
		{"a quote that does not end", `"a b`, nil},
		{"a macro where it is used", "[attr]x filter=a\n*.y x\n", []string{"[attr]x filter=a", "*.y filter=a", "*.y x"}},
		{"a macro of macros", "[attr]x ident\n[attr]z x\n* z\n", []string{"[attr]x ident", "[attr]z ident", "[attr]z x", "* ident", "* x", "* z"}},
		{"a macro that contains itself", "[attr]x x\n[attr]x x\n* x", []string{"[attr]x x", "[attr]x x", "[attr]x x", "* x", "* x", "* x"}},
	}
	for _, test := range tests {
		var got []string
		for _, a := range git.ParseAttributes(source.NewFile(".gitattributes", []byte(test.text))) {
			got = append(got, a.Pattern+" "+a.Name)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", test.reason, got, test.want)
		}
	}
}

// FuzzParseAttributes holds that lines are read in bounded time, and have their place.
func FuzzParseAttributes(f *testing.F) {
	f.Add("[attr]x filter=a\n*.y x\n\"a b\" -diff\n# c\n")
	f.Add("[attr]x x x\n[attr]x x x\n[attr]x x x\n* x\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := source.NewFile(".gitattributes", []byte(text))
		for _, a := range git.ParseAttributes(file) {
			if a.Name == "" || strings.ContainsAny(a.Name, " \n") || a.Span.End > len(text) || a.Span.Start > a.Span.End {
				t.Fatalf("%q: %+v", text, a)
			}
		}
	})
}
