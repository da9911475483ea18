package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/holdfast-dev/holdfast/strict"
)

// public returns the public key that belongs to a name, always the same one.
func public(t testing.TB, name string) string {
	t.Helper()
	seed := sha256.Sum256([]byte(name))
	k, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(seed[:]).Public())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k)))
}

// sample fills in keys: ${alice} is the public key of alice.
func sample(t testing.TB, text string) string {
	for _, name := range []string{"alice", "bob", "carol", "forge", "bot", "bob2", "mallory"} {
		text = strings.ReplaceAll(text, "${"+name+"}", public(t, name))
	}
	return text
}

const good = `version: 1
repository: github.com/acme/deployments
roots: [1111111111111111111111111111111111111111]
identities:
- name: alice
  emails: [alice@example.com, a@example.com]
  keys: [{ssh: "${alice}"}]
  roles: [admin]
- name: bob
  emails: [bob@example.com]
  keys:
  - {ssh: "${bob}", validUntil: 2026-06-01}
  - {gpg: 0123456789ABCDEF0123456789ABCDEF01234567, file: .holdfast/gpg/bob.asc}
  roles: [applier]
- name: carol
  emails: [carol@example.com]
  keys: [{ssh: "${carol}"}]
  roles: [admin, release]
- name: github
  emails: [noreply@github.com]
  keys: [{ssh: "${forge}"}]
  roles: [forge]
- name: renovate
  emails: [renovate@example.com]
  keys: [{ssh: "${bot}"}]
  roles: [bot]
  bot: {paths: [apps/**], fields: [image]}
refs:
- match: refs/heads/main
  acknowledge: {of: admin, count: 2}
- match: refs/tags/v*
  who: [release]
paths:
- match: [.holdfast/**, .github/**, CODEOWNERS]
  who: [admin]
  approvals: 1
- match: [apps/payments/**]
  who: [alice]
safeguards: [CODEOWNERS, .github/workflows/**]
revocations:
- {key: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", from: 2026-02-01, reason: stolen laptop}
limits: {commits: 1000}
`

func parse(t testing.TB, text string) *Trust {
	t.Helper()
	tr, err := Parse(Path, []byte(sample(t, text)))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestParse(t *testing.T) {
	tr := parse(t, good)
	if tr.Owner("a@example.com") != tr.Identity("alice") || tr.Owner("A@example.com") != nil {
		t.Error("e-mails are those of their identities, byte for byte")
	}
	if k := tr.Identity("bob").Keys; len(k) != 2 || k[0].Line != 12 || k[0].Until.IsZero() || k[1].ID() != "0123456789ABCDEF0123456789ABCDEF01234567" {
		t.Errorf("keys of bob: %+v", k)
	}
	if r := tr.Ref("refs/heads/main"); r.Rewrite != "hold" || r.Merges != "clean" || r.UnsignedSide != "deny" || r.Acknowledge.Count != 2 {
		t.Errorf("what is left out has the strictest value: %+v", r)
	}
	if r := tr.Ref("refs/heads/other"); r.Merges != "clean" || r.Acknowledge.Count != 1 {
		t.Errorf("refs without a rule: %+v", r)
	}
	if tr.Limits.Commits != 1000 || !tr.Guards(".github/workflows/ci.yml") || tr.Guards("apps/x") {
		t.Error("limits and safeguards")
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range []struct{ reason, old, new, want string }{
		{"a misspelt field would have no effect", "approvals: 1", "aprovals: 1", `36:3: unknown field "aprovals"`},
		{"of two values nobody knows which counts", "version: 1", "version: 1\nversion: 2", "version"},
		{"versions begin at one", "version: 1", "version: 0", "version must be 1"},
		{"a key of two identities proves neither", "${carol}", "${alice}", "is that of alice already"},
		{"a person's e-mail is one person's", "emails: [carol@example.com]", "emails: [Bob@example.com]", "is that of bob already"},
		{"lookalikes", "emails: [carol@example.com]", "emails: [cаrol@example.com]", "not one e-mail address in ASCII"},
		{"two of one name", "name: carol", "name: alice", `two identities "alice"`},
		{"a role as a name", "name: carol", "name: admin", `"admin" is a role`},
		{"nobody may ever change it again", "roles: [admin]\n", "roles: []\n", ""},
		{"a bot without limits", "  bot: {paths: [apps/**], fields: [image]}\n", "", "nothing says what it may change"},
		{"a bot with more rights", "roles: [bot]", "roles: [bot, admin]", "can have no other beside it"},
		{"a threshold that nobody reaches", "approvals: 1", "approvals: 3", "3 approvals are asked for, and 2 persons"},
		{"a misspelt role", "who: [admin]", "who: [admins]", `did you mean "admin"?`},
		{"a pattern that never matches", "apps/payments/**", "/apps/payments/**", "begins with a slash"},
		{"a pattern that would not match files", "apps/payments/**", "apps/payments/", "ends in a slash"},
		{"brackets mean nothing", "[apps/payments/**]", `["apps/{a,b}/**"]`, "only *, ? and **"},
		{"short ids", "1111111111111111111111111111111111111111", "1111111", "not the full id"},
		{"a branch by its short name", "match: refs/heads/main", "match: main", "refs/heads/main"},
		{"unknown values", "acknowledge: {of: admin, count: 2}", "merges: all", "must be clean or any"},
		{"a quorum that nobody reaches", "count: 2", "count: 5", "5 acknowledgements"},
		{"a quorum of none", "count: 2", "count: 0", "0 acknowledgements"},
		{"a window that is empty", "validUntil: 2026-06-01", "validUntil: 2026-06-01, validFrom: 2027-01-01", "never be valid"},
		{"a local time", "validUntil: 2026-06-01", `validUntil: "2026-06-01 10:00"`, "is not a time"},
		{"a short fingerprint", "gpg: 0123456789ABCDEF0123456789ABCDEF01234567", "gpg: 89ABCDEF01234567", "full fingerprint"},
		{"a key file outside", "file: .holdfast/gpg/bob.asc", "file: apps/bob.asc", "below .holdfast"},
		{"a key file outside by dots", "file: .holdfast/gpg/bob.asc", "file: .holdfast/../bob.asc", "below .holdfast"},
		{"a key that is cut short", "${bob}", "ssh-ed25519 AAAA", "damaged"},
		{"a key by another type", "${bob}", "ssh-rsa " + strings.Fields(public(t, "bob"))[1], "is of type ssh-ed25519"},
		{"two documents", "limits: {commits: 1000}", "---\nversion: 2", "one document"},
	} {
		text := sample(t, strings.Replace(good, c.old, c.new, 1))
		if c.want == "" {
			text = sample(t, strings.ReplaceAll(strings.Replace(good, "roles: [admin]", "roles: []", 1), "[admin, release]", "[release]"))
			c.want = "nobody is an admin"
		}
		_, err := Parse(Path, []byte(text))
		var mistakes strict.Errors
		if !errors.As(err, &mistakes) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.reason, err, c.want)
		}
	}
}

func TestRules(t *testing.T) {
	tr := parse(t, good)
	for path, want := range map[string]int{
		".holdfast/trust.yaml": 1, ".holdfast": 1, ".holdfast/a/b/c": 1, "CODEOWNERS": 1, "docs/CODEOWNERS": 0,
		".github/workflows/ci.yml": 1, "apps/payments/x": 1, "apps/payments": 1, "apps/web/x": 0, "xapps/payments/x": 0,
	} {
		if got := len(tr.Rules(path)); got != want {
			t.Errorf("%s: %d rules; want %d", path, got, want)
		}
	}
	people, _, _ := strings.Cut(good, "refs:")
	bare := parse(t, people)
	if r := bare.Rules(".holdfast/waivers.yaml"); len(r) != 1 || !slices.Equal(r[0].Who, []string{"admin"}) {
		t.Errorf("without rules, .holdfast is the admins': %v", r)
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"**", "a/b", true}, {"**/x", "x", true}, {"**/x", "a/b/x", true}, {"a/**/b", "a/b", true}, {"a/**/b", "a/x/y/b", true},
		{"a/**/b", "a/x", false}, {"a/*", "a/b", true}, {"a/*", "a/b/c", false}, {"*.yaml", "x.yaml", true}, {"*.yaml", "a/x.yaml", false},
		{"a?c", "abc", true}, {"a?c", "a/c", false}, {"a*b*c", "aXbYc", true}, {"a*b*c", "aXcYb", false}, {"**/a/**/b", "a/x/a/b", true},
	} {
		if got := compile(c.pattern).match(c.path); got != c.want {
			t.Errorf("%s on %s: %v", c.pattern, c.path, got)
		}
	}
}

func TestJudge(t *testing.T) {
	tr := parse(t, good)
	by := func(names ...string) (out []*Identity) {
		for _, n := range names {
			out = append(out, tr.Identity(n))
		}
		return out
	}
	one, none := &PathRule{Who: []string{"admin"}, Approvals: 1}, &PathRule{Who: []string{"admin"}}
	two := &PathRule{Who: []string{"admin"}, Approvals: 2}
	for _, c := range []struct {
		reason    string
		rule      *PathRule
		author    string
		approvers []string
		want      Verdict
	}{
		{"one of those who may", none, "alice", nil, Allowed},
		{"not one of them", none, "bob", nil, Forbidden},
		{"approved by one who may", none, "bob", []string{"alice"}, Allowed},
		{"approved by one who may not", none, "bob", []string{"bob"}, Forbidden},
		{"nobody approves their own change", one, "alice", []string{"alice"}, TooFew},
		{"one other", one, "alice", []string{"carol"}, Allowed},
		{"one person twice is one", two, "bob", []string{"alice", "alice"}, TooFew},
		{"two", two, "bob", []string{"alice", "carol"}, Allowed},
		{"the forge speaks for nobody", one, "alice", []string{"github"}, TooFew},
		{"a stranger", none, "nobody", nil, Forbidden},
	} {
		got, _ := tr.Judge(c.rule, tr.Identity(c.author), by(c.approvers...))
		if got != c.want {
			t.Errorf("%s: %v; want %v", c.reason, got, c.want)
		}
	}
}

func TestRevoked(t *testing.T) {
	tr := parse(t, good)
	key := tr.Revocations[0].Key
	day := tr.Revocations[0].From
	if _, ok := tr.Revoked(key, day.Add(-time.Second)); ok {
		t.Error("what was seen before the theft stays good")
	}
	if _, ok := tr.Revoked(key, day); !ok {
		t.Error("the stolen key counts")
	}
}

func TestCompare(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	before := parse(t, good)
	for _, c := range []struct{ reason, old, new, want string }{
		{"nothing", "", "", ""},
		{"the version stands still", "limits: {commits: 1000}", "limits: {commits: 100}", "must be more than 1"},
		{"the last version there is", "version: 1", "version: 9223372036854775807", "hardly any is left"},
		{"another repository", "acme/deployments", "acme/other", "the repository is"},
		{"a lower threshold", "approvals: 1", "approvals: 0", "needs 0 approvals, and needed 1"},
		{"a rule gone", "CODEOWNERS]\n  who", "X]\n  who", "who may change CODEOWNERS"},
		{"a key gone", `keys: [{ssh: "${carol}"}]`, "keys: []", "of carol is gone"},
		{"a key ended with none to follow", `{ssh: "${carol}"}`, `{ssh: "${carol}", validUntil: 2026-02-01}`, "the last key of carol"},
		{"an identity gone", "- name: bob\n", "- name: rob\n", "bob is gone"},
		{"a role gone", "[admin, release]", "[admin, x]", ""},
		{"a revocation gone", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "no longer revoked"},
		{"a later revocation", "from: 2026-02-01", "from: 2026-02-20", "from a later day"},
		{"a safeguard gone", "safeguards: [CODEOWNERS, ", "safeguards: [", "the safeguard CODEOWNERS is gone"},
		{"a root gone", "roots: [1111111111111111111111111111111111111111]", "roots: []", "the root commit"},
		{"vouching", "acknowledge: {of: admin, count: 2}", "unsignedSide: vouch", "vouches for unsigned"},
		{"fewer to acknowledge", "count: 2", "count: 1", "needs 1 acknowledgements, and needed 2"},
		{"a key for longer", ", validUntil: 2026-06-01", "", "is valid for longer"},
		{"a new key", `keys: [{ssh: "${alice}"}]`, `keys: [{ssh: "${alice}"}, {ssh: "${mallory}"}]`, "alice has the key"},
		{"more for a bot", "fields: [image]", "fields: [image, command]", "may change command"},
		{"a rule that takes the place of another", "refs:\n", "refs:\n- match: refs/heads/**\n  acknowledge: {of: admin, count: 1}\n", "needs 1 acknowledgements, and needed 2"},
		{"a rule for other refs", "refs:\n", "refs:\n- match: refs/heads/other\n  acknowledge: {of: admin, count: 1}\n", ""},
		{"rotation", `{ssh: "${bob}", validUntil: 2026-06-01}`, `{ssh: "${bob}", validUntil: 2026-02-01}, {ssh: "${bob2}"}`, ""},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if c.reason == "a role gone" {
			text = strings.Replace(strings.Replace(good, "[admin, release]", "[admin]", 1), "who: [release]", "who: [admin]", 1)
			c.want = "no longer has the role release"
		}
		if !strings.HasPrefix(c.reason, "the version") && !strings.HasPrefix(c.reason, "the last version") && text != good {
			text = strings.Replace(text, "version: 1", "version: 2", 1)
		}
		if c.reason == "rotation" {
			// In a block list an entry stands on a line of its own.
			text = strings.Replace(text, "}, {ssh", "}\n  - {ssh", 1)
			if got := Shrinks(before, parse(t, text), now); len(got) > 0 {
				t.Errorf("rotation takes nothing away: %v", got)
			}
			continue
		}
		got := Compare(before, parse(t, text), now).String()
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q; want %q", c.reason, got, c.want)
		}
	}
}

func TestBotFields(t *testing.T) {
	b := &BotRule{Fields: []string{"image", "spec.replicas"}}
	for path, want := range map[string]bool{
		"spec.template.spec.containers.image": true, "image": true, "xspec.replicas": false, "spec.replicas": true, "status.replicas": false, "myimage": false,
	} {
		if got := b.Field(strings.Split(path, ".")); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample(f, good)))
	f.Add([]byte("version: 1\nrepository: x\nidentities: [{name: a, emails: [a@b], keys: [{}], roles: [admin]}]"))
	f.Add([]byte("version: 1\nversion: 2"))
	f.Fuzz(func(t *testing.T, data []byte) {
		tr, err := Parse(Path, data)
		if err != nil {
			var mistakes strict.Errors
			if !errors.As(err, &mistakes) {
				t.Fatalf("an error without places: %v", err)
			}
			return
		}
		if len(tr.Members([]string{string(Admin)})) == 0 {
			t.Fatal("nobody could change it again")
		}
		keys := map[string]bool{}
		for _, id := range tr.Identities {
			for _, k := range id.Keys {
				if keys[k.ID()] {
					t.Fatalf("the key %s has two identities", k.ID())
				}
				keys[k.ID()] = true
			}
		}
		if got := Compare(tr, tr, time.Time{}).String(); got != "" {
			t.Fatalf("differs from itself: %s", got)
		}
		_ = fmt.Sprint(tr.Rules("a/b"), tr.Ref("refs/heads/main"))
	})
}

// What holds for .holdfast by itself ends where a rule begins: that is no rule more.
func TestCompareOwnRule(t *testing.T) {
	without := strings.Replace(good, ".holdfast/**, ", "", 1)
	with := strings.Replace(strings.Replace(without, "paths:\n", "paths:\n- match: [.holdfast/waivers.yaml]\n  who: [release]\n", 1), "version: 1", "version: 2", 1)
	d := Compare(parse(t, without), parse(t, with), time.Time{})
	if len(d.Grants) == 0 || len(d.Shrinks) == 0 {
		t.Errorf("%+v", d)
	}
}
