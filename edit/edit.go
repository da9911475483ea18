// Package edit changes one value of a document, and nothing else of its text.
//
//	Change   what becomes of one value: set, remove or rename
//	Make     the tree with a change made: what the text must say afterwards
//	Text     the edits of the text that make a change
//	Refusal  why a text is not edited
//	Unified  two texts as a diff that people and patch read
//
// Text writes as its neighbours are written: block or flow, with their
// indentation, quotes and line endings. What it writes is read again, and if the
// document then is not exactly what Make says, because of an anchor, a merge or a
// layout that nobody foresaw, the change is refused. Bytes outside of the edits
// stay as they are, and comments with them.
package edit

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// Op is what a Change does.
type Op uint8

// The operations.
const (
	Set    Op = iota // the value at Path is Value; its parent must exist
	Remove           // there is no value at Path
	Rename           // the last key of Path is Key
)

// Change is what becomes of one value.
type Change struct {
	Op    Op
	Path  resource.Path   // an index of the length of a list appends to it
	Value *resource.Value // for Set; its spans do not matter
	Key   string          // for Rename
}

// Refusal says why a text is not edited.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// SetAt returns the change that makes the value at a path what is given. Maps
// that are missing on the way become part of the value.
func SetAt(root *resource.Value, at resource.Path, value *resource.Value) (Change, error) {
	present := 0
	for v := root; present < len(at); present++ {
		next := v.At(at[present : present+1])
		if next == nil || next.Kind == resource.Null {
			break
		}
		v = next
	}
	if present == len(at) {
		return Change{Op: Set, Path: at, Value: value}, nil
	}
	for i := len(at) - 1; i > present; i-- {
		switch step := at[i]; {
		case !step.IsIndex():
			value = &resource.Value{Kind: resource.Map, Fields: []resource.Field{{Key: step.Name, Value: value}}}
		case step.Index() == 0:
			value = &resource.Value{Kind: resource.List, Items: []*resource.Value{value}}
		default:
			return Change{}, refuse("there is no list with %d items at %s", step.Index(), at[:i])
		}
	}
	return Change{Op: Set, Path: at[:present+1], Value: value}, nil
}

// Make returns the tree with a change made. Trees share what is the same in both.
func Make(root *resource.Value, c Change) (*resource.Value, error) {
	if len(c.Path) == 0 {
		return nil, refuse("the whole document cannot be changed")
	}
	step := c.Path[0]
	v := *root
	switch {
	case root.Kind == resource.Map && !step.IsIndex():
		v.Fields = slices.Clone(root.Fields)
		return &v, makeField(&v, c)
	case root.Kind == resource.List && step.IsIndex():
		v.Items = slices.Clone(root.Items)
		return &v, makeItem(&v, c)
	}
	return nil, refuse("%s does not lead anywhere", c.Path)
}

func makeField(v *resource.Value, c Change) error {
	key := c.Path[0].Name
	i := slices.IndexFunc(v.Fields, func(f resource.Field) bool { return f.Key == key })
	switch {
	case len(c.Path) > 1 && i >= 0:
		below, err := Make(v.Fields[i].Value, rest(c))
		v.Fields[i].Value = below
		return err
	case len(c.Path) == 1 && c.Op == Set && i < 0:
		v.Fields = append(v.Fields, resource.Field{Key: key, Value: c.Value})
		return nil
	case i < 0:
		return refuse("there is no %q to change", key)
	}
	switch c.Op {
	case Set:
		v.Fields[i].Value = c.Value
	case Remove:
		v.Fields = slices.Delete(v.Fields, i, i+1)
	case Rename:
		if v.Get(c.Key) != nil {
			return refuse("there is a %q already", c.Key)
		}
		v.Fields[i].Key = c.Key
	}
	return nil
}

func makeItem(v *resource.Value, c Change) error {
	i := c.Path[0].Index()
	switch {
	case i < len(v.Items) && len(c.Path) > 1:
		below, err := Make(v.Items[i], rest(c))
		v.Items[i] = below
		return err
	case len(c.Path) == 1 && c.Op == Set && i == len(v.Items):
		v.Items = append(v.Items, c.Value)
	case len(c.Path) == 1 && c.Op == Set && i < len(v.Items):
		v.Items[i] = c.Value
	case len(c.Path) == 1 && c.Op == Remove && i < len(v.Items):
		v.Items = slices.Delete(v.Items, i, i+1)
	default:
		return refuse("there is no item %d to change", i)
	}
	return nil
}

func rest(c Change) Change {
	c.Path = c.Path[1:]
	return c
}

// Text returns the edits that make changes, one after the other, in the document
// that holds the byte at an offset. Their spans are those of the whole content.
// Errors are Refusals and SyntaxErrors.
func Text(file *source.File, dialect resource.Dialect, at int, changes ...Change) ([]source.Edit, error) {
	from, to := Chunk(file, at)
	content := file.Content[from:to]
	var edits []source.Edit
	for _, c := range changes {
		var err error
		if edits, err = one(file.Path, content, dialect, c); err != nil {
			return nil, err
		}
		if content, err = source.Apply(content, edits); err != nil {
			return nil, err
		}
	}
	if len(changes) != 1 {
		edits = Lines(file.Content[from:to], content)
	}
	for i := range edits {
		edits[i].Span.Start += from
		edits[i].Span.End += from
	}
	return edits, nil
}

// one makes one change of the only document in content.
func one(name string, content []byte, dialect resource.Dialect, c Change) ([]source.Edit, error) {
	root, err := parse(name, content, dialect)
	if err != nil {
		return nil, err
	}
	want, err := Make(root, c)
	if err != nil {
		return nil, err
	}
	if Equal(root, want) {
		return nil, nil
	}
	c = narrow(root, c)
	t := &text{name: name, content: content, root: root, dialect: dialect}
	t.learn()
	ways, err := t.ways(c)
	if err != nil {
		return nil, err
	}
	for _, edits := range ways {
		if t.makes(edits, want) {
			return edits, nil
		}
	}
	if bytes.ContainsAny(content, "&*") {
		return nil, refuse("anchors and aliases tie this value to others")
	}
	return nil, refuse("the layout of the text around it is not one that can be edited safely")
}

// narrow turns a change of a list into one of its items, if that is all that it is.
func narrow(root *resource.Value, c Change) Change {
	old := root.At(c.Path)
	if c.Op != Set || old == nil || old.Kind != resource.List || c.Value.Kind != resource.List {
		return c
	}
	a, b := old.Items, c.Value.Items
	same := 0
	for same < len(a) && same < len(b) && Equal(a[same], b[same]) {
		same++
	}
	tail := 0
	for tail < len(a)-same && tail < len(b)-same && Equal(a[len(a)-1-tail], b[len(b)-1-tail]) {
		tail++
	}
	at := c.Path.Append(resource.Index(same))
	switch {
	case len(a) == len(b) && same+tail == len(a)-1, len(b) == len(a)+1 && same == len(a):
		return Change{Op: Set, Path: at, Value: b[same]}
	case len(a) == len(b)+1 && same+tail == len(b):
		return Change{Op: Remove, Path: at}
	}
	return c
}

// makes reports whether the document reads as wanted after edits.
func (t *text) makes(edits []source.Edit, want *resource.Value) bool {
	changed, err := source.Apply(t.content, edits)
	if err != nil {
		return false
	}
	got, err := parse(t.name, changed, t.dialect)
	return err == nil && Equal(got, want)
}

var errDocuments = errors.New("it is not one document")

func parse(name string, content []byte, dialect resource.Dialect) (*resource.Value, error) {
	file := source.NewFile(name, content)
	var docs []resource.Document
	var err error
	if isJSON(name) {
		docs, err = resource.Parse(file)
	} else {
		docs, err = resource.ParseDialect(file, dialect)
	}
	if err == nil && len(docs) != 1 {
		err = errDocuments
	}
	if err != nil {
		return nil, err
	}
	return docs[0].Root, nil
}

func isJSON(name string) bool { return strings.EqualFold(path.Ext(name), ".json") }

// Chunk returns the part of a file that holds one of its documents: from after
// the line that begins with "---" up to the next such line.
func Chunk(file *source.File, at int) (from, to int) {
	content := file.Content
	if isJSON(file.Path) {
		return 0, len(content)
	}
	from, to = 0, len(content)
	for end := min(at+1, len(content)); end > 0; {
		start := bytes.LastIndexByte(content[:end-1], '\n') + 1
		if marker(content[start:]) {
			from = start
			break
		}
		end = start
	}
	for start := at; start < len(content); {
		next := bytes.IndexByte(content[start:], '\n')
		if next < 0 {
			break
		}
		if start += next + 1; marker(content[start:]) {
			return from, start
		}
	}
	return from, to
}

func marker(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || bytes.IndexByte([]byte(" \t\r\n"), line[3]) >= 0)
}
