package integrity

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-dev/holdfast/integrity/cms"
)

// DefaultX509Name is the name of the directory of certificate files, beside the
// signers file. Each is named <e-mail>.pem, or @<domain>.pem for all addresses
// of a domain, and holds the certificates that are trusted for them: those of
// authorities, or people's own.
const DefaultX509Name = "x509"

// issuerHeader is the header of a certificate in such a file that names the
// service at which people log in to get certificates (OpenID Connect), without
// which certificates of that kind do not count.
const issuerHeader = "Issuer"

// x509Grant is a certificate file.
type x509Grant struct {
	who, path string // an address, or "@" and a domain
	digest    string // of the file
	roots     *x509.CertPool
	issuer    string
	revoked   []*x509.RevocationList
}

// covers reports whether the file is for an address. A domain's is not for one
// that has keys of its own.
func (g *x509Grant) covers(email string, s *Signers) bool {
	at := strings.IndexByte(email, '@')
	return g.who == email || at > 0 && g.who == email[at:] && !s.hasOwn(email)
}

// hasOwn reports whether an address has a key or a file of its own.
func (s *Signers) hasOwn(email string) bool {
	return s.emails[email] ||
		slices.ContainsFunc(s.openPGP, func(g openPGPGrant) bool { return slices.Contains(g.names(), email) }) ||
		slices.ContainsFunc(s.x509, func(g x509Grant) bool { return g.who == email })
}

// parseX509Grant reads a certificate file. It holds nothing but certificates and
// revocation lists, which must be by those certificates.
func parseX509Grant(who, path string, data []byte) (x509Grant, error) {
	g := x509Grant{who: who, path: path, digest: PayloadDigest(data), roots: x509.NewCertPool()}
	if len(data) > maxKeyFile {
		return g, fmt.Errorf("has %d bytes, more than the limit of %d", len(data), maxKeyFile)
	}
	var certs []*x509.Certificate
	for data = bytes.TrimSpace(data); len(data) > 0; data = bytes.TrimSpace(data) {
		if !bytes.HasPrefix(data, []byte("-----BEGIN ")) {
			return g, errors.New("holds something other than certificates and revocation lists")
		}
		block, rest := pem.Decode(data)
		if block == nil {
			return g, errors.New("a block is malformed")
		}
		data = rest
		switch block.Type {
		case "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return g, err
			}
			for name, value := range block.Headers {
				if name != issuerHeader || g.issuer != "" && g.issuer != value {
					return g, fmt.Errorf("the header %s is not known, or there twice", quoted(name))
				}
				g.issuer = value
			}
			certs = append(certs, cert)
			g.roots.AddCert(cert)
		case "X509 CRL":
			list, err := x509.ParseRevocationList(block.Bytes)
			if err != nil {
				return g, err
			}
			if !slices.ContainsFunc(certs, func(c *x509.Certificate) bool { return list.CheckSignatureFrom(c) == nil }) {
				return g, errors.New("a revocation list is by none of the certificates before it")
			}
			g.revoked = append(g.revoked, list)
		default:
			return g, fmt.Errorf("holds a block %s; only certificates and revocation lists belong there", quoted(block.Type))
		}
	}
	if len(certs) == 0 {
		return g, errors.New("holds no certificate")
	}
	return g, nil
}

const hintX509 = "Have the certificate authority put into " + DefaultX509Name + "/<e-mail>.pem or @<domain>.pem beside the signers file by somebody who is listed; or sign with an SSH key."

// verifyX509 finds out who signed by a certificate. All is judged from what the
// list holds: nothing is looked up anywhere, and no time but that when it was
// first seen counts, also for certificates that live for minutes.
func verifyX509(message, armoured []byte, signers *Signers, at time.Time) (Signer, *Problem) {
	fail := func(code Code, hint, format string, args ...any) (Signer, *Problem) {
		p := problem(code, hint, format, args...)
		return Signer{}, &p
	}
	if len(signers.x509) == 0 {
		return fail(KeyUnknown, hintX509, "it is signed by an X.509 certificate, and no certificate authority is trusted here")
	}
	if len(armoured) > maxSignature {
		return fail(SigBad, hintSigBad, "the signature has %d bytes, more than the limit of %d", len(armoured), maxSignature)
	}
	der, err := dearmor(armoured, "SIGNED MESSAGE", false)
	var sig *cms.Signature
	if err == nil {
		sig, err = cms.Parse(der)
	}
	if err != nil {
		return fail(malformedCode(err), hintSigBad, "the X.509 signature is not accepted: %s", err)
	}
	grant, p := signers.certificateFile(sig.Signer)
	if p != nil {
		return Signer{}, p
	}
	if p := grant.judge(sig, at); p != nil {
		return Signer{}, p
	}
	if err := sig.Verify(message); errors.Is(err, cms.ErrWeak) {
		return fail(KeyWeak, "Use an ECDSA key, or RSA of 2048 bits and more, with SHA-256.", "%s", err)
	} else if err != nil {
		return fail(SigBad, hintSigBad, "the signature is not good: %s", err)
	}
	var emails []string
	for _, email := range sig.Signer.EmailAddresses {
		if grant.covers(email, signers) {
			emails = append(emails, email)
		}
	}
	if p := signers.onePerson(emails); p != nil {
		return Signer{}, p
	}
	return Signer{Identity: emails[0], Key: fmt.Sprintf("X509:%x", sha256.Sum256(sig.Signer.Raw)), File: grant.path, emails: emails}, nil
}

// certificateFile finds the one file that covers an address of a certificate.
func (s *Signers) certificateFile(cert *x509.Certificate) (*x509Grant, *Problem) {
	var found *x509Grant
	for i := range s.x509 {
		g := &s.x509[i]
		if !slices.ContainsFunc(cert.EmailAddresses, func(e string) bool { return printable(e) && g.covers(e, s) }) {
			continue
		}
		if found != nil {
			p := problem(KeyUnknown, "Sign by a certificate of one person.", "the certificate is for addresses of %s and of %s", found.path, g.path)
			return nil, &p
		}
		found = g
	}
	if found == nil {
		p := problem(KeyUnknown, hintX509, "signed by a certificate for %s, of whom no certificate file is", quoted(strings.Join(cert.EmailAddresses, ",")))
		return nil, &p
	}
	return found, nil
}

// judge checks that the certificate is one of those that the file trusts, for
// signatures, and valid at a time.
func (g *x509Grant) judge(sig *cms.Signature, at time.Time) *Problem {
	fail := func(code Code, hint, format string, args ...any) *Problem {
		p := problem(code, hint, format, args...)
		return &p
	}
	between := x509.NewCertPool()
	for _, cert := range sig.Others {
		between.AddCert(cert)
	}
	cert := sig.Signer
	chains, err := cert.Verify(x509.VerifyOptions{Roots: g.roots, Intermediates: between, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fail(KeyExpired, "Sign again with a certificate that is valid; it must still be valid when the commit is first seen.",
			"the certificate, or one above it, was not valid at %s (valid from %s until %s)", stamp(at), stamp(cert.NotBefore), stamp(cert.NotAfter))
	case err != nil:
		return fail(KeyUnknown, hintX509, "the certificate is not by an authority of %s: %s", g.path, err)
	case !forSignatures(cert):
		return fail(KeyUnknown, "Sign by a certificate for digital signatures.", "the certificate is not for signatures")
	case loginIssuer(cert) != g.issuer:
		return fail(KeyUnknown, "Name the login service in the header Issuer of the certificate in "+g.path+".",
			"the certificate was given for a login at %s, the file is for %s", quoted(loginIssuer(cert)), quoted(g.issuer))
	}
	for _, chain := range chains {
		if cert := g.revokedIn(chain); cert != nil {
			return fail(KeyRevoked, "Sign again with another certificate. What was accepted before the revocation stays accepted.",
				"the certificate %s is revoked (%s)", cert.SerialNumber.Text(16), g.path)
		}
	}
	return nil
}

// revokedIn returns the first certificate of a chain that is revoked.
func (g *x509Grant) revokedIn(chain []*x509.Certificate) *x509.Certificate {
	for _, cert := range chain {
		for _, list := range g.revoked {
			if bytes.Equal(list.RawIssuer, cert.RawIssuer) && slices.ContainsFunc(list.RevokedCertificateEntries, func(e x509.RevocationListEntry) bool {
				return e.SerialNumber.Cmp(cert.SerialNumber) == 0
			}) {
				return cert
			}
		}
	}
	return nil
}

func forSignatures(cert *x509.Certificate) bool {
	const usage = x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment
	extended := len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 || slices.ContainsFunc(cert.ExtKeyUsage, func(u x509.ExtKeyUsage) bool {
		return u == x509.ExtKeyUsageAny || u == x509.ExtKeyUsageEmailProtection || u == x509.ExtKeyUsageCodeSigning
	})
	return extended && (cert.KeyUsage == 0 || cert.KeyUsage&usage != 0)
}

// loginIssuer returns the login service for which Fulcio, Sigstore's authority,
// gave a certificate; empty if it is of another kind.
func loginIssuer(cert *x509.Certificate) string {
	fulcio := asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 1}
	for _, e := range cert.Extensions {
		if len(e.Id) != len(fulcio)+1 || !e.Id[:len(fulcio)].Equal(fulcio) {
			continue
		}
		switch e.Id[len(fulcio)] {
		case 1: // the bytes themselves
			return string(e.Value)
		case 8:
			var issuer string
			if rest, err := asn1.Unmarshal(e.Value, &issuer); err != nil || len(rest) > 0 || issuer == "" {
				return "?"
			}
			return issuer
		}
	}
	return ""
}
