package trust

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pattern is a path of names in which * stands for any text within a name, ? for
// one byte of it, and ** for any number of names, none among them.
type pattern []string

func compile(text string) pattern { return strings.Split(text, "/") }

func compileAll(texts []string) []pattern {
	out := make([]pattern, len(texts))
	for i, text := range texts {
		out[i] = compile(text)
	}
	return out
}

// checkPattern says why a pattern would not mean what it seems to.
func checkPattern(text string) error {
	switch {
	case text == "":
		return errors.New("is empty; write ** for all files")
	case strings.HasPrefix(text, "/"):
		return fmt.Errorf("begins with a slash; paths begin at the root of the repository without one: %q", strings.TrimLeft(text, "/"))
	case strings.HasSuffix(text, "/"):
		return fmt.Errorf("ends in a slash; write %q for all below it", text+"**")
	case strings.ContainsAny(text, `[]{}\!`):
		return errors.New(`holds one of []{}\!; only *, ? and ** have a meaning`)
	case len(text) > 512 || strings.Count(text, "*") > 16:
		return errors.New("is too long, or has too many stars; write several patterns")
	}
	for name := range strings.SplitSeq(text, "/") {
		switch {
		case name == "" || name == "." || name == "..":
			return fmt.Errorf("has the name %q, which no path has", name)
		case name != "**" && strings.Contains(name, "**"):
			return errors.New("has ** within a name; it stands alone between slashes")
		}
	}
	return nil
}

func matchAny(patterns []pattern, path string) bool {
	return slices.ContainsFunc(patterns, func(p pattern) bool { return p.match(path) })
}

// match follows the pattern along the path and, where that fails, lets the last
// ** before stand for one name more.
func (p pattern) match(path string) bool {
	names := strings.Split(path, "/")
	i, star, resume := 0, -1, 0
	for j := 0; j < len(names); {
		switch {
		case i < len(p) && p[i] == "**":
			star, resume = i, j
			i++
			continue
		case i < len(p) && matchName(p[i], names[j]):
			i, j = i+1, j+1
			continue
		case star < 0:
			return false
		}
		resume++
		i, j = star+1, resume
	}
	for i < len(p) && p[i] == "**" {
		i++
	}
	return i == len(p)
}

func matchName(p, s string) bool {
	i, star, resume := 0, -1, 0
	for j := 0; j < len(s); {
		switch {
		case i < len(p) && p[i] == '*':
			star, resume = i, j
			i++
			continue
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i, j = i+1, j+1
			continue
		case star < 0:
			return false
		}
		resume++
		i, j = star+1, resume
	}
	return strings.Trim(p[i:], "*") == ""
}
