package source

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
)

// DiskOptions limits what a disk tree reads. The zero value is the default.
type DiskOptions struct {
	MaxFileSize int64 // bytes; 0 means DefaultMaxFileSize
	Seen        *Seen // notes what is used; nil for nothing
}

// Disk returns the tree below the directory root. Names ".git" do not exist in
// it, at any depth. Nothing outside the directory is ever opened, even while
// others change it.
func Disk(root string, opts DiskOptions) (Tree, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	if opts.MaxFileSize == 0 {
		opts.MaxFileSize = DefaultMaxFileSize
	}
	return &diskTree{root: r, max: opts.MaxFileSize, direct: newDirect(r, opts.Seen), seen: opts.Seen}, nil
}

type diskTree struct {
	root   *os.Root // closed by its finalizer
	max    int64
	direct *direct // tried first
	seen   *Seen
}

func (d *diskTree) Revision() Revision { return Revision{Source: d.root.Name()} }

func (d *diskTree) Stat(name string) (Entry, error) {
	if CheckPath(name) == nil {
		if e, err := d.direct.stat(name); err == nil {
			return e, nil
		}
	}
	real, err := d.resolve(name, false)
	if err != nil {
		return Entry{}, err
	}
	info, err := d.lstat(real)
	if err != nil {
		return Entry{}, err
	}
	e := diskEntry(info)
	e.Name = path.Base(real)
	return e, nil
}

func (d *diskTree) Readlink(name string) (string, error) {
	real, err := d.resolve(name, false)
	if err != nil {
		return "", err
	}
	info, err := d.lstat(real)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		return "", &KindError{Path: name, Mode: diskEntry(info).Mode}
	}
	target, err := d.root.Readlink(real)
	if err == nil {
		d.seen.link(real, stampOfInfo(info), target)
	}
	return target, err
}

func (d *diskTree) ReadDir(name string) ([]Entry, error) {
	entries, err := d.entries(name)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e Entry) bool { return isGitDir(e.Name) })
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

func (d *diskTree) entries(name string) ([]Entry, error) {
	if CheckPath(name) == nil {
		if entries, err := d.direct.readDir(name); !errors.Is(err, errIndirect) {
			return entries, err
		}
	}
	f, real, info, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !info.IsDir() {
		return nil, &KindError{Path: name, Mode: diskEntry(info).Mode}
	}
	infos, err := f.Readdir(-1)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(infos))
	for i, info := range infos {
		entries[i] = diskEntry(info)
		if entries[i].Mode.Regular() {
			d.seen.note(path.Join(real, info.Name()), stampOfInfo(info))
		}
	}
	d.seen.list(real, stampOfInfo(info), entries)
	return entries, nil
}

func (d *diskTree) ReadFile(name string) ([]byte, error) {
	if CheckPath(name) == nil {
		if content, err := d.direct.readFile(name, d.max); !errors.Is(err, errIndirect) {
			return content, err
		}
	}
	f, real, info, err := d.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !info.Mode().IsRegular() {
		return nil, &KindError{Path: name, Mode: diskEntry(info).Mode}
	}
	if info.Size() > d.max {
		return nil, &TooLargeError{Path: name, Size: info.Size(), Limit: d.max}
	}
	content, err := io.ReadAll(io.LimitReader(f, d.max+1)) // it may grow meanwhile
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > d.max {
		return nil, &TooLargeError{Path: name, Size: int64(len(content)), Limit: d.max}
	}
	d.seen.read(real, stampOfInfo(info), content)
	return content, nil
}

// open opens a file or directory, and returns where it really is. O_NONBLOCK keeps a
// FIFO from blocking us.
func (d *diskTree) open(name string) (f *os.File, real string, info fs.FileInfo, err error) {
	if real, err = d.resolve(name, true); err != nil {
		return nil, "", nil, err
	}
	if f, err = d.root.OpenFile(real, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		d.seen.lose() // it is there, and cannot be read
		return nil, "", nil, absentIfNotDir(name, err)
	}
	if info, err = f.Stat(); err != nil {
		d.seen.lose()
		f.Close()
		return nil, "", nil, err
	}
	return f, real, info, nil
}

func (d *diskTree) resolve(name string, follow bool) (string, error) {
	real, err := Resolve(name, follow, func(p string) (string, bool, error) {
		info, err := d.lstat(p)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return "", false, err
		}
		target, err := d.root.Readlink(p)
		if err == nil {
			d.seen.link(p, stampOfInfo(info), target)
		}
		return target, err == nil, err
	})
	if err != nil {
		return "", err
	}
	if isGitDir(path.Base(real)) {
		return "", notExist(name)
	}
	return real, nil
}

func (d *diskTree) lstat(name string) (fs.FileInfo, error) {
	if isGitDir(path.Base(name)) {
		return nil, notExist(name)
	}
	info, err := d.root.Lstat(name)
	if err != nil {
		if err = absentIfNotDir(name, err); IsNotExist(err) {
			d.seen.note(name, Absent)
		} else {
			d.seen.lose()
		}
		return nil, err
	}
	d.seen.note(name, stampOfInfo(info))
	return info, nil
}

// absentIfNotDir makes file/x as absent as dir/x: no tree has such a path.
func absentIfNotDir(name string, err error) error {
	if errors.Is(err, syscall.ENOTDIR) || errors.Is(err, fs.ErrNotExist) {
		return notExist(name)
	}
	return err
}

// hasGitDir reports whether any name of a path is that of a repository.
func hasGitDir(name string) bool {
	for elem := range strings.SplitSeq(name, "/") {
		if isGitDir(elem) {
			return true
		}
	}
	return false
}

func isGitDir(name string) bool { return strings.EqualFold(name, ".git") }

func diskEntry(info fs.FileInfo) Entry {
	e := Entry{Name: info.Name(), Mode: ModeOther, Size: info.Size()}
	switch m := info.Mode(); {
	case m.IsRegular() && m&0o111 != 0:
		e.Mode = ModeExecutable
	case m.IsRegular():
		e.Mode = ModeFile
	case m.IsDir():
		e.Mode, e.Size = ModeDir, -1
	case m&fs.ModeSymlink != 0:
		e.Mode = ModeSymlink
	}
	return e
}
