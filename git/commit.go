package git

import "time"

// Commit is a commit object, parsed strictly from its raw bytes. What it says
// of people is claimed: only a signature over Payload proves anything.
type Commit struct {
	ID        string // full object id
	Tree      string
	Parents   []string
	Author    Identity
	Committer Identity
	Message   string

	// Signature is the armoured SSH or OpenPGP signature, empty if there is none.
	Signature []byte
	// Payload is the signed content: the raw object without its signature header.
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
