package modules

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// LockPath is where a repository keeps what its modules are pinned to.
const LockPath = ".holdfast/modules.lock.yaml"

// lock says what the modules of a repository are pinned to.
type lock struct {
	Modules []pin `json:"modules" yaml:"modules"`
}

// pin is one package that calls ask for.
type pin struct {
	Source   string `json:"source" yaml:"source"`                         // as calls write it, without a directory
	Version  string `json:"version,omitempty" yaml:"version,omitempty"`   // the constraint
	Resolved string `json:"resolved,omitempty" yaml:"resolved,omitempty"` // the version that a registry gave
	From     string `json:"from" yaml:"from"`                             // a repository with a full commit id, or an archive
	Digest   string `json:"digest" yaml:"digest"`                         // of all files
}

const lockHead = "# What the modules of Terraform are pinned to, as holdfast scan --fetch-modules found\n# them. Keep this file in Git; --update-modules looks for newer ones.\n"

// readLock reads the lock file below a directory. Without one, the lock is empty.
func readLock(root string) (*lock, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	content, err := dir.ReadFile(LockPath)
	if errors.Is(err, fs.ErrNotExist) {
		return &lock{}, nil
	}
	if err != nil {
		return nil, err
	}
	return parseLock(content)
}

func parseLock(content []byte) (*lock, error) {
	l := &lock{}
	d := strict.Decode(source.NewFile(LockPath, content), l)
	for i, p := range l.Modules {
		if p.Source == "" || p.From == "" || len(p.Digest) != len("sha256:")+64 {
			d.At(fmt.Sprintf("modules[%d]", i), "delete the entry, and scan with --fetch-modules", "an entry has a source, from and the digest sha256:…")
		}
	}
	return l, d.Err()
}

// find returns what a package is pinned to, or nil.
func (l *lock) find(from, version string) *pin {
	for i := range l.Modules {
		if p := &l.Modules[i]; p.Source == from && p.Version == version {
			return p
		}
	}
	return nil
}

// put enters a pin in place of an older one.
func (l *lock) put(p pin) {
	if old := l.find(p.Source, p.Version); old != nil {
		*old = p
		return
	}
	l.Modules = append(l.Modules, p)
}

// write writes the lock file below a directory, and never outside of that.
func (l *lock) write(root string) error {
	slices.SortFunc(l.Modules, func(a, b pin) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Version, b.Version))
	})
	var out bytes.Buffer
	out.WriteString(lockHead)
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	if err := errors.Join(e.Encode(l), e.Close()); err != nil {
		return err
	}
	dir, err := os.OpenRoot(root)
	if err != nil {
		return err
	}
	defer dir.Close()
	if err := dir.MkdirAll(path.Dir(LockPath), 0o755); err != nil {
		return err
	}
	const draft = LockPath + ".new"
	if err := dir.WriteFile(draft, out.Bytes(), 0o644); err != nil {
		return err
	}
	return dir.Rename(draft, LockPath)
}
