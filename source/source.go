// Package source holds files at a revision, and positions in them. Everything
// that Holdfast reads from a repository, a disk, or an editor, it reads through
// a Tree, so that the same analysis gives the same answer everywhere.
//
//	Tree      read-only files below one root, at one Revision
//	Revision  which version of which source a tree shows
//	Entry     a name in a directory, with its kind, size and content identity
//	File      one file's path and content, the owner of Spans
//	Span      a range of bytes in a File: the only notation for positions that
//	          is ever stored; Position converts at the edges
//	Edit      a replacement of a Span; what lies outside stays byte for byte
//	Recorder  a Tree that notes what was read, looked for and listed
//	Deps      what a Recorder notes: the facts on which a result depends
//	Seen      the Facts about all that was used of a disk tree
//	Fact      the Stamp of a path, and a hash of what was seen there
//	Stamp     what a file system says of a file beside its content
//	Linker    a Tree that can tell where a symbolic link points
package source

import (
	"errors"
	"fmt"
	"io/fs"
)

// Tree is a read-only file tree. Paths are slash-separated, relative to the
// root and clean as in io/fs; the root is ".". Symbolic links are followed as
// long as they stay inside the tree; one that leaves it gives an EscapeError.
// A path that does not exist gives an error that matches fs.ErrNotExist.
// Implementations are safe for concurrent use.
type Tree interface {
	// Revision tells which version of which source the tree shows.
	Revision() Revision
	// Stat describes the file or directory at path, without following a
	// symbolic link in its last element.
	Stat(path string) (Entry, error)
	// ReadDir lists a directory, sorted by name.
	ReadDir(path string) ([]Entry, error)
	// ReadFile returns a file's content, which the caller must not change. A
	// file larger than the tree's limit gives a TooLargeError.
	ReadFile(path string) ([]byte, error)
}

// Revision names a version of a source. The zero value is an unnamed tree.
type Revision struct {
	Source string // name or URL of the source, or the directory of a disk tree
	Commit string // full object id; empty for a tree that is not from Git
}

// String returns the short form that people read: source@commit.
func (r Revision) String() string {
	switch {
	case r.Commit == "":
		return r.Source
	case len(r.Commit) > 12:
		return r.Source + "@" + r.Commit[:12]
	}
	return r.Source + "@" + r.Commit
}

// Mode is what an Entry is.
type Mode uint8

// The kinds of entries that Git and disks have.
const (
	ModeFile Mode = iota
	ModeExecutable
	ModeDir
	ModeSymlink
	ModeSubmodule
	ModeOther // sockets, devices: never read
)

// Regular reports whether the entry has content to read.
func (m Mode) Regular() bool { return m == ModeFile || m == ModeExecutable }

// Entry describes one name of a directory.
type Entry struct {
	Name string // base name
	Mode Mode
	Size int64  // bytes; -1 when it is not known without reading
	ID   string // content identity (a Git object id); empty when it is not known without reading
}

// DefaultMaxFileSize is the largest file, in bytes, that trees read unless told
// otherwise. The largest manifests in use (bundles of custom resource
// definitions) have about 5 MiB.
const DefaultMaxFileSize = 16 << 20

// EscapeError reports a symbolic link that leads out of the tree.
type EscapeError struct{ Path, Target string }

func (e *EscapeError) Error() string {
	return fmt.Sprintf("%s: symbolic link to %q leaves the tree; such links are not followed", e.Path, e.Target)
}

// TooLargeError reports a file above the tree's limit.
type TooLargeError struct {
	Path        string
	Size, Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s: %d bytes is more than the limit of %d", e.Path, e.Size, e.Limit)
}

// IsNotExist reports whether err says that a path is absent, as opposed to
// unreadable: only absence may be taken as an answer.
func IsNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
