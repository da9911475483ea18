package resource

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

// Each marked text is the span of the value or key named by the path; the test
// reads it with the full parser, and the fast one must agree where it can.
func TestSpans(t *testing.T) {
	for _, test := range []struct{ reason, text, path, want string }{
		{"plain", "a:  b c  # d\n", "a", "b c"},
		{"plain of two lines", "a: b\n  c\nd: e\n", "a", "b\n  c"},
		{"double quotes", `a: "b\"c" # d` + "\n", "a", `"b\"c"`},
		{"single quotes", "a: 'it''s'\n", "a", "'it''s'"},
		{"literal text", "a: |-\n  b\n\n  c\n\nd: e\n", "a", "|-\n  b\n\n  c"},
		{"text without lines", "a: | # c\n\nb: 1\n", "a", "|"},
		{"text with an indentation", "- a: |2\n     b\n    c\n  d: e\n", "[0].a", "|2\n     b\n    c"},
		{"text after a longer blank line", "a: |\n   \n   b\nc: d\n", "a", "|\n   \n   b"},
		{"flow list", "a: [b, c] # d\n", "a", "[b, c]"},
		{"flow list with a comment", "a: [b, # ]\n  c ,\n]\nd: e\n", "a", "[b, # ]\n  c ,\n]"},
		{"flow map", "a: {b: c, d: }\n", "a", "{b: c, d: }"},
		{"empty flow", "a: [  ]\n", "a", "[  ]"},
		{"pair in a flow list", "a: [b: c, d]\n", "a[0]", "b: c"},
		{"block map", "a:\n  b: c\n  d: e\nf: g\n", "a", "b: c\n  d: e"},
		{"block list", "a:\n- b\n- c: d\ne: f\n", "a", "- b\n- c: d"},
		{"empty value", "a:\nb: c\n", "a", ""},
		{"anchor is not part", "a: &x b\n", "a", "b"},
		{"tag is not part", "a: !!str 12\n", "a", "12"},
		{"anchor of a map", "a: &x\n  b: c\n", "a", "b: c"},
		{"anchor of a list", "a: &x # c\n  - b\n", "a", "- b"},
		{"tag and anchor of text", "a: !!str &x |\n  b\n", "a", "|\n  b"},
		{"anchor without a value", "a: &x\nb: c\n", "a", ""},
		{"alias", "a: &x b\nc: *x\n", "c", "*x"},
		{"below an alias", "a: &x {b: c}\nd: *x\n", "d.b", "c"},
		{"merged", "a: &x {b: c}\nd:\n  <<: *x\n", "d.b", "c"},
		{"after characters of more bytes", "é: [日本, \"ü\", b]\n", "é[2]", "b"},
		{"after a byte order mark", "\uFEFFa: b\n", "a", "b"},
		{"lines that end as on Windows", "a: b\r\nc:\r\n  d: |\r\n    e\r\n    f\r\n", "c.d", "|\r\n    e\r\n    f"},
		{"after a line break of Unicode", "a: \"b\u2028c\"\nd: e\n", "d", "e"},
		{"complex key", "? a\n: b\n", "a", "b"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			file := yamlFile(test.text)
			docs, err := parseFull(file, YAML11)
			if err != nil {
				t.Fatal(err)
			}
			var found *Value
			walk(docs[0].Root, nil, func(p Path, v *Value) {
				if p.String() == test.path {
					found = v
				}
			})
			if found == nil {
				t.Fatal("no such path")
			}
			if got := test.text[found.Span.Start:found.Span.End]; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			checkFast(t, test.text)
		})
	}
}

func walk(v *Value, path Path, fn func(Path, *Value)) {
	fn(path, v)
	for i, item := range v.Items {
		walk(item, path.Append(Index(i)), fn)
	}
	for _, f := range v.Fields {
		walk(f.Value, path.Append(Key(f.Key)), fn)
	}
}

func TestDocuments(t *testing.T) {
	for _, test := range []struct {
		reason, text string
		want         []string
	}{
		{"nothing", "", nil},
		{"only a comment", "# a\n", nil},
		{"one", "a: 1\n", []string{`0 {"a":1}`}},
		{"comments before the first marker are no document", "# c\n---\na: 1\n", []string{`0 {"a":1}`}},
		{"empty ones count", "a: 1\n---\n# c\n---\nnull\n---\nb: 2\n---\n", []string{`0 {"a":1}`, `3 {"b":2}`}},
		{"after an end marker", "a: 1\n...\n---\nb: 2\n", []string{`0 {"a":1}`, `1 {"b":2}`}},
		{"with a directive", "%YAML 1.1\n---\na: 1\n", []string{`0 {"a":1}`}},
		{"JSON that is no YAML", "{\"a\":\"\\/\"}", []string{`0 {"a":"/"}`}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			file := yamlFile(test.text)
			docs, err := ParseYAML(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range docs {
				got = append(got, fmt.Sprintf("%d %s", d.Index, EncodeJSON(d.Root)))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, test := range []struct {
		reason, text string
		docs         int // read before the broken one
		want         string
	}{
		{"duplicate key", "a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n", 0, `t.yaml:5:3: key "c" is already set in line 3`},
		{"duplicate key after YAML 1.1", "yes: 1\non: 2\n", 0, `t.yaml:2:1: key "true" is already set in line 1`},
		{"many keys", strings.Repeat("a: 1\n", 40), 0, `t.yaml:2:1: key "a" is already set in line 1`},
		{"null key", "a: 1\n---\n~: 1\n", 1, "t.yaml:3:1: a key must be a string; put it in quotes"},
		{"map as key", "{a: b}: c\n", 0, "t.yaml:1:1: a key must be a string; put it in quotes"},
		{"a template", "a: {{ .Values.a }}\n", 0, "t.yaml:1:5: a key must be a string; put it in quotes; the file looks like a template, which has to be rendered first"},
		{"colon in a value", "a: 1\nb: c: d\n", 0, "t.yaml:2:5: mapping values are not allowed in this context"},
		{"wrong indentation", "a:\n    b: 1\n  c: 2\n", 0, "t.yaml:3:3: did not find expected key"},
		{"open list", "a: 1\n---\nb: [1,\n", 1, "t.yaml:4:1: did not find expected node content"},
		{"open quote", "a: \"b\n", 0, "t.yaml:2:1: found unexpected end of stream"},
		{"tab for indentation", "a:\n\tb: 1\n", 0, "t.yaml:2:1: found character that cannot start any token"},
		{"unknown anchor", "a: *b\n", 0, "t.yaml:1:4: unknown anchor 'b' referenced"},
		{"anchor of another document", "a: &x 1\n---\nb: *x\n", 1, `t.yaml:3:4: anchor "x" is not in this document`},
		{"anchor in itself", "a: &x\n  b: *x\n", 0, `t.yaml:2:6: the value of anchor "x" contains itself`},
		{"merge of a string", "a:\n  <<: b\n", 0, "t.yaml:2:3: only maps can be merged with <<"},
		{"merge after what it sets", "a: &x {b: 1}\nc:\n  b: 2\n  <<: *x\n", 0, `t.yaml:4:3: << sets key "b" again, which is already set in line 3; move << above it`},
		{"two merges", "a: &x {b: 1}\nc:\n  <<: *x\n  <<: *x\n", 0, `t.yaml:4:3: key "<<" is already set in line 3`},
		{"tag that is not true", "a: !!int b\n", 0, "t.yaml:1:10: the value is not of the type that its tag !!int says"},
		{"infinity", "a: .inf\n", 0, "t.yaml:1:4: .inf has no notation in JSON; put it in quotes if it is a string"},
		{"NUL", "a: 1\n---\nb: \"c\x00\"\n", 1, "t.yaml:3:6: control character U+0000 is not allowed; write it as an escape in double quotes"},
		{"not UTF-8", "a: 1\n---\nb: é\xff\n", 1, "t.yaml:3:5: the text is not valid UTF-8 (byte 0xFF); save the file as UTF-8"},
		{"UTF-16", "\xff\xfea\x00:\x00", 0, "t.yaml:1:1: the file is not UTF-8 text; save it as UTF-8"},
		{"an earlier error first", "a: [\n---\nb: \x00\n", 0, "t.yaml:2:1: did not find expected node content"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			docs, err := ParseYAML(source.NewFile("t.yaml", []byte(test.text)))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			if len(docs) != test.docs {
				t.Errorf("%d documents before it, want %d", len(docs), test.docs)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	for _, test := range []struct{ reason, text, want string }{
		{"own keys win", "{<<: {a: 1, b: 2}, b: 3}", `{"a":1,"b":3}`},
		{"the first of several wins", "{<<: [{a: 1}, {a: 2, b: 3}]}", `{"a":1,"b":3}`},
		{"merges in merged maps", "{<<: {<<: {a: 1}, b: 2}}", `{"a":1,"b":2}`},
		{"a quoted key is a key", "{'<<': 1}", `{"<<":1}`},
	} {
		if _, root := readOne(t, test.text); string(EncodeJSON(root)) != test.want {
			t.Errorf("%s: %s", test.reason, EncodeJSON(root))
		}
	}
}

func TestLimits(t *testing.T) {
	var bomb, chain strings.Builder
	bomb.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	chain.WriteString("a0: &a0 x\n")
	for i := range 30 {
		fmt.Fprintf(&bomb, "a%d: &a%[1]d [%s]\n", i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	for i := range 5000 {
		fmt.Fprintf(&chain, "a%d: &a%[1]d [*a%d]\n", i+1, i)
	}
	merges := "a: &a {" + strings.Repeat("k: v", 0)
	for i := range 1000 {
		merges += fmt.Sprintf("k%d: v, ", i)
	}
	merges += "}\nb:\n" + strings.Repeat("- <<: *a\n", 10000)
	for name, text := range map[string]string{
		"alias bomb": bomb.String(), "chain of aliases": chain.String(), "merged often": merges,
		"large string often": "a: &a '" + strings.Repeat("x", 1<<20) + "'\nb: [" + strings.Repeat("*a, ", 1000) + "]\n",
		"lists":              strings.Repeat("[", 5000) + strings.Repeat("]", 5000), "open lists": strings.Repeat("[", 100000),
		"dashes": strings.Repeat("- ", 5000), "keys": strings.Repeat("? ", 5000),
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			_, err := ParseYAML(yamlFile(text))
			if !errors.Is(err, ErrLimit) {
				t.Errorf("error %v", err)
			}
			if spent := time.Since(start); spent > 20*time.Second {
				t.Errorf("it took %v", spent)
			}
		})
	}
}

// FuzzSpans checks what holds for any text: spans are inside of each other, and
// the text of a scalar reads as the scalar.
func FuzzSpans(f *testing.F) {
	for _, text := range fastSeeds {
		f.Add(text)
	}
	f.Add("&a:b\nc")
	f.Add("a: &x !!str |2-\n   b\nc: !!binary aGk=\nd: [*x, ? e : f, &y , !t {<<: {}}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		docs, _ := parseFull(yamlFile(text), YAML11)
		for _, d := range docs {
			checkSpans(t, text, d.Root, source.Span{End: len(text)})
		}
	})
}

func checkSpans(t *testing.T, text string, v *Value, outer source.Span) {
	s := v.Span
	if s.Start < outer.Start || s.Start > s.End || s.End > outer.End {
		t.Fatalf("span %v is not inside of %v in %q", s, outer, text)
	}
	own := text[s.Start:s.End]
	if strings.HasPrefix(own, "*") || strings.Contains(text, "<<") {
		return // what is below comes from elsewhere
	}
	switch v.Kind {
	case List:
		for _, item := range v.Items {
			checkSpans(t, text, item, s)
		}
	case Map:
		for _, f := range v.Fields {
			checkSpans(t, text, f.Value, s)
			checkSpans(t, text, &Value{Kind: Null, Span: f.KeySpan}, s)
		}
	case String:
		if strings.Contains(text, "!") || own != "" && (own[0] == '|' || own[0] == '>') {
			return
		}
		if !v.Quoted { // only its white space can differ
			if !slices.Equal(strings.Fields(own), strings.Fields(v.Str)) {
				t.Fatalf("%q has the span %q in %q", v.Str, own, text)
			}
			return
		}
		again, err := parseFull(yamlFile(" "+own), YAML11)
		if err != nil || len(again) != 1 || again[0].Root.Str != v.Str || again[0].Root.Quoted != v.Quoted {
			t.Fatalf("%q has the span %q in %q: %v", v.Str, own, text, err)
		}
	case Int, Float, Bool:
		if own != v.Str && !strings.Contains(text, "!") {
			t.Fatalf("%q has the span %q in %q", v.Str, own, text)
		}
	}
}

func TestSpansOnCorpora(t *testing.T) {
	for path, text := range corpusFiles(t) {
		docs, _ := parseFull(yamlFile(text), YAML11)
		for _, d := range docs {
			if t.Failed() {
				t.Fatal(path)
			}
			checkSpans(t, text, d.Root, source.Span{End: len(text)})
		}
	}
}

// Tags of the application are told apart from the values, and aliases have them too.
func TestTags(t *testing.T) {
	text := "a: !Ref b\nc: !If\n  - x\n  - !GetAtt [y, z]\nd: &n !Sub 'e'\nf: *n\ng: !!str 1\nh: !Sub\n"
	docs, err := ParseYAML(yamlFile(text))
	if err != nil {
		t.Fatal(err)
	}
	root, tags := docs[0].Root, docs[0].Tags
	for _, test := range []struct {
		v    *Value
		name string
		at   string
	}{
		{root.Get("a"), "!Ref", "!Ref b"}, {root.Get("c"), "!If", "!If\n"}, {root.Get("c").Items[1], "!GetAtt", "!GetAtt [y"},
		{root.Get("d"), "!Sub", "&n !Sub"}, {root.Get("f"), "!Sub", "*n"}, {root.Get("h"), "!Sub", "!Sub"},
	} {
		if tag := tags[test.v]; tag.Name != test.name || !strings.HasPrefix(text[tag.Start:], test.at) {
			t.Errorf("%q: got %q at %q", test.at, tag.Name, text[tag.Start:])
		}
	}
	if len(tags) != 6 {
		t.Errorf("%d tags", len(tags))
	}
}
