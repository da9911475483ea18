package dockerfile_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/dockerfile"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// FuzzParse proves that nothing crashes, that every span is within the file and
// that errors have places.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.dockerfile")
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := source.NewFile("Dockerfile", content)
		all, err := dockerfile.Parse(nil, file)
		if err != nil && !errors.Is(err, render.ErrOtherFormat) {
			if syntax, ok := errors.AsType[*resource.SyntaxError](err); !ok || syntax.Position.Line < 1 {
				t.Errorf("%v has no place", err)
			}
		}
		for _, r := range all {
			checkSpans(t, r.Root, len(content), 0)
		}
	})
}

func checkSpans(t *testing.T, v *resource.Value, size, depth int) {
	if depth > 20 {
		t.Fatal("the tree is too deep")
	}
	if v.Span.Start < 0 || v.Span.End < v.Span.Start || v.Span.End > size {
		t.Fatalf("span %v of %q is not in the %d bytes of the file", v.Span, v.Str, size)
	}
	for _, item := range v.Items {
		checkSpans(t, item, size, depth+1)
	}
	for _, field := range v.Fields {
		if s := field.KeySpan; s.Start < 0 || s.End < s.Start || s.End > size {
			t.Fatalf("span %v of key %q is not in the %d bytes of the file", s, field.Key, size)
		}
		checkSpans(t, field.Value, size, depth+1)
	}
}

// TestBoundedMemory reads what grows when it is read carelessly.
func TestBoundedMemory(t *testing.T) {
	doubling := "FROM a\nENV V0=" + strings.Repeat("x", 1000) + "\n"
	for i := range 60 {
		doubling += "ENV V" + string(rune('A'+i%26)) + "=$V0$V0$V0\nENV V0=$V" + string(rune('A'+i%26)) + "\n"
	}
	for name, text := range map[string]string{
		"doubled variables":      doubling + "RUN echo " + strings.Repeat("$V0", 10_000),
		"many uses of one":       "FROM a\nENV A=" + strings.Repeat("x", 60_000) + "\nLABEL " + strings.Repeat("a=$A ", 100_000),
		"uses in a script":       "FROM a\nENV A=" + strings.Repeat("x", 60_000) + "\nRUN echo " + strings.Repeat("$A$A ", 20_000),
		"a long pipe":            "FROM a\nRUN a" + strings.Repeat("|a", 60_000),
		"nested parentheses":     "FROM a\nRUN " + strings.Repeat("(", 100_000),
		"nested substitutions":   "FROM a\nRUN " + strings.Repeat("$(a ", 3_900),
		"wrapped":                "FROM a\nRUN " + strings.Repeat("sudo ", 20_000),
		"stages upon each other": strings.Repeat("FROM a AS a\nARG B=$C\n", 20_000),
		"quotes":                 "FROM a\nENV A=" + strings.Repeat(`"`, 1<<20),
		"braces":                 "FROM a\nENV A=" + strings.Repeat("${a:-", 1<<18),
		"continuations":          "FROM a\nRUN a " + strings.Repeat("\\\n", 1<<19),
		"here-documents":         "FROM a\n" + strings.Repeat("COPY <<a /x\n", 20_000),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := dockerfile.Parse(nil, source.NewFile("Dockerfile", []byte(text)))
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 300<<20 {
			t.Errorf("%s: %d MB for %d kB (%v)", name, used>>20, len(text)>>10, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	content, err := os.ReadFile("testdata/multistage.dockerfile")
	if err != nil {
		b.Fatal(err)
	}
	shell, err := os.ReadFile("testdata/shell.dockerfile")
	if err != nil {
		b.Fatal(err)
	}
	content = append(content, shell...)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dockerfile.Parse(nil, source.NewFile("Dockerfile", content)); err != nil {
			b.Fatal(err)
		}
	}
}
