// Package cache keeps what a scan wrote, for as long as all is the same that it
// was made from.
//
//	key     what was asked for: hashed, it names the entry
//	facts   the stamps of all files that had a part in the answer, those that were
//	        looked for and not found, and directories that were listed
//	answer  the bytes that were written, for each output, and the exit code
//
// An entry whose facts hold is the answer; to find that out takes a stat for each
// file. A stamp that is younger than the clock of the file system is fine tells
// nothing, as for the index of Git, so that no entry is made from such files.
//
// Entries are written under another name first, have a checksum, and go when there
// are too many. Whatever is wrong with one, or with the directory, the scan is
// made as if there were none.
package cache

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/source"
)

const (
	format    = "holdfast scan cache 1\n"
	mostBytes = 64 << 20 // of all entries
	mostEntry = 16 << 20
)

// The times of file systems are those of the last tick of a clock.
const (
	tick       = 50 * time.Millisecond
	coarseTick = 2 * time.Second
)

// Cache is a directory of entries. An empty name is no cache.
type Cache struct{ Dir string }

// Answer is what was written.
type Answer struct {
	Outputs [][]byte
	Code    int
}

// Facts are the stamps of paths, by the directory that they are in.
type Facts map[string]map[string]source.Stamp

// Key hashes what was asked for.
func Key(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Load returns the answer of the entry with a key, if there is one and its facts
// hold.
func (c Cache) Load(key string) (*Answer, bool) {
	if c.Dir == "" {
		return nil, false
	}
	name := c.path(key)
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, false
	}
	body, ok := unsealed(data)
	if !ok {
		return nil, false
	}
	answer, ok := decode(body)
	if !ok {
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(name, now, now) // those that are used stay
	return answer, true
}

// Save keeps an answer to a question that was asked at start. It says so if it
// cannot; an answer that is not to be kept is no error.
func (c Cache) Save(key string, start time.Time, facts Facts, answer *Answer) error {
	if c.Dir == "" || !settled(facts, start) {
		return nil
	}
	data := sealed(encode(facts, answer))
	if len(data) > mostEntry {
		return nil
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(c.Dir, "new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), c.path(key))
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return c.trim()
}

func (c Cache) path(key string) string { return filepath.Join(c.Dir, key) }

// settled reports whether a later change would show in every stamp.
func settled(facts Facts, start time.Time) bool {
	for _, stamps := range facts {
		for _, s := range stamps {
			wait := tick
			if s.Coarse() {
				wait = coarseTick
			}
			if s != source.Absent && s.Newest().Add(wait).After(start) {
				return false
			}
		}
	}
	return true
}

// trim removes the entries that were not used for longest, until the others are
// few enough. What a scan left behind that was killed goes like an entry.
func (c Cache) trim() error {
	entries, err := os.ReadDir(c.Dir)
	if err != nil {
		return err
	}
	var infos []fs.FileInfo
	total := int64(0)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			infos = append(infos, info)
			total += info.Size()
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range infos {
		if total <= mostBytes {
			break
		}
		if err := os.Remove(filepath.Join(c.Dir, info.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		total -= info.Size()
	}
	return nil
}

var table = crc32.MakeTable(crc32.Castagnoli)

func sealed(body []byte) []byte {
	out := append([]byte(format), body...)
	return binary.LittleEndian.AppendUint32(out, crc32.Checksum(body, table))
}

func unsealed(data []byte) ([]byte, bool) {
	if len(data) < len(format)+4 || string(data[:len(format)]) != format {
		return nil, false
	}
	body, sum := data[len(format):len(data)-4], data[len(data)-4:]
	return body, crc32.Checksum(body, table) == binary.LittleEndian.Uint32(sum)
}
