package integrity

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-dev/holdfast/trust"
)

// Stated returns who made a signed statement by a list with a trust file, so that one
// can see before it is published whether it will count.
func Stated(blob []byte, signers *Signers, at time.Time) (*trust.Identity, error) {
	s, text, signature, err := SplitStatement(blob)
	if err != nil {
		return nil, err
	}
	if signers.policy == nil {
		return nil, fmt.Errorf("there is no %s, and without it no statement counts", trust.Path)
	}
	sig, err := parseSSHSignature(signature)
	if err != nil {
		return nil, err
	}
	signer, p := verifySSH(text, sig, signers, at, s.Kind.Namespace())
	if p != nil {
		return nil, fmt.Errorf("%s", p.Message)
	}
	who, p := signers.identify(signer, at)
	if p != nil {
		return nil, fmt.Errorf("%s", p.Message)
	}
	if !who.Person() {
		return nil, fmt.Errorf("%s is not a person", who.Name)
	}
	return who, nil
}

// Moved says in one sentence what a ref that goes from one commit to another gains and
// loses.
func Moved(ctx context.Context, h History, from, to string) (string, error) {
	lost, err := h.Range(ctx, to, from)
	if err != nil {
		return "", err
	}
	added, err := h.Range(ctx, from, to)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("it goes from %s to %s, gains %d", short(from), short(to), len(added))
	if len(lost) == 0 {
		return text + " and loses nothing", nil
	}
	c := &checker{h: h}
	if lost, err = c.newestFirst(ctx, lost, to, from); err != nil {
		return "", err
	}
	fates, err := c.rangeDiff(ctx, lost, added)
	if err != nil {
		return "", err
	}
	return text + " and loses " + describeLost(fates, len(lost)), nil
}
