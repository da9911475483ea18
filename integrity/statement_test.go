package integrity

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func anAcknowledgement() Statement {
	made := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	return Statement{
		Kind: Acknowledgement, Repository: "github.com/acme/fleet", Ref: "refs/heads/main",
		Old: strings.Repeat("1", 40), New: strings.Repeat("2", 40), Reason: "a secret was purged",
		Made: made, Expires: made.Add(7 * 24 * time.Hour),
	}
}

func anApproval() Statement {
	made := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	return Statement{
		Kind: Approval, Repository: "github.com/acme/fleet", Ref: "refs/heads/main",
		From: strings.Repeat("1", 64), Tree: strings.Repeat("2", 64), Trust: strings.Repeat("3", 64),
		Made: made, Expires: made.Add(MaxValidity),
	}
}

func TestStatementText(t *testing.T) {
	const want = `statement: acknowledgement 1
repository: github.com/acme/fleet
ref: refs/heads/main
old: 1111111111111111111111111111111111111111
new: 2222222222222222222222222222222222222222
reason: a secret was purged
made: 2026-03-01T08:00:00Z
expires: 2026-03-08T08:00:00Z
`
	if got := string(anAcknowledgement().Text()); got != want {
		t.Errorf("%s", got)
	}
	for _, s := range []Statement{anAcknowledgement(), anApproval()} {
		if got, err := ParseStatement(s.Text()); err != nil || got != s {
			t.Errorf("%+v, %v; want %+v", got, err, s)
		}
	}
}

func TestStatementIsRefused(t *testing.T) {
	text := string(anAcknowledgement().Text())
	edit := func(old, new string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(text, old, new, 1)
	}
	for _, c := range []struct{ reason, text, want string }{
		{"nothing", "", "does not end with a line break"},
		{"another kind", edit("acknowledgement 1", "blessing 1"), "kind of statement"},
		{"a later version", edit("acknowledgement 1", "acknowledgement 2"), "kind of statement"},
		{"bytes before it", "\n" + text, "kind of statement"},
		{"a byte order mark", "\ufeff" + text, "kind of statement"},
		{"bytes after it", text + "x", "does not end with a line break"},
		{"a line after it", text + "\n", "line 9 is not"},
		{"an unknown field", edit("reason: ", "because: "), `no field "because"`},
		{"a field of the other kind", edit("reason: ", "tree: "), `no field "tree"`},
		{"a repeated field", edit("made: ", "ref: refs/heads/other\nmade: "), "the field ref stands there twice"},
		{"the same twice", text + "expires: 2026-03-08T08:00:00Z\n", "the field expires stands there twice"},
		{"a missing field", edit("ref: refs/heads/main\n", ""), "ref is missing"},
		{"an empty field", edit("github.com/acme/fleet", ""), "the field repository is empty"},
		{"no time", edit("made: 2026-03-01T08:00:00Z\n", ""), "is not a time"},
		{"another order", edit("ref: refs/heads/main\nold: 1111111111111111111111111111111111111111\n", "old: 1111111111111111111111111111111111111111\nref: refs/heads/main\n"), "not in the form"},
		{"carriage returns", strings.ReplaceAll(text, "\n", "\r\n"), "kind of statement"},
		{"one carriage return", edit("main\n", "main\r\n"), "not the full name of a ref"},
		{"two blanks", edit("ref: ", "ref:  "), "not the full name of a ref"},
		{"a short id", edit("1111111111111111111111111111111111111111", "11111111"), "old \"11111111\" is not the full id"},
		{"capital digits", edit("2222222222222222222222222222222222222222", strings.Repeat("A", 40)), "not the full id"},
		{"a short name of a ref", edit("refs/heads/main", "main"), "not the full name of a ref"},
		{"the same commit", edit(strings.Repeat("1", 40), strings.Repeat("2", 40)), "the same commit"},
		{"another zone", edit("08:00:00Z\n", "08:00:00+00:00\n"), "not in the form"},
		{"parts of seconds", edit("08:00:00Z\n", "08:00:00.0Z\n"), "not in the form"},
		{"it ends too late", edit("2026-03-08", "2026-05-31"), "valid for more than 90 days"},
		{"it ends before it begins", edit("2026-03-08", "2026-02-08"), "ends before it was made"},
		{"a long reason", edit("a secret was purged", strings.Repeat("x", 501)), "more than 500 bytes"},
		{"a reason that acts on terminals", edit("a secret", "a \x1b[2Jsecret"), "not one line of printable text"},
		{"a reason that turns its direction", edit("a secret", "a \u202esecret"), "not one line of printable text"},
		{"no text", edit("a secret", "a \xff"), "not UTF-8"},
		{"a blank in the repository", edit("acme/fleet", "acme/ fleet"), "blanks"},
		{"too long", text + strings.Repeat("x", 20_000) + "\n", "more than the limit"},
	} {
		if _, err := ParseStatement([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.reason, err, c.want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	f.Add(anAcknowledgement().Text())
	f.Add(anApproval().Text())
	f.Add(append(anApproval().Text(), beginSignature...))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, text, signature, err := SplitStatement(data)
		if err == nil && (!bytes.Equal(append(bytes.Clone(text), signature...), data) || s.Check() != nil) {
			t.Errorf("%q is not %q and %q", data, text, signature)
		}
		if s, err = ParseStatement(data); err == nil && !bytes.Equal(s.Text(), data) {
			t.Errorf("%q is another text than %q", data, s.Text())
		}
	})
}
