package report

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Plain makes untrusted text safe for one line of a terminal. White space of
// any kind becomes a space; control and format characters, among them those
// that reorder text, are dropped; what is not UTF-8 becomes U+FFFD.
func Plain(text string) string {
	clean := func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case hazard(r):
			return -1
		}
		return r
	}
	return strings.Map(clean, strings.ToValidUTF8(text, "\uFFFD"))
}

// hazard reports whether a character acts on a terminal or on the order of the
// text around it instead of being seen.
func hazard(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// columns returns how many columns a terminal gives to plain text.
func columns(text string) (n int) {
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// window returns the columns [from, from+size) of plain text. Where text is
// left out, at either side, the last column there is "…".
func window(text string, from, size int) string {
	total := columns(text)
	first, last := from, from+size
	if from > 0 {
		first++
	}
	if total > last {
		last--
	}
	var b strings.Builder
	at, end := 0, first
	for _, r := range text {
		next := at + runeColumns(r)
		shown := at >= first && next <= last
		if next == at { // a mark belongs to the character before it
			shown = at == end && b.Len() > 0
		}
		if shown {
			b.WriteString(strings.Repeat(" ", at-end))
			b.WriteRune(r)
			end = next
		}
		at = next
	}
	out := b.String()
	if from > 0 {
		out = "…" + out
	}
	if total > from+size {
		out += strings.Repeat(" ", max(last-end, 0)) + "…"
	}
	return out
}

// wrap breaks text at spaces; a word that is longer than the width gets a line
// of its own, so that URLs stay whole.
func wrap(text string, width int) []string {
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(text) {
		n := columns(word)
		switch {
		case line == "":
			line, used = word, n
		case used+1+n <= width:
			line, used = line+" "+word, used+1+n
		default:
			lines = append(lines, line)
			line, used = word, n
		}
	}
	return append(lines, line)
}
