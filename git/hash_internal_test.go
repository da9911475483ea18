package git

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // to compare with
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
)

// shattered is where the two files of the first published SHA-1 collision
// begin to differ, up to the end of the two blocks that collide.
const shattered = "255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768742033203020522f547970652034203020522f537562747970652035203020522f46696c7465722036203020522f436f6c6f7253706163652037203020522f4c656e6774682038203020522f42697473506572436f6d706f6e656e7420383e3e0a73747265616d0affd8fffe00245348412d3120697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01" +
	"7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1"

func TestCollisionIsSeen(t *testing.T) {
	raw, err := hex.DecodeString(shattered)
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []int{0, 20, 64, 200, len(raw)} { // wherever a header would end
		if _, collision := objectID(40, bytes.Clone(raw[:cut]), raw[cut:]); !collision {
			t.Errorf("cut at %d: no collision is seen", cut)
		}
	}
	raw[300] ^= 1
	if id, collision := objectID(40, nil, raw); collision || id != fmt.Sprintf("%x", sha1.Sum(raw)) {
		t.Errorf("one bit further: %s, collision %v", id, collision)
	}
	if _, collision := objectID(64, nil, raw); collision {
		t.Error("SHA-256 has no known collisions")
	}
}

func TestContentIsWhatItsIDNames(t *testing.T) {
	m := &Mirror{}
	good := object{id: "ce013625030ba8dba906f756967f9e9ca394464a", kind: "blob", size: 6, content: []byte("hello\n")}
	if err := m.checkHash(good); err != nil {
		t.Error(err)
	}
	for reason, change := range map[string]func(*object){
		"other content": func(o *object) { o.content = []byte("hullo\n") },
		"other kind":    func(o *object) { o.kind = "tree" },
		"other id":      func(o *object) { o.id = "de013625030ba8dba906f756967f9e9ca394464a" },
	} {
		bad := good
		change(&bad)
		if _, damaged := errors.AsType[*CorruptError](m.checkHash(bad)); !damaged {
			t.Errorf("%s: %v", reason, m.checkHash(bad))
		}
	}
	long := object{id: "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813", kind: "blob", content: []byte{}}
	if err := m.checkHash(long); err != nil {
		t.Errorf("the empty file by SHA-256: %v", err)
	}
}

// BenchmarkHash is what an object of a size costs, with the search for
// collisions and without.
func BenchmarkHash(b *testing.B) {
	for _, size := range []int{400, 4 << 10, 1 << 20} {
		content := bytes.Repeat([]byte("holdfast "), size/9+1)[:size]
		b.Run(fmt.Sprintf("%d/detecting", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = objectID(40, make([]byte, 10, 64), content)
			}
		})
		b.Run(fmt.Sprintf("%d/plain", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				_ = sha1.Sum(content)
			}
		})
	}
}
