package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// direct reads files and their attributes below a directory by one system call a
// path, in which the kernel keeps from following links. os.Root, which works
// everywhere, needs several for each directory on the way.
type direct struct {
	dir  *os.File
	seen *Seen
}

// errIndirect says that a path has to be resolved, or that the kernel is too old.
var errIndirect = errors.New("the path may have links in it")

func newDirect(root *os.Root, seen *Seen) *direct {
	dir, err := root.Open(".")
	if err != nil {
		return &direct{seen: seen}
	}
	return &direct{dir, seen}
}

// open returns a descriptor, which the caller closes, and its attributes.
func (d *direct) open(name string, flags uint64) (fd int, stat unix.Stat_t, err error) {
	if d.dir == nil || hasGitDir(name) { // no tree has such a directory, whatever is there
		return -1, stat, errIndirect
	}
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	defer runtime.KeepAlive(d.dir)
	for {
		fd, err = unix.Openat2(int(d.dir.Fd()), name, &how)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	if err != nil {
		return -1, stat, errIndirect // whoever resolves it finds out what is wrong
	}
	if err := unix.Fstat(fd, &stat); err != nil {
		_ = unix.Close(fd)
		return -1, stat, err
	}
	d.seen.note(name, stampOf(&stat))
	return fd, stat, nil
}

// stat returns the entry of a path that has no links on its way.
func (d *direct) stat(name string) (Entry, error) {
	fd, stat, err := d.open(name, unix.O_PATH)
	if err != nil {
		return Entry{}, err
	}
	_ = unix.Close(fd)
	return entryOf(path.Base(name), &stat), nil
}

// readFile returns the content of a regular file of at most the given size.
func (d *direct) readFile(name string, most int64) ([]byte, error) {
	fd, stat, err := d.open(name, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if e := entryOf(path.Base(name), &stat); !e.Mode.Regular() || stat.Size > most {
		return nil, errIndirect
	}
	content := make([]byte, stat.Size+1) // it may grow meanwhile
	for n := 0; ; {
		more, err := unix.Read(fd, content[n:])
		switch n += max(more, 0); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			d.seen.lose()
			return nil, &os.PathError{Op: "read", Path: name, Err: err}
		case more == 0, int64(n) == stat.Size: // less than was asked for: that is its end
			d.seen.read(name, stampOf(&stat), content[:n])
			return content[:n], nil
		case int64(n) > most:
			return nil, &TooLargeError{Path: name, Size: int64(n), Limit: most}
		case n == len(content):
			content = append(content, make([]byte, n)...)
		}
	}
}

// readDir returns the entries of a directory, in any order.
func (d *direct) readDir(name string) ([]Entry, error) {
	fd, stat, err := d.open(name, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	listed := stampOf(&stat)
	found, err := entriesIn(fd)
	if err != nil {
		return nil, &os.PathError{Op: "list", Path: name, Err: err}
	}
	entries := found[:0]
	for _, e := range found {
		if e.Mode == ModeDir {
			entries = append(entries, e)
			continue
		}
		var stat unix.Stat_t
		switch err := unix.Fstatat(fd, e.Name, &stat, unix.AT_SYMLINK_NOFOLLOW); {
		case errors.Is(err, unix.ENOENT): // it has just gone
			d.seen.lose()
		case err != nil:
			return nil, &os.PathError{Op: "stat", Path: path.Join(name, e.Name), Err: err}
		default:
			e = entryOf(e.Name, &stat)
			entries = append(entries, e)
			if e.Mode.Regular() && d.seen != nil {
				d.seen.note(path.Join(name, e.Name), stampOf(&stat))
			}
		}
	}
	d.seen.list(name, listed, entries)
	return entries, nil
}

// entriesIn returns what is in an open directory, in any order. Of what it does not know
// for a directory it tells the name only.
func entriesIn(fd int) (entries []Entry, err error) {
	var buf [8 << 10]byte
	for {
		n, err := unix.ReadDirent(fd, buf[:])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return entries, nil
		default:
			entries = appendEntries(slices.Grow(entries, n/usualDirent), buf[:n])
		}
	}
}

// usualDirent is what an entry with a name of usual length takes of what getdents returns.
const usualDirent = 32

// appendEntries appends the entries that getdents has returned.
func appendEntries(entries []Entry, dirents []byte) []Entry {
	for len(dirents) > 0 {
		one := dirents[:binary.NativeEndian.Uint16(dirents[unsafe.Offsetof(unix.Dirent{}.Reclen):])]
		dirents = dirents[len(one):]
		name, _, _ := bytes.Cut(one[unsafe.Offsetof(unix.Dirent{}.Name):], []byte{0})
		if binary.NativeEndian.Uint64(one) == 0 || string(name) == "." || string(name) == ".." { // no file has inode 0
			continue
		}
		e := Entry{Name: string(name), Mode: ModeOther, Size: -1}
		if one[unsafe.Offsetof(unix.Dirent{}.Type)] == unix.DT_DIR { // which not every file system tells
			e.Mode = ModeDir
		}
		entries = append(entries, e)
	}
	return entries
}

// Stamper looks at paths below a directory, or at full names.
type Stamper struct{ dir int }

// NewStamper returns one for a directory, which the caller closes, or for full names if
// that is "".
func NewStamper(root string) (Stamper, error) {
	if root == "" {
		return Stamper{unix.AT_FDCWD}, nil // which full names have no part in
	}
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return Stamper{}, &os.PathError{Op: "open", Path: root, Err: err}
	}
	return Stamper{dir}, nil
}

// Close closes the directory.
func (s Stamper) Close() {
	if s.dir >= 0 {
		_ = unix.Close(s.dir)
	}
}

// Stamp returns what is at a path now, Absent if nothing is.
func (s Stamper) Stamp(name string) (Stamp, error) {
	var stat unix.Stat_t
	switch err := unix.Fstatat(s.dir, name, &stat, unix.AT_SYMLINK_NOFOLLOW); {
	case err == nil:
		return stampOf(&stat), nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return Absent, nil
	default:
		return Absent, &os.PathError{Op: "stat", Path: name, Err: err}
	}
}

func stampOf(stat *unix.Stat_t) Stamp {
	return Stamp{Inode: stat.Ino, Size: stat.Size, Mode: entryOf("", stat).Mode, Changed: stat.Mtim.Nano(), Meta: stat.Ctim.Nano()}
}

// stampOfInfo returns the stamp of what was looked at by other ways.
func stampOfInfo(info fs.FileInfo) Stamp {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Stamp{Size: info.Size(), Mode: diskEntry(info).Mode, Changed: info.ModTime().UnixNano()}
	}
	return Stamp{Inode: stat.Ino, Size: stat.Size, Mode: diskEntry(info).Mode, Changed: stat.Mtim.Nano(), Meta: stat.Ctim.Nano()}
}

func entryOf(name string, stat *unix.Stat_t) Entry {
	e := Entry{Name: name, Mode: ModeOther, Size: stat.Size}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		e.Mode = ModeFile
		if stat.Mode&0o111 != 0 {
			e.Mode = ModeExecutable
		}
	case unix.S_IFDIR:
		e.Mode, e.Size = ModeDir, -1
	case unix.S_IFLNK:
		e.Mode = ModeSymlink
	}
	return e
}
