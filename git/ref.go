package git

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// RefError reports a name that is not a full ref name.
type RefError struct{ Ref, Reason string }

func (e *RefError) Error() string { return fmt.Sprintf("ref %q: %s", e.Ref, e.Reason) }

// checkRef accepts full names that git check-ref-format accepts, and that are
// text.
func checkRef(ref string) error {
	refuse := func(reason string) error { return &RefError{Ref: ref, Reason: reason} }
	if !strings.HasPrefix(ref, "refs/") {
		return refuse("not a full name, such as refs/heads/main or refs/tags/v1")
	}
	if strings.Count(ref, "/") < 2 {
		return refuse("needs a name below refs/heads, refs/tags or the like")
	}
	if !utf8.ValidString(ref) || len(ref) > 1000 {
		return refuse("is not UTF-8, or too long")
	}
	if strings.ContainsFunc(ref, unicode.IsControl) || strings.ContainsAny(ref, " ~^:?*[\\") ||
		strings.Contains(ref, "..") || strings.Contains(ref, "@{") || strings.HasSuffix(ref, ".") {
		return refuse("holds characters that no ref may have")
	}
	for elem := range strings.SplitSeq(ref, "/") {
		if elem == "" || elem[0] == '.' || strings.HasSuffix(elem, ".lock") {
			return refuse("has an element that no ref may have")
		}
	}
	return nil
}

// matchRef matches a pattern in which * stands for any characters.
func matchRef(pattern, ref string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == ref
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(ref) < len(first)+len(last) || !strings.HasPrefix(ref, first) || !strings.HasSuffix(ref, last) {
		return false
	}
	ref = ref[len(first) : len(ref)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(ref, part)
		if i < 0 {
			return false
		}
		ref = ref[i+len(part):]
	}
	return true
}

// isID reports whether s is a full object id.
func isID(s string) bool {
	if len(s) != 40 && len(s) != 64 {
		return false
	}
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

// quoteName makes a name from a repository fit to be shown.
func quoteName(name string) string {
	if len(name) > 200 {
		name = name[:200] + "…"
	}
	return strconv.QuoteToGraphic(name)
}
