package integrity

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

// Listed is a key of a list of signers, as people write it down.
type Listed struct {
	Emails      []string
	SSH         string // type and base64; empty for an OpenPGP key
	Fingerprint string // of an OpenPGP primary key
	File        string // where the key is from
	From, Until time.Time
}

// Listed returns the keys that count for Git, by e-mail. Certificates and their
// authorities are not keys of anybody's and are left out.
func (s *Signers) Listed() []Listed {
	var all []Listed
	for wire, grants := range s.grants {
		for _, g := range grants {
			if !g.forGit {
				continue
			}
			key, err := parseSSHKey([]byte(wire))
			if err != nil {
				continue // it was parsed before
			}
			all = append(all, Listed{
				Emails: g.emails, SSH: key.Type() + " " + base64.StdEncoding.EncodeToString([]byte(wire)),
				File: cmp.Or(g.file, s.path), From: g.after, Until: g.before,
			})
		}
	}
	for _, g := range s.openPGP {
		all = append(all, Listed{Emails: g.names(), Fingerprint: g.key.fingerprint(), File: g.path})
	}
	slices.SortFunc(all, func(a, b Listed) int {
		return cmp.Or(strings.Compare(a.Emails[0], b.Emails[0]), strings.Compare(a.SSH+a.Fingerprint, b.SSH+b.Fingerprint), a.From.Compare(b.From))
	})
	return all
}
