//go:build !linux

package source

import (
	"errors"
	"os"
)

// direct is for kernels that keep from following links themselves.
type direct struct{}

var errIndirect = errors.New("paths are resolved step by step")

func newDirect(_ *os.Root, seen *Seen) *direct {
	seen.lose()
	return &direct{}
}

// Stamps returns the stamps of paths below a directory, if this system has them.
func Stamps(string, []string) ([]Stamp, error) { return nil, errors.ErrUnsupported }

func (*direct) stat(string) (Entry, error)             { return Entry{}, errIndirect }
func (*direct) readDir(string) ([]Entry, error)        { return nil, errIndirect }
func (*direct) readFile(string, int64) ([]byte, error) { return nil, errIndirect }
