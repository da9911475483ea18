package trust

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

func (p *parser) identity(at string, raw *identity, out *Identity) {
	*out = Identity{Name: raw.Name, Emails: raw.Emails}
	switch {
	case !isName(raw.Name):
		p.At(at+".name", "", "the name %q is not of lower case letters, digits, and .-_ between them", raw.Name)
	case p.trust.names[raw.Name] != nil:
		p.At(at+".name", "", "there are two identities %q; put all e-mails and keys of a person into one", raw.Name)
	default:
		p.trust.names[raw.Name] = out
	}
	p.emails(at, raw.Emails, out)
	p.roles(at, raw, out)
	for i := range raw.Keys {
		p.key(fmt.Sprintf("%s.keys[%d]", at, i), &raw.Keys[i], out)
	}
}

func (p *parser) emails(at string, emails []string, out *Identity) {
	if len(emails) == 0 {
		p.At(at+".emails", "", "%s has no e-mail", out.Name)
	}
	for i, email := range emails {
		at := fmt.Sprintf("%s.emails[%d]", at, i)
		user, domain, _ := strings.Cut(email, "@")
		if user == "" || domain == "" || !plain(email) || strings.ContainsAny(email, "*?!,<>\"\\") {
			p.At(at, "", "%q is not one e-mail address in ASCII", email)
			continue
		}
		if other, taken := p.folded[strings.ToLower(email)]; taken {
			p.At(at, "", "the e-mail %s is that of %s already, upper and lower case aside", email, other)
			continue
		}
		p.folded[strings.ToLower(email)] = out.Name
		p.trust.emails[email] = out
	}
}

func (p *parser) roles(at string, raw *identity, out *Identity) {
	for i, role := range raw.Roles {
		at := fmt.Sprintf("%s.roles[%d]", at, i)
		switch {
		case !isName(role):
			p.At(at, "", "the role %q is not of lower case letters, digits, and .-_ between them", role)
		case p.trust.names[role] != nil:
			p.At(at, "", "%q is the name of an identity as well; who is meant would be in doubt", role)
		case out.Has(Role(role)):
			p.At(at, "", "the role %q stands here twice", role)
		default:
			out.Roles = append(out.Roles, Role(role))
		}
	}
	for i := range p.trust.Identities {
		if p.trust.Identities[i].Has(Role(raw.Name)) {
			p.At(at+".name", "", "%q is a role as well; who is meant would be in doubt", raw.Name)
			break
		}
	}
	if slices.Contains([]Role{Admin, Maintainer, Release, Waiver, Applier, Forge, Bot}, Role(raw.Name)) {
		p.At(at+".name", "", "%q is a role; give the identity another name", raw.Name)
	}
	if !out.Person() && len(out.Roles) > 1 {
		p.At(at+".roles", "", "%s has the role %s, and can have no other beside it", out.Name, map[bool]Role{true: Forge, false: Bot}[out.Has(Forge)])
	}
	switch {
	case out.Has(Bot) && raw.Bot == nil:
		p.At(at, "bot: {paths: [apps/**], fields: [image]}", "%s is a bot, and nothing says what it may change", out.Name)
	case !out.Has(Bot) && raw.Bot != nil:
		p.At(at+".bot", "roles: [bot]", "%s has limits of a bot, and not its role", out.Name)
	case raw.Bot != nil:
		if len(raw.Bot.Paths) == 0 || len(raw.Bot.Fields) == 0 {
			p.At(at+".bot", "", "a bot needs paths and fields")
		}
		p.patterns(at+".bot.paths", raw.Bot.Paths)
		for i, field := range raw.Bot.Fields {
			if field == "" || strings.ContainsAny(field, "*[] ") || strings.HasPrefix(field, ".") {
				p.At(fmt.Sprintf("%s.bot.fields[%d]", at, i), "", "%q is not the name of a field, such as image or spec.replicas", field)
			}
		}
		out.Bot = &BotRule{Paths: raw.Bot.Paths, Fields: raw.Bot.Fields, patterns: compileAll(raw.Bot.Paths)}
	}
}

func (p *parser) key(at string, raw *key, out *Identity) {
	k := Key{File: raw.File, From: raw.ValidFrom.Time, Until: raw.ValidUntil.Time, Line: p.file.Position(p.Span(at).Start).Line}
	switch {
	case (raw.SSH == "") == (raw.GPG == ""):
		p.At(at, "", "a key has either ssh or gpg")
		return
	case raw.SSH != "":
		if raw.File != "" {
			p.At(at+".file", "", "file is for gpg only")
		}
		if k.SSH = p.sshKey(at+".ssh", raw.SSH); k.SSH == nil {
			return
		}
		k.id = ssh.FingerprintSHA256(k.SSH)
	default:
		id, ok := keyID(raw.GPG)
		if !ok || strings.HasPrefix(id, "SHA256:") {
			p.At(at+".gpg", "gpg --fingerprint shows it", "%q is not the full fingerprint of a primary key", raw.GPG)
			return
		}
		k.Fingerprint, k.id = id, id
		if !strings.HasPrefix(raw.File, ".holdfast/") || checkPattern(raw.File) != nil || strings.ContainsAny(raw.File, "*?") {
			p.At(at+".file", "file: .holdfast/gpg/"+out.Name+".asc", "the file of the key must lie below .holdfast")
		}
	}
	if !k.From.IsZero() && !k.Until.IsZero() && !k.From.Before(k.Until) {
		p.At(at+".validFrom", "", "validFrom is not before validUntil: the key would never be valid")
	}
	if other, taken := p.keys[k.ID()]; taken {
		p.At(at, "", "the key %s is that of %s already; a key has exactly one identity, and stands there once", k.ID(), other)
		return
	}
	p.keys[k.ID()] = out.Name
	out.Keys = append(out.Keys, k)
}

// sshKey reads "type base64 [comment]" in the one spelling that is canonical.
func (p *parser) sshKey(at, text string) ssh.PublicKey {
	fields := strings.Fields(text)
	if len(fields) < 2 {
		p.At(at, "copy it from the .pub file", "the key is not of the form “ssh-ed25519 AAAA…”")
		return nil
	}
	wire, err := base64.StdEncoding.Strict().DecodeString(fields[1])
	if err != nil {
		p.At(at, "copy it anew from the .pub file", "the key is not base64")
		return nil
	}
	k, err := ssh.ParsePublicKey(wire)
	switch {
	case err != nil || string(k.Marshal()) != string(wire):
		p.At(at, "copy it anew from the .pub file", "the key is damaged, or of a type that is not known")
	case k.Type() != fields[0]:
		p.At(at, "", "the key is of type %s, not %s", k.Type(), fields[0])
	case strings.Contains(k.Type(), "-cert-"):
		p.At(at, "list the person's own key", "this is a certificate, not a key")
	default:
		return k
	}
	return nil
}

// keyID returns the one spelling of what names a key.
func keyID(text string) (string, bool) {
	if digest, ok := strings.CutPrefix(text, "SHA256:"); ok {
		sum, err := base64.RawStdEncoding.Strict().DecodeString(digest)
		return text, err == nil && len(sum) == 32
	}
	hex := strings.ToLower(strings.ReplaceAll(text, " ", ""))
	return strings.ToUpper(hex), isHex(hex, 40, 64)
}

func isHex(s string, lengths ...int) bool {
	return slices.Contains(lengths, len(s)) && strings.Trim(s, "0123456789abcdef") == ""
}

// isName reports whether s is a name that cannot be taken for another.
func isName(s string) bool {
	const inner = "abcdefghijklmnopqrstuvwxyz0123456789.-_"
	return s != "" && len(s) <= 100 && strings.Trim(s, inner) == "" && strings.Trim(s[:1]+s[len(s)-1:], ".-_") == s[:1]+s[len(s)-1:]
}

// plain reports whether s is printable ASCII without blanks.
func plain(s string) bool {
	return s != "" && len(s) <= 320 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
