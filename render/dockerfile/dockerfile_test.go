package dockerfile_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/render/dockerfile"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

var update = flag.Bool("update", false, "write the golden files")

// TestGolden reads the Dockerfiles of testdata and compares their trees. Each
// value is followed by its place, and by the text there when it differs.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.dockerfile")
	if len(files) < 10 {
		t.Fatalf("only %d files", len(files))
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			content, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := dump(source.NewFile("Dockerfile", content))
			golden := strings.TrimSuffix(name, ".dockerfile") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the tree is not that of %s:\n%s", golden, got)
			}
		})
	}
}

func dump(file *source.File) string {
	var b strings.Builder
	all, err := dockerfile.Parse(nil, file)
	for _, r := range all {
		write(&b, file, r.Root, "")
	}
	if err != nil {
		fmt.Fprintf(&b, "%v\n", err)
	}
	return b.String()
}

func write(b *strings.Builder, file *source.File, v *resource.Value, indent string) {
	at := file.Position(v.Span.Start)
	place := fmt.Sprintf("%d:%d", at.Line, at.Column)
	text := string(file.Content[v.Span.Start:v.Span.End])
	switch {
	case v.Unknown() != "":
		fmt.Fprintf(b, " unknown: %s @%s %q\n", v.Unknown(), place, text)
	case v.Kind == resource.Map:
		fmt.Fprintf(b, " @%s\n", place)
		for _, f := range v.Fields {
			if shared(f.Key) {
				continue
			}
			fmt.Fprintf(b, "%s%s:", indent, f.Key)
			write(b, file, f.Value, indent+"  ")
		}
	case v.Kind == resource.List:
		fmt.Fprintf(b, " @%s\n", place)
		for _, item := range v.Items {
			fmt.Fprintf(b, "%s-", indent)
			write(b, file, item, indent+"  ")
		}
	case v.Kind == resource.Bool:
		fmt.Fprintf(b, " %v @%s\n", v.Bool, place)
	case v.Str == text:
		fmt.Fprintf(b, " %q @%s\n", v.Str, place)
	default:
		fmt.Fprintf(b, " %q @%s %q\n", v.Str, place, text)
	}
}

// shared tells fields that repeat what stands elsewhere in the tree.
func shared(key string) bool {
	return key == "healthcheck" || key == "entrypoint" || key == "cmd" || key == "base"
}

func TestClaims(t *testing.T) {
	for name, want := range map[string]bool{
		"Dockerfile": true, "a/dockerfile": true, "DOCKERFILE": true, "Dockerfile.dev": true, "build/web.Dockerfile": true,
		"web.dockerfile": true, "Containerfile": true, "Containerfile.arm64": true, "Dockerfile-ci": true, "Dockerfile_ci": true,
		"Dockerfile.md": false, "Dockerfile.j2": false, "Dockerfile.dockerignore": false, "dockerfile.go": false,
		"Dockerfiles/x": false, "mydockerfile": false, "dockerfiles": false, "compose.yaml": false,
	} {
		if got := dockerfile.Claims(nil, name); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
}

func TestProblems(t *testing.T) {
	for _, test := range []struct {
		reason, text string
		want         []string
	}{
		{"an unknown instruction, and the rest is read", "FROM a\nRUNN x\nUSER b\n", []string{"Dockerfile:2:1: `RUNN` is no instruction of a Dockerfile"}},
		{"nothing to build", "# empty\n", []string{"Dockerfile:1:1: there is no FROM instruction"}},
		{"before FROM", "RUN x\nFROM a\n", []string{"Dockerfile:1:1: RUN stands before the first FROM, where only ARG is allowed"}},
		{"no argument", "FROM a\nUSER \n", []string{"Dockerfile:2:1: USER needs an argument"}},
		{"a here-document without an end", "FROM a\nRUN <<EOF\nx\n", []string{"Dockerfile:2:5: the here-document is not ended: a line with EOF alone is missing"}},
		{"an unknown flag, at its place in a continued line", "FROM a\nCOPY \\\n  --form=b c d\n", []string{"Dockerfile:3:3: COPY has no flag --form"}},
		{"a quote", "FROM a\nENV A=\"b\n", []string{`Dockerfile:2:7: the quote " is not closed`}},
		{"an unset variable", "FROM $X\n", []string{"Dockerfile:1:6: FROM $X names no image: the variable is not set before it"}},
		{"two mistakes", "FROM a b\nEXPOSE 1\nONBUILD FROM c\n", []string{
			"Dockerfile:1:1: FROM must be `FROM image` or `FROM image AS name`", "Dockerfile:3:9: `FROM` cannot be triggered by ONBUILD"}},
		{"a directive", "# escape=x\nFROM a\n", []string{"Dockerfile:1:10: the escape character must be ` or \\"}},
		{"CMD of HEALTHCHECK", "FROM a\nHEALTHCHECK curl x\n", []string{"Dockerfile:2:13: HEALTHCHECK must be `HEALTHCHECK CMD …` or `HEALTHCHECK NONE`"}},
	} {
		all, err := dockerfile.Parse(nil, source.NewFile("Dockerfile", []byte(test.text)))
		if got := err.Error(); got != strings.Join(test.want, "\n") {
			t.Errorf("%s: %s", test.reason, got)
		}
		if syntax, ok := errors.AsType[*resource.SyntaxError](err); !ok || syntax.Path != "Dockerfile" {
			t.Errorf("%s: %T has no place", test.reason, err)
		}
		if len(all) != 1 {
			t.Errorf("%s: what could be read is not there", test.reason)
		}
	}
}

func TestOtherFormats(t *testing.T) {
	for name, text := range map[string]string{
		"Dockerfile":         "{{ if .X }}\nFROM a\n{{ end }}\n",
		"Dockerfile.notes":   "Remember the milk\n",
		"Dockerfile_checker": "print(1)\n",
	} {
		all, err := dockerfile.Parse(nil, source.NewFile(name, []byte(text)))
		if !errors.Is(err, render.ErrOtherFormat) || len(all) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDockerignore(t *testing.T) {
	for _, test := range []struct {
		ignore string
		want   bool
	}{{"a/b/.dockerignore", true}, {".dockerignore", true}, {"a/b/Dockerfile.dockerignore", true}, {"a/c/.dockerignore", false}} {
		tree := source.Memory(map[string]string{"a/b/Dockerfile": "FROM a\n", test.ignore: "x"})
		all, err := dockerfile.Parse(tree, source.NewFile("a/b/Dockerfile", []byte("FROM a\n")))
		if err != nil || all[0].Root.Get("dockerignore").Bool != test.want {
			t.Errorf("%s: not %v", test.ignore, test.want)
		}
	}
}
