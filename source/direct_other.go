//go:build !linux

package source

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// direct is for kernels that keep from following links themselves.
type direct struct{}

var errIndirect = errors.New("paths are resolved step by step")

func newDirect(*os.Root, *Seen) *direct { return &direct{} }

// Stamper looks at paths below a directory, or at full names.
type Stamper struct{ root string }

// NewStamper returns one for a directory, which the caller closes, or for full names if
// that is "".
func NewStamper(root string) (Stamper, error) { return Stamper{root}, nil }

// Close does nothing here.
func (Stamper) Close() {}

// Stamp returns what is at a path now, Absent if nothing is.
func (s Stamper) Stamp(name string) (Stamp, error) {
	info, err := os.Lstat(filepath.Join(s.root, filepath.FromSlash(name)))
	switch {
	case err == nil:
		return stampOfInfo(info), nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return Absent, nil
	default:
		return Absent, err
	}
}

// stampOfInfo returns a stamp that never settles, since the time of the last change
// of anything is not told: contents are compared.
func stampOfInfo(info fs.FileInfo) Stamp {
	return Stamp{Size: info.Size(), Mode: diskEntry(info).Mode, Changed: info.ModTime().UnixNano()}
}

func (*direct) stat(string) (Entry, error)             { return Entry{}, errIndirect }
func (*direct) readDir(string) ([]Entry, error)        { return nil, errIndirect }
func (*direct) readFile(string, int64) ([]byte, error) { return nil, errIndirect }
