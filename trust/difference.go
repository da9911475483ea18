package trust

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Difference is what one version of the trust file grants and takes away
// compared with another, in sentences for people.
type Difference struct {
	Grants  []string // more may be done, or by more
	Shrinks []string // what protects is taken away: keys, thresholds, rules, revocations
	Invalid []string // what no version may do to the one before
}

// Shrinks lists what a new version takes away. A key that ends is no loss to an
// identity that has another.
func Shrinks(before, after *Trust, now time.Time) []string {
	return Compare(before, after, now).Shrinks
}

// maxVersion leaves room for later versions: without it, nobody could change the file.
const maxVersion = 1 << 53

// Compare says what changed. Now decides which keys are still of use.
func Compare(before, after *Trust, now time.Time) Difference {
	var d Difference
	if after.digest != before.digest && after.Version <= before.Version {
		d.Invalid = append(d.Invalid, fmt.Sprintf("the version is %d and must be more than %d, since the file was changed", after.Version, before.Version))
	}
	if after.Version > maxVersion && before.Version <= maxVersion {
		d.Invalid = append(d.Invalid, fmt.Sprintf("the version is %d: hardly any is left for those that follow", after.Version))
	}
	if after.Repository != before.Repository {
		d.Invalid = append(d.Invalid, fmt.Sprintf("the repository is %q and was %q: what was signed for one would not count in the other", after.Repository, before.Repository))
	}
	d.lists("the root commit", before.Roots, after.Roots, false)
	d.lists("the safeguard", before.Safeguards, after.Safeguards, false)
	d.identities(before, after, now)
	d.paths(before, after)
	d.refs(before, after)
	for _, r := range before.Revocations {
		i := slices.IndexFunc(after.Revocations, func(o Revocation) bool { return o.Key == r.Key })
		switch {
		case i < 0:
			d.shrink("the key %s is no longer revoked", r.Key)
		case after.Revocations[i].From.After(r.From):
			d.shrink("the key %s is revoked from a later day on", r.Key)
		}
	}
	for _, l := range []struct {
		name          string
		before, after int64
	}{
		{"commits", int64(before.Limits.Commits), int64(after.Limits.Commits)},
		{"entries", int64(before.Limits.Entries), int64(after.Limits.Entries)},
		{"depth", int64(before.Limits.Depth), int64(after.Limits.Depth)},
		{"bytes", before.Limits.Bytes, after.Limits.Bytes},
	} {
		if l.before != 0 && (l.after == 0 || l.after > l.before) {
			d.grant("the limit of %s is raised", l.name)
		}
	}
	return d
}

func (d *Difference) grant(format string, args ...any) {
	d.Grants = append(d.Grants, fmt.Sprintf(format, args...))
}

func (d *Difference) shrink(format string, args ...any) {
	d.Shrinks = append(d.Shrinks, fmt.Sprintf(format, args...))
}

// lists compares lists that protect by what is in them, or grant by it.
func (d *Difference) lists(what string, before, after []string, grants bool) {
	for _, s := range before {
		if !slices.Contains(after, s) {
			d.shrink("%s %s is gone", what, s)
		}
	}
	for _, s := range after {
		if grants && !slices.Contains(before, s) {
			d.grant("%s %s is new", what, s)
		}
	}
}

func (d *Difference) identities(before, after *Trust, now time.Time) {
	for i := range before.Identities {
		old := &before.Identities[i]
		new := after.Identity(old.Name)
		if new == nil {
			d.shrink("%s is gone", old.Name)
			continue
		}
		d.lists("the e-mail of "+old.Name, old.Emails, new.Emails, true)
		d.roles(old, new)
		d.keys(old, new, now)
	}
	for i := range after.Identities {
		if before.Identity(after.Identities[i].Name) == nil {
			d.grant("%s is new", after.Identities[i].Name)
		}
	}
}

// limiting are the roles that take rights away from who has them.
var limiting = []Role{Forge, Bot}

func (d *Difference) roles(old, new *Identity) {
	for _, r := range old.Roles {
		if !new.Has(r) {
			if slices.Contains(limiting, r) {
				d.grant("%s is no longer limited by the role %s", old.Name, r)
			}
			d.shrink("%s no longer has the role %s", old.Name, r)
		}
	}
	for _, r := range new.Roles {
		if !old.Has(r) {
			d.grant("%s has the role %s", old.Name, r)
		}
	}
	if old.Bot == nil || new.Bot == nil {
		return
	}
	for _, l := range [][2][]string{{old.Bot.Paths, new.Bot.Paths}, {old.Bot.Fields, new.Bot.Fields}} {
		for _, s := range l[1] {
			if !slices.Contains(l[0], s) {
				d.grant("the bot %s may change %s", old.Name, s)
			}
		}
	}
}

func (d *Difference) keys(old, new *Identity, now time.Time) {
	usable := func(k Key) bool { return k.Until.IsZero() || now.Before(k.Until) }
	// A key that counts already, or will within days, takes the place of another.
	successor := slices.ContainsFunc(new.Keys, usable)
	for _, k := range old.Keys {
		i := slices.IndexFunc(new.Keys, func(o Key) bool { return o.ID() == k.ID() })
		switch {
		case i < 0:
			if usable(k) {
				d.shrink("the key %s of %s is gone", k.ID(), old.Name)
			}
		case new.Keys[i].From.Before(k.From) || later(new.Keys[i].Until, k.Until):
			d.grant("the key %s of %s is valid for longer", k.ID(), old.Name)
		case usable(k) && !usable(new.Keys[i]) && !successor:
			d.shrink("the last key of %s has ended", old.Name)
		}
	}
	for _, k := range new.Keys {
		if !slices.ContainsFunc(old.Keys, func(o Key) bool { return o.ID() == k.ID() }) {
			d.grant("%s has the key %s", new.Name, k.ID())
		}
	}
}

// later reports whether a key ends later than before; zero is never.
func later(after, before time.Time) bool {
	return !before.IsZero() && (after.IsZero() || after.After(before))
}

// paths compares pattern by pattern: how rules are grouped means nothing.
func (d *Difference) paths(before, after *Trust) {
	for _, old := range before.Paths {
		for _, m := range old.Match {
			d.rule(m, &old, after)
		}
	}
	// The rule that is there by itself ends where another one begins.
	for _, file := range []string{Path, ".holdfast/allowed_signers", ".holdfast/waivers.yaml", ".holdfast/policies/x.yaml"} {
		if !slices.Equal(before.Rules(file), []*PathRule{&ownRule}) {
			continue
		}
		for _, rule := range after.Rules(file) {
			for _, w := range missing(rule.Who, ownRule.Who) {
				d.grant("%s may change %s", w, file)
				d.shrink("%s may change %s, which was for %s", w, file, ownRule.Who[0])
			}
		}
	}
}

// rule looks for a rule on the same pattern that is as strict as the old one.
func (d *Difference) rule(match string, old *PathRule, after *Trust) {
	var best *PathRule
	for i := range after.Paths {
		r := &after.Paths[i]
		if slices.Contains(r.Match, match) && (best == nil || r.Approvals > best.Approvals) {
			best = r
		}
	}
	switch {
	case best == nil:
		d.shrink("nothing says any more who may change %s", match)
		return
	case best.Approvals < old.Approvals:
		d.shrink("%s needs %d approvals, and needed %d", match, best.Approvals, old.Approvals)
	}
	for _, w := range best.Who {
		if !slices.Contains(old.Who, w) {
			d.grant("%s may change %s", w, match)
		}
	}
}

func (d *Difference) refs(before, after *Trust) {
	for _, old := range before.Refs {
		new := strictest(old.Match)
		for _, r := range after.Refs {
			if r.Match == old.Match {
				new = r
				break
			}
			// The first rule that matches counts: one that now comes before takes its place.
			if !precedes(before.Refs, r.Match, old.Match) && r.mayHold(old) {
				d.ref(old, r)
			}
		}
		d.ref(old, new)
	}
	for _, new := range after.Refs {
		known := slices.ContainsFunc(before.Refs, func(r Ref) bool { return r.Match == new.Match })
		if !known && (new.Merges != "clean" || new.UnsignedSide != "deny" || new.AutoAcknowledge > 0) {
			d.shrink("the rule for %s allows more than there was without it", new.Match)
		}
	}
}

// precedes reports whether the rule of one pattern stands before that of another.
func precedes(rules []Ref, match, other string) bool {
	index := func(m string) int { return slices.IndexFunc(rules, func(r Ref) bool { return r.Match == m }) }
	first := index(match)
	return first >= 0 && first < index(other)
}

// mayHold reports whether a rule may hold for refs of another one: with doubt, it does.
func (r Ref) mayHold(other Ref) bool {
	literal := func(m string) string { return m[:strings.IndexAny(m+"*", "*?")] }
	a, b := literal(r.Match), literal(other.Match)
	switch {
	case b == other.Match:
		return r.pattern.match(b)
	case a == r.Match:
		return other.pattern.match(a)
	}
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}

// ref compares what holds for a ref with what held.
func (d *Difference) ref(old, new Ref) {
	name := old.Match
	// Without a rule the strictest values hold; what the old one demanded beyond
	// them would be lost.
	if old.Rewrite == "deny" && new.Rewrite != "deny" {
		d.shrink("a rewrite of %s is held, and was denied", name)
	}
	if old.Merges == "clean" && new.Merges != "clean" {
		d.shrink("merges into %s need not be clean any more", name)
	}
	if old.UnsignedSide == "deny" && new.UnsignedSide != "deny" {
		d.shrink("a merge into %s vouches for unsigned commits", name)
	}
	if new.Acknowledge.Count < old.Acknowledge.Count {
		d.shrink("what is held on %s needs %d acknowledgements, and needed %d", name, new.Acknowledge.Count, old.Acknowledge.Count)
	}
	if new.Acknowledge.Of != old.Acknowledge.Of {
		d.grant("%s may acknowledge what is held on %s", new.Acknowledge.Of, name)
	}
	if new.AutoAcknowledge > old.AutoAcknowledge {
		d.shrink("rewrites of %s by their author pass for %s", name, new.AutoAcknowledge)
	}
	if len(old.Who) > 0 && len(new.Who) == 0 {
		d.shrink("nothing says any more who may sign for %s", name)
	}
	for _, w := range new.Who {
		if len(old.Who) > 0 && !slices.Contains(old.Who, w) {
			d.grant("%s may sign for %s", w, name)
		}
	}
}

// String joins what a difference says.
func (d Difference) String() string {
	return strings.Join(slices.Concat(d.Invalid, d.Shrinks, d.Grants), "; ")
}

// missing returns what of a is not in b.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}
