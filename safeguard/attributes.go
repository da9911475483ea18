package safeguard

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/git"
	"github.com/holdfast-dev/holdfast/resource"
	"github.com/holdfast-dev/holdfast/source"
)

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
			known := slices.ContainsFunc(before, func(o git.Attribute) bool { return o.Pattern == a.Pattern && o.Name == a.Name })
			boring := slices.ContainsFunc(harmless, func(end string) bool { return strings.HasSuffix(strings.ToLower(a.Pattern), end) })
			if known || boring || !blinding(a.Name) {
				continue
			}
			loss, text := "hidden", "reviews do not show what changes in %s: `%s`"
			if strings.Contains(a.Name, "merge") {
				loss, text = "merge", "merges of %s keep what `%s` says, not what both sides wrote"
			}
			c.add(Change{Kind: Attributes, Path: p.path, Name: a.Pattern + " " + a.Name, Loss: loss, Text: fmt.Sprintf(text, a.Pattern, a.Name),
				At: resource.Location{File: p.new, Span: a.Span, Exact: true}})
		}
		c.kept(Attributes, p)
	}
	return nil
}

func parseAttributes(file *source.File) []git.Attribute {
	if file == nil {
		return nil
	}
	return git.ParseAttributes(file)
}
