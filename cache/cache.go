// Package cache keeps what a scan wrote, for as long as all is the same that it
// was made from.
//
//	key     what was asked for: hashed, it names the entry
//	facts   what was seen of all files that had a part in the answer, of those that
//	        were looked for and not found, and of directories that were listed
//	answer  the bytes that were written, for each output, and the exit code
//
// An entry whose facts hold is the answer; to find that out takes a stat for each
// file. Where the stamp is another one, contents are compared, so that a fresh
// checkout of the same files is the same. A stamp that is younger than the clock of
// the file system is fine tells nothing, as for the index of Git: it is not kept.
//
// Entries are written under another name first, have a checksum, and go when there
// are too many. Whatever is wrong with one, or with the directory, the scan is
// made as if there were none.
package cache

import (
	"bytes"
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
	format    = "holdfast cache 3\n"
	mostBytes = 64 << 20 // of all entries
	mostEntry = 16 << 20
)

// Cache is a directory of entries. An empty name is no cache.
type Cache struct{ Dir string }

// Open returns the cache in a directory, which is made when something is kept. One
// that others can write into is none.
func Open(dir string) Cache {
	info, err := os.Lstat(dir)
	if err != nil || info.IsDir() && isOurs(info) { // writing will tell what is wrong
		return Cache{Dir: dir}
	}
	return Cache{}
}

// Answer is what was written.
type Answer struct {
	Outputs [][]byte
	Code    int
}

// Facts are what was seen in trees, by root and path.
type Facts map[string]map[string]source.Fact

// Stamps are those of files of which not even the stamp may change, by full name.
type Stamps map[string]source.Stamp

// Key hashes what was asked for.
func Key(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Load returns the answer of the entry with a key, if there is one and its facts
// hold. Start is when anything of them may have been looked at first.
func (c Cache) Load(key string, start time.Time) (*Answer, bool) {
	body, ok := c.Get(key)
	if !ok {
		return nil, false
	}
	facts, answer, ok := decode(body)
	if !ok {
		return nil, false
	}
	amended, err := hold(facts)
	if err != nil {
		return nil, false
	}
	if amended != nil { // so that contents need not be compared again
		_ = c.save(key, start, amended, answer)
	}
	return answer, true
}

// Entry is an answer and what it depends on.
type Entry struct {
	Facts  Facts
	Stamps Stamps
	Answer *Answer
}

var (
	errChanged = errors.New("something has changed")
	errBroken  = errors.New("the entry is not as it would be written")
)

// hold returns an error unless the facts of an entry hold. If they have other stamps
// than were seen, and contents had to be compared, it returns them with those of now.
func hold(facts []byte) (amended []byte, err error) {
	r := reader{data: textOf(facts)}
	h := holding{facts: facts}
	for range r.count(2) {
		if err := h.root(&r); err != nil {
			return nil, err
		}
	}
	if !r.done() {
		return nil, errBroken
	}
	return h.amended, nil
}

// holding is what hold has found out so far.
type holding struct{ facts, amended []byte }

func (h *holding) root(r *reader) error {
	root := r.text()
	stamper, err := source.NewStamper(root)
	if err != nil {
		return err
	}
	defer stamper.Close()
	var tree source.Tree
	for range r.count(2 + stampSize) {
		name, at, fact := r.fact(len(h.facts))
		now, err := stamper.Stamp(name)
		switch {
		case err != nil:
			return err
		case now == fact.Stamp:
			continue
		case root == "":
			return errChanged
		case tree == nil:
			if tree, err = source.Disk(root, source.DiskOptions{}); err != nil {
				return err
			}
		}
		if !fact.Holds(tree, name, now) {
			return errChanged
		}
		if fact.Sum != "" {
			h.amend(at, now)
		}
	}
	return nil
}

func (h *holding) amend(at int, now source.Stamp) {
	if h.amended == nil {
		h.amended = bytes.Clone(h.facts)
	}
	appendStamp(h.amended[:at], now)
}

// Save keeps an answer to a question that was asked at start. It says so if it
// cannot; an answer that is not to be kept is no error.
func (c Cache) Save(key string, start time.Time, e *Entry) error {
	return c.save(key, start, encodeFacts(e), e.Answer)
}

func (c Cache) save(key string, start time.Time, facts []byte, answer *Answer) error {
	if !settle(facts, start) {
		return nil
	}
	data := sealed(encode(facts, answer))
	if c.Dir == "" || len(data) > mostEntry {
		return nil
	}
	if err := c.write(key, data); err != nil {
		return err
	}
	return c.trim()
}

// settle sees to it that a stamp in which another change after start might not show is
// not taken for that of the same file. It returns false if nothing but stamps would tell.
func settle(facts []byte, start time.Time) bool {
	r := reader{data: string(facts)}
	for range r.count(2) {
		root := r.text()
		for range r.count(2 + stampSize) {
			_, at, fact := r.fact(len(facts))
			if fact.Stamp.SettledAt(start) {
				continue
			}
			if root == "" {
				return false
			}
			fact.Stamp.Changed, fact.Stamp.Meta = -1, -1
			appendStamp(facts[:at], fact.Stamp)
		}
	}
	return r.done()
}

func (c Cache) path(key string) string { return c.Dir + string(filepath.Separator) + key }

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
