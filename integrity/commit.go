package integrity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/holdfast-dev/holdfast/git"
)

// maxSkew is how far clocks of honest people are apart.
const maxSkew = 10 * time.Minute

const (
	hintSigBad = "The content was changed after it was signed, or the signature was taken from elsewhere: have the author sign it again (git commit --amend -S)."
	hintSign   = "Sign it (git commit -S; git rebase --exec 'git commit --amend --no-edit -S' for several) and push again: what was never accepted may be replaced."
)

// VerifyCommit judges one commit on its own: its signature, the key at the
// time the commit was first seen, and whether author and committer are the
// signer. The Signer is set as soon as the signature proves it, even if other
// problems remain. No problems means Allow.
func VerifyCommit(c *git.Commit, signers *Signers, seen time.Time) (Signer, []Problem) {
	// The header is compared with the signed bytes, so that no difference
	// between two parsers can put one tree in place of another.
	if !bytes.HasPrefix(c.Payload, []byte("tree "+c.Tree+"\n")) {
		return Signer{}, about(c.ID, []Problem{problem(ObjMalformed,
			"Nobody makes such commits by accident: find out who pushed it, and remove it from the branch.",
			"the signed bytes do not begin with the commit's tree")})
	}
	problems := confusable("author", c.Author)
	if c.Committer.Name != c.Author.Name || c.Committer.Email != c.Author.Email {
		problems = append(problems, confusable("committer", c.Committer)...)
	}
	if c.Committer.When.After(seen.Add(maxSkew)) {
		problems = append(problems, problem(TimeAnomaly, "Check the clock of the machine that made the commit.",
			"the commit is dated %s, after it was seen at %s", stamp(c.Committer.When), stamp(seen)))
	}
	signer, p := verifySignature(c.Payload, c.Signature, signers, seen)
	if p != nil {
		problems = append([]Problem{*p}, problems...)
	} else {
		problems = append(bound(c, signer, signers), problems...)
	}
	return signer, about(c.ID, problems)
}

// PayloadDigest is the SHA-256 of what a signature is over, in hexadecimal
// digits. Unlike an object's id it does not change with the signature.
func PayloadDigest(payload []byte) string {
	sum := sha256.Sum256(payload)
	return hex.EncodeToString(sum[:])
}

// verifySignature finds out who signed a message.
func verifySignature(message, signature []byte, signers *Signers, at time.Time) (Signer, *Problem) {
	fail := func(code Code, hint, format string, args ...any) (Signer, *Problem) {
		p := problem(code, hint, format, args...)
		return Signer{}, &p
	}
	text := string(signature[:min(len(signature), 64)])
	switch {
	case len(bytes.TrimSpace(signature)) == 0:
		return fail(SigMissing, hintSign, "it is not signed")
	case strings.HasPrefix(text, "-----BEGIN SSH SIGNATURE-----"):
		sig, err := parseSSHSignature(signature)
		if err != nil {
			return fail(malformedCode(err), hintSigBad, "the SSH signature is not accepted: %s", err)
		}
		return verifySSH(message, sig, signers, at, sshNamespace)
	case strings.HasPrefix(text, "-----BEGIN PGP SIGNATURE-----"):
		sig, err := parseOpenPGPSignature(signature)
		if err != nil {
			return fail(malformedCode(err), hintSigBad, "the OpenPGP signature is not accepted: %s", err)
		}
		return verifyOpenPGP(message, sig, signers, at)
	case strings.HasPrefix(text, "-----BEGIN SIGNED MESSAGE-----"):
		return verifyX509(message, signature, signers, at)
	}
	return fail(SigBad, hintSigBad, "the signature is neither an SSH nor an OpenPGP signature")
}

func malformedCode(err error) Code {
	if errors.Is(err, errAmbiguous) {
		return SigAmbiguous
	}
	return SigBad
}

func verifySSH(message []byte, sig *sshSignature, signers *Signers, at time.Time, namespace string) (Signer, *Problem) {
	// The list is asked first: keys of strangers are not worth a computation.
	signer, p := signers.find(sig.key, sig.cert, at)
	if p != nil {
		return Signer{}, p
	}
	if err := sig.strength(); err != nil {
		p := problem(KeyWeak, "Use an Ed25519 key, a touched security key, or RSA of 2048 bits and more.", "%s", err)
		return Signer{}, &p
	}
	if err := sig.verify(message, namespace, signers.ed25519); err != nil {
		p := problem(SigBad, hintSigBad, "the signature is not good: %s", err)
		return Signer{}, &p
	}
	return signer, nil
}

// verifyOpenPGP looks for the key that the signature names. Whose file holds it
// is who signed.
func verifyOpenPGP(message []byte, sig *packet.Signature, signers *Signers, at time.Time) (Signer, *Problem) {
	for _, g := range signers.openPGP {
		sub, ok := g.key.match(sig)
		if !ok {
			continue
		}
		if p := g.key.verify(sub, sig, message, at); p != nil {
			return Signer{}, p
		}
		return Signer{Identity: g.email, Key: g.key.fingerprint(), File: g.path, emails: g.names()}, nil
	}
	p := problem(KeyUnknown, "If this is a colleague's key, have its file <e-mail>.asc added to the key directory by a commit of somebody who is listed; it counts from the next commit on.",
		"signed by the OpenPGP key %s, which is in no key file", issuer(sig))
	return Signer{}, &p
}
