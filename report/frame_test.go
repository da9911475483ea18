package report

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

func frame(content string, span source.Span, label string, width int) string {
	var buf bytes.Buffer
	loc := resource.Location{File: source.NewFile("a.yaml", []byte(content)), Span: span, Exact: true}
	NewPrinter(&buf, width, false).Frame(loc, label, Red)
	return buf.String()
}

// spanOf returns the span of the only occurrence of part.
func spanOf(t *testing.T, content, part string) source.Span {
	t.Helper()
	if strings.Count(content, part) != 1 {
		t.Fatalf("%q is not once in %q", part, content)
	}
	start := strings.Index(content, part)
	return source.Span{Start: start, End: start + len(part)}
}

func TestFrame(t *testing.T) {
	long := "args: [" + strings.Repeat("abcdefghi ", 20) + "MARKED" + strings.Repeat(" jklmnopqr", 20) + "]"
	tests := []struct {
		name, content, marked string
		span                  source.Span // when marked is empty
		label                 string
		width                 int
		want                  []string
	}{
		{name: "a value", content: "a: 1\nbee: true\nc: 3\n", marked: "true", label: "is `true`",
			want: []string{"  --> a.yaml:2:6", "   |", " 2 | bee: true", "   |      ^^^^ is `true`", "   |"}},
		{name: "line numbers of three digits", content: strings.Repeat("\n", 99) + "a: true", marked: "true", label: "x",
			want: []string{"   --> a.yaml:100:4", "    |", "100 | a: true", "    |    ^^^^ x", "    |"}},
		{name: "no label", content: "a: true\n", marked: "true",
			want: []string{"  --> a.yaml:1:4", "   |", " 1 | a: true", "   |    ^^^^", "   |"}},
		{name: "tabs are expanded before and in what is marked", content: "a:\t\"b\tc\"\n", marked: "\"b\tc\"", label: "x",
			want: []string{"  --> a.yaml:1:4", "   |", ` 1 | a:    "b    c"`, "   |       ^^^^^^^^ x", "   |"}},
		{name: "wide runes take two columns", content: "名前: 値 x\n", marked: "値", label: "x",
			want: []string{"  --> a.yaml:1:5", "   |", " 1 | 名前: 値 x", "   |       ^^ x", "   |"}},
		{name: "combining runes take none", content: "e\u0301: e\u0301e\u0301\n", span: source.Span{Start: 5, End: 11}, label: "x",
			want: []string{"  --> a.yaml:1:5", "   |", " 1 | e\u0301: e\u0301e\u0301", "   |    ^^ x", "   |"}},
		{name: "CRLF", content: "a: 1\r\nb: 2\r\n", marked: "2", label: "x",
			want: []string{"  --> a.yaml:2:4", "   |", " 2 | b: 2", "   |    ^ x", "   |"}},
		{name: "span over a CRLF", content: "a: 1\r\nb: 2\r\n", span: source.Span{Start: 3, End: 9}, label: "x",
			want: []string{"  --> a.yaml:1:4", "   |", " 1 | a: 1", "   |    ^ x", "   |"}},
		{name: "span over lines marks the first one to its end", content: "a: |\n  text\n  more\nb: 1\n", span: source.Span{Start: 0, End: 18}, label: "x",
			want: []string{"  --> a.yaml:1:1", "   |", " 1 | a: |", "   | ^^^^ x", "   |"}},
		{name: "no span at the end of the file", content: "a: 1\n", span: source.Span{Start: 5, End: 5}, label: "x",
			want: []string{"  --> a.yaml:2:1", "   |", " 2 |", "   | ^ x", "   |"}},
		{name: "no span at the end, no final newline", content: "a:", span: source.Span{Start: 2, End: 2}, label: "x",
			want: []string{"  --> a.yaml:1:3", "   |", " 1 | a:", "   |   ^ x", "   |"}},
		{name: "no final newline", content: "a: 1", marked: "1", label: "x",
			want: []string{"  --> a.yaml:1:4", "   |", " 1 | a: 1", "   |    ^ x", "   |"}},
		{name: "empty file", content: "", label: "x",
			want: []string{"  --> a.yaml:1:1", "   |", " 1 |", "   | ^ x", "   |"}},
		{name: "span out of the file", content: "a: 1\n", span: source.Span{Start: -7, End: 700}, label: "x",
			want: []string{"  --> a.yaml:1:1", "   |", " 1 | a: 1", "   | ^^^^ x", "   |"}},
		{name: "span that ends before it starts", content: "a: 1\n", span: source.Span{Start: 3, End: 1}, label: "x",
			want: []string{"  --> a.yaml:1:4", "   |", " 1 | a: 1", "   |    ^ x", "   |"}},
		{name: "the end of a long line is cut", content: long, marked: "args", label: "x", width: 40,
			want: []string{"  --> a.yaml:1:1", "   |", " 1 | args: [abcdefghi abcdefghi abcdefg…", "   | ^^^^ x", "   |"}},
		{name: "the window is shifted to what is marked", content: long, marked: "MARKED", label: "x", width: 40,
			want: []string{"  --> a.yaml:1:208", "   |", " 1 | …hi abcdefghi MARKED jklmnopqr jkl…", "   |               ^^^^^^ x", "   |"}},
		{name: "the window ends where the line does", content: long, marked: "]", label: "is the last", width: 40,
			want: []string{"  --> a.yaml:1:414", "   |", " 1 | …pqr jklmnopqr jklmnopqr jklmnopqr]",
				"   |                                   ^", "   |                         is the last", "   |"}},
		{name: "behind a line that fills the width", content: strings.Repeat("a", 34) + "\n", span: source.Span{Start: 34, End: 34}, label: "x", width: 39,
			want: []string{"  --> a.yaml:1:35", "   |", " 1 | …" + strings.Repeat("a", 32), "   | " + strings.Repeat(" ", 33) + "^", "   | " + strings.Repeat(" ", 33) + "x", "   |"}},
		{name: "marks longer than the window", content: "a: " + strings.Repeat("b", 90), span: source.Span{Start: 3, End: 93}, label: "x", width: 30,
			want: []string{"  --> a.yaml:1:4", "   |", " 1 | a: " + strings.Repeat("b", 21) + "…", "   |    " + strings.Repeat("^", 22), "   |    x", "   |"}},
		{name: "a label that does not fit goes below and wraps", content: "abc: defg\n", marked: "defg", label: "is longer than what is left of the line", width: 30,
			want: []string{"  --> a.yaml:1:6", "   |", " 1 | abc: defg", "   |      ^^^^", "   | is longer than what is", "   | left of the line", "   |"}},
		{name: "escapes in the file are dropped", content: "a: \x1b[31mred\u202e\n", marked: "red", label: "x",
			want: []string{"  --> a.yaml:1:9", "   |", " 1 | a: [31mred", "   |        ^^^ x", "   |"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			span := tt.span
			if tt.marked != "" {
				span = spanOf(t, tt.content, tt.marked)
			}
			want := strings.Join(tt.want, "\n") + "\n"
			if diff := cmp.Diff(want, frame(tt.content, span, tt.label, tt.width)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFrameWithoutPlace(t *testing.T) {
	var buf bytes.Buffer
	p := NewPrinter(&buf, 0, false)
	if gutter := p.Frame(resource.Location{}, "x", Red); gutter != 2 || buf.Len() > 0 {
		t.Errorf("no file: gutter %d, output %q", gutter, &buf)
	}
	p.Frame(resource.Location{File: source.NewFile("a.yaml", []byte("a"))}, "x", Red)
	if got, want := buf.String(), "  --> a.yaml\n"; got != want {
		t.Errorf("only the file is known: %q, want %q", got, want)
	}
}

// A generated file is one line of megabytes; its findings are many.
func TestFrameOfHugeLine(t *testing.T) {
	content := strings.Repeat("0123456789", 1<<20)
	got := frame(content, source.Span{Start: 5 << 20, End: 5<<20 + 3}, "x", 40)
	if rows := strings.Split(got, "\n"); len(rows[2]) > 60 || !strings.Contains(rows[3], "^^^ x") {
		t.Error(got)
	}
}

func TestNotes(t *testing.T) {
	var buf bytes.Buffer
	p := NewPrinter(&buf, 30, false)
	p.Note(2, "in", "Deployment payments/api, rendered by overlays/prod")
	p.Note(2, "", "high · CIS-K8s/5.2.7 · finding 7d3f-0c9a")
	p.Note(2, "why", " \n")
	p.Note(2, "more", "https://example.org/a-word-that-is-longer-than-the-line")
	p.Paragraph("Fix:", "use another user than uid 0, and say so")
	p.Paragraph("", "use another user than uid 0, and say so")
	want := `   = in:   Deployment
           payments/api,
           rendered by
           overlays/prod
   = high · CIS-K8s/5.2.7 ·
     finding 7d3f-0c9a
   = more: https://example.org/a-word-that-is-longer-than-the-line
Fix: use another user than uid
0, and say so
use another user than uid 0,
and say so
`
	if diff := cmp.Diff(want, buf.String()); diff != "" {
		t.Error(diff)
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"plain — ünïcode 値":             "plain — ünïcode 値",
		"a\tb\nc\r\nd":                  "a b c  d",
		"\x1b[31mred\x1b[0m":            "[31mred[0m",
		"a\u202eb\u2066c\u200bd\ufeffe": "abcde",
		"a\xff\xfeb":                    "a\ufffdb",
		"\u009b31m\x7f\x00":             "31m",
		"a\u2028b\u2029c\u0085d":        "a b c d",
		"tag\U000e0041":                 "tag",
	} {
		if got := Plain(text); got != want {
			t.Errorf("Plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte("a: 1\nb: \x1b[31m2\r\n"), 3, 9, 40, "is `1`")
	f.Add([]byte("\t名前: 値\u202e\xff"), 2, 5, 1, "is a label that is longer than the line is")
	f.Add([]byte(strings.Repeat("値 ", 80)), 200, 400, 61, "e\u0301\u0301")
	f.Add([]byte(""), -1, 1<<40, 0, "\n")
	f.Fuzz(func(t *testing.T, content []byte, start, end, width int, label string) {
		loc := resource.Location{File: source.NewFile("a.yaml", content), Span: source.Span{Start: start, End: end}, Exact: true}
		var buf bytes.Buffer
		p := NewPrinter(&buf, width, false)
		for name, show := range map[string]func(resource.Location) excerpt{"shown": newExcerpt, "hidden": hiddenExcerpt} {
			buf.Reset()
			gutter := p.frame(loc, label, Red, show)
			out := buf.String()
			checkHarmless(t, name, out)
			rows := strings.Split(out, "\n")
			if len(rows) < 5 || !strings.Contains(rows[3], "^") {
				t.Fatalf("%s: nothing is marked:\n%s", name, out)
			}
			for _, row := range rows[1:] {
				if most := max(p.Width, gutter+3+minCode); columns(row) > most {
					t.Fatalf("%s: a row of %d columns, more than %d:\n%s", name, columns(row), most, out)
				}
			}
		}
	})
}
