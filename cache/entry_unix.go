//go:build unix

package cache

import (
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// isOurs reports whether nobody else can write into a directory.
func isOurs(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// readEntry returns the content of a file, which is only written as a whole, and when it
// was used. To look up an answer is little more than system calls, of which os.File
// makes some for pipes and terminals too.
func readEntry(name string) (content []byte, used time.Time, err error) {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, used, err
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return nil, used, err
	}
	if stat.Size > 2*mostEntry {
		return nil, used, errTooLarge
	}
	content = make([]byte, stat.Size)
	if n, err := unix.Read(fd, content); err != nil || n < len(content) {
		return nil, used, io.ErrUnexpectedEOF
	}
	return content, time.Unix(stat.Mtim.Unix()), nil
}
