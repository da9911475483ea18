// Package rendertest is what every renderer must pass. A renderer's tests call
// Run for each of their fixtures:
//
//	origin     names a file of the tree, a document in it and a span
//	location   is inside of its file; an exact one holds the value it is for
//	reads      go through the tree: the same result comes from a tree that holds
//	           nothing but the files that were read
//	order      is the same every time
//	failure    is an error, never a panic, for paths and trees of any kind
package rendertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/render"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Run renders a unit and checks all that holds for every renderer. It returns
// the result for further checks.
func Run(t *testing.T, r render.Renderer, tree source.Tree, dir string, opts render.Options) *render.Result {
	t.Helper()
	recorder := source.Record(tree)
	result, err := r.Render(context.Background(), recorder, dir, opts)
	if err != nil {
		t.Fatalf("%s does not render: %v", dir, err)
	}
	checkFiles(t, tree, result)
	for _, one := range result.Resources {
		checkOrigin(t, r, tree, one)
		checkLocations(t, one)
	}
	again := func(reason string, tree source.Tree) {
		t.Helper()
		other, err := r.Render(context.Background(), tree, dir, opts)
		if err != nil {
			t.Errorf("%s: %v", reason, err)
			return
		}
		if diff := cmp.Diff(Describe(result), Describe(other)); diff != "" && len(result.Impure) == 0 {
			t.Errorf("%s: the result differs:\n%s", reason, diff)
		}
	}
	again("rendered again", tree)
	again("rendered from what was read alone", onlyRead(t, tree, recorder.Deps()))

	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Render(cancelled, tree, dir, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that is done: got error %v, want context.Canceled", err)
	}
	return result
}

// Fails checks that a renderer gives an error, and not a panic, where there is
// nothing for it.
func Fails(t *testing.T, r render.Renderer) {
	t.Helper()
	for _, tree := range []source.Tree{
		source.Memory(nil),
		source.Memory(map[string]string{"x/y": ""}),
	} {
		for _, dir := range []string{"", "/", "..", "../x", "x/..", "none", "x/y/z", "\x00", "x\\y"} {
			if r.Detect(tree, dir) {
				t.Errorf("%q is detected in an empty tree", dir)
			}
			if _, err := r.Render(context.Background(), tree, dir, render.Options{}); err == nil {
				t.Errorf("%q renders from an empty tree", dir)
			}
		}
	}
}

// onlyRead returns a tree of the files that were read. Of those that were only
// listed it has the names, and a content that spoils any result.
func onlyRead(t *testing.T, tree source.Tree, deps source.Deps) source.Tree {
	t.Helper()
	files := map[string]string{}
	for _, dep := range deps {
		switch dep.Kind {
		case source.DepList:
			entries, err := tree.ReadDir(dep.Path)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if name := path.Join(dep.Path, e.Name); e.Mode != source.ModeDir && files[name] == "" {
					files[name] = "{ this was not read"
				}
			}
		case source.DepRead:
			content, err := tree.ReadFile(dep.Path)
			if err != nil {
				t.Fatal(err)
			}
			files[dep.Path] = string(content)
		}
	}
	return source.Memory(files)
}

func checkFiles(t *testing.T, tree source.Tree, result *render.Result) {
	t.Helper()
	if !slices.IsSorted(result.Files) {
		t.Errorf("Files are not sorted: %q", result.Files)
	}
	for _, name := range result.Files {
		if _, err := tree.ReadFile(name); err != nil {
			t.Errorf("Files names what cannot be read: %v", err)
		}
	}
	for _, p := range result.Problems {
		if p.Path == "" || p.Message == "" {
			t.Errorf("problem without a path or a message: %+v", p)
		}
	}
	for _, s := range result.Skipped {
		if s.Path == "" || s.Reason == "" {
			t.Errorf("passed over without a path or a reason: %+v", s)
		}
	}
}

func checkOrigin(t *testing.T, r render.Renderer, tree source.Tree, one *resource.Resource) {
	t.Helper()
	from := one.Origin
	if one.ID.Kind == "" || one.ID.Version == "" || from.Renderer != r.Name() {
		t.Errorf("%s has no kind, no version, or the renderer %q", one.ID, from.Renderer)
	}
	if from.File == nil {
		t.Errorf("%s has no file", one.ID)
		return
	}
	content, err := tree.ReadFile(from.File.Path)
	if err != nil || !bytes.Equal(content, from.File.Content) {
		t.Errorf("%s comes from %s, which is not in the tree: %v", one.ID, from.File.Path, err)
		return
	}
	if from.Span.Start < 0 || from.Span.End > len(content) || from.Span.Start > from.Span.End {
		t.Errorf("%s has the span %v in a file of %d bytes", one.ID, from.Span, len(content))
	}
	if from.Document < 0 && !from.Span.IsZero() {
		t.Errorf("%s has a span in no document", one.ID)
	}
	for _, name := range from.Via {
		if _, err := tree.Stat(name); err != nil {
			t.Errorf("%s came by way of %s: %v", one.ID, name, err)
		}
	}
}

// checkLocations asks for the place of every value.
func checkLocations(t *testing.T, one *resource.Resource) {
	t.Helper()
	EachValue(one.Root, func(at resource.Path, v *resource.Value) {
		loc := one.Locate(at)
		if loc.File == nil || loc.Span.Start < 0 || loc.Span.Start > loc.Span.End || loc.Span.End > len(loc.File.Content) {
			t.Errorf("%s %s has no valid place: %+v", one.ID, at, loc.Span)
			return
		}
		if loc.Exact && v.Kind != resource.Map && v.Kind != resource.List && !Holds(loc, v) {
			t.Errorf("%s %s = %s: not what is at %s:%d: %q", one.ID, at, resource.EncodeJSON(v), loc.File.Path,
				loc.Position().Line, loc.File.Content[loc.Span.Start:loc.Span.End])
		}
	})
	absent := resource.Path{resource.Key("no"), resource.Key("such"), resource.Index(7), resource.Key("field")}
	if loc := one.Locate(absent); loc.File == nil {
		t.Errorf("%s: a path that is absent has no place at all", one.ID)
	}
}

// Holds reports whether the text at a location is the scalar v.
func Holds(loc resource.Location, v *resource.Value) bool {
	text := loc.File.Content[loc.Span.Start:loc.Span.End]
	if v.Kind == resource.Null && len(text) == 0 {
		return true
	}
	line := loc.File.Line(loc.Position().Line)
	indent := indentOf(loc.File.Content[line.Start:line.End])
	for _, document := range [][]byte{
		append([]byte("key: "), text...),
		slices.Concat(indent, []byte("key: "), text),
		slices.Concat(indent, []byte("- "), text),
	} {
		docs, err := resource.ParseYAML(source.NewFile("text", document))
		if err != nil || len(docs) != 1 {
			continue
		}
		got := docs[0].Root.Get("key")
		if docs[0].Root.Kind == resource.List {
			got = docs[0].Root.Items[0]
		}
		if got != nil && bytes.Equal(resource.EncodeJSON(got), resource.EncodeJSON(v)) {
			return true
		}
		// A block keeps the line breaks at its end according to what follows it.
		if got.Text() != "" && bytes.Equal(bytes.TrimRight([]byte(got.Text()), "\n"), bytes.TrimRight([]byte(v.Text()), "\n")) {
			return true
		}
	}
	return false
}

func indentOf(line []byte) []byte {
	return line[:len(line)-len(bytes.TrimLeft(line, " "))]
}

// EachValue calls fn for every value below root, in the order of the text.
func EachValue(root *resource.Value, fn func(resource.Path, *resource.Value)) {
	var visit func(resource.Path, *resource.Value)
	visit = func(at resource.Path, v *resource.Value) {
		if len(at) > 0 {
			fn(at, v)
		}
		for i, item := range v.Items {
			visit(at.Append(resource.Index(i)), item)
		}
		for _, f := range v.Fields {
			visit(at.Append(resource.Key(f.Key)), f.Value)
		}
	}
	visit(nil, root)
}

// Exact counts the scalars of a result, and those whose exact place is known.
func Exact(result *render.Result) (exact, all int) {
	for _, one := range result.Resources {
		EachValue(one.Root, func(at resource.Path, v *resource.Value) {
			if v.Kind == resource.Map || v.Kind == resource.List {
				return
			}
			all++
			if one.Locate(at).Exact {
				exact++
			}
		})
	}
	return exact, all
}

// Describe writes all of a result as lines, to be compared.
func Describe(result *render.Result) []string {
	var lines []string
	for _, one := range result.Resources {
		from := one.Origin
		lines = append(lines, fmt.Sprintf("%s from %s %d %v by %q: %s", one.ID.Key(), from.File.Path, from.Document, from.Span, from.Via,
			resource.EncodeJSON(one.Root)))
	}
	for _, p := range result.Problems {
		lines = append(lines, "problem "+p.Error())
	}
	for _, s := range result.Skipped {
		lines = append(lines, "passed over "+s.Path+": "+s.Reason)
	}
	for _, f := range result.Files {
		lines = append(lines, "file "+f)
	}
	return append(lines, result.Impure...)
}

// Place returns a location as file:line and the text there.
func Place(loc resource.Location) string {
	if loc.File == nil {
		return "nowhere"
	}
	exact := ""
	if loc.Exact {
		exact = " exactly"
	}
	text := loc.File.Content[loc.Span.Start:loc.Span.End]
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		text = text[:i]
	}
	return fmt.Sprintf("%s:%d %s%s", path.Clean(loc.File.Path), loc.Position().Line, text, exact)
}
