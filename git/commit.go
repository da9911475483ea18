package git

import (
	"context"
	"time"
)

// maxObject is the largest commit or tag, in bytes, that is read.
const maxObject = 4 << 20

// Commit is a commit object, parsed strictly from its raw bytes. What it says
// of people is claimed: only a signature over Payload proves anything.
type Commit struct {
	ID        string // full object id
	Tree      string
	Parents   []string
	Author    Identity
	Committer Identity
	Message   string

	// Raw is the whole object.
	Raw []byte
	// Signature is the armoured SSH or OpenPGP signature, empty if there is none.
	Signature []byte
	// Payload is the signed content: the raw object without its signature header.
	Payload []byte
}

// Tag is an annotated tag object, parsed as strictly as a Commit.
type Tag struct {
	ID         string // full object id
	Object     string // id of what it points to
	ObjectType string // commit, tree, blob or tag
	Name       string // what the tag says it is called, to be compared with its ref
	Tagger     Identity
	Message    string // without the signature

	// Signature is the armoured SSH or OpenPGP signature, empty if there is none.
	Signature []byte
	// Payload is the signed content: everything before the signature.
	Payload []byte
}

// Identity is who a commit claims to be by, and when. It proves nothing.
type Identity struct {
	Name, Email string
	When        time.Time
}

// Subject returns the first line of the message.
func (c *Commit) Subject() string {
	for i := range len(c.Message) {
		if c.Message[i] == '\n' {
			return c.Message[:i]
		}
	}
	return c.Message
}

// Commit reads a commit. One that the mirror does not have gives a MissingError,
// one that is not in canonical form a MalformedError.
func (m *Mirror) Commit(ctx context.Context, id string) (*Commit, error) {
	raw, err := m.object(ctx, id, "commit", maxObject)
	if err != nil {
		return nil, err
	}
	return ParseCommit(id, raw)
}

// Tag reads an annotated tag, with errors as for Commit. The id of a lightweight
// tag is that of its commit, which gives a MissingError that says so.
func (m *Mirror) Tag(ctx context.Context, id string) (*Tag, error) {
	raw, err := m.object(ctx, id, "tag", maxObject)
	if err != nil {
		return nil, err
	}
	return ParseTag(id, raw)
}
