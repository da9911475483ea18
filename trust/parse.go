package trust

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-dev/holdfast/source"
	"github.com/holdfast-dev/holdfast/strict"
)

// maxFile bounds a trust file, in bytes.
const maxFile = 1 << 20

// The file as it is written.
type (
	file struct {
		Version     int          `yaml:"version,required"`
		Repository  string       `yaml:"repository,required"`
		Roots       []string     `yaml:"roots"`
		Identities  []identity   `yaml:"identities,required"`
		Refs        []ref        `yaml:"refs"`
		Paths       []pathRule   `yaml:"paths"`
		Safeguards  []string     `yaml:"safeguards"`
		Revocations []revocation `yaml:"revocations"`
		Limits      limits       `yaml:"limits"`
	}
	identity struct {
		Name   string   `yaml:"name,required"`
		Emails []string `yaml:"emails,required"`
		Keys   []key    `yaml:"keys"`
		Roles  []string `yaml:"roles"`
		Bot    *bot     `yaml:"bot"`
	}
	key struct {
		SSH        string `yaml:"ssh"`
		GPG        string `yaml:"gpg"`
		File       string `yaml:"file"`
		ValidFrom  date   `yaml:"validFrom"`
		ValidUntil date   `yaml:"validUntil"`
	}
	bot struct {
		Paths  []string `yaml:"paths,required"`
		Fields []string `yaml:"fields,required"`
	}
	ref struct {
		Match           string        `yaml:"match,required"`
		Rewrite         string        `yaml:"rewrite"`
		Merges          string        `yaml:"merges"`
		UnsignedSide    string        `yaml:"unsignedSide"`
		Who             []string      `yaml:"who"`
		Acknowledge     *quorum       `yaml:"acknowledge"`
		AutoAcknowledge time.Duration `yaml:"autoAcknowledge"`
	}
	quorum struct {
		Of    string `yaml:"of,required"`
		Count int    `yaml:"count,required"`
	}
	pathRule struct {
		Match     []string `yaml:"match,required"`
		Who       []string `yaml:"who,required"`
		Approvals int      `yaml:"approvals"`
	}
	revocation struct {
		Key    string `yaml:"key,required"`
		From   date   `yaml:"from"`
		Reason string `yaml:"reason,required"`
	}
	limits struct {
		Commits int `yaml:"commits"`
		Entries int `yaml:"entries"`
		Depth   int `yaml:"depth"`
		Bytes   int `yaml:"bytes"`
	}
)

// date is a day, or a moment with its time zone.
type date struct{ time.Time }

func (d *date) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			d.Time = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is not a time; write 2026-01-31 (midnight, UTC) or 2026-01-31T12:00:00Z", text)
}

// Parse reads a trust file. The error is a strict.Errors with all mistakes and
// their places.
func Parse(path string, data []byte) (*Trust, error) {
	f := source.NewFile(path, data)
	if len(data) > maxFile {
		return nil, strict.Errors{{Path: path, Position: f.Position(0), Message: fmt.Sprintf("the file has %d bytes, more than the limit of %d", len(data), maxFile)}}
	}
	var raw file
	d := strict.Decode(f, &raw)
	if err := d.Err(); err != nil {
		return nil, err
	}
	p := &parser{Decoder: d, file: f, keys: map[string]string{}, folded: map[string]string{}}
	sum := sha256.Sum256(data)
	p.trust = &Trust{
		Version: raw.Version, Repository: raw.Repository, Roots: raw.Roots, Safeguards: raw.Safeguards,
		path: path, digest: hex.EncodeToString(sum[:]), emails: map[string]*Identity{}, names: map[string]*Identity{},
	}
	p.read(&raw)
	if err := d.Err(); err != nil {
		return nil, err
	}
	return p.trust, nil
}

// parser checks what was decoded, and compiles it.
type parser struct {
	*strict.Decoder
	file   *source.File
	trust  *Trust
	keys   map[string]string // key → who has it
	folded map[string]string // e-mail and name in lower case → identity
}

func (p *parser) read(raw *file) {
	if raw.Version < 1 {
		p.At("version", "", "version must be 1 at first, and grow by one with each change")
	}
	if !plain(raw.Repository) {
		p.At("repository", "such as github.com/acme/deployments", "repository holds blanks or characters that do not print")
	}
	for i, root := range raw.Roots {
		if !isHex(root, 40, 64) {
			p.At(fmt.Sprintf("roots[%d]", i), "", "%q is not the full id of a commit", root)
		}
	}
	if len(raw.Identities) == 0 {
		p.At("identities", "", "identities is empty; then nobody could ever commit again")
	}
	p.trust.Identities = make([]Identity, len(raw.Identities))
	for i := range raw.Identities {
		p.identity(fmt.Sprintf("identities[%d]", i), &raw.Identities[i], &p.trust.Identities[i])
	}
	if len(raw.Identities) > 0 && len(p.trust.Members([]string{string(Admin)})) == 0 {
		p.At("identities", "give one person `roles: [admin]`", "nobody is an admin; then nobody could ever change this file again")
	}
	for i := range raw.Paths {
		p.pathRule(fmt.Sprintf("paths[%d]", i), &raw.Paths[i])
	}
	for i := range raw.Refs {
		p.ref(fmt.Sprintf("refs[%d]", i), &raw.Refs[i])
	}
	p.patterns("safeguards", raw.Safeguards)
	for i := range raw.Revocations {
		p.revocation(fmt.Sprintf("revocations[%d]", i), &raw.Revocations[i])
	}
	l := raw.Limits
	for name, n := range map[string]int{"commits": l.Commits, "entries": l.Entries, "depth": l.Depth, "bytes": l.Bytes} {
		if n < 0 {
			p.At("limits."+name, "", "limits.%s is negative", name)
		}
	}
	p.trust.Limits = Limits{Commits: l.Commits, Entries: l.Entries, Depth: l.Depth, Bytes: int64(l.Bytes)}
}

func (p *parser) patterns(at string, texts []string) {
	for i, text := range texts {
		if err := checkPattern(text); err != nil {
			p.At(fmt.Sprintf("%s[%d]", at, i), "", "the pattern %q %v", text, err)
		}
	}
}

// who checks that each word of a list means somebody.
func (p *parser) who(at string, who []string) {
	known := []string{}
	for i := range p.trust.Identities {
		id := &p.trust.Identities[i]
		known = append(known, id.Name)
		for _, r := range id.Roles {
			known = append(known, string(r))
		}
	}
	slices.Sort(known)
	known = slices.Compact(known)
	if len(who) == 0 {
		p.At(at, "", "%s is empty; name identities or roles", at)
	}
	for i, w := range who {
		if !slices.Contains(known, w) {
			p.At(fmt.Sprintf("%s[%d]", at, i), strict.Suggest(w, known), "%q is neither an identity nor a role that anybody has", w)
		}
	}
}

func (p *parser) pathRule(at string, raw *pathRule) {
	if len(raw.Match) == 0 {
		p.At(at+".match", "", "match is empty")
	}
	p.patterns(at+".match", raw.Match)
	p.who(at+".who", raw.Who)
	rule := PathRule{Match: raw.Match, Who: raw.Who, Approvals: raw.Approvals, patterns: compileAll(raw.Match)}
	if members := len(p.trust.Members(raw.Who)); raw.Approvals < 0 || raw.Approvals > members {
		p.At(at+".approvals", "", "%d approvals are asked for, and %d persons could give one", raw.Approvals, members)
	}
	p.trust.Paths = append(p.trust.Paths, rule)
}

func (p *parser) ref(at string, raw *ref) {
	if err := checkPattern(raw.Match); err != nil {
		p.At(at+".match", "", "the pattern %q %v", raw.Match, err)
	}
	out := strictest(raw.Match)
	out.pattern, out.Who, out.AutoAcknowledge = compile(raw.Match), raw.Who, raw.AutoAcknowledge
	if out.pattern[0] != "refs" {
		p.At(at+".match", "refs/heads/"+raw.Match, "%q is not a full ref name", raw.Match)
	}
	for _, f := range []struct {
		name, value string
		target      *string
		allowed     []string
	}{
		{"rewrite", raw.Rewrite, &out.Rewrite, []string{"hold", "deny"}},
		{"merges", raw.Merges, &out.Merges, []string{"clean", "any"}},
		{"unsignedSide", raw.UnsignedSide, &out.UnsignedSide, []string{"deny", "vouch"}},
	} {
		p.OneOf(at+"."+f.name, f.value, f.allowed...)
		if f.value != "" {
			*f.target = f.value
		}
	}
	if len(raw.Who) > 0 {
		p.who(at+".who", raw.Who)
	}
	if q := raw.Acknowledge; q != nil {
		p.who(at+".acknowledge.of", []string{q.Of})
		if members := len(p.trust.Members([]string{q.Of})); q.Count < 1 || q.Count > members {
			p.At(at+".acknowledge.count", "", "%d acknowledgements are asked for, and %d persons could give one; ask for one at least", q.Count, members)
		}
		out.Acknowledge = Quorum{Of: q.Of, Count: q.Count}
	}
	p.trust.Refs = append(p.trust.Refs, out)
}

func (p *parser) revocation(at string, raw *revocation) {
	id, ok := keyID(raw.Key)
	if !ok {
		p.At(at+".key", "ssh-keygen -lf shows the SHA256:… of an SSH key, gpg --fingerprint that of an OpenPGP key", "%q does not name a key", raw.Key)
	}
	for _, r := range p.trust.Revocations {
		if r.Key == id && ok {
			p.At(at+".key", "", "the key %s is revoked twice", id)
		}
	}
	p.trust.Revocations = append(p.trust.Revocations, Revocation{Key: id, From: raw.From.Time, Reason: raw.Reason})
}
