package safeguard

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// ownerPlaces are where forges look for CODEOWNERS: GitHub takes the first of
// .github, the root and docs; GitLab of the root, docs and .gitlab.
var ownerPlaces = []string{".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS", ".gitea/CODEOWNERS", ".forgejo/CODEOWNERS"}

func isOwners(name string) bool { return slices.Contains(ownerPlaces, name) }

// ownerLine is one line of CODEOWNERS.
type ownerLine struct {
	section   string // in lower case
	optional  bool   // GitLab: approval of its owners is not needed
	approvals int
	pattern   string
	owners    []string // sorted; none means that nobody owns it
	span      source.Span
}

// parseOwners reads a CODEOWNERS file of GitHub, GitLab, Gitea or Forgejo. What is
// no line of owners is left out, as forges do.
func parseOwners(file *source.File) (all []ownerLine) {
	if file == nil {
		return nil
	}
	section, optional, approvals := "", false, 1
	var defaults []string
	for n := 1; n <= file.Lines(); n++ {
		span := file.Line(n)
		line := bytes.TrimSpace(file.Content[span.Start:span.End])
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		if name, optionally, number, owners, ok := parseSection(string(line)); ok {
			section, optional, approvals, defaults = name, optionally, number, owners
			continue
		}
		words := ownerWords(string(line))
		if len(words) == 0 {
			continue
		}
		owners := ownersOf(words[1:])
		if len(owners) == 0 && !strings.HasPrefix(words[0], "!") {
			owners = defaults
		}
		all = append(all, ownerLine{section, optional, approvals, words[0], owners, span})
	}
	return all
}

// parseSection reads "[name]", "^[name]" and "[name][2] @owner".
func parseSection(line string) (name string, optional bool, approvals int, owners []string, ok bool) {
	rest, optional := strings.CutPrefix(line, "^")
	if !strings.HasPrefix(rest, "[") {
		return "", false, 0, nil, false
	}
	name, rest, ok = strings.Cut(rest[1:], "]")
	if !ok {
		return "", false, 0, nil, false
	}
	approvals = 1
	if inner, after, counted := strings.Cut(strings.TrimPrefix(rest, "["), "]"); counted && strings.HasPrefix(rest, "[") {
		n := 0
		for _, c := range inner {
			if c < '0' || c > '9' || n > 1000 {
				return "", false, 0, nil, false
			}
			n = n*10 + int(c-'0')
		}
		approvals, rest = n, after
	}
	return strings.ToLower(strings.TrimSpace(name)), optional, approvals, ownersOf(ownerWords(rest)), true
}

// ownerWords parts a line at blanks; a backslash keeps one, and # ends the line.
func ownerWords(line string) (words []string) {
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
			word.Reset()
		}
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
		case c == ' ' || c == '\t':
			flush()
		case c == '#' && word.Len() == 0 && len(words) > 0:
			return words
		default:
			word.WriteByte(c)
		}
	}
	flush()
	return words
}

func ownersOf(words []string) (all []string) {
	for _, w := range words {
		if strings.Contains(w, "@") {
			all = append(all, strings.ToLower(w))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// owners compares CODEOWNERS in all its places. A file that moves to another place
// that the forge reads is compared as one.
func owners(c *comparison) error {
	pairs := c.files(isOwners)
	for _, p := range pairs {
		c.kept(Owners, p)
		to := p.new
		if p.old != nil && to == nil {
			moved := slices.IndexFunc(pairs, func(o pair) bool { return o.old == nil && o.new != nil })
			if moved < 0 {
				c.add(Change{Kind: Owners, Path: p.path, Loss: "removed", Text: fmt.Sprintf("%s is gone: nobody has to review any more", p.path), At: in(p.old, nil)})
				continue
			}
			to = pairs[moved].new
		}
		if p.old != nil {
			c.owners(p.path, p.old, to)
		} else if p.new != nil && !slices.ContainsFunc(pairs, func(o pair) bool { return o.old != nil && o.new == nil }) {
			if err := c.shadowed(p); err != nil {
				return err
			}
		}
	}
	return nil
}

// shadowed says that a new file takes the place of one that is read no more.
func (c *comparison) shadowed(p pair) error {
	for _, place := range ownerPlaces {
		if place == p.path {
			continue
		}
		other, err := regular(c.after, place)
		if err != nil {
			return err
		}
		if other != nil {
			lines := counting(parseOwners(p.new))
			for _, l := range counting(parseOwners(other)) {
				if !slices.ContainsFunc(lines, func(n ownerLine) bool {
					return n.pattern == l.pattern && len(missing(n.owners, l.owners)) == 0 && len(n.owners) > 0
				}) {
					c.add(Change{Kind: Owners, Path: p.path, Loss: "shadowed", At: in(p.new, nil),
						Text: fmt.Sprintf("%s may be read instead of %s, and has no owners of %s as that has", p.path, place, l.pattern)})
					return nil
				}
			}
		}
	}
	return nil
}

func (c *comparison) owners(name string, old, now *source.File) {
	lines := counting(parseOwners(now))
	say := func(loss string, l *ownerLine, format string, args ...any) {
		change := Change{Kind: Owners, Path: name, Loss: loss, Text: fmt.Sprintf(format, args...), At: in(now, nil)}
		if l != nil {
			change.Name, change.At = l.pattern, resource.Location{File: now, Span: l.span, Exact: true}.OrLine()
		}
		c.add(change)
	}
	before := counting(parseOwners(old))
	for _, was := range before {
		i := slices.IndexFunc(lines, func(l ownerLine) bool { return l.pattern == was.pattern && l.section == was.section })
		if i < 0 {
			i = slices.IndexFunc(lines, func(l ownerLine) bool { return l.pattern == was.pattern })
		}
		if i < 0 {
			if len(was.owners) > 0 {
				change := was
				say("line", nil, "nobody owns %s any more", change.pattern)
				c.found[len(c.found)-1].Name = was.pattern
			}
			continue
		}
		is := lines[i]
		more := missing(is.owners, was.owners)
		switch {
		case len(was.owners) > 0 && len(is.owners) == 0:
			say("line", &is, "nobody owns %s any more", is.pattern)
		case len(was.owners) > 0 && len(more) > 0:
			say("widened", &is, "%s may approve changes of %s, too", strings.Join(more, ", "), is.pattern)
		case is.optional && !was.optional, is.approvals < was.approvals:
			say("optional", &is, "fewer approvals are needed for %s", is.pattern)
		}
	}
	// Later lines count, so that a new one takes away from those before it.
	for i, is := range lines {
		known := slices.ContainsFunc(before, func(l ownerLine) bool { return l.pattern == is.pattern })
		if known || i == 0 {
			continue
		}
		for _, earlier := range lines[:i] {
			if earlier.section == is.section && len(earlier.owners) > 0 && overlaps(earlier.pattern, is.pattern) && len(missing(is.owners, earlier.owners)) > 0 ||
				len(is.owners) == 0 && overlaps(earlier.pattern, is.pattern) {
				say("overridden", &is, "the line for %s counts instead of the one for %s", is.pattern, earlier.pattern)
				break
			}
		}
	}
	c.reordered(before, lines, say)
}

// counting leaves out lines whose pattern comes again in the same section: the last one
// counts.
func counting(lines []ownerLine) (out []ownerLine) {
	for i, l := range lines {
		if !slices.ContainsFunc(lines[i+1:], func(later ownerLine) bool { return later.section == l.section && later.pattern == l.pattern }) {
			out = append(out, l)
		}
	}
	return out
}

// reordered says that a line that counted is now followed by one that holds for
// the same paths.
func (c *comparison) reordered(before, lines []ownerLine, say func(string, *ownerLine, string, ...any)) {
	place := map[string]int{}
	for i, l := range lines {
		place[l.section+"\x00"+l.pattern] = i + 1
	}
	for i, a := range before {
		for _, b := range before[i+1:] {
			first, second := place[a.section+"\x00"+a.pattern], place[b.section+"\x00"+b.pattern]
			if first > 0 && second > 0 && first > second && a.section == b.section && overlaps(a.pattern, b.pattern) && !slices.Equal(a.owners, b.owners) {
				say("overridden", &lines[first-1], "the line for %s counts instead of the one for %s", a.pattern, b.pattern)
				return
			}
		}
	}
}

// overlaps reports whether two patterns may hold for the same path: with doubt,
// they do.
func overlaps(a, b string) bool {
	clean := func(s string) string {
		s, _, _ = strings.Cut(strings.TrimPrefix(s, "/"), "*")
		return s
	}
	x, y := clean(a), clean(b)
	return strings.HasPrefix(x, y) || strings.HasPrefix(y, x)
}
