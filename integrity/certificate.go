package integrity

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// verifyRequired is the only critical option of a certificate that makes sense
// for signatures: a security key must have been given a PIN.
const verifyRequired = "verify-required"

// authority is a line of an allowed_signers file that lets a certificate
// authority say whose keys are whose.
type authority struct {
	grant
	key     string   // in wire format
	domains []string // "*@example.com" as "@example.com"; single addresses are in grant.emails
}

// covers reports whether the line lets the authority name somebody. An address
// that has keys of its own is not covered by its domain: only a line that writes
// it out gives it to an authority as well.
func (a *authority) covers(email string, s *Signers) bool {
	if slices.Contains(a.emails, email) {
		return true
	}
	at := strings.IndexByte(email, '@')
	return at > 0 && slices.Contains(a.domains, email[at:]) && !s.hasOwn(email)
}

const hintCertificate = "Have the authority issue a user certificate whose only principals are the signer's e-mail addresses."

// certified finds the line under which a certificate counts at a time.
func (s *Signers) certified(cert *ssh.Certificate, at time.Time) (Signer, *Problem) {
	fail := func(code Code, hint, format string, args ...any) (Signer, *Problem) {
		p := problem(code, hint, format, args...)
		return Signer{}, &p
	}
	by := ssh.FingerprintSHA256(cert.SignatureKey)
	wire := string(cert.SignatureKey.Marshal())
	var lines []*authority
	for i := range s.authorities {
		if a := &s.authorities[i]; a.key == wire && a.forGit {
			lines = append(lines, a)
		}
	}
	if len(lines) == 0 {
		return fail(KeyUnknown, "If the authority may name signers, have it added to "+s.path+" with cert-authority by somebody who is listed; or sign with a key that is listed.",
			"signed by a certificate of the authority %s, which is not in %s", by, s.path)
	}
	if reason := unfit(cert); reason != "" {
		return fail(KeyUnknown, hintCertificate, "the certificate %s of the authority %s does not name a signer: %s", quoted(cert.KeyId), by, reason)
	}
	var covering, valid *authority
	for _, a := range lines {
		if slices.ContainsFunc(cert.ValidPrincipals, func(p string) bool { return !a.covers(p, s) }) {
			continue
		}
		if covering = a; a.includes(at) {
			valid = a
			break
		}
	}
	after, before := certTime(cert.ValidAfter), certTime(cert.ValidBefore)
	switch {
	case covering == nil:
		return fail(KeyUnknown, "An authority names addresses of the domains on its line, except those who have keys of their own.",
			"the certificate is for %s, whom the authority %s may not name (%s:%d)", quoted(strings.Join(cert.ValidPrincipals, ",")), by, s.path, lines[0].line)
	case valid == nil:
		return fail(KeyExpired, "Sign again with a certificate of an authority that is valid.",
			"the authority %s was not valid at %s (%s:%d, %s)", by, stamp(at), s.path, covering.line, covering.window())
	case at.Before(after) || !at.Before(before):
		return fail(KeyExpired, "Get a new certificate and sign again; dates in the commit do not count, only when it was first seen.",
			"the certificate of %s was not valid at %s (valid from %s until %s)", quoted(cert.ValidPrincipals[0]), stamp(at), stamp(after), stamp(before))
	}
	if err := strong(cert.SignatureKey, cert.Signature); err != nil {
		return fail(KeyWeak, "Have the certificate signed by an Ed25519 key, or RSA of 2048 bits and more by rsa-sha2-512.", "the certificate: %s", err)
	}
	if p := s.onePerson(cert.ValidPrincipals); p != nil {
		return Signer{}, p
	}
	if s.policy != nil {
		if r, revoked := s.policy.Revoked(by, at); revoked {
			return fail(KeyRevoked, "Get a certificate of an authority that is valid, and sign again.", "the authority %s is revoked%s: %s", by, since(r.From), quoted(r.Reason))
		}
	}
	// All but the signature has been judged above, by stricter rules.
	checker := ssh.CertChecker{SupportedCriticalOptions: []string{verifyRequired}, Clock: func() time.Time { return at }}
	if err := checker.CheckCert(cert.ValidPrincipals[0], cert); err != nil {
		return fail(SigBad, hintSigBad, "the certificate was not signed by the authority that it names: %s", err)
	}
	return Signer{
		Identity: cert.ValidPrincipals[0], Key: ssh.FingerprintSHA256(cert.Key),
		File: s.path, Line: valid.line, emails: cert.ValidPrincipals,
	}, nil
}

// onePerson refuses a certificate for addresses of several identities of the
// trust file: whoever has it could be any of them.
func (s *Signers) onePerson(emails []string) *Problem {
	if s.policy == nil {
		return nil
	}
	if err := oneIdentity(s.policy, emails); err != nil {
		p := problem(KeyUnknown, hintCertificate, "the certificate does not name one signer: %s", err)
		return &p
	}
	return nil
}

// unfit tells why a certificate cannot say who signed, whoever issued it.
func unfit(cert *ssh.Certificate) string {
	switch {
	case cert.CertType != ssh.UserCert:
		return "it is not for a user"
	case len(cert.ValidPrincipals) == 0:
		return "it has no principals, and so is for everybody"
	}
	for i, p := range cert.ValidPrincipals {
		if !strings.Contains(p, "@") || !printable(p) || strings.ContainsAny(p, "*?!, \"\\") || slices.Contains(cert.ValidPrincipals[:i], p) {
			return fmt.Sprintf("its principal %s is not one e-mail address", quoted(p))
		}
	}
	for option := range cert.CriticalOptions {
		if option != verifyRequired {
			return fmt.Sprintf("its critical option %s is not one for signatures", quoted(option))
		}
	}
	return ""
}

// certTime converts a certificate's time, of which the last means never.
func certTime(seconds uint64) time.Time {
	return time.Unix(int64(min(seconds, math.MaxInt64/4)), 0)
}
