package trust

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Path is where a repository keeps its trust file.
const Path = ".holdfast/trust.yaml"

// Role is a name for several identities. Teams may be given any name.
type Role string

// The roles that have a meaning of their own.
const (
	Admin      Role = "admin"      // may change whom to trust
	Maintainer Role = "maintainer" // no more than its name says
	Release    Role = "release"    // no more than its name says
	Waiver     Role = "waiver"     // no more than its name says
	Applier    Role = "applier"    // may commit what somebody else wrote
	Forge      Role = "forge"      // merges, and squashes what was approved; nothing else
	Bot        Role = "bot"        // changes some fields of some files; nothing else
)

// Trust is one version of the trust file.
type Trust struct {
	Version    int
	Repository string   // what signed statements name, so that they count nowhere else
	Roots      []string // ids of commits that every accepted history contains
	Identities []Identity
	// Refs and Paths are in the order of the file.
	Refs        []Ref
	Paths       []PathRule
	Safeguards  []string // patterns of files that take part in keeping the repository safe
	Revocations []Revocation
	Limits      Limits

	path   string
	digest string
	emails map[string]*Identity
	names  map[string]*Identity
}

// Identity is a person or a machine.
type Identity struct {
	Name   string
	Emails []string
	Keys   []Key
	Roles  []Role
	Bot    *BotRule // only, and always, with the role bot
}

// Key is a key of an identity. Exactly one of SSH and Fingerprint is set. Other
// keys of an identity may be those that the signers files list for its e-mails.
type Key struct {
	SSH         ssh.PublicKey
	Fingerprint string // of an OpenPGP primary key, in upper case hexadecimal digits
	File        string // where the OpenPGP key is
	From, Until time.Time
	Line        int // in the trust file, from 1

	id string
}

// ID names the key as signatures do: SHA256:… or the fingerprint.
func (k Key) ID() string { return k.id }

// BotRule is what a bot may change.
type BotRule struct {
	Paths  []string
	Fields []string // names of fields, or ends of their paths: image, spec.replicas

	patterns []pattern
}

// PathRule says who may change files.
type PathRule struct {
	Match     []string
	Who       []string // roles and names of identities: who may change, and who may approve
	Approvals int      // of how many others out of Who

	patterns []pattern
}

// Ref says what may happen to refs. Fields that the file leaves out have the
// strictest value.
type Ref struct {
	Match           string
	Rewrite         string // hold or deny
	Merges          string // clean or any
	UnsignedSide    string // deny or vouch
	Who             []string
	Acknowledge     Quorum        // who releases what is held
	AutoAcknowledge time.Duration // since the tip was seen, within which its author may replace it by the same content; 0 for never

	pattern pattern
}

// The values of Merges and UnsignedSide that allow more than the strictest ones.
const (
	AnyMerge = "any"
	Vouch    = "vouch"
)

// Quorum is a number of distinct identities out of a role, or a single identity.
type Quorum struct {
	Of    string
	Count int
}

// Revocation is a key that was stolen or lost. What was first seen before From
// stays trusted; if that is zero, nothing that is not accepted yet counts.
type Revocation struct {
	Key    string // SHA256:…, or an OpenPGP fingerprint in upper case hexadecimal digits
	From   time.Time
	Reason string
}

// Limits bound what is verified. Zero means the built-in limit.
type Limits struct {
	Commits, Entries, Depth int
	Bytes                   int64
}

// File returns the path that the trust file was read from.
func (t *Trust) File() string { return t.path }

// Digest returns the SHA-256 of the file in hexadecimal digits.
func (t *Trust) Digest() string { return t.digest }

// Owner returns the identity of an e-mail, compared byte for byte, or nil.
func (t *Trust) Owner(email string) *Identity { return t.emails[email] }

// Identity returns the identity of a name, or nil.
func (t *Trust) Identity(name string) *Identity { return t.names[name] }

// Has reports whether the identity has a role.
func (i *Identity) Has(role Role) bool { return i != nil && slices.Contains(i.Roles, role) }

// In reports whether the identity is one of those that a list of roles and names
// means.
func (i *Identity) In(who []string) bool {
	return i != nil && slices.ContainsFunc(who, func(w string) bool { return w == i.Name || i.Has(Role(w)) })
}

// Person reports whether the identity may approve: forges and bots act for
// others, and cannot.
func (i *Identity) Person() bool { return i != nil && !i.Has(Forge) && !i.Has(Bot) }

// Members returns the persons that a list of roles and names means, by name.
func (t *Trust) Members(who []string) []*Identity {
	var members []*Identity
	for i := range t.Identities {
		if id := &t.Identities[i]; id.Person() && id.In(who) {
			members = append(members, id)
		}
	}
	slices.SortFunc(members, func(a, b *Identity) int { return strings.Compare(a.Name, b.Name) })
	return members
}

// ownRule guards the files that say whom to trust where no rule does.
var ownRule = PathRule{Match: []string{".holdfast/**"}, Who: []string{string(Admin)}}

// Rules returns all rules that hold for a path.
func (t *Trust) Rules(path string) []*PathRule {
	var rules []*PathRule
	for i := range t.Paths {
		if matchAny(t.Paths[i].patterns, path) {
			rules = append(rules, &t.Paths[i])
		}
	}
	if len(rules) == 0 && (path == ".holdfast" || strings.HasPrefix(path, ".holdfast/")) {
		rules = append(rules, &ownRule)
	}
	return rules
}

// Protects reports whether a rule names a path by more than a pattern for all paths.
func (t *Trust) Protects(path string) bool {
	return slices.ContainsFunc(t.Rules(path), func(rule *PathRule) bool {
		return slices.ContainsFunc(rule.patterns, func(p pattern) bool { return !slices.Equal(p, pattern{"**"}) && p.match(path) }) || rule == &ownRule
	})
}

// Ref returns what holds for a full ref name: the first rule of the file that
// matches, or the strictest one.
func (t *Trust) Ref(name string) Ref {
	for i := range t.Refs {
		if t.Refs[i].pattern.match(name) {
			return t.Refs[i]
		}
	}
	return strictest(name)
}

func strictest(match string) Ref {
	return Ref{Match: match, Rewrite: "hold", Merges: "clean", UnsignedSide: "deny", Acknowledge: Quorum{Of: string(Admin), Count: 1}}
}

// Guards reports whether the file lists a path among the safeguards.
func (t *Trust) Guards(path string) bool {
	return slices.ContainsFunc(t.Safeguards, func(s string) bool { return compile(s).match(path) })
}

// Revoked returns the revocation of a key that holds for what was first seen at
// a time, if there is one.
func (t *Trust) Revoked(key string, seen time.Time) (Revocation, bool) {
	for _, r := range t.Revocations {
		if r.Key == key && (r.From.IsZero() || !seen.Before(r.From)) {
			return r, true
		}
	}
	return Revocation{}, false
}

// Verdict is what a rule says of a change.
type Verdict int

// The verdicts on a change.
const (
	Allowed   Verdict = iota
	Forbidden         // the signer may not, and nobody who may has approved
	TooFew            // more have to approve
)

// Judge says whether a change under the rule is sound. Those who may change a
// file may also approve what somebody else wrote. Approvers that the rule does
// not name, the author and all that stand there twice count for nothing. It
// returns who did count, by name.
func (t *Trust) Judge(rule *PathRule, author *Identity, approvers []*Identity) (Verdict, []string) {
	var counted []string
	for _, a := range approvers {
		if a == nil || author != nil && a.Name == author.Name || !a.Person() || !a.In(rule.Who) || slices.Contains(counted, a.Name) {
			continue
		}
		counted = append(counted, a.Name)
	}
	slices.Sort(counted)
	need := rule.Approvals
	if !author.In(rule.Who) {
		need = max(need, 1)
		if len(counted) == 0 {
			return Forbidden, nil
		}
	}
	if len(counted) < need {
		return TooFew, counted
	}
	return Allowed, counted
}

// May reports whether a path is among those that the bot may change.
func (b *BotRule) May(path string) bool { return matchAny(b.patterns, path) }

// Field reports whether a field is among those that the bot may change. The path
// has its names only, without places in lists.
func (b *BotRule) Field(path []string) bool {
	full := "." + strings.Join(path, ".")
	return slices.ContainsFunc(b.Fields, func(f string) bool { return strings.HasSuffix(full, "."+f) })
}
