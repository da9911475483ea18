package integrity

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/trust"
)

// trustPath returns where the trust file of a list of signers is: in its own
// place, but beside a list that is in no directory, as on the operator's disk.
func trustPath(tree source.Tree, signersPath string) string {
	if _, err := tree.Stat(trust.Path); source.IsNotExist(err) && !strings.Contains(signersPath, "/") {
		return beside(signersPath, "trust.yaml")
	}
	return trust.Path
}

// Policy returns the trust file that belongs to the signers, or nil.
func (s *Signers) Policy() *trust.Trust { return s.policy }

// bind makes a trust file the measure of a list: its keys count as well, and
// each key of the list must be one identity's.
func (s *Signers) bind(policy *trust.Trust) error {
	s.policy = policy
	if s.path == "" {
		s.path = policy.File()
	}
	var errs []error
	for _, grants := range s.grants {
		for _, g := range grants {
			if err := oneIdentity(policy, g.emails); err != nil {
				errs = append(errs, &FileError{fmt.Sprintf("%s:%d", s.path, g.line), err})
			}
		}
	}
	for i := range policy.Identities {
		id := &policy.Identities[i]
		for _, k := range id.Keys {
			var err error
			if k.SSH != nil {
				err = s.addSSH(id, k)
			} else {
				err = s.addPinned(id, k)
			}
			if err != nil {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func oneIdentity(policy *trust.Trust, emails []string) error {
	var owner *trust.Identity
	for _, email := range emails {
		who := policy.Owner(email)
		if who != nil && owner != nil && who.Name != owner.Name {
			return fmt.Errorf("its e-mails are of %s and of %s; a key has exactly one identity", owner.Name, who.Name)
		}
		if who != nil {
			owner = who
		}
	}
	return nil
}

// addSSH enters an SSH key. One that the list has as well is valid when both say so.
func (s *Signers) addSSH(id *trust.Identity, k trust.Key) error {
	wire := string(k.SSH.Marshal())
	g := grant{key: k.ID(), emails: id.Emails, line: k.Line, forGit: true, after: k.From, before: k.Until, file: s.policy.File()}
	listed := s.grants[wire]
	for i, other := range listed {
		if s.policy.Owner(other.emails[0]) != id {
			return &FileError{fmt.Sprintf("%s:%d", s.policy.File(), k.Line), fmt.Errorf("the key %s belongs to %s by line %d of %s; a key has exactly one identity",
				k.ID(), quoted(other.emails[0]), other.line, s.path)}
		}
		listed[i].emails, listed[i].file, listed[i].line = id.Emails, s.policy.File(), k.Line
		listed[i].after = latest(other.after, k.From)
		listed[i].before = earliest(other.before, k.Until)
	}
	if len(listed) == 0 {
		if s.grants == nil {
			s.grants = map[string][]grant{}
		}
		s.grants[wire] = []grant{g}
	}
	if s.emails == nil {
		s.emails = map[string]bool{}
	}
	for _, email := range id.Emails {
		s.emails[email] = true
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// addPinned gives an identity an OpenPGP key of the key directory.
func (s *Signers) addPinned(id *trust.Identity, k trust.Key) error {
	at := fmt.Sprintf("%s:%d", s.policy.File(), k.Line)
	for i, g := range s.openPGP {
		if g.key.fingerprint() != k.Fingerprint {
			continue
		}
		if s.policy.Owner(g.email) != id {
			return &FileError{at, fmt.Errorf("the key %s belongs to %s by %s; a key has exactly one identity", k.Fingerprint, quoted(g.email), g.path)}
		}
		if g.path != k.File {
			return &FileError{at, fmt.Errorf("the key %s is in %s, not in %s", k.Fingerprint, g.path, k.File)}
		}
		s.openPGP[i].emails = id.Emails
		return nil
	}
	return &FileError{at, fmt.Errorf("no file of the key directory holds the key %s", k.Fingerprint)}
}

// names are the e-mails of who has the key.
func (g *openPGPGrant) names() []string {
	if g.emails != nil {
		return g.emails
	}
	return []string{g.email}
}
