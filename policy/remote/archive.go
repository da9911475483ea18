package remote

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/holdfast-dev/holdfast/policy"
	"github.com/holdfast-dev/holdfast/source"
)

// collection is the files of a pack while they come in.
type collection struct {
	files []*source.File
	names map[string]bool
	bytes int64
}

// ArchiveError reports what cannot be taken from an archive.
type ArchiveError struct{ Name, Reason string }

func (e *ArchiveError) Error() string { return fmt.Sprintf("%q in it %s", e.Name, e.Reason) }

// add reads a file of the pack. Files that packs are not made of are left out.
func (c *collection) add(name string, content io.Reader) error {
	clean := strings.TrimPrefix(name, "./")
	if source.CheckPath(clean) != nil || path.Clean(clean) != clean || strings.ContainsAny(clean, "\\\x00") {
		return &ArchiveError{name, "is not a path inside of the pack"}
	}
	if !policy.IsFile(clean) {
		return nil
	}
	if c.names[clean] {
		return &ArchiveError{name, "is there twice"}
	}
	if len(c.files) == mostFiles {
		return &ArchiveError{name, fmt.Sprintf("is one file too many: a pack has at most %d", mostFiles)}
	}
	data, err := io.ReadAll(io.LimitReader(content, mostBytes-c.bytes+1))
	if err != nil {
		return err
	}
	if c.bytes += int64(len(data)); c.bytes > mostBytes {
		return &ArchiveError{name, fmt.Sprintf("makes the pack larger than %d MiB", mostBytes>>20)}
	}
	if c.names == nil {
		c.names = map[string]bool{}
	}
	c.names[clean] = true
	c.files = append(c.files, source.NewFile(clean, data))
	return nil
}

// mostSkipped bounds what is read of an archive besides the files of the pack.
const mostSkipped = 1 << 30

// tar adds the files of an archive. Links are refused, for what they lead to would
// be judged by under another name.
func (c *collection) tar(archive io.Reader) error {
	r := tar.NewReader(io.LimitReader(archive, mostSkipped))
	for {
		head, err := r.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch head.Typeflag {
		case tar.TypeDir:
		case tar.TypeReg:
			if err := c.add(head.Name, r); err != nil {
				return err
			}
		default:
			return &ArchiveError{head.Name, "is neither a file nor a directory"}
		}
	}
}

// pack returns files as an archive.
func pack(files []*source.File) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		head := &tar.Header{Typeflag: tar.TypeReg, Name: f.Path, Mode: 0o644, Size: int64(len(f.Content))}
		if err := w.WriteHeader(head); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
