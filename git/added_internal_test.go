package git

import (
	"bufio"
	"bytes"
	"strings"
	"testing"
)

// FuzzAdditions: names are chosen by whoever commits; whatever they are, each
// content is listed once, with an id and below a commit.
func FuzzAdditions(f *testing.F) {
	id := strings.Repeat("a1", 20)
	zero := strings.Repeat("0", 40)
	f.Add([]byte("commit " + id + "\x00\n:000000 100644 " + zero + " " + id + " A\x00a\nb\x00"))
	f.Add([]byte("commit " + id + "\x00\n::100644 100644 100755 " + zero + " " + zero + " " + id + " MM\x00commit " + id + "\x00"))
	f.Add([]byte("commit " + id + "\x00commit " + zero + "\x00:1"))
	f.Fuzz(func(t *testing.T, out []byte) {
		seen := map[string]bool{}
		_ = readAdditions(bufio.NewReader(bytes.NewReader(out)), func(batch []Version) error {
			for _, v := range batch {
				if !isID(v.Blob) || v.Commit != "" && !isID(v.Commit) || seen[v.Blob[:40]] {
					t.Errorf("%+v", v)
				}
				seen[v.Blob[:40]] = true
			}
			return nil
		})
	})
}
