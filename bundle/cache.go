package bundle

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Cache is a directory with an archive for each bundle, by its digest.
type Cache struct {
	Dir    string
	Digest func([]*source.File) string // that names a bundle
}

// ErrNotCached says that a bundle is not in the cache, or not as it was.
var ErrNotCached = errors.New("not in the cache")

func (c *Cache) name(digest string) string {
	return filepath.Join(c.Dir, strings.TrimPrefix(digest, "sha256:")+".tar")
}

// Load adds the files of a bundle, if they are what the digest says.
func (c *Cache) Load(digest string, into *Files) error {
	file, err := os.Open(c.name(digest))
	if err != nil {
		return ErrNotCached
	}
	defer file.Close()
	if err := into.AddTar(file); err != nil || c.Digest(into.List) != digest {
		return ErrNotCached
	}
	return nil
}

// Keep writes a bundle in one step.
func (c *Cache) Keep(files []*source.File, digest string) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	content, err := Tar(files)
	if err != nil {
		return err
	}
	return Replace(c.name(digest), content)
}

// Replace writes a file in one step.
func Replace(name string, content []byte) error {
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
