//go:build !unix

package cache

import (
	"io/fs"
	"os"
	"time"
)

// isOurs takes the user's own directories for what they are.
func isOurs(fs.FileInfo) bool { return true }

// readEntry returns the content of a file, which is only written as a whole, and when it
// was used.
func readEntry(name string) (content []byte, used time.Time, err error) {
	info, err := os.Stat(name)
	if err == nil && info.Size() > 2*mostEntry {
		err = errTooLarge
	}
	if err != nil {
		return nil, used, err
	}
	content, err = os.ReadFile(name)
	return content, info.ModTime(), err
}
