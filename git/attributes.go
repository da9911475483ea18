package git

import (
	"strings"

	"github.com/holdfast-dev/holdfast/source"
)

// Attribute is one attribute that a line of .gitattributes sets.
type Attribute struct {
	Pattern string // of paths; "[attr]name" in the definition of a macro
	Name    string // as it is written: -diff, filter=lfs
	Span    source.Span
}

// maxAttributes bounds what one macro may be made of, macros within it counted in.
const maxAttributes = 1000

// ParseAttributes reads lines of a pattern and its attributes. What a macro is made
// of counts where it is defined, since files of other directories may use it, and
// where it is used.
func ParseAttributes(file *source.File) (all []Attribute) {
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
		var names []string
		for _, name := range strings.Fields(rest) {
			names = append(append(names, macros[name]...), name)
		}
		if macro, isMacro := strings.CutPrefix(pattern, "[attr]"); isMacro && len(names) <= maxAttributes {
			macros[macro] = names
		}
		for _, name := range names {
			all = append(all, Attribute{pattern, name, span})
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
