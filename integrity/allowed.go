package integrity

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/integrity/eddsa"
	"github.com/holdfast-dev/holdfast/source"
)

// SyntaxError is one mistake in a signers file.
type SyntaxError struct {
	File    string
	Line    int // from 1
	Column  int // from 1, in code points
	Message string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Message)
}

// maxSignersFile bounds a signers file, in bytes, and maxMistakes how many
// mistakes are told of.
const (
	maxSignersFile = 1 << 20
	maxMistakes    = 100
)

// ParseSigners parses an allowed_signers file as ssh-keygen does, but refuses
// what leaves doubt: patterns in place of addresses, local times, and a key with
// two identities. Only a certificate authority may have a pattern, "*@" and a
// domain. The error joins all mistakes,
// each a SyntaxError.
func ParseSigners(path string, data []byte) (*Signers, error) {
	p := &signersParser{
		file:    source.NewFile(path, data),
		signers: &Signers{path: path, grants: map[string][]grant{}, emails: map[string]bool{}, ed25519: &eddsa.Keys{}},
	}
	if len(data) > maxSignersFile {
		return nil, &FileError{path, fmt.Errorf("has %d bytes, more than the limit of %d", len(data), maxSignersFile)}
	}
	offset := 0
	for line := range bytes.Lines(data) {
		if len(p.errs) >= maxMistakes {
			break
		}
		p.parseLine(offset, string(bytes.TrimRight(line, "\r\n")))
		offset += len(line)
	}
	if len(p.errs) == 0 && offset > 0 && bytes.IndexByte(data, 0) >= 0 {
		p.fail(bytes.IndexByte(data, 0), "the file holds a zero byte")
	}
	if len(p.errs) > 0 {
		return nil, errors.Join(p.errs...)
	}
	return p.signers, nil
}

// signersParser collects the mistakes of a file.
type signersParser struct {
	file    *source.File
	signers *Signers
	errs    []error
}

func (p *signersParser) fail(offset int, format string, args ...any) {
	if len(p.errs) >= maxMistakes {
		return
	}
	pos := p.file.Position(offset)
	p.errs = append(p.errs, &SyntaxError{
		File: p.file.Path, Line: pos.Line, Column: pos.Column, Message: fmt.Sprintf(format, args...),
	})
}

// field is a word of a line and where it stands in the file.
type field struct {
	text   string
	offset int
}

// parseLine reads "principals [options] type key [comment]".
func (p *signersParser) parseLine(offset int, line string) {
	fields := splitFields(offset, line)
	if len(fields) == 0 || fields[0].text[0] == '#' {
		return
	}
	before := len(p.errs)
	g := grant{forGit: true, line: p.file.Position(offset).Line}
	rest := fields[1:]
	isAuthority := false
	if len(rest) > 0 && !isKeyType(rest[0].text) {
		isAuthority = p.options(rest[0], &g)
		rest = rest[1:]
	}
	var domains []string
	g.emails, domains = p.principals(fields[0], isAuthority)
	switch {
	case len(rest) == 0:
		p.fail(offset+len(line), "a key type such as ssh-ed25519 is missing")
		return
	case !isKeyType(rest[0].text):
		p.fail(rest[0].offset, "%s is not a key type; write ssh-ed25519, ecdsa-sha2-…, sk-…@openssh.com or ssh-rsa", quoted(rest[0].text))
		return
	case len(rest) == 1:
		p.fail(offset+len(line), "the key is missing after its type")
		return
	}
	key := p.key(rest[0], rest[1])
	switch {
	case key == nil || len(p.errs) > before:
	case isAuthority:
		p.addAuthority(fields[0].offset, authority{grant: g, key: string(key.Marshal()), domains: domains})
	default:
		p.add(fields[0].offset, key, g)
	}
}

// splitFields cuts a line at blanks outside double quotes.
func splitFields(offset int, line string) []field {
	var fields []field
	start, inQuotes := -1, false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case (c == ' ' || c == '\t') && !inQuotes:
			if start >= 0 {
				fields = append(fields, field{line[start:i], offset + start})
			}
			start = -1
			continue
		case c == '\\' && inQuotes && i+1 < len(line) && line[i+1] == '"':
			i++
		case c == '"':
			inQuotes = !inQuotes
		}
		if start < 0 {
			start = i
		}
	}
	if start >= 0 {
		fields = append(fields, field{line[start:], offset + start})
	}
	return fields
}

func isKeyType(word string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

// principals reads the comma-separated e-mails of a line, and the domains of an
// authority's.
func (p *signersParser) principals(f field, isAuthority bool) (emails, domains []string) {
	text, offset := f.text, f.offset
	if strings.HasPrefix(text, `"`) {
		if len(text) < 2 || !strings.HasSuffix(text, `"`) {
			p.fail(offset, "the closing quote of the principals is missing")
			return nil, nil
		}
		text, offset = text[1:len(text)-1], offset+1
	}
	for email := range strings.SplitSeq(text, ",") {
		domain, isDomain := strings.CutPrefix(email, "*@")
		isDomain = isDomain && isAuthority && domain != "" && !strings.ContainsAny(domain, "*?!@")
		switch {
		case email == "":
			p.fail(offset, "empty principal; write one e-mail, or several separated by single commas")
		case isAuthority && !isDomain && strings.ContainsAny(email, "*?!"):
			p.fail(offset, `the principal %s is not one e-mail; an authority may also have all of a domain, as "*@example.com"`, quoted(email))
		case !isDomain && strings.ContainsAny(email, "*?!"):
			p.fail(offset, "the principal %s is a pattern; write each e-mail out, so that a key has exactly one identity", quoted(email))
		case !printable(email) || strings.ContainsAny(email, "\"\\ \t"):
			p.fail(offset, "the principal %s holds characters that no e-mail has", quoted(email))
		case slices.Contains(emails, email) || isDomain && slices.Contains(domains, "@"+domain):
			p.fail(offset, "the principal %s stands twice on this line", quoted(email))
		case isDomain:
			domains = append(domains, "@"+domain)
		default:
			emails = append(emails, email)
		}
		offset += len(email) + 1
	}
	return emails, domains
}

// options reads the comma-separated options of a line into g, and reports
// whether the key is that of a certificate authority.
func (p *signersParser) options(f field, g *grant) (isAuthority bool) {
	seen := map[string]bool{}
	var after field
	rest, offset := f.text, f.offset
	for {
		opt, tail, more := cutOption(rest)
		name, value, hasValue := strings.Cut(opt, "=")
		name = strings.ToLower(name)
		if seen[name] {
			p.fail(offset, "the option %s stands twice", quoted(name))
		}
		seen[name] = true
		at := field{value, offset + len(opt) - len(value)}
		switch name {
		case "cert-authority":
			if isAuthority = true; hasValue {
				p.fail(offset, "cert-authority has no value")
			}
		case "namespaces":
			if v, ok := p.value(name, at, hasValue); ok {
				g.forGit = p.namespaces(v)
			}
		case "valid-after":
			after = at
			if v, ok := p.value(name, at, hasValue); ok {
				g.after = p.time(name, v)
			}
		case "valid-before":
			if v, ok := p.value(name, at, hasValue); ok {
				g.before = p.time(name, v)
			}
		case "":
			p.fail(offset, "an empty option; separate options by single commas")
		default:
			p.fail(offset, "unknown option %s; known are cert-authority, namespaces, valid-after and valid-before", quoted(name))
		}
		if !more {
			break
		}
		offset += len(rest) - len(tail)
		rest = tail
	}
	if !g.after.IsZero() && !g.before.IsZero() && !g.after.Before(g.before) {
		p.fail(after.offset, "valid-after is not before valid-before: the key would never be valid")
	}
	return isAuthority
}

// cutOption cuts at the first comma outside quotes.
func cutOption(s string) (opt, rest string, more bool) {
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && inQuotes && i+1 < len(s) && s[i+1] == '"':
			i++
		case s[i] == '"':
			inQuotes = !inQuotes
		case s[i] == ',' && !inQuotes:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// value takes the quotes off an option's value.
func (p *signersParser) value(name string, f field, has bool) (field, bool) {
	v := f.text
	if !has || len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		p.fail(f.offset, `the value of %s must be quoted: %s="…"`, name, name)
		return field{}, false
	}
	v = v[1 : len(v)-1]
	if strings.ContainsAny(v, `"\`) {
		p.fail(f.offset, "the value of %s holds a quote or backslash", name)
		return field{}, false
	}
	return field{v, f.offset + 1}, true
}

// namespaces reports whether Git signatures are in the list.
func (p *signersParser) namespaces(f field) bool {
	git, offset := false, f.offset
	for ns := range strings.SplitSeq(f.text, ",") {
		switch {
		case ns == "":
			p.fail(offset, "empty namespace")
		case strings.ContainsAny(ns, "*?!"):
			p.fail(offset, `the namespace %s is a pattern; write "git"`, quoted(ns))
		case ns == sshNamespace:
			git = true
		}
		offset += len(ns) + 1
	}
	return git
}

// time reads YYYYMMDD[HHMM[SS]]Z. ssh-keygen takes a time without Z as local
// to whoever runs it, which is no way to state when a key ends.
func (p *signersParser) time(name string, f field) time.Time {
	digits, utc := strings.CutSuffix(f.text, "Z")
	layout := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	t, err := time.Parse(layout, digits)
	switch {
	case layout == "" || err != nil:
		p.fail(f.offset, "%s is not a time; write %s=\"YYYYMMDDZ\" or \"YYYYMMDDHHMMSSZ\"", quoted(f.text), name)
		return time.Time{}
	case !utc:
		p.fail(f.offset, "%s has no time zone; add Z for UTC, since it would mean another moment on every machine", name)
		return time.Time{}
	}
	return t
}

func (p *signersParser) key(typ, data field) ssh.PublicKey {
	if strings.Contains(typ.text, "-cert-") {
		p.fail(typ.offset, "%s is a certificate; list the person's own key, or that of the authority with the option cert-authority", quoted(typ.text))
		return nil
	}
	wire, err := decodeLines([]byte(data.text))
	if err != nil {
		p.fail(data.offset, "the key is not base64; copy it anew from the .pub file")
		return nil
	}
	key, err := parseSSHKey(wire)
	if err != nil {
		p.fail(data.offset, "%s; copy it anew from the .pub file", err)
		return nil
	}
	if key.Type() != typ.text {
		p.fail(typ.offset, "the key is of type %s, not %s", key.Type(), quoted(typ.text))
		return nil
	}
	return key
}

// addAuthority enters an authority, unless its key is a person's.
func (p *signersParser) addAuthority(offset int, a authority) {
	if len(p.signers.grants[a.key]) > 0 {
		p.fail(offset, bothKinds, p.signers.grants[a.key][0].line)
		return
	}
	p.signers.authorities = append(p.signers.authorities, a)
}

const bothKinds = "the key stands on line %d already; a key is a person's or an authority's, not both"

// add enters a grant, unless its key already has another identity.
func (p *signersParser) add(offset int, key ssh.PublicKey, g grant) {
	wire := string(key.Marshal())
	for _, a := range p.signers.authorities {
		if a.key == wire {
			p.fail(offset, bothKinds, a.line)
			return
		}
	}
	for _, other := range p.signers.grants[wire] {
		if !sameSet(other.emails, g.emails) {
			p.fail(offset, "the key belongs to %s on line %d already; a key has exactly one identity: put all e-mails of a person on one line",
				quoted(strings.Join(other.emails, ",")), other.line)
			return
		}
	}
	g.key = ssh.FingerprintSHA256(key)
	p.signers.grants[wire] = append(p.signers.grants[wire], g)
	for _, email := range g.emails {
		p.signers.emails[email] = true
	}
}

func sameSet(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}
