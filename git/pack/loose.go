package pack

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

func (s *Store) loosePath(id string) string { return filepath.Join(s.dir, id[:2], id[2:]) }

// loose reads an object that has a file of its own: a zlib stream of its kind, its
// size, a NUL and the content.
func (s *Store) loose(id string, limit int64) (Object, bool) {
	name := s.loosePath(id)
	if !regular(name) {
		return Object{}, false
	}
	file, err := os.Open(name)
	if err != nil {
		return Object{}, false
	}
	defer file.Close()
	if s.inflate.open(bufio.NewReader(file)) != nil {
		return Object{}, false
	}
	content := bufio.NewReader(s.inflate.flate)
	var o Object
	const longest = len("commit ") + 20
	head, _ := content.Peek(longest)
	kind, rest, _ := bytes.Cut(head, []byte(" "))
	digits, _, ok := bytes.Cut(rest, []byte{0})
	if o.Kind = string(kind); !ok || !slices.Contains(kinds[1:5], o.Kind) {
		return Object{}, false
	}
	if o.Size, err = strconv.ParseInt(string(digits), 10, 64); err != nil || o.Size < 0 {
		return Object{}, false
	}
	if o.Size > limit {
		return o, true
	}
	if _, err := content.Discard(len(kind) + 1 + len(digits) + 1); err != nil {
		return Object{}, false
	}
	o.Content, err = io.ReadAll(io.LimitReader(content, o.Size+1))
	return o, err == nil && int64(len(o.Content)) == o.Size
}
