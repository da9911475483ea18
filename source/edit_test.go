package source_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/source"
)

func TestApply(t *testing.T) {
	at := func(start, end int, s string) source.Edit {
		return source.Edit{Span: source.Span{Start: start, End: end}, New: s}
	}
	for _, tt := range []struct {
		reason string
		edits  []source.Edit
		want   string // empty: an EditError
	}{
		{"no edits leave it as it is", nil, "0123456789"},
		{"order does not matter", []source.Edit{at(8, 10, "z"), at(0, 1, "a")}, "a1234567z"},
		{"an empty span inserts", []source.Edit{at(5, 5, "-")}, "01234-56789"},
		{"at both ends", []source.Edit{at(0, 0, "<"), at(10, 10, ">")}, "<0123456789>"},
		{"neighbours do not overlap", []source.Edit{at(2, 4, "x"), at(4, 6, "y")}, "01xy6789"},
		{"insert before a replacement", []source.Edit{at(2, 4, "x"), at(2, 2, "i")}, "01ix456789"},
		{"overlap", []source.Edit{at(2, 5, "x"), at(4, 6, "y")}, ""},
		{"insertion inside a replacement", []source.Edit{at(2, 5, "x"), at(3, 3, "y")}, ""},
		{"two insertions at one place", []source.Edit{at(3, 3, "x"), at(3, 3, "y")}, ""},
		{"the same edit twice", []source.Edit{at(3, 4, "x"), at(3, 4, "x")}, ""},
		{"past the end", []source.Edit{at(9, 11, "x")}, ""},
		{"before the start", []source.Edit{at(-1, 2, "x")}, ""},
		{"backwards", []source.Edit{at(5, 2, "x")}, ""},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			content := []byte("0123456789")
			got, err := source.Apply(content, tt.edits)
			if _, isEdit := errors.AsType[*source.EditError](err); (tt.want == "") != isEdit {
				t.Fatalf("error %v", err)
			}
			if string(got) != tt.want || string(content) != "0123456789" {
				t.Errorf("got %q from %q, want %q", got, content, tt.want)
			}
		})
	}
}

func TestDepsArePlainData(t *testing.T) {
	r := source.Record(source.Memory(map[string]string{"b": "1", "a/c": "2"}))
	for _, p := range []string{"b", "a/c", "missing", "b"} {
		_, _ = r.ReadFile(p)
	}
	_, _ = r.ReadDir("b") // a file
	_, _ = r.ReadDir("a")
	deps := r.Deps()
	encoded, err := json.Marshal(deps)
	if err != nil {
		t.Fatal(err)
	}
	var decoded source.Deps
	if err := json.Unmarshal(encoded, &decoded); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(deps, decoded); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for reason, tt := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"the same":                  {map[string]string{"b": "1", "a/c": "2"}, true},
		"another file elsewhere":    {map[string]string{"b": "1", "a/c": "2", "d": "3"}, true},
		"content changed":           {map[string]string{"b": "1", "a/c": "3"}, false},
		"a file is gone":            {map[string]string{"b": "1"}, false},
		"a missing one is there":    {map[string]string{"b": "1", "a/c": "2", "missing": ""}, false},
		"a listing grew":            {map[string]string{"b": "1", "a/c": "2", "a/d": "2"}, false},
		"a file became a directory": {map[string]string{"b/x": "1", "a/c": "2"}, false},
	} {
		if got := decoded.Match(source.Memory(tt.files)); got != tt.want {
			t.Errorf("%s: Match = %v, want %v", reason, got, tt.want)
		}
	}
}

func TestDepsAcrossTreesWithAndWithoutIDs(t *testing.T) {
	// git hash-object of "hello\n", in both object formats
	for _, id := range []string{
		"ce013625030ba8dba906f756967f9e9ca394464a",
		"2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4",
	} {
		deps := source.Deps{{Kind: source.DepRead, Path: "f", ID: id}}
		if !deps.Match(source.Memory(map[string]string{"f": "hello\n"})) || deps.Match(source.Memory(map[string]string{"f": "hello"})) {
			t.Errorf("a read noted as %s does not match by content", id)
		}
	}
}

func FuzzResolve(f *testing.F) {
	f.Add("a/b", "../c")
	f.Add("a", "/")
	f.Add("a/b/c", "./..//x/..")
	f.Fuzz(func(t *testing.T, name, target string) {
		asked := 0
		got, err := source.Resolve(name, true, func(p string) (string, bool, error) {
			if err := source.CheckPath(p); err != nil {
				t.Fatalf("asked for %q: %v", p, err)
			}
			asked++
			return target, asked%2 == 1, nil
		})
		if err == nil && source.CheckPath(got) != nil {
			t.Errorf("Resolve(%q) with %q = %q", name, target, got)
		}
	})
}
