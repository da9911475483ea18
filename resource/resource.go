// Package resource models one declared or live thing as a tree in which every
// value knows its place.
//
//	Resource  an ID, a tree of Values and where it came from
//	ID        platform, group, version, kind, namespace and name
//	Value     a null, bool, int, float, string, list or map with its byte span
//	Path      the way from a resource's root to one of its values
//	Origin    the file, document and rendering steps that produced a resource
//	Change    what a plan does to a resource
//	Location  a file and a span: what a finding points at
//	Set       resources in a stable order, which are judged together
//	Document  one value of a file, as ParseYAML and ParseJSON read it
//	Object    a Kubernetes object of a document, taken out of its List
//	Mask      what stands where a secret value stood
//
// Text becomes Values through Parse. It keeps the order of keys and the spans of
// keys and values, and reports what is wrong with a line and a column. YAML has
// two readers: a fast one for what manifests are mostly made of, and for all
// files that it gives up on a full one. Both give the same trees.
package resource

import (
	"bytes"
	"strings"
	"sync"

	"github.com/holdfast-dev/holdfast/source"
)

// ID identifies a resource. For a Kubernetes object, Namespace is empty for
// cluster-scoped kinds and where the manifest leaves it to the target. Resources
// of other platforms have a Platform, a Kind and a Name, which for a whole file
// is its path.
type ID struct {
	Group, Version, Kind, Namespace, Name string

	Platform Platform
}

// Key identifies the object without its API version, since the same object can
// be read under several: group/kind/namespace/name. That of another platform
// begins with its name: dockerfile:Dockerfile/build/Dockerfile.
func (id ID) Key() string {
	var room [128]byte
	return string(id.AppendKey(room[:0]))
}

// AppendKey appends the key to b.
func (id ID) AppendKey(b []byte) []byte {
	if id.Platform != Kubernetes {
		b = append(append(b, id.Platform...), ':')
		return append(append(append(b, strings.ReplaceAll(id.Kind, "/", kindSlash)...), '/'), id.Name...)
	}
	b = append(append(b, id.Group...), '/')
	b = append(append(b, id.Kind...), '/')
	b = append(append(b, id.Namespace...), '/')
	return append(b, id.Name...)
}

// kindSlash stands in a key for a slash in a kind: Microsoft.Web/sites.
const kindSlash = "~1"

// APIVersion returns group/version, or the version alone for the core group.
func (id ID) APIVersion() string {
	if id.Group == "" {
		return id.Version
	}
	return id.Group + "/" + id.Version
}

// String returns what people write: "Deployment payments/api".
func (id ID) String() string {
	if id.Platform == Terraform && strings.Contains(id.Name, id.Kind) {
		return id.Name // an address, which says the kind
	}
	if id.Namespace == "" {
		return strings.TrimSuffix(id.Kind+" "+id.Name, " ") // files of settings have no name
	}
	return id.Kind + " " + id.Namespace + "/" + id.Name
}

// ParseKey is the inverse of Key. The version stays empty.
func ParseKey(key string) (ID, bool) {
	if platform, rest, ok := strings.Cut(key, ":"); ok && !strings.Contains(platform, "/") {
		kind, name, ok := strings.Cut(rest, "/")
		return ID{Platform: Platform(platform), Kind: strings.ReplaceAll(kind, kindSlash, "/"), Name: name}, ok
	}
	parts := strings.SplitN(key, "/", 4)
	if len(parts) != 4 {
		return ID{}, false
	}
	return ID{Group: parts[0], Kind: parts[1], Namespace: parts[2], Name: parts[3]}, true
}

// Resource is one object with its positions.
type Resource struct {
	ID     ID
	Root   *Value
	Origin Origin
	Change *Change // nil for what is no part of a plan
}

// Change is what a plan does to a resource. The Root of one that goes away is null.
type Change struct {
	Actions  []string // no-op, read, create, update, delete, forget; of a replacement create and delete in their order
	Before   *Value   // null if there was nothing
	Replaced []Path   // the values because of which it is replaced
}

// Origin tells where a resource came from.
type Origin struct {
	Renderer string       // manifest, kustomize or helm
	File     *source.File // the manifest, base or template that declares the resource
	Document int          // which document of File, from 0; -1 when unknown
	Span     source.Span  // of that document in File; zero when unknown
	Via      []string     // files that had a part in it, nearest first: overlay, patch, values, chart

	// Locator finds the source of a value in rendered text. Nil means that
	// the spans of Root are spans in File.
	Locator func(Path) (Location, bool)
}

// Location is a place in a file. Exact is false when the place is only the
// nearest that is known: the document, or the file.
type Location struct {
	File  *source.File
	Span  source.Span
	Exact bool
}

// Position returns where the location starts.
func (l Location) Position() source.Position {
	if l.File == nil {
		return source.Position{}
	}
	return l.File.Position(l.Span.Start)
}

// OrLine returns the location with something to mark: where the span is not known
// or empty, the text of the line, or of the first line of the file that has some.
func (l Location) OrLine() Location {
	if l.File == nil || l.Span.Start < l.Span.End {
		return l
	}
	for n := max(l.Position().Line, 1); n <= l.File.Lines(); n++ {
		line := l.File.Line(n)
		text := l.File.Content[line.Start:line.End]
		if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 {
			start := line.Start + bytes.Index(text, trimmed)
			return Location{File: l.File, Span: source.Span{Start: start, End: start + len(trimmed)}, Exact: l.Exact}
		}
	}
	return l
}

// Locate returns the place of the value at path. If the value is absent, it is
// the place of the nearest ancestor that is present: its key where it has one,
// so that one line is marked and not a block.
func (r *Resource) Locate(path Path) Location {
	var room [16]*Value
	return r.LocateTrail(r.Root.Trail(path, room[:0]))
}

// LocateTrail is Locate for a path that has been followed from the root.
func (r *Resource) LocateTrail(at Trail) Location {
	path := at.Path
	if r.Origin.Locator == nil {
		return Location{File: r.Origin.File, Span: at.span(), Exact: true}
	}
	for p := path; ; p = p[:len(p)-1] {
		if loc, ok := r.Origin.Locator(p); ok {
			// An ancestor stands for a value that is absent, and is only near one
			// that rendering has put there.
			loc.Exact = loc.Exact && (len(p) == len(path) || at.End() == nil)
			return loc
		}
		if len(p) == 0 {
			return Location{File: r.Origin.File, Span: r.Origin.Span}
		}
	}
}

// Set is a list of resources in rendering order, which are looked at together.
type Set struct {
	All   []*Resource
	notes sync.Map
}

// NewSet makes a set of resources.
func NewSet(all []*Resource) *Set { return &Set{All: all} }

// Note returns what somebody knows of the set, which is found out once and kept for as
// long as the set is in use. It is safe for concurrent use.
func (s *Set) Note(by any, find func() any) any {
	note, ok := s.notes.Load(by)
	if !ok {
		note, _ = s.notes.LoadOrStore(by, find())
	}
	return note
}
