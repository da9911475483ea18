package git

import (
	"crypto/sha1" //nolint:gosec // the length of Git's ids, not a choice
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/pjbgf/sha1cd"
)

// CollisionError reports an object whose content was made to collide under
// SHA-1: there is, or can be, another content of the same id, and a signature
// over that id is one over both. It does not happen by chance.
type CollisionError struct{ ID string }

func (e *CollisionError) Error() string {
	return "object " + e.ID + " holds the pattern of a SHA-1 collision: its id may stand for two contents"
}

// checkHash makes sure that content is what its id names, and nothing but that.
func (m *Mirror) checkHash(o object) error {
	if o.kind == "" || o.content == nil {
		return nil
	}
	header := append(make([]byte, 0, 64), o.kind...)
	header = append(header, ' ')
	header = strconv.AppendInt(header, o.size, 10)
	got, collision := objectID(len(o.id), append(header, 0), o.content)
	if collision {
		return &CollisionError{ID: o.id}
	}
	if got != o.id {
		return m.corrupt(fmt.Sprintf("object %s has the content of %s", o.id, got))
	}
	return nil
}

// objectID returns the id, of so many digits, of an object in two pieces, and
// whether it carries a SHA-1 collision. Looking for one costs about as much
// again as the hash, and what is signed, named and read all rests on it.
func objectID(digits int, header, content []byte) (id string, collision bool) {
	if digits != 2*sha1.Size {
		h := sha256.New()
		h.Write(header)
		h.Write(content)
		return hex.EncodeToString(h.Sum(header[:0])), false
	}
	h := sha1cd.New().(sha1cd.CollisionResistantHash) //nolint:forcetypeassert // what New documents
	_, _ = h.Write(header)
	_, _ = h.Write(content)
	sum, collision := h.CollisionResistantSum(header[:0])
	return hex.EncodeToString(sum), collision
}
