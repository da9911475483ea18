package pack

import (
	"bytes"
	"compress/zlib"
	"crypto/sha1" //nolint:gosec // the length of Git's ids, not a choice
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzPack reads two entries of any content: the second may be a delta of the first.
func FuzzPack(f *testing.F) {
	deflated := func(s string) []byte {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return b.Bytes()
	}
	blob := slices.Concat([]byte{0x30 | 5}, deflated("hello"))
	delta := deflated("\x05\x0a\x90\x05\x05world")
	f.Add(blob, slices.Concat([]byte{0x60 | 9, byte(len(blob))}, delta), []byte{})
	f.Add(blob, slices.Concat([]byte{0x70 | 9}, bytes.Repeat([]byte{1}, 20), delta), []byte{})
	f.Add(blob, slices.Concat([]byte{0x70 | 9}, bytes.Repeat([]byte{2}, 20), delta), []byte{})
	f.Add(slices.Concat([]byte{0xb0, 0xff, 0xff, 0xff, 0xff, 0x0f}, deflated("a")), []byte{0xe0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{})
	f.Add(blob, blob, []byte(indexMagic))
	f.Fuzz(func(t *testing.T, first, second, index []byte) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "pack"), 0o700); err != nil {
			t.Fatal(err)
		}
		data := slices.Concat([]byte("PACK\x00\x00\x00\x02\x00\x00\x00\x02"), first, second, make([]byte, sha1.Size))
		ids := [][]byte{bytes.Repeat([]byte{1}, 20), bytes.Repeat([]byte{2}, 20)}
		if len(index) == 0 {
			index = []byte(indexMagic)
			for i := range 256 {
				index = binary.BigEndian.AppendUint32(index, uint32(min(i, 2)))
			}
			index = slices.Concat(index, ids[0], ids[1], make([]byte, 8))
			index = binary.BigEndian.AppendUint32(index, 12)
			index = binary.BigEndian.AppendUint32(index, uint32(12+len(first)))
			index = append(index, make([]byte, 40)...)
		}
		for name, content := range map[string][]byte{"p.pack": data, "p.idx": index} {
			if err := os.WriteFile(filepath.Join(dir, "pack", name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := Open(dir)
		defer s.Close()
		for range 2 {
			for _, id := range ids {
				if o, ok := s.Read(hex.EncodeToString(id), 1<<20); ok && o.Content != nil && int64(len(o.Content)) != o.Size {
					t.Errorf("%d bytes, said to be %d", len(o.Content), o.Size)
				}
			}
		}
	})
}

// FuzzLoose reads a file of any content, as it is and compressed.
func FuzzLoose(f *testing.F) {
	f.Add([]byte("blob 5\x00hello"))
	f.Add([]byte("commit 99999999999999999999\x00"))
	f.Add([]byte("tree -1\x00"))
	f.Add([]byte("blob 5\x00hello, world"))
	f.Fuzz(func(t *testing.T, content []byte) {
		var deflated bytes.Buffer
		w := zlib.NewWriter(&deflated)
		_, _ = w.Write(content)
		_ = w.Close()
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "ab"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range [][]byte{content, deflated.Bytes()} {
			if err := os.WriteFile(filepath.Join(dir, "ab", "cd"), file, 0o600); err != nil {
				t.Fatal(err)
			}
			if o, ok := Open(dir).Read("abcd", 1<<20); ok && o.Content != nil && int64(len(o.Content)) != o.Size {
				t.Errorf("%d bytes, said to be %d", len(o.Content), o.Size)
			}
		}
	})
}
