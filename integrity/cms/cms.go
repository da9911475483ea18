// Package cms reads detached signatures in the Cryptographic Message Syntax
// (RFC 5652), which is what Git's format x509 and its signing programs write.
//
//	Signature   one signer's signature, with the certificates that came with it
//	Parse       accepts one SignedData without content, with one signer
//	Verify      checks the signature over a message by the signer's certificate
//
// Who the certificate stands for, and whether it may be trusted, is for the
// caller to say. The outer structure may be written in BER, as gpgsm does; what
// is signed must be DER. Whatever is not understood is an error.
package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"hash"
)

// Signature is a parsed signature.
type Signature struct {
	Signer *x509.Certificate
	Others []*x509.Certificate // that came with it, in no order; nobody vouches for them

	digest     string // object identifiers
	algorithm  string
	attributes []byte // what is signed, if not the message itself; nil if it is
	messageSum []byte // of the message, by the attributes
	signature  []byte
}

// ErrWeak marks algorithms that no longer prove anything.
var ErrWeak = errors.New("too weak")

// Object identifiers, as the bytes of their encoding.
const (
	oidData          = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"
	oidSignedData    = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidContentType   = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x03"
	oidMessageDigest = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x04"
	oidSHA1          = "\x2b\x0e\x03\x02\x1a"
	oidMD5           = "\x2a\x86\x48\x86\xf7\x0d\x02\x05"
	oidSHA256        = "\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	oidSHA384        = "\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	oidSHA512        = "\x60\x86\x48\x01\x65\x03\x04\x02\x03"
	oidRSA           = "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01"
	oidRSAPrefix     = "\x2a\x86\x48\x86\xf7\x0d\x01\x01" // with SHA-256, SHA-384, SHA-512 as 0b, 0c, 0d
	oidECDSAPrefix   = "\x2a\x86\x48\xce\x3d\x04\x03"     // with SHA-256, SHA-384, SHA-512 as 02, 03, 04
	oidEd25519       = "\x2b\x65\x70"
)

// Parse reads a signature. It says nothing about whether it is good.
func Parse(data []byte) (*Signature, error) {
	outer, rest, err := parse(data, 0)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("bytes follow the signature")
	}
	in := &cursor{nodes: outer.children}
	kind := in.take(tagOID)
	explicit := &cursor{nodes: in.take(tagContext0).children}
	signed := &cursor{nodes: explicit.take(tagSequence).children}
	version := signed.take(tagInteger)
	digests := signed.take(tagSet)
	content := signed.take(tagSequence)
	certificates := signed.optional(tagContext0)
	if signed.optional(tagContext1).tag != 0 {
		return nil, errors.New("revocation lists within a signature are not read")
	}
	signers := signed.take(tagSet)
	if err := errors.Join(outer.is(tagSequence), in.end(), explicit.end(), signed.end()); err != nil {
		return nil, fmt.Errorf("not a signature: %w", err)
	}
	switch {
	case string(kind.content) != oidSignedData || !known(version) || len(digests.children) != 1:
		return nil, errors.New("not signed data with one digest")
	case len(content.children) != 1 || content.children[0].tag != tagOID || string(content.children[0].content) != oidData:
		return nil, errors.New("it carries content of its own, or is over something other than data")
	case len(signers.children) != 1 || signers.children[0].tag != tagSequence:
		return nil, fmt.Errorf("it has %d signers, not one", len(signers.children))
	}
	s := &Signature{}
	id, err := s.signerInfo(&cursor{nodes: signers.children[0].children})
	if err != nil {
		return nil, err
	}
	if digest, err := identifier(digests.children[0]); err != nil || digest != s.digest {
		return nil, errors.New("the digest that it announces is not the one that the signer used")
	}
	if err := s.certificates(certificates.children, id); err != nil {
		return nil, err
	}
	return s, nil
}

// known reports a version of the structures: 1, or 3 where key ids are used.
func known(version node) bool {
	return string(version.content) == "\x01" || string(version.content) == "\x03"
}

// signerInfo reads how the message was signed, and returns by whom.
func (s *Signature) signerInfo(in *cursor) (id node, err error) {
	version := in.take(tagInteger)
	if id = in.optional(tagSequence); id.tag == 0 {
		id = in.take(tagContext0Primitive)
	}
	digest := in.take(tagSequence)
	attributes := in.optional(tagContext0)
	algorithm := in.take(tagSequence)
	signature := in.take(tagOctets)
	in.optional(tagContext1) // attributes that are not signed say nothing
	if err := in.end(); err != nil {
		return id, fmt.Errorf("the signer's part: %w", err)
	}
	if !known(version) {
		return id, errors.New("the signer's part is of a version that is not known")
	}
	if s.digest, err = identifier(digest); err != nil {
		return id, err
	}
	if s.algorithm, err = identifier(algorithm); err != nil {
		return id, err
	}
	s.signature = signature.content
	if attributes.tag == 0 {
		return id, nil
	}
	if attributes.raw == nil {
		return id, errors.New("the signed attributes are not in DER")
	}
	// What is signed is the set itself, not the tag that it is given here.
	s.attributes = append([]byte{tagSet}, attributes.raw[1:]...)
	return id, s.signedAttributes(attributes.children)
}

// signedAttributes reads the two that must be there, each once.
func (s *Signature) signedAttributes(attributes []node) error {
	typed := false
	for _, a := range attributes {
		in := &cursor{nodes: a.children}
		kind, values := in.take(tagOID), in.take(tagSet)
		if err := errors.Join(a.is(tagSequence), in.end()); err != nil {
			return fmt.Errorf("a signed attribute: %w", err)
		}
		switch string(kind.content) {
		case oidContentType:
			if typed || len(values.children) != 1 || string(values.children[0].content) != oidData {
				return errors.New("the signed attributes do not say once that it is over data")
			}
			typed = true
		case oidMessageDigest:
			if s.messageSum != nil || len(values.children) != 1 || values.children[0].tag != tagOctets || len(values.children[0].content) == 0 {
				return errors.New("the signed attributes do not have one digest of the message")
			}
			s.messageSum = values.children[0].content
		}
	}
	if !typed || s.messageSum == nil {
		return errors.New("the signed attributes lack the message's type or digest")
	}
	return nil
}

// certificates finds the signer's among those that came along.
func (s *Signature) certificates(all []node, id node) error {
	for _, n := range all {
		if n.raw == nil {
			return errors.New("a certificate is not in DER")
		}
		cert, err := x509.ParseCertificate(n.raw)
		if err != nil {
			return fmt.Errorf("a certificate is malformed: %w", err)
		}
		switch {
		case !names(id, cert):
			s.Others = append(s.Others, cert)
		case s.Signer != nil && !s.Signer.Equal(cert):
			return errors.New("two certificates could be the signer's")
		default:
			s.Signer = cert
		}
	}
	if s.Signer == nil {
		return errors.New("the signer's certificate did not come with it")
	}
	return nil
}

// names reports whether an identifier is that of a certificate.
func names(id node, cert *x509.Certificate) bool {
	if id.tag == tagContext0Primitive {
		return len(id.content) > 0 && bytes.Equal(id.content, cert.SubjectKeyId)
	}
	if len(id.children) != 2 || id.children[1].tag != tagInteger {
		return false
	}
	serial, err := integer(id.children[1].content)
	return err == nil && bytes.Equal(id.children[0].raw, cert.RawIssuer) && serial.Cmp(cert.SerialNumber) == 0
}

// identifier reads an AlgorithmIdentifier whose parameters are absent or null.
func identifier(n node) (string, error) {
	if n.tag != tagSequence || len(n.children) < 1 || len(n.children) > 2 || n.children[0].tag != tagOID {
		return "", errors.New("an algorithm is not named")
	}
	if len(n.children) == 2 && (n.children[1].tag != tagNull || len(n.children[1].content) > 0) {
		return "", errors.New("an algorithm with parameters is not known")
	}
	return string(n.children[0].content), nil
}

// Verify checks the signature over a message. An error that matches ErrWeak is
// about algorithms; any other means that it is not good.
func (s *Signature) Verify(message []byte) error {
	var h hash.Hash
	var kind crypto.Hash
	var suffix string // of algorithms that name their digest
	switch s.digest {
	case oidSHA256:
		h, kind, suffix = sha256.New(), crypto.SHA256, "\x0b\x02"
	case oidSHA384:
		h, kind, suffix = sha512.New384(), crypto.SHA384, "\x0c\x03"
	case oidSHA512:
		h, kind, suffix = sha512.New(), crypto.SHA512, "\x0d\x04"
	case oidSHA1, oidMD5:
		return fmt.Errorf("%w: a digest by SHA-1 or MD5, at least SHA-256 is needed", ErrWeak)
	default:
		return errors.New("its digest algorithm is not known")
	}
	signed := message
	if s.attributes != nil {
		h.Write(message)
		if !bytes.Equal(h.Sum(nil), s.messageSum) {
			return errors.New("it does not match the content")
		}
		signed = s.attributes
		h.Reset()
	}
	h.Write(signed)
	good := false
	switch key := s.Signer.PublicKey.(type) {
	case *rsa.PublicKey:
		if s.algorithm != oidRSA && s.algorithm != oidRSAPrefix+suffix[:1] {
			return fmt.Errorf("%w: an RSA signature of a kind that is not accepted", ErrWeak)
		}
		if key.N.BitLen() < 2048 {
			return fmt.Errorf("%w: an RSA key of %d bits, at least 2048 are needed", ErrWeak, key.N.BitLen())
		}
		good = rsa.VerifyPKCS1v15(key, kind, h.Sum(nil), s.signature) == nil
	case *ecdsa.PublicKey:
		good = s.algorithm == oidECDSAPrefix+suffix[1:] && ecdsa.VerifyASN1(key, h.Sum(nil), s.signature)
	case ed25519.PublicKey:
		good = s.algorithm == oidEd25519 && ed25519.Verify(key, signed, s.signature)
	default:
		return fmt.Errorf("%w: keys of this algorithm are not accepted", ErrWeak)
	}
	if !good {
		return errors.New("it does not match the content")
	}
	return nil
}
