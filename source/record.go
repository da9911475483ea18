package source

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // Git's object ids are what is computed, not chosen
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"path"
	"slices"
	"strings"
	"sync"
)

// Dep is one fact about a tree on which a result depends.
type Dep struct {
	Kind DepKind `json:"kind"`
	Path string  `json:"path"`
	// ID is what was found there: a content identity for a read (a Git blob id, or
	// "sha256:" and the hash), a hash of names and modes for a listing, a mode for
	// a look-up. The other kinds have none.
	ID string `json:"id,omitempty"`
}

// DepKind is how a path was used.
type DepKind string

// The kinds of facts that a Recorder notes.
const (
	DepRead   DepKind = "read"   // content
	DepAbsent DepKind = "absent" // looked for, and not there
	DepKindOf DepKind = "kind"   // there, as a file, directory or link
	DepList   DepKind = "list"   // names and modes in a directory
	DepLink   DepKind = "link"   // target of a symbolic link
	DepFailed DepKind = "failed" // unreadable: links that escape or loop, too large, not a file
)

// Deps is all that a result depends on, sorted and without duplicates.
type Deps []Dep

// Merge returns the facts of both.
func (d Deps) Merge(other Deps) Deps { return sorted(slices.Concat(d, other)) }

func sorted(d Deps) Deps {
	slices.SortFunc(d, func(a, b Dep) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID))
	})
	return slices.Compact(d)
}

// Key is a hash of the facts: results with the same key and the same options are
// the same result.
func (d Deps) Key() string {
	h := sha256.New()
	for _, dep := range d {
		fmt.Fprintf(h, "%s %q %s\n", dep.Kind, dep.Path, dep.ID)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Match reports whether every fact holds in t, so that a result found in another
// tree is t's result too. A fact that cannot be checked does not hold.
func (d Deps) Match(t Tree) bool {
	for _, dep := range d {
		if !dep.holds(t) {
			return false
		}
	}
	return true
}

func (dep Dep) holds(t Tree) bool {
	switch dep.Kind {
	case DepRead:
		if e, err := t.Stat(dep.Path); err != nil {
			return false
		} else if e.Mode.Regular() && e.ID != "" && len(e.ID) == len(dep.ID) {
			return e.ID == dep.ID
		}
		content, err := t.ReadFile(dep.Path)
		return err == nil && contentID(content, dep.ID) == dep.ID
	case DepAbsent:
		_, err := t.Stat(dep.Path)
		if err == nil { // the link may be there, and what it points to not
			_, err = t.ReadFile(dep.Path)
		}
		return IsNotExist(err)
	case DepKindOf:
		e, err := t.Stat(dep.Path)
		return err == nil && e.Mode.String() == dep.ID
	case DepList:
		entries, err := t.ReadDir(dep.Path)
		return err == nil && listID(entries) == dep.ID
	case DepLink:
		target, ok, err := readlink(t, dep.Path)
		return err == nil && ok && target == dep.ID
	case DepFailed:
		_, err := t.ReadFile(dep.Path)
		return dep.ID != "" && failureID(err) == dep.ID
	}
	return false
}

// Record returns a tree that shows t and notes what it shows. It shows nothing
// that it does not note: entries of listings have neither ID nor known size.
func Record(t Tree) *Recorder { return &Recorder{tree: t, seen: map[Dep]bool{}} }

// Recorder is a Tree that remembers what was read, looked for and listed. It is
// safe for concurrent use.
type Recorder struct {
	tree Tree
	mu   sync.Mutex
	seen map[Dep]bool
}

// Deps returns what was noted so far.
func (r *Recorder) Deps() Deps {
	r.mu.Lock()
	defer r.mu.Unlock()
	deps := make(Deps, 0, len(r.seen))
	for dep := range r.seen {
		deps = append(deps, dep)
	}
	return sorted(deps)
}

func (r *Recorder) note(kind DepKind, name, id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen[Dep{Kind: kind, Path: name, ID: id}] = true
}

// failed notes an error. A path that no tree can have is no fact about this one.
func (r *Recorder) failed(name string, err error) {
	switch {
	case CheckPath(name) != nil:
	case IsNotExist(err):
		r.note(DepAbsent, name, "")
	default:
		r.note(DepFailed, name, failureID(err))
	}
}

// Revision is not noted: results must not depend on the name of a commit.
func (r *Recorder) Revision() Revision { return r.tree.Revision() }

// Stat notes the mode, or the content where its identity is known for nothing.
func (r *Recorder) Stat(name string) (Entry, error) {
	e, err := r.tree.Stat(name)
	if err != nil {
		r.failed(name, err)
		return Entry{}, err
	}
	r.note(DepKindOf, name, e.Mode.String())
	if e.ID != "" && e.Mode.Regular() {
		r.note(DepRead, name, e.ID)
		return e, nil
	}
	return bare(e), nil
}

// ReadDir notes the names and modes.
func (r *Recorder) ReadDir(name string) ([]Entry, error) {
	entries, err := r.tree.ReadDir(name)
	if err != nil {
		r.failed(name, err)
		return nil, err
	}
	r.note(DepList, name, listID(entries))
	shown := make([]Entry, len(entries))
	for i, e := range entries {
		shown[i] = bare(e)
	}
	return shown, nil
}

// ReadFile notes the content, whatever links led to it.
func (r *Recorder) ReadFile(name string) ([]byte, error) {
	content, err := r.tree.ReadFile(name)
	if err != nil {
		r.failed(name, err)
		return nil, err
	}
	id := ""
	if e, err := r.tree.Stat(name); err == nil && e.Mode.Regular() {
		id = e.ID
	}
	if id == "" {
		id = contentID(content, "")
	}
	r.note(DepRead, name, id)
	return content, nil
}

// Readlink notes the target.
func (r *Recorder) Readlink(name string) (string, error) {
	target, ok, err := readlink(r.tree, name)
	if err == nil && !ok {
		e, statErr := r.tree.Stat(name)
		err = cmp.Or(statErr, error(&KindError{Path: name, Mode: e.Mode}))
		r.note(DepKindOf, name, e.Mode.String())
		return "", err
	}
	if err != nil {
		r.failed(name, err)
		return "", err
	}
	r.note(DepLink, name, target)
	return target, nil
}

func bare(e Entry) Entry { return Entry{Name: e.Name, Mode: e.Mode, Size: -1} }

// contentID identifies content in the notation of like: a Git blob id of either
// object format, and otherwise SHA-256.
func contentID(content []byte, like string) string {
	var h hash.Hash
	switch len(like) {
	case 2 * sha1.Size:
		h = sha1.New()
	case 2 * sha256.Size:
		h = sha256.New()
	default:
		sum := sha256.Sum256(content)
		return "sha256:" + hex.EncodeToString(sum[:])
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

func listID(entries []Entry) string {
	h := sha256.New()
	for _, e := range entries {
		fmt.Fprintf(h, "%s %q\n", e.Mode, path.Base(e.Name))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// failureID names the failures that a tree gives each time it is asked. Others,
// such as a broken disk, have no name and never count as the same. No failure to
// read names the failure to list a file.
func failureID(err error) string {
	if err == nil {
		return "is a file"
	}
	if escape, ok := errors.AsType[*EscapeError](err); ok {
		return "escapes to " + strings.ToValidUTF8(escape.Target, "\uFFFD")
	}
	if _, ok := errors.AsType[*LinkLoopError](err); ok {
		return "link loop"
	}
	if large, ok := errors.AsType[*TooLargeError](err); ok {
		return fmt.Sprintf("larger than %d", large.Limit)
	}
	if kind, ok := errors.AsType[*KindError](err); ok {
		if kind.Mode.Regular() {
			return failureID(nil)
		}
		return "is a " + kind.Mode.String()
	}
	return ""
}
