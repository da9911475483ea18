package integrity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/integrity/eddsa"
)

const (
	sshMagic     = "SSHSIG"
	sshNamespace = "git"
	minRSABits   = 2048

	// The flags by which a security key says that it was touched, and that its
	// holder gave a PIN or a finger.
	userPresence = 0x01
	userVerified = 0x04
)

// sshSignature is a parsed signature in OpenSSH's SSHSIG format, version 1.
type sshSignature struct {
	key       ssh.PublicKey    // never a certificate
	cert      *ssh.Certificate // that the key came with; nil if it came alone
	namespace string
	hash      string // sha256 or sha512
	signature ssh.Signature
}

// errWeak marks keys and signatures by algorithms that no longer prove anything.
var errWeak = errors.New("too weak")

// parseSSHSignature parses an armoured signature. Everything must be accounted
// for: no trailing bytes at any level, and no reserved data.
func parseSSHSignature(armored []byte) (*sshSignature, error) {
	if len(armored) > maxSignature {
		return nil, fmt.Errorf("the signature has %d bytes, more than the limit of %d", len(armored), maxSignature)
	}
	blob, err := dearmor(armored, "SSH SIGNATURE", false)
	if err != nil {
		return nil, err
	}
	blob, ok := bytes.CutPrefix(blob, []byte(sshMagic))
	if !ok {
		return nil, fmt.Errorf("the data does not begin with %s", sshMagic)
	}
	var fields struct {
		Version   uint32
		Key       []byte
		Namespace string
		Reserved  string
		Hash      string
		Signature []byte
	}
	// Unmarshal refuses what it does not use up.
	if err := ssh.Unmarshal(blob, &fields); err != nil {
		return nil, fmt.Errorf("the data is malformed: %w", err)
	}
	if fields.Version != 1 {
		return nil, fmt.Errorf("version %d is not known, only 1", fields.Version)
	}
	if fields.Reserved != "" {
		return nil, errors.New("the reserved field is not empty")
	}
	if fields.Hash != "sha256" && fields.Hash != "sha512" {
		return nil, fmt.Errorf("hash %s is neither sha256 nor sha512", quoted(fields.Hash))
	}
	sig := &sshSignature{namespace: fields.Namespace, hash: fields.Hash}
	if sig.key, sig.cert, err = parseSSHKeyOrCertificate(fields.Key); err != nil {
		return nil, err
	}
	var inner struct {
		Format string
		Blob   []byte
		Rest   []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(fields.Signature, &inner); err != nil {
		return nil, fmt.Errorf("the inner signature is malformed: %w", err)
	}
	sig.signature = ssh.Signature{Format: inner.Format, Blob: inner.Blob, Rest: inner.Rest}
	return sig, nil
}

// parseSSHKey parses a key in wire format and insists on the one encoding that
// is canonical, since keys are compared by their bytes.
func parseSSHKey(wire []byte) (ssh.PublicKey, error) {
	key, cert, err := parseSSHKeyOrCertificate(wire)
	if err == nil && cert != nil {
		return nil, errors.New("the public key is a certificate")
	}
	return key, err
}

// parseSSHKeyOrCertificate is parseSSHKey, but takes a key out of its
// certificate.
func parseSSHKeyOrCertificate(wire []byte) (ssh.PublicKey, *ssh.Certificate, error) {
	key, err := ssh.ParsePublicKey(wire)
	if err != nil {
		return nil, nil, fmt.Errorf("the public key is malformed or of an unknown type: %w", err)
	}
	if !bytes.Equal(key.Marshal(), wire) {
		return nil, nil, errors.New("the public key is not in its canonical encoding")
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key, cert, nil
	}
	return key, nil, nil
}

// strength returns an error that matches errWeak unless key and signature are
// of kinds that can be relied on.
func (s *sshSignature) strength() error {
	if err := strong(s.key, &s.signature); err != nil {
		return err
	}
	if !strings.HasPrefix(s.key.Type(), "sk-") || len(s.signature.Rest) != 5 {
		return nil // what is not five bytes does not verify
	}
	// Rest holds the flags byte and a counter of four bytes.
	flags := s.signature.Rest[0]
	if flags&userPresence == 0 {
		return fmt.Errorf("%w: the security key was not touched", errWeak)
	}
	if s.cert != nil && flags&userVerified == 0 {
		if _, required := s.cert.CriticalOptions[verifyRequired]; required {
			return fmt.Errorf("%w: the certificate requires a PIN, which the security key was not given", errWeak)
		}
	}
	return nil
}

// strong returns an error that matches errWeak unless a key, and a signature by
// it, are of kinds that can be relied on.
func strong(key ssh.PublicKey, sig *ssh.Signature) error {
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256:
		return nil
	case ssh.KeyAlgoRSA:
		if bits := rsaBits(key); bits < minRSABits {
			return fmt.Errorf("%w: an RSA key of %d bits, at least %d are needed", errWeak, bits, minRSABits)
		}
		if sig.Format != ssh.KeyAlgoRSASHA256 && sig.Format != ssh.KeyAlgoRSASHA512 {
			return fmt.Errorf("%w: an RSA signature of format %s; rsa-sha2-256 or rsa-sha2-512 is needed", errWeak, quoted(sig.Format))
		}
		return nil
	}
	return fmt.Errorf("%w: keys of type %s are not accepted", errWeak, quoted(key.Type()))
}

func rsaBits(key ssh.PublicKey) int {
	if k, ok := key.(ssh.CryptoPublicKey); ok {
		if pub, ok := k.CryptoPublicKey().(*rsa.PublicKey); ok {
			return pub.N.BitLen()
		}
	}
	return 0
}

// verify checks the signature over a message by the key that it carries, for a namespace.
func (s *sshSignature) verify(message []byte, namespace string, keys *eddsa.Keys) error {
	if s.namespace != namespace {
		return fmt.Errorf("it was made for the namespace %s, not for %q", quoted(s.namespace), namespace)
	}
	var sum []byte
	switch s.hash {
	case "sha256":
		h := sha256.Sum256(message)
		sum = h[:]
	case "sha512":
		h := sha512.Sum512(message)
		sum = h[:]
	default:
		return fmt.Errorf("hash %s is not known", quoted(s.hash))
	}
	signed := append([]byte(sshMagic), ssh.Marshal(struct {
		Namespace, Reserved, Hash string
		Sum                       []byte
	}{s.namespace, "", s.hash, sum})...)
	if len(s.signature.Rest) > 0 && !strings.HasPrefix(s.key.Type(), "sk-") {
		return errors.New("bytes follow the inner signature")
	}
	if !s.matches(signed, keys) {
		return errors.New("it does not match the content")
	}
	return nil
}

func (s *sshSignature) matches(signed []byte, keys *eddsa.Keys) bool {
	if k, ok := s.key.(ssh.CryptoPublicKey); ok && s.signature.Format == ssh.KeyAlgoED25519 && s.key.Type() == ssh.KeyAlgoED25519 {
		if key, ok := k.CryptoPublicKey().(ed25519.PublicKey); ok {
			return keys.Verify(key, signed, s.signature.Blob)
		}
	}
	return s.key.Verify(signed, &s.signature) == nil
}
