package safeguard

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

// attribute is one attribute that a line of .gitattributes sets.
type attribute struct {
	pattern, name string
	span          source.Span
}

// harmless are endings of files that nobody reads as text, or that are made from
// others.
var harmless = []string{
	".png", ".jpg", ".jpeg", ".gif", ".ico", ".webp", ".bmp", ".pdf", ".zip", ".gz", ".tgz", ".xz", ".bz2", ".7z", ".tar", ".jar", ".woff", ".woff2",
	".ttf", ".otf", ".eot", ".mp3", ".mp4", ".mov", ".exe", ".dll", ".so", ".wasm", ".bin", ".lock", ".sum", ".svg", ".min.js", ".min.css", ".map", ".snap",
	".pb.go", ".pyc", ".class", ".gpg", ".der", ".p12", ".sqlite", ".db",
}

// blinding are attributes by which a review does not see a file.
func blinding(name string) bool {
	switch name {
	case "-diff", "binary", "linguist-generated", "linguist-generated=true", "linguist-vendored", "linguist-vendored=true",
		"gitlab-generated", "gitlab-generated=true", "-text", "merge=ours", "-merge", "merge=binary", "linguist-documentation":
		return true
	}
	return strings.HasPrefix(name, "diff=") || strings.HasPrefix(name, "merge=") && name != "merge=text" && name != "merge=union"
}

// attributes finds files that reviews do not show any more.
func attributes(c *comparison) error {
	for _, p := range c.files(func(name string) bool { return path.Base(name) == ".gitattributes" }) {
		before := parseAttributes(p.old)
		for _, a := range parseAttributes(p.new) {
			known := slices.ContainsFunc(before, func(o attribute) bool { return o.pattern == a.pattern && o.name == a.name })
			boring := slices.ContainsFunc(harmless, func(end string) bool { return strings.HasSuffix(strings.ToLower(a.pattern), end) })
			if known || boring || !blinding(a.name) {
				continue
			}
			loss, text := "hidden", "reviews do not show what changes in %s: `%s`"
			if strings.Contains(a.name, "merge") {
				loss, text = "merge", "merges of %s keep what `%s` says, not what both sides wrote"
			}
			c.add(Change{Kind: Attributes, Path: p.path, Name: a.pattern + " " + a.name, Loss: loss, Text: fmt.Sprintf(text, a.pattern, a.name),
				At: resource.Location{File: p.new, Span: a.span, Exact: true}})
		}
		c.kept(Attributes, p)
	}
	return nil
}

// parseAttributes reads lines of a pattern and its attributes. Macros are taken to
// be what they are made of, wherever they are used.
func parseAttributes(file *source.File) (all []attribute) {
	if file == nil {
		return nil
	}
	macros := map[string][]string{}
	for n := 1; n <= file.Lines(); n++ {
		span := file.Line(n)
		line := strings.TrimSpace(string(file.Content[span.Start:span.End]))
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, rest, ok := cutPattern(line)
		if !ok {
			continue
		}
		names := strings.Fields(rest)
		if macro, isMacro := strings.CutPrefix(pattern, "[attr]"); isMacro {
			macros[macro] = names
			continue
		}
		for _, name := range names {
			if of, isMacro := macros[name]; isMacro {
				for _, inner := range of {
					all = append(all, attribute{pattern, inner, span})
				}
			}
			all = append(all, attribute{pattern, name, span})
		}
	}
	return all
}

// cutPattern parts a line into its pattern, which may be in double quotes, and the
// attributes.
func cutPattern(line string) (pattern, rest string, ok bool) {
	if line[0] != '"' {
		i := strings.IndexAny(line, " \t")
		if i < 0 {
			return "", "", false
		}
		return line[:i], line[i:], true
	}
	var out strings.Builder
	for i := 1; i < len(line); i++ {
		switch c := line[i]; c {
		case '\\':
			if i++; i < len(line) {
				out.WriteByte(line[i])
			}
		case '"':
			return out.String(), line[i+1:], true
		default:
			out.WriteByte(c)
		}
	}
	return "", "", false
}
