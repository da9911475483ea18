package integrity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// StatementKind tells what a statement is about.
type StatementKind string

// The kinds of statements.
const (
	// Acknowledgement releases a change of a ref that is held, such as a rewrite.
	Acknowledgement StatementKind = "acknowledgement"
	// Approval agrees to a change of files.
	Approval StatementKind = "approval"
)

// Namespace is what signatures of the kind are made for, so that none of them can
// stand for one of another kind, nor for a commit.
func (k StatementKind) Namespace() string {
	if k == Acknowledgement {
		return "holdfast-ack"
	}
	return "holdfast-approval"
}

// Statement is what a person says about a change by a signature of its own. It names
// all that it is about by content, so that it says nothing about anything else.
type Statement struct {
	Kind       StatementKind
	Repository string // by the trust file
	Ref        string // full name

	// Of an acknowledgement: what the ref was and what it became, and why that is right.
	Old, New, Reason string

	// Of an approval: the commit before the change, the tree that it leads to, and the
	// digest of the trust file by which it was looked at.
	From, Tree, Trust string

	Made, Expires time.Time // in whole seconds
}

const (
	// MaxValidity is the longest time for which a statement counts.
	MaxValidity = 90 * 24 * time.Hour

	maxReason    = 500      // bytes
	maxStatement = 16 << 10 // bytes of a statement with its signature
)

// statementField is one line of a statement.
type statementField struct {
	name  string
	value *string
	check func(string) error
}

// fields lists the lines of the kind in their order, but for the first and the times.
func (s *Statement) fields() []statementField {
	about := []statementField{{"repository", &s.Repository, checkWord}, {"ref", &s.Ref, checkRefName}}
	if s.Kind == Acknowledgement {
		return append(about, statementField{"old", &s.Old, checkObject}, statementField{"new", &s.New, checkObject}, statementField{"reason", &s.Reason, checkReason})
	}
	return append(about, statementField{"from", &s.From, checkObject}, statementField{"tree", &s.Tree, checkObject}, statementField{"trust", &s.Trust, checkDigest})
}

// Text returns the one form in which a statement is written, one field on each line:
// what is signed.
func (s Statement) Text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "statement: %s 1\n", s.Kind)
	for _, f := range s.fields() {
		fmt.Fprintf(&b, "%s: %s\n", f.name, *f.value)
	}
	fmt.Fprintf(&b, "made: %s\nexpires: %s\n", s.Made.UTC().Format(time.RFC3339), s.Expires.UTC().Format(time.RFC3339))
	return b.Bytes()
}

// Check returns what is wrong with the fields.
func (s Statement) Check() error {
	if s.Kind != Acknowledgement && s.Kind != Approval {
		return fmt.Errorf("there is no kind of statement %s", quoted(string(s.Kind)))
	}
	for _, f := range s.fields() {
		if err := f.check(*f.value); err != nil {
			return fmt.Errorf("%s %w", f.name, err)
		}
	}
	switch {
	case s.Kind == Acknowledgement && s.Old == s.New:
		return errors.New("old and new are the same commit")
	case !s.Expires.After(s.Made):
		return errors.New("it ends before it was made")
	case s.Expires.Sub(s.Made) > MaxValidity:
		return fmt.Errorf("it is valid for more than %d days", MaxValidity/(24*time.Hour))
	}
	return nil
}

// ParseStatement reads the text of a statement. Fields that are unknown, missing or
// repeated, another order, and bytes before or after them are refused: there is one
// text for each statement.
func ParseStatement(text []byte) (Statement, error) {
	if len(text) > maxStatement {
		return Statement{}, fmt.Errorf("has %d bytes, more than the limit of %d", len(text), maxStatement)
	}
	if !utf8.Valid(text) {
		return Statement{}, errors.New("is not UTF-8")
	}
	body, ok := strings.CutSuffix(string(text), "\n")
	if !ok {
		return Statement{}, errors.New("does not end with a line break")
	}
	lines := strings.Split(body, "\n")
	var s Statement
	for _, kind := range []StatementKind{Acknowledgement, Approval} {
		if lines[0] == "statement: "+string(kind)+" 1" {
			s.Kind = kind
		}
	}
	if s.Kind == "" {
		return s, fmt.Errorf("does not begin with a kind of statement that is known, but with %s", quoted(lines[0]))
	}
	var made, expires string
	known := map[string]*string{"made": &made, "expires": &expires}
	for _, f := range s.fields() {
		known[f.name] = f.value
	}
	for i, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ": ")
		target := known[name]
		switch {
		case !ok:
			return s, fmt.Errorf("line %d is not a name, a colon, a blank and a value", i+2)
		case target == nil:
			return s, fmt.Errorf("line %d: there is no field %s", i+2, quoted(name))
		case *target != "":
			return s, fmt.Errorf("line %d: the field %s stands there twice", i+2, name)
		case value == "":
			return s, fmt.Errorf("line %d: the field %s is empty", i+2, name)
		}
		*target = value
	}
	for _, f := range []struct {
		text string
		at   *time.Time
	}{{made, &s.Made}, {expires, &s.Expires}} {
		at, err := time.Parse(time.RFC3339, f.text)
		if err != nil {
			return s, fmt.Errorf("%s is not a time such as 2026-02-01T08:00:00Z", quoted(f.text))
		}
		*f.at = at.UTC()
	}
	if err := s.Check(); err != nil {
		return s, err
	}
	if !bytes.Equal(s.Text(), text) {
		return s, errors.New("is not in the form in which statements are written")
	}
	return s, nil
}

const beginSignature = "-----BEGIN SSH SIGNATURE-----\n"

// SplitStatement reads a statement with the signature that follows it.
func SplitStatement(blob []byte) (s Statement, text, signature []byte, err error) {
	if len(blob) > maxStatement {
		return s, nil, nil, fmt.Errorf("has %d bytes, more than the limit of %d", len(blob), maxStatement)
	}
	i := bytes.Index(blob, []byte("\n"+beginSignature))
	if i < 0 {
		return s, nil, nil, errors.New("has no SSH signature")
	}
	text, signature = blob[:i+1], blob[i+1:]
	s, err = ParseStatement(text)
	return s, text, signature, err
}

// StatementName is the name under which a signed statement is kept: the SHA-256 of it.
func StatementName(blob []byte) string {
	sum := sha256.Sum256(blob)
	return hex.EncodeToString(sum[:])
}

func checkWord(s string) error {
	if s == "" {
		return errors.New("is missing")
	}
	if len(s) > 320 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("holds blanks or characters that do not print, or is too long")
	}
	return nil
}

func checkRefName(s string) error {
	switch {
	case s == "":
		return errors.New("is missing")
	case !strings.HasPrefix(s, "refs/") || len(s) > 1000 || !printable(s) || strings.Contains(s, " "):
		return fmt.Errorf("%s is not the full name of a ref, such as refs/heads/main", quoted(s))
	}
	return nil
}

func checkObject(s string) error {
	if !isHex(s, 40) && !isHex(s, 64) {
		return fmt.Errorf("%s is not the full id of an object", quoted(s))
	}
	return nil
}

func checkDigest(s string) error {
	if !isHex(s, 64) {
		return fmt.Errorf("%s is not a SHA-256", quoted(s))
	}
	return nil
}

func isHex(s string, length int) bool {
	return len(s) == length && !strings.ContainsFunc(s, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') })
}

func checkReason(s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return errors.New("is missing")
	case len(s) > maxReason:
		return fmt.Errorf("has more than %d bytes", maxReason)
	case !printable(s) || strings.TrimSpace(s) != s:
		return errors.New("is not one line of printable text")
	}
	return nil
}
