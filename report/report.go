// Package report writes what was found, for people and for machines.
//
//	Printer  text on a terminal or in a log: width, colour, frames around code
//	Text     findings with the marked lines, then a summary
//	JSON     the same as a document of the json-v1 schema
//	SARIF    the same for code scanning services and editors
//
// Whatever comes from files or from Git is untrusted text: control and
// bidirectional characters are stripped before it reaches a terminal.
package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/holdfast-dev/holdfast/finding"
	"github.com/holdfast-dev/holdfast/scan"
)

// Scan is a finished scan and what a report says about it.
type Scan struct {
	*scan.Result
	Root     string // what was scanned, as the user named it
	Revision string // commit, when it was one
	FailOn   finding.Severity
	Policies int    // that judged
	Digest   string // of the packs
	Version  string // of Holdfast
}

// Blocking returns how many findings are at or above FailOn.
func (s *Scan) Blocking() (n int) {
	for _, f := range s.Findings {
		if f.Severity >= s.FailOn {
			n++
		}
	}
	return n
}

// Level returns the word with which a severity is announced.
func Level(s finding.Severity) string {
	switch {
	case s >= finding.High:
		return "error"
	case s == finding.Medium:
		return "warning"
	}
	return "note"
}

// Plain strips what could do harm on a terminal from untrusted text: control
// characters, bidirectional overrides and invalid UTF-8. Tabs become spaces.
func Plain(text string) string {
	clean := func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}
	return strings.Map(clean, strings.ToValidUTF8(text, "\uFFFD"))
}

// Plural returns "1 thing" or "n things".
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
