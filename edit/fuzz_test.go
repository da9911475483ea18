package edit

import (
	"errors"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// FuzzText makes random changes to random YAML, written in random ways: the result
// reads as Make says, or the change is refused. Comments in lines of their own
// that are outside of what changes stay.
func FuzzText(f *testing.F) {
	for seed := range int64(200) {
		f.Add(seed, "")
	}
	f.Add(int64(1), "a: &x\n  b: [1, {c: d}]\ne: *x\nf:\n  <<: *x\n  g: |+\n    text\n\n--- # two\n{\"q\": null}\n")
	f.Add(int64(-41), "? !")
	f.Fuzz(func(t *testing.T, seed int64, content string) {
		r := rand.New(rand.NewSource(seed)) //nolint:gosec // of a test
		generated := content == ""
		if generated {
			content = random(r)
		}
		file := source.NewFile("a.yaml", []byte(content))
		docs, err := resource.ParseYAML(file)
		if err != nil || len(docs) == 0 {
			return
		}
		doc := docs[r.Intn(len(docs))]
		c, ok := randomChange(r, doc.Root)
		if !ok {
			return
		}
		want, err := Make(doc.Root, c)
		if err != nil {
			t.Fatalf("%+v cannot be made: %v", c, err)
		}
		edits, err := Text(file, resource.YAML11, doc.Span.Start, c)
		if err != nil {
			if _, ok := errors.AsType[*Refusal](err); !ok && generated {
				t.Fatalf("%v is not a refusal, for %q", err, content)
			} else if ok && generated && !strings.Contains(err.Error(), "comment") && !strings.Contains(err.Error(), "already") {
				t.Fatalf("refused: %v, for %v of %s in\n%s", err, c.Op, c.Path, content)
			}
			return
		}
		after, err := source.Apply(file.Content, edits)
		if err != nil {
			t.Fatal(err)
		}
		again, err := resource.ParseYAML(source.NewFile("a.yaml", after))
		if err != nil || len(again) != len(docs) {
			t.Fatalf("%v, %d documents after %v of %s in\n%s\nto\n%s", err, len(again), c.Op, c.Path, content, after)
		}
		for i := range again {
			expected := docs[i].Root
			if docs[i].Index == doc.Index {
				expected = want
			}
			if !Equal(again[i].Root, expected) {
				t.Fatalf("%v of %s in\n%s\nto\n%s", c.Op, c.Path, content, after)
			}
		}
		if c.Op != Remove && generated {
			for _, line := range strings.Split(content, "\n") {
				if strings.HasPrefix(strings.TrimSpace(line), "# own") && !strings.Contains(string(after), strings.TrimSpace(line)) {
					t.Fatalf("%q is gone after %v of %s in\n%s\nto\n%s", line, c.Op, c.Path, content, after)
				}
			}
		}
	})
}

// randomChange chooses a value and what becomes of it.
func randomChange(r *rand.Rand, root *resource.Value) (Change, bool) {
	var paths []resource.Path
	var walk func(v *resource.Value, path resource.Path)
	walk = func(v *resource.Value, path resource.Path) {
		if len(path) > 0 {
			paths = append(paths, path)
		}
		for _, f := range v.Fields {
			walk(f.Value, path.Append(resource.Key(f.Key)))
		}
		for i, item := range v.Items {
			walk(item, path.Append(resource.Index(i)))
		}
	}
	walk(root, nil)
	if len(paths) == 0 {
		return Change{}, false
	}
	c := Change{Op: Op(r.Intn(3)), Path: paths[r.Intn(len(paths))], Key: "renamed", Value: randomValue(r, 2)}
	v, last := root.At(c.Path), c.Path[len(c.Path)-1]
	switch {
	case c.Op == Rename && (last.IsIndex() || root.At(c.Path[:len(c.Path)-1]).Get(c.Key) != nil):
		return Change{}, false
	case c.Op == Set && v.Kind == resource.Map && r.Intn(2) == 0:
		c.Path = c.Path.Append(resource.Key(fmt.Sprint("new", r.Intn(9))))
	case c.Op == Set && v.Kind == resource.List && r.Intn(2) == 0:
		c.Path = c.Path.Append(resource.Index(len(v.Items)))
	}
	return c, true
}

var scalars = []string{"1", "true", "no", "x", "x y", "a: b", "- a", "# no comment", "0x1f", "1.5", "", "it's", `"`, "é", "*x", "&x", "@", "10:30", "a\nb", " x", "{}", "~"}

func randomValue(r *rand.Rand, depth int) *resource.Value {
	switch n := r.Intn(8); {
	case n == 0 && depth > 0:
		v := &resource.Value{Kind: resource.List}
		for range r.Intn(3) {
			v.Items = append(v.Items, randomValue(r, depth-1))
		}
		return v
	case n == 1 && depth > 0:
		v := &resource.Value{Kind: resource.Map}
		for i := range r.Intn(3) {
			v.Put(fmt.Sprint("k", i), randomValue(r, depth-1))
		}
		return v
	case n == 2:
		return &resource.Value{Kind: resource.Bool, Bool: r.Intn(2) == 0}
	case n == 3:
		return resource.NewInt(int64(r.Intn(100)), source.Span{})
	}
	return resource.NewText(scalars[r.Intn(len(scalars))], source.Span{})
}

// writer writes random documents.
type writer struct {
	*rand.Rand
	strings.Builder
	step, dash int
	eol        string
	n          int // of keys and comments, so that each is another
}

func random(r *rand.Rand) string {
	w := &writer{Rand: r, step: 1 + r.Intn(4), dash: r.Intn(3), eol: "\n"}
	if r.Intn(4) == 0 {
		w.eol = "\r\n"
	}
	for i := range 1 + r.Intn(3) {
		if i > 0 {
			w.WriteString("---" + w.comment() + w.eol)
		}
		w.blockMap(0, 3)
	}
	text := w.String()
	if r.Intn(5) == 0 {
		text = strings.TrimRight(text, "\r\n")
	}
	return text
}

func (w *writer) comment() string {
	if w.Intn(4) > 0 {
		return ""
	}
	w.n++
	return fmt.Sprintf(" # end %d", w.n)
}

// own writes a comment in lines of its own, or blank lines.
func (w *writer) own(column int) {
	switch w.Intn(8) {
	case 0:
		w.n++
		w.WriteString(strings.Repeat(" ", column) + fmt.Sprintf("# own %d", w.n) + w.eol)
	case 1:
		w.WriteString(w.eol)
	}
}

func (w *writer) blockMap(column, depth int) {
	for i := range 1 + w.Intn(4) {
		if i > 0 {
			w.own(column)
			w.WriteString(strings.Repeat(" ", column))
		}
		w.n++
		key := fmt.Sprint("key", w.n)
		if w.Intn(6) == 0 {
			key = fmt.Sprintf("%q", "a.b/"+key)
		}
		w.WriteString(key + ":")
		w.below(column, depth)
	}
}

// below writes a value of a key at a column, to the end of its last line.
func (w *writer) below(column, depth int) {
	switch n := w.Intn(10); {
	case n < 2 && depth > 0:
		w.WriteString(w.comment() + w.eol)
		w.own(column + w.step)
		w.WriteString(strings.Repeat(" ", column+w.step))
		w.blockMap(column+w.step, depth-1)
	case n < 4 && depth > 0:
		w.WriteString(w.comment() + w.eol)
		w.blockList(column+w.dash, depth-1)
	case n == 4:
		w.WriteString(slices.Concat([]string{" |", " >", " |-", " |+"})[w.Intn(4)] + w.eol)
		for range 1 + w.Intn(2) {
			w.WriteString(strings.Repeat(" ", column+w.step) + "text # of it" + w.eol)
		}
		if w.Intn(3) == 0 {
			w.WriteString(w.eol)
		}
	case n == 5:
		w.WriteString(w.comment() + w.eol) // null
	default:
		w.WriteString(" " + w.flow(depth) + w.comment() + w.eol)
	}
}

func (w *writer) blockList(column, depth int) {
	for range 1 + w.Intn(3) {
		w.own(column)
		w.WriteString(strings.Repeat(" ", column) + "-")
		switch n := w.Intn(6); {
		case n < 2 && depth > 0:
			w.WriteString(" ")
			w.blockMap(column+2, depth-1)
		case n == 2:
			w.WriteString(w.comment() + w.eol)
		default:
			w.WriteString(" " + w.flow(depth) + w.comment() + w.eol)
		}
	}
}

func (w *writer) flow(depth int) string {
	var parts []string
	switch n := w.Intn(8); {
	case n == 0 && depth > 0:
		for range w.Intn(3) {
			w.n++
			parts = append(parts, fmt.Sprintf("f%d: %s", w.n, w.flow(depth-1)))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n == 1 && depth > 0:
		for range w.Intn(3) {
			parts = append(parts, w.flow(depth-1))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return []string{"1", "true", "text", `"a # b"`, `'it''s'`, "~", "1.5", "a b"}[w.Intn(8)]
}
