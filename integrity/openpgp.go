package integrity

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// pgpKey is one OpenPGP key: a primary key, which is what a key file pins, and
// the subkeys that it vouches for. The names inside a key are claims of whoever
// made it and are not looked at.
type pgpKey struct {
	entity *openpgp.Entity
	self   *packet.Signature // carries expiry and usage of the primary key
}

func (k *pgpKey) fingerprint() string { return fmt.Sprintf("%X", k.entity.PrimaryKey.Fingerprint) }

// fingerprints lists the primary key and its subkeys.
func (k *pgpKey) fingerprints() []string {
	all := []string{k.fingerprint()}
	for _, sub := range k.entity.Subkeys {
		all = append(all, fmt.Sprintf("%X", sub.PublicKey.Fingerprint))
	}
	return all
}

// parseOpenPGPKeys parses an armoured public key block. It refuses what it
// cannot judge in full: a packet that is skipped could be a revocation.
func parseOpenPGPKeys(armored []byte) ([]*pgpKey, error) {
	if len(armored) > maxKeyFile {
		return nil, fmt.Errorf("it has %d bytes, more than the limit of %d; export it with --export-options export-minimal", len(armored), maxKeyFile)
	}
	if bytes.Contains(armored, []byte("PRIVATE KEY")) {
		return nil, errors.New("it holds a private key; revoke that key, since whoever reads the repository has it, and export the public key only")
	}
	data, err := dearmor(armored, "PGP PUBLIC KEY BLOCK", true)
	if err != nil {
		return nil, err
	}
	if err := onlyKnownPackets(data); err != nil {
		return nil, err
	}
	var keys []*pgpKey
	packets := packet.NewReader(bytes.NewReader(data))
	for {
		entity, err := openpgp.ReadEntity(packets)
		if err == io.EOF { //nolint:errorlint // only the bare EOF is the end of the keys; one that is wrapped tells of a packet cut short
			break
		}
		if err != nil {
			return nil, err
		}
		key := &pgpKey{entity: entity, self: latestSelfSignature(entity)}
		if key.self == nil {
			return nil, fmt.Errorf("the key %s has no valid self-signature", key.fingerprint())
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("it holds no key")
	}
	return keys, nil
}

// onlyKnownPackets fails if the library would skip any packet of a key.
func onlyKnownPackets(data []byte) error {
	r := bytes.NewReader(data)
	for r.Len() > 0 {
		p, err := packet.Read(r)
		if err != nil {
			return fmt.Errorf("it holds a packet that cannot be judged (%w); export it with --export-options export-minimal", err)
		}
		switch p.(type) {
		case *packet.PublicKey, *packet.UserId, *packet.UserAttribute, *packet.Signature:
		default:
			return errors.New("it holds something other than public keys")
		}
	}
	return nil
}

// latestSelfSignature returns the newest statement of the primary key on
// itself. Of several of the same second the strictest counts, so that the
// outcome does not depend on their order.
func latestSelfSignature(e *openpgp.Entity) *packet.Signature {
	best := e.SelfSignature
	for _, id := range e.Identities {
		sig := id.SelfSignature
		if sig == nil || len(id.Revocations) > 0 && !allRevoked(e) {
			continue
		}
		if best == nil || sig.CreationTime.After(best.CreationTime) ||
			sig.CreationTime.Equal(best.CreationTime) && lifetime(sig) < lifetime(best) {
			best = sig
		}
	}
	return best
}

func allRevoked(e *openpgp.Entity) bool {
	for _, id := range e.Identities {
		if len(id.Revocations) == 0 {
			return false
		}
	}
	return len(e.Identities) > 0
}

// lifetime is how long a self-signature lets its key live.
func lifetime(sig *packet.Signature) uint32 {
	if sig.KeyLifetimeSecs == nil || *sig.KeyLifetimeSecs == 0 {
		return ^uint32(0)
	}
	return *sig.KeyLifetimeSecs
}

// parseOpenPGPSignature parses an armoured detached signature: exactly one
// packet, over binary content.
func parseOpenPGPSignature(armored []byte) (*packet.Signature, error) {
	if len(armored) > maxSignature {
		return nil, fmt.Errorf("the signature has %d bytes, more than the limit of %d", len(armored), maxSignature)
	}
	data, err := dearmor(armored, "PGP SIGNATURE", true)
	if err != nil {
		return nil, err
	}
	r := bytes.NewReader(data)
	p, err := packet.Read(r)
	if err != nil {
		return nil, fmt.Errorf("the data is malformed: %w", err)
	}
	sig, ok := p.(*packet.Signature)
	if !ok {
		return nil, errors.New("the data is not a signature")
	}
	if r.Len() > 0 {
		return nil, errAmbiguous
	}
	if sig.SigType != packet.SigTypeBinary {
		return nil, fmt.Errorf("it is of type 0x%02x, not over binary content", uint8(sig.SigType))
	}
	return sig, nil
}

// match returns the key or subkey that the signature says it was made by. Sub
// is nil for the primary key; ok tells whether there is any.
func (k *pgpKey) match(sig *packet.Signature) (sub *openpgp.Subkey, ok bool) {
	if sig.CheckKeyIdOrFingerprint(k.entity.PrimaryKey) {
		return nil, true
	}
	for i := range k.entity.Subkeys {
		if sig.CheckKeyIdOrFingerprint(k.entity.Subkeys[i].PublicKey) {
			return &k.entity.Subkeys[i], true
		}
	}
	return nil, false
}

// verify checks a signature of the key, or of its subkey if sub is not nil,
// over a message, at the time when it was first seen.
func (k *pgpKey) verify(sub *openpgp.Subkey, sig *packet.Signature, message []byte, at time.Time) *Problem {
	key := k.entity.PrimaryKey
	if sub != nil {
		key = sub.PublicKey
	}
	if err := k.strength(sub, sig); err != nil {
		p := problem(KeyWeak, "Use an Ed25519 key, or RSA of 2048 bits and more, with SHA-256 or better.", "%s", err)
		return &p
	}
	h, err := sig.PrepareVerify()
	if err == nil {
		h.Write(message)
		err = key.VerifySignature(h, sig)
	}
	if err != nil {
		p := problem(SigBad, hintSigBad, "the signature does not match the content")
		return &p
	}
	for _, n := range sig.Notations {
		if n.IsCritical {
			p := problem(SigBad, hintSigBad, "the signature has the critical notation %s, which is not known", quoted(n.Name))
			return &p
		}
	}
	return k.validity(sub, sig, at)
}

// validity judges revocation, usage and expiry of the key at a time.
func (k *pgpKey) validity(sub *openpgp.Subkey, sig *packet.Signature, at time.Time) *Problem {
	fail := func(code Code, format string, args ...any) *Problem {
		p := problem(code, "Sign again with a key that is valid; dates in the signature do not count, only when it was first seen.", format, args...)
		return &p
	}
	e := k.entity
	switch {
	case len(e.Revocations) > 0 || allRevoked(e):
		return fail(KeyRevoked, "the key %s is revoked", k.fingerprint())
	case sub != nil && len(sub.Revocations) > 0:
		return fail(KeyRevoked, "the subkey %X is revoked", sub.PublicKey.Fingerprint)
	case sub != nil && !(sub.Sig.FlagsValid && sub.Sig.FlagSign && sub.Sig.EmbeddedSignature != nil):
		return fail(KeyUnknown, "the subkey %X is not for signing", sub.PublicKey.Fingerprint)
	case sub == nil && k.self.FlagsValid && !k.self.FlagSign:
		return fail(KeyUnknown, "the key %s is not for signing", k.fingerprint())
	case e.PrimaryKey.KeyExpired(k.self, at) || expired(k.self, at):
		return fail(KeyExpired, "the key %s was not valid at %s", k.fingerprint(), stamp(at))
	case sub != nil && (sub.PublicKey.KeyExpired(sub.Sig, at) || expired(sub.Sig, at)):
		return fail(KeyExpired, "the subkey %X was not valid at %s", sub.PublicKey.Fingerprint, stamp(at))
	case expired(sig, at):
		return fail(KeyExpired, "the signature itself had expired at %s", stamp(at))
	}
	return nil
}

// expired judges the lifetime of a signature alone. When it claims to have been
// made is not judged: that date is whatever the signer's clock said.
func expired(sig *packet.Signature, at time.Time) bool {
	if sig.SigLifetimeSecs == nil || *sig.SigLifetimeSecs == 0 {
		return false
	}
	return at.After(sig.CreationTime.Add(time.Duration(*sig.SigLifetimeSecs) * time.Second))
}

// strength returns an error that matches errWeak unless the primary key, the
// subkey and the signatures that tie them together are all strong.
func (k *pgpKey) strength(sub *openpgp.Subkey, sig *packet.Signature) error {
	keys := []*packet.PublicKey{k.entity.PrimaryKey}
	sigs := []*packet.Signature{sig, k.self}
	if sub != nil {
		keys = append(keys, sub.PublicKey)
		sigs = append(sigs, sub.Sig)
		if sub.Sig.EmbeddedSignature != nil {
			sigs = append(sigs, sub.Sig.EmbeddedSignature)
		}
	}
	for _, key := range keys {
		switch key.PubKeyAlgo {
		case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSASignOnly:
			pub, ok := key.PublicKey.(*rsa.PublicKey)
			if !ok || pub.N.BitLen() < minRSABits {
				return fmt.Errorf("%w: the key %X is RSA of less than %d bits", errWeak, key.Fingerprint, minRSABits)
			}
		case packet.PubKeyAlgoECDSA, packet.PubKeyAlgoEdDSA, packet.PubKeyAlgoEd25519, packet.PubKeyAlgoEd448:
		default:
			return fmt.Errorf("%w: the key %X is of an algorithm that is not accepted", errWeak, key.Fingerprint)
		}
	}
	for _, s := range sigs {
		switch s.Hash {
		case crypto.SHA256, crypto.SHA384, crypto.SHA512, crypto.SHA3_256, crypto.SHA3_512:
		default:
			return fmt.Errorf("%w: a signature by %s, at least SHA-256 is needed", errWeak, s.Hash)
		}
	}
	return nil
}
