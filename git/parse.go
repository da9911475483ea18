package git

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ParseCommit parses the content of a commit object. It accepts only what Git
// itself writes: the headers tree, parent, author and committer, in this order
// and as often as they may be; then encoding, mergetag, HG:… and change-id; one
// signature at most; and a message without NUL. Anything else gives a
// MalformedError. The id is not compared with the content's hash.
func ParseCommit(id string, raw []byte) (*Commit, error) {
	p, err := newParser(id, raw)
	if err != nil {
		return nil, err
	}
	c := &Commit{ID: id, Raw: raw, Tree: p.id("tree")}
	for p.next("parent") {
		c.Parents = append(c.Parents, p.id("parent"))
	}
	c.Author = p.identity("author")
	c.Committer = p.identity("committer")
	encoded := false
	for p.err == nil && !p.atEnd() {
		start := p.offset
		name, value, folded := p.header()
		switch {
		case name == p.signatureHeader() && folded:
			if c.Signature != nil {
				p.fail("two signatures")
				break
			}
			c.Signature = checkArmour(p, value)
			c.Payload = slices.Concat(raw[:start], raw[p.offset:])
		case strings.HasPrefix(name, "gpgsig"):
			p.fail("header %s is not a signature of this object format", quoteName(name))
		case name == "encoding" && !folded && !encoded:
			encoded = true
		case name == "mergetag" && folded:
		case strings.HasPrefix(name, "HG:") && !folded, name == "change-id" && !folded:
		default:
			p.fail("unknown, repeated or misplaced header %s", quoteName(name))
		}
	}
	c.Message = p.message()
	if p.err != nil {
		return nil, p.err
	}
	if c.Signature == nil {
		c.Payload = raw
	}
	return c, nil
}

// ParseTag parses the content of an annotated tag, as ParseCommit does. The
// signature stands at the end of the message; nothing may follow it.
func ParseTag(id string, raw []byte) (*Tag, error) {
	p, err := newParser(id, raw)
	if err != nil {
		return nil, err
	}
	t := &Tag{ID: id, Object: p.id("object"), ObjectType: p.value("type"), Name: p.value("tag")}
	if p.err == nil && !slices.Contains([]string{"commit", "tree", "blob", "tag"}, t.ObjectType) {
		p.fail("unknown type %s", quoteName(t.ObjectType))
	}
	if p.err == nil && checkRef("refs/tags/"+t.Name) != nil {
		p.fail("%s is no name for a tag", quoteName(t.Name))
	}
	if p.next("tagger") { // the oldest tags have none
		t.Tagger = p.identity("tagger")
	}
	if p.err == nil && !p.atEnd() {
		name, _, _ := p.header()
		p.fail("unknown, repeated or misplaced header %s", quoteName(name))
	}
	body := p.message()
	if p.err != nil {
		return nil, p.err
	}
	t.Message, t.Payload = body, raw
	if at := armourStart(body); at >= 0 {
		t.Signature = checkArmour(p, body[at:])
		t.Message, t.Payload = body[:at], raw[:len(raw)-len(body)+at]
	}
	if p.err != nil {
		return nil, p.err
	}
	return t, nil
}

// parser reads headers one by one. After the first error it reads nothing more.
type parser struct {
	objectID string
	text     string // what is returned are parts of it
	offset   int
	err      error
}

func newParser(id string, raw []byte) (*parser, error) {
	p := &parser{objectID: id, text: string(raw)}
	switch {
	case !isID(id):
		return nil, &MalformedError{ID: quoteName(id), Reason: "its name is not a full object id"}
	case bytes.IndexByte(raw, 0) >= 0:
		p.fail("holds a NUL byte")
	}
	return p, p.err
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = &MalformedError{ID: p.objectID, Reason: fmt.Sprintf(format, args...)}
	}
}

// next reports whether the next header has this name.
func (p *parser) next(name string) bool {
	return p.err == nil && nextIs(p.text[p.offset:], name)
}

func nextIs(text, name string) bool {
	return len(text) > len(name) && text[:len(name)] == name && text[len(name)] == ' '
}

// atEnd reports whether the headers are over, as they must be at some point.
func (p *parser) atEnd() bool {
	if p.offset >= len(p.text) {
		p.fail("no empty line after the headers")
		return true
	}
	return p.text[p.offset] == '\n'
}

// value reads the header that must come next, which has one line.
func (p *parser) value(name string) string {
	if p.err != nil {
		return ""
	}
	if !p.next(name) {
		p.fail("no %s where it must be", name)
		return ""
	}
	_, value, folded := p.header()
	if folded {
		p.fail("%s has more than one line", name)
	}
	return value
}

func (p *parser) id(name string) string {
	value := p.value(name)
	if p.err == nil && (!isID(value) || len(value) != len(p.objectID)) {
		p.fail("%s %s is not a full object id", name, quoteName(value))
	}
	return strings.Clone(value) // ids are kept longer than what they are part of
}

// header reads any header, with the lines that continue it, each of which begins
// with a space.
func (p *parser) header() (name, value string, folded bool) {
	line, ok := p.line()
	name, value, found := strings.Cut(line, " ")
	if !ok || !found || name == "" {
		p.fail("a header line without name, value or end: %s", quoteName(line))
		return "", "", false
	}
	start := p.offset - len(value) - 1
	for p.offset < len(p.text) && p.text[p.offset] == ' ' {
		if _, ok := p.line(); !ok {
			p.fail("the headers have no end")
			return "", "", false
		}
		folded = true
	}
	if folded {
		value = strings.ReplaceAll(p.text[start:p.offset-1], "\n ", "\n")
	}
	return name, value, folded
}

func (p *parser) line() (string, bool) {
	line, _, ok := strings.Cut(p.text[p.offset:], "\n")
	if ok {
		p.offset += len(line) + 1
	}
	return line, ok
}

func (p *parser) message() string {
	if p.err != nil || !p.atEnd() || p.err != nil {
		return ""
	}
	return p.text[p.offset+1:]
}

// latest is the end of the year 9999, the last that standard formats can write.
const latest = 253402300799

// identity parses "Name <email> 1772366400 +0000", with exactly one of each.
func (p *parser) identity(header string) Identity {
	value := p.value(header)
	if p.err != nil {
		return Identity{}
	}
	bad := func(what string) Identity {
		p.fail("%s %s has %s", header, quoteName(value), what)
		return Identity{}
	}
	if strings.Count(value, "<") != 1 || strings.Count(value, ">") != 1 {
		return bad("not exactly one e-mail address")
	}
	name, rest, _ := strings.Cut(value, "<")
	email, rest, found := strings.Cut(rest, "> ")
	if !found || !strings.HasSuffix(name, " ") { // the name itself may be empty
		return bad("no space around the e-mail address")
	}
	seconds, zone, _ := strings.Cut(rest, " ")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || strconv.FormatInt(unix, 10) != seconds || unix < 0 || unix > latest {
		return bad("no valid time")
	}
	if len(zone) != 5 || zone[0] != '+' && zone[0] != '-' || strings.Trim(zone[1:], "0123456789") != "" || zone[1:3] > "23" || zone[3:] > "59" {
		return bad("no valid time zone")
	}
	hours, _ := strconv.Atoi(zone[1:3])
	minutes, _ := strconv.Atoi(zone[3:])
	offset := hours*3600 + minutes*60
	if zone[0] == '-' {
		offset = -offset
	}
	return Identity{
		Name: strings.TrimSuffix(name, " "), Email: email,
		When: time.Unix(unix, 0).In(time.FixedZone("", offset)),
	}
}

// signatureHeader is the header for signatures over this object format.
func (p *parser) signatureHeader() string {
	if len(p.objectID) == 64 {
		return "gpgsig-sha256"
	}
	return "gpgsig"
}

// armours are the ways in which signatures begin, without "-----BEGIN ".
var armours = []string{"SSH SIGNATURE-----", "PGP SIGNATURE-----", "PGP MESSAGE-----", "SIGNED MESSAGE-----"}

const begin, end = "-----BEGIN ", "-----END "

// armourStart returns where a signature begins in a tag's body, or -1. Git takes
// the last place; where there are several, checkArmour fails on the first.
func armourStart(body string) int {
	at := 0
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, begin); ok {
			for _, armour := range armours {
				if strings.HasPrefix(rest, armour) {
					return at
				}
			}
		}
		at += len(line)
	}
	return -1
}

// checkArmour returns a signature that is one armoured block and nothing else,
// but for empty lines at its end.
func checkArmour(p *parser, text string) []byte {
	block := strings.TrimRight(text, "\n")
	first, rest, _ := strings.Cut(block, "\n")
	kind, ok := strings.CutPrefix(first, begin)
	if !ok || !slices.Contains(armours, kind) {
		p.fail("the signature does not begin as one: %s", quoteName(first))
		return nil
	}
	body, ok := strings.CutSuffix(rest, "\n"+end+kind)
	if !ok {
		p.fail("something follows the signature, or it has no end")
		return nil
	}
	if strings.HasPrefix(body, "-----") || strings.Contains(body, "\n-----") {
		p.fail("more than one signature")
		return nil
	}
	return []byte(text)
}
