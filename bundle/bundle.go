// Package bundle takes in files that somebody else has put together: packs of
// policies, modules of Terraform.
//
//	Files    the files, as they come in from a tree or an archive; bounded, and each at
//	         a path inside of the bundle
//	Digest   a name for all of them, that no other files have
//	Cache    bundles by their digests; what was altered on disk is not there
package bundle

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Files is a bundle while it comes in. Kind is what to call it in errors.
type Files struct {
	Kind      string
	Accept    func(name string) bool // which files are taken; nil for all
	SkipLinks bool                   // leave links out; they are errors otherwise
	MaxFiles  int
	MaxBytes  int64

	List  []*source.File
	names map[string]bool
	bytes int64
}

// Error reports what cannot be taken in.
type Error struct{ Name, Reason string }

func (e *Error) Error() string { return fmt.Sprintf("%q in it %s", e.Name, e.Reason) }

// Add reads a file.
func (f *Files) Add(name string, content io.Reader) error {
	clean := strings.TrimPrefix(name, "./")
	if source.CheckPath(clean) != nil || path.Clean(clean) != clean || strings.ContainsAny(clean, "\\\x00") {
		return &Error{name, "is not a path inside of the " + f.Kind}
	}
	if f.Accept != nil && !f.Accept(clean) {
		return nil
	}
	if f.names[clean] {
		return &Error{name, "is there twice"}
	}
	if len(f.List) == f.MaxFiles {
		return &Error{name, fmt.Sprintf("is one file too many: a %s has at most %d", f.Kind, f.MaxFiles)}
	}
	data, err := io.ReadAll(io.LimitReader(content, f.MaxBytes-f.bytes+1))
	if err != nil {
		return err
	}
	if f.bytes += int64(len(data)); f.bytes > f.MaxBytes {
		return &Error{name, fmt.Sprintf("makes the %s larger than %d MiB", f.Kind, f.MaxBytes>>20)}
	}
	if f.names == nil {
		f.names = map[string]bool{}
	}
	f.names[clean] = true
	f.List = append(f.List, source.NewFile(clean, data))
	return nil
}

// AddTree reads the files of a tree below a directory. Links are left out.
func (f *Files) AddTree(tree source.Tree, dir string) error {
	return source.Walk(tree, dir, func(p string, e source.Entry) error {
		name := p
		if dir != "." {
			name = strings.TrimPrefix(p, dir+"/")
		}
		if !e.Mode.Regular() || f.Accept != nil && !f.Accept(name) {
			return nil
		}
		content, err := tree.ReadFile(p)
		if err != nil {
			return err
		}
		return f.Add(name, bytes.NewReader(content))
	})
}

// mostSkipped bounds what is read of an archive besides the files that are taken.
const mostSkipped = 1 << 30

// AddTar reads the files of an archive.
func (f *Files) AddTar(archive io.Reader) error {
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
		case tar.TypeDir, tar.TypeXGlobalHeader:
		case tar.TypeReg:
			if err := f.Add(head.Name, r); err != nil {
				return err
			}
		case tar.TypeSymlink, tar.TypeLink:
			if !f.SkipLinks {
				return &Error{head.Name, "is a link, and neither a file nor a directory"}
			}
		default:
			return &Error{head.Name, "is neither a file nor a directory"}
		}
	}
}

// AddTarGz reads the files of a compressed archive.
func (f *Files) AddTarGz(archive io.Reader) error {
	r, err := gzip.NewReader(archive)
	if err != nil {
		return fmt.Errorf("it is not gzip: %w", err)
	}
	return f.AddTar(r)
}

// AddZip reads the files of a ZIP archive.
func (f *Files) AddZip(archive []byte) error {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	for _, entry := range r.File {
		mode := entry.Mode()
		if mode.IsDir() || !mode.IsRegular() && f.SkipLinks {
			continue
		}
		if !mode.IsRegular() {
			return &Error{entry.Name, "is neither a file nor a directory"}
		}
		in, err := entry.Open()
		if err != nil {
			return err
		}
		if err := errors.Join(f.Add(entry.Name, in), in.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Tar returns files as an archive.
func Tar(files []*source.File) ([]byte, error) {
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

// Digest returns "sha256:" and the hexadecimal digits of a hash over the paths and
// contents of files, whatever their order.
func Digest(files []*source.File) string {
	all := sha256.New()
	for _, f := range slices.SortedFunc(slices.Values(files), func(a, b *source.File) int { return cmp.Compare(a.Path, b.Path) }) {
		sum := sha256.Sum256(f.Content)
		fmt.Fprintf(all, "%x  %d:%s\n", sum, len(f.Path), f.Path)
	}
	return "sha256:" + hex.EncodeToString(all.Sum(nil))
}
