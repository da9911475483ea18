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

// Stamps returns the stamps of paths below a directory, or of full names if that is
// "". What is at none of them is Absent.
func Stamps(root string, paths []string) ([]Stamp, error) {
	all := make([]Stamp, len(paths))
	for i, name := range paths {
		info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		case err != nil:
			return nil, err
		default:
			all[i] = stampOfInfo(info)
		}
	}
	return all, nil
}

// stampOfInfo returns a stamp that never settles, since the time of the last change
// of anything is not told: contents are compared.
func stampOfInfo(info fs.FileInfo) Stamp {
	return Stamp{Size: info.Size(), Mode: diskEntry(info).Mode, Changed: info.ModTime().UnixNano()}
}

func (*direct) stat(string) (Entry, error)             { return Entry{}, errIndirect }
func (*direct) readDir(string) ([]Entry, error)        { return nil, errIndirect }
func (*direct) readFile(string, int64) ([]byte, error) { return nil, errIndirect }
