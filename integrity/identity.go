package integrity

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/holdfast-dev/holdfast/git"
)

// bound compares what a commit claims with what its signature proves: author
// and committer must be the signer.
func bound(c *git.Commit, signer Signer, signers *Signers) []Problem {
	var problems []Problem
	if !signer.Owns(c.Author.Email) {
		problems = append(problems, problem(IDAuthor, "The author has to sign it, or the signer has to be its author (git commit --amend --reset-author -S).",
			"the author is given as %s, but the signature is by %s", quoted(c.Author.Email), quoted(signer.Identity)))
	}
	if !signer.Owns(c.Committer.Email) {
		problems = append(problems, problem(IDCommitter, "Set user.email to the address that the signing key is listed with, and commit again.",
			"the committer is given as %s, but the signature is by %s", quoted(c.Committer.Email), quoted(signer.Identity)))
	}
	for _, email := range distinct(c.Author.Email, c.Committer.Email) {
		if !signer.Owns(email) {
			problems = append(problems, lookalike(email, signers)...)
		}
	}
	for _, name := range distinct(c.Author.Name, c.Committer.Name) {
		if other := signers.namedIn(name); other != "" && !signer.Owns(other) {
			problems = append(problems, problem(IDConfusable, "Read addresses, not names: those are whatever somebody wrote.",
				"the name %s is the address of somebody else", quoted(name)))
		}
	}
	return append(problems, shownOtherwise(c)...)
}

// namedIn returns the listed address that a name holds, if there is one.
func (s *Signers) namedIn(name string) string {
	if !strings.Contains(name, "@") {
		return ""
	}
	for word := range strings.FieldsFuncSeq(name, func(r rune) bool { return strings.ContainsRune(" <>()[],;:\"'", r) }) {
		for listed := range s.emails {
			if strings.EqualFold(listed, word) {
				return listed
			}
		}
	}
	return ""
}

// shownOtherwise warns of an encoding in which ASCII does not stand for itself: what Git
// shows is then something else than what is judged here.
func shownOtherwise(c *git.Commit) []Problem {
	headers, _, _ := strings.Cut(string(c.Payload), "\n\n")
	_, encoding, found := strings.Cut(headers, "\nencoding ")
	encoding, _, _ = strings.Cut(encoding, "\n")
	if !found {
		return nil
	}
	encoding = strings.ToUpper(encoding)
	for _, plain := range []string{"UTF-8", "UTF8", "ASCII", "US-ASCII", "ISO-8859-", "ISO8859-", "LATIN", "CP12", "WINDOWS-12", "EUC-", "EUCJP", "EUCKR", "GB2312", "GBK", "GB18030", "BIG5", "KOI8-", "SHIFT", "SJIS", "CP932", "CP936", "CP949", "CP950", "CP850", "CP866", "CP437"} {
		if strings.HasPrefix(encoding, plain) {
			return nil
		}
	}
	return []Problem{problem(IDConfusable, "Set i18n.commitEncoding to UTF-8, and commit again.",
		"its encoding is %s, in which Git may show other names and words than those that were judged", quoted(encoding))}
}

func distinct(a, b string) []string {
	if a == b {
		return []string{a}
	}
	return []string{a, b}
}

// lookalike warns of an address that a person could take for a listed one.
func lookalike(email string, signers *Signers) []Problem {
	for i := range len(email) {
		if email[i] >= utf8.RuneSelf {
			return []Problem{problem(IDConfusable, "Compare the address letter by letter with the one it looks like.",
				"the address %s holds letters from outside ASCII", quoted(email))}
		}
	}
	if signers.emails[email] {
		return nil
	}
	for listed := range signers.emails {
		if strings.EqualFold(listed, email) {
			return []Problem{problem(IDConfusable, "Addresses are compared exactly; write it as it is listed.",
				"the address %s differs from a listed one by upper and lower case only", quoted(email))}
		}
	}
	return nil
}

// confusable warns of names and addresses that show as something else than
// they are: control characters, direction overrides, mixed alphabets.
func confusable(role string, id git.Identity) []Problem {
	var reason string
	switch {
	case !printable(id.Name) || !printable(id.Email):
		reason = "holds characters that do not print"
	case mixedScripts(id.Name):
		reason = "mixes alphabets within a word"
	default:
		return nil
	}
	return []Problem{problem(IDConfusable, "Read it in its escaped form here, and ask the signer why it was written so.",
		"the %s %s %s", role, quoted(fmt.Sprintf("%s <%s>", id.Name, id.Email)), reason)}
}

// printable reports whether s is text without control or formatting characters.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if r != ' ' && !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// mixedScripts reports whether a word has letters of two of the alphabets that
// look alike.
func mixedScripts(s string) bool {
	for word := range strings.FieldsSeq(s) {
		var latin, other bool
		for _, r := range word {
			latin = latin || unicode.Is(unicode.Latin, r)
			other = other || unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee)
		}
		if latin && other {
			return true
		}
	}
	return false
}

// issuer names the key that a signature says it is by.
func issuer(sig *packet.Signature) string {
	switch {
	case len(sig.IssuerFingerprint) > 0:
		return fmt.Sprintf("%X", sig.IssuerFingerprint)
	case sig.IssuerKeyId != nil:
		return fmt.Sprintf("%016X", *sig.IssuerKeyId)
	}
	return "without a name"
}
