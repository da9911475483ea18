package resource

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/holdfast-dev/holdfast/source"
)

func jsonFile(text string) *source.File { return source.NewFile("t.json", []byte(text)) }

func TestParseJSON(t *testing.T) {
	text := ` {"a": [1, -2.5e3, "bé\u00e9\ud83d\ude00\n/\/", true, null],` + "\n" + `  "é": {}, "c" : [ ] } `
	doc, err := ParseJSON(jsonFile(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(EncodeJSON(doc.Root)), `{"a":[1,-2500,"béé😀\n//",true,null],"c":[],"é":{}}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	walk(doc.Root, nil, func(p Path, v *Value) {
		own := text[v.Span.Start:v.Span.End]
		again, err := ParseJSON(jsonFile(own))
		if err != nil || string(EncodeJSON(again.Root)) != string(EncodeJSON(v)) || strings.TrimSpace(own) != own {
			t.Errorf("%s has the span %q: %v", p, own, err)
		}
	})
	if key := doc.Root.keySpan("é"); text[key.Start:key.End] != `"é"` {
		t.Errorf("key span %v", key)
	}
}

func TestJSONErrors(t *testing.T) {
	for _, test := range []struct{ reason, text, want string }{
		{"nothing", "", "t.json:1:1: expected a JSON value"},
		{"text after it", "{} {}", "t.json:1:4: there is text after the end of the JSON value"},
		{"duplicate key", "{\"a\": 1,\n \"b\": 2,\n \"a\": 3}", `t.json:3:2: key "a" is already set in line 1`},
		{"duplicate key by an escape", `{"a": 1, "\u0061": 3}`, `t.json:1:10: key "a" is already set in line 1`},
		{"comma at the end of a map", `{"a": 1,}`, "t.json:1:9: a comma before } is not JSON"},
		{"comma at the end of a list", `[1,]`, "t.json:1:4: a comma before ] is not JSON"},
		{"no comma", `[1 2]`, "t.json:1:4: expected a comma or ]"},
		{"no colon", `{"a" 1}`, "t.json:1:6: expected a colon after the key"},
		{"no quotes", `{a: 1}`, "t.json:1:2: expected a key in double quotes or }"},
		{"single quotes", `'a'`, "t.json:1:1: expected a JSON value"},
		{"comment", "// a\n1", "t.json:1:1: expected a JSON value"},
		{"open string", `["a`, "t.json:1:2: the string has no closing quote"},
		{"open string with an escape", `["é`, "t.json:1:2: the string has no closing quote"},
		{"line feed in a string", "\"a\nb\"", "t.json:1:3: control character U+000A must be written as an escape"},
		{"unknown escape", `"é\x"`, "t.json:1:3: malformed escape"},
		{"half of a pair", `"\ud83d"`, "t.json:1:2: malformed escape"},
		{"not UTF-8", "\"\xff\"", "t.json:1:2: the text is not valid UTF-8 (byte 0xFF); save the file as UTF-8"},
		{"leading zero", `01`, "t.json:1:1: malformed number"},
		{"no digits", `-`, "t.json:1:1: malformed number"},
		{"no fraction", `1.`, "t.json:1:1: malformed number"},
		{"no exponent", `1e`, "t.json:1:1: malformed number"},
		{"too large", `[1e999]`, "t.json:1:2: the number is out of range"},
		{"word", `[tru]`, "t.json:1:2: expected a JSON value"},
		{"cut off", `{"a": [`, "t.json:1:8: expected a JSON value"},
	} {
		t.Run(test.reason, func(t *testing.T) {
			_, err := ParseJSON(jsonFile(test.text))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	if _, err := ParseJSON(jsonFile(strings.Repeat("[", 1<<20))); !errors.Is(err, ErrLimit) {
		t.Errorf("a million levels: %v", err)
	}
}

func TestParseChoosesByName(t *testing.T) {
	for _, test := range []struct {
		path, text string
		docs       int
		ok         bool
	}{
		{"a.json", `{"a": 1}`, 1, true}, {"a.JSON", "a: 1", 0, false}, {"a.json", "null", 0, true},
		{"a.yaml", "a: 1\n---\nb: 2", 2, true}, {"a", "a: 1", 1, true},
	} {
		docs, err := Parse(source.NewFile(test.path, []byte(test.text)))
		if len(docs) != test.docs || (err == nil) != test.ok {
			t.Errorf("%s: %d documents, error %v", test.path, len(docs), err)
		}
	}
}

// FuzzJSON compares with the reader that Kubernetes uses.
func FuzzJSON(f *testing.F) {
	for _, text := range []string{`{"a": [1, -2.5e3, "b\u00e9\ud83d\ude00\n\/", true, null], "c": {}}`, `1e400`, `-0`, `-0.0`, `9223372036854775808`, `1.0`, `"\ud800"`, `[1,]`, "\"\x7f\u2028\"", `{"a":1,"a":2}`, ` [ ] `} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := ParseJSON(jsonFile(text))
		if err != nil {
			return
		}
		var want any
		if err := kjson.Unmarshal([]byte(strings.TrimPrefix(text, "\uFEFF")), &want); err != nil {
			t.Fatalf("%q is read, but Kubernetes says %v", text, err)
		}
		encoded, err := json.Marshal(want) // a whole float is an integer only after this
		if err != nil {
			t.Fatal(err)
		}
		if err := kjson.Unmarshal(encoded, &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, ToAny(doc.Root)); diff != "" {
			t.Fatalf("%q (-kubernetes +holdfast)\n%s", text, diff)
		}
		again, err := ParseJSON(jsonFile(string(EncodeJSON(doc.Root))))
		if err != nil || !cmp.Equal(ToAny(again.Root), ToAny(doc.Root)) {
			t.Fatalf("%q is written as %s: %v", text, EncodeJSON(doc.Root), err)
		}
	})
}

func TestEncodeJSON(t *testing.T) {
	for _, test := range []struct {
		value any
		want  string
	}{
		{nil, "null"}, {true, "true"}, {int64(math.MinInt64), "-9223372036854775808"}, {1.5, "1.5"}, {1e21, "1e+21"}, {1e-7, "1e-7"}, {2.0, "2"},
		{uint64(math.MaxUint64), "18446744073709552000"}, {float32(0.5), "0.5"}, {json.Number("7"), "7"}, {json.Number("7.5"), "7.5"}, {json.Number("1e999"), "null"},
		{"a\"\\\n\t\r\x00\x1f<&>é\u2028\xff", "\"a\\\"\\\\\\n\\t\\r\\u0000\\u001f<&>é\u2028\uFFFD\""},
		{[]any{}, "[]"}, {map[string]any{}, "{}"}, {[]string{"a"}, `["a"]`}, {map[string]string{"b": "1", "a": "2"}, `{"a":"2","b":"1"}`},
		{map[string]any{"b": []any{1, int32(2)}, "a": nil, "": false}, `{"":false,"a":null,"b":[1,2]}`}, {struct{}{}, "null"}, {math.Inf(1), "null"},
	} {
		got := string(EncodeJSON(FromAny(test.value)))
		if got != test.want || !json.Valid([]byte(got)) {
			t.Errorf("%v is %s, want %s", test.value, got, test.want)
		}
	}
}

func TestAnyRoundTrip(t *testing.T) {
	object := map[string]any{"a": int64(1), "b": []any{"c", 1.5, true, nil, map[string]any{"d": map[string]any{}}}, "e": []any{}}
	v := FromAny(object)
	if diff := cmp.Diff(object, ToAny(v)); diff != "" {
		t.Error(diff)
	}
	if v.Fields[0].Key != "a" || v.Fields[1].Key != "b" || !v.Span.IsZero() || v.Get("a").Str != "1" {
		t.Errorf("%+v", v)
	}
	if FromAny(make(chan int)).Unknown() == "" || ToAny(&Value{Kind: String, Str: "x", Extra: &Extra{Unknown: "why"}}) != nil {
		t.Error("unknown values must stay unknown")
	}
}
